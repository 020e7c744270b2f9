//! `postfleet bench drain`: many no-op jobs that are due at once, taken by several processes.

use super::rig::{self, Rig};
use super::{Common, rounded, show};
use base::{Fault, clock};
use domain::time::Timestamp;
use queue::Gate;
use serde_json::json;
use std::time::Duration;

/// What `postfleet bench drain` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// How many jobs.
    #[arg(long, default_value_t = 200_000)]
    jobs: u64,
    /// `redis`: the queue alone. `postgres`: each job is settled there before it is acknowledged.
    #[arg(long, default_value = "redis", value_parser = ["redis", "postgres"])]
    truth: String,
    /// So many further accounts have a job each behind a closed gate.
    #[arg(long, default_value_t = 0)]
    closed: u32,
    /// So many further accounts have a job each that is due in an hour.
    #[arg(long, default_value_t = 0, conflicts_with = "closed")]
    later: u32,
    #[command(flatten)]
    common: Common,
}

/// Drains.
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
    let Arguments { jobs, truth, common, closed, later } = arguments;
    let is_settled = truth == "postgres";
    // All are due at one instant, after the last one was pushed.
    let ahead = Duration::from_secs(2 + jobs / if is_settled { 10_000 } else { 20_000 });
    let due = Timestamp::from_ms((clock::now() + ahead).ms());
    let enqueued = clock::stopwatch();
    if is_settled {
        arm(rig, arguments, due).await?;
    } else {
        rig.push(common, (0..*jobs).map(|number| (number, due.ms() * 1_000, due))).await?;
    }
    let enqueued = enqueued.elapsed();
    beside(rig, arguments, due).await?;
    let extra = ["--postgres", rig.postgres_url()];
    let workers = rig.workers(common, if is_settled { &extra } else { &[] }).await?;
    if clock::now() >= due {
        return Err(Fault::new("pushing took longer than planned; run it on a quiet machine"));
    }
    clock::pause(due.since(clock::now())).await;
    let before = rig.spent(&workers);
    rig.drained(u64::from(closed + later), Duration::from_secs(600)).await?;
    let after = rig.spent(&workers);
    let rss_mb = workers.rss_mb();
    let report = workers.end().await?;
    let count = usize::try_from(*jobs).unwrap_or(usize::MAX);
    let [worker, redis, postgres] = after.us_per_job(before, count);
    Ok(json!({
        "jobs": jobs,
        "truth": truth,
        "processes": common.processes,
        "lanes": common.lanes,
        "closed": closed,
        "later": later,
        "jobs_per_s": rounded(*jobs as f64 / report.took().as_secs_f64()),
        "enqueued_per_s": rounded(*jobs as f64 / enqueued.as_secs_f64()),
        "cpu_us_per_job": rounded(worker + redis + if is_settled { postgres } else { 0.0 }),
        "worker_cpu_us_per_job": rounded(worker),
        "redis_cpu_us_per_job": rounded(redis),
        "postgres_cpu_us_per_job": rounded(postgres),
        "rss_mb": rounded(rss_mb),
        "script_max_ms": rig.script_max_ms().await?,
        "early": report.early(),
        "lost": report.lost(count),
        "twice": report.twice(),
    }))
}

/// Further accounts with a job each: behind a closed gate, or due in an hour.
async fn beside(rig: &Rig, arguments: &Arguments, due: Timestamp) -> Result<(), Fault> {
    let until = due + Duration::from_secs(3_600);
    let more = arguments.closed + arguments.later;
    let wider = Common { lanes: arguments.common.lanes + more, ..arguments.common };
    for lane in arguments.common.lanes..wider.lanes {
        let number = u64::from(lane);
        let starts = if arguments.later > 0 { until } else { due };
        let job = rig::wakeup(&wider, number, starts.ms() * 1_000, starts);
        if arguments.closed > 0 {
            let scope_key = format!("account:{}", job.lane);
            rig.queue.close_gate(&Gate { scope_key, until }).await?;
        }
        rig.queue.push(&[job]).await?;
    }
    Ok(())
}

/// Writes the jobs into Postgres and tells Redis of them, as accepting does.
async fn arm(rig: &Rig, arguments: &Arguments, due: Timestamp) -> Result<(), Fault> {
    let mut number = 0;
    while number < arguments.jobs {
        let upto = (number + 500).min(arguments.jobs);
        let arms = (number..upto).map(|number| rig::arm(&arguments.common, number, due));
        let jobs = rig.store.arm_jobs(&arms.collect::<Vec<_>>()).await?;
        let wakeups = jobs.into_iter().map(|job| queue::Wakeup {
            queue: job.queue,
            subject: job.subject,
            generation: job.generation,
            shard: 0,
            group: job.group,
            lane: job.lane,
            due_at: job.due_at,
        });
        rig.queue.push(&wakeups.collect::<Vec<_>>()).await?;
        number = upto;
    }
    Ok(())
}
