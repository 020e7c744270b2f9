//! Publishes a delivery, one step after the other, until it is out, waits or ends.

use crate::attempt::{Attempt, Begun};
use crate::courier::{self, Ending};
use crate::quarantine::Place;
use crate::{App, copies, follow, keys, operate, show};
use base::{Fault, crash};
use domain::decision::decide;
use domain::delivery::Status;
use domain::failure::{Effect, Failure, Scope};
use domain::standing::{Access, Hold, Obstacle, Outcome as Ledger, Wake};
use domain::time::Timestamp;
use domain::timeline::{Fact, words};
use platforms::{Call, Receipt, Reply, Step};
use queue::{Claimed, Outcome};
use std::time::Duration;
use store::jobs::JobKind;
use store::settles::{Entry, Settle};

/// Steps of one lease at most; the rest goes on under the next.
const STEPS_MAX: usize = 64;
/// A lease works this long, then yields at a step (DESIGN section 6).
const WORK_MAX: Duration = Duration::from_secs(30);

/// Works on the delivery of a claimed job.
pub async fn publish(app: &App, claimed: &Claimed) -> Outcome {
    let Some(mut place) = Place::take(app).await else { return Outcome::Release };
    let ended = work(app, claimed, &mut place).await;
    place.leave(app, claimed).await;
    match ended {
        Ok(outcome) => outcome,
        Err(fault) => {
            tracing::error!(%fault, subject = %claimed.subject, "publishing faulted; tried again");
            keys::rest(&fault)
        }
    }
}

async fn work(app: &App, claimed: &Claimed, place: &mut Place) -> Result<Outcome, Fault> {
    let mut attempt = match Attempt::begin(app, claimed, JobKind::Publish, place).await? {
        Begun::Work(attempt) => attempt,
        Begun::Over(outcome) => return Ok(outcome),
    };
    if let Some(outcome) = obstacle(&mut attempt).await? {
        return Ok(outcome);
    }
    let started = base::clock::stopwatch();
    for _ in 0..STEPS_MAX {
        if started.elapsed() > WORK_MAX {
            break;
        }
        let step = attempt.adapter.publish().next(&attempt.checkpoint, &attempt.view());
        let outcome = match step {
            Step::Published(receipt) => Some(published(&mut attempt, receipt, None).await?),
            Step::Wait(at) => Some(wait(&mut attempt, Some(at)).await?),
            Step::Call(call) => match held_up(&mut attempt, &call).await? {
                Some(outcome) => Some(outcome),
                None => take(&mut attempt, *call).await?,
            },
        };
        if let Some(outcome) = outcome {
            return Ok(outcome);
        }
    }
    wait(&mut attempt, None).await
}

/// Ends the lease where it stands and comes back.
async fn wait(attempt: &mut Attempt<'_>, at: Option<Timestamp>) -> Result<Outcome, Fault> {
    let change = attempt.standing().change(Status::Ready, Wake::Publish(at));
    let mut settle = attempt.settle(change);
    settle.checkpoint = Some(attempt.checkpoint.0.clone());
    attempt.end(settle).await
}

/// What stands in the way of a call: its time, or a Postgres that went back.
async fn held_up(attempt: &mut Attempt<'_>, call: &Call) -> Result<Option<Outcome>, Fault> {
    let can_find = attempt.adapter.reconcile().finds_by_wording(&attempt.view());
    let obstacle = attempt.standing().holds_up(call.effect, can_find, attempt.now());
    if let Some(outcome) = clear(attempt, obstacle, true).await? {
        return Ok(Some(outcome));
    }
    match call.effect {
        Effect::Irreversible => attempt.keep_apart().await,
        Effect::Repeatable => Ok(None),
    }
}

/// What stands in the way before the first step: an intent somebody left open, an account or a
/// post whose time is over, a token about to end.
async fn obstacle(attempt: &mut Attempt<'_>) -> Result<Option<Outcome>, Fault> {
    let access = Access {
        needs_reconnect: attempt.row.needs_reconnect.as_deref(),
        handle: &attempt.row.handle,
        token_ends_at: attempt.grant.expires_at,
    };
    let obstacle = attempt.standing().obstacle(&access, attempt.now());
    clear(attempt, obstacle, false).await
}

/// Deals with an obstacle. `None` when the lease goes on.
async fn clear(
    attempt: &mut Attempt<'_>,
    obstacle: Option<Obstacle>,
    has_moved: bool,
) -> Result<Option<Outcome>, Fault> {
    match obstacle {
        None => Ok(None),
        Some(Obstacle::Wait(at)) => Ok(Some(Outcome::ReleaseFor(at.since(attempt.now())))),
        Some(Obstacle::Write(change)) => {
            let mut settle = attempt.settle(change);
            settle.checkpoint = has_moved.then(|| attempt.checkpoint.0.clone());
            if change.hold == Hold::Abandoned {
                settle.detail = Some("the process that sent it ended without a word".to_owned());
            }
            attempt.end(settle).await.map(Some)
        }
        Some(Obstacle::Renew) => attempt.renew_ending().await,
        Some(Obstacle::Fail(failure)) if attempt.adapter.publish().is_out(&attempt.checkpoint) => {
            go_past(attempt, &failure).await
        }
        Some(Obstacle::Fail(failure)) => {
            let is_account = matches!(failure, Failure::Auth { .. });
            let stage = if is_account { "validating" } else { "publishing" };
            let settle = attempt.settle(attempt.standing().failed());
            attempt.fail(settle, &failure, stage).await
        }
        Some(Obstacle::Late(_)) if attempt.adapter.publish().is_out(&attempt.checkpoint) => {
            Ok(None)
        }
        Some(Obstacle::Late(verdict)) => {
            let mut settle = attempt.settle(attempt.standing().missed(verdict));
            settle.checkpoint = has_moved.then(|| attempt.checkpoint.0.clone());
            attempt.miss(settle, verdict, None).await.map(Some)
        }
        Some(Obstacle::Review) => {
            let detail = "Postgres went back, and this platform cannot be asked for a post by its \
                          wording";
            let mut settle = attempt.settle(attempt.standing().given_up());
            settle.failure = Some(show::failure(&Failure::Unknown { detail: detail.to_owned() }));
            attempt.end(settle).await.map(Some)
        }
    }
}

/// Carries one call and goes on from its reply. `None` when the lease goes on.
async fn take(attempt: &mut Attempt<'_>, call: Call) -> Result<Option<Outcome>, Fault> {
    match courier::carry(attempt, call).await? {
        Ending::Replied(reply) => read(attempt, &reply).await,
        Ending::Failed { failure, entry, .. } => {
            let history = attempt.history(&failure).await?;
            let decision = decide(&failure, &history, attempt.now());
            attempt.obey(decision, &failure, entry).await
        }
        Ending::Limited { until } if attempt.adapter.publish().is_out(&attempt.checkpoint) => {
            let detail = format!("a limit of calls leaves no room for it until {until}");
            let (scope, retry_at) = (Scope::Account, until);
            go_past(attempt, &Failure::RateLimit { scope, retry_at, detail }).await
        }
        Ending::Limited { until } => {
            // What will be too late then is told when it is, not later.
            let until = until.min(attempt.too_late_at());
            let change = attempt.standing().change(Status::Ready, Wake::Publish(Some(until)));
            attempt.end(attempt.settle(change)).await.map(Some)
        }
        Ending::Stale => Ok(Some(Outcome::Release)),
    }
}

/// Something to be done for a post that is out cannot be done: the rest goes on without it.
async fn go_past(attempt: &mut Attempt<'_>, failure: &Failure) -> Result<Option<Outcome>, Fault> {
    let history = attempt.history(failure).await?;
    let decision = decide(failure, &history, attempt.now());
    attempt.obey(decision, failure, None).await
}

/// Moves the checkpoint by a reply and writes it down.
async fn read(attempt: &mut Attempt<'_>, reply: &Reply) -> Result<Option<Outcome>, Fault> {
    let entry = attempt.open.map(|_| Entry {
        outcome: Ledger::Replied,
        http_status: Some(reply.status.as_u16()),
        detail: None,
    });
    attempt.learn(reply).await;
    let read = attempt.adapter.publish().read(&attempt.checkpoint, reply, &attempt.view());
    crash::point_of("publish.after_read", attempt.claimed.subject);
    match read {
        Ok(checkpoint) => attempt.checkpoint = checkpoint,
        Err(failure) => {
            let history = attempt.history(&failure).await?;
            let decision = decide(&failure, &history, attempt.now());
            return attempt.obey(decision, &failure, entry).await;
        }
    }
    // The last reply and the receipt are one fact, so they are one write.
    let next = attempt.adapter.publish().next(&attempt.checkpoint, &attempt.view());
    if let Step::Published(receipt) = next {
        return published(attempt, receipt, entry).await.map(Some);
    }
    let mut settle = attempt.settle(attempt.standing().change(Status::Ready, Wake::Keep));
    settle.checkpoint = Some(attempt.checkpoint.0.clone());
    settle.note(entry);
    Ok(attempt.write(settle).await?.is_none().then_some(Outcome::Release))
}

/// The delivery is out.
pub(crate) async fn published(
    attempt: &mut Attempt<'_>,
    receipt: Receipt,
    entry: Option<Entry>,
) -> Result<Outcome, Fault> {
    let mut settle = attempt.settle(attempt.standing().change(Status::Published, Wake::Drop));
    settle.checkpoint = Some(attempt.checkpoint.0.clone());
    settle.note(entry);
    end_published(attempt, settle, receipt).await
}

/// Writes the receipt with a settle.
pub(crate) async fn end_published(
    attempt: &mut Attempt<'_>,
    mut settle: Settle,
    receipt: Receipt,
) -> Result<Outcome, Fault> {
    for warning in attempt.adapter.publish().warnings(&attempt.checkpoint) {
        let words = words(&base::text::clean(&warning));
        attempt.log.add(attempt.now(), Fact::Warning { words });
    }
    follow::owe(attempt).await;
    operate::owe(attempt).await;
    copies::owe(attempt).await;
    settle.receipt = Some((receipt.remote_id, attempt.reachable(receipt.permalink)));
    settle.missed = attempt.published_late();
    let platform = attempt.row.platform.clone();
    metrics::counter!("postfleet_published_total", "platform" => platform).increment(1);
    tracing::debug!(delivery = %attempt.row.id, platform = attempt.row.platform, "published");
    attempt.end(settle).await
}
