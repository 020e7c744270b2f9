//! From a reply of LinkedIn to the class of failure. Table first, code second.
//!
//! Sources: `platforms/linkedin.md` section 8 and the peers' error tables, both with their
//! evidence; each row has a reply in `replies/`, which says how it is known or that it is assumed.
//! Invariant: only LinkedIn's own words are matched, in the members where it puts them, never a
//! post.

#[cfg(test)]
mod tests;

use super::wire::{InputError, Problem};
use crate::port::Reply;
use crate::refusal::{fingerprint, own_part, own_words, server_failure};
use domain::failure::{Effect, Failure, Scope};
use domain::time::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// The longest piece of the platform's words that is kept.
const DETAIL_CHARS_MAX: usize = 300;
/// Assumed: LinkedIn says nothing of throttles that are not by the day.
const RETRY_DEFAULT: Duration = Duration::from_secs(15 * 60);
/// A day in milliseconds; daily throttles open at 00:00 UTC (API guide, rate limits).
const DAY_MS: i64 = 24 * 3_600 * 1_000;
/// The number of a token that was revoked, and of one that is too fresh.
const REVOKED: i64 = 65_601;
/// How our own words begin when an upload has to be made anew.
const GONE: &str = "the upload is not known any more";
/// How our own words begin when LinkedIn knows no such thing (any more).
const ABSENT: &str = "it is not known any more";
/// How our own words begin when a grant may not look at files.
const HIDDEN: &str = "the state of the file is hidden";
/// How our own words begin when a file was used too early.
const EARLY: &str = "a file is not ready";

/// What a row matches besides the status.
enum Says {
    /// The status is enough.
    Anything,
    /// Nothing above fitted: the status alone decides, and the refusal is counted as unmapped.
    Otherwise,
    /// The member `serviceErrorCode`.
    Number(i64),
    /// The member `code`, of the error or of one of its inputs.
    Code(&'static str),
    /// A part of such a code, in capitals.
    CodePart(&'static str),
    /// The input that is wrong is this member of the body, or lies below it.
    Path(&'static str),
    /// A phrase in `message` or `error_description`, in any case.
    Words(&'static str),
    /// Two such phrases in one of them.
    Both(&'static str, &'static str),
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
    /// Breaks a rule; the field, where LinkedIn names one.
    Content(Option<&'static str>),
    Media,
    Duplicate,
    Operator(Scope),
    Limit,
    /// Nobody knows what it did.
    Lost,
    /// The upload has to begin again.
    Gone,
    /// What the call was about is not there: an upload has to begin again, a post is deleted.
    Absent,
    /// The grant may write files and not look at them.
    Hidden,
    /// The files are looked at again before the post.
    Early,
}

struct Row(&'static [u16], Option<Effect>, Says, Class);

const ANY: &[u16] = &[];
const TOKEN: &[u16] = &[400, 401];
const FORBIDDEN: &[u16] = &[403];
const REPEATABLE: Option<Effect> = Some(Effect::Repeatable);
const IRREVERSIBLE: Option<Effect> = Some(Effect::Irreversible);
const OURS: Class = Class::Operator(Scope::App);
const VERSION: Class = Class::Operator(Scope::Platform);
const TITLE: Class = Class::Content(Some("linkedin.documentTitle"));

/// The first row that fits decides. An empty list of statuses means any from 400 to 499.
static TABLE: [Row; 41] = [
    // The token endpoint. A missing parameter is our mistake, every other `invalid_request` a code
    // or a refresh token that is spent.
    Row(TOKEN, None, Says::Words("a required parameter"), OURS),
    Row(TOKEN, None, Says::OAuth("invalid_request"), Class::Dead),
    Row(TOKEN, None, Says::OAuth("invalid_grant"), Class::Dead),
    Row(TOKEN, None, Says::OAuth("invalid_client"), OURS),
    Row(TOKEN, None, Says::OAuth("invalid_client_id"), OURS),
    Row(TOKEN, None, Says::OAuth("unauthorized_client"), OURS),
    Row(TOKEN, None, Says::OAuth("unsupported_grant_type"), OURS),
    // A version that is gone or missing concerns every call of every account.
    Row(&[426], None, Says::Anything, VERSION),
    Row(ANY, None, Says::Code("NONEXISTENT_VERSION"), VERSION),
    Row(ANY, None, Says::Code("VERSION_MISSING"), VERSION),
    Row(&[429], None, Says::Anything, Class::Limit),
    // A restricted member has to act on LinkedIn. A grant is called revoked while it is too fresh
    // as well, so a renewal has to tell the one from the other.
    Row(&[401], None, Says::Number(65_608), Class::Dead),
    Row(&[401], None, Says::Code("RESTRICTED_MEMBER"), Class::Dead),
    Row(&[401], None, Says::Anything, Class::Stale),
    // Personal grants that may only write cannot see how a file fares; writing goes on.
    Row(FORBIDDEN, REPEATABLE, Says::Both("images", "get"), Class::Hidden),
    Row(FORBIDDEN, REPEATABLE, Says::Both("videos", "get"), Class::Hidden),
    Row(FORBIDDEN, REPEATABLE, Says::Both("documents", "get"), Class::Hidden),
    // A field or a product that the app has not been given: no grant of anybody will help.
    Row(FORBIDDEN, None, Says::Words("unpermitted fields"), OURS),
    Row(FORBIDDEN, None, Says::OAuth("access_denied"), OURS),
    // We ask for every scope on the consent page, and LinkedIn shows that page only to an app that
    // has them. So what is missing is missing in this grant: a scope, or the member's role at the
    // organization. Only a new consent helps; many accounts at once count as an outage upstairs.
    Row(FORBIDDEN, None, Says::Code("ACCESS_DENIED"), Class::Dead),
    Row(FORBIDDEN, None, Says::Number(100), Class::Dead),
    Row(FORBIDDEN, None, Says::Words("not enough permissions"), Class::Dead),
    Row(FORBIDDEN, None, Says::Words("resource is forbidden"), Class::Dead),
    // The host of uploads is not the API: its refusal says that the signed address is over.
    Row(FORBIDDEN, REPEATABLE, Says::Anything, Class::Gone),
    Row(FORBIDDEN, IRREVERSIBLE, Says::Otherwise, Class::Dead),
    Row(ANY, None, Says::CodePart("DUPLICATE"), Class::Duplicate),
    Row(&[409], IRREVERSIBLE, Says::Anything, Class::Duplicate),
    Row(ANY, None, Says::Code("MEDIA_ASSET_WAITING_UPLOAD"), Class::Early),
    Row(ANY, None, Says::Code("MEDIA_ASSET_PROCESSING"), Class::Early),
    Row(ANY, None, Says::CodePart("MEDIA_ASSET_"), Class::Media),
    // Said by the part that would have made the post: it may stand all the same.
    Row(ANY, None, Says::Words("unable to obtain activity"), Class::Lost),
    // The parts of a film are not what LinkedIn holds: they go up again.
    Row(ANY, REPEATABLE, Says::Path("finalizeUploadRequest"), Class::Gone),
    Row(ANY, None, Says::Path("commentary"), Class::Content(Some("text"))),
    Row(ANY, None, Says::Path("visibility"), Class::Content(Some("linkedin.visibility"))),
    Row(ANY, None, Says::Path("content/poll"), Class::Content(Some("linkedin.poll"))),
    Row(ANY, None, Says::Path("content/media/title"), TITLE),
    Row(ANY, None, Says::Path("content"), Class::Media),
    // A request without a length is a mistake of ours that every call makes.
    Row(&[411], None, Says::Anything, VERSION),
    Row(&[404, 410], REPEATABLE, Says::Anything, Class::Absent),
    Row(&[400, 413, 415, 422], REPEATABLE, Says::Otherwise, Class::Media),
    Row(ANY, IRREVERSIBLE, Says::Otherwise, Class::Content(None)),
];

/// The class of `reply`; `None` for a success.
pub(super) fn classify(effect: Effect, reply: &Reply) -> Option<Failure> {
    if reply.status.is_success() {
        return None;
    }
    let problem = problem(reply);
    let Some(row) = row(effect, reply, &problem) else {
        return Some(server_failure(effect, reply));
    };
    let detail = detail(&problem, reply.status.as_u16());
    Some(match row.3 {
        Class::Stale => Failure::Auth { revoked: false, detail },
        Class::Dead => Failure::Auth { revoked: true, detail },
        Class::Content(field) => Failure::Content { field: field.map(Into::into), detail },
        Class::Media => Failure::Media { asset: None, detail },
        Class::Duplicate => Failure::Duplicate { named: named(&problem), detail },
        Class::Operator(scope) => Failure::Operator { scope, detail },
        Class::Limit => limited(reply, &problem, detail),
        Class::Lost => server_failure(effect, reply),
        Class::Gone => transient(GONE, &detail),
        Class::Absent => transient(ABSENT, &detail),
        Class::Hidden => transient(HIDDEN, &detail),
        Class::Early => transient(EARLY, &detail),
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
    let number = problem.service_error_code.map(|number| number.to_string());
    let told = problem.error.as_ref().and_then(Value::as_str);
    Some(fingerprint(reply, codes(&problem).chain(number.as_deref()).chain(told)))
}

/// LinkedIn says no. 408 is a server or a proxy that lost patience: nobody knows what it did
/// before.
fn is_refusal(reply: &Reply) -> bool {
    reply.status.is_client_error() && reply.status.as_u16() != 408
}

fn row(effect: Effect, reply: &Reply, problem: &Problem) -> Option<&'static Row> {
    let status = reply.status.as_u16();
    TABLE.iter().find(|row| is_refusal(reply) && row.fits(status, effect, problem))
}

/// A success without what it must hold.
pub(super) fn unreadable(effect: Effect, reply: &Reply) -> Failure {
    let detail = format!("HTTP {} without what the documentation promises", reply.status.as_u16());
    match effect {
        Effect::Repeatable => Failure::Transient { detail },
        Effect::Irreversible => Failure::Unknown { detail },
    }
}

/// The failure of an upload that has to be made anew.
pub(super) fn gone(why: &str) -> Failure {
    transient(GONE, why)
}

/// The upload that failed so has to be made anew.
pub(super) fn is_upload_gone(failure: &Failure) -> bool {
    begins(failure, GONE) || is_not_there(failure)
}

/// LinkedIn knows nothing of what the call was about.
pub(super) fn is_not_there(failure: &Failure) -> bool {
    begins(failure, ABSENT)
}

/// The look that failed so is not for this grant.
pub(super) fn is_status_hidden(failure: &Failure) -> bool {
    begins(failure, HIDDEN)
}

/// The post that failed so came before its files were ready.
pub(super) fn is_early(failure: &Failure) -> bool {
    begins(failure, EARLY)
}

/// The answer that a token gets when it was revoked, or while it is too fresh to be known
/// everywhere.
pub(super) fn is_maybe_fresh(reply: &Reply) -> bool {
    let problem = problem(reply);
    let is_named = codes(&problem).any(|code| code == "REVOKED_ACCESS_TOKEN");
    reply.status.as_u16() == 401 && (is_named || problem.service_error_code == Some(REVOKED))
}

fn transient(begin: &str, why: &str) -> Failure {
    Failure::Transient { detail: format!("{begin}: {why}") }
}

fn begins(failure: &Failure, with: &str) -> bool {
    matches!(failure, Failure::Transient { detail } if detail.starts_with(with))
}

fn problem(reply: &Reply) -> Problem {
    serde_json::from_slice(&reply.body).unwrap_or_default()
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
            Self::Number(wanted) => problem.service_error_code == Some(*wanted),
            Self::Code(wanted) => codes(problem).any(|code| code == *wanted),
            Self::CodePart(wanted) => {
                codes(problem).any(|code| code.to_uppercase().contains(wanted))
            }
            Self::Path(wanted) => inputs(problem).any(|input| {
                let rest = path(input).and_then(|path| path.strip_prefix(wanted));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }),
            Self::Words(phrase) => words(problem).any(|text| own_words(text).contains(phrase)),
            Self::Both(one, other) => {
                words(problem).map(own_words).any(|text| text.contains(one) && text.contains(other))
            }
            Self::OAuth(wanted) => problem.error.as_ref().and_then(Value::as_str) == Some(wanted),
        }
    }
}

fn inputs(problem: &Problem) -> impl Iterator<Item = &InputError> {
    problem.error_details.iter().flat_map(|details| &details.input_errors)
}

/// Every place where LinkedIn puts a code.
fn codes(problem: &Problem) -> impl Iterator<Item = &str> {
    let outer = problem.code.as_ref().and_then(Value::as_str);
    outer.into_iter().chain(inputs(problem).map(|input| input.code.as_str()))
}

/// The place in the body that an input error is about, as `content/poll`.
fn path(input: &InputError) -> Option<&str> {
    Some(input.input.pointer("/inputPath/fieldPath")?.as_str()?.trim_start_matches('/'))
}

/// Every place where LinkedIn puts its own words. The descriptions of inputs are left out: they
/// repeat what was sent.
fn words(problem: &Problem) -> impl Iterator<Item = &str> {
    let described = problem.error_description.as_deref().into_iter();
    described.chain([problem.message.as_str()])
}

/// The most telling words of LinkedIn, cut to a length that fits a log line.
fn detail(problem: &Problem, status: u16) -> String {
    let described = inputs(problem).map(|input| input.description.as_str());
    let told = words(problem).chain(described).find(|text| !text.trim().is_empty());
    match told {
        Some(text) => cut(text),
        None => format!("HTTP {status}"),
    }
}

/// Words of LinkedIn as they may stand in a log.
pub(super) fn cut(text: &str) -> String {
    without_queries(text).chars().take(DETAIL_CHARS_MAX).collect()
}

/// The addresses of uploads are signed in their queries.
fn without_queries(text: &str) -> String {
    let bare = |word: &str| match word.split_once('?') {
        Some((address, _)) if address.contains("://") => address.to_owned(),
        _ => word.to_owned(),
    };
    text.split(' ').map(bare).collect::<Vec<_>>().join(" ")
}

/// The post that a duplicate names: `… Content is a duplicate of urn:li:share:7141…`. Only the
/// message counts: a description may repeat the text of the post.
fn named(problem: &Problem) -> Option<String> {
    words(problem).map(own_part).find_map(|text| {
        let (_, rest) = text.split_once("duplicate of ")?;
        let is_urn = |c: &char| c.is_ascii_alphanumeric() || ":_-".contains(*c);
        let urn: String = rest.chars().take_while(is_urn).collect();
        let id = urn.strip_prefix("urn:li:share:").or_else(|| urn.strip_prefix("urn:li:ugcPost:"));
        id.is_some_and(|id| !id.is_empty()).then_some(urn)
    })
}

/// Whom a throttle concerns, and when it ends; there are no headers for either.
fn limited(reply: &Reply, problem: &Problem, detail: String) -> Failure {
    let message = own_words(&problem.message);
    let says = |wanted: &str| message.split_whitespace().any(|word| word == wanted);
    let scope = if says("application") { Scope::App } else { Scope::Account };
    let midnight = says("day").then(|| reply.at + until_midnight(reply));
    let retry_at = midnight.max(reply.retry_after()).unwrap_or(reply.at + RETRY_DEFAULT);
    Failure::RateLimit { scope, retry_at, detail }
}

/// Until the next 00:00 UTC by LinkedIn's clock, where it tells the time: whoever comes a moment
/// too early would wait another day.
fn until_midnight(reply: &Reply) -> Duration {
    let now = reply.date().unwrap_or(reply.at);
    let midnight = (now.ms().div_euclid(DAY_MS) + 1) * DAY_MS;
    Timestamp::from_ms(midnight).since(now)
}
