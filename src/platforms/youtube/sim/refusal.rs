//! How the simulated YouTube says no.

use crate::sim::http::{json, typed};
use http::{Response, StatusCode};
use serde_json::{Value, json};

/// YouTube's no, in the shape of its errors or of Google's OAuth.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    /// `Null` where Google answers with a page.
    body: Value,
}

impl Refusal {
    /// The API's shape; `domain` and `reason` are what clients decide by.
    pub fn api(status: StatusCode, [domain, reason]: [&str; 2], message: &str) -> Self {
        let cause = json!({ "message": message, "domain": domain, "reason": reason });
        let code = status.as_u16();
        let body = json!({ "error": { "code": code, "message": message, "errors": [cause] } });
        Self { status, body }
    }

    /// A field of the metadata that breaks a rule.
    pub fn metadata(reason: &str, location: &str, message: &str) -> Self {
        let domain = "youtube.video";
        let mut refusal = Self::api(StatusCode::BAD_REQUEST, [domain, reason], message);
        refusal.locate(location, "other");
        refusal
    }

    /// A request that the API's front door cannot read.
    pub fn unreadable(message: &str) -> Self {
        let mut refusal = Self::api(StatusCode::BAD_REQUEST, ["global", "badRequest"], message);
        refusal.body["error"]["status"] = "INVALID_ARGUMENT".into();
        refusal
    }

    /// A query parameter that is missing or wrong.
    pub fn parameter(reason: &str, name: &str, message: &str) -> Self {
        let mut refusal =
            Self::api(StatusCode::BAD_REQUEST, ["youtube.parameter", reason], message);
        refusal.locate(name, "parameter");
        refusal
    }

    /// No token, or one that does not serve.
    pub fn unauthorized() -> Self {
        let told = "Invalid Credentials";
        let mut refusal = Self::api(StatusCode::UNAUTHORIZED, ["global", "authError"], told);
        refusal.locate("Authorization", "header");
        refusal.body["error"]["status"] = "UNAUTHENTICATED".into();
        refusal
    }

    pub fn forbidden([domain, reason]: [&str; 2], message: &str) -> Self {
        let mut refusal = Self::api(StatusCode::FORBIDDEN, [domain, reason], message);
        refusal.body["error"]["status"] = "PERMISSION_DENIED".into();
        refusal
    }

    /// A Google account without a channel.
    pub fn no_channel() -> Self {
        let told = "Unauthorized";
        let cause = ["youtube.header", "youtubeSignupRequired"];
        Self::api(StatusCode::UNAUTHORIZED, cause, told)
    }

    /// The uploader's answer for an address that it does not know. That it is no JSON is assumed;
    /// the guide names the status alone.
    pub fn not_found() -> Self {
        Self { status: StatusCode::NOT_FOUND, body: Value::Null }
    }

    /// The uploader's answer for a session that has ended.
    pub fn gone() -> Self {
        Self { status: StatusCode::GONE, body: Value::Null }
    }

    /// OAuth's shape.
    pub fn oauth(status: StatusCode, error: &str, told: &str) -> Self {
        Self { status, body: json!({ "error": error, "error_description": told }) }
    }

    pub fn respond(&self) -> Response<Vec<u8>> {
        match &self.body {
            Value::Null => {
                let told = self.status.canonical_reason().unwrap_or_default();
                typed(self.status, "text/plain; charset=utf-8", told.into())
            }
            body => json(self.status, body),
        }
    }

    fn locate(&mut self, location: &str, kind: &str) {
        let cause = &mut self.body["error"]["errors"][0];
        cause["location"] = location.into();
        cause["locationType"] = kind.into();
    }
}
