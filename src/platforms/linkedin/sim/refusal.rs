//! LinkedIn's no, in the shapes of its errors.

use crate::sim::http::{json, typed};
use http::{Response, StatusCode};
use serde_json::{Value, json};

/// A refusal.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    body: Value,
}

impl Refusal {
    /// The envelope of the API, with its number where there is one.
    pub fn api(status: StatusCode, number: Option<i64>, code: &str, message: &str) -> Self {
        let mut body = json!({ "status": status.as_u16(), "code": code, "message": message });
        if let Some(number) = number {
            body["serviceErrorCode"] = number.into();
        }
        Self { status, body }
    }

    /// A token that does not serve.
    pub fn token(number: i64, code: &str, message: &str) -> Self {
        Self::api(StatusCode::UNAUTHORIZED, Some(number), code, message)
    }

    /// No token at all: this one comes in the old envelope.
    pub fn no_token() -> Self {
        let message = "Empty oauth2_access_token";
        let body = json!({ "message": message, "serviceErrorCode": 401, "status": 401 });
        Self { status: StatusCode::UNAUTHORIZED, body }
    }

    /// A scope or a role is missing for this endpoint.
    pub fn not_permitted(endpoint: &str) -> Self {
        let (resource, method) = endpoint.split_once('.').unwrap_or((endpoint, "FINDER"));
        let method = if method == "status" { "GET".into() } else { method.to_uppercase() };
        let told = format!("Not enough permissions to access: {resource}.{method}");
        Self::api(StatusCode::FORBIDDEN, Some(100), "ACCESS_DENIED", &told)
    }

    /// The day is used up, as the old envelope tells it. `throttle` is `MEMBER DAY` or the like.
    pub fn throttled(throttle: &str) -> Self {
        let message = format!(
            "Resource level throttle {throttle} limit for calls to this resource is reached."
        );
        let body = json!({ "message": message, "status": 429, "serviceErrorCode": 101 });
        Self { status: StatusCode::TOO_MANY_REQUESTS, body }
    }

    /// A request that is wrong as a whole.
    pub fn illegal(message: &str) -> Self {
        Self::api(StatusCode::BAD_REQUEST, None, "ILLEGAL_ARGUMENT", message)
    }

    /// Nothing of this name.
    pub fn not_found() -> Self {
        let told = "The resource is not found";
        Self::api(StatusCode::NOT_FOUND, None, "NOT_FOUND", told)
    }

    /// One member of the body is wrong.
    pub fn input(code: &str, member: &str, description: &str) -> Self {
        let path = json!({ "inputPath": { "fieldPath": format!("/{member}") } });
        Self::inputs(StatusCode::BAD_REQUEST, "Invalid input", [code, description], &path)
    }

    /// The author has a post of these words.
    pub fn duplicate(urn: &str) -> Self {
        let message = format!("Content is a duplicate of {urn}");
        let told = ["DUPLICATE_POST", "Duplicate post is detected"];
        Self::inputs(StatusCode::UNPROCESSABLE_ENTITY, &message, told, &json!({}))
    }

    fn inputs(
        status: StatusCode,
        message: &str,
        [code, description]: [&str; 2],
        input: &Value,
    ) -> Self {
        let error = json!({ "description": description, "input": input, "code": code });
        let body = json!({
            "errorDetailType": "com.linkedin.common.error.BadRequest",
            "message": message,
            "errorDetails": { "inputErrors": [error] },
            "status": status.as_u16(),
        });
        Self { status, body }
    }

    /// The token endpoint's.
    pub fn oauth(status: StatusCode, error: &str, told: &str) -> Self {
        Self { status, body: json!({ "error": error, "error_description": told }) }
    }

    /// An address whose signature is over: not the API speaks, but the host of uploads.
    pub fn address_over() -> Self {
        Self { status: StatusCode::FORBIDDEN, body: Value::Null }
    }

    /// The answer.
    pub fn response(self) -> Response<Vec<u8>> {
        if self.body.is_null() {
            return typed(self.status, "text/plain", b"URL signature expired".to_vec());
        }
        json(self.status, &self.body)
    }
}
