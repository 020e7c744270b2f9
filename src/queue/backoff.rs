//! How long a loop waits after a fault of Redis: longer each time, never long, never given up.

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::time::Duration;

const LEAST: Duration = Duration::from_millis(20);
const MOST: Duration = Duration::from_secs(1);

pub(crate) struct Backoff(ExponentialBackoff);

impl Backoff {
    pub(crate) fn new() -> Self {
        let delays = ExponentialBuilder::new()
            .with_min_delay(LEAST)
            .with_max_delay(MOST)
            .with_jitter()
            .without_max_times();
        Self(delays.build())
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }

    pub(crate) async fn wait(&mut self) {
        base::clock::pause(self.0.next().unwrap_or(MOST)).await;
    }
}
