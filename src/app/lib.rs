//! Tells each story from start to end: one verb, one file.
//!
//! Invariant: Postgres first, Redis second, a platform only between intent and settle. What a
//! verb decides comes from `domain`; what a platform says is read by its adapter.

pub mod accept;
pub mod access;
pub mod accounts;
pub mod amends;
pub mod api_keys;
mod attempt;
pub mod audit_chain;
pub mod audits;
mod bodies;
pub mod bulk;
pub mod calendar;
pub mod caller;
pub mod cancel;
pub mod capabilities;
mod checkpoints;
pub mod connect;
pub mod copies;
mod counters;
mod courier;
mod dead_end;
pub mod disconnect;
pub mod drift;
pub mod edit;
pub mod erase;
pub mod events;
pub mod fan_out;
pub mod follow;
pub mod forget;
mod grants;
pub mod halts;
pub mod ingest;
pub mod keeping;
pub mod keys;
mod late;
mod later;
mod likes;
pub mod limits;
pub mod lists;
pub mod mailing;
mod material;
pub mod media;
mod meter;
pub mod observe;
pub mod operate;
pub mod order;
pub mod origin;
pub mod pause;
pub mod pauses;
pub mod preflight;
pub mod presence;
pub mod publish;
mod quarantine;
pub mod rates;
pub mod ready;
pub mod reconcile;
pub mod recover;
mod refresh;
mod registrations;
pub mod relay;
pub mod remove;
mod renewing;
pub mod reposts;
pub mod retry;
pub mod review;
mod seals;
pub mod settings;
pub mod show;
pub mod slots;
mod spans;
pub mod sweep;
mod targets;
mod timeline;
mod turns;
pub mod unmapped;
pub mod validate;
pub mod versions;
pub mod waiting;
pub mod webhooks;
pub mod why;

pub use store::scope;

use ::media::Library;
use base::Fault;
use base::batch::Batcher;
use base::http::Http;
use base::outbound::Outbound;
use domain::id::{DeliveryId, PostId, TenantId};
use domain::rejection::Rejection;
use domain::time::Timestamp;
use futures::FutureExt;
use keys::Keys;
use queue::{Queue, Wakeup};
use settings::Settings;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::accepts::{ACCEPTED_AT_ONCE_MAX, Accepted, NewPost};
use store::api_keys::Shown;
use store::contents::{Alike, Sought};
use store::deliveries::Loaded;
use store::intents::{Intended, Intent};
use store::jobs::{Job, JobKind};
use store::posts::Post;
use store::premises::Premises;
use store::settles::{Settle, Settled};
use tokio_util::sync::CancellationToken;
use vault::KeyRing;

/// The names of the queues.
pub mod queues {
    pub use crate::erase::QUEUE as ERASE;
    pub use crate::targets::{
        FAN_OUT, FOLLOW, MEDIA, PREFLIGHT, RECONCILE, REFRESH, REPOST, REPUBLISH, WAITING,
        publish_queue,
    };
    pub use crate::webhooks::QUEUE as WEBHOOK;

    /// Every queue.
    pub fn all() -> Vec<String> {
        let fixed = [
            ERASE, FAN_OUT, FOLLOW, MEDIA, PREFLIGHT, RECONCILE, REFRESH, REPOST, REPUBLISH,
            WAITING, WEBHOOK,
        ];
        let publishing = platforms::names().into_iter().map(publish_queue);
        fixed.into_iter().map(str::to_owned).chain(publishing).collect()
    }
}

/// How far ahead Redis is told of a wake-up.
pub const HORIZON: Duration = Duration::from_secs(60);

/// Rows of one group commit at most.
const BATCH_MAX: usize = 256;
/// Group commits of one kind at once. More of them are smaller ones, which cost Postgres more and
/// keep everybody else waiting; beside a single one a row that is locked would hold up all others.
const AT_ONCE: usize = 2;

/// Why a caller is turned away.
#[derive(Debug, Clone, PartialEq)]
pub enum Refused {
    /// The request breaks rules: all of them.
    Invalid(Vec<Rejection>),
    /// There is no such thing here.
    NotFound(String),
    /// What is stored stands against it.
    Conflict {
        /// A stable code.
        code: &'static str,
        /// The story in a sentence.
        message: String,
    },
    /// Its key is not enough for it.
    Forbidden {
        /// A stable code.
        code: &'static str,
        /// What is missing, and the way out.
        why: Box<Rejection>,
    },
    /// A limit of the tenant, or what an account has already, leaves no room for it.
    Limited {
        /// A stable code.
        code: &'static str,
        /// Which limit, how far it is used, and the way out.
        why: Box<Rejection>,
        /// When there is room again, where time alone makes some.
        retry_at: Option<Timestamp>,
    },
    /// Another request has its name: its Idempotency-Key, or its own reference.
    NameTaken {
        /// A stable code.
        code: &'static str,
        /// Which name, and what became of the other.
        why: Box<Rejection>,
    },
}

impl Refused {
    /// A stable code and the story, for whoever is shown no more than that.
    pub fn told(&self) -> (String, String) {
        match self {
            Self::Invalid(problems) => {
                let story: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
                ("validation_failed".to_owned(), story.join(" "))
            }
            Self::NotFound(message) => ("not_found".to_owned(), message.clone()),
            Self::Conflict { code, message } => ((*code).to_owned(), message.clone()),
            Self::Forbidden { code, why }
            | Self::NameTaken { code, why }
            | Self::Limited { code, why, .. } => ((*code).to_owned(), why.message.clone()),
        }
    }

    /// The rules that are broken, where it is about rules.
    pub fn details(&self) -> &[Rejection] {
        match self {
            Self::Invalid(problems) => problems,
            Self::NotFound(_) | Self::Conflict { .. } => &[],
            Self::Forbidden { why, .. }
            | Self::NameTaken { why, .. }
            | Self::Limited { why, .. } => std::slice::from_ref(why),
        }
    }
}

/// A verb's answer: ours failed, the caller is turned away, or it is done.
pub type Answer<T> = Result<Result<T, Refused>, Fault>;

/// Everything a verb works with.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    store: Store,
    queue: Queue,
    keys: Keys,
    library: Library,
    http: Http,
    outbound: Outbound,
    settings: Settings,
    loads: Batcher<(JobKind, DeliveryId), Option<Loaded>>,
    intents: Batcher<Intent, Option<Intended>>,
    settles: Batcher<Settle, Option<Settled>>,
    premises: Batcher<(TenantId, Option<String>), Premises>,
    posts: Batcher<(TenantId, PostId), Option<Post>>,
    accepts: Batcher<NewPost, Accepted>,
    likes: Batcher<Sought, Vec<Alike>>,
    bulk_reads: tokio::sync::Semaphore,
    bulks: tokio::sync::Semaphore,
    shown: Batcher<[u8; 32], Option<Shown>>,
    turns: turns::Turns,
    renewals: tokio::sync::Semaphore,
    imports: tokio::sync::Semaphore,
    endings: tokio::sync::Semaphore,
    unmapped: unmapped::Unmapped,
    room: quarantine::Room,
    rates: rates::Rates,
    asked: tokio::sync::Mutex<observe::Asked>,
    /// Fires when this process begins nothing any more.
    leaving: CancellationToken,
}

impl App {
    /// Wires the verbs to what they work with.
    pub fn new(
        store: Store,
        queue: Queue,
        ring: KeyRing,
        library: Library,
        (http, outbound): (Http, Outbound),
        settings: Settings,
    ) -> Self {
        let (loading, intending, settling) = (store.clone(), store.clone(), store.clone());
        let loads = Batcher::spawn("load", BATCH_MAX, AT_ONCE, move |asked| {
            let store = loading.clone();
            async move { load(&store, asked).await }.boxed()
        });
        let intents = Batcher::spawn("intend", BATCH_MAX, AT_ONCE, move |batch| {
            let store = intending.clone();
            async move { store.intend(batch).await }.boxed()
        });
        let settles = Batcher::spawn("settle", BATCH_MAX, AT_ONCE, move |batch| {
            let store = settling.clone();
            async move { store.settle(batch).await }.boxed()
        });
        let (checking, showing, accepting) = (store.clone(), store.clone(), store.clone());
        let accepts =
            Batcher::spawn("accept", ACCEPTED_AT_ONCE_MAX, AT_ONCE, move |posts: Vec<NewPost>| {
                let store = accepting.clone();
                let tenants: Vec<_> = posts.iter().map(|post| post.tenant).collect();
                scope::of_tenants(tenants, async move { store.accept_many(posts).await }).boxed()
            });
        let premises =
            Batcher::spawn("premises", BATCH_MAX, AT_ONCE, move |asked: Vec<(TenantId, _)>| {
                let store = checking.clone();
                let tenants: Vec<_> = asked.iter().map(|(tenant, _)| *tenant).collect();
                scope::of_tenants(tenants, async move { store.premises(asked).await }).boxed()
            });
        let posts =
            Batcher::spawn("posts", BATCH_MAX, AT_ONCE, move |asked: Vec<(TenantId, _)>| {
                let store = showing.clone();
                let tenants: Vec<_> = asked.iter().map(|(tenant, _)| *tenant).collect();
                scope::of_tenants(tenants, async move { store.posts_named(asked).await }).boxed()
            });
        let comparing = store.clone();
        let likes = Batcher::spawn("likes", BATCH_MAX, AT_ONCE, move |sought| {
            let store = comparing.clone();
            async move { store.alike(sought).await }.boxed()
        });
        let letting_in = store.clone();
        let shown = Batcher::spawn("shown", BATCH_MAX, AT_ONCE, move |asked| {
            let store = letting_in.clone();
            async move { store.api_keys_shown(asked).await }.boxed()
        });
        let keys = Keys::new(store.clone(), ring);
        let unmapped = unmapped::Unmapped::spawn(store.clone());
        Self(Arc::new(Inner {
            store,
            queue,
            keys,
            library,
            http,
            outbound,
            settings,
            loads,
            intents,
            settles,
            premises,
            posts,
            accepts,
            likes,
            bulk_reads: tokio::sync::Semaphore::new(bulk::READ_AT_ONCE_MAX),
            bulks: tokio::sync::Semaphore::new(bulk::AT_ONCE_MAX),
            shown,
            turns: turns::Turns::default(),
            renewals: tokio::sync::Semaphore::new(refresh::AT_ONCE_MAX),
            imports: tokio::sync::Semaphore::new(media::imports::AT_ONCE_MAX),
            endings: tokio::sync::Semaphore::new(media::uploads::ENDINGS_AT_ONCE_MAX),
            unmapped,
            room: quarantine::Room::default(),
            rates: rates::Rates::default(),
            asked: tokio::sync::Mutex::default(),
            leaving: CancellationToken::new(),
        }))
    }

    /// Where browsers reach us, without a slash at the end.
    pub fn public_url(&self) -> &str {
        &self.0.settings.public_url
    }

    /// From now on no call is begun here, and those that may be repeated are broken off: their jobs
    /// go to other processes. What must not be sent twice is heard to its end.
    pub fn leave(&self) {
        self.0.leaving.cancel();
    }

    /// The keys it opens secrets with.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// The deliveries in each status, for metrics.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn deliveries_by_status(
        &self,
    ) -> Result<Vec<(domain::delivery::Status, i64)>, Fault> {
        self.0.store.deliveries_by_status().await
    }

    /// The present by the database's clock, as far as this process can carry it on.
    fn now(&self) -> Timestamp {
        self.0.store.now()
    }

    /// Tells Redis of wake-ups that were just committed. Best effort: what is not told now is
    /// told by the relay or the sweep.
    async fn wake(&self, jobs: &[Job]) {
        let horizon = self.now() + HORIZON;
        let wakeups: Vec<Wakeup> =
            jobs.iter().filter(|job| job.due_at <= horizon).map(wakeup).collect();
        if wakeups.is_empty() {
            return;
        }
        if let Err(fault) = self.0.queue.push(&wakeups).await {
            tracing::warn!(%fault, "Redis was not told of new jobs; the sweep will");
        }
    }

    /// The shard of a lane: that of its platform app, else of its tenant.
    fn shard(&self, key: &str) -> i16 {
        i16::try_from(self.shard_number(key)).unwrap_or(0)
    }

    /// The same as Redis has it.
    fn shard_number(&self, key: &str) -> u16 {
        self.0.queue.shard_of(key)
    }
}

async fn load(
    store: &Store,
    asked: Vec<(JobKind, DeliveryId)>,
) -> Result<Vec<Option<Loaded>>, Fault> {
    let mut answers: Vec<Option<Loaded>> = vec![None; asked.len()];
    for kind in [JobKind::Publish, JobKind::Reconcile, JobKind::Follow, JobKind::Repost] {
        let (places, ids): (Vec<usize>, Vec<DeliveryId>) = asked
            .iter()
            .enumerate()
            .filter(|(_, (asked, _))| *asked == kind)
            .map(|(place, (_, id))| (place, *id))
            .unzip();
        if ids.is_empty() {
            continue;
        }
        for (place, row) in places.into_iter().zip(store.load_deliveries(kind.as_str(), ids).await?)
        {
            answers[place] = row;
        }
    }
    Ok(answers)
}

/// A job of Postgres as Redis is told of it.
fn wakeup(job: &Job) -> Wakeup {
    Wakeup {
        queue: job.queue.clone(),
        subject: job.subject,
        generation: job.generation,
        shard: u16::try_from(job.shard).unwrap_or(0),
        group: job.group.clone(),
        lane: job.lane.clone(),
        due_at: job.due_at,
    }
}
