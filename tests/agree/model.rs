//! The model of Postgres beside Postgres: random intents, settles, doubts, cancels and lost
//! histories, after each of which both say the same and hold the same.
//!
//! Instants lie an hour from now, so that no guard depends on how fast a machine is.

#[path = "../../src/queue/tests/model/layout.rs"]
#[expect(dead_code, reason = "the tests of the queue use more of it")]
mod layout;
#[path = "../model/ledger.rs"]
#[expect(dead_code, reason = "histories use more of it")]
mod ledger;

use crate::support::chance::Chance;
use crate::support::{Fleet, seed};
use base::rng;
use domain::delivery::Status;
use domain::id::{AccountId, DeliveryId, PostId, TenantId};
use domain::standing::{Change, Hold, Outcome, Wake};
use domain::time::Timestamp;
use layout::Id;
use ledger::{Kind, Ledger, Row};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, Row as _};
use std::collections::BTreeMap;
use std::time::Duration;
use store::Store;
use store::doubts::Wording;
use store::intents::{Guard, Intent};
use store::settles::Settle;
use uuid::Uuid;

const HISTORIES: u64 = 60;
const OPERATIONS: usize = 40;
const HOUR: Duration = Duration::from_secs(3_600);
const DELIVERIES: Id = 3;
const WORDINGS: [&str; 2] = ["one", "the other"];

/// Both sides of a history.
struct Pair {
    url: String,
    store: Store,
    raw: PgConnection,
    tenant: TenantId,
    account: AccountId,
    /// By number: the delivery and its post.
    ids: BTreeMap<Id, (DeliveryId, PostId)>,
    ledger: Ledger,
    chance: Chance,
    epoch: i64,
    timelines: u32,
}

/// What there is to compare of a delivery: instants only as far as they are there.
#[derive(Debug, PartialEq)]
struct Seen {
    status: String,
    numbers: [i64; 7],
    has: [bool; 5],
    checkpoint: Option<Value>,
    remote_id: Option<String>,
    job: Option<String>,
    ledger: Vec<Option<String>>,
}

async fn database() -> String {
    let fleet = Fleet::shared().await;
    let name = format!("agree_{}", rng::uuid().simple());
    let mut postgres = fleet.postgres().await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut postgres)
        .await
        .unwrap();
    let mut url = url::Url::parse(&fleet.place().postgres_url).unwrap();
    url.set_path(&name);
    url.to_string()
}

async fn connect(url: &str) -> Store {
    let config =
        store::Config { url: url.to_owned(), connections_max: 2, ..store::Config::default() };
    Store::connect(&config).await.unwrap()
}

impl Pair {
    async fn new(url: &str, seed: u64) -> Self {
        let store = connect(url).await;
        let mut raw = PgConnection::connect(url).await.unwrap();
        let (tenant, brand, account) = (rng::uuid(), rng::uuid(), rng::uuid());
        let name = tenant.simple().to_string();
        let rows = [
            sqlx::query("INSERT INTO tenants (id, name, data_key) VALUES ($1, $2, '')")
                .bind(tenant)
                .bind(&name),
            sqlx::query("INSERT INTO brands (id, tenant_id, slug, name) VALUES ($1, $2, $3, $3)")
                .bind(brand)
                .bind(tenant)
                .bind(&name),
            sqlx::query(
                "INSERT INTO accounts (id, tenant_id, brand_id, platform, app, remote_id, handle,
                     kind, status)
                 VALUES ($1, $2, $3, 'x', 'default', $4, '@acme', 'standard', 'connected')",
            )
            .bind(account)
            .bind(tenant)
            .bind(brand)
            .bind(&name),
        ];
        for row in rows {
            row.execute(&mut raw).await.unwrap();
        }
        let mut pair = Self {
            url: url.to_owned(),
            store,
            raw,
            tenant: TenantId::new(tenant),
            account: AccountId::new(account),
            ids: BTreeMap::new(),
            ledger: Ledger::default(),
            chance: Chance::new(seed),
            epoch: 10,
            timelines: 0,
        };
        for id in 1..=DELIVERIES {
            pair.add(id, brand).await;
        }
        pair
    }

    /// A delivery that has been due for an hour, or will be in an hour.
    async fn add(&mut self, id: Id, brand: Uuid) {
        let (post, delivery) = (rng::uuid(), rng::uuid());
        let now = self.store.time().await.unwrap();
        let due_at = if self.chance.one_in(5) { now + HOUR } else { now - HOUR };
        let rows = [
            sqlx::query(
                "INSERT INTO posts (id, tenant_id, brand_id, stage, draft)
                 VALUES ($1, $2, $3, 'live', '{}')",
            )
            .bind(post)
            .bind(self.tenant.uuid())
            .bind(brand),
            sqlx::query(
                "INSERT INTO deliveries (id, tenant_id, post_id, account_id, platform, status,
                     due_at)
                 VALUES ($1, $2, $3, $4, 'x', 'scheduled', $5::text::timestamptz)",
            )
            .bind(delivery)
            .bind(self.tenant.uuid())
            .bind(post)
            .bind(self.account.uuid())
            .bind(due_at.to_string()),
            sqlx::query(
                "INSERT INTO jobs (kind, subject, queue, shard, fair_group, lane, due_at)
                 VALUES ('publish', $1, 'publish:x', 0, 'g', 'l', $2::text::timestamptz)",
            )
            .bind(delivery)
            .bind(due_at.to_string()),
        ];
        for row in rows {
            row.execute(&mut self.raw).await.unwrap();
        }
        self.ids.insert(id, (DeliveryId::new(delivery), PostId::new(post)));
        self.ledger.add(id, due_at);
    }

    fn some_id(&mut self) -> Id {
        u8::try_from(self.chance.below(DELIVERIES.into())).unwrap() + 1
    }

    /// What a worker shows: mostly what stands there, now and then something older or newer.
    fn some_guard(&mut self, id: Id) -> ledger::Guard {
        let row = &self.ledger.rows[&id];
        let (epoch, lease) = (row.epoch, row.lease);
        let (revision, checkpoint_no) = (row.revision, row.checkpoint_no);
        self.epoch += 1;
        let (epoch, lease) = match self.chance.below(6) {
            0..=2 => (self.epoch, self.chance.between(0, 1_000)),
            3..=4 => (epoch, lease),
            _ => (epoch - self.chance.between(0, 2), lease + self.chance.between(0, 2)),
        };
        let off = |chance: &mut Chance| i32::from(chance.one_in(8));
        ledger::Guard {
            id,
            epoch,
            lease,
            revision: revision - off(&mut self.chance),
            checkpoint_no: checkpoint_no - off(&mut self.chance),
        }
    }

    fn real(&self, guard: &ledger::Guard) -> Guard {
        Guard {
            delivery: self.ids[&guard.id].0,
            epoch: guard.epoch,
            lease: guard.lease,
            revision: guard.revision,
            checkpoint_no: guard.checkpoint_no,
        }
    }

    async fn operate(&mut self) {
        let id = self.some_id();
        match self.chance.below(20) {
            0..=6 => self.intend(id).await,
            7..=16 => self.settle(id).await,
            17 => {
                let wording = WORDINGS[self.chance.index(2)];
                self.ledger.doubt(id, wording);
                let (account, delivery) = (self.account, self.ids[&id].0);
                let sha256 = wording;
                self.store.doubt(Wording { account, delivery, sha256 }).await.unwrap();
            }
            18 => {
                let is_done = self.ledger.cancel(id);
                let post = self.ids[&id].1;
                let cancelled = self.store.cancel(self.tenant, post, "model").await.unwrap();
                assert_eq!(!cancelled.unwrap().done.is_empty(), is_done, "cancelling {id}");
            }
            _ => self.go_back().await,
        }
    }

    async fn intend(&mut self, id: Id) {
        let guard = self.some_guard(id);
        let wording = WORDINGS[self.chance.index(2)];
        let time = if self.chance.one_in(2) { HOUR } else { Duration::ZERO };
        let intent = Intent {
            guard: self.real(&guard),
            endpoint: "tweets.create",
            request_sha256: String::new(),
            wording_sha256: wording.to_owned(),
            time,
            is_first: true,
        };
        let told = self.store.intend(vec![intent]).await.unwrap()[0];
        let now = self.store.time().await.unwrap();
        let expected = self.ledger.intend(&guard, wording, time, now);
        assert_eq!(told.is_some(), expected.is_some(), "intent {guard:?} of {wording}");
    }

    async fn settle(&mut self, id: Id) {
        let guard = self.some_guard(id);
        let change = self.some_change();
        let is_out = change.status == Status::Published;
        let checkpoint = self.chance.one_in(2).then(|| json!({"at": self.epoch}));
        let receipt = is_out.then(|| format!("remote {}", self.chance.below(4)));
        let mut settle = Settle::of(self.real(&guard), change);
        settle.queue = "publish:x".to_owned();
        settle.checkpoint = checkpoint.clone();
        settle.receipt = receipt.clone().map(|id| (id, "https://x.com/1".to_owned()));
        settle.failure = (change.status == Status::Failed).then(|| json!({}));
        let told = self.store.settle(vec![settle]).await;
        let now = self.store.time().await.unwrap();
        match (told, self.ledger.settle(&guard, &change, (checkpoint, receipt), now)) {
            (Err(_), Err(ledger::Taken)) => {}
            (Ok(told), Ok(expected)) => {
                let told = told[0].map(|s| (s.checkpoint_no, s.generation.is_some()));
                let expected = expected.map(|s| (s.checkpoint_no, s.generation.is_some()));
                assert_eq!(told, expected, "{change:?} by {guard:?}");
            }
            (told, expected) => panic!("{change:?} by {guard:?}: {told:?}, not {expected:?}"),
        }
    }

    fn some_change(&mut self) -> Change {
        let chance = &mut self.chance;
        let far = Timestamp::from_ms(4_000_000_000_000);
        let at = chance.one_in(2).then_some(far);
        let statuses = [
            Status::Ready,
            Status::Ready,
            Status::Reconciling,
            Status::Published,
            Status::Failed,
            Status::Review,
        ];
        let outcomes = [
            Outcome::Replied,
            Outcome::Silent,
            Outcome::Withdrawn,
            Outcome::Found,
            Outcome::Absent,
        ];
        let status = statuses[chance.index(statuses.len())];
        let hold = [Hold::Free, Hold::Sending, Hold::Abandoned, Hold::Asking][chance.index(4)];
        // A wake-up is of the kind that its status has an owner for.
        let stays = (hold == Hold::Asking) == (status == Status::Reconciling);
        let wake = match status {
            _ if stays && chance.one_in(4) => Wake::Keep,
            Status::Ready => Wake::Publish(at),
            Status::Reconciling => Wake::Ask(at),
            _ => Wake::Drop,
        };
        Change {
            hold,
            status,
            is_attempt_spent: chance.one_in(2),
            auth_refusals: i32::from(chance.one_in(3)),
            has_doubt: chance.one_in(2),
            absences: i32::from(chance.one_in(3)),
            wake,
            closing: None,
            outcome: (!chance.one_in(3)).then(|| outcomes[chance.index(outcomes.len())]),
        }
    }

    /// Another history begins, and the next connection notices.
    async fn go_back(&mut self) {
        self.timelines += 1;
        let other = format!("another {}", self.timelines);
        sqlx::query("UPDATE histories SET timeline = $1")
            .bind(other)
            .execute(&mut self.raw)
            .await
            .unwrap();
        self.store.close().await;
        self.store = connect(&self.url).await;
        let now = self.store.time().await.unwrap();
        self.ledger.went_back(now);
    }

    async fn compare(&mut self) {
        for (id, (delivery, _)) in self.ids.clone() {
            let real = self.look(delivery).await;
            assert_eq!(real, expected(&self.ledger.rows[&id]), "delivery {id}");
        }
    }

    async fn look(&mut self, delivery: DeliveryId) -> Seen {
        let row = sqlx::query(
            "SELECT d.*, (SELECT string_agg(kind, ',') FROM jobs WHERE subject = d.id) AS job,
                 ARRAY(SELECT outcome FROM attempts WHERE delivery_id = d.id ORDER BY id) AS ledger
             FROM deliveries d WHERE d.id = $1",
        )
        .bind(delivery.uuid())
        .fetch_one(&mut self.raw)
        .await
        .unwrap();
        let number = |name: &str| i64::from(row.get::<i32, _>(name));
        let has = |name: &str| {
            let value = row.try_get_raw(name).unwrap();
            !sqlx::ValueRef::is_null(&value)
        };
        Seen {
            status: row.get("status"),
            numbers: [
                number("revision"),
                number("checkpoint_no"),
                row.get("epoch"),
                row.get("lease"),
                number("attempts"),
                number("auth_refusals"),
                number("absences"),
            ],
            has: [
                has("intended_at"),
                has("deadline_at"),
                has("ask_from"),
                has("published_at"),
                row.get("has_doubt"),
            ],
            checkpoint: row.get("checkpoint"),
            remote_id: row.get("remote_id"),
            job: row.get("job"),
            ledger: row.get("ledger"),
        }
    }
}

fn expected(row: &Row) -> Seen {
    let job = row.job.map(|job| match job.kind {
        Kind::Publish => "publish".to_owned(),
        Kind::Reconcile => "reconcile".to_owned(),
    });
    Seen {
        status: row.status.as_str().to_owned(),
        numbers: [
            row.revision.into(),
            row.checkpoint_no.into(),
            row.epoch,
            row.lease,
            row.attempts.into(),
            row.auth_refusals.into(),
            row.absences.into(),
        ],
        has: [
            row.intended_at.is_some(),
            row.deadline_at.is_some(),
            row.ask_from.is_some(),
            row.published_at.is_some(),
            row.has_doubt,
        ],
        checkpoint: row.checkpoint.clone(),
        remote_id: row.remote_id.clone(),
        job,
        ledger: row.ledger.iter().map(|ended| ended.map(|o| o.as_str().to_owned())).collect(),
    }
}

// case: P-model-agrees
#[tokio::test]
async fn the_model_of_postgres_does_what_the_statements_do() {
    let seed = seed("ledger beside Postgres");
    let url = database().await;
    connect(&url).await.migrate().await.unwrap();
    for history in 0..HISTORIES {
        let mut pair = Pair::new(&url, seed.wrapping_add(history)).await;
        for _ in 0..OPERATIONS {
            pair.operate().await;
            pair.compare().await;
        }
        // What another history is marked for is not to meet the next one.
        let gone = "UPDATE deliveries SET status = 'cancelled', remote_id = NULL";
        sqlx::query(gone).execute(&mut pair.raw).await.unwrap();
        pair.store.close().await;
    }
}
