//! One delivery with everything that says why it stands where it stands, and what was tried.
//!
//! For people: nothing here is read by a worker.

use crate::deliveries::{Shown, shown_of, take_up_operations};
use crate::doubts::Wording;
use crate::overviews::own_of;
use crate::pauses::of_key;
use crate::{Store, convert};
use base::Fault;
use domain::account::Paused;
use domain::delivery::Status;
use domain::id::{DeliveryId, TenantId};
use domain::limit::Own;
use domain::post::Stage;
use domain::request::Draft;
use domain::time::Timestamp;
use serde_json::Value;
use sqlx::Row;

/// A delivery and what surrounds it.
#[derive(Debug, Clone)]
pub struct Situation {
    /// The delivery. Its gate is told even before it is due.
    pub shown: Shown,
    /// Its post's own stage.
    pub stage: Stage,
    /// What was written.
    pub draft: Draft,
    /// The account needs its owner, for this reason.
    pub needs_reconnect: Option<String>,
    /// The account or its brand is paused, for this reason.
    pub paused: Option<(Paused, String)>,
    /// The owner's limits of the account.
    pub own: Own,
    /// Somebody renews the account's token, until this instant at most.
    pub refresh_until: Option<Timestamp>,
    /// The deadline of the open intent.
    pub deadline_at: Option<Timestamp>,
    /// Postgres may have forgotten that it is out: it is asked for from this instant on.
    pub ask_from: Option<Timestamp>,
    /// Complete look-ups that found nothing.
    pub absences: i32,
    /// Deaths of a process while it, or the fan-out of its post, was worked on.
    pub crashes: i32,
    /// When the wake-up that is owed is due.
    pub wake_at: Option<Timestamp>,
    /// Being late, it leaves at this instant.
    pub slot_at: Option<Timestamp>,
    /// Irreversible calls that came through.
    pub receipts: i64,
    /// The lines of the last settle, as `domain::timeline` stores them.
    pub last: Option<Value>,
    /// The present, by the database's clock.
    pub now: Timestamp,
}

/// The lines of one settle.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The lease.
    pub epoch: i64,
    /// The role of its worker, or `person`.
    pub role: String,
    /// The lines, as `domain::timeline` stores them.
    pub lines: Value,
}

/// An intent, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledgered {
    /// The lease.
    pub epoch: i64,
    /// Which call.
    pub endpoint: String,
    /// When it was written.
    pub intended_at: Timestamp,
    /// Nobody else sends before this instant.
    pub deadline_at: Timestamp,
    /// How it ended; open without one.
    pub outcome: Option<String>,
}

impl Store {
    /// A delivery of a tenant with what surrounds it.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn situation(
        &self,
        tenant: TenantId,
        id: DeliveryId,
    ) -> Result<Option<Situation>, Fault> {
        let row = sqlx::query(
            "SELECT d.id, d.post_id, d.account_id, d.platform, a.app, a.handle, d.status, d.due_at,
                 d.attempts, d.failure, d.failed_stage, d.remote_id, d.permalink, d.published_at, d.checkpoint,
                 d.sent_at, d.slot_at, g.scope_key AS gate_scope, g.until_at AS gate_until,
                 g.reason AS gate_reason, p.stage, p.draft AS post_draft, d.draft,
                 a.status AS account_status, a.status_reason,
                 z.reason AS pause_reason, z.scope_key AS pause_key, a.posts_per_day, a.min_gap_s,
                 c.refresh_deadline_at, d.deadline_at, d.ask_from, d.absences,
                 greatest(d.crashes, j.crashes) AS crashes, j.due_at AS wake_at,
                 (SELECT count(*) FROM attempts t WHERE t.delivery_id = d.id AND (
                     t.outcome = 'found' OR t.outcome = 'replied' AND t.http_status < 300)
                 ) AS receipts,
                 (SELECT lines FROM timeline t WHERE t.delivery_id = d.id ORDER BY t.id DESC LIMIT 1
                 ) AS last, clock_timestamp() AS now
             FROM deliveries d
             JOIN posts p ON p.id = d.post_id
             JOIN accounts a ON a.id = d.account_id
             JOIN credentials c ON c.account_id = d.account_id
             LEFT JOIN LATERAL (
                 SELECT reason, scope_key FROM gates
                 WHERE scope_key IN ('pause:' || d.account_id, 'pause:brand:' || a.brand_id)
                 ORDER BY scope_key LIKE 'pause:brand:%' DESC LIMIT 1
             ) z ON true
             LEFT JOIN LATERAL (
                 SELECT scope_key, until_at, reason FROM gates
                 WHERE until_at > clock_timestamp() AND d.status IN ('scheduled', 'ready')
                     AND scope_key IN (
                         'account:' || d.platform || ':' || coalesce(a.own_app_key, a.app) || ':'
                             || d.account_id,
                         'pause:' || d.account_id, 'pause:brand:' || a.brand_id,
                         'app:' || d.platform || ':' || coalesce(a.own_app_key, a.app),
                         'platform:' || d.platform)
                 ORDER BY until_at DESC LIMIT 1
             ) g ON true
             LEFT JOIN LATERAL (
                 SELECT due_at, crashes FROM jobs
                 WHERE kind = 'publish' AND subject = d.id OR kind = 'reconcile' AND subject = d.id
                     OR kind = 'fan_out' AND subject = d.post_id AND d.status = 'validating'
                 ORDER BY due_at LIMIT 1
             ) j ON true
             WHERE d.tenant_id = $1 AND d.id = $2",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let mut shown = shown_of(&row)?;
        let mut db = self.pool.acquire().await?;
        take_up_operations(&mut db, std::slice::from_mut(&mut shown)).await?;
        let account: String = row.try_get("account_status")?;
        let reason: Option<String> = row.try_get("status_reason")?;
        let now = convert::time(&row, "now")?;
        let refresh_until = convert::time_or_none(&row, "refresh_deadline_at")?;
        Ok(Some(Situation {
            stage: convert::word(&row, "stage", Stage::parse)?,
            draft: match &shown.draft {
                Some(own) => own.clone(),
                None => convert::json(&row, "post_draft")?,
            },
            shown,
            needs_reconnect: (account != "connected").then(|| reason.unwrap_or_default()),
            paused: match row.try_get::<Option<String>, _>("pause_reason")? {
                Some(reason) => Some((of_key(row.try_get("pause_key")?), reason)),
                None => None,
            },
            own: own_of(&row)?,
            refresh_until: refresh_until.filter(|until| *until > now),
            deadline_at: convert::time_or_none(&row, "deadline_at")?,
            ask_from: convert::time_or_none(&row, "ask_from")?,
            absences: row.try_get("absences")?,
            crashes: row.try_get("crashes")?,
            wake_at: convert::time_or_none(&row, "wake_at")?,
            slot_at: convert::time_or_none(&row, "slot_at")?,
            receipts: row.try_get("receipts")?,
            last: row.try_get("last")?,
            now,
        }))
    }

    /// What was told of a delivery, newest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn told(&self, id: DeliveryId, limit: i64) -> Result<Vec<Told>, Fault> {
        let rows = sqlx::query(
            "SELECT epoch, role, lines FROM timeline WHERE delivery_id = $1
             ORDER BY id DESC LIMIT $2",
        )
        .bind(id.uuid())
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Told {
                    epoch: row.try_get("epoch")?,
                    role: row.try_get("role")?,
                    lines: row.try_get("lines")?,
                })
            })
            .collect()
    }

    /// The intents of a delivery, newest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn ledgered(&self, id: DeliveryId, limit: i64) -> Result<Vec<Ledgered>, Fault> {
        let rows = sqlx::query(
            "SELECT epoch, endpoint, intended_at, deadline_at, outcome FROM attempts
             WHERE delivery_id = $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(id.uuid())
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Ledgered {
                    epoch: row.try_get("epoch")?,
                    endpoint: row.try_get("endpoint")?,
                    intended_at: convert::time(row, "intended_at")?,
                    deadline_at: convert::time(row, "deadline_at")?,
                    outcome: row.try_get("outcome")?,
                })
            })
            .collect()
    }

    /// The delivery of the account with an equal wording that may be out.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn twin_in_doubt(&self, wording: Wording<'_>) -> Result<Option<DeliveryId>, Fault> {
        let row = sqlx::query(
            "SELECT d.id FROM doubts o JOIN deliveries d ON d.id = o.delivery_id
             WHERE o.account_id = $1 AND o.delivery_id <> $2 AND o.wording_sha256 = $3
                 AND d.status IN ('sending', 'reconciling') LIMIT 1",
        )
        .bind(wording.account.uuid())
        .bind(wording.delivery.uuid())
        .bind(wording.sha256)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(|row| convert::id(row, "id")).transpose()
    }
}

impl Situation {
    /// Nothing is under way for it, and nothing has ended it.
    pub fn is_waiting(&self) -> bool {
        matches!(self.shown.status, Status::Scheduled | Status::Ready)
    }
}
