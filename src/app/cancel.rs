//! Takes a post back, as far as it has not left.

use crate::caller::Caller;
use crate::order::{nowhere, told, unreached};
use crate::show::{self, PostView};
use crate::{Answer, App, Refused};
use domain::id::PostId;

/// Cancels every delivery of which nothing has left. Refused when none could be cancelled.
///
/// # Errors
/// When Postgres fails.
pub async fn cancel(app: &App, caller: &Caller, id: PostId) -> Answer<PostView> {
    let actor = caller.actor();
    let Some(cancelled) = app.0.store.cancel(caller.tenant, id, &actor).await? else {
        return Ok(Err(nowhere(id)));
    };
    if cancelled.done.is_empty() && !cancelled.refused.is_empty() {
        let message = format!(
            "Nothing is left to cancel: {}. What is out can be deleted with DELETE \
             /v1/deliveries/{{id}}/remote, where its platform allows it.",
            told(&cancelled.refused),
        );
        return Ok(Err(Refused::Conflict { code: "too_late", message }));
    }
    let shown = show::post(app, caller, id).await?;
    let unreached = cancelled.refused.into_iter().map(|(id, now)| unreached(id, now)).collect();
    Ok(shown.map(|view| PostView { unreached, ..view }))
}
