//! Named points at which a test can kill the process.
//!
//! `POSTFLEET_CRASH_AT=courier.after_intent:3` aborts at the third passage of that point, and
//! `publish.after_load@<uuid>` where that delivery passes it. The variable is looked at only after
//! [`arm`], which the composition root calls when every platform URL is on the loopback interface.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use uuid::Uuid;

/// Where a process can be made to die, in the order of a post's way.
pub const POINTS: [&str; 14] = [
    "accept.after_commit",
    "relay.after_push",
    "fan_out.before_commit",
    "fan_out.after_commit",
    "publish.after_claim",
    "publish.after_load",
    "courier.after_meter",
    "courier.after_sign",
    "courier.after_intent",
    "courier.after_fence",
    "courier.after_send",
    "publish.after_read",
    "publish.after_settle",
    "queue.before_ack",
];

struct Armed {
    point: String,
    /// Whose passages count; all without it.
    subject: Option<Uuid>,
    left: AtomicU32,
}

impl Armed {
    /// Reads `point`, `point:passage`, `point@subject` or `point@subject:passage`.
    fn parse(order: &str) -> Option<Self> {
        let (place, count) = order.split_once(':').unwrap_or((order, "1"));
        let (point, subject) = match place.split_once('@') {
            Some((point, subject)) => (point, Some(subject.parse().ok()?)),
            None => (place, None),
        };
        let left = AtomicU32::new(count.parse().ok().filter(|n| *n > 0)?);
        Some(Self { point: point.to_owned(), subject, left })
    }

    /// Is this the passage to die at?
    fn is_met(&self, name: &str, subject: Option<Uuid>) -> bool {
        self.point == name
            && (self.subject.is_none() || self.subject == subject)
            && self.left.fetch_sub(1, Ordering::SeqCst) == 1
    }
}

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

/// Looks at `POSTFLEET_CRASH_AT`. Returns the point that is armed, to be logged.
pub fn arm() -> Option<&'static str> {
    ARMED
        .get_or_init(|| Armed::parse(&std::env::var("POSTFLEET_CRASH_AT").ok()?))
        .as_ref()
        .map(|armed| armed.point.as_str())
}

/// Dies here when this point is armed and its count is used up.
pub fn point(name: &'static str) {
    pass(name, None);
}

/// The same, where one subject passes: the point can be armed for it alone.
pub fn point_of(name: &'static str, subject: Uuid) {
    pass(name, Some(subject));
}

fn pass(name: &'static str, subject: Option<Uuid>) {
    debug_assert!(POINTS.contains(&name), "{name} is not in crash::POINTS");
    if let Some(Some(armed)) = ARMED.get()
        && armed.is_met(name, subject)
    {
        // As sudden as kill -9: no destructor, no flush.
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_met_at_its_passage_and_only_by_its_subject() {
        let third = Armed::parse("courier.after_send:3").unwrap();
        let met = |_| third.is_met("courier.after_send", None);
        assert_eq!([0, 1, 2, 3].map(met), [false, false, true, false]);
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let of_one = Armed::parse(&format!("publish.after_load@{one}")).unwrap();
        assert!(!of_one.is_met("publish.after_load", Some(other)));
        assert!(!of_one.is_met("publish.after_load", None));
        assert!(!of_one.is_met("publish.after_claim", Some(one)));
        assert!(of_one.is_met("publish.after_load", Some(one)));
        assert!(Armed::parse("publish.after_load@nobody").is_none());
        assert!(Armed::parse("publish.after_load:0").is_none());
    }
}
