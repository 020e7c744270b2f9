//! Webhooks: which events an endpoint is sent, when a message is sent again, and when an endpoint
//! is given up.

use crate::rejection::{Rejection, Rule};
use crate::time::Timestamp;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// From each attempt to the next one: the example of Standard Webhooks 1.0, ten attempts in three
/// days.
pub const LADDER: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(5 * 3_600),
    Duration::from_secs(10 * 3_600),
    Duration::from_secs(14 * 3_600),
    Duration::from_secs(20 * 3_600),
    Duration::from_secs(24 * 3_600),
];
/// Attempts come apart by this part of their delay, either way.
const JITTER: f64 = 0.1;
/// An endpoint that wants to be left alone for longer is asked after a day all the same.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);
/// An endpoint that has taken nothing for so long is switched off: longer than one message is
/// tried, so a long weekend costs nobody his endpoint.
pub const FAILING_MAX: Duration = Duration::from_secs(5 * 24 * 3_600);
/// Patterns of one endpoint.
pub const PATTERNS_MAX: usize = 50;
/// What the first word of an event's kind may be.
pub const FAMILIES: [&str; 6] = ["post", "delivery", "repost", "brand", "account", "webhook"];

/// What the endpoint made of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status; none when nothing came back.
    pub status: Option<u16>,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken.
    Delivered,
    /// It is sent again after this.
    Again(Duration),
    /// It is not sent again by itself.
    Failed,
    /// The endpoint says that it is gone for good: it is switched off.
    Gone,
}

/// What becomes of a message after attempt number `attempt` (from 1); `chance` lies in 0 to 1.
pub fn judge(answer: Answer, attempt: u32, chance: f64) -> Verdict {
    match answer.status {
        Some(200..=299) => return Verdict::Delivered,
        Some(410) => return Verdict::Gone,
        // A redirect is a failure: who moved says so by a new address.
        Some(_) | None => {}
    }
    let step = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(delay) = LADDER.get(step) else { return Verdict::Failed };
    let delay = delay.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance.clamp(0.0, 1.0));
    let asked = answer.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
    Verdict::Again(delay.max(asked))
}

/// An endpoint that has failed since then is switched off.
pub fn is_given_up(failing_since: Timestamp, now: Timestamp) -> bool {
    now.since(failing_since) >= FAILING_MAX
}

/// Is an event of this kind sent to an endpoint with these patterns? None means every one.
pub fn wants(patterns: &[String], kind: &str) -> bool {
    let family = kind.split('.').next().unwrap_or_default();
    let is_it = |pattern: &String| pattern == kind || pattern.strip_suffix(".*") == Some(family);
    patterns.is_empty() || patterns.iter().any(is_it)
}

/// What is wrong with a pattern that is no kind, as `post.published`, and no family, as `post.*`.
pub fn fault_of_pattern(field: &str, pattern: &str) -> Option<Rejection> {
    let is_word = |word: &str| {
        !word.is_empty()
            && word.len() <= 40
            && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    let is_known = pattern
        .split_once('.')
        .is_some_and(|(family, rest)| FAMILIES.contains(&family) && (rest == "*" || is_word(rest)));
    if is_known {
        return None;
    }
    let message = format!("`{field}` names no kind of event.");
    let families: Vec<String> = FAMILIES.iter().map(|family| format!("{family}.*")).collect();
    let rejection = Rejection::request(Rule::OutOfRange, field, message);
    let resolution = "Name a kind, as `post.published`, or a family, as `post.*`.";
    Some(rejection.bounds(families, pattern).resolve(resolution))
}

/// The number of an event, as everybody outside sees it: `evt_` and 16 hexadecimal digits, so that
/// identifiers sort as the events do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub i64);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "evt_{:016x}", self.0)
    }
}

impl FromStr for EventId {
    type Err = NotAnEvent;
    fn from_str(text: &str) -> Result<Self, NotAnEvent> {
        let digits = text.strip_prefix("evt_").ok_or(NotAnEvent)?;
        let is_hex = digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let number = i64::from_str_radix(digits, 16).map_err(|_| NotAnEvent)?;
        if is_hex { Ok(Self(number)) } else { Err(NotAnEvent) }
    }
}

impl PartialSchema for EventId {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let text = text.pattern(Some("^evt_[0-9a-fA-F]{16}$"));
        text.examples(["evt_00000000000012f7"]).into()
    }
}
impl ToSchema for EventId {}

impl serde::Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// The text is no identifier of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnEvent;

impl fmt::Display for NotAnEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event is `evt_` and 16 hexadecimal digits")
    }
}

/// What the header of a message signs: its id, the second of the attempt, and the body.
pub fn signed_head(id: &str, at: Timestamp) -> String {
    format!("{id}.{}.", at.ms().div_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(status: u16) -> Answer {
        Answer { status: Some(status), retry_after: None }
    }

    // case: W-ladder
    #[test]
    fn an_unanswered_message_is_tried_ten_times_by_the_ladder_within_a_tenth() {
        for chance in [0.0, 0.31, 0.5, 1.0] {
            for (step, delay) in LADDER.iter().enumerate() {
                let attempt = u32::try_from(step).unwrap() + 1;
                let silent = Answer { status: None, retry_after: None };
                for answer in [silent, answer(500), answer(301), answer(404), answer(429)] {
                    let Verdict::Again(after) = judge(answer, attempt, chance) else {
                        panic!("attempt {attempt} is not the last one")
                    };
                    let off = after.as_secs_f64() / delay.as_secs_f64() - 1.0;
                    assert!(off.abs() <= 0.1 + 1e-9, "attempt {attempt}: {after:?}");
                }
            }
            assert_eq!(judge(answer(500), 10, chance), Verdict::Failed);
        }
        assert_ne!(judge(answer(500), 1, 0.0), judge(answer(500), 1, 1.0), "they come apart");
    }

    // case: W-ladder
    #[test]
    fn what_is_asked_for_is_waited_for_within_a_day_and_never_less_than_the_ladder() {
        let asked = |s| Answer { status: Some(503), retry_after: Some(Duration::from_secs(s)) };
        assert_eq!(judge(asked(120), 1, 0.5), Verdict::Again(Duration::from_secs(120)));
        assert_eq!(judge(asked(1), 2, 0.5), Verdict::Again(Duration::from_secs(300)));
        assert_eq!(judge(asked(1 << 40), 1, 0.5), Verdict::Again(RETRY_AFTER_MAX));
        assert_eq!(judge(asked(5), 10, 0.5), Verdict::Failed);
        assert_eq!(judge(answer(204), 10, 0.5), Verdict::Delivered);
        assert_eq!(judge(answer(410), 1, 0.5), Verdict::Gone);
        let day = 24 * 3_600;
        let since = Timestamp::from_seconds(0);
        assert!(!is_given_up(since, Timestamp::from_seconds(5 * day - 1)));
        assert!(is_given_up(since, Timestamp::from_seconds(5 * day)));
        let all: Duration = LADDER.iter().sum();
        assert!(all.mul_f64(1.0 + JITTER) < FAILING_MAX, "one bad message gives nobody up");
    }

    #[test]
    fn patterns_choose_kinds_and_families() {
        let wanted = ["post.*".to_owned(), "delivery.failed".to_owned()];
        for (kind, is) in [
            ("post.published", true),
            ("delivery.failed", true),
            ("delivery.published", false),
            ("posting.x", false),
            ("account.paused", false),
        ] {
            assert_eq!(wants(&wanted, kind), is, "{kind}");
            assert!(wants(&[], kind));
        }
        for good in ["post.*", "delivery.remote_deleted", "account.paused", "webhook.disabled"] {
            assert_eq!(fault_of_pattern("events[0]", good), None, "{good}");
        }
        for bad in ["*", "post", "post.", "posts.*", "post.Published", "post.*.x", "", ".", "a.b"] {
            assert_eq!(fault_of_pattern("events[0]", bad).unwrap().field, "events[0]", "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_event_is_named_and_found_again_and_names_sort_as_events_do(
            a in 0..i64::MAX,
            b in 0..i64::MAX,
        ) {
            let name = |number: i64| EventId(number).to_string();
            prop_assert_eq!(name(a).parse(), Ok(EventId(a)));
            prop_assert_eq!(a.cmp(&b), name(a).cmp(&name(b)));
        }
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for text in ["", "evt_", "evt_1", "evt_+00000000000000f", "evt_ffffffffffffffff", "pst_1"] {
            assert_eq!(text.parse::<EventId>(), Err(NotAnEvent), "{text}");
        }
    }
}
