//! Instants in the headers of replies, by our clock (RFC 9110, sections 5.6.7 and 10.2.3).
//!
//! Invariant: what does not read tells nothing; no instant that is told comes out earlier.

use crate::port::Reply;
use domain::time::Timestamp;
use std::time::Duration;

/// `Date` leaves the fraction of its second out, and a reply is on its way for a moment.
const DATE_BLUR: Duration = Duration::from_millis(1_500);
/// An end that passed longer ago than replies take to come is no news.
const PAST_MAX: Duration = Duration::from_secs(60);
/// More seconds than any platform means; so many are read as this.
const SECONDS_MAX: f64 = 366.0 * 24.0 * 3600.0;

/// The months as HTTP writes them.
pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads a date in one of the three forms that HTTP has, as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    // The second form has dashes, `06-Nov-94`, and the third begins with the month and has no zone.
    let words: Vec<&str> = text.split([' ', '-']).filter(|word| !word.is_empty()).collect();
    let (day, month, year, time) = match words[..] {
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let (day, mut year) = (day.parse::<u8>().ok()?, year.parse::<u16>().ok()?);
    if year < 100 {
        year += 2_000;
    }
    Timestamp::parse(&format!("{year:04}-{month:02}-{day:02}T{time}Z"))
}

/// An instant of the platform's clock by ours: the wait is what lies between its `Date` and it. A
/// clock that its `Date` cannot tell from ours counts as ours, or everybody would wait a second
/// too long.
pub(crate) fn by_our_clock(reply: &Reply, told: Timestamp) -> Timestamp {
    match reply.date() {
        Some(date) if reply.at < date || reply.at.since(date) > DATE_BLUR => {
            reply.at + told.since(date)
        }
        _ => told,
    }
}

/// The end of a limit, not before the reply; `None` where it had ended long before.
pub(crate) fn upcoming(reply: &Reply, end: Timestamp) -> Option<Timestamp> {
    (reply.at.since(end) <= PAST_MAX).then_some(end.max(reply.at))
}

/// What `Retry-After` names: seconds, with decimals as some proxies write them, or a date.
pub(crate) fn retry_after(reply: &Reply) -> Option<Timestamp> {
    let text = reply.header("retry-after")?.trim();
    let is_number = text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    if !is_number {
        let date = http_date(text)?;
        let is_long_past = reply.date().is_some_and(|now| now.since(date) > PAST_MAX);
        return upcoming(reply, by_our_clock(reply, date)).filter(|_| !is_long_past);
    }
    let seconds = text.parse::<f64>().ok()?.min(SECONDS_MAX);
    // Whole milliseconds, rounded up: never earlier than told.
    let wait = Duration::from_secs_f64(seconds) + Duration::from_micros(999);
    Some(reply.at + wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue, StatusCode};

    #[test]
    fn the_three_forms_of_a_date_are_read() {
        let told = ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];
        for text in told {
            assert_eq!(http_date(text), Timestamp::parse("1994-11-06T08:49:37Z"), "{text}");
        }
        let short = "Sunday, 06-Dec-26 08:49:37 GMT";
        assert_eq!(http_date(short), Timestamp::parse("2026-12-06T08:49:37Z"));
        for odd in ["", "soon", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET"] {
            assert_eq!(http_date(odd), None, "{odd}");
        }
    }

    /// How many milliseconds after its arrival a reply says to call again.
    fn wait_ms(header: &str, date: Option<&str>) -> Option<i64> {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_str(header).unwrap());
        if let Some(date) = date {
            headers.insert("date", HeaderValue::from_str(date).unwrap());
        }
        let at = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let reply = Reply { status, headers, body: Vec::new(), at };
        reply.retry_after().map(|then| then.ms() - at.ms())
    }

    // case: L-retry-after
    #[test]
    fn retry_after_is_read_in_all_its_forms_and_never_too_early() {
        let noon = Some("Mon, 23 Nov 2026 12:00:00 GMT");
        let behind = Some("Mon, 23 Nov 2026 11:58:00 GMT");
        let ahead = Some("Mon, 23 Nov 2026 12:03:00 GMT");
        let table = [
            ("120", None, Some(120_000)),
            (" 7 ", behind, Some(7_000)),
            ("0", None, Some(0)),
            ("1.5", None, Some(1_500)),
            ("0.0004", None, Some(1)),
            ("82800", None, Some(82_800_000)),
            ("99999999999999999999", None, Some(366 * 24 * 3_600_000)),
            ("Mon, 23 Nov 2026 12:02:00 GMT", None, Some(120_000)),
            ("Mon, 23 Nov 2026 12:02:00 GMT", noon, Some(120_000)),
            ("Mon, 23 Nov 2026 12:02:00 GMT", behind, Some(240_000)),
            ("Mon, 23 Nov 2026 12:05:00 GMT", ahead, Some(120_000)),
            ("Tue, 24 Nov 2026 11:00:00 GMT", noon, Some(82_800_000)),
            ("Mon, 23 Nov 2026 11:59:30 GMT", noon, Some(0)),
            ("Mon, 23 Nov 2026 09:00:00 GMT", noon, None),
            ("Mon, 23 Nov 2026 09:00:00 GMT", behind, None),
            ("-5", None, None),
            ("+5", None, None),
            ("1e3", None, None),
            ("1.2.3", None, None),
            ("inf", None, None),
            ("soon", None, None),
            ("", None, None),
        ];
        for (header, date, expected) in table {
            assert_eq!(wait_ms(header, date), expected, "{header:?} at {date:?}");
        }
    }
}
