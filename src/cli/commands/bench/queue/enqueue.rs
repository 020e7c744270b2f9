//! `postfleet bench enqueue`: jobs written durably into Postgres, many in a transaction.

use super::rig::{Rig, arm};
use super::{Common, rounded, show};
use base::{Fault, clock};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use std::time::Duration;

/// Jobs of one transaction.
const BATCH: u64 = 500;
/// Transactions at once.
const PARALLEL: usize = 4;

/// What `postfleet bench enqueue` takes.
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
/// Postgres fails.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let rig = Rig::start().await?;
    let figures = measure(arguments, &rig).await;
    rig.end().await?;
    show(&arguments.common, &figures?)
}

async fn measure(arguments: &Arguments, rig: &Rig) -> Result<serde_json::Value, Fault> {
    let Arguments { jobs, common } = arguments;
    let due = clock::now() + Duration::from_secs(86_400);
    let began = clock::stopwatch();
    stream::iter((0..*jobs).step_by(usize::try_from(BATCH).unwrap_or(500)))
        .map(|first| async move {
            let upto = (first + BATCH).min(*jobs);
            let arms: Vec<_> = (first..upto).map(|number| arm(common, number, due)).collect();
            rig.store.arm_jobs(&arms).await.map(|_| ())
        })
        .buffer_unordered(PARALLEL)
        .try_collect::<()>()
        .await?;
    Ok(json!({
        "jobs": jobs,
        "enqueued_per_s": rounded(*jobs as f64 / began.elapsed().as_secs_f64()),
    }))
}
