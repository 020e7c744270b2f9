//! `postfleet bench schedule`: posts that fall due beside a great many that are due later, from
//! their due time to the instant at which the irreversible call would leave.
//!
//! Everything is real but the platform: rows of posts, deliveries and jobs, relay and sweep in a
//! process of their own, the queue, and workers that load, intend and settle.

mod cron;
mod field;
pub mod publisher;

use super::queue::rig::{Report, Rig, Workers};
use super::queue::worker::Record;
use super::queue::{Common, rounded, show};
use base::{Fault, clock};
use domain::delivery::Status;
use domain::time::Timestamp;
use field::{Field, Part, QUEUES};
use serde_json::{Map, Value, json};
use std::time::Duration;
use uuid::Uuid;

/// The posts beside fall due for so many seconds at most before those of one second, and as long
/// after.
const BESIDE_S_MAX: u64 = 10;
/// Rows are sown at this pace at least, or the machine is too busy to measure on.
const SOWN_PER_S_MIN: u64 = 4_000;
/// Between the last row and the first due time: a relay starts, and fills Redis.
const LEAD: Duration = Duration::from_secs(4);
/// From the last due time to the last settle, at most.
const DRAINED_WITHIN: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Jobs of one walk of the relay, and of the sweep.
const WALKS: [i64; 2] = [500, 5_000];

/// What `postfleet bench schedule` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Posts that are due from tomorrow on, one a second.
    #[arg(long, default_value_t = 100_000)]
    deferred: u64,
    /// Posts that fall due in each second.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,
    /// For so many seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Further posts that fall due at one instant after that, beside those of another platform.
    #[arg(long, default_value_t = 0)]
    same_second: u64,
    #[command(flatten)]
    common: Common,
}

/// When everything is due.
#[derive(Clone, Copy)]
pub struct Plan {
    starts_at: Timestamp,
    /// The first post of the platform beside.
    beside_at: Timestamp,
    beside_s: u64,
    burst_at: Timestamp,
    ends_at: Timestamp,
}

impl Plan {
    fn of(arguments: &Arguments, starts_at: Timestamp) -> Self {
        let steady = Duration::from_secs(arguments.seconds);
        let beside_s = arguments.seconds.min(BESIDE_S_MAX);
        let beside = Duration::from_secs(beside_s);
        // Whatever the steady posts have left behind is done by then.
        let beside_at = starts_at + steady + Duration::from_secs(1);
        let burst_at = beside_at + beside;
        let ends_at =
            if arguments.same_second > 0 { burst_at + beside } else { starts_at + steady };
        Self { starts_at, beside_at, beside_s, burst_at, ends_at }
    }
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

async fn measure(arguments: &Arguments, rig: &Rig) -> Result<Value, Fault> {
    let common = &arguments.common;
    let field = Field::new(common.lanes, rig).await?;
    let queues = QUEUES.join(",");
    let extra = ["--postgres", rig.postgres_url(), "--queues", &queues];
    let workers = rig.processes("publisher", common, &extra).await?;
    let mut figures = far(arguments, rig, &field).await?;

    let near = arguments.rate * arguments.seconds + arguments.same_second;
    let starts_at = rig.store.time().await? + Duration::from_secs(1 + near / SOWN_PER_S_MIN) + LEAD;
    let plan = Plan::of(arguments, starts_at);
    field.sow_near(arguments, rig, plan).await?;
    rig.store.survey().await?;
    let empty = rig.used_memory().await?;
    let mut relay = rig.relay("relay,sweep").await?;
    let bytes_per_job = inside(rig, plan, empty).await?;
    let report = drained(rig, plan, workers).await?;
    relay.kill().await?;

    figures.append(&mut lateness(arguments, plan, &report));
    let counts = rig.store.deliveries_by_status().await?;
    let published = counts.iter().find(|(status, _)| *status == Status::Published);
    figures.insert("published".to_owned(), json!(published.map_or(0, |(_, count)| *count)));
    figures.insert("redis_bytes_per_job".to_owned(), json!(bytes_per_job));
    figures.insert("script_max_ms".to_owned(), json!(rig.script_max_ms().await?));
    Ok(figures.into())
}

/// Sows what is due later, and looks at what it costs: Redis, and those who walk past it.
async fn far(arguments: &Arguments, rig: &Rig, field: &Field) -> Result<Map<String, Value>, Fault> {
    let mut relay = rig.relay("relay,sweep").await?;
    // Its first walk finds nothing; Redis then holds what a fleet at rest does.
    clock::pause(Duration::from_secs(1)).await;
    let empty = rig.used_memory().await?;
    let now = rig.store.time().await?;
    let sowing = clock::stopwatch();
    field.sow_far(rig, arguments.deferred, now + Duration::from_secs(86_400)).await?;
    let took = sowing.elapsed();
    rig.store.survey().await?;
    // The relay walks twice a second while nothing is due.
    clock::pause(Duration::from_millis(1_500)).await;
    let held = rig.used_memory().await?;
    let waiting = rig.queue.depth(QUEUES[0]).await?;
    relay.kill().await?;
    let [relayed, swept] = WALKS;
    let walk = async || {
        rig.store.jobs_due(0, now, Uuid::nil(), app::HORIZON, relayed).await.map(|jobs| jobs.len())
    };
    let sweep = async || {
        let overdue = Duration::from_secs(5);
        let jobs = rig.store.jobs_to_sweep(0, overdue, app::HORIZON, swept).await;
        jobs.map(|jobs| jobs.len())
    };
    let each = held.saturating_sub(empty) as f64 / arguments.deferred.max(1) as f64;
    let figures = json!({
        "deferred": arguments.deferred,
        "sown_per_s": rounded(arguments.deferred as f64 / took.as_secs_f64()),
        "deferred_in_redis": waiting,
        "redis_bytes_per_deferred_job": (each * 100.0).round() / 100.0,
        "relay_walk_ms": median_ms(walk).await?,
        "sweep_walk_ms": median_ms(sweep).await?,
    });
    Ok(figures.as_object().cloned().unwrap_or_default())
}

/// How long a statement takes, the median of five times, in milliseconds.
async fn median_ms(run: impl AsyncFn() -> Result<usize, Fault>) -> Result<f64, Fault> {
    let mut took = [0.0; 5];
    for one in &mut took {
        let since = clock::stopwatch();
        run().await?;
        *one = since.elapsed().as_secs_f64() * 1_000.0;
    }
    took.sort_unstable_by(f64::total_cmp);
    Ok((took[2] * 100.0).round() / 100.0)
}

/// Waits until just before the first due time: by then the relay has told Redis of all that falls
/// due within the horizon. What a job costs there.
async fn inside(rig: &Rig, plan: Plan, empty: u64) -> Result<f64, Fault> {
    let left = plan.starts_at.since(rig.store.time().await?);
    if left < LEAD / 2 {
        return Err(Fault::new("sowing took longer than planned; run it on a quiet machine"));
    }
    clock::pause(left.saturating_sub(LOOK_EVERY * 10)).await;
    let depth = rig.queue.depth(QUEUES[0]).await? + rig.queue.depth(QUEUES[1]).await?;
    let held = rig.used_memory().await?.saturating_sub(empty);
    Ok(rounded(held as f64 / depth.max(1) as f64))
}

/// Waits until everything that has fallen due is settled; what the workers wrote down.
async fn drained(rig: &Rig, plan: Plan, workers: Workers) -> Result<Report, Fault> {
    clock::pause(plan.ends_at.since(rig.store.time().await?)).await;
    let since = clock::stopwatch();
    let owed = async || {
        let first = Timestamp::from_ms(0);
        rig.store.jobs_due(0, first, Uuid::nil(), Duration::ZERO, 1).await.map(|jobs| jobs.len())
    };
    while owed().await? > 0 {
        if since.elapsed() > DRAINED_WITHIN {
            return Err(Fault::new(format!("posts still wait after {DRAINED_WITHIN:?}")));
        }
        clock::pause(LOOK_EVERY).await;
    }
    workers.end().await
}

/// How late the calls left, beside what a cron would have made of the same due times.
fn lateness(arguments: &Arguments, plan: Plan, report: &Report) -> Map<String, Value> {
    let part = |wanted: Part| part(report, |record| Part::of(record.number) == wanted);
    let (steady, burst) = (part(Part::Steady), part(Part::Burst));
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let jobs = arguments.rate * arguments.seconds;
    let per_s = burst.records.len() as f64 / burst.took().as_secs_f64();
    let per_s = (arguments.same_second > 1).then_some(per_s);
    let mut figures = json!({
        "measured": "from the due time until the intent is committed and the call would leave",
        "rate": arguments.rate,
        "seconds": arguments.seconds,
        "jobs": jobs,
        "p50_ms": steady.late_ms(0.5),
        "p99_ms": steady.late_ms(0.99),
        "max_ms": steady.late_ms(1.0),
        "early": report.early(),
        "lost": steady.lost(count(jobs)) + burst.lost(count(arguments.same_second)),
        "twice": report.twice(),
        "minute_cron": minute_cron(&steady, per_s),
    });
    if arguments.same_second > 0 {
        let beside = |is_after: bool| {
            let burst_us = plan.burst_at.ms() * 1_000;
            self::part(report, |record| {
                Part::of(record.number) == Part::Beside && (record.about_us >= burst_us) == is_after
            })
        };
        figures["same_second"] = json!({
            "jobs": arguments.same_second,
            "first_ms": burst.late_ms(0.0),
            "last_ms": burst.late_ms(1.0),
            "jobs_per_s": per_s.map(rounded),
            "beside_before_p99_ms": beside(false).late_ms(0.99),
            "beside_after_p99_ms": beside(true).late_ms(0.99),
        });
    }
    figures.as_object().cloned().unwrap_or_default()
}

fn part(report: &Report, is_part: impl Fn(&Record) -> bool) -> Report {
    Report { records: report.records.iter().copied().filter(is_part).collect() }
}

/// Started by a poller that wakes at each full minute, as fast as these workers drain, or at once
/// where that was not measured.
fn minute_cron(steady: &Report, per_s: Option<f64>) -> Value {
    let mut due_ms: Vec<i64> = steady.records.iter().map(|r| r.about_us / 1_000).collect();
    due_ms.sort_unstable();
    let mut late = cron::late_ms(&due_ms, per_s);
    late.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let place = ((late.len() as f64 * share) as usize).min(late.len().saturating_sub(1));
        rounded(late.get(place).copied().unwrap_or(0.0))
    };
    json!({
        "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0), "jobs_per_s": per_s.map(rounded),
    })
}
