//! What a caller did wrong, in words that teach: field, rule, limit, actual value, way out.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which of the product's error types a rejection belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RejectionType {
    /// A plain request error.
    ValidationError,
    /// The content breaks a rule of a platform.
    PlatformContentError,
    /// A file breaks a rule of a platform.
    PlatformMediaError,
    /// The account's token is dead.
    PlatformAuthError,
}

/// How the request is at fault; it chooses the HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A field has another JSON type than the one documented: 400.
    WrongType,
    /// A field that does not exist here: 422.
    UnknownField,
    /// A required field is missing or empty: 422.
    Required,
    /// A value outside its range or set: 422.
    OutOfRange,
    /// Longer, larger or more than allowed: 422.
    TooMuch,
    /// The platform cannot do this at all: 422.
    NotSupported,
    /// It names something that does not exist here: 422.
    NotFound,
    /// It contradicts another field: 422.
    Conflict,
}

/// One violation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejection {
    /// The product's error type.
    #[serde(rename = "type")]
    pub kind: RejectionType,
    /// The rule that was broken.
    pub rule: Rule,
    /// The platform whose rule it is, when it is a platform's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub platform: Option<String>,
    /// The path of the field, as `x.poll.options[2]`.
    pub field: String,
    /// The whole story in a sentence.
    pub message: String,
    /// The limit: a number, or the list of what is allowed.
    pub limit: Value,
    /// What was found instead.
    pub actual: Value,
    /// What to do about it.
    pub resolution: String,
}
