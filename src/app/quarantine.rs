//! Keeps a job that may have brought its process down apart from its neighbours, and gives it up
//! after three deaths.
//!
//! Every handler takes a place in the process; a suspect waits until it has the process for
//! itself, so that its next death is nobody else's. Invariant: which jobs are suspects is a hint
//! of the queue; what counts is written in Postgres, and ordinary work writes nothing for it.

use crate::App;
use crate::dead_end::{self, Cause, Ended};
use base::Fault;
use domain::failure::{Failure, Scope};
use queue::{Claimed, Outcome};
use std::sync::Arc;
use std::time::Duration;
use store::crashes::Culprit;
use store::deliveries::Loaded;
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

    /// The handler came to an end in good order. A panic and the hard end do not come by here. A
    /// fault is told here, and whoever gets it back says when the job is tried again.
    pub async fn end(
        self,
        app: &App,
        claimed: &Claimed,
        ended: Result<Outcome, Fault>,
    ) -> Result<Outcome, Fault> {
        let Claimed { queue, subject, epoch, .. } = claimed;
        if let Some(culprit) = self.alone
            && let Err(fault) = app.0.store.end_alone(culprit, *epoch).await
        {
            tracing::warn!(%fault, %subject, "it may count as a death");
        }
        ended.inspect_err(|fault| {
            tracing::error!(%fault, %queue, %subject, "a job faulted; it is tried again");
        })
    }
}

/// What the owner of a post is told.
pub(crate) fn failure() -> Failure {
    let detail = format!("working on it ended our process {CRASHES_MAX} times");
    Failure::Operator { scope: Scope::Account, detail }
}

/// Ends a delivery that brought down its processes: failed, or in review where a call of it may
/// have been heard.
pub(crate) async fn end(app: &App, claimed: &Claimed, row: &Loaded) -> Result<Outcome, Fault> {
    let cause = Cause { failure: failure(), stage: "publishing", is_attempt_spent: true };
    let (status, class) = match dead_end::end(app, claimed, row, cause).await? {
        Ended::As(status, class) => (status, class),
        Ended::Not(outcome) => return Ok(outcome),
    };
    tracing::error!(delivery = %row.id, platform = row.platform, %status,
        "a delivery ended its process {CRASHES_MAX} times and is given up");
    metrics::counter!(
        "postfleet_quarantined_total", "platform" => row.platform.clone(), "type" => class
    )
    .increment(1);
    Ok(Outcome::Done)
}
