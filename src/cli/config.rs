//! The whole configuration: one section per crate, each key overridable from the environment.

use app::settings::PlatformConfig;
use base::Fault;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// `postfleet.toml`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Postgres.
    pub store: store::Config,
    /// Redis.
    pub queue: queue::Config,
    /// The inboxes of upstream apps.
    pub inbox: queue::InboxConfig,
    /// Keys of the vault.
    pub vault: vault::Config,
    /// The HTTP server.
    pub server: server::Config,
    /// Calls to addresses that users name.
    pub outbound: base::outbound::Config,
    /// Users' files.
    pub media: media::Config,
    /// Mails about what waits for a person.
    pub mail: base::mail::Config,
    /// What a worker process takes on.
    pub workers: workers::Config,
    /// The platforms, by name.
    pub platforms: BTreeMap<String, PlatformConfig>,
    /// How a process ends.
    pub shutdown: base::shutdown::Config,
    /// What is said while running.
    pub log: base::telemetry::Config,
    /// Where traces go.
    pub telemetry: base::trace::Config,
}

impl Config {
    /// Reads the file, if one is given, and the environment over it.
    ///
    /// # Errors
    /// When a key is unknown, has a wrong type, or the file cannot be read.
    pub fn load(file: Option<&Path>) -> Result<Self, Fault> {
        base::config::load(file)
    }
}
