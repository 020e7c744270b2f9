//! The worker process of `postfleet bench schedule`: the deliveries of a platform that is not
//! there.
//!
//! It does to Postgres and Redis what publishing does (load, intent, settle, acknowledge, many in
//! a statement), and notes the instant at which the irreversible call would leave: its intent is
//! committed, and nothing is left but to send.

use super::super::queue::worker::{Record, write};
use crate::say::say;
use base::batch::Batcher;
use base::{Fault, clock, shutdown};
use domain::delivery::Status;
use domain::id::DeliveryId;
use domain::standing::{Admission, Outcome as Ledger, Right, Wake};
use futures::FutureExt;
use queue::{Claimed, Outcome, Queue, WorkerOptions};
use serde_json::json;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::Store;
use store::deliveries::Loaded;
use store::intents::{Guard, Intended, Intent};
use store::settles::{Entry, Settle, Settled, Told};
use tokio::task::JoinSet;

/// Rows of a statement, and statements at once, as in a worker.
const BATCH_MAX: usize = 256;
const PARALLEL: usize = 2;
/// The deadline of a call, as X has it.
const CALL: Duration = Duration::from_secs(30);

/// What the hidden command `bench publisher` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Redis.
    #[arg(long)]
    redis: String,
    /// Postgres.
    #[arg(long)]
    postgres: String,
    /// Deliveries of each queue at once.
    #[arg(long)]
    concurrency: usize,
    /// The queues, separated by commas.
    #[arg(long, value_delimiter = ',')]
    queues: Vec<String>,
    /// Where the records go at the end.
    #[arg(long)]
    records: PathBuf,
}

struct Hands {
    queue: Queue,
    loads: Batcher<DeliveryId, Option<Loaded>>,
    intents: Batcher<Intent, Option<Intended>>,
    settles: Batcher<Settle, Option<Settled>>,
    records: Mutex<Vec<Record>>,
}

/// Works until a signal, then writes the records.
///
/// # Errors
/// A server cannot be reached, or the disk refuses.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let shutdown = shutdown::on_signal()?;
    let config = queue::Config { url: arguments.redis.clone(), ..queue::Config::default() };
    let queue = Queue::connect(&config).await?;
    let config = store::Config { url: arguments.postgres.clone(), ..store::Config::default() };
    let hands = Arc::new(Hands::new(queue.clone(), &Store::connect(&config).await?));
    let mut roles = JoinSet::new();
    for name in &arguments.queues {
        let mut options = WorkerOptions::new(name, arguments.concurrency);
        options.lane_in_flight = 2;
        let working = Arc::clone(&hands);
        let handler = move |claimed: Claimed| {
            let hands = Arc::clone(&working);
            async move {
                match hands.publish(&claimed).await {
                    Ok(outcome) => outcome,
                    Err(fault) => {
                        tracing::error!(%fault, "publishing faulted; tried again");
                        Outcome::Release
                    }
                }
            }
        };
        roles.spawn(queue::run(queue.clone(), options, shutdown.clone(), handler));
    }
    say("ready");
    while roles.join_next().await.is_some() {}
    let records = hands.records.lock().unwrap_or_else(PoisonError::into_inner).clone();
    write(&arguments.records, records)
}

impl Hands {
    fn new(queue: Queue, store: &Store) -> Self {
        let (loading, intending, settling) = (store.clone(), store.clone(), store.clone());
        Self {
            queue,
            loads: Batcher::spawn("load", BATCH_MAX, PARALLEL, move |ids| {
                let store = loading.clone();
                async move { store.load_deliveries("publish", ids).await }.boxed()
            }),
            intents: Batcher::spawn("intend", BATCH_MAX, PARALLEL, move |batch| {
                let store = intending.clone();
                async move { store.intend(batch).await }.boxed()
            }),
            settles: Batcher::spawn("settle", BATCH_MAX, PARALLEL, move |batch| {
                let store = settling.clone();
                async move { store.settle(batch).await }.boxed()
            }),
            records: Mutex::default(),
        }
    }

    async fn publish(&self, claimed: &Claimed) -> Result<Outcome, Fault> {
        let delivery = DeliveryId::new(claimed.subject);
        let Some(row) = self.loads.call(delivery).await? else { return Ok(Outcome::Done) };
        let Claimed { generation, epoch, lease, .. } = *claimed;
        let mut standing = row.standing(false);
        match standing.admit(Right { generation, epoch, lease }, row.now) {
            Admission::Work => {}
            Admission::Early(time) => return Ok(Outcome::ReleaseFor(time)),
            Admission::Forget => return Ok(Outcome::Done),
            Admission::Past(epoch) => {
                self.queue.raise_epoch(claimed.shard, epoch).await?;
                return Ok(Outcome::Release);
            }
        }
        let Loaded { revision, checkpoint_no, .. } = row;
        let guard = Guard { delivery, epoch, lease, revision, checkpoint_no };
        let sha256 = format!("{:032x}{:032x}", claimed.subject.as_u128(), claimed.lease);
        let intent = Intent {
            is_first: true,
            guard,
            endpoint: "bench.create",
            request_sha256: sha256.clone(),
            wording_sha256: sha256,
            time: CALL,
        };
        if self.intents.call(intent).await?.is_none() {
            return Ok(Outcome::Release);
        }
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(Record::of(claimed));
        standing.is_ours = true;
        let mut settle = Settle::of(guard, standing.change(Status::Published, Wake::Drop));
        settle.checkpoint = Some(json!({"v": "1", "at": "done"}));
        let (outcome, http_status) = (Ledger::Replied, Some(201));
        settle.note(Some(Entry { outcome, http_status, detail: None }));
        let remote_id = delivery.uuid().simple().to_string();
        let permalink = format!("https://example.com/{remote_id}");
        settle.receipt = Some((remote_id, permalink));
        let lines = json!({"v": "1", "lines": [
            {"at": clock::now(), "kind": "begun"},
        ]});
        settle.told = Some(Told { role: "publish", lines });
        Ok(match self.settles.call(settle).await? {
            Some(_) => Outcome::Done,
            None => Outcome::Release,
        })
    }
}
