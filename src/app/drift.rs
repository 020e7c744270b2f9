//! What Postgres owes and Redis was not told of, shard by shard, for whoever looks after a fleet.
//!
//! What is told late is told: a job counts when it is owed and unknown for longer than a sweep takes to
//! tell of it.

use crate::{HORIZON, wakeup};
use base::{Fault, clock};
use domain::time::Timestamp;
use queue::{CursorState, Queue};
use std::collections::BTreeSet;
use std::time::Duration;
use store::Store;
use uuid::Uuid;

/// Relay, sweep and acceptors have told Redis of a job within this time.
const TOLD_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks for what was not known.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Jobs of one look.
const BATCH: i64 = 500;
/// Jobs of a shard that are looked for; the first by their due times.
const LOOKED_MAX: usize = 20_000;

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
    (store, queue): (&Store, &Queue),
    shard: u16,
    swept_within: Duration,
) -> Result<Drift, Fault> {
    let is_filled = matches!(queue.cursor(shard).await?, CursorState::Known(_));
    let (mut looked, mut unknown) = match is_filled {
        true => look(store, queue, shard).await?,
        false => (0, BTreeSet::new()),
    };
    let began = clock::stopwatch();
    while !unknown.is_empty() && began.elapsed() < swept_within {
        clock::pause(LOOK_EVERY).await;
        let (count, still) = look(store, queue, shard).await?;
        looked = count;
        unknown.retain(|one| still.contains(one));
    }
    let now = store.time().await?;
    let oldest = unknown.iter().map(|one| one.due_at).min().unwrap_or(now);
    Ok(Drift {
        shard,
        is_filled,
        looked,
        unknown: unknown.len(),
        queues: unknown.into_iter().map(|one| one.queue).collect(),
        oldest_s: (now.ms() - oldest.ms()) / 1_000,
    })
}

/// A job that Redis does not know, as it was owed when it was looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Unknown {
    due_at: Timestamp,
    queue: String,
    subject: Uuid,
    generation: i64,
}

async fn look(
    store: &Store,
    queue: &Queue,
    shard: u16,
) -> Result<(usize, BTreeSet<Unknown>), Fault> {
    let number = i16::try_from(shard).unwrap_or(0);
    let mut after = (Timestamp::from_ms(0), Uuid::nil());
    // Rows keep microseconds that instants do not, so the last one comes once more with the next page.
    let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
    loop {
        // What comes within reach just now is told just now.
        let within = HORIZON - TOLD_WITHIN;
        let jobs = store.jobs_due(number, after.0, after.1, within, BATCH).await?;
        let known = seen.len();
        seen.extend(jobs.iter().map(|job| (job.subject, job.queue.clone())));
        after = jobs.last().map_or(after, |last| (last.due_at, last.subject));
        let wakeups: Vec<_> = jobs.iter().map(wakeup).collect();
        let unknown = queue.unknown(shard, &wakeups).await?;
        for one in unknown.into_iter().filter_map(|place| wakeups.get(place)) {
            let (due_at, queue) = (one.due_at, one.queue.clone());
            let (subject, generation) = (one.subject, one.generation);
            found.insert(Unknown { due_at, queue, subject, generation });
        }
        let is_last = i64::try_from(jobs.len()).unwrap_or(BATCH) < BATCH || seen.len() == known;
        if is_last || seen.len() >= LOOKED_MAX {
            return Ok((seen.len(), found));
        }
    }
}
