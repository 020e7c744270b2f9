//! `postfleet bench idle`: what a worker process in all roles costs while there is nothing to do.

use super::cpu;
use super::queue::rig::Rig;
use crate::say::say;
use base::{Context, Fault, clock};
use serde_json::json;
use std::fs;
use std::time::Duration;

/// What a process does once, when it starts.
const SETTLES: Duration = Duration::from_secs(10);

/// What `postfleet bench idle` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// For how long it is looked at.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(5..))]
    seconds: u64,
    /// One line of JSON.
    #[arg(long)]
    json: bool,
}

/// Starts private servers and one worker, and looks at the processor time that all of them take.
///
/// # Errors
/// When a server or the worker does not start, or the worker ends.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let rig = Rig::start().await?;
    let measured = measure(&rig, arguments.seconds).await;
    rig.end().await?;
    let figures = measured?;
    say(if arguments.json { figures.to_string() } else { format!("{figures:#}") });
    Ok(())
}

async fn measure(rig: &Rig, seconds: u64) -> Result<serde_json::Value, Fault> {
    let mut worker = rig.work()?;
    let pid = worker.id().context("the worker has ended")?;
    clock::pause(SETTLES).await;
    let spent = || [cpu::of_trees(&[pid]), rig.redis_cpu(), rig.postgres_cpu()];
    let (since, before) = (clock::stopwatch(), spent());
    clock::pause(Duration::from_secs(seconds)).await;
    let (took, after) = (since.elapsed(), spent());
    if let Some(status) = worker.try_wait()? {
        return Err(Fault::new(format!("the worker ended with {status}")));
    }
    let percent = |place: usize| {
        let share = (after[place] - before[place]).as_secs_f64() / took.as_secs_f64();
        (share * 10_000.0).round() / 100.0
    };
    Ok(json!({
        "cpu_percent": percent(0),
        "rss_mb": resident_mb(pid)?,
        "redis_cpu_percent": percent(1),
        "postgres_cpu_percent": percent(2),
        "seconds": seconds,
    }))
}

/// The memory of a process that is really there.
fn resident_mb(pid: u32) -> Result<f64, Fault> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    Ok((kb.context("reading the memory of the worker")? / 102.4).round() / 10.0)
}
