//! Why a call did not succeed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing says where the fleet is.
    #[error(
        "no fleet: {file}: {why}; start `postfleet dev`, or set POSTFLEET_URL and POSTFLEET_API_KEY"
    )]
    Nowhere {
        /// The file that was looked for.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// Only one of the two variables is set.
    #[error("POSTFLEET_URL and POSTFLEET_API_KEY belong together; {missing} is not set")]
    Half {
        /// The other one.
        missing: &'static str,
    },
    /// A URL or file of the caller's is not usable.
    #[error("{0}")]
    Unusable(String),
    /// No answer came. The request may have had its effect.
    #[error("no answer: {0}")]
    Silent(String),
    /// An inbox refused: it is full, or not open to this user. Nothing was added.
    #[error("the inbox: {0}")]
    Inbox(String),
    /// The fleet refused.
    #[error("{message}{}", list(.details))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The stable code.
        code: String,
        /// The story in a sentence.
        message: String,
        /// All violations, where there are several.
        details: Vec<Detail>,
    },
    /// The answer is not what a fleet answers.
    #[error("not the answer of a fleet (HTTP {status}): {why}")]
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        why: String,
    },
}

/// One violation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The product's error type.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The path of the field.
    #[serde(default)]
    pub field: String,
    /// The story in a sentence.
    #[serde(default)]
    pub message: String,
    /// The limit.
    #[serde(default)]
    pub limit: Value,
    /// What was found instead.
    #[serde(default)]
    pub actual: Value,
    /// What to do about it.
    #[serde(default)]
    pub resolution: String,
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.field, self.message, self.resolution)
    }
}

fn list(details: &[Detail]) -> String {
    details.iter().map(|detail| format!("\n  {detail}")).collect()
}

/// The address is left out of what a failed request tells: it can hold a code or a token.
pub(crate) fn silent(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    Error::Silent(told)
}
