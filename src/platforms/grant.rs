//! A grant: what lets us act for an account, and what must never be seen of it.
//!
//! Invariant: a grant has no `Debug` and no `Serialize`. Its clear form exists for the vault, in
//! memory that is cleared; requests, calls and replies, which may carry one, print their outline.

use crate::port::{Call, Part, Reply};
use domain::secret::Secret;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

/// Tokens of an account.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// Signs calls.
    pub access_token: Secret,
    /// Renews the access token, where the platform gives one.
    pub refresh_token: Option<Secret>,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// What the account's owner allowed, where the platform told.
    pub scopes: Option<Vec<String>>,
}

/// The clear form, as it is sealed.
#[derive(Serialize)]
struct Clear<'a> {
    access_token: &'a str,
    refresh_token: Option<&'a str>,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
}

impl Grant {
    /// What must not come back in a failure that repeats a request.
    pub fn secrets(&self) -> Vec<&Secret> {
        [Some(&self.access_token), self.refresh_token.as_ref()].into_iter().flatten().collect()
    }

    /// The clear form, to be sealed at once.
    pub fn to_clear(&self) -> Zeroizing<Vec<u8>> {
        let clear = Clear {
            access_token: self.access_token.expose(),
            refresh_token: self.refresh_token.as_ref().map(Secret::expose),
            expires_at: self.expires_at,
            scopes: self.scopes.clone(),
        };
        // Texts and a number: there is nothing in it that JSON could not say.
        Zeroizing::new(serde_json::to_vec(&clear).unwrap_or_default())
    }

    /// The grant in a clear form, or `None` when it is none. What was read is never told.
    pub fn of_clear(clear: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Owned {
            access_token: Secret,
            refresh_token: Option<Secret>,
            expires_at: Timestamp,
            #[serde(default)]
            scopes: Option<Vec<String>>,
        }
        let Owned { access_token, refresh_token, expires_at, scopes } =
            serde_json::from_slice(clear).ok()?;
        Some(Self { access_token, refresh_token, expires_at, scopes })
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Asset { asset, start, end } => write!(f, "asset {asset}, {start}..{end}"),
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No query: Meta's tokens travel there.
        let (method, path) = (self.request.method(), self.request.uri().path());
        write!(
            f,
            "{} ({:?}): {method} {path}, {:?}",
            self.endpoint,
            self.effect,
            self.request.body()
        )
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} bytes at {}", self.status, self.body.len(), self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Body;
    use domain::failure::Effect;
    use http::{HeaderMap, Request, StatusCode};
    use std::time::Duration;

    #[test]
    fn the_clear_form_is_read_back_and_an_older_one_too() {
        let grant = Grant {
            access_token: "a\"b".into(),
            refresh_token: Some("r".into()),
            expires_at: Timestamp::from_seconds(5),
            scopes: Some(vec!["read".to_owned()]),
        };
        assert!(Grant::of_clear(&grant.to_clear()).as_ref() == Some(&grant));
        let older =
            br#"{"access_token":"a","refresh_token":null,"expires_at":"1970-01-01T00:00:05Z"}"#;
        let older = Grant::of_clear(older).unwrap();
        assert!(older.scopes.is_none() && older.access_token.expose() == "a");
        assert!(Grant::of_clear(b"{}").is_none());
    }

    #[test]
    fn what_may_carry_a_token_prints_its_outline() {
        let request = Request::post("https://example.com/me?access_token=canary");
        let request = request.body(Body::inline("client_secret=canary")).unwrap();
        let (endpoint, effect) = ("me", Effect::Repeatable);
        let call = Call { endpoint, effect, request, deadline: Duration::from_secs(1) };
        let reply = Reply {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: b"canary".to_vec(),
            at: Timestamp::from_seconds(0),
        };
        let printed = format!("{call:?} {reply:?}");
        assert!(printed.contains("POST /me") && !printed.contains("canary"), "{printed}");
    }
}
