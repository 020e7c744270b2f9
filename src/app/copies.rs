//! Publishes a post that is out anew, by its rule: each copy is a post of its own.
//!
//! One job an origin, so that two copies of it are never made at once. The copy and the wake-up of
//! the next one are one transaction, so a process that dies makes one copy, not two and not none.

mod words;

pub(crate) use words::problems;

use crate::attempt::Attempt;
use crate::caller::Caller;
use crate::order::nowhere;
use crate::quarantine::{Place, Stay};
use crate::show::{self, PostView};
use crate::{Answer, App, Refused, likes, targets};
use base::{Fault, crash, rng, trace};
use domain::capability::Profile;
use domain::copies::{self, AHEAD, End, Owed, Series, owed};
use domain::duplicate::Guard;
use domain::id::{AccountId, PostId, TenantId};
use domain::repost::Past;
use domain::time::Timestamp;
use platforms::Platform;
use queue::{Claimed, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use store::accepts::{Mark, NewDelivery, NewPost};
use store::copies::{Then, Turn};
use store::crashes::Culprit;
use store::jobs::{Arm, JobKind};

/// When what follows a publication is looked at: its receipt is being settled.
const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// When an origin that is not out yet is looked at again. Far shorter than the least time before a
/// first copy, so that none is late for it.
const LOOK_AGAIN: Duration = Duration::from_secs(3_600);

/// Owes a post that goes out its copies, where it has a rule. This comes before its receipt is
/// settled: whoever dies in between leaves a look that finds nothing to do.
pub(crate) async fn owe(attempt: &Attempt<'_>) {
    let Some(wake) = after(attempt.app, &attempt.row, Some(attempt.now() + SETTLED_AFTER)) else {
        return;
    };
    match attempt.app.0.store.arm_job(wake).await {
        Ok(job) => attempt.app.wake(&[job]).await,
        Err(fault) => tracing::error!(%fault, post = %attempt.row.post, "its copies are not owed"),
    }
}

/// The look that a delivery owes its post's rule once it is out.
pub(crate) fn after(
    app: &App,
    row: &store::deliveries::Loaded,
    due_at: Option<Timestamp>,
) -> Option<Arm> {
    row.draft.republish.as_ref()?;
    Some(Arm { due_at, ..arm(app, (row.tenant, row.post), row.now) })
}

fn arm(app: &App, (tenant, post): (TenantId, PostId), due_at: Timestamp) -> Arm {
    targets::republish(tenant, post.uuid(), app.shard(&tenant.uuid().to_string()), due_at)
}

/// Works on what a claimed job owes.
pub async fn republish(app: &App, claimed: &Claimed) -> Outcome {
    let Some(mut place) = Place::take(app).await else { return Outcome::Release };
    let ended = work(app, claimed, &mut place).await;
    place.end(app, claimed, ended).await.unwrap_or(Outcome::Release)
}

async fn work(app: &App, claimed: &Claimed, place: &mut Place) -> Result<Outcome, Fault> {
    let id = PostId::new(claimed.subject);
    let culprit = Culprit::Job(JobKind::Republish, claimed.subject);
    let stay = place.isolate(app, claimed, culprit, 0).await?;
    if let Stay::Later(outcome) = stay {
        return Ok(outcome);
    }
    let Some(turn) = app.0.store.begin_copy(id, claimed.generation).await? else {
        return Ok(Outcome::Done);
    };
    if turn.ended.is_some() {
        turn.commit(None, Then::Rest).await?;
        return Ok(Outcome::Done);
    }
    if let Stay::Never = stay {
        tracing::error!(post = %id, "making a copy ended its process again and again");
        turn.commit(None, Then::Over(End::Broken)).await?;
        return Ok(Outcome::Done);
    }
    let Some(series) = copies::of(&turn.post.draft, &platforms::names()) else {
        turn.commit(None, Then::Over(End::NoRule)).await?;
        return Ok(Outcome::Done);
    };
    let profile = app.0.store.tenant(turn.tenant).await?.profile;
    make(app, turn, (&series, profile)).await
}

/// Makes the copy that is due, if one is, and arms what is owed next.
async fn make(
    app: &App,
    turn: Turn,
    (series, profile): (&Series, Profile),
) -> Result<Outcome, Fault> {
    let (id, now) = (turn.post.id, turn.post.now);
    let (at, accounts) = match look(series, profile, &turn, &turn.past) {
        Owed::Make { at, accounts } => (at, accounts),
        owed => {
            let then = then(app, &turn, &owed);
            let jobs = turn.commit(None, then).await?;
            app.wake(&jobs).await;
            return Ok(Outcome::Done);
        }
    };
    let number = turn.past.len() + 1;
    // What follows is worked out as if it had gone out in time; its job looks again.
    let made = Past { ended_at: at.max(now), is_shown: false };
    let past: Vec<Past> = turn.past.iter().copied().chain([made]).collect();
    let then = then(app, &turn, &look(series, profile, &turn, &past));
    let chosen = |account: &AccountId| {
        let place = turn.places.iter().find(|place| place.account == *account)?;
        Some((*account, platforms::find(&place.platform)?.name()))
    };
    let targets: Vec<(AccountId, &'static str)> = accounts.iter().filter_map(chosen).collect();
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let mut draft = series.copy(&turn.post.draft, (id, number), &targets);
    draft.scheduled_at = (at > now).then_some(at);
    let platforms: Vec<&'static dyn Platform> =
        targets.iter().filter_map(|(_, name)| platforms::find(name)).collect();
    let marks = likes::marks(&platforms, profile, &draft, &BTreeMap::new());
    let fresh = |(account, platform): &(AccountId, &'static str)| NewDelivery {
        id: rng::id(),
        account: *account,
        platform,
        // It is a copy on purpose: what it costs counts, whom it is like does not.
        mark: Mark { content: None, ..marks.get(platform).copied().unwrap_or_default() },
    };
    let deliveries: Vec<NewDelivery> = targets.iter().map(fresh).collect();
    let copy: PostId = rng::id();
    let shard = app.shard(&turn.tenant.uuid().to_string());
    let new = NewPost {
        id: copy,
        tenant: turn.tenant,
        brand: turn.post.brand,
        draft: Arc::new(draft),
        deliveries,
        guard: Guard::default(),
        is_limited: false,
        claims: Vec::new(),
        owed: Some(targets::fan_out(turn.tenant, copy.uuid(), shard)),
        traceparent: trace::present().traceparent(),
    };
    let due_at = at.max(now);
    crash::point_of("copies.before_commit", id.uuid());
    let made = (new, i32::try_from(number).unwrap_or(i32::MAX), due_at);
    let jobs = turn.commit(Some(made), then).await?;
    crash::point_of("copies.after_commit", id.uuid());
    app.wake(&jobs).await;
    metrics::counter!("postfleet_copies_total").increment(1);
    tracing::info!(post = %id, %copy, number, %due_at, "a post is published anew");
    Ok(Outcome::Done)
}

/// What is owed of an origin after the copies in `past`.
fn look(series: &Series, profile: Profile, turn: &Turn, past: &[Past]) -> Owed {
    let number = u32::try_from(past.len() + 1).unwrap_or(u32::MAX);
    let platforms: BTreeSet<&str> = turn.places.iter().map(|one| one.platform.as_str()).collect();
    let takes = |name: &&str| {
        platforms::find(name).is_some_and(|platform| {
            words::fits(platform, profile, (series, &turn.post.draft), number)
        })
    };
    let taking: BTreeSet<&str> = platforms.into_iter().filter(takes).collect();
    let fits = |place: &copies::Place| taking.contains(place.platform.as_str());
    let origin = (turn.post.stage, turn.places.as_slice());
    owed(&series.rule, origin, past, fits, turn.post.now)
}

fn then(app: &App, turn: &Turn, owed: &Owed) -> Then {
    let of = (turn.tenant, turn.post.id);
    match owed {
        // Of two copies the second is due a day later at least, and is looked at by then.
        Owed::Make { at, .. } | Owed::Wait(at) => {
            Then::Wait(*at, arm(app, of, (*at - AHEAD).max(turn.post.now)))
        }
        Owed::NotOut => Then::Look(arm(app, of, turn.post.now + LOOK_AGAIN)),
        Owed::Nowhere => Then::Rest,
        Owed::Over(end) => Then::Over(*end),
    }
}

/// Cancels the copies to come of a post, and the copy that was made and has not left.
///
/// # Errors
/// When Postgres fails; asking again goes on from there.
pub async fn cancel(app: &App, caller: &Caller, id: PostId) -> Answer<PostView> {
    let Some(post) = app.0.store.post(caller.tenant, id).await? else {
        return Ok(Err(nowhere(id)));
    };
    if post.draft.republish.is_none() {
        return Ok(Err(Refused::Conflict {
            code: "no_copies",
            message: format!("Post {id} has no `republish`: there is nothing to cancel."),
        }));
    }
    let actor = caller.actor();
    let Some(ended) = app.0.store.cancel_copies((caller.tenant, id), &actor).await? else {
        return Ok(Err(nowhere(id)));
    };
    if let (Some(end), []) = (ended.before, ended.open.as_slice()) {
        return Ok(Err(Refused::Conflict {
            code: "copies_over",
            message: format!("The copies of post {id} are over already: {end}."),
        }));
    }
    tracing::info!(post = %id, actor, "copies are cancelled");
    for copy in ended.open {
        // One that has left is not taken back, and shows as what it is.
        app.0.store.cancel(caller.tenant, copy, &actor).await?;
    }
    show::post(app, caller, id).await
}
