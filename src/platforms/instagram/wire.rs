//! The JSON of Instagram and of Facebook Login, as far as we read it. Invariant: no decision is
//! made here.
//!
//! What is not needed is optional, and an id may come as a text or as a number: a reply with a
//! field less than usual must not turn a success into a failure.

use crate::refusal::lenient;
use domain::secret::Secret;
use serde::{Deserialize, Deserializer};

/// The answer to the creation of a container, and to its publication.
#[derive(Debug, Deserialize)]
pub(super) struct Made {
    #[serde(deserialize_with = "id")]
    pub id: String,
    /// Where the film of a container goes that is sent.
    #[serde(default, deserialize_with = "lenient")]
    pub uri: Option<String>,
}

/// The state of a container. `status_code` is what tells this answer from all others.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub status_code: String,
    #[serde(default)]
    pub status: String,
    #[serde(default, deserialize_with = "lenient")]
    pub video_status: Option<VideoStatus>,
}

/// How far a film is that is sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct VideoStatus {
    #[serde(deserialize_with = "lenient")]
    pub uploading_phase: UploadingPhase,
}

/// How much of it has arrived.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct UploadingPhase {
    #[serde(deserialize_with = "lenient")]
    pub status: String,
    #[serde(deserialize_with = "lenient")]
    pub bytes_transferred: Option<u64>,
}

/// The answer to an upload; one that was cut short has `debug_info` in its place.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    pub success: bool,
}

/// How many posts went out in the last day, and how many may.
#[derive(Debug, Deserialize)]
pub(super) struct Quota {
    pub data: Vec<Used>,
}

/// The one entry of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Used {
    #[serde(deserialize_with = "lenient")]
    pub quota_usage: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    pub config: QuotaConfig,
}

/// What the account is allowed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct QuotaConfig {
    #[serde(deserialize_with = "lenient")]
    pub quota_total: Option<u32>,
}

/// Where a post can be seen.
#[derive(Debug, Deserialize)]
pub(super) struct Seen {
    pub permalink: String,
}

/// A page of the account's posts, newest first.
#[derive(Debug, Deserialize)]
pub(super) struct Posts {
    pub data: Vec<Listed>,
    #[serde(default)]
    pub paging: Paging,
}

/// One post of the list. One without words has no `caption`.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    #[serde(deserialize_with = "id")]
    pub id: String,
    #[serde(default)]
    pub caption: String,
    #[serde(default)]
    pub timestamp: String,
    #[serde(default)]
    pub media_type: Option<String>,
}

/// Where a list goes on; the last page has no `next`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Paging {
    pub cursors: Cursors,
    pub next: Option<String>,
}

/// The places in a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cursors {
    pub after: Option<String>,
}

impl Paging {
    /// Where the next page begins.
    pub fn after(self) -> Option<String> {
        self.next.and(self.cursors.after).filter(|after| !after.is_empty())
    }
}

/// The answer of a token endpoint, in both shapes that the documentation shows.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Tokens {
    Wrapped { data: [Token; 1] },
    Flat(Token),
}

/// A token.
#[derive(Deserialize)]
pub(super) struct Token {
    pub access_token: Secret,
    #[serde(default)]
    pub expires_in: Option<u64>,
}

/// The answer of `me` under Instagram Login.
#[derive(Debug, Deserialize)]
pub(super) struct Profile {
    #[serde(deserialize_with = "id")]
    pub user_id: String,
    pub username: String,
    #[serde(default)]
    pub account_type: String,
}

/// The Facebook Pages that a person manages.
#[derive(Deserialize)]
pub(super) struct Pages {
    pub data: Vec<Page>,
    #[serde(default)]
    pub paging: Paging,
}

/// A Page; its token is missing where the person may not act for it.
#[derive(Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    pub access_token: Option<Secret>,
    #[serde(default)]
    pub instagram_business_account: Option<Linked>,
}

/// The professional account that is linked to a Page.
#[derive(Debug, Deserialize)]
pub(super) struct Linked {
    #[serde(deserialize_with = "id")]
    pub id: String,
    pub username: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    // Larger than what a floating-point number holds, so it must not become one.
    Number(u64),
}

fn id<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match Id::deserialize(from)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_number_is_an_id_to_its_last_digit() {
        let text = r#"{"user_id":17841405822304914321,"username":"acme"}"#;
        let profile: Profile = serde_json::from_str(text).unwrap();
        assert_eq!(profile.user_id, "17841405822304914321");
    }

    #[test]
    fn a_token_comes_flat_or_wrapped() {
        let flat = r#"{"access_token":"a","user_id":1784,"permissions":"p"}"#;
        for text in [flat.to_owned(), format!(r#"{{"data":[{flat}]}}"#)] {
            let token = match serde_json::from_str(&text).unwrap() {
                Tokens::Wrapped { data: [token] } | Tokens::Flat(token) => token,
            };
            assert_eq!(token.access_token.expose(), "a");
        }
    }
}
