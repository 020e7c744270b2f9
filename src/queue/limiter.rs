//! The limiter: permits for calls, counted by Redis's clock.
//!
//! Invariant: a Redis that was not filled from the ledger grants nothing.

use crate::handle::Queue;
use crate::wire::{CORRECT, METER, on, prefix};
use base::{Context, Fault};
use domain::limit::Rate;
use domain::time::Timestamp;

/// What a call is counted against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quota {
    /// So many calls in so much time: the platforms' own form.
    Window {
        /// Whose calls of what; it begins with its first call.
        key: String,
        /// Calls allowed.
        calls_max: u32,
        /// Its length.
        window_ms: u64,
        /// When it ends, by a calendar; else it begins with its first call.
        ends_at: Option<Timestamp>,
        /// How many of its calls this one counts as; at least 1.
        cost: u32,
        /// Who else will ask.
        behind: Behind,
    },
    /// An even flow, to smooth an app.
    Rate {
        /// Whose calls.
        key: String,
        /// How even.
        rate: Rate,
    },
}

/// The jobs that wait behind a call and will ask for the same window. The limiter counts them
/// when little is left, to see whether everything fits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Behind {
    /// Nobody, as far as the asker knows.
    #[default]
    Nobody,
    /// Those of one lane: the window of an account.
    Lane {
        /// The queue.
        queue: String,
        /// The lane.
        lane: String,
    },
    /// Those of a whole queue: the window of an app or a platform.
    Queue(String),
}

/// The limiter's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permit {
    /// Counted in every quota; good for [`domain::limit::PERMIT`].
    Granted {
        /// What is left of each, in the order they were named; `None` for a rate.
        left: Vec<Option<u32>>,
    },
    /// Counted in none. The earliest instant at which it is worth asking again.
    Until(Timestamp),
}

impl Queue {
    /// Counts one call in every quota, or in none, by Redis's clock.
    ///
    /// # Errors
    /// When Redis does not answer: then the call is not to be made.
    pub async fn meter(&self, shard: u16, quotas: &[Quota]) -> Result<Permit, Fault> {
        if quotas.is_empty() {
            return Ok(Permit::Granted { left: Vec::new() });
        }
        let mut meter = on(&METER, shard);
        for quota in quotas {
            match quota {
                Quota::Window { key, calls_max, window_ms, ends_at, cost, behind } => {
                    let (how, waiting) = match behind {
                        Behind::Nobody => ("", String::new()),
                        Behind::Lane { queue, lane } => ("lane", format!("q:{queue}:lane:{lane}")),
                        Behind::Queue(queue) => ("queue", format!("q:{queue}:depth")),
                    };
                    meter.arg(window_name(key)).arg("window").arg(calls_max).arg(window_ms);
                    meter.arg(how).arg(waiting).arg(ends_at.map_or(0, Timestamp::ms));
                    meter.arg(cost.max(&1));
                }
                Quota::Rate { key, rate } => {
                    let per_ms = u64::try_from(rate.per.as_millis()).unwrap_or(u64::MAX);
                    meter.arg(format!("rate:{key}")).arg("rate");
                    meter.arg(rate.calls.max(1)).arg(per_ms).arg(rate.burst.max(1));
                    meter.arg("").arg("").arg("");
                }
            }
        }
        let reply: Vec<i64> = self.shared.wire.call(shard, &meter, "asking the limiter").await?;
        let (first, left) = reply.split_first().context("the limiter said nothing")?;
        Ok(match *first {
            0 => Permit::Granted { left: left.iter().map(|&n| u32::try_from(n).ok()).collect() },
            ms => Permit::Until(Timestamp::from_ms(ms)),
        })
    }

    /// What windows have counted, without counting anything; in the order asked, `None` of one that
    /// has not begun or is over.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn windows(&self, shard: u16, keys: &[String]) -> Result<Vec<Option<Seen>>, Fault> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        pipe.cmd("TIME");
        for key in keys {
            pipe.cmd("HMGET")
                .arg(prefix(shard) + &window_name(key))
                .arg(&["used", "reset", "left", "until"]);
        }
        let mut calls = self.shared.wire.calls.of(shard);
        let reply: Vec<Vec<Option<i64>>> =
            pipe.query_async(&mut calls).await.context("looking at the limiter's windows")?;
        let (time, windows) = reply.split_first().context("Redis did not tell its time")?;
        let now = match time.as_slice() {
            [Some(seconds), Some(micros)] => seconds * 1_000 + micros / 1_000,
            _ => return Err(Fault::new("Redis did not tell its time")),
        };
        Ok(windows.iter().map(|window| seen(window, now)).collect())
    }

    /// A platform said what is left of a window of so many calls and when it begins anew; it only
    /// ever lowers what is granted. An instant that is past says nothing.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn correct(
        &self,
        shard: u16,
        (key, calls_max): (&str, u32),
        remaining: u32,
        reset_at: Timestamp,
    ) -> Result<(), Fault> {
        let mut correct = on(&CORRECT, shard);
        correct.arg(window_name(key)).arg(remaining).arg(reset_at.ms()).arg(calls_max);
        self.shared.wire.call(shard, &correct, "correcting the limiter").await
    }
}

/// What a window has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Calls in it.
    pub used: u32,
    /// When it begins anew.
    pub reset_at: Timestamp,
    /// What the platform said is left, while that holds.
    pub left_by_platform: Option<u32>,
}

fn seen(window: &[Option<i64>], now: i64) -> Option<Seen> {
    let at = |place: usize| window.get(place).copied().flatten();
    let number = |value: i64| u32::try_from(value.max(0)).unwrap_or(u32::MAX);
    let told = at(2).zip(at(3)).filter(|(_, until)| *until > now);
    let own = at(0).zip(at(1)).filter(|(_, reset)| *reset > now);
    let (used, reset) = own.or(told.map(|(_, until)| (0, until)))?;
    let left_by_platform = told.map(|(left, _)| number(left));
    Some(Seen { used: number(used), reset_at: Timestamp::from_ms(reset), left_by_platform })
}

/// Where a window is kept, without the prefix of its shard.
pub(crate) fn window_name(key: &str) -> String {
    format!("window:{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_is_over_has_counted_nothing() {
        let told = |used, reset, left, until| seen(&[used, reset, left, until], 1_000);
        assert_eq!(told(None, None, None, None), None);
        assert_eq!(told(Some(3), Some(1_000), None, None), None);
        let own = told(Some(3), Some(2_000), Some(5), Some(1_000)).unwrap();
        assert_eq!((own.used, own.reset_at.ms(), own.left_by_platform), (3, 2_000, None));
        let both = told(Some(3), Some(2_000), Some(5), Some(1_500)).unwrap();
        assert_eq!((both.used, both.left_by_platform), (3, Some(5)));
        let platform = told(Some(3), Some(900), Some(5), Some(1_500)).unwrap();
        assert_eq!((platform.used, platform.reset_at.ms()), (0, 1_500));
    }
}
