//! Whether this process lives, whether it can work, and what it has counted.

use crate::Site;
use crate::envelope::{Answered, Refusal, success};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;
use std::time::Duration;

/// How long Postgres and Redis may take to show that they are there.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// `GET /healthz`: the process runs. A restart would not heal what `/readyz` tells.
pub(crate) async fn alive() -> Response {
    success(StatusCode::OK, json!({ "status": "alive" }))
}

/// `GET /readyz` where everybody can ask.
pub(crate) async fn ready(State(site): State<Site>) -> Answered {
    readiness(trouble(&site).await.map(|_| "A part of the fleet does not answer.".to_owned()))
}

/// `GET /readyz` where operators ask.
pub(crate) async fn ready_with_reason(State(site): State<Site>) -> Answered {
    readiness(trouble(&site).await)
}

/// `GET /metrics`
pub(crate) async fn metrics(State(site): State<Site>) -> Response {
    app::observe::measure(&site.app).await;
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], (site.metrics)()).into_response()
}

/// `GET /unmapped`: the refusals that no adapter knows, the most frequent first.
pub(crate) async fn unmapped(State(site): State<Site>) -> Answered {
    Ok(success(StatusCode::OK, app::unmapped::top(&site.app).await?))
}

fn readiness(trouble: Option<String>) -> Answered {
    match trouble {
        None => Ok(success(StatusCode::OK, json!({ "status": "ready" }))),
        Some(reason) => {
            Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", reason).into())
        }
    }
}

async fn trouble(site: &Site) -> Option<String> {
    if let Some(reason) = (site.health)() {
        return Some(reason);
    }
    match tokio::time::timeout(READY_WITHIN, site.app.ready()).await {
        Ok(Ok(())) => None,
        Ok(Err(fault)) => Some(fault.to_string()),
        Err(_) => Some(format!("no answer from Postgres and Redis within {READY_WITHIN:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::read_back;

    #[tokio::test]
    async fn not_ready_is_503_with_the_reason() {
        let denied = readiness(Some("Redis does not answer".to_owned())).unwrap_err();
        let (status, body) = read_back(denied.into_response()).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body["error"], "not_ready");
        assert_eq!(body["message"], "Redis does not answer");
        assert!(readiness(None).is_ok());
    }
}
