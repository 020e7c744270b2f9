//! `/v1/pauses`, and the pause of a brand: what rests by a person's word.

use crate::accounts::read_reason;
use crate::envelope::{Answered, success};
use crate::extract::{Authenticated, JsonBody, Named};
use app::{App, pauses};
use axum::extract::State;
use http::StatusCode;

/// `GET /v1/pauses`
pub(crate) async fn list(State(app): State<App>, Authenticated(caller): Authenticated) -> Answered {
    Ok(success(StatusCode::OK, pauses::list(&app, &caller).await?))
}

/// `POST /v1/brands/{slug}/pause`
pub(crate) async fn pause_brand(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Named(slug): Named,
    JsonBody(body): JsonBody,
) -> Answered {
    let reason = read_reason(&body)?;
    Ok(success(StatusCode::OK, pauses::pause_brand(&app, &caller, &slug, &reason).await??))
}

/// `POST /v1/brands/{slug}/resume`
pub(crate) async fn resume_brand(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Named(slug): Named,
) -> Answered {
    Ok(success(StatusCode::OK, pauses::resume_brand(&app, &caller, &slug).await??))
}
