//! What a platform did to us, in the classes that decide what happens next.

use crate::lateness;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::timeline::harmless;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// May a call be sent twice?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Sending it again does no harm: reads, uploads, containers.
    Repeatable,
    /// Sending it again could publish twice.
    Irreversible,
}

/// Whom a limit or a pause concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One account on one platform.
    Account,
    /// Our OAuth registration on the platform, with every account connected through it.
    App,
    /// The whole platform.
    Platform,
}

impl Scope {
    /// From the smallest to the largest.
    pub const ALL: [Self; 3] = [Self::Account, Self::App, Self::Platform];

    /// The word of metrics and of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::App => "app",
            Self::Platform => "platform",
        }
    }
}

/// A platform's no, or its silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum Failure {
    /// The token is expired or revoked.
    Auth {
        /// The platform said that no refresh will help.
        revoked: bool,
        /// The platform's words, without secrets.
        detail: String,
    },
    /// Too many calls; nothing happened.
    RateLimit {
        /// Whom the limit concerns.
        scope: Scope,
        /// The first instant at which the platform takes calls again.
        retry_at: Timestamp,
        /// The platform's words.
        detail: String,
    },
    /// The text or an option breaks a rule of the platform.
    Content {
        /// The field of the post, when the platform names one.
        field: Option<String>,
        /// The platform's words.
        detail: String,
    },
    /// A file is not what the platform takes.
    Media {
        /// The position of the asset in the post, when it is known.
        asset: Option<usize>,
        /// The platform's words.
        detail: String,
    },
    /// The platform says it has this post already.
    Duplicate {
        /// The remote id that the platform names.
        named: Option<String>,
        /// The platform's words.
        detail: String,
    },
    /// Certainly without effect; another try may succeed.
    Transient {
        /// What was seen.
        detail: String,
    },
    /// An irreversible call went out and no answer says what became of it.
    Unknown {
        /// What was seen.
        detail: String,
    },
    /// Only the operator can mend it: unpaid, suspended, an API version gone.
    Operator {
        /// Whom to pause.
        scope: Scope,
        /// The platform's words.
        detail: String,
    },
}

/// The types of failures at which a delivery may end, as the product's surface names them; the
/// last one is that of a post which breaks a rule that is not a platform's.
pub const PUBLIC_TYPES: [&str; 10] = [
    "PlatformAuthError",
    "PlatformRateLimitError",
    "PlatformContentError",
    "PlatformMediaError",
    "PlatformTransientError",
    "PlatformOutcomeUnknown",
    "PlatformOperatorError",
    lateness::TOO_LATE,
    lateness::SKIPPED,
    "ValidationError",
];

impl Failure {
    /// The types that come again for as long as the post is what it is, or that its sender wanted.
    pub const LASTING_TYPES: [&str; 4] =
        ["PlatformContentError", "PlatformMediaError", lateness::SKIPPED, "ValidationError"];

    /// The name of this class on the product's surface.
    pub fn public_type(&self) -> &'static str {
        match self {
            Self::Auth { .. } => "PlatformAuthError",
            Self::RateLimit { .. } => "PlatformRateLimitError",
            Self::Content { .. } | Self::Duplicate { .. } => "PlatformContentError",
            Self::Media { .. } => "PlatformMediaError",
            Self::Transient { .. } => "PlatformTransientError",
            Self::Unknown { .. } => "PlatformOutcomeUnknown",
            Self::Operator { .. } => "PlatformOperatorError",
        }
    }

    /// What a person can do about it, in a sentence.
    pub fn resolution(&self) -> &'static str {
        match self {
            Self::Auth { .. } => "Reconnect the account, then retry the failed deliveries.",
            Self::RateLimit { .. } => "Nothing to do: it is sent again when the limit opens.",
            Self::Content { .. } => "Edit the post as the message says, then retry.",
            Self::Duplicate { .. } => "Change the wording: the platform has this text already.",
            Self::Media { .. } => "Upload media in a format the platform takes, then retry.",
            Self::Transient { .. } => "Retry later: the platform did not answer as it should.",
            Self::Unknown { .. } => "Look at the account on the platform and settle the review.",
            Self::Operator { .. } => "The operator of this installation has to act.",
        }
    }

    /// The same failure told without secrets: those of the call, which platforms do repeat, and
    /// whatever else looks like one.
    #[must_use]
    pub fn harmless(mut self, secrets: &[&Secret]) -> Self {
        let (Self::Auth { detail, .. }
        | Self::RateLimit { detail, .. }
        | Self::Content { detail, .. }
        | Self::Media { detail, .. }
        | Self::Duplicate { detail, .. }
        | Self::Transient { detail }
        | Self::Unknown { detail }
        | Self::Operator { detail, .. }) = &mut self;
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            *detail = detail.replace(secret.expose(), "…");
        }
        *detail = harmless(detail);
        self
    }

    /// The platform's words, or ours where it said nothing.
    pub fn detail(&self) -> &str {
        match self {
            Self::Auth { detail, .. }
            | Self::RateLimit { detail, .. }
            | Self::Content { detail, .. }
            | Self::Media { detail, .. }
            | Self::Duplicate { detail, .. }
            | Self::Transient { detail }
            | Self::Unknown { detail }
            | Self::Operator { detail, .. } => detail,
        }
    }
}

/// Had the request left this machine when the reply failed to come?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Certainly not one byte of it: name resolution, connect, TLS.
    No,
    /// Some or all of it may have arrived.
    Maybe,
}

/// The failure of a call that brought no readable reply.
pub fn no_reply(effect: Effect, sent: Sent, detail: String) -> Failure {
    match (effect, sent) {
        (Effect::Irreversible, Sent::Maybe) => Failure::Unknown { detail },
        (Effect::Irreversible, Sent::No) | (Effect::Repeatable, Sent::No | Sent::Maybe) => {
            Failure::Transient { detail }
        }
    }
}

/// The failure of a reply whose status is 500 or above, unless an adapter knows better.
pub fn server_error(effect: Effect, status: u16) -> Failure {
    no_reply(effect, Sent::Maybe, format!("the platform answered HTTP {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // case: S-echo
    #[test]
    fn a_platform_that_repeats_a_token_does_not_bring_it_into_a_failure() {
        let long = "q7".repeat(40);
        let detail =
            format!("Malformed access token short, or {long}\n of https://a.example/x?k={long}");
        let told = Failure::Transient { detail }.harmless(&[&"short".into(), &"".into()]);
        assert_eq!(told.detail(), "Malformed access token …, or … of https://a.example/x…");
    }

    // case: F-01
    #[test]
    fn only_an_irreversible_call_that_may_have_left_is_unknown() {
        let class =
            |effect, sent| matches!(no_reply(effect, sent, String::new()), Failure::Unknown { .. });
        assert!(class(Effect::Irreversible, Sent::Maybe));
        assert!(!class(Effect::Irreversible, Sent::No));
        assert!(!class(Effect::Repeatable, Sent::Maybe));
        assert!(!class(Effect::Repeatable, Sent::No));
    }
}
