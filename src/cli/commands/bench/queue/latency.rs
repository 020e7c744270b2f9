//! `postfleet bench latency`: from the push of a job to the start of its handler, at a steady rate.

use super::rig::{Rig, arm, wakeup};
use super::{Common, rounded, show};
use base::{Fault, clock};
use serde_json::json;
use std::time::Duration;

/// What `postfleet bench latency` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Jobs a second.
    #[arg(long, default_value_t = 200)]
    rate: u64,
    /// `redis`: from the push on. `postgres`: from the commit on, which comes before the push.
    #[arg(long, default_value = "redis", value_parser = ["redis", "postgres"])]
    truth: String,
    /// For so many seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
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
    let Arguments { rate, seconds, common, truth } = arguments;
    let workers = rig.workers(common, &[]).await?;
    let jobs = rate * seconds;
    let before = rig.spent(&workers);
    let began = clock::stopwatch();
    for number in 0..jobs {
        let at = Duration::from_micros(number * 1_000_000 / rate);
        clock::pause(at.saturating_sub(began.elapsed())).await;
        // Due in the past: now, whatever the clocks say.
        let due = clock::now() - Duration::from_secs(1);
        if truth == "postgres" {
            rig.store.arm_jobs(&[arm(common, number, due)]).await?;
        }
        rig.queue.push(&[wakeup(common, number, clock::now_us(), due)]).await?;
    }
    rig.drained(0, Duration::from_secs(10)).await?;
    let after = rig.spent(&workers);
    let report = workers.end().await?;
    let count = usize::try_from(jobs).unwrap_or(usize::MAX);
    let [worker, redis, _] = after.us_per_job(before, count);
    Ok(json!({
        "truth": truth,
        "rate": rate,
        "jobs": jobs,
        "p50_ms": report.late_ms(0.5),
        "p99_ms": report.late_ms(0.99),
        "max_ms": report.late_ms(1.0),
        "worker_cpu_us_per_job": rounded(worker),
        "redis_cpu_us_per_job": rounded(redis),
        "lost": report.lost(count),
        "twice": report.twice(),
    }))
}
