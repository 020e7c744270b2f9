//! `postfleet restore`: a backup into an empty database, for a machine that has nothing.

use crate::backup::{Backup, programs};
use crate::commands::backup::passphrase;
use crate::config::Config;
use crate::dev;
use crate::say::say;
use app::keys::{Field, Keys};
use base::{Context, Fault, rng, telemetry};
use std::path::PathBuf;
use store::Store;
use store::quarantine::{self, Census};
use tokio::io::AsyncWriteExt;
use vault::KeyRing;

/// What `postfleet restore` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration; its store.url names an empty database, its vault.key_file where the keys
    /// are put.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The backup.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// A file with the passphrase of its keys; without it they stay sealed.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Where the keys are put, where vault.key_file names no file.
    #[arg(long, value_name = "FILE")]
    keys_to: Option<PathBuf>,
    /// Proves that it can be read back, on a Postgres of its own that is thrown away: nothing is
    /// asked of the configuration.
    #[arg(long, requires = "passphrase_file", conflicts_with_all = ["config", "keys_to"])]
    rehearse: bool,
}

/// Reads it back.
///
/// # Errors
/// The backup is not whole, the database is not empty, or `pg_restore` fails.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    if arguments.rehearse {
        return rehearse(arguments).await;
    }
    let config = Config::load(arguments.config.as_deref())?;
    telemetry::init(&config.log)?;
    let mut backup = Backup::open(&arguments.from)?;
    let head = backup.head.clone();
    say(format_args!(
        "The backup of {}, made by postfleet {}, is whole (SHA-256 {}).",
        head.made_at, head.version, backup.sha256
    ));
    // First, because a passphrase that does not fit is found out in a second.
    keys(arguments, &config, &backup)?;
    let origin = format!("the backup of {}, SHA-256 {}", head.made_at, backup.sha256);
    quarantine::make_ready(&config.store, &origin).await?;
    read_back(&config.store.url, &mut backup).await?;
    say("The database is read back, and held: nothing works on it yet.");
    say(format_args!("The files of posts were in {}; bring them.", head.media));
    say("Make sure that the old fleet is down, then run `postfleet recover`.");
    Ok(())
}

/// Reads it back into a Postgres of its own, and looks at what came.
async fn rehearse(arguments: &Arguments) -> Result<(), Fault> {
    let mut config = Config::default();
    telemetry::init(&config.log)?;
    let mut backup = Backup::open(&arguments.from)?;
    let folder = std::env::temp_dir().join(format!("postfleet-rehearsal-{}", rng::uuid().simple()));
    let private = dev::start(&folder).await?;
    config.store.url.clone_from(&private.postgres_url);
    config.vault.key_file = Some(private.data().join("key"));
    let looked = async {
        keys(arguments, &config, &backup)?;
        quarantine::make_ready(&config.store, "a rehearsal").await?;
        read_back(&config.store.url, &mut backup).await?;
        let store = Store::connect_to_recover(&config.store).await?;
        store.migrate().await?;
        let keys = Keys::new(store.clone(), KeyRing::of(&config.vault)?);
        let status = app::keys::status(&keys, &[Field::Grant]).await?;
        let held = store.census().await?;
        store.close().await;
        Ok::<_, Fault>((status, held))
    };
    let looked = looked.await;
    private.remove().await?;
    let (status, held) = looked?;
    if let Some(lacking) = status.keys.iter().find(|key| key.is_missing()) {
        return Err(Fault::new(format_args!(
            "the backup lacks the key {}, under which {} data keys lie",
            lacking.key, lacking.data_keys
        )));
    }
    let Census { tenants, accounts, posts, waiting } = held;
    say(format_args!(
        "The backup of {} can be read back: {tenants} tenants, {accounts} accounts, {posts} posts, \
         {waiting} deliveries that have not ended; every data key opens.",
        backup.head.made_at
    ));
    Ok(())
}

fn keys(arguments: &Arguments, config: &Config, backup: &Backup) -> Result<(), Fault> {
    let Some(file) = &arguments.passphrase_file else {
        say(match &backup.head.keys {
            Some(_) => "Its keys stay sealed: no --passphrase-file was named.",
            None => "It has no keys: bring those of its vault.",
        });
        return Ok(());
    };
    let parcel = backup.head.keys.as_ref();
    let parcel = parcel.context("the backup has no keys: leave --passphrase-file out")?;
    let to = arguments.keys_to.as_ref().or(config.vault.key_file.as_ref());
    let to = to.context("vault.key_file names no file: say --keys-to where the keys are put")?;
    let (path, names) = (to.display(), parcel.keys.join(", "));
    match parcel.unpack(&passphrase(file)?)?.bring_to(to)? {
        true => say(format_args!("The keys {names} are in {path}.")),
        false => say(format_args!("{path} has the keys {names} already.")),
    }
    Ok(())
}

async fn read_back(url: &str, backup: &mut Backup) -> Result<(), Fault> {
    let mut child = programs::read_back(url)?;
    let mut stdin = child.stdin.take().context("writing to pg_restore")?;
    let ended = tokio::spawn(programs::ended("pg_restore", child));
    loop {
        let piece = backup.next()?;
        // It has ended early, and says itself why.
        if piece.is_empty() || stdin.write_all(&piece).await.is_err() {
            break;
        }
    }
    drop(stdin);
    ended.await.context("waiting for pg_restore")?
}
