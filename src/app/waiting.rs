//! Tells whoever holds a post, or left it a draft, that its time has passed.

use crate::quarantine::{Place, Stay};
use crate::{App, targets};
use base::Fault;
use domain::id::{PostId, TenantId};
use domain::post::Stage;
use domain::time::Timestamp;
use queue::{Claimed, Outcome};
use std::time::Duration;
use store::crashes::Culprit;
use store::jobs::{Arm, JobKind};

/// Of a held post that has no time, its owner hears after a day.
const PATIENCE: Duration = Duration::from_secs(86_400);

/// The word that a post in `stage`, due then, owes to its owner.
pub(crate) fn arm(
    app: &App,
    (tenant, post): (TenantId, PostId),
    stage: Stage,
    due_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Arm> {
    let due_at = due_at.filter(|at| *at > now);
    let due_at = match stage {
        Stage::Held => due_at.unwrap_or(now + PATIENCE),
        // A draft without a time may lie for ever.
        Stage::Draft => due_at?,
        Stage::Live | Stage::Cancelled | Stage::Archived => return None,
    };
    let shard = app.shard(&tenant.uuid().to_string());
    Some(targets::waiting(tenant, post.uuid(), shard, due_at))
}

/// Works on the word of a claimed job.
pub async fn tell(app: &App, claimed: &Claimed) -> Outcome {
    let Some(mut place) = Place::take(app).await else { return Outcome::Release };
    let ended = work(app, claimed, &mut place).await;
    place.end(app, claimed, ended).await.unwrap_or(Outcome::Release)
}

async fn work(app: &App, claimed: &Claimed, place: &mut Place) -> Result<Outcome, Fault> {
    let culprit = Culprit::Job(JobKind::Waiting, claimed.subject);
    match place.isolate(app, claimed, culprit, 0).await? {
        Stay::Here => {}
        Stay::Later(outcome) => return Ok(outcome),
        Stay::Never => {
            let (subject, generation) = (claimed.subject, claimed.generation);
            app.0.store.drop_job(JobKind::Waiting, subject, generation).await?;
            return Ok(Outcome::Done);
        }
    }
    let id = PostId::new(claimed.subject);
    if let Some(waiting) = app.0.store.tell_waiting(id, claimed.generation).await? {
        metrics::counter!("postfleet_posts_waiting_total").increment(1);
        tracing::info!(post = %id, tenant = %waiting.tenant, since = %waiting.since,
            "a post waits for a person past its time");
    }
    Ok(Outcome::Done)
}
