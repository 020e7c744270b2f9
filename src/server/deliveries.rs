//! `/v1/deliveries`: shown whole.

use crate::envelope::{Answered, success};
use crate::extract::{Authenticated, DeliveryAt};
use app::{App, why};
use axum::extract::State;
use http::StatusCode;

/// `GET /v1/deliveries/{id}`
pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    DeliveryAt(id): DeliveryAt,
) -> Answered {
    Ok(success(StatusCode::OK, why::delivery(&app, &caller, id).await??))
}
