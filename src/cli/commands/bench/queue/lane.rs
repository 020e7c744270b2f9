//! `postfleet bench lane`: one account is limited while others drain, against a run without it.

use super::rig::{Rig, wakeup};
use super::{Common, rounded, show};
use base::{Fault, clock};
use domain::time::Timestamp;
use serde_json::json;
use std::time::Duration;

/// What `postfleet bench lane` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Jobs of the limited account.
    #[arg(long, default_value_t = 1_000)]
    limited: u64,
    /// Jobs of the others.
    #[arg(long, default_value_t = 10_000)]
    others: u64,
    /// How long a job of the others takes.
    #[arg(long, default_value_t = 20)]
    work_ms: u64,
    /// The limited account is refused, and its gate closes for this long.
    #[arg(long, default_value_t = 1_000)]
    window_ms: u64,
    #[command(flatten)]
    common: Common,
}

/// Measures.
///
/// # Errors
/// A server or a worker fails.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let (alone, _) = once(arguments, 0).await?;
    let (beside, calls) = once(arguments, arguments.limited).await?;
    let windows = (beside.as_millis() as f64 / arguments.window_ms as f64).ceil();
    let figures = json!({
        "limited": arguments.limited,
        "others": arguments.others,
        "alone_s": rounded(alone.as_secs_f64() * 10.0) / 10.0,
        "beside_s": rounded(beside.as_secs_f64() * 10.0) / 10.0,
        "slowdown": (beside.as_secs_f64() / alone.as_secs_f64() * 1_000.0).round() / 1_000.0,
        "calls_per_window": (calls as f64 / windows * 100.0).round() / 100.0,
    });
    show(&arguments.common, &figures)
}

/// How long the others took, and how often the limited account was tried meanwhile.
async fn once(arguments: &Arguments, limited: u64) -> Result<(Duration, usize), Fault> {
    let rig = Rig::start().await?;
    let measured = measure(arguments, limited, &rig).await;
    rig.end().await?;
    measured
}

async fn measure(
    arguments: &Arguments,
    limited: u64,
    rig: &Rig,
) -> Result<(Duration, usize), Fault> {
    let Arguments { others, work_ms, window_ms, common, .. } = arguments;
    // Lane 0 is the limited one; the others' jobs leave it out.
    let lanes = u64::from(common.lanes);
    let number_of = |n: u64| n / (lanes - 1) * lanes + 1 + n % (lanes - 1);
    let due = Timestamp::from_ms((clock::now() + Duration::from_secs(4)).ms());
    let about = due.ms() * 1_000;
    rig.push(common, (0..*others).map(|n| (number_of(n), about, due))).await?;
    let first = number_of(*others).div_ceil(lanes) * lanes;
    rig.push(common, (0..limited).map(|n| (first + n * lanes, about, due))).await?;
    let lane = wakeup(common, 0, 0, due).lane;
    let extra = ["--work-ms", &work_ms.to_string(), "--limited", &lane];
    let window = window_ms.to_string();
    let extra = [&extra[..], &["--window-ms", &window]].concat();
    let workers = rig.workers(common, &extra).await?;
    clock::pause(due.since(clock::now())).await;
    let since = clock::stopwatch();
    while rig.queue.depth(super::worker::QUEUE).await? > limited {
        if since.elapsed() > Duration::from_secs(120) {
            return Err(Fault::new("the others were not taken in time"));
        }
        clock::pause(Duration::from_millis(5)).await;
    }
    let took = since.elapsed();
    let report = workers.end().await?;
    let is_limited = |number: u64| number.is_multiple_of(lanes);
    let calls = report.records.iter().filter(|record| is_limited(record.number)).count();
    Ok((took, calls))
}
