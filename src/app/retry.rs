//! Sends the failed deliveries of a post again, and only those.

use crate::caller::Caller;
use crate::show::{self, PostView};
use crate::{Answer, App, Refused, order, slots, targets};
use domain::id::PostId;
use store::retries::Again;

/// Tries the failed deliveries again. Refused when none has failed. A post whose slot was given to
/// another meanwhile takes the next free one, and is told so.
///
/// # Errors
/// When Postgres fails.
pub async fn retry(app: &App, caller: &Caller, id: PostId) -> Answer<PostView> {
    let shard = app.shard(&caller.tenant.uuid().to_string());
    let fan_out = targets::fan_out(caller.tenant, id.uuid(), shard);
    let actor = caller.actor();
    let Some(again) = app.0.store.retry(caller.tenant, id, (&actor, fan_out)).await? else {
        return Ok(Err(order::nowhere(id)));
    };
    let (jobs, moved_from) = match again {
        Again::Done { jobs, moved_from } => (jobs, moved_from),
        Again::Stage(stage) => {
            return Ok(Err(order::wrong_stage("Only what went its way can be tried again", stage)));
        }
        Again::Nothing => {
            return Ok(Err(Refused::Conflict {
                code: "nothing_failed",
                message: "None of the deliveries of this post has failed.".to_owned(),
            }));
        }
        Again::NoPlace(none) => {
            let shown = show::post(app, caller, id).await?;
            return Ok(shown.and_then(|view| Err(slots::refusal(&view.brand_slug, none))));
        }
    };
    app.wake(&jobs).await;
    let shown = show::post(app, caller, id).await?;
    Ok(shown.map(|view| match moved_from {
        Some(from) => PostView { scheduled_at_note: Some(slots::moved(from)), ..view },
        None => view,
    }))
}
