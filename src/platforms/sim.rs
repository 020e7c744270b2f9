//! The port of the simulated platforms: pure state machines behind a listening shell.
//!
//! Invariant: a simulator does no I/O and has no clock. Its state is a function of the requests it
//! kept, in order, each with its time; so a log of them restores it after any death.

pub(crate) mod accounts;
pub(crate) mod consent;
pub(crate) mod http;
pub(crate) mod page;

use crate::times::MONTHS;
use ::http::{HeaderMap, Method, Response};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The client secret that every registration has on a simulated platform; any client id will do.
pub const CLIENT_SECRET: &str = "sim-secret";

/// A request as it arrived, whole.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// Where the simulator is reached, as `http://127.0.0.1:8090/x`; what it hands out begins so.
    pub base: String,
    /// The method.
    pub method: Method,
    /// The path, without the simulator's prefix.
    pub path: String,
    /// The query, without the question mark; empty when there is none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// What the platform answers, and what the shell has to keep.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub response: Response<Vec<u8>>,
    /// The request changed the state: it belongs into the log before the answer leaves.
    pub is_kept: bool,
    /// Set when the request was an irreversible write that the platform accepted.
    pub accepted: Option<Accepted>,
    /// The account that the request was made for, once it is known (faults can name one).
    pub account: Option<String>,
    /// What the platform goes and fetches by itself after this answer.
    pub fetches: Vec<Fetch>,
}

/// A file that the platform fetches by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    /// The simulator's own name for it, as the id of a container.
    pub key: String,
    /// Where.
    pub url: String,
}

/// What a fetch brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The HTTP status; 0 when nothing answered.
    pub status: u16,
    /// The media type that the server claimed.
    pub content_type: String,
    /// The bytes.
    pub body: Vec<u8>,
}

/// One accepted irreversible write, as `GET /_sim/accepted` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// The platform's name.
    pub platform: String,
    /// The endpoint's name, as `tweets.create`.
    pub route: String,
    /// The platform's id of the account.
    pub account: String,
    /// The id that was given out.
    pub remote_id: String,
    /// The wording.
    pub text: String,
    /// SHA-256 over the wording, in hexadecimal digits.
    pub digest: String,
    /// When it was accepted.
    pub at: Timestamp,
}

/// A simulated platform.
pub trait Simulator: Send {
    /// The name of the endpoint that a request is for, as faults and limits know it.
    fn route(&self, request: &Inbound) -> Option<&'static str>;
    /// The remote id of the account that a request's token belongs to.
    fn account(&self, request: &Inbound) -> Option<String>;
    /// Answers a request at `now`. Pages (consent, feed) are answered here too.
    fn answer(&mut self, request: &Inbound, now: Timestamp) -> Answered;
    /// Takes in what a fetch brought. Kept in the log by the shell, as requests are.
    fn fetched(&mut self, key: &str, fetched: &Fetched, now: Timestamp);
    /// Everything accepted so far, oldest first.
    fn accepted(&self) -> &[Accepted];
    /// The accounts one can connect, with what a test may want to know of them.
    fn accounts(&self) -> Value;
    /// The limits in force; `PUT /_sim/limits` replaces them.
    fn limits(&self) -> Value;
    /// Carries out a control request that changes the state (`expireToken`, `revoke`, limits,
    /// `stuckProcessing` …). `false` when it does not know the control.
    fn control(&mut self, control: &Control, now: Timestamp) -> bool;
    /// Forgets everything.
    fn reset(&mut self);
}

/// A change of state ordered by a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Control {
    /// The access token of the account (of all, without one) is expired from now on.
    ExpireToken {
        /// The remote id or handle of the account.
        account: Option<String>,
    },
    /// The grant of the account is revoked: access and refresh token.
    Revoke {
        /// The remote id or handle of the account.
        account: Option<String>,
    },
    /// Media stay in processing for this many seconds.
    StuckProcessing {
        /// Seconds.
        s: u64,
    },
    /// Replaces limits, in the shape that [`Simulator::limits`] shows.
    Limits {
        /// The new limits.
        limits: Value,
    },
    /// The account's window of this route is used up until `reset_in_s` from now.
    Limit {
        /// The remote id or handle of the account.
        account: Option<String>,
        /// The endpoint's name; all of them without one.
        route: Option<String>,
        /// Seconds until the window opens again.
        reset_in_s: u64,
    },
    /// Every authorized call is refused with 401 for this many seconds, as in an outage.
    UnauthorizedAll {
        /// Seconds.
        s: u64,
    },
}

/// An instant as HTTP writes it in the header `Date` (RFC 9110, IMF-fixdate).
pub fn http_date(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    // The epoch was a Thursday. RFC 3339 has its parts at fixed places: 2026-12-01T09:00:00.000Z.
    let weekday = at.ms().div_euclid(86_400_000).rem_euclid(7);
    let day_name = usize::try_from(weekday).ok().and_then(|day| DAYS.get(day)).unwrap_or(&"Thu");
    let text = at.to_string();
    let part = |range| text.get(range).unwrap_or_default();
    let month =
        part(5..7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    let (day, month, year) = (part(8..10), month.unwrap_or(&"Jan"), part(0..4));
    format!("{day_name}, {day} {month} {year} {} GMT", part(11..19))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Reply;
    use ::http::{HeaderMap, HeaderValue, StatusCode};

    #[test]
    fn a_date_header_reads_back() {
        for seconds in [0, 784_111_777, 1_795_500_000] {
            let at = Timestamp::from_seconds(seconds);
            let mut headers = HeaderMap::new();
            headers.insert("date", HeaderValue::from_str(&http_date(at)).unwrap());
            let reply = Reply { status: StatusCode::OK, headers, body: vec![], at };
            assert_eq!(reply.date(), Some(at));
        }
        let known = http_date(Timestamp::from_seconds(784_111_777));
        assert_eq!(known, "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
