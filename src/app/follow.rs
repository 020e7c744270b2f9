//! Looks after posts that are out where the platform goes on working on them: what it made of one
//! is told in its timeline, and changes nothing about `published`.
//!
//! A look that cannot be had is left out, and after the last one nobody looks again.

use crate::App;
use crate::attempt::{Assembled, Attempt};
use crate::courier::{self, Ending};
use crate::quarantine::{Place, Stay};
use crate::targets::{self, Address};
use base::{Fault, clock};
use domain::delivery::Status;
use domain::id::DeliveryId;
use domain::time::Timestamp;
use domain::timeline::{Fact, words};
use platforms::Followed;
use queue::{Claimed, Outcome};
use std::time::Duration;
use store::crashes::Culprit;
use store::jobs::{Arm, JobKind};

/// When a post is looked at, from its irreversible call on. A film may be worked on for hours
/// (YouTube, docs/videos, `processingDetails`).
const LOOKS: [Duration; 5] = [
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(3_600),
    Duration::from_secs(6 * 3_600),
    Duration::from_secs(24 * 3_600),
];

/// Owes a post that is out its first look, where its platform has one. This comes before its
/// receipt is settled: whoever dies in between leaves a look that has nothing to do.
pub(crate) async fn owe(attempt: &Attempt<'_>) {
    if attempt.adapter.publish().follow(&attempt.checkpoint).is_none() {
        return;
    }
    let wake = arm(attempt.app, attempt.address(), attempt.row.id, attempt.now() + LOOKS[0]);
    match attempt.app.0.store.arm_job(wake).await {
        Ok(job) => attempt.app.wake(&[job]).await,
        Err(fault) => {
            tracing::warn!(%fault, delivery = %attempt.row.id, "nobody will look at it again");
        }
    }
}

fn arm(app: &App, address: Address<'_>, delivery: DeliveryId, due_at: Timestamp) -> Arm {
    Arm {
        kind: JobKind::Follow,
        queue: targets::FOLLOW.to_owned(),
        subject: delivery.uuid(),
        shard: app.shard(&address.app_key()),
        group: address.group(),
        lane: address.lane(),
        due_at: Some(due_at),
    }
}

/// Works on the look of a claimed job.
pub async fn follow(app: &App, claimed: &Claimed) -> Outcome {
    let Some(mut place) = Place::take(app).await else { return Outcome::Release };
    let ended = work(app, claimed, &mut place).await;
    place.end(app, claimed, ended).await.unwrap_or(Outcome::ReleaseFor(LOOKS[0]))
}

async fn work(app: &App, claimed: &Claimed, place: &mut Place) -> Result<Outcome, Fault> {
    let id = DeliveryId::new(claimed.subject);
    let loaded = app.0.loads.call((JobKind::Follow, id)).await?;
    let loaded_at = clock::stopwatch();
    let Some(row) = loaded.filter(|row| row.generation == Some(claimed.generation)) else {
        return Ok(Outcome::Done);
    };
    // What is not out yet is owed a look anew when it is.
    if row.status != Status::Published || row.needs_reconnect.is_some() {
        return over(app, claimed).await;
    }
    match place.isolate(app, claimed, Culprit::Job(JobKind::Follow, claimed.subject), 0).await? {
        Stay::Here => {}
        Stay::Later(outcome) => return Ok(outcome),
        Stay::Never => return over(app, claimed).await,
    }
    let assembled = Attempt::assemble(app, claimed, JobKind::Follow, (row, loaded_at)).await?;
    // A look with a grant that does not open cannot be had.
    let mut attempt = match assembled {
        Assembled::Whole(attempt) => attempt,
        Assembled::Damaged(..) => return over(app, claimed).await,
        Assembled::Later(outcome) => return Ok(outcome),
    };
    let Some(call) = attempt.adapter.publish().follow(&attempt.checkpoint) else {
        return over(app, claimed).await;
    };
    let seen = match courier::carry(&mut attempt, call).await? {
        Ending::Replied(reply) => {
            let view = attempt.view();
            attempt.adapter.publish().followed(&attempt.checkpoint, &reply, &view)
        }
        Ending::Stale => return Ok(Outcome::Release),
        // The next look may have it.
        Ending::Failed { .. } | Ending::Limited { .. } => Followed::Working,
    };
    match seen {
        Followed::Working => later(&attempt).await,
        Followed::Over(warnings) => {
            for warning in warnings {
                let words = words(&base::text::clean(&warning));
                attempt.log.add(attempt.now(), Fact::Warning { words });
            }
            let (store, row) = (&app.0.store, &attempt.row);
            store.tell_of(row.tenant, row.id, claimed.epoch, &attempt.log.lines()).await?;
            over(app, claimed).await
        }
    }
}

/// The next look, where there is one.
async fn later(attempt: &Attempt<'_>) -> Result<Outcome, Fault> {
    let (app, row, now) = (attempt.app, &attempt.row, attempt.now());
    let since = row.intended_at.unwrap_or(row.due_at);
    let next = LOOKS.iter().map(|after| since + *after).find(|at| *at > now);
    let Some(due_at) = next else { return over(app, attempt.claimed).await };
    let job = app.0.store.arm_job(arm(app, attempt.address(), row.id, due_at)).await?;
    Ok(Outcome::Again { generation: job.generation, due_at: job.due_at })
}

async fn over(app: &App, claimed: &Claimed) -> Result<Outcome, Fault> {
    let (subject, generation) = (claimed.subject, claimed.generation);
    app.0.store.drop_job(JobKind::Follow, subject, generation).await?;
    Ok(Outcome::Done)
}
