//! The pulse of this process's loops, for readiness and for the alarm that apalis does not give.

use base::clock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// When each loop last heard from Redis. A loop that has ended is no longer listed.
#[derive(Clone, Debug, Default)]
pub struct Health {
    beats: Arc<Mutex<HashMap<String, Instant>>>,
}

impl Health {
    /// Each running loop and how long ago it last heard from Redis.
    pub fn loops(&self) -> Vec<(String, Duration)> {
        self.lock().iter().map(|(name, at)| (name.clone(), at.elapsed())).collect()
    }

    /// How long the most silent loop has heard nothing; zero when none runs.
    pub fn silence(&self) -> Duration {
        self.lock().values().map(Instant::elapsed).max().unwrap_or_default()
    }

    pub(crate) fn beat(&self, name: &str) {
        let now = clock::stopwatch();
        let mut beats = self.lock();
        match beats.get_mut(name) {
            Some(at) => *at = now,
            None => {
                beats.insert(name.to_owned(), now);
            }
        }
    }

    pub(crate) fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a loop off the list when it ends, however it ends.
pub(crate) struct Pulse {
    health: Health,
    name: String,
}

impl Pulse {
    pub(crate) fn begin(health: &Health, name: String) -> Self {
        health.beat(&name);
        Self { health: health.clone(), name }
    }

    pub(crate) fn beat(&self) {
        self.health.beat(&self.name);
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.health.forget(&self.name);
    }
}
