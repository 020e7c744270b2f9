//! What a worker holds: claimed jobs that wait for a slot, and outcomes that wait for Redis.

use crate::claimed::{Claimed, Outcome};
use crate::handle::Queue;
use crate::tally::Tally;
use crate::worker::WorkerOptions;
use domain::time::Timestamp;
use futures::task::AtomicWaker;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What a claimed job ended with, as the pump sends it.
pub(crate) enum Ending {
    Outcome(Outcome),
    /// Never begun: back into its lane as it was.
    Unbegun,
    /// The handler panicked, ran past its hard end or was dropped.
    Broken {
        /// Until when the job rests.
        rests_until: Timestamp,
    },
}

pub(crate) struct Ended {
    pub(crate) claimed: Claimed,
    pub(crate) ending: Ending,
}

/// Who is meant by an acknowledgement: a subject under one claim.
type Held = (Uuid, i64, i64);

/// Shared by a worker's pumps, its backend and its handlers. It outlives the apalis worker, so a
/// restart of that one loses nothing.
pub(crate) struct Core {
    /// Keeps the process's loops running.
    pub(crate) queue: Queue,
    pub(crate) name: Arc<str>,
    pub(crate) options: WorkerOptions,
    pub(crate) tally: Tally,
    buffer: Mutex<VecDeque<Claimed>>,
    waker: AtomicWaker,
    /// One per shard, to its pump.
    ended: Vec<mpsc::UnboundedSender<Ended>>,
    /// Claimed or about to be, and not yet ended.
    taken: AtomicUsize,
    /// Claimed and not yet acknowledged.
    held: Mutex<HashSet<Held>>,
    /// Claimed and not yet ended, by group.
    groups: Mutex<HashMap<Arc<str>, usize>>,
    pub(crate) room: Notify,
    flushed: Notify,
    closing: AtomicBool,
    /// The process was asked to end: nothing is claimed from that instant on.
    asked: CancellationToken,
    /// A moving mean of how long a handler works.
    work_us: AtomicU64,
}

impl Core {
    pub(crate) fn new(
        queue: Queue,
        options: WorkerOptions,
        asked: CancellationToken,
    ) -> (Arc<Self>, Vec<mpsc::UnboundedReceiver<Ended>>) {
        // The channels are bounded by what is held: concurrency and prefetch.
        let (ended, receivers) =
            (0..queue.shared.config.shards).map(|_| mpsc::unbounded_channel()).unzip();
        let name: Arc<str> = options.queue.as_str().into();
        let core = Self {
            tally: Tally::begin(&name, options.concurrency),
            name,
            queue,
            options,
            buffer: Mutex::default(),
            waker: AtomicWaker::new(),
            ended,
            taken: AtomicUsize::new(0),
            held: Mutex::default(),
            groups: Mutex::default(),
            room: Notify::new(),
            flushed: Notify::new(),
            closing: AtomicBool::new(false),
            asked,
            work_us: AtomicU64::new(1_000_000),
        };
        (Arc::new(core), receivers)
    }

    /// Takes room for up to `most` jobs; what is not used is given back with
    /// [`Self::give_back_unused`].
    pub(crate) fn reserve(&self, most: usize) -> usize {
        if self.is_closing() || self.asked.is_cancelled() {
            return 0;
        }
        let capacity = self.capacity();
        let mut got = 0;
        let _ = self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |taken| {
            got = capacity.saturating_sub(taken).min(most);
            Some(taken + got)
        });
        got
    }

    fn give_back(&self, count: usize) {
        self.taken.fetch_sub(count, Ordering::SeqCst);
    }

    /// Room that a claim did not use. The pump of another shard may have found none meanwhile.
    pub(crate) fn give_back_unused(&self, count: usize) {
        self.give_back(count);
        if count > 0 && self.ended.len() > 1 {
            self.room.notify_waiters();
        }
    }

    fn capacity(&self) -> usize {
        self.options.concurrency + self.prefetch()
    }

    /// As many jobs ahead as are begun within five milliseconds: none where a job takes seconds,
    /// for what waits here cannot be taken by another worker.
    fn prefetch(&self) -> usize {
        const AHEAD_US: u64 = 5_000;
        let slots = u64::try_from(self.options.concurrency).unwrap_or(u64::MAX);
        let work = self.work_us.load(Ordering::Relaxed).max(1);
        usize::try_from((slots.saturating_mul(AHEAD_US) / work).min(slots)).unwrap_or(0)
    }

    pub(crate) fn note_work(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).min(60_000_000);
        let mean = self.work_us.load(Ordering::Relaxed);
        self.work_us.store((mean * 7 + us) / 8, Ordering::Relaxed);
    }

    /// Jobs that were claimed under room taken before.
    pub(crate) fn put(&self, jobs: Vec<Claimed>) {
        if jobs.is_empty() {
            return;
        }
        self.held().extend(jobs.iter().map(held_key));
        let mut groups = self.groups();
        for job in &jobs {
            *groups.entry(job.group.clone()).or_default() += 1;
        }
        drop(groups);
        self.buffer().extend(jobs);
        self.waker.wake();
        if self.is_closing() {
            self.hand_back();
        }
    }

    /// The next job for a free slot. One whose lease is no longer certain, or whose gate closed
    /// since the claim, does not begin.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Claimed>> {
        self.waker.register(cx.waker());
        loop {
            let next = self.buffer().pop_front();
            let Some(claimed) = next else {
                return if self.is_closing() { Poll::Ready(None) } else { Poll::Pending };
            };
            let shared = &self.queue.shared;
            if !claimed.is_alive() {
                self.end(claimed, Ending::Unbegun);
            } else if shared.gates.hold(&claimed.lane, shared.clock.now()) {
                self.end(claimed, Ending::Outcome(Outcome::Release));
            } else {
                return Poll::Ready(Some(claimed));
            }
        }
    }

    /// A job ended. Its slot is free at once; the acknowledgement follows with the next turn.
    pub(crate) fn end(&self, claimed: Claimed, ending: Ending) {
        self.give_back(1);
        let mut groups = self.groups();
        if let Some(count) = groups.get_mut(&claimed.group) {
            *count -= 1;
            if *count == 0 {
                groups.remove(&claimed.group);
            }
        }
        drop(groups);
        if let Some(pump) = self.ended.get(usize::from(claimed.shard)) {
            // The pump lives as long as anything is held; without it the lease runs out.
            let _ = pump.send(Ended { claimed, ending });
        }
        if self.ended.len() > 1 {
            self.room.notify_waiters();
        }
    }

    /// Redis took these acknowledgements, or refused them for ever.
    pub(crate) fn acknowledged<'a>(&self, ended: impl Iterator<Item = &'a Ended>) {
        let mut held = self.held();
        for one in ended {
            held.remove(&held_key(&one.claimed));
        }
        if held.is_empty() {
            self.flushed.notify_waiters();
        }
    }

    pub(crate) fn holds(&self, subject: Uuid, epoch: i64, lease: i64) -> bool {
        self.held().contains(&(subject, epoch, lease))
    }

    pub(crate) fn held_count(&self) -> usize {
        self.held().len()
    }

    /// No more claims; what has not begun goes back at once, so that others can take it.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.hand_back();
        self.room.notify_waiters();
        self.waker.wake();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    fn hand_back(&self) {
        let unbegun = std::mem::take(&mut *self.buffer());
        for claimed in unbegun {
            self.end(claimed, Ending::Unbegun);
        }
    }

    /// Waits until Redis has heard of everything, at most `most`: then the lease runs out anyway.
    pub(crate) async fn flush(&self, most: Duration) -> bool {
        let flushed = async {
            loop {
                let heard = self.flushed.notified();
                if self.held_count() == 0 && self.taken.load(Ordering::SeqCst) == 0 {
                    return;
                }
                // A claim that brought nothing ends without a sound, so look again now and then.
                let _ = tokio::time::timeout(Duration::from_millis(10), heard).await;
            }
        };
        tokio::time::timeout(most, flushed).await.is_ok()
    }

    /// What a claim is told, as `lua/turn.lua` reads it: half of the slots, the weights of tenants,
    /// and the groups that hold many slots, which get no more than half while others have work.
    pub(crate) fn hints(&self) -> String {
        let half = self.capacity().div_ceil(2);
        let mut hints = format!("s {half}\n");
        // Writing to a string does not fail.
        for (tenant, weight) in &self.queue.shared.config.weights {
            let _ = writeln!(hints, "w {tenant} {weight}");
        }
        for (group, count) in self.groups().iter().filter(|(_, count)| **count * 2 >= half) {
            let _ = writeln!(hints, "h {group} {count}");
        }
        hints
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn buffer(&self) -> MutexGuard<'_, VecDeque<Claimed>> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, HashSet<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn held_key(claimed: &Claimed) -> Held {
    (claimed.subject, claimed.epoch, claimed.lease)
}
