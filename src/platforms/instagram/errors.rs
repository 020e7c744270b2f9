//! From a reply of Instagram, or the state of a container, to the class of failure. Table first,
//! code second.
//!
//! Sources: developers.facebook.com/docs/instagram-platform, error codes of 2026-06-02, and what
//! other publishers saw in the field; each row has a reply in `replies/`.
//! Invariant: only codes and subcodes decide; the words of the platform are passed on, not read,
//! save for the number that Instagram writes into the text of a container's state.

use crate::meta::{self, ANY_CODE, Class, Row};
use crate::port::Reply;
use domain::failure::{Effect, Failure, Scope, server_error};
use std::ops::RangeInclusive;
use std::time::Duration;

/// The quota rolls with the oldest post of the day; whether it has moved is looked at hourly.
const QUOTA_WAIT: Duration = Duration::from_secs(3_600);
/// Meta's feed limiter names no time, only that it takes hours (assumed: three).
const FEED_LIMIT_WAIT: Duration = Duration::from_secs(3 * 3_600);
/// Permissions that are missing, docs: Graph API error handling.
const PERMISSIONS: RangeInclusive<i64> = 200..=299;
/// Limits of a business use case, docs: Graph API rate limiting; Instagram's is 80002.
const USE_CASE_LIMITS: RangeInclusive<i64> = 80_000..=80_014;
/// Where Instagram's own numbers lie.
const SUBCODES: RangeInclusive<i64> = 2_207_000..=2_207_999;
/// The longest piece of the platform's words that is kept.
const DETAIL_CHARS_MAX: usize = 300;

const IRREVERSIBLE: Option<Effect> = Some(Effect::Irreversible);

/// Instagram's own numbers mean the same under every code, so they come first.
static TABLE: [Row; 58] = [
    // Seen as an answer to posts that appeared nevertheless; elsewhere a person has to look.
    Row(ANY_CODE, Some(2_207_051), IRREVERSIBLE, Class::Unclear),
    Row(ANY_CODE, Some(2_207_051), None, Class::Operator(Scope::Account)),
    Row(ANY_CODE, Some(2_207_042), None, Class::Quota(QUOTA_WAIT)),
    Row(ANY_CODE, Some(2_207_050), None, Class::Dead),
    Row(ANY_CODE, Some(2_207_027), None, Class::NotReady),
    Row(ANY_CODE, Some(2_207_008), None, Class::NotReady),
    Row(ANY_CODE, Some(2_207_006), None, Class::Gone),
    Row(ANY_CODE, Some(2_207_020), None, Class::Gone),
    // Meta's own trouble.
    Row(ANY_CODE, Some(2_207_001), None, Class::Unclear),
    Row(ANY_CODE, Some(2_207_032), None, Class::Unclear),
    Row(ANY_CODE, Some(2_207_053), None, Class::Unclear),
    // Media that Meta's servers could not load this time, which is before anything is public.
    Row(ANY_CODE, Some(2_207_003), None, Class::Transient),
    // It says of itself that it is not transient, and passes all the same.
    Row(ANY_CODE, Some(2_207_052), None, Class::Transient),
    Row(ANY_CODE, Some(2_207_082), None, Class::Transient),
    Row(ANY_CODE, Some(2_207_004), None, Class::Media),
    Row(ANY_CODE, Some(2_207_005), None, Class::Media),
    Row(ANY_CODE, Some(2_207_009), None, Class::Media),
    Row(ANY_CODE, Some(2_207_023), None, Class::Media),
    Row(ANY_CODE, Some(2_207_026), None, Class::Media),
    Row(ANY_CODE, Some(2_207_057), None, Class::Media),
    Row(ANY_CODE, Some(2_207_077), None, Class::Media),
    Row(ANY_CODE, Some(2_207_085), None, Class::Media),
    Row(ANY_CODE, Some(2_207_010), None, Class::Content(Some("text"))),
    Row(ANY_CODE, Some(2_207_040), None, Class::Content(Some("text"))),
    Row(ANY_CODE, Some(2_207_028), None, Class::Content(Some("media"))),
    Row(ANY_CODE, Some(2_207_018), None, Class::Content(Some("collaborators"))),
    Row(ANY_CODE, Some(2_207_035), None, Class::Content(None)),
    Row(ANY_CODE, Some(2_207_036), None, Class::Content(None)),
    Row(ANY_CODE, Some(2_207_037), None, Class::Content(None)),
    Row(ANY_CODE, Some(2_207_081), None, Class::Content(None)),
    // The grant. An expired token cannot be renewed, so there is nothing but a reconnect.
    Row(190, None, None, Class::Dead),
    Row(102, None, None, Class::Dead),
    Row(10, None, None, Class::Dead),
    Row(3, None, None, Class::Dead),
    Row(25, None, None, Class::Dead),
    Row(9_009, None, None, Class::Dead),
    // The registration: its id or its secret is wrong.
    Row(101, None, None, Class::Operator(Scope::App)),
    // Limits. Those that count all accounts of a registration stop the registration.
    Row(4, None, None, Class::Limit(Scope::App)),
    Row(17, None, None, Class::Limit(Scope::Account)),
    Row(32, None, None, Class::Limit(Scope::Account)),
    Row(613, None, None, Class::Limit(Scope::Account)),
    Row(9, None, None, Class::Quota(QUOTA_WAIT)),
    Row(368, Some(1_390_008), None, Class::Quota(FEED_LIMIT_WAIT)),
    Row(368, None, None, Class::Content(None)),
    // Meta's own trouble. After a publish it says nothing about the post.
    Row(1, None, None, Class::Unclear),
    Row(2, None, None, Class::Unclear),
    Row(-1, None, None, Class::Unclear),
    Row(-2, None, None, Class::Unclear),
    Row(24, None, None, Class::Gone),
    Row(9_007, None, None, Class::NotReady),
    Row(9_004, None, None, Class::Unclear),
    Row(352, None, None, Class::Media),
    Row(36_000, None, None, Class::Media),
    Row(36_001, None, None, Class::Media),
    Row(36_003, None, None, Class::Media),
    // The outage of 2026-05-23 answered so to valid tokens: never a reason to disconnect.
    Row(100, Some(33), IRREVERSIBLE, Class::Unclear),
    Row(100, Some(33), None, Class::Gone),
    Row(100, None, None, Class::Content(None)),
];

/// The class of `reply`; `None` for a success.
pub(super) fn classify(effect: Effect, reply: &Reply) -> Option<Failure> {
    let meta::Problem { code, subcode, .. } = meta::problem(reply);
    let is_own = SUBCODES.contains(&subcode);
    if PERMISSIONS.contains(&code) && !is_own {
        return meta::classify(&[Row(code, None, None, Class::Dead)], effect, reply);
    }
    if USE_CASE_LIMITS.contains(&code) && !is_own {
        let limit = Class::Limit(Scope::Account);
        return meta::classify(&[Row(code, None, None, limit)], effect, reply);
    }
    match meta::classify(&TABLE, effect, reply) {
        // A server that failed may have refused only after it had published.
        Some(Failure::Content { .. } | Failure::Media { .. })
            if effect == Effect::Irreversible && reply.status.is_server_error() =>
        {
            Some(server_error(effect, reply.status.as_u16()))
        }
        failure => failure,
    }
}

/// What to count a refusal under that no row knows.
pub(super) fn unmapped(effect: Effect, reply: &Reply) -> Option<String> {
    let meta::Problem { code, subcode, .. } = meta::problem(reply);
    let is_range = PERMISSIONS.contains(&code) || USE_CASE_LIMITS.contains(&code);
    if is_range && !SUBCODES.contains(&subcode) {
        return None;
    }
    meta::unmapped(&TABLE, effect, reply)
}

/// What a container's state `ERROR` amounts to, by the number in its text, as in `Error: Media
/// upload has failed with error code 2207026`. What may pass asks for a new container, unless
/// the last one is used up; everything else is said of the file.
pub(super) fn container_failure(status: &str, asset: Option<usize>, is_last: bool) -> Failure {
    let detail: String = status.chars().take(DETAIL_CHARS_MAX).collect();
    let numbers = status.split(|c: char| !c.is_ascii_digit());
    let subcode = numbers.filter_map(|n| n.parse().ok()).find(|n| SUBCODES.contains(n));
    let row = TABLE.iter().find(|row| row.1.is_some() && row.1 == subcode && row.2.is_none());
    match row.map(|row| row.3) {
        Some(Class::Unclear | Class::Gone | Class::NotReady | Class::Transient) if !is_last => {
            meta::gone(&detail)
        }
        Some(Class::Content(field)) => Failure::Content { field: field.map(Into::into), detail },
        Some(Class::Operator(scope)) => Failure::Operator { scope, detail },
        Some(Class::Dead) => Failure::Auth { revoked: true, detail },
        Some(Class::Stale) => Failure::Auth { revoked: false, detail },
        Some(
            Class::Media
            | Class::Limit(_)
            | Class::Quota(_)
            | Class::Unclear
            | Class::Gone
            | Class::NotReady
            | Class::Transient,
        )
        | None => Failure::Media { asset, detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::reply;
    use serde_json::json;

    #[test]
    fn the_words_of_an_error_do_not_change_its_class() {
        let error = json!({ "code": 100, "message": "Error 190: the session has expired" });
        let case = json!({ "headers": {}, "status": 400, "body": { "error": error } });
        let failure = classify(Effect::Irreversible, &reply(&case));
        assert!(matches!(failure, Some(Failure::Content { .. })), "{failure:?}");
    }

    #[test]
    fn a_broken_container_is_judged_by_the_number_in_its_state() {
        let state = |code: u32| format!("Error: Media upload has failed with error code {code}");
        let failed = |code, is_last| container_failure(&state(code), Some(3), is_last);
        assert!(matches!(failed(2_207_026, false), Failure::Media { asset: Some(3), .. }));
        assert!(meta::is_gone(&failed(2_207_003, false)));
        assert!(meta::is_gone(&failed(2_207_052, false)));
        assert!(matches!(failed(2_207_052, true), Failure::Media { asset: Some(3), .. }));
        assert!(matches!(failed(2_207_010, false), Failure::Content { .. }));
        assert!(matches!(failed(1, false), Failure::Media { .. }));
    }
}
