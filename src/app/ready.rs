//! What a process needs to work, one check each: readiness names those that fail.

use crate::App;
use base::Fault;
use std::time::Duration;

/// How long a part may take to show that it is there.
const WITHIN: Duration = Duration::from_secs(2);

/// One thing that a process needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name: `postgres`, `redis`, `schema`, `draining`, `queue`.
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

impl App {
    /// Looks at everything that a verb works with, all at once. Keys are none of it: where one is
    /// lacking, the accounts under it wait, and all others are served.
    pub async fn checks(&self) -> Vec<Check> {
        let (store, queue) = (&self.0.store, &self.0.queue);
        let (postgres, schema, redis) =
            futures::join!(within(store.ping()), within(self.schema()), within(queue.ping()));
        let mut checks = vec![Check::of("postgres", postgres), Check::of("redis", redis)];
        // Of a Postgres that is away nothing else is known.
        if checks[0].trouble.is_none() {
            checks.push(Check::of("schema", schema));
        }
        checks
    }

    async fn schema(&self) -> Result<(), Fault> {
        self.0.store.schema().await?.fits()
    }
}

async fn within(look: impl Future<Output = Result<(), Fault>>) -> Option<String> {
    match tokio::time::timeout(WITHIN, look).await {
        Ok(Ok(())) => None,
        Ok(Err(fault)) => Some(fault.to_string()),
        Err(_) => Some(format!("no answer within {WITHIN:?}")),
    }
}
