//! For benches alone: accounts, and posts that wait on them for their time, written in bulk as
//! accepting and fan-out would have left them.

use crate::{Store, convert};
use base::Fault;
use domain::request::Draft;
use domain::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

/// An account, with the tenant that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Which account.
    pub account: Uuid,
    /// Whose; its brand has the same number.
    pub tenant: Uuid,
}

/// Posts that wait for their time, one delivery each, one account after the other.
#[derive(Debug, Clone, Copy)]
pub struct Sowing<'a> {
    /// On which platform.
    pub platform: &'a str,
    /// The queue of their wake-ups.
    pub queue: &'a str,
    /// On these accounts.
    pub seats: &'a [Seat],
    /// What was written.
    pub draft: &'a Draft,
    /// The number of the first of them.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// The number that is due first, of all that belong together.
    pub origin: u64,
    /// When that one is due.
    pub first_due_at: Timestamp,
    /// How many of them fall due in a second; of more than a thousand a millisecond has several.
    pub per_s: u64,
}

impl Store {
    /// Makes accounts on a platform, with a grant that nobody opens.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn sow_accounts(&self, platform: &str, seats: &[Seat]) -> Result<(), Fault> {
        let mut tx = self.pool.begin().await?;
        let tenants: Vec<Uuid> = seats.iter().map(|seat| seat.tenant).collect();
        let accounts: Vec<Uuid> = seats.iter().map(|seat| seat.account).collect();
        for statement in [
            "INSERT INTO tenants (id, name) SELECT DISTINCT t.id, t.id::text
             FROM UNNEST($1::uuid[], $2::uuid[]) AS t (id, account)
             WHERE $3::text IS NOT NULL ON CONFLICT DO NOTHING",
            "INSERT INTO brands (id, tenant_id, slug, name) SELECT DISTINCT t.id, t.id, 'b', 'b'
             FROM UNNEST($1::uuid[], $2::uuid[]) AS t (id, account)
             WHERE $3::text IS NOT NULL ON CONFLICT DO NOTHING",
            "INSERT INTO accounts (id, tenant_id, brand_id, platform, app, remote_id, handle,
                 kind, status)
             SELECT t.account, t.id, t.id, $3, 'default', t.account::text, t.account::text, '',
                 'connected'
             FROM UNNEST($1::uuid[], $2::uuid[]) AS t (id, account)",
            "INSERT INTO credentials (account_id, tenant_id, sealed, version, expires_at)
             SELECT t.account, t.id, ''::bytea, 1, clock_timestamp() + interval '1 year'
             FROM UNNEST($1::uuid[], $2::uuid[]) AS t (id, account)
             WHERE $3::text IS NOT NULL",
        ] {
            sqlx::query(statement)
                .bind(&tenants)
                .bind(&accounts)
                .bind(platform)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Writes posts with their deliveries and wake-ups, all or nothing. The id of a delivery is its
    /// number and its due time in microseconds, eight bytes each.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn sow_posts(&self, sowing: Sowing<'_>) -> Result<(), Fault> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        sqlx::query(
            "WITH due AS MATERIALIZED (
                 SELECT n, $1::timestamptz + ((n - $2) * 1000 / $3) * interval '1 millisecond' AS at,
                     ($6::uuid[])[1 + n % $8] AS account, ($7::uuid[])[1 + n % $8] AS tenant
                 FROM generate_series($4::bigint, $5::bigint) AS n
             ), s AS MATERIALIZED (
                 SELECT (lpad(to_hex(n), 16, '0')
                     || lpad(to_hex((extract(epoch FROM at) * 1000000)::bigint), 16, '0'))::uuid AS id,
                     at, account, tenant
                 FROM due
             ), p AS (
                 INSERT INTO posts (id, tenant_id, brand_id, stage, draft, scheduled_at)
                 SELECT id, tenant, tenant, 'live', $9, at FROM s
             ), d AS (
                 INSERT INTO deliveries (id, tenant_id, post_id, account_id, platform, status,
                     due_at)
                 SELECT id, tenant, id, account, $10, 'scheduled', at FROM s
             )
             INSERT INTO jobs (kind, queue, subject, shard, fair_group, lane, due_at)
             SELECT 'publish', $11, id, 0, tenant || ':' || $10 || ':default',
                 $10 || ':default:' || account, at FROM s",
        )
        .bind(convert::at(sowing.first_due_at))
        .bind(number(sowing.origin))
        .bind(number(sowing.per_s.max(1)))
        .bind(number(sowing.first))
        .bind(number(sowing.first + sowing.count) - 1)
        .bind(sowing.seats.iter().map(|seat| seat.account).collect::<Vec<_>>())
        .bind(sowing.seats.iter().map(|seat| seat.tenant).collect::<Vec<_>>())
        .bind(number(sowing.seats.len() as u64))
        .bind(Json(sowing.draft))
        .bind(sowing.platform)
        .bind(sowing.queue)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Has Postgres look at what lies in its tables, as it does by itself after a while.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn survey(&self) -> Result<(), Fault> {
        sqlx::query("ANALYZE posts, deliveries, jobs").execute(&self.pool).await?;
        Ok(())
    }
}

/// A post as a server would store it that checks nothing.
#[derive(Debug, Clone)]
pub struct BarePost {
    /// Its id.
    pub id: Uuid,
    /// The id of its delivery.
    pub delivery: Uuid,
    /// What was written.
    pub draft: Value,
    /// The key that makes it safe to ask again.
    pub key: Option<String>,
    /// SHA-256 of the request.
    pub sha256: String,
}

impl Store {
    /// Inserts the rows of a post, its delivery, its key and its wake-up in one statement.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn insert_bare(&self, seat: Seat, post: BarePost) -> Result<(), Fault> {
        sqlx::query(
            "WITH k AS (
                 INSERT INTO idempotency_keys (tenant_id, key, request_sha256, post_id)
                 SELECT $2, $5, $6, $1 WHERE $5 IS NOT NULL
             ), p AS (
                 INSERT INTO posts (id, tenant_id, brand_id, stage, draft, scheduled_at)
                 VALUES ($1, $2, $2, 'live', $4, '2099-01-01T09:00:00Z')
             ), d AS (
                 INSERT INTO deliveries (id, tenant_id, post_id, account_id, platform, status,
                     due_at)
                 VALUES ($7, $2, $1, $3, 'x', 'validating', '2099-01-01T09:00:00Z')
             )
             INSERT INTO jobs (kind, queue, subject, shard, fair_group, lane, due_at)
             VALUES ('fan_out', 'fan_out', $1, 0, $2::text, $2::text, clock_timestamp())",
        )
        .bind(post.id)
        .bind(seat.tenant)
        .bind(seat.account)
        .bind(Json(post.draft))
        .bind(post.key)
        .bind(post.sha256)
        .bind(post.delivery)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
