//! How long this process may be certain that its work is still its own.

use base::{clock, rng};
use domain::time::Timestamp;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The right to work of one session, by the clocks of this machine.
///
/// Two clocks must agree: the monotonic one cannot be set, but on Linux it stands still while the
/// machine is suspended; the wall clock counts that time, but it can be set. A step of the wall
/// clock forward costs a lease early, which is harmless.
#[derive(Debug)]
pub(crate) struct Lease {
    session: String,
    ends: Mutex<Option<Ends>>,
}

#[derive(Debug, Clone, Copy)]
struct Ends {
    steady: Instant,
    wall: Timestamp,
}

/// A moment before a word goes to Redis: what Redis grants counts from then at the earliest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    steady: Instant,
    wall: Timestamp,
}

impl Sent {
    pub(crate) fn now() -> Self {
        Self { steady: clock::stopwatch(), wall: clock::now() }
    }

    /// The time passed since.
    pub(crate) fn elapsed(&self) -> Duration {
        self.steady.elapsed()
    }
}

impl Lease {
    pub(crate) fn new() -> Self {
        Self { session: format!("{:016x}", rng::nonce()), ends: Mutex::new(None) }
    }

    /// The name under which Redis lends to this process.
    pub(crate) fn session(&self) -> &str {
        &self.session
    }

    /// Redis granted `lease` to a word that went out at `sent`. A quarter is kept in hand.
    pub(crate) fn extend(&self, sent: Sent, lease: Duration) {
        let certain = lease - lease / 4;
        let ends = Ends { steady: sent.steady + certain, wall: sent.wall + certain };
        *self.lock() = Some(ends);
    }

    /// Redis lent the work to others: nothing of this session may start any more.
    pub(crate) fn end(&self) {
        *self.lock() = None;
    }

    pub(crate) fn remaining(&self) -> Duration {
        let Some(ends) = *self.lock() else { return Duration::ZERO };
        let steady = ends.steady.saturating_duration_since(clock::stopwatch());
        steady.min(ends.wall.since(clock::now()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Ends>> {
        // Nothing can panic while the lock is held: each use is one assignment or copy.
        self.ends.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_certain_only_after_redis_said_so_and_not_after_it_took_it_back() {
        let lease = Lease::new();
        assert!(lease.remaining().is_zero());
        lease.extend(Sent::now(), Duration::from_secs(40));
        assert!(lease.remaining() > Duration::from_secs(29));
        assert!(lease.remaining() <= Duration::from_secs(30));
        lease.end();
        assert!(lease.remaining().is_zero());
    }
}
