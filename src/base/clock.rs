//! The only place that reads a clock.
//!
//! Due times are compared with the clock of Postgres or Redis; this one serves logs, deadlines
//! inside a process, and whatever is measured.

use domain::time::Timestamp;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The present by this machine's wall clock.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The present by this machine's wall clock, in microseconds since 1970: for benches, whose parts
/// are processes of one machine.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A point on the clock that never goes back, to measure from.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
pub fn stopwatch() -> Instant {
    Instant::now()
}

/// Lets `time` pass. Loops use it for their pace, nothing uses it to wait for an event.
#[expect(clippy::disallowed_methods, reason = "the one place that lets time pass")]
pub async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
