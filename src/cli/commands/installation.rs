//! How the commands of operators begin: which installation they are about, and what it is
//! configured to.

use crate::config::Config;
use base::{Context, Fault, telemetry};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use store::Store;

/// Where a `postfleet dev` keeps what it is.
const DEV: &str = ".postfleet";

/// Which installation a command is about.
#[derive(clap::Args)]
pub struct Installation {
    /// The configuration; each key can be overridden as POSTFLEET__SECTION__KEY.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The data directory of a running `postfleet dev`, where no configuration names a database.
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
}

impl Installation {
    /// Its configuration, by which the log is written from now on.
    ///
    /// # Errors
    /// It cannot be read, or is not there.
    pub fn begin(&self) -> Result<Config, Fault> {
        let config = self.config()?;
        telemetry::init(&config.log)?;
        Ok(config)
    }

    /// Its configuration, with its database.
    ///
    /// # Errors
    /// The configuration cannot be read, or the database fails.
    pub async fn open(&self) -> Result<(Config, Store), Fault> {
        let config = self.begin()?;
        let store = Store::connect(&config.store).await?;
        Ok((config, store))
    }

    /// Its configuration, for a command that writes no log.
    ///
    /// # Errors
    /// It cannot be read, or is not there.
    pub fn config(&self) -> Result<Config, Fault> {
        config(self.config.as_deref(), self.data.as_deref())
    }
}

/// The configuration, or that of a `postfleet dev` that runs here.
///
/// # Errors
/// It cannot be read, or is not there.
pub fn config(file: Option<&Path>, data: Option<&Path>) -> Result<Config, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Place {
        postgres_url: String,
        redis_url: String,
    }
    let mut config = Config::load(file)?;
    if !config.store.url.is_empty() || file.is_some() {
        return Ok(config);
    }
    let is_named = data.is_some();
    let data = data.unwrap_or_else(|| Path::new(DEV));
    let place = data.join("dev.json");
    if let Ok(text) = std::fs::read(&place) {
        let read: Place = serde_json::from_slice(&text).context("reading dev.json")?;
        (config.store.url, config.queue.url) = (read.postgres_url, read.redis_url);
        config.media.dir = data.join("media");
        let vault = &mut config.vault;
        if vault.key_file.is_none() && vault.keys.is_none() && vault.credential.is_none() {
            vault.key_file = Some(data.join("key"));
        }
    } else if is_named {
        let place = place.display();
        return Err(Fault::new(format_args!(
            "there is no {place}: `postfleet dev` runs elsewhere"
        )));
    }
    Ok(config)
}
