//! A job in the hands of this process, and what became of it.

use crate::lease::Lease;
use crate::wakeup::Wakeup;
use domain::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A job lent to this process. Dropping it settles nothing; the outcome does.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The queue it came from.
    pub queue: Arc<str>,
    /// What it is about.
    pub subject: Uuid,
    /// The generation that woke.
    pub generation: i64,
    /// When it was due, by the clock of Redis.
    pub due_at: Timestamp,
    /// The shard it lives in.
    pub shard: u16,
    /// Its lane.
    pub lane: Arc<str>,
    /// Its fair group.
    pub group: Arc<str>,
    /// Grows with each claim of the shard; the fence of every guarded write.
    pub epoch: i64,
    /// Drawn for this claim: an equal epoch with another lease is stale.
    pub lease: i64,
    /// It was taken back from a process that died, or its handler broke: what it did then may
    /// have been its own fault. A hint that can be lost, never a proof.
    pub is_suspect: bool,
    /// What Redis keeps of the claim, word for word: its acknowledgement shows it.
    pub(crate) receipt: Arc<[u8]>,
    pub(crate) guard: Arc<Lease>,
}

impl Claimed {
    /// Is the right to work certain? False long before Redis lends the job to somebody else.
    pub fn is_alive(&self) -> bool {
        !self.guard.remaining().is_zero()
    }

    /// How long the right to work is certain without another renewal.
    pub fn remaining(&self) -> Duration {
        self.guard.remaining()
    }
}

/// What became of a claimed job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Finished, or not worth anything: forgotten. A newer generation that was pushed meanwhile
    /// wakes at its own time.
    Done,
    /// To be woken again under a new generation, in the same queue and lane.
    Again {
        /// The generation that Postgres gave the new wake-up.
        generation: i64,
        /// When.
        due_at: Timestamp,
    },
    /// Finished here, goes on elsewhere.
    Moved {
        /// The wake-up of the other queue.
        wakeup: Wakeup,
    },
    /// Handed back unspoilt: the same generation, after a short pause.
    Release,
    /// Handed back unspoilt for a while: the same generation. Not until an instant, for the clock
    /// of Redis may be ahead of the one that the instant was read from.
    ReleaseFor(Duration),
}
