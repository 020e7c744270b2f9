//! Erases a brand or a tenant: what waits is taken back, what is under way is waited for, grants
//! are revoked where a platform takes that, files and rows go. The audit keeps that it happened.
//!
//! The request writes that it is owed, and the job does it in steps, each of which may be repeated:
//! a process that dies between two leaves the rest to the next. Invariant: nothing is erased while
//! a call for it is under way.

use crate::accounts;
use crate::caller::Caller;
use crate::keys::Keys;
use crate::quarantine::{Place, Stay};
use crate::{Answer, App, Refused, disconnect};
use base::{Fault, clock, rng};
use domain::failure::Failure;
use domain::id::{BrandId, ErasureId};
use domain::time::Timestamp;
use queue::inbox::can_have_inbox;
use queue::{Claimed, Outcome};
use serde::Serialize;
use std::time::{Duration, Instant};
use store::api_keys::OPERATOR;
use store::crashes::Culprit;
use store::erasing::LOOK_EVERY;
use store::erasures::{Erasure, Gone, Wanted};
use store::jobs::{Arm, JobKind};
use store::pauses::Act;
use utoipa::ToSchema;

/// The queue of erasures.
pub const QUEUE: &str = "erase";
/// One lease works so long; a lease's hard end is at thirty seconds.
const WORK_MAX: Duration = Duration::from_secs(15);
/// The rest of a chain of which a part is out is waited for so long; then it is cut off.
const CHAINS_END_WITHIN: Duration = Duration::from_secs(120);
/// Whatever ended three processes is looked at again after this long: an erasure is never given up.
const REST_SUSPECT: Duration = Duration::from_secs(600);

/// An erasure as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Erasure)]
#[serde(rename_all = "camelCase")]
pub struct ErasureView {
    /// Which one.
    pub id: ErasureId,
    /// The brand that goes; the tenant with all it has without one.
    pub brand_id: Option<BrandId>,
    /// `running` or `done`.
    pub status: &'static str,
    /// What it waits for.
    pub waits_for: Option<String>,
    /// Posts, accounts and files erased so far.
    pub posts: i64,
    /// Accounts.
    pub accounts: i64,
    /// Files.
    pub files: i64,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it was done.
    pub ended_at: Option<Timestamp>,
}

/// What a step came to.
enum Step {
    /// It is whole.
    Done,
    /// There is more to do.
    More,
    /// Not before something else has ended.
    Wait(&'static str),
}

/// Begins the erasure of a brand, or shows the one that is under way.
///
/// # Errors
/// When Postgres fails.
pub async fn brand(app: &App, caller: &Caller, slug: &str) -> Answer<ErasureView> {
    let (id, actor) = (rng::id(), caller.actor());
    let wanted = Wanted { id, tenant: caller.tenant, actor: &actor };
    let owed = job(wanted, app.shard(&caller.tenant.uuid().to_string()));
    let Some((erasure, jobs)) = app.0.store.erase_brand(wanted, slug, owed).await? else {
        return Ok(Err(Refused::NotFound(format!("There is no brand {slug:?}."))));
    };
    if !jobs.is_empty() {
        tracing::warn!(erasure = %erasure.id, actor, "the erasure of a brand is asked for");
    }
    app.wake(&jobs).await;
    Ok(Ok(view(&erasure)))
}

/// Begins the erasure of a tenant, or shows the one that is under way. `None` when there is none of
/// this name. Workers find its job by themselves.
///
/// # Errors
/// When Postgres fails.
pub async fn tenant(keys: &Keys, name: &str) -> Result<Option<ErasureView>, Fault> {
    let store = keys.store();
    let Some(tenant) = store.tenant_named(name).await? else { return Ok(None) };
    let mut first = None;
    // Its world of tests goes with it, by an erasure of its own.
    for tenant in [Some(tenant), store.test_tenant(tenant).await?].into_iter().flatten() {
        let wanted = Wanted { id: rng::id(), tenant, actor: OPERATOR };
        // The first shard is every installation's; its sweep tells Redis.
        let (erasure, _) = store.erase_tenant(wanted, job(wanted, 0)).await?;
        first = first.or(Some(view(&erasure)));
    }
    Ok(first)
}

/// Shows an erasure to an operator, whosever it is.
///
/// # Errors
/// When Postgres fails.
pub async fn look(keys: &Keys, id: ErasureId) -> Result<Option<ErasureView>, Fault> {
    Ok(keys.store().erasure(id).await?.as_ref().map(view))
}

/// Shows an erasure.
///
/// # Errors
/// When Postgres fails.
pub async fn show(app: &App, caller: &Caller, id: ErasureId) -> Answer<ErasureView> {
    let found = app.0.store.erasure(id).await?;
    let found = found.filter(|erasure| erasure.tenant == caller.tenant && sees(caller, erasure));
    Ok(found.as_ref().map(view).ok_or_else(|| Refused::NotFound(format!("There is no {id}."))))
}

/// Lists the erasures of the caller's tenant, the newest first.
///
/// # Errors
/// When Postgres fails.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<ErasureView>, Fault> {
    let all = app.0.store.erasures(caller.tenant).await?;
    Ok(all.iter().filter(|erasure| sees(caller, erasure)).map(view).collect())
}

fn sees(caller: &Caller, erasure: &Erasure) -> bool {
    erasure.brand.map_or(caller.access.role.is_some(), |brand| caller.sees(brand))
}

fn view(erasure: &Erasure) -> ErasureView {
    ErasureView {
        id: erasure.id,
        brand_id: erasure.brand,
        status: if erasure.ended_at.is_some() { "done" } else { "running" },
        waits_for: erasure.waits_for.clone(),
        posts: erasure.posts,
        accounts: erasure.accounts,
        files: erasure.files,
        requested_at: erasure.requested_at,
        ended_at: erasure.ended_at,
    }
}

fn job(wanted: Wanted<'_>, shard: i16) -> Arm {
    Arm {
        kind: JobKind::Erase,
        queue: QUEUE.to_owned(),
        subject: wanted.id.uuid(),
        shard,
        group: format!("{}:{QUEUE}", wanted.tenant.uuid()),
        lane: format!("{QUEUE}:{}", wanted.tenant.uuid()),
        due_at: None,
    }
}

/// Works on the erasure of a claimed job.
pub async fn erase(app: &App, claimed: &Claimed) -> Outcome {
    let Some(mut place) = Place::take(app).await else { return Outcome::Release };
    let ended = work(app, claimed, &mut place).await;
    place.end(app, claimed, ended).await.unwrap_or(Outcome::ReleaseFor(LOOK_EVERY))
}

async fn work(app: &App, claimed: &Claimed, place: &mut Place) -> Result<Outcome, Fault> {
    let id = ErasureId::new(claimed.subject);
    let Some(erasure) = app.0.store.erasure_owed(id, claimed.generation).await? else {
        return Ok(Outcome::Done);
    };
    match place.isolate(app, claimed, Culprit::Job(JobKind::Erase, claimed.subject), 0).await? {
        Stay::Here => {}
        Stay::Later(outcome) => return Ok(outcome),
        Stay::Never => {
            tracing::error!(erasure = %id, "an erasure has ended three processes; it rests");
            return Ok(Outcome::ReleaseFor(REST_SUSPECT));
        }
    }
    // Files and revocations take their time, and nobody's turn waits for them.
    place.step_out();
    let began = clock::stopwatch();
    loop {
        match step(app, &erasure, began).await? {
            Step::Done => {
                tracing::warn!(erasure = %id, actor = erasure.actor, "an erasure is done");
                return Ok(Outcome::Done);
            }
            Step::Wait(what) => {
                app.0.store.note_erased(id, Gone::default(), Some(what)).await?;
                return Ok(Outcome::ReleaseFor(LOOK_EVERY));
            }
            Step::More if is_over(began) => return Ok(Outcome::Release),
            Step::More => {}
        }
    }
}

fn is_over(began: Instant) -> bool {
    began.elapsed() > WORK_MAX
}

async fn step(app: &App, erasure: &Erasure, began: Instant) -> Result<Step, Fault> {
    if let Some(brand) = erasure.brand {
        return one_brand(app, erasure, brand, began).await;
    }
    match app.0.store.brands_left(erasure.tenant).await?.first() {
        Some(brand) => match one_brand(app, erasure, *brand, began).await? {
            Step::Done => Ok(Step::More),
            other => Ok(other),
        },
        None => whole_tenant(app, erasure, began).await,
    }
}

/// A step of the erasure of one brand, in the order of what must not be lost: nothing more goes
/// out, then the platforms are told, then what there is to see goes, then the rows.
async fn one_brand(
    app: &App,
    erasure: &Erasure,
    brand: BrandId,
    began: Instant,
) -> Result<Step, Fault> {
    let store = &app.0.store;
    let mut after = None;
    loop {
        let pending = store.posts_pending(brand, after).await?;
        let Some(last) = pending.last() else { break };
        after = Some(*last);
        for post in &pending {
            store.cancel(erasure.tenant, *post, &erasure.actor).await?;
        }
        if is_over(began) {
            return Ok(Step::More);
        }
    }
    let (sending, going_on) = store.calls_under_way(brand).await?;
    let is_patient = erasure.now.since(erasure.requested_at) < CHAINS_END_WITHIN;
    if sending > 0 || (going_on > 0 && is_patient) {
        return Ok(Step::Wait("Calls to platforms are under way; each ends within two minutes."));
    }
    for account in store.accounts_granted(brand).await? {
        take_away(app, erasure, &account).await?;
        if is_over(began) {
            return Ok(Step::More);
        }
    }
    if !files(app, erasure, Some(brand), began).await? || !events(app, erasure, Some(brand)).await?
    {
        return Ok(Step::More);
    }
    loop {
        let (posts, is_busy) = store.erase_posts(brand).await?;
        store.note_erased(erasure.id, Gone { posts, ..Gone::default() }, None).await?;
        if is_busy {
            return Ok(Step::Wait(
                "Calls to platforms are under way; each ends within two minutes.",
            ));
        }
        if posts == 0 {
            break;
        }
        if is_over(began) {
            return Ok(Step::More);
        }
    }
    Ok(if store.erase_brand_row(erasure, brand).await? { Step::Done } else { Step::More })
}

/// Takes an account away as its owner would, by the word of whoever erases its brand.
async fn take_away(
    app: &App,
    erasure: &Erasure,
    account: &store::accounts::Account,
) -> Result<(), Fault> {
    let lane = accounts::address(account).lane();
    let reason = "its brand is erased";
    let (tenant, actor) = (erasure.tenant, erasure.actor.as_str());
    let act = Act { tenant, account: account.id, lane: &lane, actor, reason };
    let detail = format!("{} was disconnected, for its brand is erased", account.handle);
    let failure = crate::show::failure(&Failure::Auth { revoked: true, detail });
    let owed = accounts::refresh_job(app, account, app.now() + CHAINS_END_WITHIN);
    app.0.store.disconnect(act, &failure, owed).await?;
    let revoked = disconnect::finish(app, account).await?;
    tracing::info!(account = %account.id, outcome = revoked.outcome, "a grant went with its brand");
    Ok(())
}

/// Removes files, and then their rows; `false` when some are left.
async fn files(
    app: &App,
    erasure: &Erasure,
    brand: Option<BrandId>,
    began: Instant,
) -> Result<bool, Fault> {
    loop {
        let ids = app.0.store.files_left(erasure.tenant, brand).await?;
        if ids.is_empty() {
            return Ok(true);
        }
        for id in &ids {
            app.0.library.delete(erasure.tenant, *id).await?;
            app.0.library.delete_parts((erasure.tenant, *id)).await?;
        }
        app.0.store.erase_assets(&ids).await?;
        let gone = Gone { files: ids.len() as u64, ..Gone::default() };
        app.0.store.note_erased(erasure.id, gone, None).await?;
        if is_over(began) {
            return Ok(false);
        }
    }
}

/// Deletes what was told; always to the end, for it is one walk.
async fn events(app: &App, erasure: &Erasure, brand: Option<BrandId>) -> Result<bool, Fault> {
    let mut after = 0;
    while let Some(last) = app.0.store.erase_events(erasure.tenant, brand, after).await? {
        after = last;
    }
    Ok(true)
}

async fn whole_tenant(app: &App, erasure: &Erasure, began: Instant) -> Result<Step, Fault> {
    if !files(app, erasure, None, began).await? || !events(app, erasure, None).await? {
        return Ok(Step::More);
    }
    let name = app.0.store.tenant_name(erasure.tenant).await?;
    if can_have_inbox(&name) {
        app.0.queue.inbox().erase(&name).await?;
    }
    app.0.store.erase_tenant_rows(erasure).await?;
    Ok(Step::Done)
}
