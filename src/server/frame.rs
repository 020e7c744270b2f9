//! What surrounds every handler: request id, count, panic guard, unknown routes.
//!
//! Invariant: a log line or a metric names the matched route, never the path that was asked for,
//! which can hold a code.

use crate::envelope::Refusal;
use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use base::trace::{self, Cause, Kind, Span};
use base::{clock, rng};
use futures::FutureExt;
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::panic::AssertUnwindSafe;
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// A caller's own request id is taken over up to this length.
const REQUEST_ID_SIZE_BYTES_MAX: usize = 64;

/// Puts the frame around routes.
pub(crate) fn frame(routes: Router) -> Router {
    routes.fallback(unknown_route).method_not_allowed_fallback(wrong_method).layer(from_fn(observe))
}

async fn unknown_route() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address.")
}

async fn wrong_method() -> Refusal {
    let message = "This address takes other methods; the header Allow names them.";
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

async fn observe(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("unmatched", MatchedPath::as_str).to_owned();
    let traced = begin(&request, &route);
    let trace_id = traced.trace_id();
    let span = tracing::info_span!("request", id, method = %request.method(), route, trace_id);
    let handled = AssertUnwindSafe(trace::within(traced.clone(), next.run(request))).catch_unwind();
    let answered = async {
        let response = handled.await.unwrap_or_else(|_| panicked());
        tracing::debug!(status = response.status().as_u16(), "answered");
        response
    };
    let since = clock::stopwatch();
    let mut response = answered.instrument(span).await;
    metrics::histogram!("postfleet_http_seconds", "route" => route.clone())
        .record(since.elapsed().as_secs_f64());
    traced.set("http.response.status_code", i64::from(response.status().as_u16()));
    if response.status().is_server_error() {
        traced.fail("http");
    }
    let status = response.status().as_str().to_owned();
    metrics::counter!("postfleet_http_requests_total", "route" => route, "status" => status)
        .increment(1);
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// The span of a request, a part of its caller's where that names one. Whoever only looks whether
/// we are well has none.
fn begin(request: &Request, route: &str) -> Span {
    if ["/metrics", "/healthz", "/readyz"].contains(&route) {
        return Span::default();
    }
    let parent = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    let method = request.method();
    let span = Span::begin(Kind::Server, Cause::Part(parent), || format!("{method} {route}"));
    if span.is_kept() {
        span.set("http.request.method", method.as_str().to_owned());
        span.set("http.route", route.to_owned());
    }
    span
}

/// The caller's own id, where it is fit for a log line, or a fresh one.
fn request_id(headers: &HeaderMap) -> String {
    let is_fit = |id: &&str| {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        (1..=REQUEST_ID_SIZE_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_plain)
    };
    let own = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(is_fit);
    own.map_or_else(|| rng::uuid().simple().to_string(), str::to_owned)
}

/// The panic hook has told the story already, with the place.
fn panicked() -> Response {
    tracing::error!("a handler panicked");
    let message = "A bug of ours stopped this request. Its x-request-id leads us there.";
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::read_back;
    use axum::body::Body;
    use axum::routing::get;
    use http::header::ALLOW;
    use tower::ServiceExt;

    async fn ask(method: &str, path: &str) -> Response {
        let routes = Router::new()
            .route("/fine/{id}", get(async || "fine"))
            .route("/broken", get(async || -> &'static str { panic!("canary") }));
        let request = Request::builder().method(method).uri(path).header("x-request-id", "up-1");
        frame(routes).oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn every_answer_has_the_request_id() {
        for path in ["/fine/1", "/broken", "/nowhere"] {
            assert_eq!(ask("GET", path).await.headers()[REQUEST_ID], "up-1", "{path}");
        }
    }

    #[tokio::test]
    async fn unknown_routes_and_wrong_methods_are_answered_in_the_envelope() {
        let (status, body) = read_back(ask("GET", "/nowhere").await).await;
        assert_eq!((status, &body["error"]), (StatusCode::NOT_FOUND, &"not_found".into()));
        let response = ask("PUT", "/fine/1").await;
        assert_eq!(response.headers()[ALLOW], "GET,HEAD");
        let (status, body) = read_back(response).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(body["error"], "method_not_allowed");
    }

    #[tokio::test]
    async fn a_panic_is_500_and_keeps_its_words_to_itself() {
        let (status, body) = read_back(ask("GET", "/broken").await).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body["error"], "internal_error");
        assert!(!body.to_string().contains("canary"));
    }

    #[test]
    fn an_id_that_would_spoil_a_log_line_is_replaced() {
        for spoilt in ["a b", "", "a\tb", &"a".repeat(65)] {
            let value = HeaderValue::from_str(spoilt).unwrap();
            let id = request_id(&HeaderMap::from_iter([(REQUEST_ID, value)]));
            assert_eq!(id.len(), 32, "{spoilt:?}");
        }
    }
}
