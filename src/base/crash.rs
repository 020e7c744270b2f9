//! Named points at which a test can end the process or have it stand still.
//!
//! `POSTFLEET_CRASH_AT` holds orders, separated by commas: `courier.after_intent:3` aborts at the
//! third passage of that point, `publish.after_load@<uuid>` where that subject passes it, and
//! `courier.after_send@<uuid>=stop` stops the process there until somebody continues it. With a
//! folder in `POSTFLEET_CRASH_DIR` the passages count over all processes that name it, so each
//! order is carried out once: a passage leaves the file `<order>.<number>` there, which holds the
//! number of its process. Both variables are looked at only after [`arm`], which the composition
//! root calls when every platform URL is on the loopback interface.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
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

/// The same on the way of a renewal.
pub const REFRESH_POINTS: [&str; 7] = [
    "refresh.after_claim",
    "refresh.after_intent",
    "refresh.after_send",
    "refresh.after_read",
    "refresh.before_commit",
    "refresh.after_commit",
    "refresh.before_ack",
];

/// The same on the way of a copy.
pub const COPY_POINTS: [&str; 2] = ["copies.before_commit", "copies.after_commit"];

/// Signals a process and waits until it stands still, so that no thread of it runs a step further.
const STOP: &str = r#"kill -STOP "$0"; until grep -q '^State:.T' "/proc/$0/status"; do :; done"#;

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Die,
    Stop,
}

struct Order {
    /// As it was given.
    text: String,
    point: String,
    /// Whose passages count; all without it.
    subject: Option<Uuid>,
    /// The passage that is meant.
    passage: u32,
    end: End,
    passed: AtomicU32,
}

struct Armed {
    orders: Vec<Order>,
    /// Where passages are counted; in this process alone without it.
    folder: Option<PathBuf>,
}

impl Order {
    /// Reads `point`, with `@subject`, `:passage` and `=stop` behind it where they matter.
    fn parse(text: &str) -> Option<Self> {
        let (rest, end) = match text.strip_suffix("=stop") {
            Some(rest) => (rest, End::Stop),
            None => (text, End::Die),
        };
        let (place, passage) = rest.split_once(':').unwrap_or((rest, "1"));
        let (point, subject) = match place.split_once('@') {
            Some((point, subject)) => (point, Some(subject.parse().ok()?)),
            None => (place, None),
        };
        let passage = passage.parse().ok().filter(|n| *n > 0)?;
        let (text, point) = (text.to_owned(), point.to_owned());
        Some(Self { text, point, subject, passage, end, passed: AtomicU32::new(0) })
    }

    /// Counts a passage of its place. Is this the one that is meant?
    fn is_met(&self, name: &str, subject: Option<Uuid>, folder: Option<&Path>) -> bool {
        if self.point != name || self.subject.is_some() && self.subject != subject {
            return false;
        }
        let Some(folder) = folder else {
            return self.passed.fetch_add(1, Ordering::SeqCst) + 1 == self.passage;
        };
        let number = (1..=self.passage).find(|number| self.note(folder, *number));
        number == Some(self.passage)
    }

    /// Takes a passage's number; `false` when another one has it already.
    fn note(&self, folder: &Path, number: u32) -> bool {
        let file = File::create_new(folder.join(format!("{}.{number}", self.text)));
        file.and_then(|mut file| write!(file, "{}", std::process::id())).is_ok()
    }

    fn carry_out(&self) {
        match self.end {
            // As sudden as kill -9: no destructor, no flush.
            End::Die => std::process::abort(),
            End::Stop => {
                let own = std::process::id().to_string();
                // Whoever cannot start a shell goes on, and the test sees that nobody stopped.
                let _ = Command::new("sh").args(["-c", STOP, &own]).status();
            }
        }
    }
}

impl Armed {
    fn read(orders: &str, folder: Option<PathBuf>) -> Self {
        Self { orders: orders.split(',').filter_map(Order::parse).collect(), folder }
    }

    fn pass(&self, name: &str, subject: Option<Uuid>) {
        let is_met = |order: &&Order| order.is_met(name, subject, self.folder.as_deref());
        // Each order counts the passage before one of them ends it.
        let met: Vec<&Order> = self.orders.iter().filter(is_met).collect();
        met.into_iter().for_each(Order::carry_out);
    }
}

static ARMED: OnceLock<Armed> = OnceLock::new();

/// Looks at `POSTFLEET_CRASH_AT`. Returns how many orders are armed, to be logged.
pub fn arm() -> usize {
    let Ok(orders) = std::env::var("POSTFLEET_CRASH_AT") else { return 0 };
    let folder = std::env::var_os("POSTFLEET_CRASH_DIR").map(PathBuf::from);
    ARMED.get_or_init(|| Armed::read(&orders, folder)).orders.len()
}

/// Dies or stops here when an order for this point is armed and its passage has come.
pub fn point(name: &'static str) {
    pass(name, None);
}

/// The same, where one subject passes: the point can be armed for it alone.
pub fn point_of(name: &'static str, subject: Uuid) {
    pass(name, Some(subject));
}

fn pass(name: &'static str, subject: Option<Uuid>) {
    let known = || POINTS.iter().chain(&REFRESH_POINTS).chain(&COPY_POINTS);
    let is_known = || known().any(|known| *known == name);
    debug_assert!(is_known(), "{name} is not in crash::POINTS");
    if let Some(armed) = ARMED.get() {
        armed.pass(name, subject);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_met_at_its_passage_and_only_by_its_subject() {
        let third = Order::parse("courier.after_send:3").unwrap();
        let met = |_| third.is_met("courier.after_send", None, None);
        assert_eq!([0, 1, 2, 3].map(met), [false, false, true, false]);
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let of_one = Order::parse(&format!("publish.after_load@{one}")).unwrap();
        let met = |name, subject| of_one.is_met(name, subject, None);
        assert!(!met("publish.after_load", Some(other)));
        assert!(!met("publish.after_load", None));
        assert!(!met("publish.after_claim", Some(one)));
        assert!(met("publish.after_load", Some(one)));
        assert!(Order::parse("publish.after_load@nobody").is_none());
        assert!(Order::parse("publish.after_load:0").is_none());
    }

    #[test]
    fn orders_come_in_a_list_and_say_how_it_ends() {
        let one = Uuid::from_u128(1);
        let text = format!("publish.after_read@{one}:2=stop,queue.before_ack,publish.after_read:x");
        let read = Armed::read(&text, None).orders;
        let told: Vec<_> = read.iter().map(|o| (o.point.as_str(), o.passage, o.end)).collect();
        let stop = ("publish.after_read", 2, End::Stop);
        assert_eq!(told, [stop, ("queue.before_ack", 1, End::Die)]);
        assert_eq!(read[0].subject, Some(one));
    }

    #[test]
    fn passages_count_over_all_processes_that_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        // Two processes that were given the same order.
        let [one, other] = [0, 1].map(|_| Order::parse("relay.after_push:3").unwrap());
        let met = |order: &Order| order.is_met("relay.after_push", None, Some(folder.path()));
        let met = [&one, &other, &one, &one, &other].map(met);
        assert_eq!(met, [false, false, true, false, false]);
        let noted = std::fs::read_to_string(folder.path().join("relay.after_push:3.3")).unwrap();
        assert_eq!(noted, std::process::id().to_string());
    }
}
