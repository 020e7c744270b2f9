//! Messages to endpoints: what is owed of an event, and what became of it.

use crate::jobs::{self, Job, JobKind};
use crate::{Store, convert};
use base::{Fault, trace};
use domain::id::{TenantId, WebhookId};
use domain::time::Timestamp;
use domain::webhook::EventId;
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use std::time::Duration;
use uuid::Uuid;

/// Answers that a message keeps: all of a ladder, and as many again of one that was asked for.
const ANSWERS_MAX: i32 = 20;

/// A message that is owed, with all that sending it takes.
#[derive(Debug, Clone)]
pub struct Owed {
    /// Of whom.
    pub tenant: TenantId,
    /// It tells of something in test mode.
    pub is_test: bool,
    /// To which endpoint.
    pub webhook: WebhookId,
    /// Where that is; `None` when it is gone or switched off.
    pub url: Option<String>,
    /// Since when the endpoint has taken nothing.
    pub failing_since: Option<Timestamp>,
    /// Attempts so far.
    pub attempts: u32,
    /// An earlier message of its stream waits.
    pub is_behind: bool,
    /// It was sent or given up already.
    pub is_over: bool,
    /// The event.
    pub event: EventId,
    /// Its kind.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// What happened.
    pub data: Value,
    /// When.
    pub at: Timestamp,
    /// The post with all of its deliveries, or whatever else it stands in a row with.
    pub stream: String,
    /// The span that brought its post, where traces are exported.
    pub traceparent: Option<String>,
    /// The secrets that sign, the newest first: row and seal.
    pub secrets: Vec<(Uuid, Vec<u8>)>,
}

/// What an attempt came to.
#[derive(Debug, Clone)]
pub struct Ended {
    /// What is kept of the answer.
    pub answer: Value,
    /// What follows.
    pub then: Then,
    /// Why the endpoint is switched off with it: `gone` or `failing`.
    pub disable: Option<&'static str>,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It was taken.
    Delivered,
    /// It is not sent again by itself.
    Failed,
    /// It is sent again after this.
    Again(Duration),
}

/// The wake-ups that an end left.
#[derive(Debug, Clone, Default)]
pub struct Left {
    /// Its own, where it is sent again.
    pub own: Option<(i64, Timestamp)>,
    /// That of the next message of the stream.
    pub next: Vec<Job>,
}

impl Store {
    /// A message whose wake-up is still of this generation; `None` when nothing is owed.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn owed_message(&self, id: Uuid, generation: i64) -> Result<Option<Owed>, Fault> {
        let row = sqlx::query(
            "SELECT m.tenant_id, m.webhook_id, m.status, m.attempts, w.url, w.failing_since,
                 e.id AS event_id, e.kind, e.subject, e.data, e.at, m.stream,
                 CASE WHEN $3 AND m.stream ~ '^pst_[0-9a-f]{32}$' THEN (SELECT p.traceparent
                     FROM posts p WHERE p.id = substr(m.stream, 5)::uuid) END AS traceparent,
                 (SELECT t.test_of IS NOT NULL FROM tenants t WHERE t.id = m.tenant_id) AS is_test,
                 EXISTS (SELECT FROM webhook_messages b WHERE b.webhook_id = m.webhook_id
                     AND b.stream = m.stream AND b.status = 'waiting'
                     AND b.event_id < m.event_id) AS is_behind,
                 ARRAY(SELECT s.id FROM webhook_secrets s WHERE s.webhook_id = w.id
                     AND (s.expires_at IS NULL OR s.expires_at > clock_timestamp())
                     ORDER BY s.created_at DESC) AS rows,
                 ARRAY(SELECT s.sealed FROM webhook_secrets s WHERE s.webhook_id = w.id
                     AND (s.expires_at IS NULL OR s.expires_at > clock_timestamp())
                     ORDER BY s.created_at DESC) AS seals
             FROM jobs j JOIN webhook_messages m ON m.id = j.subject
             JOIN events e ON e.id = m.event_id
             LEFT JOIN webhooks w ON w.id = m.webhook_id AND w.status = 'enabled'
             WHERE j.kind = 'webhook' AND j.subject = $1 AND j.generation = $2",
        )
        .bind(id)
        .bind(generation)
        .bind(trace::is_on())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let rows: Vec<Uuid> = row.try_get("rows")?;
        let seals: Vec<Vec<u8>> = row.try_get("seals")?;
        Ok(Some(Owed {
            tenant: convert::id(&row, "tenant_id")?,
            is_test: row.try_get("is_test")?,
            webhook: convert::id(&row, "webhook_id")?,
            url: row.try_get("url")?,
            failing_since: convert::time_or_none(&row, "failing_since")?,
            attempts: u32::try_from(row.try_get::<i32, _>("attempts")?).unwrap_or(0),
            is_behind: row.try_get("is_behind")?,
            is_over: row.try_get::<String, _>("status")? != "waiting",
            event: EventId(row.try_get("event_id")?),
            kind: row.try_get("kind")?,
            subject: row.try_get("subject")?,
            data: convert::json(&row, "data")?,
            at: convert::time(&row, "at")?,
            stream: row.try_get("stream")?,
            traceparent: row.try_get("traceparent")?,
            secrets: rows.into_iter().zip(seals).collect(),
        }))
    }

    /// Writes what an attempt came to, and wakes the next message of the stream behind an end.
    /// `None` when somebody else has written already.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn end_attempt(
        &self,
        (id, generation): (Uuid, i64),
        webhook: WebhookId,
        ended: &Ended,
    ) -> Result<Option<Left>, Fault> {
        let mut tx = self.pool.begin().await?;
        let mut left = Left::default();
        // The wake-up first: whoever holds its row is the only one who writes.
        match ended.then {
            Then::Again(after) => {
                let row = sqlx::query(
                    "UPDATE jobs SET due_at = clock_timestamp() + $3 * interval '1 millisecond',
                         armed_at = clock_timestamp(), crashes = 0, alone_epoch = NULL,
                         generation = nextval('job_generation')
                     WHERE kind = 'webhook' AND subject = $1 AND generation = $2
                     RETURNING generation, due_at",
                )
                .bind(id)
                .bind(generation)
                .bind(i64::try_from(after.as_millis()).unwrap_or(i64::MAX))
                .fetch_optional(&mut *tx)
                .await?;
                let Some(row) = row else { return Ok(None) };
                left.own = Some((row.try_get("generation")?, convert::time(&row, "due_at")?));
            }
            Then::Delivered | Then::Failed => {
                if !drop_wakeup(&mut tx, id, generation).await? {
                    return Ok(None);
                }
            }
        }
        write(&mut tx, id, ended).await?;
        mark(&mut tx, webhook, ended).await?;
        if left.own.is_none() {
            left.next = wake_next(&mut tx, id).await?;
        }
        tx.commit().await?;
        Ok(Some(left))
    }

    /// Takes the wake-up of a message away that is over, or whose endpoint is gone.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn forget_message(&self, id: Uuid, generation: i64) -> Result<Vec<Job>, Fault> {
        let mut tx = self.pool.begin().await?;
        let mut next = Vec::new();
        if drop_wakeup(&mut tx, id, generation).await? {
            sqlx::query(
                "UPDATE webhook_messages SET status = 'failed', ended_at = clock_timestamp()
                 WHERE id = $1 AND status = 'waiting'",
            )
            .bind(id)
            .execute(&mut *tx)
            .await?;
            next = wake_next(&mut tx, id).await?;
            sqlx::query(
                "DELETE FROM webhook_messages m WHERE m.id = $1
                     AND NOT EXISTS (SELECT FROM webhooks w WHERE w.id = m.webhook_id)",
            )
            .bind(id)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(next)
    }
}

async fn drop_wakeup(tx: &mut PgConnection, id: Uuid, generation: i64) -> Result<bool, Fault> {
    let gone =
        sqlx::query("DELETE FROM jobs WHERE kind = 'webhook' AND subject = $1 AND generation = $2")
            .bind(id)
            .bind(generation)
            .execute(tx)
            .await?;
    Ok(gone.rows_affected() == 1)
}

async fn write(tx: &mut PgConnection, id: Uuid, ended: &Ended) -> Result<(), Fault> {
    let status = match ended.then {
        Then::Delivered => "delivered",
        Then::Failed => "failed",
        Then::Again(_) => "waiting",
    };
    sqlx::query(
        "UPDATE webhook_messages SET status = $2, attempts = attempts + 1,
             answers = CASE WHEN jsonb_array_length(answers) >= $4 THEN answers - 0
                 ELSE answers END || $3,
             ended_at = CASE WHEN $2 <> 'waiting' THEN clock_timestamp() END
         WHERE id = $1",
    )
    .bind(id)
    .bind(status)
    .bind(Json(json!([ended.answer])))
    .bind(ANSWERS_MAX)
    .execute(tx)
    .await?;
    Ok(())
}

/// What the attempt says of the endpoint itself.
async fn mark(tx: &mut PgConnection, webhook: WebhookId, ended: &Ended) -> Result<(), Fault> {
    if let Some(why) = ended.disable {
        return disable(tx, webhook, why).await;
    }
    // Most attempts change nothing here, and lock nothing.
    let sql = match ended.then {
        Then::Delivered => {
            "UPDATE webhooks SET failing_since = NULL
             WHERE id = $1 AND failing_since IS NOT NULL"
        }
        Then::Failed | Then::Again(_) => {
            "UPDATE webhooks SET failing_since = clock_timestamp()
             WHERE id = $1 AND failing_since IS NULL"
        }
    };
    sqlx::query(sql).bind(webhook.uuid()).execute(tx).await?;
    Ok(())
}

/// Switches an endpoint off, once, with an event for the others of its tenant and a row of audit.
async fn disable(tx: &mut PgConnection, webhook: WebhookId, why: &str) -> Result<(), Fault> {
    sqlx::query(
        "WITH off AS (
             UPDATE webhooks SET status = 'disabled', disabled_for = $2,
                 updated_at = clock_timestamp()
             WHERE id = $1 AND status = 'enabled' RETURNING tenant_id, url, failing_since
         ), told AS (
             INSERT INTO events (tenant_id, kind, subject, data)
             SELECT tenant_id, 'webhook.disabled', $3, jsonb_build_object('url', url,
                 'reason', $2::text) FROM off
         )
         INSERT INTO audit (tenant_id, actor, action, subject, reason, before, after)
         SELECT tenant_id, 'postfleet', 'webhook.disable', $3,
             CASE $2 WHEN 'gone' THEN 'the endpoint answered 410'
                 ELSE 'the endpoint took nothing for days' END,
             jsonb_build_object('enabled', true, 'failingSince', failing_since),
             jsonb_build_object('enabled', false) FROM off",
    )
    .bind(webhook.uuid())
    .bind(why)
    .bind(webhook.to_string())
    .execute(tx)
    .await?;
    Ok(())
}

/// Wakes the next message of the stream of one that is over.
async fn wake_next(tx: &mut PgConnection, id: Uuid) -> Result<Vec<Job>, Fault> {
    let rows = sqlx::query(
        "INSERT INTO jobs (kind, queue, subject, shard, fair_group, lane, due_at)
         SELECT 'webhook', 'webhook', n.id, w.shard, w.tenant_id || ':webhook:' || w.id,
             webhook_lane(w.id, n.stream), clock_timestamp()
         FROM webhook_messages m JOIN webhooks w ON w.id = m.webhook_id
         CROSS JOIN LATERAL (
             SELECT n.id, n.stream FROM webhook_messages n
             WHERE n.webhook_id = m.webhook_id AND n.stream = m.stream AND n.status = 'waiting'
             ORDER BY n.event_id LIMIT 1) n
         WHERE m.id = $1
         ON CONFLICT (kind, subject) DO UPDATE
         SET due_at = EXCLUDED.due_at, armed_at = clock_timestamp(),
             generation = nextval('job_generation')
         RETURNING queue, subject, generation, shard, fair_group, lane, due_at",
    )
    .bind(id)
    .fetch_all(tx)
    .await?;
    rows.iter().map(jobs::job_of).collect()
}

impl Store {
    /// The wake-ups of messages that were owed since `after` or lately before it, in the order of
    /// their birth: they are written by triggers, so nobody else tells Redis of them.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn fresh_messages(
        &self,
        shard: i16,
        lately: Duration,
        limit: i64,
    ) -> Result<Vec<Job>, Fault> {
        // Their ids begin with the millisecond of their birth.
        let rows = sqlx::query(
            "SELECT queue, subject, generation, shard, fair_group, lane, due_at FROM jobs
             WHERE kind = $1 AND shard = $2 AND subject > (SELECT rpad(lpad(to_hex(floor(
                     extract(epoch FROM clock_timestamp()) * 1000 - $3)::bigint), 12, '0'),
                     32, '0')::uuid)
                 AND due_at <= (SELECT clock_timestamp())
             ORDER BY subject LIMIT $4",
        )
        .bind(JobKind::Webhook.as_str())
        .bind(shard)
        .bind(i64::try_from(lately.as_millis()).unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(jobs::job_of).collect()
    }
}
