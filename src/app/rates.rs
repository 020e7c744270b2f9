//! How often a key may ask: counted in Redis for the whole fleet, and by each process for itself
//! while Redis is away, for the API has to accept then too.

use crate::App;
use crate::caller::Caller;
use base::clock;
use domain::id::ApiKeyId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The length of a window.
pub const WINDOW: Duration = Duration::from_secs(60);
/// A Redis that did not answer is left alone for so long.
const AWAY_FOR: Duration = Duration::from_secs(1);
/// Keys that a process counts by itself; beyond it those whose windows are over are forgotten.
const COUNTED_MAX: usize = 10_000;

/// Where a key stands in its window, this request counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests in a window.
    pub limit: u32,
    /// Requests that are left of it.
    pub left: u32,
    /// Seconds until it begins anew, rounded up.
    pub reset_s: u64,
    /// This request is one too many.
    pub is_over: bool,
}

impl Rate {
    fn of(limit: u32, used: u64, ends_in: Duration) -> Self {
        let left = u64::from(limit).saturating_sub(used);
        let reset_s = u64::try_from(ends_in.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX);
        Self {
            limit,
            left: u32::try_from(left).unwrap_or(u32::MAX),
            reset_s: reset_s.max(1),
            is_over: used > u64::from(limit),
        }
    }
}

/// What a process counts by itself.
#[derive(Default)]
pub(crate) struct Rates {
    own: Mutex<Own>,
}

#[derive(Default)]
struct Own {
    away_until: Option<Instant>,
    windows: HashMap<ApiKeyId, (Instant, u64)>,
}

impl Rates {
    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_away(&self, now: Instant) -> bool {
        self.own().away_until.is_some_and(|until| now < until)
    }

    fn leave_alone(&self, now: Instant) {
        self.own().away_until = Some(now + AWAY_FOR);
    }

    /// Counts here. What Redis has counted in the same minute is not known.
    fn count(&self, key: ApiKeyId, now: Instant) -> (u64, Duration) {
        let mut own = self.own();
        if own.windows.len() >= COUNTED_MAX {
            own.windows.retain(|_, (end, _)| *end > now);
        }
        let window = own.windows.entry(key).or_insert((now + WINDOW, 0));
        if window.0 <= now {
            *window = (now + WINDOW, 0);
        }
        window.1 += 1;
        (window.1, window.0.saturating_duration_since(now))
    }
}

/// Requests of a key in a minute; `None` where it has no limit.
pub(crate) fn limit(app: &App, caller: &Caller) -> Option<u32> {
    let limit = caller.requests_per_minute.unwrap_or(app.0.settings.requests_per_minute);
    Some(limit).filter(|limit| *limit > 0)
}

/// Counts a request of a key; `None` where it has no limit.
pub async fn count(app: &App, caller: &Caller) -> Option<Rate> {
    let limit = limit(app, caller)?;
    let id = caller.id?;
    let (rates, now) = (&app.0.rates, clock::stopwatch());
    if !rates.is_away(now) {
        match app.0.queue.count_request(&id.uuid().simple().to_string(), WINDOW).await {
            Ok(counted) => return Some(Rate::of(limit, counted.used, counted.ends_in)),
            Err(fault) => {
                tracing::warn!(%fault, "requests are counted by each process for itself");
                rates.leave_alone(now);
            }
        }
    }
    let (used, ends_in) = rates.count(id, now);
    Some(Rate::of(limit, used, ends_in))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_request_of_a_window_passes_and_the_next_does_not() {
        let at = |used| Rate::of(3, used, Duration::from_millis(1_001));
        assert_eq!(at(1), Rate { limit: 3, left: 2, reset_s: 2, is_over: false });
        assert_eq!(at(3), Rate { limit: 3, left: 0, reset_s: 2, is_over: false });
        assert_eq!(at(4), Rate { limit: 3, left: 0, reset_s: 2, is_over: true });
        assert_eq!(Rate::of(3, 9, Duration::ZERO).reset_s, 1, "0 would say: at once");
    }

    // case: K-limit-alone
    #[test]
    fn a_process_counts_for_itself_while_redis_is_away() {
        let (rates, start) = (Rates::default(), clock::stopwatch());
        let (one, other) = (base::rng::id(), base::rng::id());
        let used = |key, after_s| rates.count(key, start + Duration::from_secs(after_s)).0;
        assert_eq!([used(one, 0), used(one, 59), used(other, 59)], [1, 2, 1]);
        assert_eq!([used(one, 60), used(other, 60)], [1, 2], "each has a window of its own");
        rates.leave_alone(start);
        assert!(rates.is_away(start) && !rates.is_away(start + AWAY_FOR));
    }
}
