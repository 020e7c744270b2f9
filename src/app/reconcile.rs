//! Asks a platform what became of a call whose outcome is unknown.
//!
//! Found: the id is adopted. Absent twice, one visibility delay apart: it is sent again. A list
//! that lacks what exists is no answer, and is asked for again. What cannot be told goes to a
//! person, never to a second send.

use crate::attempt::{Attempt, Begun};
use crate::courier::{self, Ending};
use crate::quarantine::Place;
use crate::{App, keys, publish, show};
use base::Fault;
use domain::decision::decide;
use domain::delivery::Status;
use domain::failure::Failure;
use domain::standing::{ABSENCES_MIN, Next, Outcome as Ledger};
use domain::time::Timestamp;
use platforms::{Checkpoint, Step, Verdict};
use queue::{Claimed, Outcome};
use store::jobs::JobKind;

/// Pages of one look-up at most.
const PAGES_MAX: u32 = 20;

/// Works on the question of a claimed job.
pub async fn reconcile(app: &App, claimed: &Claimed) -> Outcome {
    let Some(mut place) = Place::take(app).await else { return Outcome::Release };
    let ended = work(app, claimed, &mut place).await;
    place.end(app, claimed, ended).await.unwrap_or_else(|fault| keys::rest(&fault))
}

async fn work(app: &App, claimed: &Claimed, place: &mut Place) -> Result<Outcome, Fault> {
    let mut attempt = match Attempt::begin(app, claimed, JobKind::Reconcile, place).await? {
        Begun::Work(attempt) => attempt,
        Begun::Over(outcome) => return Ok(outcome),
    };
    if attempt.row.status != Status::Reconciling {
        return Ok(Outcome::Done);
    }
    if let Some(at) = attempt.standing().asks_later(attempt.now()) {
        return Ok(Outcome::ReleaseFor(at.since(attempt.now())));
    }
    attempt.recall().await?;
    for round in 0..PAGES_MAX {
        let view = attempt.view();
        let Some(call) = attempt.adapter.reconcile().ask(&attempt.checkpoint, round, &view) else {
            return review(&mut attempt, "the platform offers no way to ask".to_owned()).await;
        };
        let (reply, failure) = match courier::carry(&mut attempt, call).await? {
            Ending::Replied(reply) => (reply, None),
            Ending::Failed { failure, reply: Some(reply), .. } if is_told(&failure) => {
                (reply, Some(failure))
            }
            Ending::Failed { failure, .. } => match failed(&mut attempt, &failure).await? {
                Some(outcome) => return Ok(outcome),
                None => continue,
            },
            Ending::Limited { until } => return later(&mut attempt, until).await,
            Ending::Stale => return Ok(Outcome::Release),
        };
        let view = attempt.view();
        let judged = attempt.adapter.reconcile();
        let verdict = judged.judge(&attempt.checkpoint, round, &reply, &view);
        match (verdict, failure) {
            // A refusal that tells nothing is a failed question.
            (Verdict::Undecided(_), Some(failure)) => {
                if let Some(outcome) = failed(&mut attempt, &failure).await? {
                    return Ok(outcome);
                }
            }
            (Verdict::Found { checkpoint, remote_id }, _) => {
                return found(&mut attempt, checkpoint, &remote_id).await;
            }
            (Verdict::Absent(checkpoint), _) => return absent(&mut attempt, checkpoint).await,
            (Verdict::More(checkpoint), _) => attempt.checkpoint = checkpoint,
            (Verdict::Stale(why), _) => return stale(&mut attempt, why).await,
            (Verdict::Undecided(why), None) => return review(&mut attempt, why).await,
        }
    }
    review(&mut attempt, format!("{PAGES_MAX} pages did not reach back to the call")).await
}

fn tally(attempt: &Attempt<'_>, verdict: &'static str) {
    let platform = attempt.row.platform.clone();
    metrics::counter!("postfleet_reconciled_total", "platform" => platform, "verdict" => verdict)
        .increment(1);
}

/// A refusal can be the answer: what was asked for is not there any more.
fn is_told(failure: &Failure) -> bool {
    match failure {
        Failure::Content { .. } | Failure::Media { .. } | Failure::Transient { .. } => true,
        Failure::Auth { .. }
        | Failure::RateLimit { .. }
        | Failure::Duplicate { .. }
        | Failure::Unknown { .. }
        | Failure::Operator { .. } => false,
    }
}

/// Adopts what was found, unless another delivery has it as its receipt already.
async fn found(
    attempt: &mut Attempt<'_>,
    checkpoint: Checkpoint,
    remote_id: &str,
) -> Result<Outcome, Fault> {
    let (account, delivery) = (attempt.row.account, attempt.row.id);
    if attempt.app.0.store.is_remote_id_taken(account, remote_id, delivery).await? {
        return review(attempt, format!("{remote_id} belongs to another delivery")).await;
    }
    tracing::info!(%delivery, remote_id, "an unknown outcome was found on the platform");
    tally(attempt, "found");
    attempt.checkpoint = checkpoint;
    let next = attempt.adapter.publish().next(&attempt.checkpoint, &attempt.view());
    let is_out = matches!(next, Step::Published(_));
    let mut settle = attempt.settle(attempt.standing().found(is_out));
    settle.checkpoint = Some(attempt.checkpoint.0.clone());
    settle.detail = Some(format!("the platform shows it as {remote_id}"));
    match next {
        Step::Published(receipt) => publish::end_published(attempt, settle, receipt).await,
        Step::Call(_) | Step::Wait(_) => attempt.end(settle).await,
    }
}

/// Counts a look-up that found nothing; after enough of them it is sent again.
async fn absent(attempt: &mut Attempt<'_>, checkpoint: Checkpoint) -> Result<Outcome, Fault> {
    let change = attempt.standing().absent(attempt.visibility_delay(), attempt.now());
    let mut settle = attempt.settle(change);
    if change.outcome == Some(Ledger::Absent) {
        tracing::info!(delivery = %attempt.row.id, "an unknown call was proven absent; sent again");
        tally(attempt, "absent");
        attempt.checkpoint = checkpoint;
        settle.checkpoint = Some(attempt.checkpoint.0.clone());
        settle.detail = Some(format!("{ABSENCES_MIN} complete look-ups did not show it"));
    }
    attempt.end(settle).await
}

/// The platform showed what is past: that is no look-up, and the question stays open.
async fn stale(attempt: &mut Attempt<'_>, why: String) -> Result<Outcome, Fault> {
    tally(attempt, "stale");
    let at = attempt.now() + attempt.visibility_delay();
    ask_again(attempt, at, why).await
}

/// A look-up failed: the question stays open. `None` when the token was renewed.
async fn failed(attempt: &mut Attempt<'_>, failure: &Failure) -> Result<Option<Outcome>, Fault> {
    let history = attempt.history(failure).await?;
    let now = attempt.now();
    match attempt.standing().unanswered(&decide(failure, &history, now), now) {
        Next::Renew(_) => renew(attempt).await,
        Next::Write(change) if change.status == Status::Reconciling => {
            attempt.end(attempt.settle(change)).await.map(Some)
        }
        Next::Write(_) | Next::Fail(..) | Next::Disconnect(..) | Next::Miss(..) => {
            review(attempt, failure.detail().to_owned()).await.map(Some)
        }
    }
}

async fn renew(attempt: &mut Attempt<'_>) -> Result<Option<Outcome>, Fault> {
    use crate::refresh::{Renewal, renew};
    let seen = attempt.row.credential.version;
    let account = attempt.app.0.store.account(attempt.row.account).await?;
    let renewal = renew(attempt.app, account, seen).await?;
    attempt.log.add_renewal(attempt.now(), &renewal);
    match renewal {
        Renewal::Done => attempt.reload_grant().await.map(|()| None),
        Renewal::Later { at, .. } => later(attempt, at).await.map(Some),
        Renewal::NoMeans(failure) | Renewal::Dead(failure) => {
            review(attempt, failure.detail().to_owned()).await.map(Some)
        }
    }
}

/// Asks again at `at` or later, while there is any sense in it.
async fn later(attempt: &mut Attempt<'_>, at: Timestamp) -> Result<Outcome, Fault> {
    ask_again(attempt, at, "it could not be asked for half an hour".to_owned()).await
}

/// Asks again, or tells a person `why` it was of no use for so long.
async fn ask_again(
    attempt: &mut Attempt<'_>,
    at: Timestamp,
    why: String,
) -> Result<Outcome, Fault> {
    let change = attempt.standing().ask_again(at, attempt.now());
    if change.status == Status::Review {
        return review(attempt, why).await;
    }
    attempt.end(attempt.settle(change)).await
}

/// Hands the question to a person, with what is known.
async fn review(attempt: &mut Attempt<'_>, why: String) -> Result<Outcome, Fault> {
    tracing::warn!(delivery = %attempt.row.id, why, "a person has to look at a delivery");
    tally(attempt, "review");
    let why = match attempt.adapter.reconcile().clue(&attempt.checkpoint) {
        Some(clue) => format!("{why}; {clue}"),
        None => why,
    };
    let mut settle = attempt.settle(attempt.standing().given_up());
    settle.failure = Some(show::failure(&Failure::Unknown { detail: why }));
    attempt.end(settle).await
}
