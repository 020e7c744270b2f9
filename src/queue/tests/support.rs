//! A private Redis for each test, and short ways to say what a test needs.
//!
//! What is tested connects as the user that `postfleet redis-acl` makes, so every test shows that
//! the used commands are allowed.

use crate::servers::program;
use base::clock;
use domain::time::Timestamp;
use queue::{Claimed, Config, CursorState, Outcome, Queue, Wakeup, WorkerOptions};
use std::collections::HashMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The user of what is tested.
const USER: &str = "fleet";

/// A redis-server of its own, killed on drop.
pub struct Redis {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Redis {
    pub async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let redis = Self { child: spawn(port, &folder), port, folder };
        redis.answers().await;
        redis
    }

    async fn answers(&self) {
        let client = redis::Client::open(self.url()).unwrap();
        within(10, async || client.get_multiplexed_async_connection().await.is_ok()).await;
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it and starts an empty one in its place.
    pub async fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(self.port, &self.folder);
        self.answers().await;
    }

    pub async fn command(&self, words: &[&str]) -> redis::Value {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(*word);
        });
        command.query_async(&mut connection).await.unwrap()
    }

    pub fn config(&self) -> Config {
        let url = self.url().replace("//", &format!("//{USER}:word@"));
        Config { url, lease_ms: 2_000, renew_every_ms: 300, ..Config::default() }
    }

    /// A handle as another process would have it, not adopted.
    pub async fn queue(&self) -> Queue {
        Queue::connect(&self.config()).await.unwrap()
    }

    /// A handle on this Redis, taken into use.
    pub async fn adopted(&self) -> Queue {
        let queue = self.queue().await;
        queue.adopt(0, 1, &[], &[]).await.unwrap();
        queue
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16, folder: &tempfile::TempDir) -> Child {
    let rules = queue::access::rules(&Config::default(), USER, ">word").unwrap();
    let user = rules[0].strip_prefix("ACL SETUSER ").unwrap().split(' ');
    Command::new(program())
        .args(["--port", &port.to_string(), "--save", "", "--appendonly", "no"])
        .args(["--bind", "127.0.0.1", "--dir", folder.path().to_str().unwrap(), "--user"])
        .args(user)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server must be installed")
}

/// Waits until `holds` says yes; fails after `seconds`.
pub async fn within(seconds: u64, mut holds: impl AsyncFnMut() -> bool) {
    let began = clock::stopwatch();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(seconds), "it did not come true in time");
        clock::pause(Duration::from_millis(2)).await;
    }
}

/// A wake-up due now in the lane of account `account`.
pub fn wakeup(subject: u128, generation: i64, account: u32) -> Wakeup {
    Wakeup {
        queue: "publish:x".to_owned(),
        subject: Uuid::from_u128(subject),
        generation,
        shard: 0,
        group: format!("tenant{}:x:default", account % 7),
        lane: format!("x:default:{account}"),
        due_at: Timestamp::from_ms(1),
    }
}

/// A job as a handler saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub claimed: Claimed,
    pub at: Timestamp,
}

/// A running worker whose handler writes down what it sees.
pub struct Worker {
    pub seen: Arc<Mutex<Vec<Seen>>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Worker {
    /// A worker whose handler asks `answer`.
    pub fn start<F, Fut>(queue: &Queue, concurrency: usize, answer: F) -> Self
    where
        F: Fn(Claimed) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stop = CancellationToken::new();
        let options = WorkerOptions::new("publish:x", concurrency);
        let (list, clock) = (seen.clone(), queue.clone());
        let task = tokio::spawn(queue::run(queue.clone(), options, stop.clone(), move |claimed| {
            let (list, clock, answer) = (list.clone(), clock.clone(), answer.clone());
            async move {
                let at = clock.time().await.unwrap_or_default();
                list.lock().unwrap().push(Seen { claimed: claimed.clone(), at });
                answer(claimed).await
            }
        }));
        Self { seen, stop, task }
    }

    /// One that finishes everything at once.
    pub fn done(queue: &Queue, concurrency: usize) -> Self {
        Self::start(queue, concurrency, |_| async { Outcome::Done })
    }

    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub fn generations(&self) -> Vec<i64> {
        self.seen.lock().unwrap().iter().map(|seen| seen.claimed.generation).collect()
    }

    /// Asks it to stop and waits until it has drained.
    pub async fn stop(self) -> Vec<Seen> {
        self.stop.cancel();
        self.task.await.unwrap();
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// Asks it to stop.
    pub fn ask_to_stop(&self) {
        self.stop.cancel();
    }
}

/// How often each subject was seen.
pub fn tally<'a>(seen: impl Iterator<Item = &'a Seen>) -> HashMap<Uuid, usize> {
    seen.fold(HashMap::new(), |mut tally, one| {
        *tally.entry(one.claimed.subject).or_default() += 1;
        tally
    })
}

/// A runtime of its own that can be made to vanish as a killed process does.
pub struct Process(Option<tokio::runtime::Runtime>);

impl Process {
    pub fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self(Some(runtime.unwrap()))
    }

    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.as_ref().unwrap().spawn(work);
    }

    pub fn kill(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Is the shard known to its Redis?
pub async fn is_known(queue: &Queue) -> bool {
    matches!(queue.cursor(0).await, Ok(CursorState::Known(_)))
}
