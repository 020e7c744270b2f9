//! `postfleet pause` and `resume`: a platform, an app, a queue, a brand, an account.

use crate::commands::keys as ring;
use crate::config::Config;
use crate::say::say;
use app::halts::{self, Target};
use base::{Fault, telemetry};
use client::{Client, Place};
use queue::Queue;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use store::Store;

/// What `postfleet pause` and `postfleet resume` take.
#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration; each key can be overridden as POSTFLEET__SECTION__KEY.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The data directory of a running `postfleet dev`, where no configuration names a database.
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// Why; the audit and whatever waits show it.
    #[arg(long, value_name = "TEXT", global = true, default_value = "")]
    reason: String,
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Every call to a platform, renewals of tokens too.
    Platform {
        /// Its name.
        name: String,
    },
    /// Every call through one of our registrations on a platform.
    App {
        /// The platform's name.
        platform: String,
        /// The registration's name, as `default` or `organization`.
        app: String,
    },
    /// Every job of a queue, as `webhook` or `publish:x`.
    Queue {
        /// Its name.
        name: String,
    },
    /// Every account of a brand of the key's tenant.
    Brand {
        /// Its slug.
        slug: String,
    },
    /// One account of the key's tenant.
    Account {
        /// Its id.
        id: String,
    },
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nothing leaves any more.
    Pause,
    /// It leaves again.
    Resume,
}

/// Does it, and says what that came to.
///
/// # Errors
/// There is nothing of this name, or Postgres, Redis or the fleet fails.
pub async fn run(arguments: &Arguments, way: Way) -> Result<ExitCode, Fault> {
    let reason = arguments.reason.trim();
    if way == Way::Pause && reason.is_empty() {
        return Err(Fault::new("say --reason: whoever finds it paused wants to know why"));
    }
    if let What::Brand { .. } | What::Account { .. } = &arguments.what {
        return accounts(&arguments.what, way, reason).await;
    }
    let target = match &arguments.what {
        What::Platform { name } => Target::platform(name)?,
        What::App { platform, app } => Target::app(platform, app)?,
        What::Queue { name } => Target::queue(name)?,
        What::Brand { .. } | What::Account { .. } => return Ok(ExitCode::FAILURE),
    };
    let config = config(arguments.config.as_deref(), arguments.data.as_deref())?;
    telemetry::init(&config.log)?;
    let store = Store::connect(&config.store).await?;
    let queue = Queue::connect(&config.queue).await?;
    let with = (&store, &queue);
    let words = match way {
        Way::Pause => match halts::pause(with, &target, reason).await? {
            true => "is paused until it is resumed",
            false => "was paused for this reason already",
        },
        Way::Resume => {
            let reason = if reason.is_empty() { "resumed by an operator" } else { reason };
            match halts::resume(with, &target, reason).await? {
                true => "is resumed",
                false => "was not paused",
            }
        }
    };
    say(format_args!("{} {words}.", target.subject()));
    Ok(ExitCode::SUCCESS)
}

/// The configuration, with the Redis of a `postfleet dev` too.
pub(super) fn config(file: Option<&Path>, data: Option<&Path>) -> Result<Config, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Place {
        redis_url: String,
    }
    let is_dev = file.is_none() && Config::load(None)?.store.url.is_empty();
    let mut config = ring::config(file, data)?;
    let place = data.unwrap_or(Path::new(ring::DEV)).join("dev.json");
    if is_dev
        && let Ok(text) = std::fs::read(&place)
        && let Ok(place) = serde_json::from_slice::<Place>(&text)
    {
        config.queue.url = place.redis_url;
    }
    Ok(config)
}

async fn accounts(what: &What, way: Way, reason: &str) -> Result<ExitCode, Fault> {
    let fleet = Client::new(&Place::find()?)?;
    let ids = match what {
        What::Brand { slug } => {
            let found = fleet.accounts(slug).await?;
            found.into_iter().map(|account| account.id).collect()
        }
        What::Account { id } => vec![id.clone()],
        What::Platform { .. } | What::App { .. } | What::Queue { .. } => Vec::new(),
    };
    let mut failed = false;
    for id in ids {
        let done = match way {
            Way::Pause => fleet.pause_account(&id, reason).await,
            Way::Resume => fleet.resume_account(&id).await,
        };
        match done {
            Ok(account) => say(format_args!("{id}  {:<16}", account.health.word)),
            // The others are paused all the same; one that its owner has to mend holds up nobody.
            Err(fault) => {
                failed = true;
                crate::say::warn(format_args!("{id}: {fault}"));
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
