//! From a reply of X to the class of failure. Table first, code second.
//!
//! Sources: `platforms/x.md` section 8 and the peers' error tables, both with their evidence; each
//! row has a recorded or documented reply in `replies/`.
//! Invariant: only X's own words are matched, in the members where X puts them, never a post.

use super::limits::{FAMILIES, number};
use super::wire::Problem;
use crate::port::Reply;
use domain::failure::{Effect, Failure, Scope, server_error};
use domain::time::Timestamp;
use std::time::Duration;

/// The longest piece of the platform's words that is kept.
const DETAIL_CHARS_MAX: usize = 300;
/// A 429 that names no reset: the length of X's windows.
const RETRY_DEFAULT: Duration = Duration::from_secs(15 * 60);
/// `Date` leaves the fraction of its second out, and a reply is on its way for a moment.
const DATE_BLUR: Duration = Duration::from_millis(1_500);
/// How our own words begin when an upload has to be made anew.
const GONE: &str = "the upload is not known any more";
/// How our own words begin when a chunk was too large.
const TOO_LARGE: &str = "the chunk is too large";

/// What a row matches besides the status.
enum Says {
    /// The status is enough.
    Anything,
    /// The last segment of the member `type`, of the error or of one inside it.
    Type(&'static str),
    /// A phrase in `detail`, `title` or a `message`, in any case.
    Words(&'static str),
    /// A number in `errors[].code`.
    Code(i64),
    /// The member `error` of OAuth.
    OAuth(&'static str),
}

/// The class a row leads to.
#[derive(Clone, Copy)]
enum Class {
    /// A refresh may help.
    Stale,
    /// The grant or the account is dead.
    Dead,
    /// Breaks a rule; the field, where X names one.
    Content(Option<&'static str>),
    Media,
    Duplicate,
    Operator(Scope),
    Limit,
    Cap,
    /// The upload has to begin again.
    Gone,
    TooLarge,
}

struct Row(&'static [u16], Option<Effect>, Says, Class);

const ANY: &[u16] = &[];
const TOKEN: &[u16] = &[400, 401];
const REPEATABLE: Option<Effect> = Some(Effect::Repeatable);
const IRREVERSIBLE: Option<Effect> = Some(Effect::Irreversible);

/// The first row that fits decides. An empty list of statuses means any from 400 to 499.
static TABLE: [Row; 44] = [
    // The token endpoint says `invalid_request` as often as `invalid_grant` for a spent token.
    Row(TOKEN, None, Says::OAuth("invalid_request"), Class::Dead),
    Row(TOKEN, None, Says::OAuth("invalid_grant"), Class::Dead),
    Row(TOKEN, None, Says::OAuth("invalid_client"), Class::Operator(Scope::App)),
    Row(TOKEN, None, Says::OAuth("unauthorized_client"), Class::Operator(Scope::App)),
    Row(&[402], None, Says::Anything, Class::Operator(Scope::App)),
    Row(&[429], None, Says::Type("usage-capped"), Class::Cap),
    Row(&[429], None, Says::Anything, Class::Limit),
    Row(ANY, None, Says::Type("rate-limit-exceeded"), Class::Limit),
    // A suspended account is dead; a locked one comes back when its owner unlocks it.
    Row(ANY, None, Says::Type("user-suspended"), Class::Dead),
    Row(ANY, None, Says::Code(64), Class::Dead),
    Row(&[403], None, Says::Words("account is suspended"), Class::Dead),
    Row(ANY, None, Says::Code(326), Class::Operator(Scope::Account)),
    Row(&[403], None, Says::Words("temporarily locked"), Class::Operator(Scope::Account)),
    Row(&[401], None, Says::Anything, Class::Stale),
    Row(ANY, None, Says::Type("unsupported-authentication"), Class::Stale),
    Row(ANY, None, Says::Type("client-forbidden"), Class::Operator(Scope::App)),
    Row(&[403], None, Says::Words("app permissions"), Class::Operator(Scope::App)),
    Row(&[403], None, Says::Words("duplicate content"), Class::Duplicate),
    Row(&[403], None, Says::Code(187), Class::Duplicate),
    Row(ANY, None, Says::Type("duplicate-rules"), Class::Content(None)),
    Row(ANY, None, Says::Words("text is too long"), Class::Content(Some("text"))),
    Row(ANY, None, Says::Code(186), Class::Content(Some("text"))),
    Row(ANY, None, Says::Words("either text or media"), Class::Content(Some("text"))),
    Row(ANY, None, Says::Words("crypto addresses are prohibited"), Class::Content(Some("text"))),
    Row(ANY, None, Says::Words("contains an invalid url"), Class::Content(Some("text"))),
    Row(ANY, None, Says::Words("one cashtag"), Class::Content(Some("text"))),
    Row(ANY, None, Says::Words("maximum of 4 items"), Class::Media),
    Row(ANY, None, Says::Words("media ids are invalid"), Class::Media),
    Row(ANY, None, Says::Code(324), Class::Media),
    Row(ANY, None, Says::Words("post a video longer than"), Class::Media),
    Row(&[403], None, Says::Words("mentioned or are the author"), Class::Content(None)),
    Row(&[403], None, Says::Words("reply to this conversation"), Class::Content(None)),
    Row(ANY, IRREVERSIBLE, Says::Words("deleted or not visible"), Class::Content(None)),
    Row(&[403], None, Says::Words("permitted to access this feature"), Class::Content(None)),
    // Without a broken rule of ours to explain it, this is a missing scope.
    Row(&[403], None, Says::Words("not permitted to perform this action"), Class::Stale),
    Row(&[404, 410], REPEATABLE, Says::Anything, Class::Gone),
    Row(&[413], REPEATABLE, Says::Anything, Class::TooLarge),
    Row(&[400], REPEATABLE, Says::Anything, Class::Media),
    Row(&[403], REPEATABLE, Says::Anything, Class::Stale),
    Row(&[403], IRREVERSIBLE, Says::Type("not-authorized-for-resource"), Class::Content(None)),
    Row(&[404, 410], IRREVERSIBLE, Says::Anything, Class::Content(None)),
    Row(&[400], IRREVERSIBLE, Says::Anything, Class::Content(None)),
    Row(&[403], IRREVERSIBLE, Says::Anything, Class::Content(None)),
    Row(&[413, 415, 422], IRREVERSIBLE, Says::Anything, Class::Content(None)),
];

/// The class of `reply`; `None` for a success.
pub(super) fn classify(effect: Effect, reply: &Reply) -> Option<Failure> {
    let status = reply.status.as_u16();
    if reply.status.is_success() {
        return None;
    }
    let problem: Problem = serde_json::from_slice(&reply.body).unwrap_or_default();
    // 408 is a server or a proxy that lost patience: nobody knows what it did before.
    let is_refusal = reply.status.is_client_error() && status != 408;
    let row = TABLE.iter().find(|row| is_refusal && row.fits(status, effect, &problem));
    let Some(row) = row else {
        return Some(server_error(effect, status));
    };
    let detail = detail(&problem, status);
    Some(match row.3 {
        Class::Stale => Failure::Auth { revoked: false, detail },
        Class::Dead => Failure::Auth { revoked: true, detail },
        Class::Content(field) => Failure::Content { field: field.map(Into::into), detail },
        Class::Media => Failure::Media { asset: None, detail },
        Class::Duplicate => Failure::Duplicate { named: None, detail },
        Class::Operator(scope) => Failure::Operator { scope, detail },
        Class::Limit => limited(reply, detail),
        Class::Cap => capped(reply, &problem, detail),
        Class::Gone => Failure::Transient { detail: format!("{GONE}: {detail}") },
        Class::TooLarge => Failure::Transient { detail: format!("{TOO_LARGE}: {detail}") },
    })
}

/// A success without what it must hold.
pub(super) fn unreadable(effect: Effect, reply: &Reply) -> Failure {
    let detail = format!("HTTP {} without the documented body", reply.status.as_u16());
    match effect {
        Effect::Repeatable => Failure::Transient { detail },
        Effect::Irreversible => Failure::Unknown { detail },
    }
}

/// The upload that failed so has to be made anew.
pub(super) fn is_upload_gone(failure: &Failure) -> bool {
    matches!(failure, Failure::Transient { detail } if detail.starts_with(GONE))
}

/// The chunk that failed so was too large.
pub(super) fn is_chunk_too_large(failure: &Failure) -> bool {
    matches!(failure, Failure::Transient { detail } if detail.starts_with(TOO_LARGE))
}

impl Row {
    fn fits(&self, status: u16, effect: Effect, problem: &Problem) -> bool {
        let Self(statuses, wanted, says, _) = self;
        (statuses.is_empty() || statuses.contains(&status))
            && wanted.is_none_or(|wanted| wanted == effect)
            && says.fits(problem)
    }
}

impl Says {
    fn fits(&self, problem: &Problem) -> bool {
        match self {
            Self::Anything => true,
            Self::Type(wanted) => problem.kind.rsplit('/').next() == Some(wanted),
            Self::Words(phrase) => words(problem).any(|text| text.to_lowercase().contains(phrase)),
            Self::Code(wanted) => problem.errors.iter().any(|part| part.code == Some(*wanted)),
            Self::OAuth(wanted) => {
                problem.error.as_ref().and_then(|error| error.as_str()) == Some(wanted)
            }
        }
    }
}

/// Every place where X puts its own words.
fn words(problem: &Problem) -> impl Iterator<Item = &str> {
    let inner = problem.errors.iter().flat_map(|part| [&part.message, &part.detail]);
    inner.chain([&problem.detail, &problem.title]).map(String::as_str)
}

/// The most telling words of X, cut to a length that fits a log line.
fn detail(problem: &Problem, status: u16) -> String {
    let described = problem.error_description.as_deref().into_iter();
    let told = described.chain(words(problem)).find(|text| !text.trim().is_empty());
    match told {
        Some(text) => text.chars().take(DETAIL_CHARS_MAX).collect(),
        None => format!("HTTP {status}"),
    }
}

/// The latest reset of the families that are used up decides, and whom that one concerns.
fn limited(reply: &Reply, detail: String) -> Failure {
    let exhausted = FAMILIES.iter().filter_map(|(prefix, scope, _)| {
        let reset = number(reply, prefix, "reset")?;
        // A missing count is unknown, not zero; but the plain family of a 429 is meant by it.
        let is_empty = match number(reply, prefix, "remaining") {
            Some(remaining) => remaining <= 0,
            None => *prefix == "x-rate-limit-",
        };
        is_empty.then(|| (by_our_clock(reply, reset), *scope))
    });
    let latest = exhausted.max_by_key(|(at, _)| *at);
    let (retry_at, scope) = latest.unwrap_or((reply.at + RETRY_DEFAULT, Scope::Account));
    Failure::RateLimit { scope, retry_at: retry_at.max(reply.at), detail }
}

/// The monthly cap of the app needs the operator; a daily one ends by itself.
fn capped(reply: &Reply, problem: &Problem, detail: String) -> Failure {
    let is_daily = problem.period.as_deref().is_some_and(|p| p.eq_ignore_ascii_case("daily"));
    let is_day_used_up = FAMILIES
        .iter()
        .filter(|(prefix, ..)| prefix.contains("24hour"))
        .any(|(prefix, ..)| number(reply, prefix, "remaining") == Some(0));
    if is_daily || is_day_used_up {
        return limited(reply, detail);
    }
    Failure::Operator { scope: Scope::App, detail }
}

/// X's clock may differ from ours: the wait is what lies between its `Date` and its reset. A clock
/// that its `Date` cannot tell from ours counts as ours, or everybody would wait a second too long.
pub(super) fn by_our_clock(reply: &Reply, reset: i64) -> Timestamp {
    let reset = Timestamp::from_seconds(reset);
    match reply.date() {
        Some(date) if reply.at < date || reply.at.since(date) > DATE_BLUR => {
            reply.at + reset.since(date)
        }
        _ => reset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::reply;

    #[test]
    fn the_words_of_a_post_do_not_change_the_class() {
        let case = serde_json::json!({
            "headers": {}, "status": 400,
            "body": {
                "detail": "One or more parameters to your request was invalid.",
                "errors": [{"message": "odd", "parameters": {"text": ["duplicate content"]}}],
            },
        });
        let failure = classify(Effect::Irreversible, &reply(&case));
        assert!(matches!(failure, Some(Failure::Content { .. })), "{failure:?}");
    }
}
