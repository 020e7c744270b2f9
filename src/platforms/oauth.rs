//! What the platforms with plain OAuth share: the answer of a token endpoint, and the header that
//! carries a token.
//!
//! Invariant: a token never shows in what a request or an answer prints.

use crate::grant::Grant;
use crate::port::{Body, Reply};
use domain::secret::Secret;
use domain::time::Timestamp;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use serde::Deserialize;
use std::time::Duration;
use url::form_urlencoded;

/// How token requests are written.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The answer of a token endpoint (RFC 6749 5.1). `token_type` is left out by some.
#[derive(Deserialize)]
pub(crate) struct Tokens {
    access_token: Secret,
    #[serde(default)]
    refresh_token: Option<Secret>,
    #[serde(default)]
    expires_in: Option<u64>,
    /// What the person allowed; may be less than was asked for.
    #[serde(default)]
    pub scope: Option<String>,
}

impl Tokens {
    /// The tokens in an answer, if they are there.
    pub fn read(reply: &Reply) -> Option<Self> {
        let tokens: Self = serde_json::from_slice(&reply.body).ok()?;
        // An empty token signs nothing, and must never overwrite one that does.
        (!tokens.access_token.is_empty()).then_some(tokens)
    }

    /// The grant they amount to, at the time of the answer. `life` is the documented one, for an
    /// answer that leaves it out.
    pub fn grant(self, at: Timestamp, life: Duration, previous: Option<&Grant>) -> Grant {
        // An empty refresh token must never overwrite a stored one: a peer lost accounts by that.
        let refresh_token = self
            .refresh_token
            .filter(|token| !token.is_empty())
            .or_else(|| previous.and_then(|grant| grant.refresh_token.clone()));
        let expires_at = at + self.expires_in.map_or(life, Duration::from_secs);
        // Most platforms join them with spaces, one with commas whatever it was asked with.
        let split = |scope: String| {
            let words = scope.split([' ', ',']).filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        };
        let told = self.scope.map(split);
        let scopes = told.or_else(|| previous.and_then(|grant| grant.scopes.clone()));
        Grant { access_token: self.access_token, refresh_token, expires_at, scopes }
    }
}

/// The refresh token of a grant, if it has one.
pub(crate) fn refresh_token(grant: &Grant) -> Option<&str> {
    grant.refresh_token.as_ref().map(Secret::expose).filter(|token| !token.is_empty())
}

/// Pairs as a form or query writes them.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Writes the header that must not show in any log.
///
/// A token that is no legal header value cannot be sent; without the header the platform answers
/// 401, which ends in a reconnect, as it should.
pub(crate) fn bear(request: &mut Request<Body>, credentials: &str) {
    if let Ok(mut value) = HeaderValue::from_str(credentials) {
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
}

/// A request whose URI consists of constants, encoded words and addresses that were read as URIs
/// before, so it always parses.
pub(crate) fn request(
    method: Method,
    uri: &str,
    content_type: Option<&str>,
    body: Body,
) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(uri).header(ACCEPT, "application/json");
    if let Some(content_type) = content_type {
        builder = builder.header(CONTENT_TYPE, content_type);
    }
    match builder.body(body) {
        Ok(request) => request,
        Err(refused) => panic!("a request is made of parts that fit: {refused}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_refresh_token_keeps_the_stored_one_and_the_life_has_a_default() {
        let previous = Grant {
            access_token: "old".into(),
            refresh_token: Some("kept".into()),
            expires_at: Timestamp::from_seconds(5),
            scopes: None,
        };
        for body in [r#"{"access_token":"new","refresh_token":""}"#, r#"{"access_token":"new"}"#] {
            let tokens: Tokens = serde_json::from_str(body).unwrap();
            let at = Timestamp::from_seconds(1_000);
            let grant = tokens.grant(at, Duration::from_secs(60), Some(&previous));
            assert!(grant.refresh_token == Some("kept".into()));
            assert_eq!(grant.expires_at, Timestamp::from_seconds(1_060));
        }
    }

    #[test]
    fn the_bearer_never_shows_in_debug_output() {
        let mut request = request(Method::GET, "https://example.com/", None, Body::empty());
        bear(&mut request, "Bearer canary");
        assert!(request.headers().contains_key(AUTHORIZATION));
        assert!(!format!("{request:?}").contains("canary"));
    }
}
