//! From a reply of YouTube or Google to the class of failure. Table first, code second.
//!
//! Sources: `platforms/youtube.md` section 7 and the peers' error tables, both with their
//! evidence; each row has a recorded or documented reply in `replies/`.
//! Invariant: only `reason` and `domain` of the first cause decide, or the word of OAuth; never
//! a message, and never what a user wrote.

use super::DAY_IN;
use super::wire::{ApiError, Problem};
use crate::port::Reply;
use crate::refusal::{fingerprint, server_failure};
use domain::failure::{Effect, Failure, Scope};
use domain::time::Timestamp;
use http::StatusCode;
use std::time::Duration;

/// The longest piece of the platform's words that is kept.
const DETAIL_CHARS_MAX: usize = 300;
/// 60 s: assumed for the limits that come and go; they name no time.
const BURST_PAUSE: Duration = Duration::from_secs(60);
/// 24 h: assumed for the number of videos of a channel; the platform names no time, its help
/// pages say to try again in a day.
const UPLOADS_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// What a row matches besides the status.
enum Says {
    /// The status is enough.
    Anything,
    /// Nothing above fitted: the status alone decides, and the refusal is counted as unmapped.
    Otherwise,
    /// The `reason` of the first cause.
    Reason(&'static str),
    /// Its `domain` and its `reason`.
    Cause(&'static str, &'static str),
    /// The member `error` of OAuth.
    OAuth(&'static str),
}

/// The class a row leads to.
#[derive(Clone, Copy)]
enum Class {
    /// A refresh may help.
    Stale,
    /// The grant, the consent or the channel is dead.
    Dead,
    /// Breaks a rule; the field, where the platform names one.
    Content(Option<&'static str>),
    Media,
    /// It was done before.
    Already,
    Operator(Scope),
    /// The project's day is used up.
    Day,
    /// The channel's videos of a day are used up.
    Uploads,
    /// Too many calls in a moment.
    Burst,
    /// What is named is not there, or not yet.
    Missing,
    /// A session that is gone says nothing about the piece that went there before.
    Doubt,
    /// No failure at all: who asked knows what it means.
    Answer,
}

struct Row(&'static [u16], Option<Effect>, Says, Class);

const ANY: &[u16] = &[];
const TOKEN: &[u16] = &[400, 401];
const LOST: &[u16] = &[404, 410];
const REPEATABLE: Option<Effect> = Some(Effect::Repeatable);
const IRREVERSIBLE: Option<Effect> = Some(Effect::Irreversible);

/// The first row that fits decides. An empty list of statuses means any from 400 to 499.
static TABLE: [Row; 59] = [
    Row(TOKEN, None, Says::OAuth("invalid_grant"), Class::Dead),
    Row(TOKEN, None, Says::OAuth("invalid_client"), Class::Operator(Scope::App)),
    Row(TOKEN, None, Says::OAuth("unauthorized_client"), Class::Operator(Scope::App)),
    Row(TOKEN, None, Says::OAuth("redirect_uri_mismatch"), Class::Operator(Scope::App)),
    Row(TOKEN, None, Says::OAuth("invalid_request"), Class::Operator(Scope::App)),
    Row(ANY, None, Says::Reason("quotaExceeded"), Class::Day),
    Row(ANY, None, Says::Reason("dailyLimitExceeded"), Class::Day),
    Row(ANY, None, Says::Reason("rateLimitExceeded"), Class::Burst),
    Row(ANY, None, Says::Reason("userRateLimitExceeded"), Class::Burst),
    Row(ANY, None, Says::Reason("uploadLimitExceeded"), Class::Uploads),
    Row(&[429], None, Says::Reason("uploadRateLimitExceeded"), Class::Burst),
    Row(&[429], None, Says::Anything, Class::Burst),
    Row(ANY, None, Says::Reason("accessNotConfigured"), Class::Operator(Scope::App)),
    // The account is there, its channel is not: only a person can mend that.
    Row(ANY, None, Says::Reason("youtubeSignupRequired"), Class::Dead),
    Row(ANY, None, Says::Reason("accountClosed"), Class::Dead),
    Row(ANY, None, Says::Reason("accountSuspended"), Class::Dead),
    Row(ANY, None, Says::Reason("channelClosed"), Class::Dead),
    Row(ANY, None, Says::Reason("channelSuspended"), Class::Dead),
    Row(ANY, None, Says::Reason("authenticatedUserAccountClosed"), Class::Dead),
    Row(ANY, None, Says::Reason("authenticatedUserAccountSuspended"), Class::Dead),
    Row(ANY, None, Says::Reason("authenticatedUserNotChannel"), Class::Dead),
    Row(ANY, None, Says::Reason("accountDelegationForbidden"), Class::Dead),
    // A consent without the scope: no refresh adds one.
    Row(&[403], None, Says::Reason("insufficientPermissions"), Class::Dead),
    Row(&[401], None, Says::Anything, Class::Stale),
    Row(ANY, None, Says::Reason("invalidTitle"), Class::Content(Some("title"))),
    Row(ANY, None, Says::Reason("invalidDescription"), Class::Content(Some("description"))),
    Row(ANY, None, Says::Reason("invalidTags"), Class::Content(Some("tags"))),
    Row(ANY, None, Says::Reason("invalidCategoryId"), Class::Content(Some("categoryId"))),
    Row(ANY, None, Says::Reason("invalidPublishAt"), Class::Content(Some("publishAt"))),
    Row(ANY, None, Says::Reason("invalidVideoMetadata"), Class::Content(None)),
    Row(ANY, None, Says::Reason("invalidRecordingDetails"), Class::Content(None)),
    Row(ANY, None, Says::Reason("invalidVideoGameRating"), Class::Content(None)),
    Row(ANY, None, Says::Reason("defaultLanguageNotSet"), Class::Content(None)),
    Row(ANY, None, Says::Reason("forbiddenPrivacySetting"), Class::Content(Some("privacyStatus"))),
    Row(ANY, None, Says::Reason("forbiddenLicenseSetting"), Class::Content(None)),
    Row(ANY, None, Says::Reason("forbiddenEmbedSetting"), Class::Content(None)),
    // Thumbnails: the video is out by then, so these are only told.
    Row(&[403], None, Says::Cause("youtube.thumbnail", "forbidden"), Class::Media),
    Row(&[400], None, Says::Reason("failedPrecondition"), Class::Media),
    Row(ANY, None, Says::Reason("invalidImage"), Class::Media),
    Row(ANY, None, Says::Reason("imageFormatUnsupported"), Class::Media),
    Row(ANY, None, Says::Reason("imageTooTall"), Class::Media),
    Row(ANY, None, Says::Reason("imageTooWide"), Class::Media),
    Row(ANY, None, Says::Reason("mediaBodyRequired"), Class::Media),
    Row(ANY, None, Says::Reason("invalidFilename"), Class::Media),
    // Playlists: the video is out by then too.
    Row(
        ANY,
        None,
        Says::Reason("playlistContainsMaximumNumberOfVideos"),
        Class::Content(Some("playlistIds")),
    ),
    Row(ANY, None, Says::Reason("playlistItemsNotAccessible"), Class::Content(Some("playlistIds"))),
    Row(
        ANY,
        None,
        Says::Reason("playlistOperationUnsupported"),
        Class::Content(Some("playlistIds")),
    ),
    Row(
        ANY,
        None,
        Says::Reason("videoAlreadyInAnotherSeriesPlaylist"),
        Class::Content(Some("playlistIds")),
    ),
    Row(ANY, None, Says::Reason("videoAlreadyInPlaylist"), Class::Already),
    // A grant of another Google account than the channel's: one of five channels, seen by a peer.
    Row(&[403], None, Says::Reason("forbidden"), Class::Stale),
    Row(&[404], None, Says::Reason("videoNotFound"), Class::Missing),
    Row(&[404], None, Says::Reason("playlistNotFound"), Class::Missing),
    Row(&[404], None, Says::Reason("channelNotFound"), Class::Missing),
    Row(LOST, REPEATABLE, Says::Anything, Class::Answer),
    Row(LOST, IRREVERSIBLE, Says::Anything, Class::Doubt),
    Row(&[413, 415], None, Says::Anything, Class::Media),
    Row(&[400], REPEATABLE, Says::Otherwise, Class::Media),
    Row(&[403], REPEATABLE, Says::Otherwise, Class::Stale),
    Row(ANY, IRREVERSIBLE, Says::Otherwise, Class::Content(None)),
];

/// The class of `reply`; `None` for a success, and for what only a session means: that it goes on
/// (308), or that it is gone.
pub(super) fn classify(effect: Effect, reply: &Reply) -> Option<Failure> {
    let status = reply.status.as_u16();
    if reply.status.is_success() || reply.status == StatusCode::PERMANENT_REDIRECT {
        return None;
    }
    let said = Said::read(reply);
    let Some(Row(.., class)) = row(effect, reply, &said) else {
        return Some(server_failure(effect, reply));
    };
    let detail = said.detail(status);
    let later = |end: Timestamp| reply.retry_after().map_or(end, |named| named.max(end));
    let limited = |scope, retry_at| Failure::RateLimit { scope, retry_at, detail: detail.clone() };
    Some(match *class {
        Class::Stale => Failure::Auth { revoked: false, detail },
        Class::Dead => Failure::Auth { revoked: true, detail },
        Class::Content(field) => Failure::Content { field: field.map(Into::into), detail },
        Class::Media => Failure::Media { asset: None, detail },
        Class::Already => Failure::Duplicate { named: None, detail },
        Class::Operator(scope) => Failure::Operator { scope, detail },
        Class::Day => limited(Scope::App, later(DAY_IN.next_midnight(reply.at))),
        Class::Uploads => limited(Scope::Account, later(reply.at + UPLOADS_PAUSE)),
        Class::Burst => {
            let ends = reply.retry_after().unwrap_or(reply.at + BURST_PAUSE);
            limited(Scope::Account, ends)
        }
        Class::Missing => Failure::Transient { detail },
        Class::Doubt => Failure::Unknown { detail },
        Class::Answer => return None,
    })
}

/// What to count a refusal under that only its status tells of.
pub(super) fn unmapped(effect: Effect, reply: &Reply) -> Option<String> {
    let said = Said::read(reply);
    let is_known = match row(effect, reply, &said) {
        Some(Row(_, _, says, _)) => !matches!(says, Says::Otherwise),
        None => !is_refusal(reply),
    };
    if is_known {
        return None;
    }
    let cause = said.api.errors.first();
    let words = cause.map_or(["", ""], |cause| [&cause.domain, &cause.reason]);
    Some(fingerprint(reply, words.into_iter().chain([said.oauth.as_str()])))
}

/// YouTube says no. 408 is a server or a proxy that lost patience: nobody knows what it did before.
fn is_refusal(reply: &Reply) -> bool {
    reply.status.is_client_error() && reply.status.as_u16() != 408
}

fn row(effect: Effect, reply: &Reply, said: &Said) -> Option<&'static Row> {
    let status = reply.status.as_u16();
    TABLE.iter().find(|row| is_refusal(reply) && row.fits(status, effect, said))
}

/// A success without what it must hold.
pub(super) fn unreadable(effect: Effect, reply: &Reply) -> Failure {
    let detail = format!("HTTP {} without the documented form", reply.status.as_u16());
    match effect {
        Effect::Repeatable => Failure::Transient { detail },
        Effect::Irreversible => Failure::Unknown { detail },
    }
}

/// A refusal in its two shapes: of the API, and of OAuth.
#[derive(Default)]
struct Said {
    api: ApiError,
    oauth: String,
    oauth_told: String,
}

impl Said {
    fn read(reply: &Reply) -> Self {
        let problem: Problem = serde_json::from_slice(&reply.body).unwrap_or_default();
        Self {
            oauth: problem.error.as_str().unwrap_or_default().to_owned(),
            oauth_told: problem.error_description.unwrap_or_default(),
            api: serde_json::from_value(problem.error).unwrap_or_default(),
        }
    }

    /// The platform's words, cut to a length that fits a log line, after its own name for them.
    fn detail(&self, status: u16) -> String {
        let cause = self.api.errors.first();
        let told =
            [self.oauth_told.as_str(), cause.map_or("", |cause| &cause.message), &self.api.message];
        let told = told.into_iter().find(|text| !text.trim().is_empty()).unwrap_or_default();
        let name = cause.map_or(self.oauth.as_str(), |cause| &cause.reason);
        let detail = match (name, told) {
            ("", "") => format!("HTTP {status}"),
            ("", told) => told.to_owned(),
            (name, "") => name.to_owned(),
            (name, told) => format!("{name}: {told}"),
        };
        detail.chars().take(DETAIL_CHARS_MAX).collect()
    }
}

impl Row {
    fn fits(&self, status: u16, effect: Effect, said: &Said) -> bool {
        let Self(statuses, wanted, says, _) = self;
        (statuses.is_empty() || statuses.contains(&status))
            && wanted.is_none_or(|wanted| wanted == effect)
            && says.fits(said)
    }
}

impl Says {
    fn fits(&self, said: &Said) -> bool {
        let cause = said.api.errors.first();
        match self {
            Self::Anything | Self::Otherwise => true,
            Self::Reason(reason) => cause.is_some_and(|cause| cause.reason == *reason),
            Self::Cause(domain, reason) => {
                cause.is_some_and(|cause| cause.domain == *domain && cause.reason == *reason)
            }
            Self::OAuth(word) => said.oauth == *word,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::reply;
    use serde_json::{Value, json};

    fn class(status: u16, headers: &Value, body: &Value) -> Failure {
        let case = json!({ "headers": headers, "status": status, "body": body });
        classify(Effect::Repeatable, &reply(&case)).unwrap()
    }

    #[test]
    fn words_do_not_change_the_class() {
        let cause = json!({ "message": "quotaExceeded", "reason": "invalidTitle" });
        let body = json!({ "error": { "code": 400, "errors": [cause] } });
        let failure = class(400, &json!({}), &body);
        assert!(matches!(failure, Failure::Content { .. }), "{failure:?}");
    }

    #[test]
    fn a_burst_ends_when_the_platform_says() {
        let at = |headers: &Value| match class(429, headers, &Value::Null) {
            Failure::RateLimit { scope: Scope::Account, retry_at, .. } => retry_at.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(at(&json!({})), "2026-11-23T12:01:00.000Z");
        assert_eq!(at(&json!({ "retry-after": "7" })), "2026-11-23T12:00:07.000Z");
        assert_eq!(at(&json!({ "retry-after": "soon" })), "2026-11-23T12:01:00.000Z");
    }

    #[test]
    fn a_page_instead_of_json_is_classified_by_its_status() {
        let body = json!("<html><title>Error 503 (Backend Error)</title></html>");
        assert!(matches!(class(503, &json!({}), &body), Failure::Transient { .. }));
        let detail = class(400, &json!({}), &body).detail().to_owned();
        assert_eq!(detail, "HTTP 400");
    }
}
