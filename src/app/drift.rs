//! What Postgres owes and Redis was not told of, shard by shard, for whoever looks after a fleet.
//!
//! What is told late is told: a job counts when it is owed and unknown for longer than a sweep takes to
//! tell of it.

use crate::{HORIZON, wakeup};
use base::{Fault, clock};
use queue::{CursorState, Queue};
use std::collections::BTreeSet;
use std::time::Duration;
use store::Store;
use store::compare::{Owed, Wanted};

/// Relay, sweep and acceptors have told Redis of a job within this time.
const TOLD_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks for what was not known.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What is looked for: as many of those that are due as of the next ones, the first by their due
/// times. What comes within reach just now is told just now.
const LOOKED: Wanted = Wanted {
    ahead: Duration::from_secs(HORIZON.as_secs() - TOLD_WITHIN.as_secs()),
    settled: Duration::ZERO,
    limit: 10_000,
};

/// How a shard of Redis stands against the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The shard.
    pub shard: u16,
    /// It was filled from this Postgres. One that was not lends nothing.
    pub is_filled: bool,
    /// Jobs that were looked for.
    pub looked: usize,
    /// Those that Redis does not know.
    pub unknown: usize,
    /// Their queues.
    pub queues: BTreeSet<String>,
    /// How long the oldest of them is overdue, in seconds; negative where it is not due yet.
    pub oldest_s: i64,
}

/// Looks through a shard; what Redis does not know is looked for again until it does, or is not owed
/// any more, for so long as a sweep may take.
///
/// # Errors
/// When Postgres or Redis fails.
pub async fn measure(
    parts: (&Store, &Queue),
    shard: u16,
    swept_within: Duration,
) -> Result<Drift, Fault> {
    let (store, queue) = parts;
    let is_filled = matches!(queue.cursor(shard).await?, CursorState::Known(_));
    let (mut looked, mut unknown) = match is_filled {
        true => lost(parts, shard, LOOKED).await?,
        false => (0, Vec::new()),
    };
    let began = clock::stopwatch();
    while !unknown.is_empty() && began.elapsed() < swept_within {
        clock::pause(LOOK_EVERY).await;
        let (count, still) = lost(parts, shard, LOOKED).await?;
        looked = count;
        // No two jobs ever have the same generation.
        let still: BTreeSet<i64> = still.iter().map(|one| one.job.generation).collect();
        unknown.retain(|one| still.contains(&one.job.generation));
    }
    let now = store.time().await?;
    let oldest = unknown.iter().map(|one| one.job.due_at).min().unwrap_or(now);
    Ok(Drift {
        shard,
        is_filled,
        looked,
        unknown: unknown.len(),
        queues: unknown.into_iter().map(|one| one.job.queue).collect(),
        oldest_s: (now.ms() - oldest.ms()) / 1_000,
    })
}

/// How many jobs of a shard were looked for, and those that Redis would never wake. What was done
/// or moved between the two looks is told from the rest by a third.
pub(crate) async fn lost(
    (store, queue): (&Store, &Queue),
    shard: u16,
    wanted: Wanted,
) -> Result<(usize, Vec<Owed>), Fault> {
    let owed = store.jobs_to_compare(i16::try_from(shard).unwrap_or(0), wanted).await?;
    let wakeups: Vec<_> = owed.iter().map(|one| wakeup(&one.job)).collect();
    let unknown = queue.unknown(shard, &wakeups).await?;
    let unknown = unknown.iter().filter_map(|place| owed.get(*place).cloned()).collect();
    Ok((owed.len(), store.still_owed(unknown).await?))
}
