//! What operators watch of Redis: whether it knows what Postgres owes, and how near calls are to the
//! limits of the platforms.
//!
//! What Redis knows beyond that is no drift: a worker that is woken for nothing forgets it.

use super::number;
use crate::{App, HORIZON, drift, targets};
use base::Fault;
use domain::failure::Scope;
use domain::time::Timestamp;
use queue::CursorState;
use std::time::Duration;
use store::compare::{Owed, Untold, Wanted};

/// The relay tells what falls due in twice this time, every half of a second; whoever arms a job that
/// is due before tells it at once.
const COMPARED: Wanted = Wanted {
    ahead: Duration::from_secs(HORIZON.as_secs() / 2),
    settled: Duration::from_secs(10),
    limit: 500,
};

/// Of the jobs that Redis does not know, so many are named in the log.
const NAMED_MAX: usize = 5;

/// Compares what is owed with what is known.
pub(super) async fn watch_drift(app: &App) -> Result<(), Fault> {
    let (mut lost, mut all) = (0, Untold { count: 0, oldest_s: 0.0 });
    for shard in 0..app.0.queue.shards() {
        lost += lost_of(app, shard).await?;
        let untold = untold_of(app, shard).await?;
        all.count += untold.count;
        all.oldest_s = all.oldest_s.max(untold.oldest_s);
    }
    metrics::gauge!("postfleet_ledger_drift").set(number(lost));
    metrics::gauge!("postfleet_relay_pending").set(number(all.count));
    metrics::gauge!("postfleet_relay_lag_seconds").set(all.oldest_s);
    Ok(())
}

/// How many jobs of a shard Redis would never wake; some are named in the log.
async fn lost_of(app: &App, shard: u16) -> Result<usize, Fault> {
    let (_, lost) = drift::lost((&app.0.store, &app.0.queue), shard, COMPARED).await?;
    for Owed { kind, job } in lost.iter().take(NAMED_MAX) {
        tracing::warn!(kind, queue = job.queue, subject = %job.subject, shard,
            due_at = %job.due_at, "Redis does not know a job that is owed");
    }
    Ok(lost.len())
}

async fn untold_of(app: &App, shard: u16) -> Result<Untold, Fault> {
    let after = match app.0.queue.cursor(shard).await? {
        CursorState::Known(cursor) => cursor.due_at,
        CursorState::Unknown => Timestamp::from_ms(0),
    };
    app.0.store.untold(column(shard), after, HORIZON).await
}

fn column(shard: u16) -> i16 {
    i16::try_from(shard).unwrap_or(0)
}

/// Windows that refuse, and the fullest of each platform and scope. What owners set for themselves
/// is no platform's.
pub(super) async fn watch_limits(app: &App) -> Result<(), Fault> {
    let (mut refusing, mut filling) = (Vec::new(), Vec::new());
    for shard in 0..app.0.queue.shards() {
        let fullest = app.0.queue.fullest(shard).await?;
        refusing.extend(fullest.refusing);
        filling.extend(fullest.filling);
    }
    for platform in platforms::names() {
        for scope in Scope::ALL {
            let is_of = |key: &str| targets::window_of(key) == Some((scope, platform));
            let used = |calls_max: u32, left: u32| {
                1.0 - f64::from(left.min(calls_max)) / f64::from(calls_max.max(1))
            };
            let here = filling.iter().filter(|window| is_of(&window.key));
            let fullest = here.map(|window| used(window.calls_max, window.left));
            let labels = [("platform", platform), ("scope", scope.as_str())];
            metrics::gauge!("postfleet_limiter_used_ratio", &labels)
                .set(fullest.fold(0.0, f64::max));
            let count = refusing.iter().filter(|key| is_of(key)).count();
            metrics::gauge!("postfleet_limiter_windows_refusing", &labels).set(number(count));
        }
    }
    Ok(())
}
