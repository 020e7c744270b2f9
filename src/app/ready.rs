//! What a process needs to work, one check each: readiness names those that fail.

use crate::App;
use crate::keys;
use base::{Fault, clock};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long a part may take to show that it is there.
const WITHIN: Duration = Duration::from_secs(2);
/// The keys are counted in Postgres, so they are looked at this seldom while all is well.
const KEYS_LOOKED_EVERY: Duration = Duration::from_secs(60);

/// One thing that a process needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name: `postgres`, `redis`, `schema`, `vault`, `draining`, `queue`.
    pub name: &'static str,
    /// What is wrong with it, if anything is.
    pub trouble: Option<String>,
}

impl Check {
    /// A check that came to this.
    pub fn of(name: &'static str, trouble: Option<String>) -> Self {
        Self { name, trouble }
    }
}

/// When the keys were last seen to be whole.
#[derive(Default)]
pub(crate) struct KeysSeen(Mutex<Option<Instant>>);

impl App {
    /// Looks at everything that a verb works with, all at once.
    pub async fn checks(&self) -> Vec<Check> {
        let (store, queue) = (&self.0.store, &self.0.queue);
        let (postgres, schema, redis, vault) = futures::join!(
            within(store.ping()),
            within(self.schema()),
            within(queue.ping()),
            within(self.vault()),
        );
        let mut checks = vec![Check::of("postgres", postgres), Check::of("redis", redis)];
        // Of a Postgres that is away nothing else is known.
        if checks[0].trouble.is_none() {
            checks.extend([Check::of("schema", schema), Check::of("vault", vault)]);
        }
        checks
    }

    async fn schema(&self) -> Result<(), Fault> {
        self.0.store.schema().await?.fits()
    }

    async fn vault(&self) -> Result<(), Fault> {
        let seen = &self.0.keys_seen.0;
        let is_fresh = |at: Instant| at.elapsed() < KEYS_LOOKED_EVERY;
        if seen.lock().is_ok_and(|seen| seen.is_some_and(is_fresh)) {
            return Ok(());
        }
        let now = clock::stopwatch();
        if let Some((key, count)) = keys::lacking(&self.0.keys).await? {
            let told = format!("the ring lacks {key}, under which {count} data keys are wrapped");
            return Err(Fault::new(told));
        }
        if let Ok(mut seen) = seen.lock() {
            *seen = Some(now);
        }
        Ok(())
    }
}

async fn within(look: impl Future<Output = Result<(), Fault>>) -> Option<String> {
    match tokio::time::timeout(WITHIN, look).await {
        Ok(Ok(())) => None,
        Ok(Err(fault)) => Some(fault.to_string()),
        Err(_) => Some(format!("no answer within {WITHIN:?}")),
    }
}
