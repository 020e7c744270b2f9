//! `postfleet doctor`: is everything there that a fleet needs, and as it should be?
//!
//! Each finding is good, a warning, or bad, and says what to do about it.

mod looks;

use crate::commands::installation::Installation;
use crate::config::Config;
use crate::dev::programs;
use crate::say::say;
use app::keys::{Field, Keys, Status};
use app::presence;
use app::settings::Settings;
use base::{Fault, clock};
use domain::time::Timestamp;
use looks::Ahead;
use queue::Queue;
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;
use store::Store;
use vault::KeyRing;
use workers::Role;

/// The values that a look takes no time over.
const COUNTED: [Field; 2] = [Field::Grant, Field::Verifier];
/// The longest deadline that an adapter gives a call.
const CALL_MAX: Duration = Duration::from_secs(120);
/// Kinds of unknown refusals that are looked at.
const KINDS_MAX: i64 = 50;

/// What `postfleet doctor` takes.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    installation: Installation,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// How a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Mark {
    Good,
    /// It works, and should be looked at in daylight.
    Warning,
    Bad,
}

/// One look at one thing.
#[derive(Debug, Serialize)]
struct Finding {
    name: &'static str,
    mark: Mark,
    words: String,
}

impl Finding {
    fn of(name: &'static str, is_good: bool, words: String) -> Self {
        Self::marked(if is_good { Mark::Good } else { Mark::Bad }, name, words)
    }

    fn marked(mark: Mark, name: &'static str, words: String) -> Self {
        Self { name, mark, words }
    }
}

/// Prints a line for each finding. Exit code 1 when one is bad.
///
/// # Errors
/// The configuration cannot be read.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let config = arguments.installation.config()?;
    let mut findings = vec![local_programs()];
    let postgres = postgres(&config, &mut findings).await;
    let redis = redis(&config, &mut findings).await;
    if let (Some(postgres), Some(redis)) = (&postgres, &redis) {
        findings.push(looks::clocks(postgres, redis));
    }
    findings.extend(postgres.as_ref().map(looks::own_clock));
    findings.push(looks::ring(&keys(&config).await, clock::now()));
    let section = &config.server;
    let settings = Settings::read(&section.public_url, &section.return_urls, &config.platforms)?;
    let calls = config.platforms.values().filter_map(|one| one.call_deadline_ms).max();
    let longest = calls.map_or(CALL_MAX, Duration::from_millis).min(CALL_MAX);
    let (lease_ms, renew_every_ms) = (config.queue.lease_ms, config.queue.renew_every_ms);
    findings.extend(looks::lease(lease_ms, renew_every_ms, longest));
    let named = app::versions::named(&settings);
    findings.extend(named.iter().map(|named| looks::version(named, clock::now())));
    match arguments.json {
        true => say(serde_json::to_string_pretty(&findings).unwrap_or_default()),
        false => findings.iter().map(line).for_each(say),
    }
    let is_bad = findings.iter().any(|one| one.mark == Mark::Bad);
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn line(finding: &Finding) -> String {
    let mark = match finding.mark {
        Mark::Good => "good",
        Mark::Warning => "warn",
        Mark::Bad => "BAD ",
    };
    format!("{mark}  {:<10} {}", finding.name, finding.words)
}

fn local_programs() -> Finding {
    let name = "Programs";
    match programs::find() {
        Ok(_) => Finding::of(name, true, "`postfleet dev` can start here".into()),
        // A fleet on servers of its own needs none of them.
        Err(fault) => Finding::of(name, true, format!("only for `dev`: {fault}")),
    }
}

/// Looks at Postgres and at what lies there; how its clock stands, where it answers.
async fn postgres(config: &Config, findings: &mut Vec<Finding>) -> Option<Ahead> {
    let name = "Postgres";
    let store = match Store::connect(&config.store).await {
        Ok(store) => store,
        Err(fault) => {
            findings.push(Finding::of(name, false, fault.to_string()));
            return None;
        }
    };
    let facts = match store.facts().await {
        Ok(facts) => facts,
        Err(fault) => {
            findings.push(Finding::of(name, false, fault.to_string()));
            return None;
        }
    };
    findings.extend([looks::postgres(&facts), looks::schema(&facts)]);
    findings.push(looks::wall(&store.can_hold().await));
    if facts.migration == Some(facts.migration_known) {
        let looked = schema_looks(&store, findings).await;
        findings.extend(looked.err().map(|fault| Finding::of(name, false, fault.to_string())));
    }
    ahead(store.time()).await.ok()
}

/// What only the present schema can be asked.
async fn schema_looks(store: &Store, findings: &mut Vec<Finding>) -> Result<(), Fault> {
    findings.push(looks::overdue(&store.overdue().await?));
    let roles: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
    let live = presence::list(store).await?;
    findings.extend(looks::workers(&live, &roles, env!("CARGO_PKG_VERSION")));
    findings.push(looks::unmapped(&store.unmapped(KINDS_MAX).await?));
    Ok(())
}

async fn redis(config: &Config, findings: &mut Vec<Finding>) -> Option<Ahead> {
    let asked = async {
        let queue = Queue::connect(&config.queue).await?;
        let facts = queue::facts(&queue).await?;
        Ok::<_, Fault>((ahead(queue.time()).await?, facts))
    };
    match asked.await {
        Ok((ahead, facts)) => {
            findings.extend(looks::redis(&facts));
            Some(ahead)
        }
        Err(fault) => {
            findings.push(Finding::of("Redis", false, fault.to_string()));
            None
        }
    }
}

async fn keys(config: &Config) -> Result<Status, Fault> {
    let ring = KeyRing::of(&config.vault)?;
    let keys = Keys::new(Store::connect(&config.store).await?, ring);
    app::keys::status(&keys, &COUNTED).await
}

async fn ahead(ask: impl Future<Output = Result<Timestamp, Fault>>) -> Result<Ahead, Fault> {
    let before = clock::now().ms();
    let theirs = ask.await?.ms();
    let after = clock::now().ms();
    let uncertain_ms = (after - before) / 2;
    Ok(Ahead { ms: theirs - (before + uncertain_ms), uncertain_ms })
}
