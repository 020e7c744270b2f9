//! The toy's JSON.

use domain::secret::Secret;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The answer to a code.
#[derive(Deserialize)]
pub(super) struct Token {
    pub access_token: Secret,
}

/// Whom a token belongs to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Me {
    pub id: String,
    pub name: String,
}

/// What a post is made of.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    pub text: String,
}

/// A post as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Post {
    pub id: String,
    pub text: String,
    pub at: Timestamp,
}
