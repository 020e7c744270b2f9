//! `/v1/deliveries`: shown whole, settled by hand, sent again by what they failed of, and what is
//! done with those that are out.

use crate::envelope::{Answered, Refusal, success};
use crate::extract::{Authenticated, DeliveryAt, JsonBody};
use crate::lists;
use app::lists::ListedDelivery;
use app::{App, amends, lists as lists_of, remove as removes, reposts, review as reviews, why};
use axum::Json;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use domain::id::DeliveryId;
use domain::review;
use http::StatusCode;
use serde::Serialize;

/// `GET /v1/deliveries`
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(asked): Query<Vec<(String, String)>>,
) -> Answered {
    let (asked, limit) = lists::deliveries(asked)?;
    let mut data = lists_of::deliveries(&app, &caller, asked).await?;
    let has_more = data.len() > limit as usize;
    data.truncate(limit as usize);
    let next_cursor = data.last().filter(|_| has_more).map(|one| one.delivery.id);
    Ok(Json(Page { success: true, data, next_cursor }).into_response())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    success: bool,
    data: Vec<ListedDelivery>,
    /// What `before` is for the next page; `null` on the last.
    next_cursor: Option<DeliveryId>,
}

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
