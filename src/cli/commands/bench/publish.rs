//! `postfleet bench publish`: text posts on simulated X, one delivery a post, one call in flight
//! per account; the clock runs from the first due time to the last settle.

use super::bare::Bare;
use super::cpu;
use crate::say::say;
use base::{Context, Fault, clock};
use client::{Client, Place};
use domain::delivery::Status;
use domain::time::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use store::Store;
use tokio::process::{Child, Command};

/// Everything is accepted and fanned out this long before it is due.
const ACCEPT_PER_SECOND_MIN: usize = 100;
const FINISH_WITHIN: Duration = Duration::from_secs(300);
const START_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Calls of the API at once.
const ACCEPTING: usize = 16;

/// What `postfleet bench publish` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// How many posts.
    #[arg(long, default_value_t = 2000)]
    posts: usize,
    /// On how many accounts.
    #[arg(long, default_value_t = 50)]
    accounts: usize,
    /// How long the simulated platform takes for an answer.
    #[arg(long, default_value_t = 50)]
    delay_ms: u64,
    /// One line of JSON.
    #[arg(long)]
    json: bool,
}

/// What the fleet wrote down of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    sim_url: String,
    postgres_url: String,
    pids: Pids,
}

#[derive(Deserialize)]
struct Pids {
    postgres: u32,
    redis: u32,
}

/// Runs the fleet and the bare loop, one after the other, on the same simulator.
///
/// # Errors
/// When the fleet does not start, refuses a post, or does not finish.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let folder = std::env::temp_dir().join(format!("postfleet-bench-{}", base::rng::uuid()));
    let mut fleet = start(&folder, arguments)?;
    let measured = measure(arguments, &folder, &fleet).await;
    stop(&mut fleet).await;
    let figures = measured?;
    if arguments.json {
        say(figures);
    } else {
        say(format_args!("{figures:#}"));
    }
    Ok(())
}

fn start(folder: &Path, arguments: &Arguments) -> Result<Child, Fault> {
    Command::new(std::env::current_exe()?)
        .args(["dev", "--temporary", "--data"])
        .arg(folder)
        .args(["--delay-ms", &arguments.delay_ms.to_string()])
        .env("POSTFLEET_LOG", "warn")
        // What waits for longer than a minute would leave apart from the others of its account.
        .env("POSTFLEET__PLATFORMS__X__CATCH_UP_GAP_S", "0")
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("starting the fleet")
}

/// Ends the fleet as an operator would, so that it takes its servers and files with it.
async fn stop(fleet: &mut Child) {
    if let Some(pid) = fleet.id() {
        let asked = Command::new("kill").arg(pid.to_string()).status().await;
        if asked.is_ok_and(|status| status.success()) {
            let _ = tokio::time::timeout(START_WITHIN, fleet.wait()).await;
        }
    }
}

async fn measure(
    arguments: &Arguments,
    folder: &Path,
    fleet: &Child,
) -> Result<serde_json::Value, Fault> {
    let place = folder.join("dev.json");
    wait("the fleet to start", START_WITHIN, async || Ok(place.exists())).await?;
    let written: Written = serde_json::from_slice(&std::fs::read(&place)?)?;
    let api = Client::new(&Place::read(&place)?)?;
    let store = Store::connect(&store::Config {
        url: written.postgres_url.clone(),
        connections_max: 1,
        ..store::Config::default()
    })
    .await?;

    let accounts = connect(&api, arguments.accounts).await?;
    let bare = Bare::new(&format!("{}/x", written.sim_url))?;
    let mut tokens = Vec::new();
    for lane in 0..arguments.accounts {
        tokens.push(bare.connect(&format!("bare{lane}")).await?);
    }
    let per_account = arguments.posts.div_ceil(arguments.accounts);
    let bare_took = bare.post(&tokens, per_account).await?;

    let ahead = arguments.posts.div_ceil(ACCEPT_PER_SECOND_MIN).max(5) as u64;
    let due = store.time().await? + Duration::from_secs(ahead);
    accept(&api, &accounts, arguments.posts, due).await?;
    let planned = async || Ok(count(&store, &[Status::Scheduled]).await? == arguments.posts);
    wait("the posts to be fanned out", Duration::from_secs(60), planned).await?;
    if store.time().await? >= due {
        return Err(Fault::new("accepting took longer than planned; run it on a quiet machine"));
    }
    let fleet = fleet.id().context("the fleet has ended")?;
    let roots = [fleet, written.pids.postgres, written.pids.redis];
    // The fleet has started the servers, so its tree holds theirs.
    let used = || roots.map(|root| cpu::of_trees(&[root]));
    // What passes idle until the due time is nobody's cost.
    let is_due = async || Ok(store.time().await? + LOOK_EVERY >= due);
    wait("the due time", Duration::from_secs(ahead + 5), is_due).await?;
    let before = used();
    let out = [Status::Published, Status::Review, Status::Failed];
    let ended = async || Ok(count(&store, &out).await? == arguments.posts);
    wait("the posts to be settled", FINISH_WITHIN, ended).await?;
    let after = used();
    let each = |place: usize| {
        let spent = after[place].saturating_sub(before[place]);
        rounded(spent.as_micros() as f64 / arguments.posts as f64)
    };

    let published = count(&store, &[Status::Published]).await?;
    let last = store.last_published_at().await?.context("nothing was published")?;
    let took = last.since(due);
    let posts_per_s = arguments.posts as f64 / took.as_secs_f64();
    let bare_posts_per_s = (per_account * arguments.accounts) as f64 / bare_took.as_secs_f64();
    Ok(json!({
        "posts": arguments.posts,
        "accounts": arguments.accounts,
        "published": published,
        "posts_per_s": rounded(posts_per_s),
        "bare_posts_per_s": rounded(bare_posts_per_s),
        "ratio": (posts_per_s / bare_posts_per_s * 1000.0).round() / 1000.0,
        "cpu_us_per_delivery": each(0),
        "postgres_cpu_us_per_delivery": each(1),
        "redis_cpu_us_per_delivery": each(2),
    }))
}

fn rounded(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}

async fn connect(api: &Client, accounts: usize) -> Result<Vec<String>, Fault> {
    api.ensure_brand("bench", "bench").await?;
    for lane in 0..accounts {
        let page = api.authorize("x", "bench", None).await?;
        api.consent(&page, Some(&format!("lane{lane}"))).await?;
    }
    Ok(api.accounts("bench").await?.into_iter().map(|account| account.id).collect())
}

async fn accept(
    api: &Client,
    accounts: &[String],
    posts: usize,
    due: Timestamp,
) -> Result<(), Fault> {
    stream::iter(0..posts)
        .map(|number| async move {
            let account = accounts.get(number % accounts.len()).context("no account")?;
            let post = json!({
                "brandSlug": "bench", "text": format!("bench post {number}"),
                "accounts": [account], "scheduledAt": due,
            });
            api.post(&post, None).await?;
            Ok::<(), Fault>(())
        })
        .buffer_unordered(ACCEPTING)
        .try_collect()
        .await
}

async fn count(store: &Store, wanted: &[Status]) -> Result<usize, Fault> {
    let counts = store.deliveries_by_status().await?;
    let sum = counts.iter().filter(|(status, _)| wanted.contains(status)).map(|(_, n)| *n).sum();
    let sum: i64 = sum;
    Ok(usize::try_from(sum).unwrap_or(0))
}

async fn wait(
    what: &str,
    within: Duration,
    is_so: impl AsyncFn() -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let since = clock::stopwatch();
    while since.elapsed() < within {
        if is_so().await? {
            return Ok(());
        }
        clock::pause(LOOK_EVERY).await;
    }
    Err(Fault::new(format!("waited {within:?} for {what}")))
}
