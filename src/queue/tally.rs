//! What a worker counts: its slots, how long jobs take, what they end with.

use crate::claimed::Outcome;
use metrics::{Gauge, Histogram};
use std::sync::Arc;
use std::time::Duration;

/// The counts of one queue in this process.
pub(crate) struct Tally {
    queue: Arc<str>,
    slots: Gauge,
    busy: Gauge,
    seconds: Histogram,
    wait: Histogram,
}

impl Tally {
    /// Counts for a worker with so many slots.
    #[expect(clippy::cast_precision_loss, reason = "slots are few")]
    pub(crate) fn begin(queue: &Arc<str>, slots: usize) -> Self {
        let name = || queue.to_string();
        let tally = Self {
            queue: queue.clone(),
            slots: metrics::gauge!("postfleet_worker_slots", "queue" => name()),
            busy: metrics::gauge!("postfleet_worker_slots_busy", "queue" => name()),
            seconds: metrics::histogram!("postfleet_job_seconds", "queue" => name()),
            wait: metrics::histogram!("postfleet_job_wait_seconds", "queue" => name()),
        };
        metrics::gauge!("postfleet_worker_draining").set(0.0);
        tally.slots.set(slots as f64);
        tally.busy.set(0.0);
        tally
    }

    /// A job was lent so long after it was due.
    pub(crate) fn lent(&self, behind: Duration) {
        self.wait.record(behind.as_secs_f64());
    }

    /// A handler has begun.
    pub(crate) fn start(&self) {
        self.busy.increment(1.0);
    }

    /// It has ended, with this; `None` when it broke.
    pub(crate) fn end(&self, took: Duration, outcome: Option<&Outcome>) {
        self.busy.decrement(1.0);
        self.seconds.record(took.as_secs_f64());
        let outcome = match outcome {
            Some(Outcome::Done) => "done",
            Some(Outcome::Again { .. }) => "again",
            Some(Outcome::Moved { .. }) => "moved",
            Some(Outcome::Release | Outcome::ReleaseFor(_)) => "released",
            None => "broken",
        };
        let queue = self.queue.to_string();
        metrics::counter!("postfleet_jobs_total", "queue" => queue, "outcome" => outcome)
            .increment(1);
    }

    /// Nothing is claimed any more; what runs ends.
    pub(crate) fn drain(&self) {
        metrics::gauge!("postfleet_worker_draining").set(1.0);
    }

    /// Nothing runs any more.
    pub(crate) fn close(&self) {
        self.slots.set(0.0);
    }
}
