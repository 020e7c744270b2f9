//! Private servers, worker processes, and what they cost.

use super::super::cpu;
use super::Common;
use super::worker::{QUEUE, Record, subject};
use crate::dev::{self, Private};
use base::{Context, Fault, clock, rng};
use domain::time::Timestamp;
use queue::{Queue, Wakeup};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use store::Store;
use store::jobs::{Arm, JobKind};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use uuid::Uuid;

/// Lanes of one tenant.
const LANES_OF_A_TENANT: u32 = 50;
const READY_WITHIN: Duration = Duration::from_secs(30);
const END_WITHIN: Duration = Duration::from_secs(30);
/// Jobs pushed in one call.
const PUSH_MAX: usize = 500;

/// A private Postgres and Redis with a queue in use.
pub struct Rig {
    private: Private,
    folder: PathBuf,
    /// The queue, as a pusher sees it.
    pub queue: Queue,
    /// The truth.
    pub store: Store,
}

/// Worker processes.
pub struct Workers {
    children: Vec<(Child, Lines<BufReader<ChildStdout>>, PathBuf)>,
}

/// What the workers wrote down.
pub struct Report {
    /// Every start.
    pub records: Vec<Record>,
}

/// Processor time so far: workers, Redis, Postgres.
#[derive(Debug, Clone, Copy)]
pub struct Spent([Duration; 3]);

impl Spent {
    /// Microseconds a job since an earlier look: workers, Redis, Postgres.
    pub fn us_per_job(self, before: Self, jobs: usize) -> [f64; 3] {
        let each = |place: usize| {
            let spent = self.0[place].saturating_sub(before.0[place]);
            spent.as_micros() as f64 / jobs as f64
        };
        [each(0), each(1), each(2)]
    }
}

impl Rig {
    /// Starts the servers and takes the queue into use.
    ///
    /// # Errors
    /// A server does not start.
    pub async fn start() -> Result<Self, Fault> {
        let folder = std::env::temp_dir().join(format!("postfleet-bench-{}", rng::uuid()));
        let private = dev::start(&folder).await?;
        let config = queue::Config { url: private.redis_url.clone(), ..queue::Config::default() };
        let queue = Queue::connect(&config).await?;
        for shard in 0..queue.shards() {
            queue.adopt(shard, 1, &[], &[]).await?;
        }
        let config =
            store::Config { url: private.postgres_url.clone(), ..store::Config::default() };
        let store = Store::connect(&config).await?;
        store.migrate().await?;
        Ok(Self { private, folder, queue, store })
    }

    /// Starts worker processes and waits until they listen.
    ///
    /// # Errors
    /// A process does not start.
    pub async fn workers(&self, common: &Common, extra: &[&str]) -> Result<Workers, Fault> {
        self.processes("worker", common, extra).await
    }

    /// Starts processes of a hidden command that works, and waits until they listen.
    ///
    /// # Errors
    /// A process does not start.
    pub async fn processes(
        &self,
        command: &str,
        common: &Common,
        extra: &[&str],
    ) -> Result<Workers, Fault> {
        let mut children = Vec::new();
        for number in 0..common.processes {
            let records = self.folder.join(format!("records-{number}-{}", rng::uuid()));
            let mut child = Command::new(std::env::current_exe()?)
                .args(["bench", command, "--redis", &self.private.redis_url])
                .args(["--concurrency", &common.concurrency.to_string()])
                .arg("--records")
                .arg(&records)
                .args(extra)
                .env("POSTFLEET_LOG", "warn")
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .context("starting a worker")?;
            let out = child.stdout.take().context("a worker without output")?;
            let mut lines = BufReader::new(out).lines();
            let ready = tokio::time::timeout(READY_WITHIN, lines.next_line()).await;
            if !matches!(ready, Ok(Ok(Some(line))) if line == "ready") {
                return Err(Fault::new("a worker did not get ready"));
            }
            children.push((child, lines, records));
        }
        // Their first claims find nothing; then they sleep until they are called.
        clock::pause(Duration::from_millis(300)).await;
        Ok(Workers { children })
    }

    /// A relay, or more roles, in a process of its own.
    ///
    /// # Errors
    /// It does not start.
    pub async fn relay(&self, roles: &str) -> Result<Child, Fault> {
        self.fleet()?.args(["work", "--roles", roles]).spawn().context("starting a relay")
    }

    /// A worker in all roles, in a process of its own.
    ///
    /// # Errors
    /// It does not start.
    pub fn work(&self) -> Result<Child, Fault> {
        self.fleet()?.arg("work").spawn().context("starting a worker")
    }

    /// The API alone, in a process of its own.
    ///
    /// # Errors
    /// It does not start.
    pub async fn serve(&self, at: SocketAddr) -> Result<Child, Fault> {
        self.fleet()?
            .arg("serve")
            .env("POSTFLEET__SERVER__LISTEN", at.to_string())
            .env("POSTFLEET__SERVER__PRIVATE_LISTEN", "127.0.0.1:0")
            .spawn()
            .context("starting the API")
    }

    /// A process of the fleet on these servers.
    fn fleet(&self) -> Result<Command, Fault> {
        let key_file = self.folder.join(format!("key-{}", rng::uuid()));
        vault::KeyRing::create(&key_file).context("making a key")?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .env("POSTFLEET__STORE__URL", &self.private.postgres_url)
            .env("POSTFLEET__QUEUE__URL", &self.private.redis_url)
            .env("POSTFLEET__VAULT__KEY_FILE", &key_file)
            .env("POSTFLEET__MEDIA__DIR", self.folder.join("media"))
            .env("POSTFLEET_LOG", "warn")
            .stdout(Stdio::null())
            .kill_on_drop(true);
        Ok(command)
    }

    /// Processor time so far.
    pub fn spent(&self, workers: &Workers) -> Spent {
        let pids: Vec<u32> = workers.children.iter().filter_map(|(c, ..)| c.id()).collect();
        Spent([cpu::of_trees(&pids), self.redis_cpu(), self.postgres_cpu()])
    }

    /// Processor time of Redis so far.
    pub fn redis_cpu(&self) -> Duration {
        cpu_of(self.private.state.redis.process)
    }

    /// Processor time of Postgres so far.
    pub fn postgres_cpu(&self) -> Duration {
        cpu_of(self.private.state.postgres.process)
    }

    /// Pushes jobs; the number and instant of each go into its subject.
    ///
    /// # Errors
    /// Redis refuses.
    pub async fn push(
        &self,
        common: &Common,
        jobs: impl Iterator<Item = (u64, i64, Timestamp)>,
    ) -> Result<(), Fault> {
        let mut batch = Vec::with_capacity(PUSH_MAX);
        for (number, about_us, due_at) in jobs {
            batch.push(wakeup(common, number, about_us, due_at));
            if batch.len() == PUSH_MAX {
                self.queue.push(&batch).await?;
                batch.clear();
            }
        }
        self.queue.push(&batch).await
    }

    /// Waits until nothing but so many jobs wait in the queue any more.
    ///
    /// # Errors
    /// It takes too long, or Redis is away.
    pub async fn drained(&self, but: u64, within: Duration) -> Result<(), Fault> {
        let since = clock::stopwatch();
        while self.queue.depth(QUEUE).await? > but {
            if since.elapsed() > within {
                return Err(Fault::new(format!("jobs still wait after {within:?}")));
            }
            clock::pause(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// The url of Postgres, for workers that settle there.
    pub fn postgres_url(&self) -> &str {
        &self.private.postgres_url
    }

    /// What Redis tells of itself, as `used_memory`.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn used_memory(&self) -> Result<u64, Fault> {
        queue::measure::used_memory(&self.queue).await
    }

    /// The longest script so far, in milliseconds, by Redis's own slow log.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn script_max_ms(&self) -> Result<f64, Fault> {
        queue::measure::slowest_ms(&self.queue).await
    }

    /// Ends the servers and removes everything.
    ///
    /// # Errors
    /// A server does not end.
    pub async fn end(self) -> Result<(), Fault> {
        self.store.close().await;
        self.private.remove().await
    }
}

fn cpu_of(process: Option<dev::process::Process>) -> Duration {
    cpu::of_trees(&process.map(|process| process.pid).into_iter().collect::<Vec<_>>())
}

/// The wake-up of a job: a lane after the other, each in the group of its tenant.
pub fn wakeup(common: &Common, number: u64, about_us: i64, due_at: Timestamp) -> Wakeup {
    let lane = u32::try_from(number % u64::from(common.lanes)).unwrap_or(0);
    let (account, tenant) = (uuid(lane), uuid(lane / LANES_OF_A_TENANT));
    Wakeup {
        queue: QUEUE.to_owned(),
        subject: subject(number, about_us),
        generation: 1,
        shard: 0,
        group: format!("{tenant}:bench:default"),
        lane: format!("bench:default:{account}"),
        due_at,
    }
}

/// The same job as Postgres is told of it.
pub fn arm(common: &Common, number: u64, due_at: Timestamp) -> Arm {
    let Wakeup { queue, subject, group, lane, .. } =
        wakeup(common, number, due_at.ms() * 1_000, due_at);
    let (kind, due_at) = (JobKind::Publish, Some(due_at));
    Arm { kind, queue, subject, shard: 0, group, lane, due_at }
}

fn uuid(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number) << 80 | 7)
}

impl Workers {
    /// The resident memory of the largest process, in megabytes.
    pub fn rss_mb(&self) -> f64 {
        let rss = |pid: u32| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = status.lines().find(|line| line.starts_with("VmRSS:"))?.to_owned();
            line.split_whitespace().nth(1)?.parse::<f64>().ok()
        };
        let all = self.children.iter().filter_map(|(child, ..)| rss(child.id()?));
        all.fold(0.0, f64::max) / 1024.0
    }

    /// Ends the workers as suddenly as a power cut would.
    ///
    /// # Errors
    /// The system refuses.
    pub async fn kill(self) -> Result<(), Fault> {
        for (mut child, ..) in self.children {
            child.kill().await?;
        }
        Ok(())
    }

    /// Ends the workers in good order and reads what they wrote down.
    ///
    /// # Errors
    /// A worker does not end.
    pub async fn end(self) -> Result<Report, Fault> {
        let mut records = Vec::new();
        for (child, ..) in &self.children {
            if let Some(pid) = child.id() {
                Command::new("kill").arg(pid.to_string()).status().await?;
            }
        }
        for (mut child, _, file) in self.children {
            let ended = tokio::time::timeout(END_WITHIN, child.wait()).await;
            ended.map_err(|_| Fault::new("a worker does not end"))??;
            records.extend(Record::read_all(&std::fs::read(file).unwrap_or_default()));
        }
        Ok(Report { records })
    }
}

impl Report {
    /// Jobs that were never started, out of so many.
    pub fn lost(&self, jobs: usize) -> usize {
        let seen: std::collections::HashSet<u64> = self.records.iter().map(|r| r.number).collect();
        jobs.saturating_sub(seen.len())
    }

    /// Starts beyond the first one of a job.
    pub fn twice(&self) -> usize {
        let seen: std::collections::HashSet<u64> = self.records.iter().map(|r| r.number).collect();
        self.records.len() - seen.len()
    }

    /// Starts before the instant of interest.
    pub fn early(&self) -> usize {
        self.records.iter().filter(|r| r.started_us < r.about_us).count()
    }

    /// Start minus instant of interest at a share of all starts, in milliseconds.
    pub fn late_ms(&self, share: f64) -> f64 {
        let mut late: Vec<i64> = self.records.iter().map(|r| r.started_us - r.about_us).collect();
        late.sort_unstable();
        let at = ((late.len() as f64 * share) as usize).min(late.len().saturating_sub(1));
        (late.get(at).copied().unwrap_or(0) as f64 / 10.0).round() / 100.0
    }

    /// From the first start to the last one.
    pub fn took(&self) -> Duration {
        let starts = || self.records.iter().map(|record| record.started_us);
        let (first, last) = (starts().min().unwrap_or(0), starts().max().unwrap_or(0));
        Duration::from_micros(last.abs_diff(first))
    }
}
