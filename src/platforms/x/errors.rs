//! From a reply of X to the class of failure. Table first, code second.
//!
//! Sources: `platforms/x.md` section 8 and the peers' error tables, both with their evidence; each
//! row has a recorded or documented reply in `replies/`.
//! Invariant: only X's own words are matched, in the members where X puts them, never a post.

use super::limits::{FAMILIES, number};
use super::wire::Problem;
use crate::port::Reply;
use crate::refusal::{fingerprint, own_words, server_failure};
use crate::times::upcoming;
use domain::failure::{Effect, Failure, Scope, Sent, no_reply};
use domain::time::Timestamp;
use std::time::Duration;

/// The longest piece of the platform's words that is kept.
const DETAIL_CHARS_MAX: usize = 300;
/// A 429 that names no reset: the length of X's windows.
const RETRY_DEFAULT: Duration = Duration::from_secs(15 * 60);
/// How our own words begin when something is not there that was: an upload, a post.
const GONE: &str = "it is not known there any more";
/// How our own words begin when a post has another version.
const EDITED: &str = "the post was edited on X";
/// How our own words begin when a chunk was too large.
const TOO_LARGE: &str = "the chunk is too large";

/// What a row matches besides the status.
enum Says {
    /// The status is enough.
    Anything,
    /// Nothing above fitted: the status alone decides, and the refusal is counted as unmapped.
    Otherwise,
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
    /// Nobody knows what it did.
    Lost,
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
static TABLE: [Row; 59] = [
    // The token endpoint says `invalid_request` as often as `invalid_grant` for a spent token.
    Row(TOKEN, None, Says::OAuth("invalid_request"), Class::Dead),
    Row(TOKEN, None, Says::OAuth("invalid_grant"), Class::Dead),
    Row(TOKEN, None, Says::OAuth("invalid_client"), Class::Operator(Scope::App)),
    Row(TOKEN, None, Says::OAuth("unauthorized_client"), Class::Operator(Scope::App)),
    Row(&[402], None, Says::Anything, Class::Operator(Scope::App)),
    Row(&[429], None, Says::Type("usage-capped"), Class::Cap),
    Row(ANY, None, Says::Type("rate-limit-exceeded"), Class::Limit),
    Row(&[429], None, Says::Anything, Class::Limit),
    // A suspended account is dead; a locked one comes back when its owner unlocks it.
    Row(ANY, None, Says::Type("user-suspended"), Class::Dead),
    Row(ANY, None, Says::Code(64), Class::Dead),
    Row(&[403], None, Says::Words("account is suspended"), Class::Dead),
    Row(ANY, None, Says::Code(326), Class::Operator(Scope::Account)),
    Row(&[403], None, Says::Words("temporarily locked"), Class::Operator(Scope::Account)),
    Row(&[401], None, Says::Anything, Class::Stale),
    Row(ANY, None, Says::Type("unsupported-authentication"), Class::Stale),
    Row(ANY, None, Says::Type("client-forbidden"), Class::Operator(Scope::App)),
    Row(ANY, None, Says::Type("oauth1-permissions"), Class::Operator(Scope::App)),
    Row(&[403], None, Says::Words("app permissions"), Class::Operator(Scope::App)),
    Row(&[403], None, Says::Words("duplicate content"), Class::Duplicate),
    Row(&[403], None, Says::Code(187), Class::Duplicate),
    // A repost of what is reposted (v1.1; the playground of API v2 answers with a success).
    Row(ANY, REPEATABLE, Says::Code(327), Class::Duplicate),
    Row(ANY, REPEATABLE, Says::Words("already retweeted"), Class::Duplicate),
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
    // An article, or whatever else is for subscribers alone.
    Row(&[403], IRREVERSIBLE, Says::Words("premium"), Class::Content(None)),
    Row(&[403], None, Says::Words("mentioned or are the author"), Class::Content(None)),
    Row(&[403], None, Says::Words("reply to this conversation"), Class::Content(None)),
    Row(ANY, IRREVERSIBLE, Says::Words("deleted or not visible"), Class::Content(None)),
    Row(&[403], None, Says::Words("permitted to access this feature"), Class::Content(None)),
    // Without a broken rule of ours to explain it, this is a missing scope.
    Row(&[403], None, Says::Words("not permitted to perform this action"), Class::Stale),
    // The rest of the types that X documents. What could not be shown may have happened.
    Row(ANY, None, Says::Type("internal-error"), Class::Lost),
    Row(ANY, None, Says::Type("field-hydration-failure"), Class::Lost),
    Row(ANY, None, Says::Type("disallowed-resource"), Class::Content(None)),
    Row(ANY, REPEATABLE, Says::Type("resource-unavailable"), Class::Gone),
    Row(ANY, IRREVERSIBLE, Says::Type("resource-unavailable"), Class::Content(None)),
    Row(ANY, IRREVERSIBLE, Says::Type("resource-not-found"), Class::Content(None)),
    Row(ANY, REPEATABLE, Says::Type("not-authorized-for-resource"), Class::Stale),
    Row(ANY, IRREVERSIBLE, Says::Type("not-authorized-for-resource"), Class::Content(None)),
    Row(ANY, REPEATABLE, Says::Type("not-authorized-for-field"), Class::Stale),
    Row(ANY, IRREVERSIBLE, Says::Type("not-authorized-for-field"), Class::Content(None)),
    Row(ANY, REPEATABLE, Says::Type("field-unauthorized"), Class::Stale),
    Row(ANY, IRREVERSIBLE, Says::Type("field-unauthorized"), Class::Content(None)),
    Row(&[404, 410], REPEATABLE, Says::Anything, Class::Gone),
    Row(&[413], REPEATABLE, Says::Anything, Class::TooLarge),
    Row(&[400], REPEATABLE, Says::Otherwise, Class::Media),
    Row(&[403], REPEATABLE, Says::Otherwise, Class::Stale),
    Row(&[404, 410], IRREVERSIBLE, Says::Otherwise, Class::Content(None)),
    Row(&[400], IRREVERSIBLE, Says::Otherwise, Class::Content(None)),
    Row(&[403], IRREVERSIBLE, Says::Otherwise, Class::Content(None)),
    Row(&[413, 415, 422], IRREVERSIBLE, Says::Otherwise, Class::Content(None)),
];

/// The class of `reply`; `None` for a success.
pub(super) fn classify(effect: Effect, reply: &Reply) -> Option<Failure> {
    let status = reply.status.as_u16();
    if reply.status.is_success() {
        return None;
    }
    let problem = problem(reply);
    let Some(row) = row(effect, reply, &problem) else {
        return Some(server_failure(effect, reply));
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
        Class::Lost => no_reply(effect, Sent::Maybe, detail),
        Class::Gone => Failure::Transient { detail: format!("{GONE}: {detail}") },
        Class::TooLarge => Failure::Transient { detail: format!("{TOO_LARGE}: {detail}") },
    })
}

/// What to count a refusal under that only its status tells of.
pub(super) fn unmapped(effect: Effect, reply: &Reply) -> Option<String> {
    let problem = problem(reply);
    let is_known = match row(effect, reply, &problem) {
        Some(Row(_, _, says, _)) => !matches!(says, Says::Otherwise),
        None => !is_refusal(reply),
    };
    if is_known {
        return None;
    }
    let codes: Vec<String> =
        problem.errors.iter().filter_map(|part| part.code).map(|c| c.to_string()).collect();
    let told = problem.error.as_ref().and_then(|error| error.as_str());
    let words = [kind(&problem), problem.title.as_str()].into_iter().chain(told);
    Some(fingerprint(reply, words.chain(codes.iter().map(String::as_str))))
}

fn problem(reply: &Reply) -> Problem {
    serde_json::from_slice(&reply.body).unwrap_or_default()
}

/// X says no. 408 is a server or a proxy that lost patience: nobody knows what it did before.
fn is_refusal(reply: &Reply) -> bool {
    reply.status.is_client_error() && reply.status.as_u16() != 408
}

fn row(effect: Effect, reply: &Reply, problem: &Problem) -> Option<&'static Row> {
    let status = reply.status.as_u16();
    TABLE.iter().find(|row| is_refusal(reply) && row.fits(status, effect, problem))
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

/// Something is not there that was.
pub(super) fn gone(detail: &str) -> Failure {
    Failure::Transient { detail: format!("{GONE}: {detail}") }
}

/// The post has a newer version, under this id.
pub(super) fn edited(newest: &str) -> Failure {
    let detail = format!("{EDITED}: its present version is {newest}");
    Failure::Content { field: None, detail }
}

/// The post that failed so has a newer version.
pub(super) fn is_edited(failure: &Failure) -> bool {
    matches!(failure, Failure::Content { detail, .. } if detail.starts_with(EDITED))
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
            Self::Anything | Self::Otherwise => true,
            Self::Type(wanted) => kind(problem) == *wanted,
            Self::Words(phrase) => words(problem).any(|text| own_words(text).contains(phrase)),
            Self::Code(wanted) => problem.errors.iter().any(|part| part.code == Some(*wanted)),
            Self::OAuth(wanted) => {
                problem.error.as_ref().and_then(|error| error.as_str()) == Some(wanted)
            }
        }
    }
}

/// What the member `type` names: its last segment, whatever host stands before it.
fn kind(problem: &Problem) -> &str {
    problem.kind.rsplit('/').next().unwrap_or_default()
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

/// The latest reset of the families that are used up decides, and whom that one concerns. X has
/// no `Retry-After`; a proxy before it may, and then the later one holds.
fn limited(reply: &Reply, detail: String) -> Failure {
    let exhausted = FAMILIES.iter().filter_map(|(prefix, scope, _)| {
        let reset = upcoming(reply, by_our_clock(reply, number(reply, prefix, "reset")?))?;
        // A missing count is unknown, not zero; but the plain family of a 429 is meant by it.
        let is_empty = match number(reply, prefix, "remaining") {
            Some(remaining) => remaining <= 0,
            None => *prefix == "x-rate-limit-",
        };
        is_empty.then_some((reset, *scope))
    });
    let (reset, scope) = match exhausted.max_by_key(|(at, _)| *at) {
        Some((reset, scope)) => (Some(reset), scope),
        None => (None, Scope::Account),
    };
    let retry_at = reset.max(reply.retry_after()).unwrap_or(reply.at + RETRY_DEFAULT);
    Failure::RateLimit { scope, retry_at, detail }
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

/// A reset, told by X's clock, by ours.
pub(super) fn by_our_clock(reply: &Reply, reset: i64) -> Timestamp {
    reply.by_our_clock(Timestamp::from_seconds(reset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::reply;
    use crate::refusal::tests::cases;
    use std::collections::BTreeMap;

    /// The word of a row's class in a file; a cap is of the day or of the month.
    fn names(class: Class, word: &str, effect: Effect) -> bool {
        let expected = match class {
            Class::Stale | Class::Dead => "auth",
            Class::Content(_) => "content",
            Class::Media => "media",
            Class::Duplicate => "duplicate",
            Class::Operator(_) => "operator",
            Class::Limit => "rate_limit",
            Class::Cap => return ["rate_limit", "operator"].contains(&word),
            Class::Lost if effect == Effect::Irreversible => "unknown",
            Class::Lost | Class::Gone | Class::TooLarge => "transient",
        };
        word == expected
    }

    // case: C-rows
    #[test]
    fn each_row_has_a_reply_and_each_reply_names_the_class_of_its_row() {
        let mut reached = BTreeMap::new();
        for (name, effect, case) in cases("x") {
            let reply = reply(&case);
            let problem = problem(&reply);
            let Some(at) = TABLE.iter().position(|row| {
                is_refusal(&reply) && row.fits(reply.status.as_u16(), effect, &problem)
            }) else {
                continue;
            };
            let word = case["failure"]["class"].as_str().unwrap_or_default();
            assert!(names(TABLE[at].3, word, effect), "{name}: row {at} is not {word:?}");
            reached.insert(at, name);
        }
        let dead: Vec<usize> = (0..TABLE.len()).filter(|at| !reached.contains_key(at)).collect();
        assert!(dead.is_empty(), "no reply reaches these rows: {dead:?}");
    }
}
