//! `postfleet serve`, `work` and `migrate`: one role of a fleet, as the configuration says.

use crate::config::Config;
use crate::process::Process;
use crate::say::say;
use crate::wire::{self, Fleet};
use base::{Context, Fault, telemetry};
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use workers::{Duties, Role};

/// How long an answer that we are starting may still take once we have started.
const HELD_MAX: Duration = Duration::from_secs(1);

/// What every role takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration; each key can be overridden as POSTFLEET__SECTION__KEY.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What `postfleet work` takes.
#[derive(clap::Args)]
pub struct Work {
    #[command(flatten)]
    common: Arguments,
    /// The roles of this process, separated by commas; all without it. There are relay, fan-out,
    /// publish, reconcile, refresh, repost, webhook, sweep and ingest, and a fleet needs them all.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    roles: Vec<String>,
    /// The platforms it publishes on, separated by commas; all without it.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    platforms: Vec<String>,
}

/// Serves the API until a signal.
///
/// # Errors
/// The configuration, the schema or a socket fails.
pub async fn serve(arguments: &Arguments) -> Result<(), Fault> {
    let config = start(arguments)?;
    let public = listen(&config.server.listen).await?;
    let private = listen(&config.server.private_listen).await?;
    let process = Process::begin(&config, "serve", Some(private))?;
    let (operators, shutdown) = (process.operators.clone(), process.shutdown.clone());
    let Some((public, fleet)) = hold_until_wired(public, &process).await? else { return Ok(()) };
    process.carry(&fleet, fleet.serve(public, operators, shutdown.asked)).await
}

/// Has whoever asks meanwhile told that we are starting.
async fn hold_until_wired(
    public: TcpListener,
    process: &Process,
) -> Result<Option<(TcpListener, Fleet)>, Fault> {
    let public = public.into_std().context("taking the socket")?;
    let early = public.try_clone().context("doubling the socket")?;
    let early = TcpListener::from_std(early).context("listening")?;
    let over = CancellationToken::new();
    let mut held = tokio::spawn(server::hold(early, over.clone()));
    let fleet = process.wire().await;
    over.cancel();
    // Whoever is connected and asks nothing keeps nobody else waiting.
    if tokio::time::timeout(HELD_MAX, &mut held).await.is_err() {
        held.abort();
    }
    let Some(fleet) = fleet? else { return Ok(None) };
    Ok(Some((TcpListener::from_std(public).context("listening")?, fleet)))
}

/// Works until a signal.
///
/// # Errors
/// A role or platform is unknown, or the configuration or the schema fails.
pub async fn work(arguments: &Work) -> Result<(), Fault> {
    let duties = duties(arguments)?;
    let config = start(&arguments.common)?;
    let undone = undone(&duties);
    if !undone.is_empty() {
        tracing::warn!(
            undone = undone.join(", "),
            "this process leaves work to others: without another one that does it, it is not done"
        );
    }
    let port = match config.workers.private_listen.as_str() {
        "" => None,
        address => Some(listen(address).await?),
    };
    let process = Process::begin(&config, "work", port)?;
    let asked = process.shutdown.asked.clone();
    let Some(fleet) = process.wire().await? else { return Ok(()) };
    process.carry(&fleet, fleet.work(&duties, asked)).await
}

/// Migrates the database.
///
/// # Errors
/// The configuration or Postgres fails, or the database is ahead of this program.
pub async fn migrate(arguments: &Arguments) -> Result<(), Fault> {
    let config = start(arguments)?;
    let made = wire::migrate(&config).await?;
    for step in &made {
        say(format_args!("made  {step}"));
    }
    say(match made.len() {
        0 => "The database has this version's schema; there was nothing to do.",
        _ => "The database has this version's schema.",
    });
    Ok(())
}

fn start(arguments: &Arguments) -> Result<Config, Fault> {
    let config = Config::load(arguments.config.as_deref())?;
    telemetry::init(&config.log)?;
    Ok(config)
}

async fn listen(address: &str) -> Result<TcpListener, Fault> {
    TcpListener::bind(address).await.context(format!("listening on {address}"))
}

fn duties(arguments: &Work) -> Result<Duties, Fault> {
    let mut duties = wire::all_duties();
    if !arguments.roles.is_empty() {
        duties.roles = arguments.roles.iter().map(|name| role(name)).collect::<Result<_, _>>()?;
    }
    if !arguments.platforms.is_empty() {
        let known = &duties.platforms;
        if let Some(name) = arguments.platforms.iter().find(|name| !known.contains(name)) {
            let known = known.join(", ");
            return Err(Fault::new(format!("no platform {name:?}; there are: {known}")));
        }
        duties.platforms = arguments.platforms.clone();
    }
    Ok(duties)
}

/// What a process with these duties leaves to others: roles, and platforms it does not publish on.
fn undone(duties: &Duties) -> Vec<String> {
    let all = wire::all_duties();
    let roles = all.roles.iter().filter(|role| !duties.roles.contains(role));
    let roles = roles.map(|role| format!("the role {role}"));
    let publishes = duties.roles.contains(&Role::Publish);
    let platforms = all.platforms.iter().filter(|name| !duties.platforms.contains(name));
    let platforms = platforms.filter(|_| publishes).map(|name| format!("publishing on {name}"));
    roles.chain(platforms).collect()
}

fn role(name: &str) -> Result<Role, Fault> {
    Role::parse(name).ok_or_else(|| {
        let all: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        Fault::new(format!("no role {name:?}; there are: {}", all.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args;

    fn of(roles: &[&str], platforms: &[&str]) -> Vec<String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let common = Arguments { config: None };
        let work = Work { common, roles: owned(roles), platforms: owned(platforms) };
        undone(&duties(&work).unwrap())
    }

    // case: W-undone
    #[test]
    fn a_process_tells_what_it_leaves_to_others() {
        assert_eq!(of(&[], &[]), Vec::<String>::new());
        let all = Role::ALL.map(|role| role.as_str());
        for (at, left) in all.into_iter().enumerate() {
            let taken = [&all[..at], &all[at + 1..]].concat();
            assert_eq!(of(&taken, &[]), [format!("the role {left}")]);
        }
        let told = of(&[], &["x", "threads"]);
        assert!(told.iter().all(|one| one.starts_with("publishing on ")) && told.len() == 3);
        assert!(!of(&["relay"], &["x"]).iter().any(|one| one.starts_with("publishing")));
    }

    // case: W-undone
    #[test]
    fn the_help_names_every_role() {
        let command = Work::augment_args(clap::Command::new("work"));
        let roles = command.get_arguments().find(|one| one.get_id() == "roles").unwrap();
        let told = roles.get_help().unwrap().to_string();
        for role in Role::ALL {
            assert!(told.contains(role.as_str()), "{role} is not in {told:?}");
        }
    }
}
