//! `postfleet keys`: makes, changes and counts the keys that tokens are sealed with.

use crate::commands::installation::Installation;
use crate::config::Config;
use crate::say::{say, warn};
use app::keys::{self, Field, Keys, Retired, Rotated, Rotation, Status};
use base::{Context, Fault, clock};
use domain::id::AccountId;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use store::Store;
use vault::{KeyId, KeyRing, Source};

/// Rows of `openings` at most.
const SHOWN_MAX: i64 = 1_000;

/// What `postfleet keys` takes.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    order: Order,
    #[command(flatten)]
    installation: Installation,
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Order {
    /// Makes a key-encryption key and puts it first in the key file.
    New {
        /// Writes the key into a new file of its own instead, for its owner alone.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Brings everything under the first key, while workers work. Can be broken off and repeated.
    Rotate {
        /// Only wraps the data keys under the first key, and seals nothing anew.
        #[arg(long, conflicts_with_all = ["data_keys", "rate"])]
        wrapping_only: bool,
        /// Gives every tenant a new data key, though the first key has not changed.
        #[arg(long)]
        data_keys: bool,
        /// Seals so many values anew in a second at most.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        rate: Option<u32>,
    },
    /// Shows how much lies under which key.
    Status,
    /// Takes a key out of the key file, unless anything lies under it.
    Retire {
        /// The key's name, as `status` shows it.
        #[arg(value_name = "KEY", value_parser = key_id)]
        key: KeyId,
    },
    /// Shows how often the grants of accounts were opened, by purpose and hour.
    Openings {
        /// Of this account alone.
        #[arg(long, value_name = "ID", value_parser = account_id)]
        account: Option<AccountId>,
        /// In the last so many hours.
        #[arg(long, value_name = "N", default_value_t = 24)]
        hours: u32,
    },
}

fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).ok_or_else(|| "a key's name is sixteen hexadecimal digits".to_owned())
}

fn account_id(text: &str) -> Result<AccountId, String> {
    text.parse().map_err(|_| "an account's id begins with `acc_`".to_owned())
}

/// Does what is ordered. Exit code 1 when it is refused, or something is left over.
///
/// # Errors
/// The configuration, the key ring or Postgres fails.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let config = arguments.installation.begin()?;
    match &arguments.order {
        Order::New { out } => new(&config, out.as_deref()),
        Order::Rotate { wrapping_only, data_keys, rate } => {
            let rotation = Rotation {
                wrapping_only: *wrapping_only,
                all_data_keys: *data_keys,
                values_per_second: *rate,
            };
            rotate(&open(&config).await?, rotation, arguments.json).await
        }
        Order::Status => {
            let status = keys::status(&open(&config).await?, &Field::ALL).await?;
            show(&status, arguments.json)?;
            Ok(ExitCode::SUCCESS)
        }
        Order::Retire { key } => retire(&open(&config).await?, *key).await,
        Order::Openings { account, hours } => {
            let since = clock::now() - Duration::from_secs(u64::from(*hours) * 3_600);
            let keys = open(&config).await?;
            let all = keys::openings(&keys, *account, since, SHOWN_MAX).await?;
            if arguments.json {
                say(json(&all)?);
                return Ok(ExitCode::SUCCESS);
            }
            say(format_args!("{:<24}  {:<36}  {:<9}  COUNT", "HOUR", "ACCOUNT", "PURPOSE"));
            for one in all {
                let hour = one.hour.to_string();
                say(format_args!(
                    "{hour:<24}  {:<36}  {:<9}  {}",
                    one.account_id, one.purpose, one.count
                ));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

pub(super) async fn open(config: &Config) -> Result<Keys, Fault> {
    let ring = KeyRing::of(&config.vault)?;
    Ok(Keys::new(Store::connect(&config.store).await?, ring))
}

fn new(config: &Config, out: Option<&Path>) -> Result<ExitCode, Fault> {
    if let Some(out) = out {
        let key = KeyRing::create(out)?.first()?;
        let out = out.display();
        say(format_args!("Made the key {key} in {out}. Its line belongs before the others."));
        return Ok(ExitCode::SUCCESS);
    }
    let source = Source::of(&config.vault)?;
    let Source::File(path) = &source else {
        warn(format_args!(
            "the keys come from {source}, which only you can change: `postfleet keys new --out \
             FILE` writes a key into a file; put it before the others there, start the processes \
             anew, then run `postfleet keys rotate`"
        ));
        return Ok(ExitCode::FAILURE);
    };
    let key = KeyRing::add_to(path)?;
    say(format_args!("Made the key {key}, first in {}.", path.display()));
    say(
        "Give every machine of the fleet this file; processes that run find the key by themselves.",
    );
    say("Then `postfleet keys rotate` brings everything under it.");
    Ok(ExitCode::SUCCESS)
}

async fn rotate(keys: &Keys, rotation: Rotation, as_json: bool) -> Result<ExitCode, Fault> {
    let began = clock::stopwatch();
    let done = keys::rotate(keys, rotation).await?;
    if as_json {
        say(json(&done)?);
    } else {
        let Rotated { key, rewrapped, replaced, resealed, refused, left } = &done;
        let took = began.elapsed().as_secs_f64();
        let resealed: u64 = resealed.values().sum();
        say(format_args!(
            "Under the key {key} after {took:.1} s: {rewrapped} data keys wrapped, {replaced} new \
             data keys, {resealed} values sealed anew."
        ));
        if *refused > 0 {
            say(format_args!("{refused} values do not open; the log and the audit name them."));
        }
        if *left > 0 {
            say(format_args!("{left} values were worked on all the time: repeat the command."));
        }
    }
    Ok(if done.left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(status: &Status, as_json: bool) -> Result<(), Fault> {
    if as_json {
        say(json(status)?);
        return Ok(());
    }
    say(format_args!("Keys of {}", status.source));
    let head = ["GRANTS", "VERIFIERS", "CHECKPOINTS", "CHOICES", "OWN APPS", "WEBHOOKS"];
    let figures =
        |figures: [String; Field::ALL.len()]| figures.map(|one| format!("{one:>11}")).join("  ");
    say(format_args!(
        "{:<16}  {:<7}  {:<24}  {:>9}  {}",
        "KEY",
        "PLACE",
        "MADE",
        "DATA KEYS",
        figures(head.map(str::to_owned))
    ));
    for one in &status.keys {
        let made = one.made_at.map_or_else(|| "not known".to_owned(), |at| at.to_string());
        let counts = Field::ALL
            .map(|field| one.values.get(field.as_str()).copied().unwrap_or(0).to_string());
        say(format_args!(
            "{:<16}  {:<7}  {made:<24}  {:>9}  {}",
            one.key,
            one.place,
            one.data_keys,
            figures(counts)
        ));
    }
    say(format_args!(
        "Sealed under the present data keys: {}; under older ones: {}; under unknown ones: {}.",
        status.on_current, status.on_old, status.on_unknown
    ));
    Ok(())
}

async fn retire(keys: &Keys, key: KeyId) -> Result<ExitCode, Fault> {
    let refusal = match keys::retire(keys, key).await? {
        Retired::Gone => {
            say(format_args!("The key {key} is out of the key file."));
            say("Give every machine of the fleet this file, and destroy what copies there are.");
            return Ok(ExitCode::SUCCESS);
        }
        Retired::Elsewhere(source) => {
            say(format_args!("Nothing lies under the key {key}: take it out of {source}."));
            return Ok(ExitCode::SUCCESS);
        }
        Retired::InUse(count) => format!(
            "{count} data keys are wrapped under {key}; `postfleet keys rotate` brings them under \
             the first key"
        ),
        Retired::First => format!(
            "{key} is the key that wraps; `postfleet keys new` puts another one first, and \
             `postfleet keys rotate` brings everything under it"
        ),
        Retired::Unknown => {
            format!("the ring has no key {key}; `postfleet keys status` lists them")
        }
    };
    warn(refusal);
    Ok(ExitCode::FAILURE)
}

fn json(what: &impl serde::Serialize) -> Result<String, Fault> {
    serde_json::to_string_pretty(what).context("writing JSON")
}
