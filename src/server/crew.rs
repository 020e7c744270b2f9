//! Who may give orders on the port of the operators: people by name, each with a token of his own.
//!
//! Invariant: a token is neither shown nor kept in an answer; what is compared are digests.

use crate::envelope::Refusal;
use crate::extract::api_key;
use base::digest::sha256;
use domain::secret::Secret;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// A shorter token could be guessed: 20 characters of chance are 100 bits and more.
const TOKEN_CHARS_MIN: usize = 20;
/// The longest name; the audit keeps it behind `operator:`.
const NAME_CHARS_MAX: usize = 64;

/// Operators by name, with their tokens.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, Secret>")]
pub struct Crew(BTreeMap<String, Secret>);

impl TryFrom<BTreeMap<String, Secret>> for Crew {
    type Error = String;

    fn try_from(named: BTreeMap<String, Secret>) -> Result<Self, String> {
        for (name, token) in &named {
            let is_plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
            if !(1..=NAME_CHARS_MAX).contains(&name.len()) || !name.bytes().all(is_plain) {
                return Err(format!(
                    "an operator is called by 1 to {NAME_CHARS_MAX} of a-z, 0-9, -, _ and ., not \
                     {name:?}"
                ));
            }
            let actual = token.expose().chars().count();
            if actual < TOKEN_CHARS_MIN {
                return Err(format!(
                    "the token of {name} has {actual} characters; give it {TOKEN_CHARS_MIN} of \
                     chance at least, as `openssl rand -hex 32` prints"
                ));
            }
        }
        Ok(Self(named))
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Crew {
    /// Who asks, as the audit names him.
    pub(crate) fn who(&self, headers: &HeaderMap) -> Result<String, Refusal> {
        if self.0.is_empty() {
            let told = "Nobody may give orders here: `operators` of [server] names nobody. Name \
                        somebody with a token there, or use the command `postfleet pause`.";
            return Err(Refusal::new(StatusCode::FORBIDDEN, "no_operators", told));
        }
        let shown = api_key(headers).map(|token| sha256(token.as_bytes()));
        let is_theirs = |token: &Secret| shown == Some(sha256(token.expose().as_bytes()));
        let found = self.0.iter().find(|(_, token)| is_theirs(token));
        found.map(|(name, _)| format!("operator:{name}")).ok_or_else(|| {
            let told = "Send the token that `operators` of [server] gives you, as `Authorization: \
                        Bearer …`.";
            Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", told)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::AUTHORIZATION;

    fn crew(text: &str) -> Result<Crew, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    fn asked(crew: &Crew, token: Option<&str>) -> Result<String, StatusCode> {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
            headers.insert(AUTHORIZATION, value);
        }
        crew.who(&headers).map_err(|refusal| refusal.status)
    }

    // case: O-crew
    #[test]
    fn an_operator_is_known_by_his_own_token_alone() {
        let [ada, bob] = ["a".repeat(20), "b".repeat(20)];
        let crew = crew(&format!(r#"{{"ada": "{ada}", "bob": "{bob}"}}"#)).unwrap();
        assert_eq!(asked(&crew, Some(&ada)).as_deref(), Ok("operator:ada"));
        assert_eq!(asked(&crew, Some(&bob)).as_deref(), Ok("operator:bob"));
        let prefix = &ada[..19];
        for wrong in [None, Some(""), Some(prefix), Some("ada"), Some(&*ada.to_uppercase())] {
            assert_eq!(asked(&crew, wrong), Err(StatusCode::UNAUTHORIZED), "{wrong:?}");
        }
        assert_eq!(asked(&Crew::default(), Some("")), Err(StatusCode::FORBIDDEN));
        let shown = format!("{crew:?}");
        assert!(shown.contains("ada") && !shown.contains(&ada), "{shown}");
    }

    // case: O-crew
    #[test]
    fn a_token_that_could_be_guessed_is_refused_unseen() {
        let refused = crew(r#"{"ada": "canary"}"#).unwrap_err();
        assert!(refused.contains("has 6 characters") && !refused.contains("canary"), "{refused}");
        let long = "a".repeat(20);
        assert!(crew(&format!(r#"{{"Ada L": "{long}"}}"#)).unwrap_err().contains("Ada L"));
    }
}
