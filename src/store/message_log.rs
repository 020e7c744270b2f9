//! What was sent to endpoints, shown and sent once more.

use crate::jobs::{self, Job};
use crate::webhooks::{By, note};
use crate::{Store, convert};
use base::Fault;
use domain::id::{TenantId, WebhookId};
use domain::time::Timestamp;
use domain::webhook::EventId;
use serde_json::{Value, json};
use sqlx::{PgConnection, Row};

/// A message and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The event.
    pub event: EventId,
    /// Its kind.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// `waiting`, `delivered` or `failed`.
    pub status: String,
    /// Attempts since it was owed, or was asked for once more.
    pub attempts: i32,
    /// When it is sent next; `None` behind an earlier one of its stream.
    pub next_at: Option<Timestamp>,
    /// Every answer, the oldest first.
    pub answers: Value,
    /// When it was owed.
    pub created_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

/// Which messages are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Of this status alone.
    pub status: Option<&'static str>,
    /// Of events before this one.
    pub before: Option<EventId>,
    /// Of events since then.
    pub since: Option<Timestamp>,
    /// Of events until then.
    pub until: Option<Timestamp>,
}

impl Store {
    /// The messages of an endpoint, the newest event first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn messages(
        &self,
        tenant: TenantId,
        webhook: WebhookId,
        chosen: &Chosen,
        limit: i64,
    ) -> Result<Vec<Message>, Fault> {
        let rows = sqlx::query(
            "SELECT m.event_id, e.kind, e.subject, m.status, m.attempts, m.answers, m.created_at,
                 m.ended_at, j.due_at FROM webhook_messages m
             JOIN events e ON e.id = m.event_id
             LEFT JOIN jobs j ON j.kind = 'webhook' AND j.subject = m.id
             WHERE m.tenant_id = $1 AND m.webhook_id = $2
                 AND ($3::text IS NULL OR m.status = $3)
                 AND ($4::bigint IS NULL OR m.event_id < $4)
                 AND ($5::timestamptz IS NULL OR e.at >= $5)
                 AND ($6::timestamptz IS NULL OR e.at < $6)
             ORDER BY m.event_id DESC LIMIT $7",
        )
        .bind(tenant.uuid())
        .bind(webhook.uuid())
        .bind(chosen.status)
        .bind(chosen.before.map(|event| event.0))
        .bind(chosen.since.map(convert::at))
        .bind(chosen.until.map(convert::at))
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        let read = |row: &sqlx::postgres::PgRow| {
            Ok(Message {
                event: EventId(row.try_get("event_id")?),
                kind: row.try_get("kind")?,
                subject: row.try_get("subject")?,
                status: row.try_get("status")?,
                attempts: row.try_get("attempts")?,
                next_at: convert::time_or_none(row, "due_at")?,
                answers: convert::json(row, "answers")?,
                created_at: convert::time(row, "created_at")?,
                ended_at: convert::time_or_none(row, "ended_at")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Owes an endpoint one event of its tenant once more, whether it was sent before or not.
    /// `None` when there is no such event.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn owe_event(
        &self,
        by: By<'_>,
        webhook: WebhookId,
        event: EventId,
    ) -> Result<Option<Vec<Job>>, Fault> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query(
            "INSERT INTO webhook_messages AS m (id, webhook_id, tenant_id, event_id, stream)
             SELECT $4, w.id, e.tenant_id, e.id, coalesce(e.data->>'postId', e.subject)
             FROM events e JOIN webhooks w ON w.tenant_id = e.tenant_id
             WHERE e.tenant_id = $1 AND e.id = $3 AND w.id = $2 AND w.status = 'enabled'
             ON CONFLICT (webhook_id, event_id) DO UPDATE
             SET status = 'waiting', ended_at = NULL, attempts = 0
             RETURNING m.event_id",
        )
        .bind(by.tenant.uuid())
        .bind(webhook.uuid())
        .bind(event.0)
        .bind(base::rng::id::<domain::id::kind::Webhook>().uuid())
        .fetch_optional(&mut *tx)
        .await?;
        if row.is_none() {
            return Ok(None);
        }
        let jobs = arm(&mut tx, webhook, &[event.0]).await?;
        let after = json!({ "eventId": event });
        note(&mut tx, by, webhook, "webhook.redeliver", (json!({}), after)).await?;
        tx.commit().await?;
        Ok(Some(jobs))
    }

    /// Owes an endpoint the messages once more that are over and chosen, the oldest first, at most
    /// `most` of them.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn owe_again(
        &self,
        by: By<'_>,
        webhook: WebhookId,
        chosen: &Chosen,
        most: i64,
    ) -> Result<Vec<Job>, Fault> {
        let mut tx = self.pool.begin().await?;
        let rows = sqlx::query(
            "WITH meant AS (
                 SELECT m.id FROM webhook_messages m JOIN events e ON e.id = m.event_id
                 WHERE m.tenant_id = $1 AND m.webhook_id = $2 AND m.status <> 'waiting'
                     AND ($3::text IS NULL OR m.status = $3)
                     AND ($4::timestamptz IS NULL OR e.at >= $4)
                     AND ($5::timestamptz IS NULL OR e.at < $5)
                     AND EXISTS (SELECT FROM webhooks w WHERE w.id = $2 AND w.status = 'enabled')
                 ORDER BY m.event_id LIMIT $6 FOR UPDATE OF m)
             UPDATE webhook_messages m SET status = 'waiting', ended_at = NULL, attempts = 0
             FROM meant WHERE m.id = meant.id RETURNING m.event_id",
        )
        .bind(by.tenant.uuid())
        .bind(webhook.uuid())
        .bind(chosen.status)
        .bind(chosen.since.map(convert::at))
        .bind(chosen.until.map(convert::at))
        .bind(most)
        .fetch_all(&mut *tx)
        .await?;
        let events: Vec<i64> =
            rows.iter().map(|row| row.try_get("event_id")).collect::<Result<_, _>>()?;
        let jobs = arm(&mut tx, webhook, &events).await?;
        if !events.is_empty() {
            let after = json!({ "count": events.len(), "status": chosen.status,
                "since": chosen.since, "until": chosen.until });
            note(&mut tx, by, webhook, "webhook.redeliver", (json!({}), after)).await?;
        }
        tx.commit().await?;
        Ok(jobs)
    }

    /// Writes an event for one endpoint alone, so that its owner sees the whole way work. `None`
    /// when it is not there or switched off.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn test_webhook(
        &self,
        tenant: TenantId,
        webhook: WebhookId,
    ) -> Result<Option<EventId>, Fault> {
        let row = sqlx::query(
            "INSERT INTO events (tenant_id, kind, subject, data)
             SELECT tenant_id, 'webhook.test', $3, jsonb_build_object('url', url)
             FROM webhooks WHERE tenant_id = $1 AND id = $2 AND status = 'enabled'
             RETURNING id",
        )
        .bind(tenant.uuid())
        .bind(webhook.uuid())
        .bind(webhook.to_string())
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| Ok(EventId(row.try_get("id")?))).transpose()
    }
}

async fn arm(tx: &mut PgConnection, webhook: WebhookId, events: &[i64]) -> Result<Vec<Job>, Fault> {
    let rows = sqlx::query(
        "INSERT INTO jobs (kind, queue, subject, shard, fair_group, lane, due_at)
         SELECT 'webhook', 'webhook', m.id, w.shard, w.tenant_id || ':webhook:' || w.id,
             webhook_lane(w.id, m.stream), clock_timestamp()
         FROM webhook_messages m JOIN webhooks w ON w.id = m.webhook_id
         WHERE m.webhook_id = $1 AND m.event_id = ANY($2) ORDER BY m.event_id
         ON CONFLICT (kind, subject) DO UPDATE
         SET due_at = EXCLUDED.due_at, armed_at = clock_timestamp(),
             generation = nextval('job_generation')
         RETURNING queue, subject, generation, shard, fair_group, lane, due_at",
    )
    .bind(webhook.uuid())
    .bind(events)
    .fetch_all(tx)
    .await?;
    rows.iter().map(jobs::job_of).collect()
}
