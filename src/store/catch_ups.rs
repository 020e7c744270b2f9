//! Slots of late deliveries: those of one account leave apart, in the order of their due times.
//!
//! Whoever comes first gives a slot to every late delivery of the account at once and moves its
//! wake-up there, so that a backlog of any length is looked at once, not once for each of them.

use crate::jobs::{Job, job_of};
use crate::{Store, convert};
use base::Fault;
use domain::id::{AccountId, DeliveryId};
use domain::lateness::{Waiting, place};
use domain::time::Timestamp;
use sqlx::PgConnection;
use std::time::Duration;
use uuid::Uuid;

/// A late delivery that is about to leave.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Which.
    pub delivery: DeliveryId,
    /// On which account.
    pub account: AccountId,
    /// Late ones leave this far apart.
    pub gap: Duration,
    /// What is due for longer is late.
    pub late_after: Duration,
}

/// What the delivery is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// When it may leave; `None` is now, and nobody else of the account for a while.
    pub at: Option<Timestamp>,
    /// Wake-ups of others that were moved.
    pub moved: Vec<Job>,
}

impl Store {
    /// Lets a late delivery leave, or tells it when.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn take_slot(&self, asked: Asked) -> Result<Slot, Fault> {
        let mut tx = self.pool.begin().await?;
        // Held until the end: one at a time gives out the slots of an account.
        let row = sqlx::query(
            "INSERT INTO catch_ups AS c (account_id) VALUES ($1)
             ON CONFLICT (account_id) DO UPDATE SET last_at = c.last_at
             RETURNING last_at",
        )
        .bind(asked.account.uuid())
        .fetch_one(&mut *tx)
        .await?;
        let last_at = convert::time_or_none(&row, "last_at")?;
        let (waiting, now) = waiting(&mut tx, asked).await?;
        let placed = place(&waiting, asked.delivery, asked.gap, last_at, now);
        let moved = write(&mut tx, asked.delivery, &placed.slots).await?;
        if placed.at.is_none() {
            sqlx::query("UPDATE catch_ups SET last_at = clock_timestamp() WHERE account_id = $1")
                .bind(asked.account.uuid())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(Slot { at: placed.at, moved })
    }
}

/// The late deliveries of the account of which nothing is out, and the present.
async fn waiting(db: &mut PgConnection, asked: Asked) -> Result<(Vec<Waiting>, Timestamp), Fault> {
    let rows = sqlx::query(
        "SELECT d.id, d.due_at, d.slot_at FROM deliveries d
         WHERE d.account_id = $1 AND d.status IN ('scheduled', 'ready')
             AND d.due_at < clock_timestamp() - $2 * interval '1 millisecond'
             AND (d.intended_at IS NULL OR NOT EXISTS (
                 SELECT FROM attempts t WHERE t.delivery_id = d.id AND (t.outcome = 'found'
                     OR t.outcome = 'replied' AND t.http_status < 300)))
         ORDER BY d.id FOR NO KEY UPDATE OF d",
    )
    .bind(asked.account.uuid())
    .bind(i64::try_from(asked.late_after.as_millis()).unwrap_or(i64::MAX))
    .fetch_all(&mut *db)
    .await?;
    let mut waiting = Vec::with_capacity(rows.len());
    for row in &rows {
        waiting.push(Waiting {
            id: convert::id(row, "id")?,
            due_at: convert::time(row, "due_at")?,
            slot_at: convert::time_or_none(row, "slot_at")?,
        });
    }
    // Read behind the locks: whoever waited for them asks about the present.
    let row = sqlx::query("SELECT clock_timestamp() AS now").fetch_one(db).await?;
    Ok((waiting, convert::time(&row, "now")?))
}

/// Writes slots, and moves the wake-ups of those who would come sooner. The asker's own is his to
/// move.
async fn write(
    db: &mut PgConnection,
    own: DeliveryId,
    slots: &[(DeliveryId, Timestamp)],
) -> Result<Vec<Job>, Fault> {
    if slots.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = slots.iter().map(|(id, _)| id.uuid()).collect();
    let at: Vec<_> = slots.iter().map(|(_, at)| convert::at(*at)).collect();
    let rows = sqlx::query(
        "WITH s AS (
             SELECT * FROM UNNEST($1::uuid[], $2::timestamptz[]) AS t (id, at)
         ), placed AS (
             UPDATE deliveries d SET slot_at = s.at FROM s WHERE d.id = s.id
         )
         UPDATE jobs j SET due_at = s.at, armed_at = clock_timestamp(),
             generation = nextval('job_generation')
         FROM s
         WHERE j.kind = 'publish' AND j.subject = s.id AND s.id <> $3 AND j.due_at < s.at
         RETURNING j.queue, j.subject, j.generation, j.shard, j.fair_group, j.lane, j.due_at",
    )
    .bind(ids)
    .bind(at)
    .bind(own.uuid())
    .fetch_all(db)
    .await?;
    rows.iter().map(job_of).collect()
}
