//! Looks whether what is due soon on an account can go out, and tells of it once if not.
//!
//! One job per account, armed with the deliveries themselves and moved on by each look; nothing
//! polls, and a post that goes out at once pays nothing for it. A look sends nothing.

use crate::accounts;
use crate::quarantine::{Place, Stay};
use crate::targets::{self, Address};
use crate::{App, HORIZON, versions};
use base::Fault;
use domain::account::{Paused, Status};
use domain::capability::{self, Profile};
use domain::content::Content;
use domain::failure::Scope;
use domain::id::{AccountId, AssetId, TenantId};
use domain::limit::Own;
use domain::preflight::{self, AHEAD, Counts, Down, Due, LOOKS, Window};
use domain::time::Timestamp;
use domain::zone::Zone;
use platforms::{Adapter, Platform};
use queue::{Claimed, Outcome};
use std::collections::BTreeSet;
use std::time::Duration;
use store::crashes::Culprit;
use store::jobs::{Arm, JobKind};
use store::overviews::Overview;
use store::preflights::{Look, Upcoming, Used};

/// Shorter windows are filled and empty again long before anybody could act.
const WINDOW_MIN: Duration = Duration::from_secs(3_600);
/// No day of a calendar and no rolling window of a platform reaches further back.
const BACK: Duration = Duration::from_secs(26 * 3_600);
/// The largest limit of an app that is forecast. A larger one is its operator's to watch: to read
/// what all accounts of the app do would cost each look more than it tells.
const APP_CALLS_MAX: u32 = 1_000;
/// After a fault a look is tried again this much later.
const AGAIN: Duration = Duration::from_secs(30);

/// The wake-up of the next look at an account for a delivery that is due then; `None` when all
/// looks are over.
pub(crate) fn arm(
    app: &App,
    address: Address<'_>,
    due_at: Timestamp,
    now: Timestamp,
) -> Option<Arm> {
    let due_at = preflight::next_look(due_at, now)?;
    Some(Arm {
        kind: JobKind::Preflight,
        queue: targets::PREFLIGHT.to_owned(),
        subject: address.account.uuid(),
        shard: app.shard(&address.app_key()),
        group: address.group(),
        // Of its own, because an account that is shut is looked at all the same.
        lane: format!("preflight-{}", address.account.uuid()),
        due_at: Some(due_at),
    })
}

/// Looks at an account anew after something about it has changed, where a look is owed. Best
/// effort: the look comes at its own time too.
pub(crate) async fn look_again(app: &App, account: AccountId) {
    match app.0.store.look_again(account).await {
        Ok(job) => app.wake(job.as_slice()).await,
        Err(fault) => tracing::warn!(%fault, %account, "an account is looked at later"),
    }
}

/// Works on the look of a claimed job.
pub async fn look(app: &App, claimed: &Claimed) -> Outcome {
    let Some(mut place) = Place::take(app).await else { return Outcome::Release };
    let ended = work(app, claimed, &mut place).await;
    place.end(app, claimed, ended).await.unwrap_or(Outcome::ReleaseFor(AGAIN))
}

async fn work(app: &App, claimed: &Claimed, place: &mut Place) -> Result<Outcome, Fault> {
    let owed = app.0.store.job_generation(JobKind::Preflight, claimed.subject).await?;
    if owed != Some(claimed.generation) {
        return Ok(Outcome::Done);
    }
    let culprit = Culprit::Job(JobKind::Preflight, claimed.subject);
    match place.isolate(app, claimed, culprit, 0).await? {
        Stay::Here => {}
        Stay::Later(outcome) => return Ok(outcome),
        // Nothing depends on a look; the next delivery owes another one.
        Stay::Never => {
            let (subject, generation) = (claimed.subject, claimed.generation);
            app.0.store.drop_job(JobKind::Preflight, subject, generation).await?;
            return Ok(Outcome::Done);
        }
    }
    let id = AccountId::new(claimed.subject);
    let tenant = app.0.store.account(id).await?.tenant;
    let Some(overview) = app.0.store.overview(tenant, id).await? else {
        return Ok(Outcome::Done);
    };
    let upcoming = app.0.store.upcoming(id, AHEAD).await?;
    let due = due(app, &overview, &upcoming).await?;
    let account = account(app, &overview, &due).await?;
    let risks = preflight::judge(&account, &due);
    let seen: Vec<_> = due.iter().map(|one| one.id).collect();
    let generation = claimed.generation;
    let look = Look { tenant, account: id, generation, seen: &seen, risks: &risks };
    let Some(looked) = app.0.store.looked(look).await? else { return Ok(Outcome::Done) };
    metrics::counter!("postfleet_looks_total").increment(1);
    if looked.told > 0 {
        let platform = account.platform.clone();
        metrics::counter!("postfleet_posts_at_risk_total", "platform" => platform)
            .increment(looked.told);
        tracing::warn!(account = %id, told = looked.told, "posts are at risk");
    }
    // What is due later than Redis is told of is told to it by the relay.
    let soon = app.now() + HORIZON;
    Ok(match looked.next {
        Some((generation, due_at)) if due_at <= soon => Outcome::Again { generation, due_at },
        _ => Outcome::Done,
    })
}

/// What is due, with its parts and the files that it lacks.
async fn due(app: &App, overview: &Overview, upcoming: &[Upcoming]) -> Result<Vec<Due>, Fault> {
    let platform = platforms::find(&overview.account.platform);
    let contents: Vec<Option<Content>> =
        upcoming.iter().map(|one| platform.map(|platform| content(platform, one))).collect();
    let named = |content: &Option<Content>| {
        content.as_ref().map(capability::assets_named).unwrap_or_default()
    };
    let all: BTreeSet<AssetId> = contents.iter().flat_map(named).collect();
    let lost = lost(app, overview.account.tenant, all).await?;
    let due = upcoming.iter().zip(&contents).map(|(one, content)| {
        let missing = named(content).into_iter().filter(|id| lost.contains(id));
        let parts = content.as_ref().map_or(1, |content| content.segments.len());
        Due {
            id: one.id,
            due_at: one.due_at,
            parts: u32::try_from(parts.max(1)).unwrap_or(u32::MAX),
            media_missing: missing.map(|id| id.to_string()).collect(),
        }
    });
    Ok(due.collect())
}

/// Those of the files that are not in the library any more.
async fn lost(
    app: &App,
    tenant: TenantId,
    ids: BTreeSet<AssetId>,
) -> Result<BTreeSet<AssetId>, Fault> {
    let ids: Vec<AssetId> = ids.into_iter().collect();
    let known = app.0.store.assets(tenant, &ids).await?;
    let mut lost = BTreeSet::new();
    for id in ids {
        if !known.contains_key(&id) || !app.0.library.has(tenant, id).await? {
            lost.insert(id);
        }
    }
    Ok(lost)
}

fn content(platform: &dyn Platform, one: &Upcoming) -> Content {
    platform.content(Profile::Extended, &one.draft, &mut Vec::new())
}

/// The account as its posts will find it.
async fn account(app: &App, overview: &Overview, due: &[Due]) -> Result<preflight::Account, Fault> {
    let account = &overview.account;
    let adapter = platforms::dialect(&account.platform, &account.app);
    let down = down(overview);
    let mut token_ends_at = None;
    let last = due.iter().map(|one| one.due_at).max();
    // The grant is opened only where its end matters.
    if let (None, Some(end), Some(last)) = (&down, overview.token_ends_at, last)
        && end <= last
        && !accounts::can_renew(app, account).await?
    {
        token_ends_at = Some(end);
    }
    let version = versions::named(&app.0.settings)
        .into_iter()
        .find(|named| named.platform == account.platform)
        .and_then(|named| Some((named.version, named.ends_at?)));
    let windows = match adapter {
        Some(adapter) if !due.is_empty() => windows(app, overview, adapter).await?,
        _ => Vec::new(),
    };
    Ok(preflight::Account {
        handle: account.handle.clone(),
        platform: account.platform.clone(),
        down,
        token_ends_at,
        scopes_missing: adapter.map(|a| scopes_missing(overview, a)).unwrap_or_default(),
        version,
        windows,
    })
}

/// What keeps the whole account from publishing.
fn down(overview: &Overview) -> Option<Down> {
    let reason = overview.account.status_reason.clone().unwrap_or_default();
    let kind = match overview.account.status {
        Status::NeedsReconnect => "needs_reconnect",
        Status::Disconnected => "disconnected",
        Status::Damaged => "damaged",
        Status::Connected => {
            let pause = overview.pause.as_ref()?;
            let reason = match pause.of {
                Paused::Account => pause.reason.clone(),
                Paused::Brand => format!("its whole brand is ({})", pause.reason),
            };
            return Some(Down { kind: "paused", reason });
        }
    };
    Some(Down { kind, reason })
}

/// What publishing needs and its owner did not allow, where the platform told what he allowed.
fn scopes_missing(overview: &Overview, adapter: &dyn Adapter) -> Vec<String> {
    let account = &overview.account;
    let Some(granted) = &account.scopes else { return Vec::new() };
    let asked: BTreeSet<&str> =
        adapter.auth().profile(&account.app).needed.iter().copied().collect();
    let granted: BTreeSet<&str> = granted.iter().map(String::as_str).collect();
    asked.difference(&granted).map(|scope| (*scope).to_owned()).collect()
}

/// How much the account may publish: by its platform, its app and its owner.
async fn windows(
    app: &App,
    overview: &Overview,
    adapter: &dyn Adapter,
) -> Result<Vec<Window>, Fault> {
    let account = &overview.account;
    let used = app.0.store.calls_used(account.id, BACK).await?;
    let settings = app.0.settings.platforms.get(&account.platform);
    let factor = settings.map_or(1, |settings| settings.limit_factor);
    let mut windows = Vec::new();
    for limit in adapter.limits().iter().filter(|limit| limit.window >= WINDOW_MIN) {
        let endpoint = adapter.ledger_of(limit);
        let calls_max = limit.calls_max.saturating_mul(factor);
        let is_apps = limit.scope != Scope::Account;
        // What the ledger does not hold, and what no account of ours fills, is not forecast.
        let Some(counts) = counts(adapter, endpoint) else { continue };
        if is_apps && calls_max > APP_CALLS_MAX {
            continue;
        }
        let mut at: Vec<Timestamp> = calls(&used, endpoint);
        if is_apps {
            let reach = (BACK, AHEAD);
            let others = app.0.store.calls_of_others(account.id, endpoint, reach).await?;
            at.extend(others.iter().map(|call| call.at));
        }
        let whose = match is_apps {
            false => account.platform.clone(),
            true => format!("{} for our app", account.platform),
        };
        windows.push(Window {
            name: format!("{endpoint}:{}:{is_apps}", limit.window.as_secs()),
            whose,
            calls_max,
            length: limit.window,
            day_in: adapter.day_in(limit),
            counts,
            used: at,
        });
    }
    windows.extend(own(overview, &used));
    Ok(windows)
}

/// What of a delivery calls this endpoint, where publishing does.
fn counts(adapter: &dyn Adapter, endpoint: &str) -> Option<Counts> {
    match adapter.publishing() {
        [first, further] if first == endpoint && further == endpoint => Some(Counts::Parts),
        [first, _] if first == endpoint => Some(Counts::Posts),
        [_, further] if further == endpoint => Some(Counts::FurtherParts),
        _ => None,
    }
}

fn calls(used: &[Used], endpoint: &str) -> Vec<Timestamp> {
    used.iter().filter(|call| call.endpoint == endpoint).map(|call| call.at).collect()
}

/// The day that the account's owner allows.
fn own(overview: &Overview, used: &[Used]) -> Option<Window> {
    let Own { posts_per_day, .. } = overview.own;
    Some(Window {
        name: "own".to_owned(),
        whose: "this account, set by its owner,".to_owned(),
        calls_max: posts_per_day?,
        length: LOOKS[0],
        day_in: Some(Zone::Utc),
        counts: Counts::Posts,
        used: used.iter().filter(|call| call.is_first).map(|call| call.at).collect(),
    })
}
