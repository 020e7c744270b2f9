//! The worker process of a bench: runs no-op jobs and writes down when each one started.
//!
//! A job's subject carries its number and an instant of interest (its due time, or when it was
//! pushed), so a record needs no look-up.

use super::super::cpu;
use crate::say::say;
use base::batch::Batcher;
use base::{Context, Fault, clock, shutdown};
use futures::FutureExt;
use queue::{Claimed, Gate, Outcome, Queue, WorkerOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::Store;
use store::jobs::JobKind;
use uuid::Uuid;

/// The queue of every bench.
pub const QUEUE: &str = "publish:bench";
/// Settles of one statement at most.
const SETTLE_MAX: usize = 512;

/// What the hidden command `bench worker` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Redis.
    #[arg(long)]
    redis: String,
    /// Postgres, when a job is settled there before it is acknowledged.
    #[arg(long)]
    postgres: Option<String>,
    /// Jobs at once.
    #[arg(long)]
    concurrency: usize,
    /// How long a job takes.
    #[arg(long, default_value_t = 0)]
    work_ms: u64,
    /// This lane is refused by its platform each time, and its gate closes.
    #[arg(long)]
    limited: Option<String>,
    /// For so long.
    #[arg(long, default_value_t = 1_000)]
    window_ms: u64,
    /// Where the records go at the end.
    #[arg(long)]
    records: PathBuf,
}

/// One start: the job's number, its instant of interest and the start, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Which job.
    pub number: u64,
    /// Its due time, or when it was pushed.
    pub about_us: i64,
    /// When its handler started.
    pub started_us: i64,
}

/// The subject of a job.
pub fn subject(number: u64, about_us: i64) -> Uuid {
    let bits = u128::from(number) << 64 | u128::from(about_us.unsigned_abs());
    Uuid::from_u128(bits)
}

impl Record {
    /// A job that starts now.
    pub fn of(claimed: &Claimed) -> Self {
        let (number, about) = claimed.subject.as_u64_pair();
        let about_us = i64::try_from(about).unwrap_or(i64::MAX);
        Self { number, about_us, started_us: clock::now_us() }
    }

    /// Reads what a worker wrote.
    pub fn read_all(bytes: &[u8]) -> Vec<Self> {
        let number = |bytes: &[u8]| bytes.try_into().map(i64::from_le_bytes).unwrap_or_default();
        let record = |bytes: &[u8]| Self {
            number: number(&bytes[..8]).unsigned_abs(),
            about_us: number(&bytes[8..16]),
            started_us: number(&bytes[16..24]),
        };
        bytes.chunks_exact(24).map(record).collect()
    }

    fn write(self, to: &mut Vec<u8>) {
        for number in [self.number.cast_signed(), self.about_us, self.started_us] {
            to.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// Works until a signal, then writes the records.
///
/// # Errors
/// A server cannot be reached, or the disk refuses.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let shutdown = shutdown::on_signal()?;
    let config = queue::Config { url: arguments.redis.clone(), ..queue::Config::default() };
    let queue = Queue::connect(&config).await?;
    let settles = match &arguments.postgres {
        Some(url) => Some(settles(url).await?),
        None => None,
    };
    let records: Arc<Mutex<Vec<Record>>> = Arc::default();
    let notes = Arc::clone(&records);
    let work = Duration::from_millis(arguments.work_ms);
    let options = WorkerOptions::new(QUEUE, arguments.concurrency);
    let limited: Option<Arc<str>> = arguments.limited.as_deref().map(Into::into);
    let window = Duration::from_millis(arguments.window_ms);
    let gates = queue.clone();
    let handler = move |claimed: Claimed| {
        let refusal = limited.as_ref().filter(|lane| **lane == claimed.lane);
        let refusal = refusal.map(|_| (gates.clone(), window));
        notes.lock().unwrap_or_else(PoisonError::into_inner).push(Record::of(&claimed));
        let settles = settles.clone();
        async move {
            if let Some((gates, window)) = refusal {
                return refused(&gates, &claimed, window).await;
            }
            if !work.is_zero() {
                clock::pause(work).await;
            }
            match settles {
                None => Outcome::Done,
                Some(settles) => match settles.call((claimed.subject, claimed.generation)).await {
                    Ok(()) => Outcome::Done,
                    Err(_) => Outcome::Release,
                },
            }
        }
    };
    say("ready");
    queue::run(queue, options, shutdown, handler).await;
    let records = records.lock().unwrap_or_else(PoisonError::into_inner).clone();
    write(&arguments.records, records)?;
    // The processor time of this very process, before it ends and cannot be asked any more.
    say(format_args!("cpu_us {}", cpu::of_trees(&[std::process::id()]).as_micros()));
    Ok(())
}

/// Writes what a worker noted, as [`Record::read_all`] reads it.
///
/// # Errors
/// The disk refuses.
pub fn write(to: &Path, records: Vec<Record>) -> Result<(), Fault> {
    let mut bytes = Vec::with_capacity(records.len() * 24);
    records.into_iter().for_each(|record| record.write(&mut bytes));
    let mut file = std::fs::File::create(to).context("writing the records")?;
    file.write_all(&bytes).context("writing the records")
}

/// A platform's limit: the gate of the account closes, and the job waits behind it.
async fn refused(gates: &Queue, claimed: &Claimed, window: Duration) -> Outcome {
    let until = clock::now() + window;
    let gate = Gate { scope_key: format!("account:{}", claimed.lane), until };
    match gates.close_gate(&gate).await {
        Ok(()) => Outcome::ReleaseFor(window),
        Err(_) => Outcome::Release,
    }
}

async fn settles(url: &str) -> Result<Arc<Batcher<(Uuid, i64), ()>>, Fault> {
    let config = store::Config { url: url.to_owned(), ..store::Config::default() };
    let store = Store::connect(&config).await?;
    Ok(Arc::new(Batcher::spawn("settle", SETTLE_MAX, 2, move |done| {
        let store = store.clone();
        async move {
            let count = done.len();
            store.finish_jobs(JobKind::Publish, &done).await?;
            Ok(vec![(); count])
        }
        .boxed()
    })))
}
