//! Keeps a job that may have brought its process down apart from its neighbours, and gives it up
//! after three deaths.
//!
//! Every handler takes a place in the process; a suspect waits until it has the process for
//! itself, so that its next death is nobody else's. Invariant: which jobs are suspects is a hint
//! of the queue; what counts is written in Postgres, and ordinary work writes nothing for it.

use crate::timeline::{Against, Log};
use crate::{App, show};
use base::Fault;
use domain::delivery::Status;
use domain::failure::{Failure, Scope};
use domain::standing::{Change, Hold, Outcome as Ledger, Wake};
use queue::{Claimed, Outcome};
use std::sync::Arc;
use std::time::Duration;
use store::crashes::Culprit;
use store::deliveries::Loaded;
use store::intents::Guard;
use store::jobs::JobKind;
use store::settles::Settle;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Deaths after which a job is not tried again (DESIGN section 6).
const CRASHES_MAX: i32 = 3;
/// A job waits this long for its place, then others may take it. Shorter than a lease, and while
/// a suspect waits nothing new begins here.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// A suspect that found no room rests this long, so that the process gets on with its work.
const REST: Duration = Duration::from_secs(2);

/// The room that the handlers of a process share, or one has for itself.
#[derive(Default)]
pub(crate) struct Room(Arc<RwLock<()>>);

/// A handler's place in its process.
pub(crate) struct Place {
    room: Held,
    /// It runs alone, and Postgres knows it.
    alone: Option<Culprit>,
}

enum Held {
    Beside(#[expect(dead_code, reason = "held, not read")] OwnedRwLockReadGuard<()>),
    Alone(#[expect(dead_code, reason = "held, not read")] OwnedRwLockWriteGuard<()>),
    Nowhere,
}

/// Whether a job may be worked on.
pub(crate) enum Stay {
    /// Here and now.
    Here,
    /// Not now; this is what the queue is told.
    Later(Outcome),
    /// It has brought down enough processes.
    Never,
}

impl Place {
    /// A place beside the others. `None` when a suspect has the process for itself for so long
    /// that the job had better go to another one.
    pub async fn take(app: &App) -> Option<Self> {
        let beside = tokio::time::timeout(WAIT_MAX, app.0.room.0.clone().read_owned());
        Some(Self { room: Held::Beside(beside.await.ok()?), alone: None })
    }

    /// Counts the death that a suspect brings along, and has one with a counted death wait until
    /// it is alone; `counted` are the deaths that are known already.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn isolate(
        &mut self,
        app: &App,
        claimed: &Claimed,
        culprit: Culprit,
        counted: i32,
    ) -> Result<Stay, Fault> {
        let mut crashes = counted;
        if claimed.is_suspect {
            // A row that a stopped process still locks must not keep others from being alone.
            self.room = Held::Nowhere;
            crashes = app.0.store.count_crash(culprit, claimed.epoch).await?;
            if crashes == 0 {
                // What it is about is gone, and whoever works on it will see that.
                return Ok(Stay::Here);
            }
            if crashes > counted {
                metrics::counter!("postfleet_crashes_total").increment(1);
            }
        }
        if crashes == 0 {
            return Ok(Stay::Here);
        }
        tracing::warn!(queue = %claimed.queue, subject = %claimed.subject, crashes,
            "a job may have ended its process; it runs alone");
        if crashes >= CRASHES_MAX {
            return Ok(Stay::Never);
        }
        self.room = Held::Nowhere;
        let alone = tokio::time::timeout(WAIT_MAX, app.0.room.0.clone().write_owned());
        let Ok(alone) = alone.await else {
            return Ok(Stay::Later(Outcome::ReleaseFor(REST)));
        };
        self.room = Held::Alone(alone);
        if !claimed.is_alive() {
            return Ok(Stay::Later(Outcome::Release));
        }
        app.0.store.begin_alone(culprit, claimed.epoch).await?;
        self.alone = Some(culprit);
        Ok(Stay::Here)
    }

    /// The handler came to an end in good order. A panic and the hard end do not come by here.
    pub async fn leave(self, app: &App, claimed: &Claimed) {
        let Some(culprit) = self.alone else { return };
        if let Err(fault) = app.0.store.end_alone(culprit, claimed.epoch).await {
            tracing::warn!(%fault, subject = %claimed.subject, "it may count as a death");
        }
    }
}

/// What the owner of a post is told.
pub(crate) fn failure() -> Failure {
    let detail = format!("working on it ended our process {CRASHES_MAX} times");
    Failure::Operator { scope: Scope::Account, detail }
}

/// Ends a delivery that brought down its processes: failed, or in review where a call of it may
/// have been heard. Looks at nothing that its work would look at, for that may be the cause.
pub(crate) async fn end(app: &App, claimed: &Claimed, row: &Loaded) -> Result<Outcome, Fault> {
    tracing::error!(delivery = %row.id, platform = row.platform,
        "a delivery ended its process {CRASHES_MAX} times and is given up");
    let ended = settle_unworked(app, claimed, row, (failure(), "publishing")).await?;
    if ended == Outcome::Done {
        metrics::counter!("postfleet_quarantined_total", "platform" => row.platform.clone())
            .increment(1);
    }
    Ok(ended)
}

/// Ends a delivery that cannot be worked on, with what it is told and where it failed: failed, or
/// in review where a call of it may have been heard.
pub(crate) async fn settle_unworked(
    app: &App,
    claimed: &Claimed,
    row: &Loaded,
    (failure, stage): (Failure, &'static str),
) -> Result<Outcome, Fault> {
    let hold = match row.status {
        Status::Sending => Hold::Abandoned,
        Status::Reconciling => Hold::Asking,
        _ => Hold::Free,
    };
    // Nobody writes over an open intent before its deadline.
    if let (Hold::Abandoned, Some(at)) = (hold, row.deadline_at.filter(|at| *at > row.now)) {
        return Ok(Outcome::ReleaseFor(at.since(row.now)));
    }
    let is_known = hold == Hold::Free && !row.has_doubt;
    let (status, failure) = match failure {
        known if is_known => (Status::Failed, known),
        known => (Status::Review, Failure::Unknown { detail: known.detail().to_owned() }),
    };
    let change = row.standing(hold == Hold::Asking).change(status, Wake::Drop);
    let change = Change { hold, is_attempt_spent: true, has_doubt: !is_known, ..change };
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
    settle.failed_stage = is_known.then_some(stage);
    let kind = if hold == Hold::Asking { JobKind::Reconcile } else { JobKind::Publish };
    settle.told = Log::default().told(&settle, Against::of(row, kind, row.now));
    let settled = app.0.settles.call(settle).await?;
    Ok(if settled.is_some() { Outcome::Done } else { Outcome::Release })
}
