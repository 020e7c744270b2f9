//! Takes a post back, as far as it has not left.

use crate::caller::Caller;
use crate::show::{self, PostView};
use crate::{Answer, App, Refused};
use domain::id::PostId;

/// Cancels every delivery that has not left. Refused when none could be cancelled.
///
/// # Errors
/// When Postgres fails.
pub async fn cancel(app: &App, caller: &Caller, id: PostId) -> Answer<PostView> {
    let Some(changed) = app.0.store.cancel(caller.tenant, id).await? else {
        return Ok(Err(Refused::NotFound(format!("There is no post {id}."))));
    };
    if changed.done.is_empty()
        && let Some((delivery, status)) = changed.refused.first()
    {
        return Ok(Err(Refused::Conflict {
            code: "too_late",
            message: format!("Nothing is left to cancel: delivery {delivery} is {status}."),
        }));
    }
    show::post(app, caller, id).await
}
