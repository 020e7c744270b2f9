//! `/v1/deliveries`: shown whole, settled by hand, and what is done with those that are out.

use crate::envelope::{Answered, Refusal, success};
use crate::extract::{Authenticated, DeliveryAt, JsonBody};
use app::{App, remove as removes, reposts, review as reviews, why};
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

/// `DELETE /v1/deliveries/{id}/remote`
pub(crate) async fn remove(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    DeliveryAt(id): DeliveryAt,
) -> Answered {
    let removal = removes::remove(&app, &caller, id).await??;
    let status = if removal.is_again { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(success(status, removal.page))
}

/// `POST /v1/deliveries/{id}/reposts/cancel`
pub(crate) async fn cancel_reposts(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    DeliveryAt(id): DeliveryAt,
) -> Answered {
    Ok(success(StatusCode::OK, reposts::cancel(&app, &caller, id).await??))
}
