//! Publishes a delivery, one step after the other, until it is out, waits or ends.

use crate::App;
use crate::attempt::{Attempt, Begun};
use crate::courier::{self, Ending};
use crate::quarantine::Place;
use base::{Fault, crash};
use domain::decision::decide;
use domain::delivery::Status;
use domain::failure::{Effect, Failure};
use platforms::{Call, Receipt, Reply, Step};
use queue::{Claimed, Outcome};
use std::time::Duration;
use store::jobs::JobKind;
use store::settles::{Entry, Hold, Wake};

/// Steps of one lease at most; the rest goes on under the next.
const STEPS_MAX: usize = 64;
/// A lease works this long, then yields at a step (DESIGN section 6).
const WORK_MAX: Duration = Duration::from_secs(30);
/// A token that ends sooner is renewed first.
const TOKEN_LEFT_MIN: Duration = Duration::from_secs(60);

/// Works on the delivery of a claimed job.
pub async fn publish(app: &App, claimed: &Claimed) -> Outcome {
    let Some(mut place) = Place::take(app).await else { return Outcome::Release };
    let ended = work(app, claimed, &mut place).await;
    place.leave(app, claimed).await;
    match ended {
        Ok(outcome) => outcome,
        Err(fault) => {
            tracing::error!(%fault, subject = %claimed.subject, "publishing faulted; tried again");
            Outcome::Release
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
            Step::Wait(at) => {
                let mut settle = attempt.settled(Status::Ready, attempt.again(Some(at)));
                settle.checkpoint = Some(attempt.checkpoint.0.clone());
                Some(attempt.end(settle).await?)
            }
            Step::Call(call) if is_early(&attempt, &call) => {
                let due = attempt.row.due_at;
                let mut settle = attempt.settled(Status::Ready, attempt.again(Some(due)));
                settle.checkpoint = Some(attempt.checkpoint.0.clone());
                Some(attempt.end(settle).await?)
            }
            Step::Call(call) => take(&mut attempt, *call).await?,
        };
        if let Some(outcome) = outcome {
            return Ok(outcome);
        }
    }
    let settle = attempt.settled(Status::Ready, attempt.again(None));
    attempt.end(settle).await
}

fn is_early(attempt: &Attempt<'_>, call: &Call) -> bool {
    call.effect == Effect::Irreversible && attempt.now() < attempt.row.due_at
}

/// What stands in the way before the first step: an intent somebody left open, an account or a
/// post whose time is over, a token about to end.
async fn obstacle(attempt: &mut Attempt<'_>) -> Result<Option<Outcome>, Fault> {
    let now = attempt.now();
    if attempt.row.status == Status::Sending {
        return abandoned(attempt).await.map(Some);
    }
    if let Some(reason) = attempt.row.needs_reconnect.clone() {
        let detail = format!("{} has to be connected again: {reason}", attempt.row.handle);
        let settle = attempt.settled(Status::Failed, Wake::Drop);
        let failure = Failure::Auth { revoked: true, detail };
        return attempt.fail(settle, &failure, "validating").await;
    }
    if let Some(not_after) = attempt.row.not_after.filter(|limit| *limit < now) {
        let detail = format!("it was to be out by {not_after}, and that time has passed");
        let failure = Failure::Content { field: Some("notAfter".to_owned()), detail };
        let settle = attempt.settled(Status::Failed, Wake::Drop);
        return attempt.fail(settle, &failure, "publishing").await;
    }
    if attempt.grant.expires_at <= now + TOKEN_LEFT_MIN {
        return attempt.renew_grant().await;
    }
    Ok(None)
}

/// Somebody died between intent and settle. Nobody sends before the intent's deadline; after it
/// the platform is asked.
async fn abandoned(attempt: &mut Attempt<'_>) -> Result<Outcome, Fault> {
    if let Some(deadline) = attempt.row.deadline_at.filter(|at| *at > attempt.now()) {
        return Ok(Outcome::ReleaseAt(deadline));
    }
    attempt.doubt().await?;
    let mut settle = attempt.settled(Status::Reconciling, attempt.ask(None));
    settle.hold = Hold::Abandoned;
    settle.has_doubt = true;
    settle.absences = 0;
    settle.entry = Some(Entry {
        outcome: "silent",
        http_status: None,
        detail: Some("the process that sent it ended without a word".to_owned()),
    });
    attempt.end(settle).await
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
        Ending::Limited { until } => {
            let settle = attempt.settled(Status::Ready, attempt.again(Some(until)));
            attempt.end(settle).await.map(Some)
        }
        Ending::Stale => Ok(Some(Outcome::Release)),
    }
}

/// Moves the checkpoint by a reply and writes it down.
async fn read(attempt: &mut Attempt<'_>, reply: &Reply) -> Result<Option<Outcome>, Fault> {
    let entry = attempt.open.map(|_| Entry {
        outcome: "replied",
        http_status: Some(reply.status.as_u16()),
        detail: None,
    });
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
    let mut settle = attempt.settled(Status::Ready, Wake::Keep);
    settle.checkpoint = Some(attempt.checkpoint.0.clone());
    settle.entry = entry;
    Ok(attempt.write(settle).await?.is_none().then_some(Outcome::Release))
}

/// Writes the receipt: the delivery is out.
pub(crate) async fn published(
    attempt: &mut Attempt<'_>,
    receipt: Receipt,
    entry: Option<Entry>,
) -> Result<Outcome, Fault> {
    let mut settle = attempt.settled(Status::Published, Wake::Drop);
    settle.checkpoint = Some(attempt.checkpoint.0.clone());
    settle.receipt = Some((receipt.remote_id, attempt.reachable(receipt.permalink)));
    settle.entry = entry;
    let platform = attempt.row.platform.clone();
    metrics::counter!("postfleet_published_total", "platform" => platform).increment(1);
    tracing::debug!(delivery = %attempt.row.id, platform = attempt.row.platform, "published");
    attempt.end(settle).await
}
