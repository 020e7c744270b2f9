//! The only place that reads a clock.
//!
//! Due times are compared with the clock of Postgres or Redis; this one serves logs, deadlines
//! inside a process, and whatever is measured.
//!
//! A test can set the wall clock of one process wrong: `POSTFLEET_CLOCK_FILE` names a file with the
//! milliseconds that it is ahead, read anew each time, so that it can be stepped while the process
//! runs. It is looked at only after [`arm`], which the composition root calls when every platform
//! URL is on the loopback interface.

use domain::time::Timestamp;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static WRONG: OnceLock<PathBuf> = OnceLock::new();

/// Looks at `POSTFLEET_CLOCK_FILE`. Is the clock set wrong?
pub fn arm() -> bool {
    let Some(file) = std::env::var_os("POSTFLEET_CLOCK_FILE") else { return false };
    WRONG.get_or_init(|| file.into());
    true
}

/// By how much the wall clock is ahead; a file that cannot be read says by nothing.
fn ahead_ms() -> i64 {
    let told = WRONG.get().and_then(|file| std::fs::read_to_string(file).ok());
    told.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// The present by this machine's wall clock.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_ms(ms.saturating_add(ahead_ms()))
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
