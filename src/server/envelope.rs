//! The one envelope of every answer, and which refusal gets which status.
//!
//! Invariant: a fault is logged here, once, and tells its caller nothing of our inside.

use app::Refused;
use app::caller::Closed;
use axum::Json;
use axum::response::{IntoResponse, Response};
use base::{Fault, clock};
use domain::rejection::{Rejection, Rule};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

/// What a handler comes to.
pub(crate) type Answered = Result<Response, Denied>;

/// Why there is no success to show.
#[derive(Debug)]
pub(crate) enum Denied {
    /// The caller is turned away.
    Caller(Refusal),
    /// We failed.
    Fault(Fault),
}

/// A caller is turned away.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    /// Stable; programs read it.
    pub code: &'static str,
    /// The story in a sentence.
    pub message: String,
    pub details: Vec<Rejection>,
    /// Seconds until it is worth asking again, where that is known.
    pub retry_after_s: Option<u64>,
}

#[derive(Serialize)]
struct Success<T> {
    success: bool,
    data: T,
}

#[derive(Serialize)]
struct Failed<'a> {
    success: bool,
    error: &'a str,
    message: &'a str,
    details: &'a [Rejection],
}

/// A success with its data.
pub(crate) fn success(status: StatusCode, data: impl Serialize) -> Response {
    (status, Json(Success { success: true, data })).into_response()
}

/// What a caller reads when we failed.
pub(crate) const OURS: &str = "We could not carry this out, and it may or may not have had its \
                               effect. Send it again in a moment; a post is never accepted twice \
                               under one Idempotency-Key.";

impl Refusal {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: Vec::new(), retry_after_s: None }
    }

    /// The same refusal with a violation that explains it.
    pub fn with(mut self, rejection: Rejection) -> Self {
        self.details.push(rejection);
        self
    }

    pub fn unauthorized(why: Option<Closed>) -> Self {
        let message = match why {
            None | Some(Closed::Unknown) => {
                "No key that we know came with the request. Send `Authorization: Bearer pf_…` or \
                 `x-api-key: pf_…`."
            }
            Some(Closed::Mistyped) => {
                "The key is not whole: its checksum does not fit. Copy it again, from its first \
                 character to its last."
            }
            Some(Closed::Expired) => {
                "The key has expired. Give out a new one with POST /v1/keys, or ask an owner."
            }
            Some(Closed::Revoked) => {
                "The key was revoked. Ask an owner of the tenant for another one."
            }
        };
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    pub fn invalid(details: Vec<Rejection>) -> Self {
        let is_misread = details.iter().any(|detail| detail.rule == Rule::WrongType);
        let status =
            if is_misread { StatusCode::BAD_REQUEST } else { StatusCode::UNPROCESSABLE_ENTITY };
        let message = match details.as_slice() {
            [only] => only.message.clone(),
            many => format!("{} rules are broken; the details name each.", many.len()),
        };
        Self { status, code: "validation_failed", message, details, retry_after_s: None }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(details) => Self::invalid(details),
            Refused::NotFound(message) => Self::new(StatusCode::NOT_FOUND, "not_found", message),
            Refused::Conflict { code, message } => Self::new(StatusCode::CONFLICT, code, message),
            Refused::Forbidden { code, why } => {
                Self::new(StatusCode::FORBIDDEN, code, why.message.clone()).with(*why)
            }
            Refused::Limited { code, why, retry_at } => {
                // What no time makes room for is a state of the tenant's things.
                let status = match retry_at {
                    Some(_) => StatusCode::TOO_MANY_REQUESTS,
                    None => StatusCode::CONFLICT,
                };
                let retry_after_s = retry_at.map(|at| at.since(clock::now()).as_secs() + 1);
                let refusal = Self::new(status, code, why.message.clone()).with(*why);
                Self { retry_after_s, ..refusal }
            }
            Refused::NameTaken { code, why } => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Self::new(status, code, why.message.clone()).with(*why)
            }
        }
    }
}

impl From<Refused> for Denied {
    fn from(refused: Refused) -> Self {
        Self::Caller(refused.into())
    }
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Caller(refusal)
    }
}

impl From<Fault> for Denied {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Failed {
            success: false,
            error: self.code,
            message: &self.message,
            details: &self.details,
        };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"postfleet\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Self::Caller(refusal) => refusal.into_response(),
            Self::Fault(fault) => {
                tracing::error!(%fault, "a request could not be carried out");
                Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", OURS).into_response()
            }
        }
    }
}

#[cfg(test)]
pub(crate) async fn read_back(response: Response) -> (StatusCode, serde_json::Value) {
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn broken(rule: Rule) -> Rejection {
        Rejection::request(rule, "text", "Too long.").bounds(280, 300).resolve("Shorten it.")
    }

    #[tokio::test]
    async fn a_success_carries_data_only() {
        let (status, body) = read_back(success(StatusCode::CREATED, json!({"id": "pst_1"}))).await;
        assert_eq!(status, StatusCode::CREATED);
        assert_eq!(body, json!({"success": true, "data": {"id": "pst_1"}}));
    }

    #[tokio::test]
    async fn broken_rules_are_422_and_a_wrong_type_among_them_makes_400() {
        let rules = Denied::from(Refused::Invalid(vec![broken(Rule::TooMuch)]));
        let (status, body) = read_back(rules.into_response()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(body["success"], false);
        assert_eq!(body["error"], "validation_failed");
        assert_eq!(body["message"], "Too long.");
        let detail = &body["details"][0];
        assert_eq!(detail["type"], "ValidationError");
        assert_eq!(detail["field"], "text");
        assert_eq!((&detail["limit"], &detail["actual"]), (&json!(280), &json!(300)));
        assert_eq!(detail["resolution"], "Shorten it.");

        let both = Refused::Invalid(vec![broken(Rule::TooMuch), broken(Rule::WrongType)]);
        let (status, body) = read_back(Denied::from(both).into_response()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(body["message"], "2 rules are broken; the details name each.");
    }

    #[tokio::test]
    async fn state_is_409_and_the_unknown_404() {
        let conflict = Refused::Conflict { code: "too_late", message: "It is out.".to_owned() };
        let (status, body) = read_back(Denied::from(conflict).into_response()).await;
        assert_eq!((status, &body["error"]), (StatusCode::CONFLICT, &json!("too_late")));
        let unknown = Refused::NotFound("There is no post.".to_owned());
        let (status, body) = read_back(Denied::from(unknown).into_response()).await;
        assert_eq!((status, &body["error"]), (StatusCode::NOT_FOUND, &json!("not_found")));
        assert_eq!(body["details"], json!([]));
    }

    #[tokio::test]
    async fn a_fault_is_503_and_keeps_its_story_to_itself() {
        let response = Denied::from(Fault::new("postgres://canary@host")).into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        let (status, body) = read_back(response).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body["error"], "unavailable");
        assert!(!body.to_string().contains("canary"));
    }

    #[test]
    fn a_missing_key_is_told_how_to_come_in() {
        let response = Refusal::unauthorized(None).into_response();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer realm=\"postfleet\"");
    }
}
