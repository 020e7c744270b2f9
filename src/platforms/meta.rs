//! What the two platforms of Meta share: the envelope of errors, the usage headers, the tokens of
//! sixty days, and how long a container is waited for.
//!
//! Sources: developers.facebook.com/docs (graph-api/overview/rate-limiting, error handling), 2026.
//! Invariant: only Meta's own codes are matched, never a text; what a code means to one platform
//! stands in that platform's `errors.rs`.

pub(crate) mod sim;

use crate::grant::Grant;
use crate::oauth::{FORM, form};
use crate::port::{Body, Call, Reply};
use crate::refusal::{fingerprint, lenient, server_failure};
use domain::failure::{Effect, Failure, Scope, no_reply};
use domain::time::Timestamp;
use http::Request;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The longest piece of the platform's words that is kept.
const DETAIL_CHARS_MAX: usize = 300;
/// docs: tokens of sixty days are renewed from their seventh day on, and then every week.
pub(crate) const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// A limit that names no time: the rolling hour of the platform's own counters.
const RETRY_DEFAULT: Duration = Duration::from_secs(3_600);
/// How our own words begin when the container has to be made anew.
const GONE: &str = "the container is not usable any more";
/// How our own words begin when the container is not ready, or not visible yet.
const NOT_READY: &str = "the container is not ready yet";
/// The waits between the first looks at a container; a minute each afterwards, as the docs ask.
const CHECKS: [u64; 6] = [1, 2, 3, 5, 10, 30];
/// The wait between later looks.
const CHECK_AFTER: u64 = 60;

/// Meta's error, from either of its shapes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Its number, as 190.
    pub code: i64,
    /// The finer number, as 463; 0 without one.
    pub subcode: i64,
    /// Meta itself says that another try may help.
    pub is_transient: bool,
    /// Its words.
    pub message: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Envelope {
    #[serde(deserialize_with = "lenient")]
    error: Nested,
    // The flat shape, of Instagram's token endpoint.
    #[serde(deserialize_with = "lenient")]
    code: i64,
    #[serde(deserialize_with = "lenient")]
    error_message: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Nested {
    #[serde(deserialize_with = "lenient")]
    message: String,
    #[serde(deserialize_with = "lenient")]
    code: i64,
    #[serde(deserialize_with = "lenient")]
    error_subcode: i64,
    #[serde(deserialize_with = "lenient")]
    is_transient: bool,
    #[serde(deserialize_with = "lenient")]
    error_user_msg: Option<String>,
}

/// The error in a reply; all zeros where there is none that can be read.
pub(crate) fn problem(reply: &Reply) -> Problem {
    let Envelope { error, code, error_message } =
        serde_json::from_slice(&reply.body).unwrap_or_default();
    if error.code == 0 && error.message.is_empty() {
        return Problem { code, message: error_message, ..Problem::default() };
    }
    let message = error.error_user_msg.filter(|text| !text.is_empty()).unwrap_or(error.message);
    let (code, subcode) = (error.code, error.error_subcode);
    Problem { code, subcode, is_transient: error.is_transient, message }
}

/// The class that a row leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The grant is dead: an expired token of sixty days cannot be renewed.
    Dead,
    /// The token is refused without a reason that ends it.
    Stale,
    /// Breaks a rule; the field, where the code tells it.
    Content(Option<&'static str>),
    /// A file is not taken.
    Media,
    /// Too many calls, until the usage header's time or an hour from now.
    Limit(Scope),
    /// Too many posts, until this long from now.
    Quota(Duration),
    /// Only the operator can mend it.
    Operator(Scope),
    /// Without effect for sure: another try may help.
    Transient,
    /// As silence: an irreversible call may have worked.
    Unclear,
    /// A new container is needed; nothing was published.
    Gone,
    /// The same container in a moment; nothing was published.
    NotReady,
}

/// Stands in a [`Row`] for any code: some subcodes mean the same under all of them.
pub(crate) const ANY_CODE: i64 = 0;

/// The code of any parameter that is wrong: what is wrong with it is told by the finer number.
const VAGUE_CODE: i64 = 100;
/// Statuses that say enough without a code.
const KNOWN: [u16; 4] = [401, 404, 408, 429];

/// A row of a platform's table: code, subcode or any, effect or any, class. The first row that
/// fits decides.
#[derive(Debug)]
pub(crate) struct Row(pub i64, pub Option<i64>, pub Option<Effect>, pub Class);

/// The class of `reply` by a platform's table; `None` for a success.
pub(crate) fn classify(table: &[Row], effect: Effect, reply: &Reply) -> Option<Failure> {
    if reply.status.is_success() {
        return None;
    }
    let status = reply.status.as_u16();
    let problem = problem(reply);
    let row = row(table, effect, &problem);
    let told = detail(&problem, status);
    // A server error is silence even with a code in it, unless the table knows that code.
    let class = match row {
        Some(row) => row.3,
        None if reply.status.is_server_error() || status == 408 => {
            return Some(server_failure(effect, reply));
        }
        None if problem.is_transient => Class::Unclear,
        None if status == 429 => Class::Limit(Scope::Account),
        None if status == 401 => Class::Dead,
        None if effect == Effect::Repeatable && status == 404 => Class::Gone,
        None => Class::Content(None),
    };
    Some(match class {
        Class::Dead => Failure::Auth { revoked: true, detail: told },
        Class::Stale => Failure::Auth { revoked: false, detail: told },
        Class::Content(field) => Failure::Content { field: field.map(Into::into), detail: told },
        Class::Media => Failure::Media { asset: None, detail: told },
        Class::Limit(scope) => {
            let retry_at = opens_at(reply, RETRY_DEFAULT);
            Failure::RateLimit { scope, retry_at, detail: told }
        }
        Class::Quota(wait) => {
            let (scope, retry_at) = (Scope::Account, opens_at(reply, wait));
            Failure::RateLimit { scope, retry_at, detail: told }
        }
        Class::Operator(scope) => Failure::Operator { scope, detail: told },
        Class::Transient => Failure::Transient { detail: told },
        Class::Unclear => no_reply(effect, domain::failure::Sent::Maybe, told),
        Class::Gone => Failure::Transient { detail: format!("{GONE}: {told}") },
        Class::NotReady => Failure::Transient { detail: format!("{NOT_READY}: {told}") },
    })
}

/// The first row that fits; none where the reply holds no code.
pub(crate) fn row<'t>(table: &'t [Row], effect: Effect, problem: &Problem) -> Option<&'t Row> {
    let fits = |row: &&Row| {
        (row.0 == ANY_CODE || row.0 == problem.code)
            && row.1.is_none_or(|subcode| subcode == problem.subcode)
            && row.2.is_none_or(|wanted| wanted == effect)
    };
    table.iter().find(fits).filter(|_| problem.code != 0)
}

/// What to count a refusal under whose code no row has, or whose finer number none has where the
/// code alone says little.
pub(crate) fn unmapped(table: &[Row], effect: Effect, reply: &Reply) -> Option<String> {
    let (status, problem) = (reply.status.as_u16(), problem(reply));
    let is_known = match row(table, effect, &problem) {
        Some(row) => !(row.0 == VAGUE_CODE && row.1.is_none() && problem.subcode != 0),
        None if problem.code == 0 => !reply.status.is_client_error() || KNOWN.contains(&status),
        None => reply.status.is_success(),
    };
    if is_known {
        return None;
    }
    let named = |name: &str, number: i64| match number {
        0 => String::new(),
        number => format!("{name}:{number}"),
    };
    let words = [named("code", problem.code), named("subcode", problem.subcode)];
    Some(fingerprint(reply, words.iter().map(String::as_str)))
}

/// A success without what it must hold.
pub(crate) fn unreadable(effect: Effect, reply: &Reply) -> Failure {
    let detail = format!("HTTP {} without the documented body", reply.status.as_u16());
    no_reply(effect, domain::failure::Sent::Maybe, detail)
}

/// The container that failed so has to be made anew.
pub(crate) fn is_gone(failure: &Failure) -> bool {
    matches!(failure, Failure::Transient { detail } if detail.starts_with(GONE))
}

/// The container that failed so may only need a moment.
pub(crate) fn is_not_ready(failure: &Failure) -> bool {
    matches!(failure, Failure::Transient { detail } if detail.starts_with(NOT_READY))
}

/// The failure of a container that has to be made anew.
pub(crate) fn gone(why: &str) -> Failure {
    Failure::Transient { detail: format!("{GONE}: {why}") }
}

/// How long to wait before the next look at a container that was looked at so often.
pub(crate) fn check_after(looks: u32) -> Duration {
    let at = usize::try_from(looks).unwrap_or(usize::MAX);
    Duration::from_secs(CHECKS.get(at).copied().unwrap_or(CHECK_AFTER))
}

/// When a limit ends: the later of what the headers name, or after the time that is assumed.
fn opens_at(reply: &Reply, assumed: Duration) -> Timestamp {
    regained_at(reply).max(reply.retry_after()).unwrap_or(reply.at + assumed)
}

/// When access returns, by `X-Business-Use-Case-Usage`: minutes, the longest of all.
fn regained_at(reply: &Reply) -> Option<Timestamp> {
    let usage: Value = serde_json::from_str(reply.header("x-business-use-case-usage")?).ok()?;
    let entries = usage.as_object()?.values().filter_map(Value::as_array).flatten();
    let minutes = entries.filter_map(|entry| entry["estimated_time_to_regain_access"].as_u64());
    let longest = minutes.max().filter(|minutes| *minutes > 0)?;
    Some(reply.at + Duration::from_secs(longest.saturating_mul(60)))
}

/// Meta's words, cut to a length that fits a log line. An address in them may be signed, so it
/// stays out.
fn detail(problem: &Problem, status: u16) -> String {
    let is_address = |word: &&str| word.contains("://");
    let words = problem.message.split(' ').map(|word| match Some(word).filter(is_address) {
        Some(_) => "(address)",
        None => word,
    });
    let words: String = words.collect::<Vec<_>>().join(" ");
    let words: String = words.chars().take(DETAIL_CHARS_MAX).collect();
    match (words.trim(), problem.code, problem.subcode) {
        ("", 0, _) => format!("HTTP {status}"),
        ("", code, subcode) => format!("code {code}, subcode {subcode}"),
        (words, ..) => words.to_owned(),
    }
}

/// Writes the token where Meta's documentation has it: into the form of a post, into the query of
/// everything else.
pub(crate) fn sign(request: &mut Request<Body>, grant: &Grant) {
    let pair = form(&[("access_token", grant.access_token.expose())]);
    if request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == FORM) {
        let body = request.body_mut();
        let separator = if body.is_empty() { "" } else { "&" };
        body.0.push(crate::port::Part::Inline(format!("{separator}{pair}").into_bytes()));
        return;
    }
    let uri = request.uri().to_string();
    let separator = if request.uri().query().is_some() { '&' } else { '?' };
    if let Ok(signed) = format!("{uri}{separator}{pair}").parse() {
        *request.uri_mut() = signed;
    }
}

/// A call that reads; `pairs` go into its query.
pub(crate) fn get(endpoint: &'static str, url: &str, pairs: &[(&str, &str)]) -> Call {
    let uri = format!("{url}?{}", form(pairs));
    let request = Request::get(uri).body(Body::empty());
    let (effect, deadline) = (Effect::Repeatable, DEADLINE);
    Call { endpoint, effect, request: sound(request), deadline }
}

/// A call that writes; `pairs` go into its form.
pub(crate) fn post(
    endpoint: &'static str,
    effect: Effect,
    url: &str,
    pairs: &[(&str, &str)],
) -> Call {
    let request = Request::post(url).header(CONTENT_TYPE, FORM).body(Body::inline(form(pairs)));
    Call { endpoint, effect, request: sound(request), deadline: DEADLINE }
}

/// Meta answers within seconds or not at all (assumed).
const DEADLINE: Duration = Duration::from_secs(30);

fn sound(request: http::Result<Request<Body>>) -> Request<Body> {
    match request {
        Ok(request) => request,
        // Hosts are constants and everything else is encoded.
        Err(refused) => panic!("a call to Meta is well-formed: {refused}"),
    }
}

/// Digits as Meta's ids are; anything else in an id must not bend a path.
pub(crate) fn digits(id: &str) -> String {
    id.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue, StatusCode};

    #[test]
    fn the_usage_header_names_minutes() {
        let mut headers = HeaderMap::new();
        let usage = r#"{"17":[{"type":"instagram","estimated_time_to_regain_access":7}]}"#;
        headers.insert("x-business-use-case-usage", HeaderValue::from_static(usage));
        let at = Timestamp::from_seconds(1_000);
        let status = StatusCode::BAD_REQUEST;
        let reply = Reply { status, headers, body: vec![], at };
        assert_eq!(regained_at(&reply), Some(Timestamp::from_seconds(1_420)));
    }

    #[test]
    fn a_token_stands_in_the_form_of_a_post_and_in_the_query_of_a_look() {
        let grant = Grant {
            access_token: "a b".into(),
            scopes: None,
            refresh_token: None,
            expires_at: Timestamp::from_seconds(0),
        };
        let mut written = post("e", Effect::Repeatable, "https://h/p", &[("text", "é")]).request;
        sign(&mut written, &grant);
        assert_eq!(written.body().len(), "text=%C3%A9&access_token=a+b".len() as u64);
        assert_eq!(written.uri().query(), None);
        let mut read = get("e", "https://h/p", &[("fields", "id")]).request;
        sign(&mut read, &grant);
        assert_eq!(read.uri().query(), Some("fields=id&access_token=a+b"));
    }
}
