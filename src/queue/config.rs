//! The queue's section of the configuration.

use crate::keys::Keys;
use crate::place::{Kind, Place};
use base::{Context, Fault};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where Redis is and how long work is lent.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `redis://…`, `redis+sentinel://…` or `redis+cluster://…`, with `rediss` for TLS; it may
    /// carry a password, so it is never shown.
    pub url: String,
    /// Certificates that Redis's is trusted by, in PEM; those of the system without it.
    pub tls_ca_file: Option<PathBuf>,
    /// The certificate that we show to Redis, in PEM.
    pub tls_cert_file: Option<PathBuf>,
    /// Its key, in PEM.
    pub tls_key_file: Option<PathBuf>,
    /// How many hash-tagged shards the queues have. Fixed for the life of an installation.
    pub shards: u16,
    /// How long a process may work without a word to Redis.
    pub lease_ms: u64,
    /// How often it says that word.
    pub renew_every_ms: u64,
    /// The most jobs one script claims under backlog; 128 of them take about 2 ms.
    pub batch_max: usize,
    /// How long a worker that waits goes without asking, should a wake-up message be lost.
    pub poll_every_ms: u64,
    /// How long one command may take before the connection counts as broken.
    pub response_timeout_ms: u64,
    /// How much more than others a tenant gets of a queue that is full: its id and a weight from
    /// 1 to 100; 1 for those not named.
    pub weights: BTreeMap<String, u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379".to_owned(),
            tls_ca_file: None,
            tls_cert_file: None,
            tls_key_file: None,
            shards: 1,
            lease_ms: 10_000,
            renew_every_ms: 3_000,
            batch_max: 128,
            poll_every_ms: 1_000,
            response_timeout_ms: 2_000,
            weights: BTreeMap::new(),
        }
    }
}

/// The files of an encrypted connection.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) cert_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
}

impl Tls {
    /// Is any of them named?
    pub(crate) fn is_named(&self) -> bool {
        [&self.ca_file, &self.cert_file, &self.key_file].into_iter().any(Option::is_some)
    }
}

impl Config {
    fn tls(&self) -> Tls {
        Tls {
            ca_file: self.tls_ca_file.clone(),
            cert_file: self.tls_cert_file.clone(),
            key_file: self.tls_key_file.clone(),
        }
    }

    /// Where Redis is.
    pub(crate) fn place(&self) -> Result<Place, Fault> {
        let within = Duration::from_millis(self.response_timeout_ms);
        Place::of(&self.url, &self.tls(), within).context("queue.url")
    }

    /// Refuses figures that cannot work together.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let wrong = |rule: &str| Err(Fault::new(format!("[queue] {rule}")));
        match self {
            Self { shards: 0, .. } => wrong("shards must be at least 1"),
            Self { batch_max: 0 | 257.., .. } => wrong("batch_max must be 1 to 256"),
            Self { poll_every_ms: 0, .. } => wrong("poll_every_ms must be at least 1"),
            Self { renew_every_ms: 0, .. } => wrong("renew_every_ms must be at least 1"),
            _ if self.weights.values().any(|weight| !(1..=100).contains(weight)) => {
                wrong("weights are from 1 to 100")
            }
            _ if self.weights.keys().any(|tenant| tenant.contains([' ', '\n', ':'])) => {
                wrong("weights name tenants by their id")
            }
            _ if self.lease_ms / 3 < self.renew_every_ms => {
                wrong("lease_ms must be at least three times renew_every_ms")
            }
            _ => Ok(()),
        }
    }
}

/// The inboxes of upstream apps.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InboxConfig {
    /// Where the inboxes are, as the queue's URL says it; the queue's Redis without it. It may
    /// carry a password, so it is never shown.
    pub url: Option<String>,
    /// Entries taken at once, all inboxes together.
    pub batch_max: usize,
    /// What a reader leaves unsettled for so long goes to another.
    pub reclaim_ms: u64,
    /// Answers that are kept for each tenant, about.
    pub results_max: usize,
}

impl Default for InboxConfig {
    fn default() -> Self {
        Self { url: None, batch_max: 128, reclaim_ms: 5_000, results_max: 10_000 }
    }
}

impl InboxConfig {
    /// Where the inboxes are: the queue's Redis, or one of their own, behind the same certificates
    /// where that is encrypted.
    pub(crate) fn place(&self, queue: &Config) -> Result<Place, Fault> {
        let Some(url) = &self.url else { return queue.place() };
        let within = Duration::from_millis(queue.response_timeout_ms);
        let tls = if url.starts_with("rediss") { queue.tls() } else { Tls::default() };
        Place::of(url, &tls, within).context("inbox.url")
    }

    /// How the inboxes are called.
    ///
    /// # Errors
    /// When a URL cannot be read.
    pub fn keys(&self, queue: &Config) -> Result<Keys, Fault> {
        Ok(Keys::new(self.place(queue)?.kind == Kind::Cluster))
    }

    /// Refuses figures that cannot work.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let wrong = |rule: &str| Err(Fault::new(format!("[inbox] {rule}")));
        match self {
            Self { batch_max: 0 | 1_001.., .. } => wrong("batch_max must be 1 to 1000"),
            Self { reclaim_ms: 0..=999, .. } => wrong("reclaim_ms must be at least 1000"),
            Self { results_max: 0, .. } => wrong("results_max must be at least 1"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("shards", &self.shards)
            .field("lease_ms", &self.lease_ms)
            .field("renew_every_ms", &self.renew_every_ms)
            .field("batch_max", &self.batch_max)
            .field("poll_every_ms", &self.poll_every_ms)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_work_and_a_lease_outlives_two_lost_renewals() {
        assert!(Config::default().check().is_ok());
        let short = Config { lease_ms: 8_000, ..Config::default() };
        assert!(short.check().unwrap_err().to_string().contains("three times"));
        let shown = format!("{:?}", Config { url: "redis://:secret@h".into(), ..short });
        assert!(!shown.contains("secret"));
    }
}
