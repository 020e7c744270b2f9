//! Named points at which a test can kill the process.
//!
//! `POSTFLEET_CRASH_AT=courier.after_intent:3` aborts at the third passage of that point. The
//! variable is looked at only after [`arm`], which the composition root calls when every platform
//! URL is on the loopback interface.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

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
    left: AtomicU32,
}

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

/// Looks at `POSTFLEET_CRASH_AT`. Returns the point that is armed, to be logged.
pub fn arm() -> Option<&'static str> {
    ARMED
        .get_or_init(|| {
            let order = std::env::var("POSTFLEET_CRASH_AT").ok()?;
            let (point, count) = order.split_once(':').unwrap_or((&order, "1"));
            let left = AtomicU32::new(count.parse().ok().filter(|n| *n > 0)?);
            Some(Armed { point: point.to_owned(), left })
        })
        .as_ref()
        .map(|armed| armed.point.as_str())
}

/// Dies here when this point is armed and its count is used up.
pub fn point(name: &'static str) {
    debug_assert!(POINTS.contains(&name), "{name} is not in crash::POINTS");
    if let Some(Some(armed)) = ARMED.get()
        && armed.point == name
        && armed.left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        // As sudden as kill -9: no destructor, no flush.
        std::process::abort();
    }
}
