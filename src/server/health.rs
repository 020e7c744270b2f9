//! Whether this process lives and whether it can work.

use crate::Site;
use crate::envelope::success;
use app::ready::Check;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

/// A check as it is shown.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'a str>,
}

/// `GET /healthz`: the process runs. A restart would not heal what `/readyz` tells.
pub(crate) async fn alive() -> Response {
    success(StatusCode::OK, json!({ "status": "alive" }))
}

/// `GET /readyz` where everybody can ask.
pub(crate) async fn ready(State(site): State<Site>) -> Response {
    readiness(&site.operators.checks().await, false)
}

/// 200 when every check passes. Otherwise 503, and with `is_open` the story of each check: whoever
/// asks at the public port has no business with our inside.
pub(crate) fn readiness(checks: &[Check], is_open: bool) -> Response {
    let failing: Vec<&Check> = checks.iter().filter(|check| check.trouble.is_some()).collect();
    let shown = checks.iter().map(|check| Shown {
        name: check.name,
        ok: check.trouble.is_none(),
        reason: check.trouble.as_deref(),
        warning: check.warning.as_deref(),
    });
    let shown: Vec<Shown<'_>> = if is_open { shown.collect() } else { Vec::new() };
    if failing.is_empty() {
        let data = match is_open {
            true => json!({ "status": "ready", "checks": shown }),
            false => json!({ "status": "ready" }),
        };
        return success(StatusCode::OK, data);
    }
    let message = match is_open {
        true => {
            let told = failing.iter().map(|check| {
                format!("{}: {}", check.name, check.trouble.as_deref().unwrap_or_default())
            });
            told.collect::<Vec<_>>().join("; ")
        }
        false => "A part of the fleet does not answer.".to_owned(),
    };
    let body = json!({
        "success": false, "error": "not_ready", "message": message, "details": [],
    });
    let body = match is_open {
        true => with(body, &shown),
        false => body,
    };
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

fn with(mut body: serde_json::Value, checks: &[Shown<'_>]) -> serde_json::Value {
    body["checks"] = json!(checks);
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::read_back;

    fn checks() -> [Check; 2] {
        let away = "connection refused".to_owned();
        [Check::of("redis", Some(away)), Check::of("postgres", None)]
    }

    // case: O-ready
    #[tokio::test]
    async fn not_ready_is_503_with_each_failing_check_named() {
        let (status, body) = read_back(readiness(&checks(), true)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body["error"], "not_ready");
        assert_eq!(body["message"], "redis: connection refused");
        let told = json!([
            {"name": "redis", "ok": false, "reason": "connection refused"},
            {"name": "postgres", "ok": true},
        ]);
        assert_eq!(body["checks"], told);
        let (status, _) = read_back(readiness(&checks()[1..], true)).await;
        assert_eq!(status, StatusCode::OK);
    }

    // case: O-ready-parts
    #[tokio::test]
    async fn a_warning_is_shown_to_operators_and_takes_nobody_out_of_rotation() {
        let warned = [Check::of("redis", None).warned(Some("a node is away".to_owned()))];
        let (status, body) = read_back(readiness(&warned, true)).await;
        assert_eq!(status, StatusCode::OK);
        let told = json!([{"name": "redis", "ok": true, "warning": "a node is away"}]);
        assert_eq!(body["data"]["checks"], told);
        let (status, body) = read_back(readiness(&warned, false)).await;
        assert_eq!((status, body.to_string().contains("node")), (StatusCode::OK, false));
    }

    #[tokio::test]
    async fn strangers_are_not_told_of_our_inside() {
        let (status, body) = read_back(readiness(&checks(), false)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!body.to_string().contains("redis"), "{body}");
    }
}
