//! What a call is counted against, and what its reply tells of that.
//!
//! Invariant: a header lowers what is left, or changes nothing.

use crate::attempt::Attempt;
use crate::targets::Address;
use base::{Fault, clock};
use domain::failure::{Effect, Scope};
use domain::limit::{Limit, Own, PERMIT};
use domain::time::Timestamp;
use domain::zone::Zone;
use platforms::{Call, Reply};
use queue::{Behind, Permit, Quota};
use std::time::{Duration, Instant};

/// A correction is an improvement; the reply it came with is not held up for longer.
const CORRECTION_MAX: Duration = Duration::from_millis(500);

/// A day of an owner's limit.
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Leave to call, with what was left of each window then.
pub(crate) struct Leave {
    asked_at: Instant,
    windows: Vec<Counted>,
}

/// A window that the call was counted in.
struct Counted {
    limit: Limit,
    key: String,
    calls_max: u32,
    /// The end of its calendar day, where it has one.
    ends_at: Option<Timestamp>,
    cost: u32,
    left: u32,
}

impl Leave {
    /// Later the call could arrive in a window in which nobody has counted it.
    pub(crate) fn is_good(&self) -> bool {
        // A call that nothing counts has no window to miss.
        self.windows.is_empty() || self.asked_at.elapsed() < PERMIT
    }
}

/// Asks the limiter, for the account's and the app's windows at once, and for the app's pace.
///
/// # Errors
/// When Redis does not answer.
pub(crate) async fn ask(
    attempt: &Attempt<'_>,
    call: &Call,
) -> Result<Result<Leave, Timestamp>, Fault> {
    let (mut windows, mut quotas) = (counted(attempt, call.endpoint), Vec::new());
    for window in &windows {
        quotas.push(Quota::Window {
            key: window.key.clone(),
            calls_max: window.calls_max,
            window_ms: u64::try_from(window.limit.window.as_millis()).unwrap_or(u64::MAX),
            ends_at: window.ends_at,
            cost: window.cost,
            behind: behind(attempt, window.limit.scope),
        });
    }
    quotas.extend(own(attempt, call));
    let settings = attempt.app.0.settings.platforms.get(&attempt.row.platform);
    if let Some(rate) = settings.and_then(|settings| settings.rate) {
        quotas.push(Quota::Rate { key: attempt.address().gate(Scope::App), rate });
    }
    let asked_at = clock::stopwatch();
    Ok(match attempt.app.0.queue.meter(attempt.claimed.shard, &quotas).await? {
        Permit::Until(until) => Err(until),
        Permit::Granted { left } => {
            for (window, left) in windows.iter_mut().zip(left) {
                window.left = left.unwrap_or(window.calls_max);
            }
            Ok(Leave { asked_at, windows })
        }
    })
}

/// The windows that count the calls of an endpoint, with all of their calls left.
fn counted(attempt: &Attempt<'_>, endpoint: &str) -> Vec<Counted> {
    let address = attempt.address();
    let settings = attempt.app.0.settings.platforms.get(&attempt.row.platform);
    let factor = settings.map_or(1, |settings| settings.limit_factor);
    let (adapter, now) = (attempt.adapter, attempt.now());
    let limits = adapter.limits().iter();
    let costs = limits.map(|limit| (limit, adapter.cost_in(limit, endpoint)));
    let counted = costs.filter(|(_, cost)| *cost > 0).map(|(limit, cost)| {
        let calls_max = limit.calls_max.saturating_mul(factor);
        Counted {
            limit: *limit,
            key: address.window(limit.scope, limit.endpoint, limit.window.as_secs()),
            calls_max,
            ends_at: adapter.day_in(limit).map(|zone| zone.next_midnight(now)),
            cost,
            left: calls_max,
        }
    });
    counted.collect()
}

/// The keys of the windows of an owner's limits: the day, and the gap between two posts. Another
/// gap is another window, so that a shorter one need not wait for the end of a longer one.
pub(crate) fn own_keys(address: Address<'_>, own: Own) -> [String; 2] {
    let lane = address.lane();
    [format!("own:{lane}:day"), format!("own:{lane}:gap:{}", own.min_gap_s.unwrap_or(0))]
}

/// The limits that the account's owner has set, for the call that brings a post out or begins a
/// chain. One that was intended before has been counted, unless that was on another day. A repost
/// counts with its first call: what shows the post now is not taken back to wait for a new day.
fn own(attempt: &Attempt<'_>, call: &Call) -> Vec<Quota> {
    let (row, now) = (&attempt.row, attempt.now());
    let begun_at = row.intended_at.filter(|at| *at >= Zone::Utc.last_midnight(now));
    let parts = attempt.adapter.publish().segments(&attempt.checkpoint, &row.handle);
    let is_new = call.effect == Effect::Irreversible && begun_at.is_none() && parts.is_empty();
    if !is_new && !attempt.is_shown_anew {
        return Vec::new();
    }
    let [day, gap] = own_keys(attempt.address(), row.own);
    let window = |key, calls_max, window: Duration, ends_at| Quota::Window {
        key,
        calls_max,
        window_ms: u64::try_from(window.as_millis()).unwrap_or(u64::MAX),
        ends_at,
        cost: 1,
        // What is left of a day is not spread over it: its owner chose the times.
        behind: Behind::Nobody,
    };
    let midnight = Zone::Utc.next_midnight(now);
    let per_day = row.own.posts_per_day.map(|posts| window(day, posts, DAY, Some(midnight)));
    let apart = row.own.min_gap_s.map(|s| window(gap, 1, Duration::from_secs(s.into()), None));
    per_day.into_iter().chain(apart).collect()
}

/// Who will ask for the same window: the account's jobs for its own, all of the queue for the
/// app's. The queue may hold jobs of another app too: then what is left is spread a little early.
fn behind(attempt: &Attempt<'_>, scope: Scope) -> Behind {
    let queue = attempt.claimed.queue.to_string();
    match scope {
        Scope::Account => Behind::Lane { queue, lane: attempt.claimed.lane.to_string() },
        Scope::App | Scope::Platform => Behind::Queue(queue),
    }
}

/// Hands on what a reply tells of the windows it was counted in, where that is news
/// ([`domain::limit::Told::is_news`]): in the ordinary case no word goes to Redis. A question
/// about a quota tells of the calls of another endpoint, whose windows gave no leave.
pub(crate) async fn correct(attempt: &Attempt<'_>, leave: &Leave, call: &Call, reply: &Reply) {
    for told in attempt.adapter.told(call.endpoint, reply) {
        let is_it = |window: &&Counted| {
            let limit = window.limit;
            (limit.endpoint, limit.scope, limit.window) == (told.endpoint, told.scope, told.window)
        };
        let others = match told.endpoint == call.endpoint {
            true => Vec::new(),
            false => counted(attempt, told.endpoint),
        };
        let Some(window) = leave.windows.iter().chain(&others).find(is_it) else { continue };
        if !told.is_news(window.calls_max, window.left, reply.at) {
            continue;
        }
        let queue = &attempt.app.0.queue;
        let shard = attempt.claimed.shard;
        let of = (window.key.as_str(), window.calls_max);
        let correct = queue.correct(shard, of, told.remaining, told.reset_at);
        match tokio::time::timeout(CORRECTION_MAX, correct).await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => tracing::warn!(%fault, key = window.key, "a limit was not corrected"),
            Err(_) => tracing::warn!(key = window.key, "a limit was not corrected in time"),
        }
    }
}
