//! `postfleet bench same-second` and `spread`: jobs that fall due together, or over a while.

use super::rig::Rig;
use super::{Common, show};
use base::{Fault, clock};
use domain::time::Timestamp;
use serde_json::json;
use std::time::Duration;

/// What both benches take.
#[derive(clap::Args)]
pub struct Arguments {
    /// How many jobs.
    #[arg(long, default_value_t = 20_000)]
    jobs: u64,
    /// Over how many seconds they fall due; 0: all at the same instant.
    #[arg(long, default_value_t = 0)]
    over_s: u64,
    /// Further jobs that wait for tomorrow beside them.
    #[arg(long, default_value_t = 0)]
    deferred: u64,
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
    let Arguments { jobs, over_s, deferred, common } = arguments;
    let tomorrow = clock::now() + Duration::from_secs(86_400);
    rig.push(common, (0..*deferred).map(|n| (u64::from(u32::MAX) + n, 0, tomorrow))).await?;
    let workers = rig.workers(common, &[]).await?;
    let ahead = Duration::from_secs(3 + jobs / 20_000);
    let start = (clock::now() + ahead).ms();
    let due = |number: u64| {
        let after = number * over_s * 1_000 / jobs;
        Timestamp::from_ms(start + i64::try_from(after).unwrap_or(0))
    };
    rig.push(common, (0..*jobs).map(|n| (n, due(n).ms() * 1_000, due(n)))).await?;
    if clock::now().ms() >= start {
        return Err(Fault::new("pushing took longer than planned; run it on a quiet machine"));
    }
    let end = Timestamp::from_ms(start) + Duration::from_secs(*over_s);
    clock::pause(end.since(clock::now())).await;
    let since = clock::stopwatch();
    while rig.queue.depth(super::worker::QUEUE).await? > *deferred {
        if since.elapsed() > Duration::from_secs(120) {
            return Err(Fault::new("the jobs were not taken in time"));
        }
        clock::pause(Duration::from_millis(20)).await;
    }
    let report = workers.end().await?;
    let count = usize::try_from(*jobs).unwrap_or(usize::MAX);
    Ok(json!({
        "jobs": jobs,
        "over_s": over_s,
        "deferred": deferred,
        "p50_ms": report.late_ms(0.5),
        "p99_ms": report.late_ms(0.99),
        "last_ms": report.late_ms(1.0),
        "early": report.early(),
        "lost": report.lost(count),
        "twice": report.twice(),
        "script_max_ms": rig.script_max_ms().await?,
    }))
}
