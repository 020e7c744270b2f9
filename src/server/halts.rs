//! `/pauses` on the port of the operators: what everybody waits for by a person's word, and the
//! pauses of platforms, apps and queues.

use crate::accounts::read_reason;
use crate::envelope::{Answered, Refusal, success};
use crate::extract::JsonBody;
use crate::operators::Operators;
use app::halts::{self, Order, Target};
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode};
use serde_json::json;

/// `GET /pauses`: everything that people have paused, of all tenants.
pub(crate) async fn list(State(operators): State<Operators>, headers: HeaderMap) -> Answered {
    operators.who(&headers)?;
    Ok(success(StatusCode::OK, halts::everything_paused(operators.app()?).await?))
}

/// `PUT /pauses/{subject}`: pauses `platform:x`, `app:x:default` or `queue:webhook`, or says why
/// anew.
pub(crate) async fn pause(
    State(operators): State<Operators>,
    Path(subject): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Answered {
    let actor = operators.who(&headers)?;
    let target = target(&subject)?;
    let reason = read_reason(&body)?;
    let order = Order { target: &target, actor: &actor, reason: &reason };
    let has_changed = halts::carry_out(operators.app()?, order, true).await?;
    tracing::warn!(subject, actor, has_changed, "an operator pauses it");
    let told = json!({ "subject": subject, "isPaused": true, "hasChanged": has_changed });
    Ok(success(StatusCode::OK, told))
}

/// `DELETE /pauses/{subject}`: ends its pause.
pub(crate) async fn resume(
    State(operators): State<Operators>,
    Path(subject): Path<String>,
    headers: HeaderMap,
) -> Answered {
    let actor = operators.who(&headers)?;
    let target = target(&subject)?;
    let order = Order { target: &target, actor: &actor, reason: "resumed by an operator" };
    let has_changed = halts::carry_out(operators.app()?, order, false).await?;
    tracing::warn!(subject, actor, has_changed, "an operator resumes it");
    let told = json!({ "subject": subject, "isPaused": false, "hasChanged": has_changed });
    Ok(success(StatusCode::OK, told))
}

fn target(subject: &str) -> Result<Target, Refusal> {
    let found = Target::parse(subject);
    found.map_err(|fault| Refusal::new(StatusCode::NOT_FOUND, "not_found", fault.to_string()))
}
