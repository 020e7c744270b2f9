//! Makes a token old without waiting for hours: what the vault sealed is opened and sealed again,
//! as only the owner of the key file can. And makes open questions old.

use super::fleet::Fleet;
use super::scene::Account;
use super::wait::eventually;
use base::clock;
use domain::id::{AccountId, DeliveryId, PostId, TenantId};
use domain::time::Timestamp;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use uuid::Uuid;
use vault::{Associated, DataKey, KeyRing, Wrapped};

/// The account's access token was granted two hours ago and ends after `left`.
pub async fn age(fleet: &Fleet, account: &Account, left: Duration) {
    let mut db = fleet.postgres().await;
    let id: AccountId = account.id.parse().unwrap();
    let (tenant, sealed, version): (Uuid, Vec<u8>, i64) =
        sqlx::query_as("SELECT tenant_id, sealed, version FROM credentials WHERE account_id = $1")
            .bind(id.uuid())
            .fetch_one(&mut db)
            .await
            .unwrap();
    let tenant = TenantId::new(tenant);
    let key = data_key(fleet, tenant, &sealed).await;
    let subject = &account.id;
    let platform = account.way.0;
    let associated = Associated { tenant, subject, platform, field: "grant", version };
    let clear = key.open(&associated, &sealed).unwrap();
    let mut grant: Value = serde_json::from_slice(clear.bytes()).unwrap();
    let ends = clock::now() + left;
    assert!(grant["expires_at"].is_string() || grant["expires_at"].is_number());
    grant["expires_at"] = json!(ends);
    let sealed = key.seal(&associated, grant.to_string().as_bytes());
    sqlx::query(
        "UPDATE credentials SET sealed = $2, expires_at = $3::text::timestamptz,
             refreshed_at = clock_timestamp() - interval '2 hours' WHERE account_id = $1",
    )
    .bind(id.uuid())
    .bind(sealed)
    .bind(ends.to_string())
    .execute(&mut db)
    .await
    .unwrap();
}

/// The data key that sealed something of a tenant, as only the owner of the key file can open it.
pub async fn data_key(fleet: &Fleet, tenant: TenantId, sealed: &[u8]) -> DataKey {
    let wrapped =
        sqlx::query_scalar("SELECT wrapped FROM data_keys WHERE tenant_id = $1 AND key_id = $2");
    let id = vault::key_id(sealed).unwrap();
    let wrapped = wrapped.bind(tenant.uuid()).bind(id.bytes().to_vec());
    let wrapped: Vec<u8> = wrapped.fetch_one(&mut fleet.postgres().await).await.unwrap();
    let ring = KeyRing::open(&fleet.data().join("key")).unwrap();
    ring.unwrap(&Wrapped(wrapped), tenant).unwrap()
}

/// How often the account's tokens were replaced, the first grant included.
pub async fn version(fleet: &Fleet, account: &Account) -> i64 {
    let id: AccountId = account.id.parse().unwrap();
    let asked = sqlx::query_scalar("SELECT version FROM credentials WHERE account_id = $1");
    asked.bind(id.uuid()).fetch_one(&mut fleet.postgres().await).await.unwrap()
}

/// What was sent from the account was sent so much earlier.
pub async fn age_intents(fleet: &Fleet, account: &Account, by: Duration) {
    let id: AccountId = account.id.parse().unwrap();
    let aged = sqlx::query(
        "UPDATE deliveries SET intended_at = intended_at - $2 * interval '1 second'
         WHERE account_id = $1",
    );
    let aged = aged.bind(id.uuid()).bind(i64::try_from(by.as_secs()).unwrap());
    aged.execute(&mut fleet.postgres().await).await.unwrap();
}

/// So much time passes for everything that waits for it: grants and what is known against them,
/// gates, wake-ups, intents of renewals. The platforms' clock is another one. Redis is told anew.
pub async fn let_pass(fleet: &Fleet, by: Duration) {
    let mut db = fleet.postgres().await;
    reseal_all(fleet, &mut db, by).await;
    let ms = i64::try_from(by.as_millis()).unwrap();
    for statement in [
        "UPDATE refusals SET refused_since = refused_since - $1 * interval '1 millisecond',
             refused_at = refused_at - $1 * interval '1 millisecond',
             dead_since = dead_since - $1 * interval '1 millisecond',
             dead_at = dead_at - $1 * interval '1 millisecond',
             counted_at = counted_at - $1 * interval '1 millisecond'",
        "UPDATE gates SET until_at = until_at - $1 * interval '1 millisecond'",
        "UPDATE deliveries SET published_at = published_at - $1 * interval '1 millisecond',
             due_at = due_at - $1 * interval '1 millisecond'",
        "UPDATE posts SET scheduled_at = scheduled_at - $1 * interval '1 millisecond',
             not_after = not_after - $1 * interval '1 millisecond'",
        "UPDATE jobs SET due_at = due_at - $1 * interval '1 millisecond',
             armed_at = clock_timestamp(), generation = nextval('job_generation')",
    ] {
        sqlx::query(statement).bind(ms).execute(&mut db).await.unwrap();
    }
    let past = "DELETE FROM gates WHERE until_at <= clock_timestamp() RETURNING scope_key";
    let past: Vec<String> = sqlx::query_scalar(past).fetch_all(&mut db).await.unwrap();
    open_gates(fleet, &past).await;
    redis::cmd("FLUSHALL").exec_async(&mut fleet.redis().await).await.unwrap();
}

/// A post that is out came out so much earlier, and so did all that was done with it since: what
/// is owed of it comes nearer.
pub async fn age_operations(fleet: &Fleet, delivery: DeliveryId, by: Duration) {
    let mut db = fleet.postgres().await;
    let ms = i64::try_from(by.as_millis()).unwrap();
    let mut tx = db.begin().await.unwrap();
    for statement in [
        "UPDATE deliveries SET published_at = published_at - $2 * interval '1 millisecond'
         WHERE id = $1",
        "UPDATE reposts SET due_at = due_at - $2 * interval '1 millisecond',
             ended_at = ended_at - $2 * interval '1 millisecond',
             undo_at = undo_at - $2 * interval '1 millisecond',
             undone_at = undone_at - $2 * interval '1 millisecond'
         WHERE delivery_id = $1",
        "UPDATE jobs SET due_at = due_at - $2 * interval '1 millisecond',
             armed_at = clock_timestamp(), generation = nextval('job_generation')
         WHERE subject = $1 AND kind = 'repost'",
    ] {
        sqlx::query(statement).bind(delivery.uuid()).bind(ms).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Opens every gate that Postgres does not hold closed: a process that closed one may have been
/// slower than the time that passed.
pub async fn open_forgotten(fleet: &Fleet) {
    let open = "SELECT k FROM (
             SELECT 'platform:' || platform AS k FROM accounts UNION
             SELECT 'account:' || platform || ':' || app || ':' || id FROM accounts) AS t
         WHERE k NOT IN (SELECT scope_key FROM gates WHERE until_at > clock_timestamp())";
    let open: Vec<String> =
        sqlx::query_scalar(open).fetch_all(&mut fleet.postgres().await).await.unwrap();
    open_gates(fleet, &open).await;
}

/// Opens gates in Redis and in the processes that know of them.
async fn open_gates(fleet: &Fleet, gates: &[String]) {
    let config = queue::Config { url: fleet.place().redis_url.clone(), ..Default::default() };
    let queue = queue::Queue::connect(&config).await.unwrap();
    for gate in gates {
        queue.open_gate(gate).await.unwrap();
    }
}

/// Moves what is sealed along with the row it lies in, in one transaction for each.
async fn reseal_all(fleet: &Fleet, db: &mut PgConnection, by: Duration) {
    let accounts: Vec<Uuid> =
        sqlx::query_scalar("SELECT account_id FROM credentials").fetch_all(&mut *db).await.unwrap();
    for account in accounts {
        let mut tx = db.begin().await.unwrap();
        // A renewal under way is waited for.
        let (tenant, platform, sealed, version): (Uuid, String, Vec<u8>, i64) = sqlx::query_as(
            "SELECT c.tenant_id, a.platform, c.sealed, c.version
             FROM credentials c JOIN accounts a ON a.id = c.account_id
             WHERE c.account_id = $1 FOR UPDATE OF c",
        )
        .bind(account)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
        let tenant = TenantId::new(tenant);
        let key = data_key(fleet, tenant, &sealed).await;
        let subject = AccountId::new(account).to_string();
        let associated =
            Associated { tenant, subject: &subject, platform: &platform, field: "grant", version };
        let clear = key.open(&associated, &sealed).unwrap();
        let mut grant: Value = serde_json::from_slice(clear.bytes()).unwrap();
        let ends = Timestamp::parse(grant["expires_at"].as_str().unwrap()).unwrap() - by;
        grant["expires_at"] = json!(ends);
        let sealed = key.seal(&associated, grant.to_string().as_bytes());
        sqlx::query(
            "UPDATE credentials SET sealed = $2, expires_at = $3::text::timestamptz,
                 refreshed_at = refreshed_at - $4 * interval '1 millisecond',
                 refresh_deadline_at = refresh_deadline_at - $4 * interval '1 millisecond'
             WHERE account_id = $1",
        )
        .bind(account)
        .bind(sealed)
        .bind(ends.to_string())
        .bind(i64::try_from(by.as_millis()).unwrap())
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }
}

/// The account is tried again as if so much time had passed since it was refused: what is known
/// against its grant is older, its rest is over, and what waits for it is due.
pub async fn rest_over(fleet: &Fleet, account: &Account, by: Duration) {
    let mut db = fleet.postgres().await;
    let id: AccountId = account.id.parse().unwrap();
    let ms = i64::try_from(by.as_millis()).unwrap();
    let gate = format!("account:%:{}", id.uuid());
    let gates: Vec<String> =
        sqlx::query_scalar("DELETE FROM gates WHERE scope_key LIKE $1 RETURNING scope_key")
            .bind(gate)
            .fetch_all(&mut db)
            .await
            .unwrap();
    for statement in [
        "UPDATE refusals SET refused_since = refused_since - $2 * interval '1 millisecond',
             refused_at = refused_at - $2 * interval '1 millisecond',
             dead_since = dead_since - $2 * interval '1 millisecond',
             dead_at = dead_at - $2 * interval '1 millisecond',
             counted_at = counted_at - $2 * interval '1 millisecond'
         WHERE account_id = $1",
        "UPDATE credentials SET refreshed_at = refreshed_at - $2 * interval '1 millisecond',
             refresh_deadline_at = refresh_deadline_at - $2 * interval '1 millisecond'
         WHERE account_id = $1",
        "UPDATE jobs SET due_at = least(due_at, clock_timestamp()), armed_at = clock_timestamp(),
             generation = nextval('job_generation')
         WHERE $2 > 0 AND (subject IN (SELECT id FROM deliveries WHERE account_id = $1
                 AND status = 'ready')
             OR subject = $1 AND EXISTS (SELECT FROM refusals WHERE account_id = $1))",
    ] {
        sqlx::query(statement).bind(id.uuid()).bind(ms).execute(&mut db).await.unwrap();
    }
    open_gates(fleet, &gates).await;
}

/// Waits until something is known against the account's grant, and has ten minutes pass, until it
/// needs its owner.
pub async fn lose(fleet: &Fleet, account: &Account) {
    let mut db = fleet.postgres().await;
    let id: AccountId = account.id.parse().unwrap();
    eventually("the account is lost", Duration::from_secs(60), async || {
        let (status, since): (String, Option<i64>) = sqlx::query_as(
            "SELECT a.status, extract(epoch FROM clock_timestamp()
                 - greatest(r.counted_at, r.dead_at))::bigint
             FROM accounts a LEFT JOIN refusals r ON r.account_id = a.id WHERE a.id = $1",
        )
        .bind(id.uuid())
        .fetch_one(&mut db)
        .await
        .unwrap();
        if status != "connected" {
            return Ok(());
        }
        // What was just refused rests; what has aged is about to be tried.
        if since.is_some_and(|since| since < 600) {
            rest_over(fleet, account, Duration::from_secs(601)).await;
        }
        Err(format!("{status}, refused {since:?} s ago"))
    })
    .await;
}

/// A post that is out came out so much earlier, and so did its copies: the next one comes nearer.
pub async fn age_copies(fleet: &Fleet, post: &Value, by: Duration) {
    let id: PostId = post["id"].as_str().unwrap().parse().unwrap();
    let ms = i64::try_from(by.as_millis()).unwrap();
    let mut db = fleet.postgres().await;
    let mut tx = db.begin().await.unwrap();
    let series = "(SELECT $1::uuid UNION SELECT post_id FROM copies WHERE origin_id = $1)";
    for statement in [
        // Whoever makes a copy, or fans one out, holds these rows.
        "SELECT FROM posts WHERE id = $1 AND $2 > 0 FOR UPDATE".to_owned(),
        format!("SELECT FROM posts WHERE id IN {series} AND $2 > 0 ORDER BY id FOR UPDATE"),
        // Whoever prepares one for its old time is of the past, as after an edit.
        format!(
            "UPDATE deliveries SET published_at = published_at - $2 * interval '1 millisecond',
                 due_at = due_at - $2 * interval '1 millisecond', revision = revision
                     + CASE WHEN status IN ('scheduled', 'ready') THEN 1 ELSE 0 END
             WHERE post_id IN {series}"
        ),
        format!(
            "UPDATE posts SET scheduled_at = scheduled_at - $2 * interval '1 millisecond'
             WHERE id IN {series}"
        ),
        "UPDATE copies SET due_at = due_at - $2 * interval '1 millisecond'
         WHERE origin_id = $1"
            .to_owned(),
        "UPDATE republishes SET next_at = next_at - $2 * interval '1 millisecond'
         WHERE post_id = $1"
            .to_owned(),
        format!(
            "UPDATE jobs SET due_at = due_at - $2 * interval '1 millisecond',
                 armed_at = clock_timestamp(), generation = nextval('job_generation')
             WHERE subject = $1 AND kind = 'republish' OR kind = 'publish' AND subject IN (
                 SELECT id FROM deliveries WHERE post_id IN {series})"
        ),
    ] {
        let aged = sqlx::query(sqlx::AssertSqlSafe(statement));
        aged.bind(id.uuid()).bind(ms).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}
