//! Intents: the row written before an irreversible call, many in one statement.

use crate::{Store, convert};
use base::Fault;
use domain::id::DeliveryId;
use domain::time::Timestamp;
use sqlx::Row;
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// What a lease may write, compared in SQL with what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// The lease's growing number.
    pub epoch: i64,
    /// The lease's random number.
    pub lease: i64,
    /// The revision that was read.
    pub revision: i32,
    /// The checkpoint that was read.
    pub checkpoint_no: i32,
}

/// The wish to send an irreversible call.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Who may.
    pub guard: Guard,
    /// The endpoint's name.
    pub endpoint: &'static str,
    /// SHA-256 of the request before it was signed.
    pub request_sha256: String,
    /// SHA-256 of the wording, as [`crate::doubts::Wording`] has it.
    pub wording_sha256: String,
    /// Nobody else sends for this long.
    pub time: Duration,
    /// Nothing of the delivery is out: this call brings it out, or its first part.
    pub is_first: bool,
}

/// A committed intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intended {
    /// When the delivery's first intent was written.
    pub first_at: Timestamp,
    /// When the intent was that brings it out, or its first part.
    pub sent_at: Timestamp,
    /// Nobody else sends before this instant.
    pub deadline_at: Timestamp,
}

impl Store {
    /// Commits intents; `None` for each whose guard matched no row, that is not due, or whose
    /// wording may be out already through another delivery of the account.
    ///
    /// # Errors
    /// When Postgres fails; then none is committed.
    pub async fn intend(&self, intents: Vec<Intent>) -> Result<Vec<Option<Intended>>, Fault> {
        let asked: Vec<Uuid> = intents.iter().map(|i| i.guard.delivery.uuid()).collect();
        // In the order of their ids, and so the rows are locked.
        let mut intents = intents;
        intents.sort_by_key(|i| i.guard.delivery);
        let ids: Vec<Uuid> = intents.iter().map(|i| i.guard.delivery.uuid()).collect();
        let number = |f: fn(&Intent) -> i64| intents.iter().map(f).collect::<Vec<_>>();
        let mut warm = self.warm().await?;
        let rows = sqlx::query(
            "WITH i AS (
                 SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[],
                     $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[],
                     $10::boolean[])
                     AS t (id, epoch, lease, revision, checkpoint_no, time_ms, endpoint, sha256,
                         wording, is_first)
             ), u AS (
                 UPDATE deliveries d
                 SET status = 'sending', epoch = i.epoch, lease = i.lease,
                     intended_at = coalesce(d.intended_at, clock_timestamp()),
                     sent_at = CASE WHEN i.is_first THEN clock_timestamp()
                         ELSE coalesce(d.sent_at, clock_timestamp()) END,
                     deadline_at = clock_timestamp() + i.time_ms * interval '1 millisecond',
                     updated_at = clock_timestamp()
                 FROM i
                 WHERE d.id = i.id AND (d.epoch < i.epoch OR d.epoch = i.epoch AND d.lease = i.lease)
                     AND d.revision = i.revision AND d.checkpoint_no = i.checkpoint_no
                     AND d.due_at <= clock_timestamp() AND d.ask_from IS NULL
                     AND d.status IN ('scheduled', 'ready')
                     AND NOT EXISTS (
                         SELECT FROM doubts o JOIN deliveries e ON e.id = o.delivery_id
                         WHERE o.account_id = d.account_id AND o.delivery_id <> d.id
                             AND o.wording_sha256 = i.wording
                             AND e.status IN ('sending', 'reconciling'))
                 RETURNING d.id, d.intended_at, d.sent_at, d.deadline_at, d.checkpoint_no, d.epoch, d.lease,
                     i.endpoint, i.sha256
             ), written AS (
                 INSERT INTO attempts (delivery_id, checkpoint_no, endpoint, epoch, lease,
                     request_sha256, intended_at, deadline_at)
                 SELECT id, checkpoint_no, endpoint, epoch, lease, sha256, clock_timestamp(),
                     deadline_at FROM u
             )
             SELECT id, intended_at, sent_at, deadline_at FROM u",
        )
        .bind(&ids)
        .bind(number(|i| i.guard.epoch))
        .bind(number(|i| i.guard.lease))
        .bind(number(|i| i64::from(i.guard.revision)))
        .bind(number(|i| i64::from(i.guard.checkpoint_no)))
        .bind(number(|i| i64::try_from(i.time.as_millis()).unwrap_or(i64::MAX)))
        .bind(intents.iter().map(|i| i.endpoint.to_owned()).collect::<Vec<_>>())
        .bind(intents.iter().map(|i| i.request_sha256.clone()).collect::<Vec<_>>())
        .bind(intents.iter().map(|i| i.wording_sha256.clone()).collect::<Vec<_>>())
        .bind(intents.iter().map(|i| i.is_first).collect::<Vec<_>>())
        .fetch_all(&mut **warm)
        .await?;
        warm.keep();
        let mut committed = HashMap::new();
        for row in &rows {
            let first_at = convert::time(row, "intended_at")?;
            let deadline_at = convert::time(row, "deadline_at")?;
            let sent_at = convert::time(row, "sent_at")?;
            let intended = Intended { first_at, sent_at, deadline_at };
            committed.insert(row.try_get::<Uuid, _>("id")?, intended);
        }
        Ok(asked.iter().map(|id| committed.get(id).copied()).collect())
    }
}
