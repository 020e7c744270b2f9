//! `postfleet bench crash`: a worker dies with jobs in flight, and another one takes them.

use super::rig::Rig;
use super::{Common, rounded, show};
use base::{Fault, clock};
use serde_json::json;
use std::time::Duration;

/// What `postfleet bench crash` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Jobs under way when the worker dies.
    #[arg(long, default_value_t = 100)]
    in_flight: u64,
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
    let Arguments { in_flight, common } = arguments;
    let one = Common {
        processes: 1,
        concurrency: usize::try_from(*in_flight).unwrap_or(100),
        lanes: common.lanes,
        json: common.json,
    };
    // Longer than anything here: none of them ends before the worker dies.
    let doomed = rig.workers(&one, &["--work-ms", "600000"]).await?;
    let past = clock::now() - Duration::from_secs(1);
    rig.push(&one, (0..*in_flight).map(|number| (number, past.ms() * 1_000, past))).await?;
    rig.drained(0, Duration::from_secs(10)).await?;
    doomed.kill().await?;
    let died = clock::stopwatch();
    let died_us = clock::now_us();
    let heirs = rig.workers(&one, &[]).await?;
    // What a dead process holds does not wait; so the heirs' records tell.
    clock::pause(Duration::from_secs(15).saturating_sub(died.elapsed())).await;
    let report = heirs.end().await?;
    let last_us = report.records.iter().map(|record| record.started_us).max().unwrap_or(died_us);
    let count = usize::try_from(*in_flight).unwrap_or(usize::MAX);
    Ok(json!({
        "in_flight": in_flight,
        "recovered_s": rounded((last_us - died_us) as f64 / 1_000_000.0),
        "lost": report.lost(count),
        "twice": report.twice(),
    }))
}
