//! `postfleet backup`: all that the fleet knows in one file, while it works.

use crate::backup::{Head, Writing, programs};
use crate::commands::installation::Installation;
use crate::config::Config;
use crate::say::say;
use base::{Context, Fault, clock};
use domain::secret::Secret;
use std::fs;
use std::path::{Path, PathBuf};
use tokio::io::AsyncReadExt;
use vault::KeyRing;

/// Bytes of a dump that are taken at once.
const PIECE_SIZE_BYTES: usize = 256 * 1024;

/// What `postfleet backup` takes.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    installation: Installation,
    /// The file to write; there is none of this name yet.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    sealing: Sealing,
}

/// How the vault's keys go along.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Sealing {
    /// A file with the passphrase that the vault's keys are sealed under.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Leaves the keys out: they are kept elsewhere, and without them no account can be used.
    #[arg(long)]
    without_keys: bool,
}

/// Writes the backup.
///
/// # Errors
/// The configuration, the key ring or the disk fails, or `pg_dump` does.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let config = arguments.installation.begin()?;
    let keys = match &arguments.sealing.passphrase_file {
        Some(file) => Some(KeyRing::of(&config.vault)?.pack(&passphrase(file)?)?),
        None => None,
    };
    let head = Head {
        made_at: clock::now().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        media: media(&config),
        keys,
    };
    let mut writing = Writing::begin(&arguments.to, &head)?;
    let size = match dump(&config.store.url, &mut writing).await {
        Ok(()) => writing.end()?,
        Err(fault) => {
            writing.give_up();
            return Err(fault);
        }
    };
    say(format_args!("{}: {size} bytes, of {}.", arguments.to.display(), head.made_at));
    match &head.keys {
        Some(parcel) => {
            say(format_args!("The keys {} are in it, sealed.", parcel.keys.join(", ")));
            say("Keep the passphrase elsewhere: with both, everything can be read.");
        }
        None => say("The vault's keys are NOT in it: without them no account can be used."),
    }
    say(format_args!("Files of posts are not in it; they are in {}.", head.media));
    Ok(())
}

async fn dump(url: &str, writing: &mut Writing) -> Result<(), Fault> {
    let mut child = programs::dump(url)?;
    let mut out = child.stdout.take().context("reading pg_dump")?;
    // Said while the dump is written; nobody would read it before, and a full pipe holds it up.
    let ended = tokio::spawn(programs::ended("pg_dump", child));
    let mut piece = vec![0; PIECE_SIZE_BYTES];
    loop {
        let count = out.read(&mut piece).await.context("reading pg_dump")?;
        if count == 0 {
            break;
        }
        writing.put(&piece[..count])?;
    }
    ended.await.context("waiting for pg_dump")?
}

/// Where the files of posts are, in words.
fn media(config: &Config) -> String {
    match &config.media.bucket {
        Some(bucket) => format!("the bucket {bucket}"),
        None => format!("the folder {}", config.media.dir.display()),
    }
}

/// The first line of a file that its owner alone should read.
pub(super) fn passphrase(file: &Path) -> Result<Secret, Fault> {
    let text = fs::read_to_string(file).context(format!("reading {}", file.display()))?;
    Ok(text.lines().next().unwrap_or_default().into())
}
