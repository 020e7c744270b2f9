//! `postfleet bench memory`: what a waiting job costs in Redis, and a worker at rest.

use super::rig::Rig;
use super::{Common, rounded, show};
use base::{Fault, clock};
use serde_json::json;
use std::time::Duration;

/// What `postfleet bench memory` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// How many jobs wait.
    #[arg(long, default_value_t = 200_000)]
    jobs: u64,
    #[command(flatten)]
    common: Common,
}

/// Measures.
///
/// # Errors
/// A server or a worker fails.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let rig = Rig::start().await?;
    let figures = measure(arguments, &rig).await;
    rig.end().await?;
    show(&arguments.common, &figures?)
}

async fn measure(arguments: &Arguments, rig: &Rig) -> Result<serde_json::Value, Fault> {
    let Arguments { jobs, common } = arguments;
    let empty = rig.used_memory().await?;
    let tomorrow = clock::now() + Duration::from_secs(86_400);
    rig.push(common, (0..*jobs).map(|number| (number, 0, tomorrow))).await?;
    let full = rig.used_memory().await?;
    // A hundred jobs of a second each are under way when the worker is looked at.
    let workers = rig.workers(common, &["--work-ms", "3000"]).await?;
    let past = clock::now() - Duration::from_secs(1);
    let first = u64::from(u32::MAX);
    let many = u64::try_from(common.concurrency).unwrap_or(100);
    rig.push(common, (0..many).map(|number| (first + number, 0, past))).await?;
    clock::pause(Duration::from_secs(1)).await;
    let rss_mb = workers.rss_mb();
    workers.end().await?;
    Ok(json!({
        "jobs": jobs,
        "lanes": common.lanes,
        "bytes_per_job": rounded(full.saturating_sub(empty) as f64 / *jobs as f64),
        "rss_mb": rounded(rss_mb),
    }))
}
