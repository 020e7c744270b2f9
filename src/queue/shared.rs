//! What the handles and loops of one process share.

use crate::config::Config;
use crate::health::Health;
use crate::session::Session;
use crate::signals::{Bells, Gates, ServerClock};
use crate::wire::Wire;
use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) wire: Wire,
    pub(crate) gates: Gates,
    pub(crate) bells: Bells,
    pub(crate) clock: ServerClock,
    pub(crate) health: Health,
    /// One session per shard.
    pub(crate) sessions: Vec<Session>,
    /// The loops that only a process with workers needs are running.
    pub(crate) started: AtomicBool,
    /// The queues that this process works.
    worked: Mutex<HashSet<Arc<str>>>,
    /// The queues that nobody claims from.
    paused: Mutex<HashSet<String>>,
}

impl Shared {
    pub(crate) fn new(config: Config, wire: Wire) -> Self {
        Self {
            sessions: (0..config.shards).map(|_| Session::new()).collect(),
            config,
            wire,
            gates: Gates::default(),
            bells: Bells::default(),
            clock: ServerClock::default(),
            health: Health::default(),
            started: AtomicBool::new(false),
            worked: Mutex::default(),
            paused: Mutex::default(),
        }
    }

    /// Takes up which queues are paused: all of them, each time. `true` where that is another set.
    pub(crate) fn pause(&self, queues: &[String]) -> bool {
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        let now: HashSet<String> = queues.iter().cloned().collect();
        let is_another = *paused != now;
        *paused = now;
        is_another
    }

    pub(crate) fn is_paused(&self, queue: &str) -> bool {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner).contains(queue)
    }

    /// Marks a queue as worked by this process; false when it is already.
    pub(crate) fn begin_work(&self, queue: &Arc<str>) -> bool {
        self.worked().insert(queue.clone())
    }

    pub(crate) fn end_work(&self, queue: &Arc<str>) {
        self.worked().remove(queue);
    }

    fn worked(&self) -> MutexGuard<'_, HashSet<Arc<str>>> {
        self.worked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
