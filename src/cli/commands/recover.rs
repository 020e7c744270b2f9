//! `postfleet recover`: lets the fleet work on a database that was read back.

use crate::commands::installation::Installation;
use crate::say::say;
use app::keys::Keys;
use app::recover::{self, Recovered};
use base::Fault;
use media::Library;
use std::process::ExitCode;
use store::Store;
use vault::KeyRing;

/// What `postfleet recover` takes.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    installation: Installation,
    /// Gives up the files that are not in the library.
    #[arg(long)]
    without_files: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Looks, marks and releases. Exit code 1 where something keeps the fleet from working.
///
/// # Errors
/// Postgres, the library or the key ring fails.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let config = arguments.installation.begin()?;
    let store = Store::connect_to_recover(&config.store).await?;
    let keys = Keys::new(store.clone(), KeyRing::of(&config.vault)?);
    let library = Library::open(&config.media)?;
    let found = recover::recover((&store, &keys), &library, arguments.without_files).await?;
    match arguments.json {
        true => say(serde_json::to_string_pretty(&found).unwrap_or_default()),
        false => lines(&found).iter().for_each(say),
    }
    let is_free = found.obstacles.is_empty();
    Ok(if is_free { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn lines(found: &Recovered) -> Vec<String> {
    let mut lines = Vec::new();
    match (&found.held_since, &found.origin) {
        (Some(since), Some(origin)) => lines.push(format!("Held since {since}: {origin}.")),
        _ => lines.push("This database is not held; nothing was changed.".to_owned()),
    }
    lines.push(format!(
        "{} deliveries may be out: their platforms are asked before anything is sent.",
        found.asked_first
    ));
    lines.push(format!(
        "{} grants may have been renewed since: they are presented one after the other.",
        found.doubted_grants
    ));
    lines.push(format!("{} files, of which {} are missing.", found.files, found.missing_files));
    lines.extend(found.missing.iter().map(|file| format!("  {file} is missing")));
    lines.extend(found.obstacles.iter().map(|what| format!("Held still: {what}.")));
    if found.obstacles.is_empty() && found.held_since.is_some() {
        lines.push("The fleet may work again: start `serve` and `work`.".to_owned());
        lines.push(
            "What was accepted after the backup is not known here, and may be out: have upstream \
             apps compare before they send it again."
                .to_owned(),
        );
    }
    lines
}
