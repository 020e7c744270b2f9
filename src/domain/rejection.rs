//! What a caller did wrong, in words that teach: field, rule, limit, actual value, way out.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Which of the product's error types a rejection belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Violation)]
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

/// Characters of a user's own words that a rejection repeats.
pub const EXCERPT_CHARS_MAX: usize = 80;

/// The beginning of a user's own words, short enough to be shown back.
pub fn excerpt(words: &str) -> String {
    match words.char_indices().nth(EXCERPT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words.to_owned(),
    }
}

impl Rejection {
    /// A violation of `rule` at `field`; the setters below say the rest.
    pub fn new(
        kind: RejectionType,
        rule: Rule,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            rule,
            platform: None,
            field: field.into(),
            message: message.into(),
            limit: Value::Null,
            actual: Value::Null,
            resolution: String::new(),
        }
    }

    /// A plain request error.
    pub fn request(rule: Rule, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(RejectionType::ValidationError, rule, field, message)
    }

    /// A text or an option that `platform` does not take.
    pub fn content(
        platform: &str,
        rule: Rule,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(RejectionType::PlatformContentError, rule, field, message).on(platform)
    }

    /// A file that `platform` does not take.
    pub fn media(
        platform: &str,
        rule: Rule,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(RejectionType::PlatformMediaError, rule, field, message).on(platform)
    }

    /// The platform whose rule it is.
    #[must_use]
    pub fn on(mut self, platform: &str) -> Self {
        self.platform = Some(platform.to_owned());
        self
    }

    /// What is allowed, and what was found instead.
    #[must_use]
    pub fn bounds(mut self, limit: impl Into<Value>, actual: impl Into<Value>) -> Self {
        self.limit = limit.into();
        let actual = actual.into();
        self.actual = actual.as_str().map(excerpt).map_or(actual.clone(), Value::String);
        self
    }

    /// What to do about it, in a sentence.
    #[must_use]
    pub fn resolve(mut self, resolution: impl Into<String>) -> Self {
        self.resolution = resolution.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_between_characters() {
        assert_eq!(excerpt(&"é".repeat(80)), "é".repeat(80));
        assert_eq!(excerpt(&"é".repeat(81)), format!("{}…", "é".repeat(80)));
    }
}
