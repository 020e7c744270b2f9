//! What is due soon on an account, what was used of its limits, and the problems that were told.

use crate::{Store, convert};
use base::Fault;
use domain::id::{AccountId, DeliveryId, PostId, TenantId};
use domain::preflight::{LOOKS, Risk};
use domain::request::Draft;
use domain::time::Timestamp;
use sqlx::{PgConnection, Row};
use std::time::Duration;
use uuid::Uuid;

/// Deliveries that one look sees. An account with more is told of those that come first.
const SEEN_MAX: i64 = 1_000;
/// Calls of the ledger that one look counts.
const CALLS_MAX: i64 = 20_000;

/// A delivery that is due soon.
#[derive(Debug, Clone)]
pub struct Upcoming {
    /// Which one.
    pub id: DeliveryId,
    /// Of which post.
    pub post: PostId,
    /// When.
    pub due_at: Timestamp,
    /// What was written.
    pub draft: Draft,
}

/// A call that counts against a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Which call.
    pub endpoint: String,
    /// When it was intended.
    pub at: Timestamp,
    /// It was the first of its delivery.
    pub is_first: bool,
}

/// A problem as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The word for programs.
    pub kind: String,
    /// The story.
    pub message: String,
    /// The way out.
    pub resolution: String,
    /// Since when it is known.
    pub since: Timestamp,
}

/// What a look at an account has found.
pub struct Look<'a> {
    /// Of whom.
    pub tenant: TenantId,
    /// At which account.
    pub account: AccountId,
    /// The generation of the wake-up that it was owed by.
    pub generation: i64,
    /// The deliveries that were looked at.
    pub seen: &'a [DeliveryId],
    /// Their problems.
    pub risks: &'a [Risk],
}

/// What became of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Problems that nobody had been told of.
    pub told: u64,
    /// When to look again, with the wake-up's new generation.
    pub next: Option<(i64, Timestamp)>,
}

impl Store {
    /// What is due on an account within `ahead`.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn upcoming(
        &self,
        account: AccountId,
        ahead: Duration,
    ) -> Result<Vec<Upcoming>, Fault> {
        let rows = sqlx::query(
            "SELECT d.id, d.post_id, d.due_at, coalesce(d.draft, p.draft) AS draft
             FROM deliveries d
             JOIN posts p ON p.id = d.post_id
             WHERE d.account_id = $1 AND d.due_at > (SELECT clock_timestamp())
                 AND d.due_at <= (SELECT clock_timestamp()) + $2 * interval '1 millisecond'
                 AND d.status IN ('validating', 'scheduled', 'ready') AND p.stage = 'live'
             ORDER BY d.due_at, d.id LIMIT $3",
        )
        .bind(account.uuid())
        .bind(i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX))
        .bind(SEEN_MAX)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Upcoming {
                    id: convert::id(row, "id")?,
                    post: convert::id(row, "post_id")?,
                    due_at: convert::time(row, "due_at")?,
                    draft: convert::json(row, "draft")?,
                })
            })
            .collect()
    }

    /// The irreversible calls of an account within `back`, but for those taken back.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn calls_used(&self, account: AccountId, back: Duration) -> Result<Vec<Used>, Fault> {
        // A delivery may go out up to three days late; what is later than that is not counted.
        let rows = sqlx::query(
            "SELECT t.endpoint, t.intended_at, t.intended_at = d.intended_at AS is_first
             FROM deliveries d JOIN attempts t ON t.delivery_id = d.id
             WHERE d.account_id = $1 AND d.due_at <= (SELECT clock_timestamp())
                 AND d.due_at > (SELECT clock_timestamp()) - $2 * interval '1 millisecond'
                     - interval '72 hours'
                 AND t.intended_at > clock_timestamp() - $2 * interval '1 millisecond'
                 AND t.outcome IS DISTINCT FROM 'withdrawn'
             LIMIT $3",
        )
        .bind(account.uuid())
        .bind(i64::try_from(back.as_millis()).unwrap_or(i64::MAX))
        .bind(CALLS_MAX)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(used_of).collect()
    }

    /// The calls of every other account of an app within `back`, and those that they will make
    /// within `ahead`, one for each delivery, at its due time.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn calls_of_others(
        &self,
        account: AccountId,
        endpoint: &str,
        (back, ahead): (Duration, Duration),
    ) -> Result<Vec<Used>, Fault> {
        let rows = sqlx::query(
            "WITH others AS (
                 SELECT o.id FROM accounts o JOIN accounts a ON a.platform = o.platform
                     AND a.app = o.app WHERE a.id = $1 AND o.id <> $1)
             SELECT $2 AS endpoint, t.intended_at, true AS is_first
             FROM others JOIN deliveries d ON d.account_id = others.id
             JOIN attempts t ON t.delivery_id = d.id AND t.endpoint = $2
             WHERE d.due_at > (SELECT clock_timestamp()) - $3 * interval '1 millisecond'
                     - interval '72 hours'
                 AND t.intended_at > clock_timestamp() - $3 * interval '1 millisecond'
                 AND t.outcome IS DISTINCT FROM 'withdrawn'
             UNION ALL
             SELECT $2, d.due_at, true
             FROM others JOIN deliveries d ON d.account_id = others.id
             WHERE d.due_at > (SELECT clock_timestamp())
                 AND d.due_at <= (SELECT clock_timestamp()) + $4 * interval '1 millisecond'
                 AND d.status IN ('validating', 'scheduled', 'ready')
             LIMIT $5",
        )
        .bind(account.uuid())
        .bind(endpoint)
        .bind(i64::try_from(back.as_millis()).unwrap_or(i64::MAX))
        .bind(i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX))
        .bind(CALLS_MAX)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(used_of).collect()
    }

    /// The problems of a delivery as they stand, the oldest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn risks(&self, delivery: DeliveryId) -> Result<Vec<Standing>, Fault> {
        let rows = sqlx::query(
            "SELECT kind, message, resolution, since FROM risks WHERE delivery_id = $1
             ORDER BY since, kind, about",
        )
        .bind(delivery.uuid())
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Standing {
                    kind: row.try_get("kind")?,
                    message: row.try_get("message")?,
                    resolution: row.try_get("resolution")?,
                    since: convert::time(row, "since")?,
                })
            })
            .collect()
    }

    /// Brings the next look at an account forward to now, where one is owed.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn look_again(&self, account: AccountId) -> Result<Option<crate::jobs::Job>, Fault> {
        let row = sqlx::query(
            "UPDATE jobs SET due_at = clock_timestamp(), armed_at = clock_timestamp(),
                 generation = nextval('job_generation')
             WHERE kind = 'preflight' AND subject = $1
             RETURNING queue, subject, generation, shard, fair_group, lane, due_at",
        )
        .bind(account.uuid())
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(crate::jobs::job_of).transpose()
    }

    /// Writes what a look has found: problems that are new with an event each, those that are gone
    /// away, and the next look. `None` when the wake-up was not owed any more: then nothing is
    /// written, and whoever changed it owes another look.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn looked(&self, look: Look<'_>) -> Result<Option<Looked>, Fault> {
        let mut tx = self.pool.begin().await?;
        // A fan-out that adds a delivery holds this row until it is committed; what is read behind
        // this lock has it.
        let owed = sqlx::query(
            "SELECT 1 FROM jobs WHERE kind = 'preflight' AND subject = $1 AND generation = $2
             FOR UPDATE",
        )
        .bind(look.account.uuid())
        .bind(look.generation)
        .fetch_optional(&mut *tx)
        .await?;
        if owed.is_none() {
            return Ok(None);
        }
        forget(&mut tx, &look).await?;
        let told = tell(&mut tx, &look).await?;
        let next = rearm(&mut tx, look.account).await?;
        tx.commit().await?;
        Ok(Some(Looked { told, next }))
    }
}

fn used_of(row: &sqlx::postgres::PgRow) -> Result<Used, Fault> {
    Ok(Used {
        endpoint: row.try_get("endpoint")?,
        at: convert::time(row, "intended_at")?,
        is_first: row.try_get::<Option<bool>, _>("is_first")?.unwrap_or(false),
    })
}

/// The columns of problems, for `UNNEST`.
type Columns = (Vec<Uuid>, Vec<&'static str>, Vec<String>);

fn columns(look: &Look<'_>) -> Columns {
    let deliveries = look.risks.iter().map(|risk| risk.delivery.uuid()).collect();
    let kinds = look.risks.iter().map(|risk| risk.kind).collect();
    let abouts = look.risks.iter().map(|risk| risk.about.clone()).collect();
    (deliveries, kinds, abouts)
}

/// Takes away the problems that were not found again, and those of what waits no more.
async fn forget(db: &mut PgConnection, look: &Look<'_>) -> Result<(), Fault> {
    let (deliveries, kinds, abouts) = columns(look);
    sqlx::query(
        "DELETE FROM risks r
         WHERE r.account_id = $1
             AND NOT EXISTS (
                 SELECT FROM UNNEST($3::uuid[], $4::text[], $5::text[]) AS f (id, kind, about)
                 WHERE f.id = r.delivery_id AND f.kind = r.kind AND f.about = r.about)
             AND (r.delivery_id = ANY($2) OR EXISTS (
                 SELECT FROM deliveries d WHERE d.id = r.delivery_id
                     AND d.status NOT IN ('validating', 'scheduled', 'ready')))",
    )
    .bind(look.account.uuid())
    .bind(look.seen.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .bind(deliveries)
    .bind(kinds)
    .bind(abouts)
    .execute(db)
    .await?;
    Ok(())
}

/// Writes the problems; each that was not there before is told in an event.
async fn tell(db: &mut PgConnection, look: &Look<'_>) -> Result<u64, Fault> {
    let (deliveries, kinds, abouts) = columns(look);
    let told = sqlx::query(
        "WITH f AS (
             SELECT * FROM UNNEST($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
                 $8::text[]) WITH ORDINALITY
                 AS t (id, kind, about, message, resolution, subject, place)
         ), put AS (
             INSERT INTO risks (delivery_id, kind, about, tenant_id, account_id, message,
                 resolution)
             SELECT id, kind, about, $1, $2, message, resolution FROM f
             ON CONFLICT (delivery_id, kind, about) DO UPDATE
             SET message = EXCLUDED.message, resolution = EXCLUDED.resolution
             RETURNING delivery_id, kind, about, xmax = 0 AS is_new)
         INSERT INTO events (tenant_id, kind, subject, data)
         SELECT $1, 'post.at_risk', f.subject, jsonb_build_object('risk', f.kind,
             'about', f.about, 'message', f.message, 'resolution', f.resolution,
             'postId', 'pst_' || replace(d.post_id::text, '-', ''),
             'accountId', 'acc_' || replace(d.account_id::text, '-', ''),
             'platform', d.platform,
             'dueAt', to_char(d.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))
         FROM put JOIN f ON f.id = put.delivery_id AND f.kind = put.kind AND f.about = put.about
         JOIN deliveries d ON d.id = put.delivery_id
         WHERE put.is_new ORDER BY f.place",
    )
    .bind(look.tenant.uuid())
    .bind(look.account.uuid())
    .bind(deliveries)
    .bind(kinds)
    .bind(abouts)
    .bind(look.risks.iter().map(|risk| risk.message.clone()).collect::<Vec<_>>())
    .bind(look.risks.iter().map(|risk| risk.resolution).collect::<Vec<_>>())
    .bind(look.risks.iter().map(|risk| risk.delivery.to_string()).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(told.rows_affected())
}

/// Moves the wake-up to the earliest look of all that waits, or takes it away.
async fn rearm(
    db: &mut PgConnection,
    account: AccountId,
) -> Result<Option<(i64, Timestamp)>, Fault> {
    let looks_ms: Vec<i64> =
        LOOKS.iter().map(|ahead| i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX)).collect();
    // For each look the first delivery for which it lies ahead, found by the index.
    let row = sqlx::query(
        "SELECT min(n.due_at - l.ms * interval '1 millisecond') AS next
         FROM UNNEST($2::bigint[]) AS l (ms) CROSS JOIN LATERAL (
             SELECT d.due_at FROM deliveries d
             WHERE d.account_id = $1
                 AND d.due_at > (SELECT clock_timestamp()) + l.ms * interval '1 millisecond'
                 AND d.status IN ('validating', 'scheduled', 'ready')
             ORDER BY d.due_at LIMIT 1) n",
    )
    .bind(account.uuid())
    .bind(looks_ms)
    .fetch_one(&mut *db)
    .await?;
    let Some(next) = convert::time_or_none(&row, "next")? else {
        sqlx::query("DELETE FROM jobs WHERE kind = 'preflight' AND subject = $1")
            .bind(account.uuid())
            .execute(db)
            .await?;
        return Ok(None);
    };
    let row = sqlx::query(
        "UPDATE jobs SET due_at = $2, armed_at = clock_timestamp(), crashes = 0,
             alone_epoch = NULL, generation = nextval('job_generation')
         WHERE kind = 'preflight' AND subject = $1 RETURNING generation, due_at",
    )
    .bind(account.uuid())
    .bind(convert::at(next))
    .fetch_one(db)
    .await?;
    Ok(Some((row.try_get("generation")?, convert::time(&row, "due_at")?)))
}
