//! What a process needs to work, one check each: readiness names those that fail.

use crate::App;
use base::Fault;
use queue::Server;
use std::time::Duration;

/// How long a part may take to show that it is there.
const WITHIN: Duration = Duration::from_secs(2);
/// A server of Redis that is asked beside others has to leave time to tell of them.
const SERVER_WITHIN: Duration = Duration::from_millis(1_500);

/// One thing that a process needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name: `postgres`, `redis`, `schema`, `draining`, `queue`.
    pub name: &'static str,
    /// What is wrong with it, if anything is.
    pub trouble: Option<String>,
    /// What is wrong with a part of it while the process can work.
    pub warning: Option<String>,
}

impl Check {
    /// A check that came to this.
    pub fn of(name: &'static str, trouble: Option<String>) -> Self {
        Self { name, trouble, warning: None }
    }

    /// The same with what a person should look at.
    pub fn warned(self, warning: Option<String>) -> Self {
        Self { warning, ..self }
    }
}

impl App {
    /// Looks at everything that a verb works with, all at once. Keys are none of it: where one is
    /// lacking, the accounts under it wait, and all others are served.
    pub async fn checks(&self) -> Vec<Check> {
        let (store, queue) = (&self.0.store, &self.0.queue);
        let servers = queue.servers(SERVER_WITHIN);
        let (postgres, schema, servers) =
            futures::join!(within(store.ping()), within(self.schema()), servers);
        let mut checks = vec![Check::of("postgres", postgres), redis(&servers)];
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

/// Redis is there as long as one server of it lends work. Whoever took a process out of rotation
/// because some shards are away would stop the others with it.
fn redis(servers: &[Server]) -> Check {
    let away: Vec<String> = servers.iter().filter_map(Server::told).collect();
    let told = (!away.is_empty()).then(|| away.join("; "));
    match away.len() == servers.len() {
        true => Check::of("redis", told),
        false => Check::of("redis", None).warned(told),
    }
}

async fn within(look: impl Future<Output = Result<(), Fault>>) -> Option<String> {
    match tokio::time::timeout(WITHIN, look).await {
        Ok(Ok(())) => None,
        Ok(Err(fault)) => Some(fault.to_string()),
        Err(_) => Some(format!("no answer within {WITHIN:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(port: u16, shards: &[u16], trouble: Option<&str>) -> Server {
        let address = Some(format!("10.0.0.1:{port}"));
        Server { address, shards: shards.to_vec(), trouble: trouble.map(str::to_owned) }
    }

    // case: O-ready-parts
    #[test]
    fn a_server_of_several_that_is_away_is_a_warning_that_names_its_shards() {
        let (here, gone) = (server(1, &[0, 2], None), server(2, &[1, 3], Some("refused")));
        let check = redis(&[here.clone(), gone.clone()]);
        assert_eq!(check.trouble, None);
        let warning = check.warning.unwrap();
        assert_eq!(warning, "10.0.0.1:2 with the shards 1, 3 is away: refused");
        assert_eq!(redis(std::slice::from_ref(&here)), Check::of("redis", None));
        let check = redis(&[gone.clone(), gone]);
        assert!(check.warning.is_none() && check.trouble.unwrap().contains("10.0.0.1:2"));
    }
}
