//! From a reply of Instagram, or the state of a container, to the class of failure. Table first,
//! code second.
//!
//! Sources: developers.facebook.com/docs/instagram-platform, error codes of 2026-06-02, and what
//! other publishers saw in the field; each row has a reply in `replies/`.
//! Invariant: only codes and subcodes decide; the words of the platform are passed on, not read,
//! save for the number that Instagram writes into the text of a container's state.

use super::limits::QUOTA_WAIT;
use crate::meta::{self, ANY_CODE, Class, Row};
use crate::port::Reply;
use crate::refusal::{fingerprint, lenient, server_failure};
use domain::failure::{Effect, Failure, Scope, server_error};
use domain::time::Timestamp;
use serde::Deserialize;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Meta holds an account back for what looks like spam, and names no time (assumed: a day).
const RESTRICTED_WAIT: Duration = Duration::from_secs(24 * 3_600);
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
static TABLE: [Row; 68] = [
    // Seen as an answer to posts that appeared nevertheless. Elsewhere a long rest is all that
    // helps: another try soon makes it worse.
    Row(ANY_CODE, Some(2_207_051), IRREVERSIBLE, Class::Unclear),
    Row(ANY_CODE, Some(2_207_051), None, Class::Quota(RESTRICTED_WAIT)),
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
    // The grant. docs: the app was removed, the account is held at a checkpoint, the password was
    // changed, the token is expired (and cannot be renewed then), the account is unconfirmed, the
    // token is invalid, the session is over: nothing but a reconnect helps.
    Row(190, Some(458), None, Class::Dead),
    Row(190, Some(459), None, Class::Dead),
    Row(190, Some(460), None, Class::Dead),
    Row(190, Some(463), None, Class::Dead),
    Row(190, Some(464), None, Class::Dead),
    Row(190, Some(467), None, Class::Dead),
    Row(190, Some(490), None, Class::Dead),
    Row(190, Some(492), None, Class::Dead),
    // Without a known reason it may be Meta's own trouble: one refusal disconnects nobody.
    Row(190, None, None, Class::Stale),
    Row(102, None, None, Class::Dead),
    Row(10, None, None, Class::Dead),
    Row(3, None, None, Class::Dead),
    Row(25, None, None, Class::Dead),
    Row(9_009, None, None, Class::Dead),
    // The registration: its id or its secret is wrong.
    Row(101, None, None, Class::Operator(Scope::App)),
    // The version in the path is over, or never was.
    Row(2_635, None, None, Class::Operator(Scope::Platform)),
    Row(2_500, None, None, Class::Operator(Scope::App)),
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

/// What a type of refusal of the host for uploads means. After each of them the container is asked
/// how much it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UploadClass {
    /// The token is not taken.
    Stale,
    /// Another try may help.
    Again,
    /// An answer, not a refusal: it has more or fewer bytes than we think.
    Told,
}

/// Seen with the uploads of several products of Meta, which share this host.
static UPLOAD_TABLE: [(&str, UploadClass); 6] = [
    ("NotAuthorizedError", UploadClass::Stale),
    ("OffsetInvalidError", UploadClass::Told),
    ("PartialRequestError", UploadClass::Told),
    // It comes and goes with good films, and the container may be at work nevertheless.
    ("ProcessingFailedError", UploadClass::Again),
    ("ParameterValidationError", UploadClass::Again),
    ("ServiceUnavailable", UploadClass::Again),
];

/// The error of the host for uploads, which has an envelope of its own.
#[derive(Deserialize, Default)]
#[serde(default)]
struct UploadError {
    #[serde(deserialize_with = "lenient")]
    debug_info: DebugInfo,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct DebugInfo {
    #[serde(rename = "type", deserialize_with = "lenient")]
    kind: String,
}

/// The type of an upload's refusal, where it is one.
fn upload_error(effect: Effect, reply: &Reply) -> Option<String> {
    if reply.status.is_success() || effect == Effect::Irreversible {
        return None;
    }
    let UploadError { debug_info } = serde_json::from_slice(&reply.body).ok()?;
    Some(debug_info.kind).filter(|kind| !kind.is_empty())
}

/// An upload can always be made again, so nothing here is said of the post.
fn upload_failure(kind: &str, reply: &Reply) -> Option<Failure> {
    if reply.status.is_server_error() {
        return Some(server_failure(Effect::Repeatable, reply));
    }
    let status = reply.status.as_u16();
    let detail: String = format!("the upload was refused with HTTP {status}: {kind}");
    let detail = detail.chars().take(DETAIL_CHARS_MAX).collect();
    let row = UPLOAD_TABLE.iter().find(|(known, _)| *known == kind);
    match row.map(|row| row.1) {
        Some(UploadClass::Told) => None,
        Some(UploadClass::Stale) => Some(Failure::Auth { revoked: false, detail }),
        Some(UploadClass::Again) | None => Some(Failure::Transient { detail }),
    }
}

/// The class of `reply`; `None` for a success.
pub(super) fn classify(effect: Effect, reply: &Reply) -> Option<Failure> {
    if let Some(kind) = upload_error(effect, reply) {
        return upload_failure(&kind, reply);
    }
    let meta::Problem { code, subcode, .. } = meta::problem(reply);
    let is_own = SUBCODES.contains(&subcode);
    if PERMISSIONS.contains(&code) && !is_own {
        return meta::classify(&[Row(code, None, None, Class::Dead)], effect, reply);
    }
    // A page instead of an error names no reason: one of those disconnects nobody.
    if code == 0 && reply.status.as_u16() == 401 {
        let detail = "HTTP 401 without a reason".to_owned();
        return Some(Failure::Auth { revoked: false, detail });
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
    if let Some(kind) = upload_error(effect, reply) {
        let is_known = UPLOAD_TABLE.iter().any(|(known, _)| *known == kind);
        return (!is_known).then(|| fingerprint(reply, [kind.as_str()]));
    }
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
pub(super) fn container_failure(
    status: &str,
    (asset, is_last): (Option<usize>, bool),
    now: Timestamp,
) -> Failure {
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
        Some(Class::Quota(wait)) => {
            Failure::RateLimit { scope: Scope::Account, retry_at: now + wait, detail }
        }
        Some(
            Class::Media
            | Class::Limit(_)
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
    use crate::refusal::tests::cases;
    use serde_json::json;
    use std::collections::BTreeSet;

    #[test]
    fn the_words_of_an_error_do_not_change_its_class() {
        let error = json!({ "code": 100, "message": "Error 190: the session has expired" });
        let case = json!({ "headers": {}, "status": 400, "body": { "error": error } });
        let failure = classify(Effect::Irreversible, &reply(&case));
        assert!(matches!(failure, Some(Failure::Content { .. })), "{failure:?}");
    }

    // case: C-rows
    #[test]
    fn each_row_is_reached_by_a_reply() {
        let mut reached = BTreeSet::new();
        let mut kinds = BTreeSet::new();
        for (_, effect, case) in cases("instagram") {
            let reply = reply(&case);
            let row = meta::row(&TABLE, effect, &meta::problem(&reply));
            let at = row.and_then(|row| TABLE.iter().position(|own| std::ptr::eq(own, row)));
            reached.extend(at);
            kinds.extend(case["body"]["debug_info"]["type"].as_str().map(ToOwned::to_owned));
        }
        let dead: Vec<_> = (0..TABLE.len()).filter(|at| !reached.contains(at)).collect();
        let dead: Vec<_> = dead.into_iter().map(|at| &TABLE[at]).collect();
        assert!(dead.is_empty(), "no reply reaches these rows: {dead:?}");
        assert!(UPLOAD_TABLE.iter().all(|(kind, _)| kinds.contains(*kind)), "{kinds:?}");
    }

    #[test]
    fn a_broken_container_is_judged_by_the_number_in_its_state() {
        let state = |code: u32| format!("Error: Media upload has failed with error code {code}");
        let now = Timestamp::from_seconds(1_000);
        let failed = |code, is_last| container_failure(&state(code), (Some(3), is_last), now);
        assert!(matches!(failed(2_207_026, false), Failure::Media { asset: Some(3), .. }));
        assert!(meta::is_gone(&failed(2_207_003, false)));
        assert!(meta::is_gone(&failed(2_207_052, false)));
        assert!(matches!(failed(2_207_052, true), Failure::Media { asset: Some(3), .. }));
        assert!(matches!(failed(2_207_010, false), Failure::Content { .. }));
        assert!(matches!(failed(1, false), Failure::Media { .. }));
        let held = failed(2_207_051, false);
        assert!(
            matches!(held, Failure::RateLimit { retry_at, .. } if retry_at == now + RESTRICTED_WAIT)
        );
    }
}
