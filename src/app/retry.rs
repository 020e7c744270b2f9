//! Sends the failed deliveries of a post again, and only those.

use crate::caller::Caller;
use crate::show::{self, PostView};
use crate::{Answer, App, Refused, order, targets};
use domain::id::PostId;

/// Tries the failed deliveries again. Refused when none has failed.
///
/// # Errors
/// When Postgres fails.
pub async fn retry(app: &App, caller: &Caller, id: PostId) -> Answer<PostView> {
    let shard = app.shard(&caller.tenant.uuid().to_string());
    let fan_out = targets::fan_out(caller.tenant, id.uuid(), shard);
    let Some(changed) = app.0.store.retry(caller.tenant, id, fan_out).await? else {
        return Ok(Err(Refused::NotFound(format!("There is no post {id}."))));
    };
    if let Some(stage) = changed.stage {
        return Ok(Err(order::wrong_stage("Only what went its way can be tried again", stage)));
    }
    if changed.done.is_empty() {
        return Ok(Err(Refused::Conflict {
            code: "nothing_failed",
            message: "None of the deliveries of this post has failed.".to_owned(),
        }));
    }
    app.wake(&changed.jobs).await;
    show::post(app, caller, id).await
}
