//! Finds what is overdue or was armed by a process that died, and tells Redis of it once more.

use crate::{App, HORIZON, audit_chain, connect, wakeup};
use base::Fault;
use std::time::Duration;

/// A job this late is looked after.
const OVERDUE: Duration = Duration::from_secs(5);
/// Jobs of one sweep at most; the oldest first, so the next sweep finds the rest.
const BATCH: i64 = 5_000;
/// Jobs of one push.
const PUSH: usize = 500;

/// Sweeps a shard; returns how many jobs Redis was told of. Those it knows stay as they are. With
/// the first shard it does what is of no shard: what connecting has left behind, the audit's chain.
///
/// # Errors
/// When Postgres or Redis fails.
pub async fn sweep(app: &App, shard: u16) -> Result<usize, Fault> {
    if shard == 0 {
        connect::sweep(app).await?;
        // Nobody's post waits for the chain.
        if let Err(fault) = audit_chain::seal(app).await {
            tracing::warn!(%fault, "the audit was not sealed; the next sweep tries again");
        }
    }
    let number = i16::try_from(shard).unwrap_or(0);
    let jobs = app.0.store.jobs_to_sweep(number, OVERDUE, HORIZON, BATCH).await?;
    for chunk in jobs.chunks(PUSH) {
        let wakeups: Vec<_> = chunk.iter().map(wakeup).collect();
        app.0.queue.push(&wakeups).await?;
    }
    Ok(jobs.len())
}
