//! `postfleet doctor`: is everything there that a fleet needs, and as it should be?
//!
//! Each finding is good, a warning, or bad, and says what to do about it.

mod disk;
mod looks;

use crate::commands::installation::Installation;
use crate::config::Config;
use crate::dev::programs;
use crate::say::say;
use app::drift;
use app::keys::{Field, Keys, Status};
use app::presence;
use app::settings::Settings;
use base::{Fault, clock};
use domain::time::Timestamp;
use futures::future::join_all;
use looks::Ahead;
use queue::Queue;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use store::Store;
use vault::KeyRing;
use workers::Role;

/// The values that a look takes no time over.
const COUNTED: [Field; 2] = [Field::Grant, Field::Verifier];
/// The longest deadline that an adapter gives a call.
const CALL_MAX: Duration = Duration::from_secs(120);
/// A sweep leaves a job to the relay for so long.
const OVERDUE: Duration = Duration::from_secs(5);
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
    if let (Some((postgres, store)), Some((redis, queue))) = (&postgres, &redis) {
        findings.push(looks::clocks(postgres, redis));
        let sweep_every = Duration::from_millis(config.workers.sweep_every_ms);
        findings.extend(drift(store, queue, sweep_every + OVERDUE).await);
    }
    findings.extend(postgres.as_ref().map(|(ahead, _)| looks::own_clock(ahead)));
    findings.extend(media(&config));
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
async fn postgres(config: &Config, findings: &mut Vec<Finding>) -> Option<(Ahead, Store)> {
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
    let folder = facts.folder.as_deref().map(Path::new).filter(|folder| folder.exists());
    let space = folder.and_then(|folder| disk::space("Postgres", folder));
    findings.extend(space.as_ref().map(looks::disk));
    Some((ahead(store.time()).await.ok()?, store))
}

/// What of the ledger Redis was not told of, where it can be asked. A shard that is away has its
/// finding already.
async fn drift(store: &Store, queue: &Queue, swept_within: Duration) -> Option<Finding> {
    let ways = (store, queue);
    let shards = (0..queue.shards()).map(|shard| drift::measure(ways, shard, swept_within));
    let measured = join_all(shards).await;
    let measured: Vec<_> = measured.into_iter().filter_map(Result::ok).collect();
    (!measured.is_empty()).then(|| looks::drift(&measured, swept_within))
}

/// Where the files of posts lie, unless that is a bucket.
fn media(config: &Config) -> Option<Finding> {
    let media = &config.media;
    let is_here = media.bucket.is_none();
    let space = is_here.then(|| disk::space("the files of posts", &media.dir)).flatten();
    space.as_ref().map(looks::disk)
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

async fn redis(
    config: &Config,
    findings: &mut Vec<Finding>,
) -> Option<(Vec<(String, Ahead)>, Queue)> {
    let queue = match Queue::connect(&config.queue).await {
        Ok(queue) => queue,
        Err(fault) => {
            findings.push(Finding::of("Redis", false, fault.to_string()));
            return None;
        }
    };
    let within = Duration::from_millis(config.queue.response_timeout_ms);
    let (mut servers, mut clocks, mut folders) = (Vec::new(), Vec::new(), BTreeSet::new());
    for server in queue.servers(within).await {
        let facts = match &server.trouble {
            None => queue::facts(&queue, &server).await.map_err(|fault| fault.to_string()),
            Some(trouble) => Err(trouble.clone()),
        };
        if let (Ok(facts), Some(address)) = (&facts, &server.address) {
            folders.extend(disk::folder_of_redis(address, facts.pid));
        }
        if let Ok(ahead) = ahead(queue::time_of(&queue, &server)).await {
            clocks.push((server.address.clone().unwrap_or_default(), ahead));
        }
        servers.push((server, facts));
    }
    findings.extend(looks::redis(&servers));
    let spaces = folders.iter().filter_map(|folder| disk::space("Redis", folder));
    findings.extend(spaces.map(|space| looks::disk(&space)));
    Some((clocks, queue))
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
