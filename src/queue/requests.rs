//! Counts the requests of a caller, in windows that begin with its first one.
//!
//! Invariant: nothing of a post depends on it. Where Redis is away the caller counts for itself.

use crate::handle::Queue;
use crate::wire::prefix;
use base::{Context, Fault};
use std::time::Duration;

/// A caller waits for its count no longer than this; every process can count for itself.
const WITHIN: Duration = Duration::from_millis(100);

/// What one window has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Requests in it, this one among them.
    pub used: u64,
    /// How long it goes on.
    pub ends_in: Duration,
}

impl Queue {
    /// Counts a request of `caller` in its window.
    ///
    /// # Errors
    /// When Redis does not answer at once.
    pub async fn count_request(&self, caller: &str, window: Duration) -> Result<Counted, Fault> {
        let shard = self.shard_of(caller);
        let key = format!("{}requests:{caller}", prefix(shard));
        let mut calls = self.shared.wire.calls.of(shard);
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        let mut pipe = redis::pipe();
        pipe.atomic();
        pipe.cmd("SET").arg(&key).arg(0).arg("PX").arg(window_ms).arg("NX").ignore();
        pipe.cmd("INCR").arg(&key).cmd("PTTL").arg(&key);
        let counting = tokio::time::timeout(WITHIN, pipe.query_async::<(u64, i64)>(&mut calls));
        let (used, left_ms) =
            counting.await.context("counting a request")?.context("counting a request")?;
        let left_ms = u64::try_from(left_ms).unwrap_or(window_ms);
        Ok(Counted { used, ends_in: Duration::from_millis(left_ms) })
    }
}
