//! Ends a delivery that cannot be begun: nothing of it is looked at, for that may be the cause.

use crate::timeline::{Against, Log};
use crate::{App, show};
use base::Fault;
use domain::delivery::Status;
use domain::failure::Failure;
use domain::standing::{Change, Hold, Outcome as Ledger, Wake};
use queue::{Claimed, Outcome};
use store::deliveries::Loaded;
use store::intents::Guard;
use store::jobs::JobKind;
use store::settles::Settle;

/// Why it cannot be begun.
pub(crate) struct Cause {
    /// What its owner is told.
    pub failure: Failure,
    /// Where it failed.
    pub stage: &'static str,
    /// It was tried, and that counts.
    pub is_attempt_spent: bool,
}

/// How it ended.
pub(crate) enum Ended {
    /// As what, and with which class of failure.
    As(Status, &'static str),
    /// Not yet, or by somebody else; this is what the queue is told.
    Not(Outcome),
}

/// Ends it: failed, or in review where a call of it may have been heard.
pub(crate) async fn end(
    app: &App,
    claimed: &Claimed,
    row: &Loaded,
    cause: Cause,
) -> Result<Ended, Fault> {
    let hold = match row.status {
        Status::Sending => Hold::Abandoned,
        Status::Reconciling => Hold::Asking,
        _ => Hold::Free,
    };
    // Nobody writes over an open intent before its deadline.
    if let (Hold::Abandoned, Some(at)) = (hold, row.deadline_at.filter(|at| *at > row.now)) {
        return Ok(Ended::Not(Outcome::ReleaseFor(at.since(row.now))));
    }
    let is_known = hold == Hold::Free && !row.has_doubt;
    let (status, failure) = match is_known {
        true => (Status::Failed, cause.failure),
        false => {
            let detail = cause.failure.detail().to_owned();
            (Status::Review, Failure::Unknown { detail })
        }
    };
    let class = failure.public_type();
    let change = row.standing(hold == Hold::Asking).change(status, Wake::Drop);
    let is_attempt_spent = cause.is_attempt_spent;
    let change = Change { hold, is_attempt_spent, has_doubt: !is_known, ..change };
    let guard = Guard {
        delivery: row.id,
        epoch: claimed.epoch,
        lease: claimed.lease,
        revision: row.revision,
        checkpoint_no: row.checkpoint_no,
    };
    let mut settle = Settle::of(guard, change);
    if hold == Hold::Abandoned {
        settle.change.outcome = Some(Ledger::Silent);
        settle.detail = Some("the process that sent it ended without a word".to_owned());
    }
    settle.failure = Some(show::failure(&failure));
    settle.failed_stage = is_known.then_some(cause.stage);
    let kind = if hold == Hold::Asking { JobKind::Reconcile } else { JobKind::Publish };
    settle.told = Log::default().told(&settle, Against::of(row, kind, row.now));
    match app.0.settles.call(settle).await? {
        Some(_) => Ok(Ended::As(status, class)),
        None => Ok(Ended::Not(Outcome::Release)),
    }
}

/// Ends a delivery whose grant or checkpoint does not open.
pub(crate) async fn damaged(
    app: &App,
    claimed: &Claimed,
    row: &Loaded,
    failure: Failure,
) -> Result<Outcome, Fault> {
    let (failure, stage) = match failure {
        Failure::Auth { revoked, detail } => {
            let detail = format!("{} has to be connected again: {detail}", row.handle);
            (Failure::Auth { revoked, detail }, "validating")
        }
        other => (other, "publishing"),
    };
    let cause = Cause { failure, stage, is_attempt_spent: false };
    let (status, class) = match end(app, claimed, row, cause).await? {
        Ended::As(status, class) => (status, class),
        Ended::Not(outcome) => return Ok(outcome),
    };
    tracing::info!(
        delivery = %row.id, platform = row.platform, %status, class,
        "a delivery ends, for what was sealed for it does not open"
    );
    if status == Status::Failed {
        metrics::counter!(
            "postfleet_failed_total", "platform" => row.platform.clone(), "type" => class
        )
        .increment(1);
    }
    Ok(Outcome::Done)
}
