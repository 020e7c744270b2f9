//! Ten thousand accounts that were connected in the same second.

use super::MINUTE;
use crate::support::worker::Worker;
use crate::support::{Fleet, Scene, eventually, say, turn};
use base::{clock, rng};
use domain::id::{AccountId, BrandId, TenantId};
use domain::renewal::{AHEAD, SPREAD, next_renewal};
use domain::time::Timestamp;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;
use vault::{Associated, KeyRing, Wrapped};

const ACCOUNTS: usize = 10_000;
/// The first renewal comes this much after everything is ready.
const HEAD_START: Duration = Duration::from_secs(15);
/// As far away as a platform is.
const NETWORK_MS: &str = "100";

/// An account that the platform knows and we have not seen yet.
struct Newcomer {
    remote_id: String,
    handle: String,
    grant: Value,
}

async fn newcomers(fleet: &Fleet) -> Vec<Newcomer> {
    let sim = fleet.sim();
    let known = stream::iter(0..ACCOUNTS).map(|number| {
        let sim = &sim;
        async move {
            let granted = sim.grant("x", &format!("crowd-{number}")).await;
            let text = |name: &str| granted[name].as_str().unwrap().to_owned();
            let grant = json!({
                "access_token": text("accessToken"), "refresh_token": text("refreshToken"),
            });
            Newcomer { remote_id: text("accountId"), handle: text("handle"), grant }
        }
    });
    known.buffer_unordered(16).collect().await
}

/// Writes them as connecting would have, all in one second, their tokens to end at `ends`.
async fn connect(fleet: &Fleet, brand: &str, crowd: Vec<Newcomer>, ends: Timestamp) {
    let mut db = fleet.postgres().await;
    let (brand, tenant, data_key): (Uuid, Uuid, Vec<u8>) = sqlx::query_as(
        "SELECT b.id, t.id, k.wrapped FROM brands b JOIN tenants t ON t.id = b.tenant_id
             JOIN data_keys k ON k.tenant_id = t.id WHERE b.slug = $1",
    )
    .bind(brand)
    .fetch_one(&mut db)
    .await
    .unwrap();
    let tenant = TenantId::new(tenant);
    let ring = KeyRing::open(&fleet.data().join("key")).unwrap();
    let key = ring.unwrap(&Wrapped(data_key), tenant).unwrap();
    let platform = platforms::find("x").unwrap();
    let rule = platform.adapter().unwrap().auth().profile("default").renewal;
    let granted = ends - MINUTE * 120;
    for part in crowd.chunks(500) {
        let mut rows = Rows::default();
        for one in part {
            let id: AccountId = rng::id();
            let subject = id.to_string();
            let mut grant = one.grant.clone();
            grant["expires_at"] = json!(ends);
            let associated =
                Associated { tenant, subject: &subject, platform: "x", field: "grant", version: 1 };
            rows.ids.push(id.uuid());
            rows.remote_ids.push(one.remote_id.clone());
            rows.handles.push(one.handle.clone());
            rows.sealed.push(key.seal(&associated, grant.to_string().as_bytes()));
            rows.due_ms.push(next_renewal(rule, granted, ends, id).ms());
        }
        rows.write(&mut db, (tenant, BrandId::new(brand)), (granted, ends)).await;
    }
}

#[derive(Default)]
struct Rows {
    ids: Vec<Uuid>,
    remote_ids: Vec<String>,
    handles: Vec<String>,
    sealed: Vec<Vec<u8>>,
    due_ms: Vec<i64>,
}

impl Rows {
    async fn write(
        self,
        db: &mut PgConnection,
        (tenant, brand): (TenantId, BrandId),
        (granted, ends): (Timestamp, Timestamp),
    ) {
        sqlx::query(
            "WITH t AS (SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::bytea[],
                 $5::bigint[]) AS t (id, remote_id, handle, sealed, due_ms)),
             a AS (INSERT INTO accounts (id, tenant_id, brand_id, platform, app, remote_id, handle,
                     kind, status)
                 SELECT id, $6, $7, 'x', 'default', remote_id, handle, 'standard', 'connected'
                 FROM t RETURNING id),
             c AS (INSERT INTO credentials (account_id, tenant_id, sealed, version, expires_at,
                     refreshed_at)
                 SELECT id, $6, sealed, 1, $9::text::timestamptz, $8::text::timestamptz
                 FROM t JOIN a USING (id) RETURNING account_id)
             INSERT INTO jobs (kind, subject, queue, shard, fair_group, lane, due_at)
             SELECT 'refresh', id, 'refresh', 0, $6::text || ':refresh:x:default',
                 'refresh:' || id, to_timestamp(due_ms / 1000.0)
             FROM t JOIN c ON c.account_id = t.id",
        )
        .bind(self.ids)
        .bind(self.remote_ids)
        .bind(self.handles)
        .bind(self.sealed)
        .bind(self.due_ms)
        .bind(tenant.uuid())
        .bind(brand.uuid())
        .bind(granted.to_string())
        .bind(ends.to_string())
        .execute(db)
        .await
        .unwrap();
    }
}

// case: K-crowd
#[tokio::test]
#[ignore = "K-crowd: makes ten thousand accounts, which takes minutes"]
async fn ten_thousand_tokens_of_one_second_are_renewed_apart_and_in_time() {
    let _turn = turn().await;
    let fleet = Fleet::start(&["--delay-ms", NETWORK_MS], &[]).await;
    let scene = Scene::on(&fleet, "crowd").await;
    let crowd = newcomers(&fleet).await;
    let ends = clock::now() + AHEAD + SPREAD + HEAD_START;
    connect(&fleet, &scene.brand, crowd, ends).await;
    let ready = clock::now() < ends - AHEAD - SPREAD;
    assert!(ready, "they were written before the first of them is due");
    let _workers: Vec<Worker> =
        (0..2).map(|number| Worker::start(&fleet, &format!("crowd-{number}"))).collect();
    let mut db = fleet.postgres().await;
    eventually("all are renewed", MINUTE * 3, async || {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM credentials WHERE version = 1")
            .fetch_one(&mut db)
            .await
            .unwrap();
        if left == 0 { Ok(()) } else { Err(left.to_string()) }
    })
    .await;
    let at: Vec<i64> = sqlx::query_scalar(
        "SELECT (extract(epoch FROM refreshed_at) * 1000)::bigint FROM credentials",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    assert_eq!(at.len(), ACCOUNTS);
    let mut histogram: BTreeMap<i64, usize> = BTreeMap::new();
    for at in &at {
        *histogram.entry((ends.ms() - at) / 1_000).or_default() += 1;
    }
    let (latest, earliest) =
        (*histogram.keys().next().unwrap(), *histogram.keys().next_back().unwrap());
    let most = *histogram.values().max().unwrap();
    say(format_args!(
        "crowd: {ACCOUNTS} renewed with {earliest} to {latest} s left, at most {most} in a second"
    ));
    assert!(latest >= 540, "none is later than nine minutes: {latest} s");
    assert!(earliest < 660, "none is earlier than eleven: {earliest} s");
}
