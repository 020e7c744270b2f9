//! `postfleet bench rebuild`: a wiped Redis is filled again from Postgres by a relay.

use super::rig::{Rig, arm};
use super::worker::QUEUE;
use super::{Common, rounded, show};
use base::{Fault, clock};
use serde_json::json;
use std::time::Duration;

/// Jobs of one transaction.
const BATCH: u64 = 1_000;
const REBUILT_WITHIN: Duration = Duration::from_secs(600);

/// What `postfleet bench rebuild` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// How many jobs.
    #[arg(long, default_value_t = 100_000)]
    jobs: u64,
    #[command(flatten)]
    common: Common,
}

/// Measures.
///
/// # Errors
/// A server or the relay fails.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let rig = Rig::start().await?;
    let figures = measure(arguments, &rig).await;
    rig.end().await?;
    show(&arguments.common, &figures?)
}

async fn measure(arguments: &Arguments, rig: &Rig) -> Result<serde_json::Value, Fault> {
    let Arguments { jobs, common } = arguments;
    // Overdue, and nobody works: all of them belong into Redis.
    let due = clock::now() - Duration::from_secs(10);
    let mut first = 0;
    while first < *jobs {
        let upto = (first + BATCH).min(*jobs);
        let arms: Vec<_> = (first..upto).map(|number| arm(common, number, due)).collect();
        rig.store.arm_jobs(&arms).await?;
        first = upto;
    }
    let mut relay = rig.relay("relay").await?;
    filled(rig, *jobs).await?;
    queue::measure::wipe(&rig.queue).await?;
    let wiped = clock::stopwatch();
    filled(rig, *jobs).await?;
    let took = wiped.elapsed();
    relay.kill().await?;
    Ok(json!({
        "jobs": jobs,
        "recovered_s": rounded(took.as_secs_f64()),
        "jobs_per_s": rounded(*jobs as f64 / took.as_secs_f64()),
        "lost": *jobs - rig.queue.depth(QUEUE).await?,
        "script_max_ms": rig.script_max_ms().await?,
    }))
}

/// Waits until every job waits in Redis.
async fn filled(rig: &Rig, jobs: u64) -> Result<(), Fault> {
    let since = clock::stopwatch();
    while rig.queue.depth(QUEUE).await? < jobs {
        if since.elapsed() > REBUILT_WITHIN {
            return Err(Fault::new("Redis was not filled in time"));
        }
        clock::pause(Duration::from_millis(50)).await;
    }
    Ok(())
}
