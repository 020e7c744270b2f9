//! `/v1/deliveries`: shown whole, settled by hand, and sent again by what they failed of.

use crate::envelope::{Answered, Refusal, success};
use crate::extract::{Authenticated, DeliveryAt, JsonBody};
use app::{App, amends, review as reviews, why};
use axum::extract::State;
use domain::review;
use http::StatusCode;

/// `GET /v1/deliveries/{id}`
pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    DeliveryAt(id): DeliveryAt,
) -> Answered {
    Ok(success(StatusCode::OK, why::delivery(&app, &caller, id).await??))
}

/// `POST /v1/deliveries/{id}/review`
pub(crate) async fn review(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    DeliveryAt(id): DeliveryAt,
    JsonBody(body): JsonBody,
) -> Answered {
    let statement = review::parse(&body).map_err(Refusal::invalid)?;
    let settled = reviews::review(&app, &caller, id, &statement).await??;
    Ok(success(StatusCode::OK, settled))
}

/// `POST /v1/deliveries/retry`
pub(crate) async fn retry(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody,
) -> Answered {
    Ok(success(StatusCode::OK, amends::retry_by_cause(&app, &caller, &body).await??))
}
