//! The JSON of Threads, as far as we read it. Invariant: no decision is made here.
//!
//! What we write are forms, built where they are sent. Threads leaves out what is empty, so all
//! but the ids is optional.

use crate::refusal::lenient;
use domain::secret::Secret;
use serde::Deserialize;

/// The answer to a create, to a publication, and to a look at a container, which alone has a
/// status.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub id: String,
    #[serde(default)]
    pub status: Option<String>,
    /// Why the status is `ERROR`.
    #[serde(default)]
    pub error_message: Option<String>,
}

/// The answer to a look at a post.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Post {
    pub permalink: Option<String>,
}

/// The answer to a deletion.
#[derive(Debug, Deserialize)]
pub(super) struct Deleted {
    pub success: bool,
}

/// The answer of `GET /me/threads_publishing_limit`: a list of one.
#[derive(Debug, Deserialize)]
pub(super) struct QuotaList {
    pub data: Vec<Quota>,
}

/// What a profile has used of its quotas; each pair stands there only when it was asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Quota {
    pub quota_usage: Option<u64>,
    pub config: Option<QuotaConfig>,
    pub reply_quota_usage: Option<u64>,
    pub reply_config: Option<QuotaConfig>,
}

/// How much a quota allows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct QuotaConfig {
    pub quota_total: Option<u64>,
}

/// The answer of `GET /me/threads` and of `GET /me/replies`, newest first.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    pub data: Vec<Listed>,
    #[serde(default)]
    pub paging: Paging,
}

/// One post of the list.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    pub id: String,
    /// Left out of a post without words.
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub timestamp: Option<String>,
    #[serde(default)]
    pub permalink: Option<String>,
    #[serde(default)]
    pub media_type: Option<String>,
    /// What it answers; a post of its own answers nothing.
    #[serde(default)]
    pub replied_to: Option<Replied>,
}

/// The post that another one answers.
#[derive(Debug, Deserialize)]
pub(super) struct Replied {
    pub id: String,
}

/// Where a page ends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Paging {
    pub cursors: Cursors,
}

/// The cursor behind the last post of a page. There is one on the last page too.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cursors {
    pub after: Option<String>,
}

/// A token, short or long. The short one comes without its life.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub access_token: Secret,
    #[serde(default)]
    pub expires_in: Option<u64>,
}

/// The answer of `GET /me`.
#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub id: String,
    #[serde(default)]
    pub username: String,
}

/// The members of an error where the platform puts its own words.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refused {
    #[serde(deserialize_with = "lenient")]
    pub error: Words,
}

/// The words of an error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Words {
    #[serde(deserialize_with = "lenient")]
    pub code: i64,
    #[serde(deserialize_with = "lenient")]
    pub message: String,
    #[serde(deserialize_with = "lenient")]
    pub error_user_title: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub error_user_msg: Option<String>,
}
