//! Deliveries as a worker loads them, with everything one attempt needs, many in one query.

use crate::credentials::{self, Credential};
use crate::gates::Gate;
use crate::operations::{Operation, operations_of};
use crate::overviews::own_of;
use crate::{Store, convert};
use base::Fault;
use domain::delivery::Status;
use domain::id::{AccountId, BrandId, DeliveryId, PostId, TenantId};
use domain::limit::Own;
use domain::post::Stage;
use domain::request::Draft;
use domain::standing::Standing;
use domain::time::Timestamp;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// A delivery with its post, its account and its sealed grant.
#[derive(Clone)]
pub struct Loaded {
    /// Which delivery.
    pub id: DeliveryId,
    /// Whose.
    pub tenant: TenantId,
    /// Of which post.
    pub post: PostId,
    /// The post's own stage.
    pub stage: Stage,
    /// What was written.
    pub draft: Draft,
    /// The latest instant at which it may still go out.
    pub not_after: Option<Timestamp>,
    /// Where it stands.
    pub status: Status,
    /// Raised by edits, cancels and retries.
    pub revision: i32,
    /// When the irreversible call is due.
    pub due_at: Timestamp,
    /// The adapter's position.
    pub checkpoint: Option<Value>,
    /// Its number.
    pub checkpoint_no: i32,
    /// The lease that wrote last.
    pub epoch: i64,
    /// The random number of that lease.
    pub lease: i64,
    /// When the first intent was written.
    pub intended_at: Option<Timestamp>,
    /// The deadline of the open intent.
    pub deadline_at: Option<Timestamp>,
    /// Postgres went back: each call is asked for first, from this instant on.
    pub ask_from: Option<Timestamp>,
    /// Attempts spent.
    pub attempts: i32,
    /// Refusals of a fresh token.
    pub auth_refusals: i32,
    /// An earlier call ended without an answer.
    pub has_doubt: bool,
    /// Complete look-ups that found nothing.
    pub absences: i32,
    /// Deaths of a process while it was worked on, since its checkpoint moved last.
    pub crashes: i32,
    /// The generation of the wake-up that is owed, of the kind asked for.
    pub generation: Option<i64>,
    /// When that wake-up is due.
    pub owed_at: Option<Timestamp>,
    /// The span that owed it.
    pub traceparent: Option<String>,
    /// The account.
    pub account: AccountId,
    /// Its brand.
    pub brand: BrandId,
    /// Its platform.
    pub platform: String,
    /// Our registration.
    pub app: String,
    /// The key of the tenant's own registration, where it is one.
    pub own_app_key: Option<String>,
    /// The platform's id of it.
    pub remote_id: String,
    /// The name a person knows it by.
    pub handle: String,
    /// The kind that capabilities depend on.
    pub kind: String,
    /// It needs its owner, for this reason.
    pub needs_reconnect: Option<String>,
    /// It is paused.
    pub is_paused: bool,
    /// It was taken from us on purpose.
    pub is_disconnected: bool,
    /// Its owner's limits.
    pub own: Own,
    /// That is because its grant does not open.
    pub is_damaged: bool,
    /// The sealed grant.
    pub credential: Credential,
    /// When a person asked for it last.
    pub asked_at: Option<Timestamp>,
    /// The intent of the call that brought it out, or of the last one that was to.
    pub sent_at: Option<Timestamp>,
    /// Its lateness was told already.
    pub is_missed: bool,
    /// Being late, it leaves at this instant.
    pub slot_at: Option<Timestamp>,
    /// What it has waited for last, in words.
    pub waited_for: Option<String>,
    /// The present, by the database's clock.
    pub now: Timestamp,
}

impl Loaded {
    /// Where it stands, for a lease that asks or publishes.
    pub fn standing(&self, is_asking: bool) -> Standing {
        Standing {
            status: self.status,
            generation: self.generation,
            owed_at: self.owed_at,
            epoch: self.epoch,
            lease: self.lease,
            due_at: self.due_at,
            not_after: self.not_after,
            late: self.draft.late,
            asked_at: self.asked_at,
            intended_at: self.intended_at,
            deadline_at: self.deadline_at,
            ask_from: self.ask_from,
            attempts: self.attempts,
            auth_refusals: self.auth_refusals,
            absences: self.absences,
            has_doubt: self.has_doubt,
            is_ours: false,
            is_asking,
        }
    }
}

fn loaded_of(row: &PgRow) -> Result<Loaded, Fault> {
    let status: String = row.try_get("account_status")?;
    let reason: Option<String> = row.try_get("status_reason")?;
    Ok(Loaded {
        id: convert::id(row, "id")?,
        tenant: convert::id(row, "tenant_id")?,
        post: convert::id(row, "post_id")?,
        stage: convert::word(row, "stage", Stage::parse)?,
        draft: convert::json(row, "draft")?,
        not_after: convert::time_or_none(row, "not_after")?,
        status: convert::word(row, "status", Status::parse)?,
        revision: row.try_get("revision")?,
        due_at: convert::time(row, "due_at")?,
        checkpoint: row.try_get("checkpoint")?,
        checkpoint_no: row.try_get("checkpoint_no")?,
        epoch: row.try_get("epoch")?,
        lease: row.try_get("lease")?,
        intended_at: convert::time_or_none(row, "intended_at")?,
        deadline_at: convert::time_or_none(row, "deadline_at")?,
        ask_from: convert::time_or_none(row, "ask_from")?,
        attempts: row.try_get("attempts")?,
        auth_refusals: row.try_get("auth_refusals")?,
        has_doubt: row.try_get("has_doubt")?,
        absences: row.try_get("absences")?,
        crashes: row.try_get("crashes")?,
        generation: row.try_get("generation")?,
        owed_at: convert::time_or_none(row, "owed_at")?,
        traceparent: row.try_get("traceparent")?,
        account: convert::id(row, "account_id")?,
        brand: convert::id(row, "brand_id")?,
        platform: row.try_get("platform")?,
        app: row.try_get("app")?,
        own_app_key: row.try_get("own_app_key")?,
        remote_id: row.try_get("account_remote_id")?,
        handle: row.try_get("handle")?,
        kind: row.try_get("kind")?,
        is_paused: row.try_get("is_paused")?,
        is_disconnected: status == "disconnected",
        own: own_of(row)?,
        is_damaged: status == "damaged",
        needs_reconnect: (status != "connected").then(|| reason.unwrap_or_default()),
        credential: credentials::credential_of(row)?,
        asked_at: convert::time_or_none(row, "asked_at")?,
        sent_at: convert::time_or_none(row, "sent_at")?,
        is_missed: row.try_get("is_missed")?,
        slot_at: convert::time_or_none(row, "slot_at")?,
        waited_for: row.try_get("waited_for")?,
        now: convert::time(row, "now")?,
    })
}

impl Loaded {
    /// What lanes, groups, gates and counters call the registration of its account.
    pub fn app_key(&self) -> &str {
        self.own_app_key.as_deref().unwrap_or(&self.app)
    }
}

/// A delivery as the API shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Which one.
    pub id: DeliveryId,
    /// Of which post.
    pub post: PostId,
    /// On which account.
    pub account: AccountId,
    /// The name a person knows the account by.
    pub handle: String,
    /// On which platform.
    pub platform: String,
    /// Through which of our registrations.
    pub app: String,
    /// Where it stands.
    pub status: Status,
    /// When it is due.
    pub due_at: Timestamp,
    /// Attempts spent.
    pub attempts: i32,
    /// Why it failed or waits.
    pub failure: Option<Value>,
    /// Where it failed.
    pub failed_stage: Option<String>,
    /// The platform's id.
    pub remote_id: Option<String>,
    /// Where a person can see it.
    pub permalink: Option<String>,
    /// When it was settled as published.
    pub published_at: Option<Timestamp>,
    /// When the call left that brought it out, or the last one that was to.
    pub sent_at: Option<Timestamp>,
    /// The closed gate that holds it.
    pub gate: Option<Gate>,
    /// Where its adapter stands, sealed where that is secret.
    pub checkpoint: Option<Value>,
    /// What is done with it now that it is out, where anything is.
    pub operation: Option<Operation>,
    /// What was written for it, where its post says something else by now.
    pub draft: Option<Draft>,
}

/// Takes up what is done with those of them that are out.
pub(crate) async fn take_up_operations(
    db: &mut PgConnection,
    shown: &mut [Shown],
) -> Result<(), Fault> {
    let out = shown.iter().filter(|one| one.status == Status::Published);
    let ids: Vec<Uuid> = out.map(|one| one.id.uuid()).collect();
    let mut found = operations_of(db, &ids).await?;
    for one in shown {
        one.operation = found.remove(&one.id);
    }
    Ok(())
}

pub(crate) fn shown_of(row: &PgRow) -> Result<Shown, Fault> {
    let gate = match convert::time_or_none(row, "gate_until")? {
        Some(until) => Some(Gate {
            scope_key: row.try_get("gate_scope")?,
            until,
            reason: row.try_get("gate_reason")?,
        }),
        None => None,
    };
    Ok(Shown {
        id: convert::id(row, "id")?,
        post: convert::id(row, "post_id")?,
        account: convert::id(row, "account_id")?,
        handle: row.try_get("handle")?,
        platform: row.try_get("platform")?,
        app: row.try_get("app")?,
        status: convert::word(row, "status", Status::parse)?,
        due_at: convert::time(row, "due_at")?,
        attempts: row.try_get("attempts")?,
        failure: row.try_get("failure")?,
        failed_stage: row.try_get("failed_stage")?,
        remote_id: row.try_get("remote_id")?,
        permalink: row.try_get("permalink")?,
        published_at: convert::time_or_none(row, "published_at")?,
        sent_at: convert::time_or_none(row, "sent_at")?,
        gate,
        checkpoint: row.try_get("checkpoint")?,
        operation: None,
        draft: row.try_get::<Option<Json<Draft>>, _>("draft")?.map(|draft| draft.0),
    })
}

impl Store {
    /// Loads deliveries for work; `generation` is that of the wake-up of `kind`.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn load_deliveries(
        &self,
        kind: &'static str,
        ids: Vec<DeliveryId>,
    ) -> Result<Vec<Option<Loaded>>, Fault> {
        let uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let mut warm = self.warm().await?;
        let rows = sqlx::query(
            "SELECT d.id, d.tenant_id, d.post_id, p.stage, coalesce(d.draft, p.draft) AS draft,
                 p.not_after, d.status,
                 d.revision, d.due_at, d.checkpoint, d.checkpoint_no, d.epoch, d.lease,
                 d.intended_at, d.deadline_at, d.ask_from, d.attempts, d.auth_refusals,
                 d.has_doubt, d.absences, d.crashes, j.generation, j.due_at AS owed_at,
                 j.traceparent, d.account_id, a.brand_id, a.platform, a.app, a.own_app_key,
                 a.remote_id AS account_remote_id, a.handle, a.kind, a.status AS account_status,
                 a.status_reason, a.posts_per_day, a.min_gap_s,
                 d.asked_at, d.sent_at, d.missed_at IS NOT NULL AS is_missed, d.slot_at,
                 d.failure->>'message' AS waited_for,
                 EXISTS (SELECT FROM gates z WHERE z.scope_key IN (
                     'pause:' || d.account_id, 'pause:brand:' || a.brand_id)) AS is_paused,
                 c.sealed, c.version, c.expires_at,
                 c.refreshed_at, coalesce(g.version, 0) AS reached, clock_timestamp() AS now
             FROM deliveries d
             JOIN posts p ON p.id = d.post_id
             JOIN accounts a ON a.id = d.account_id
             JOIN credentials c ON c.account_id = d.account_id
             LEFT JOIN grant_versions g ON g.account_id = d.account_id
             LEFT JOIN jobs j ON j.subject = d.id AND j.kind = $2
             WHERE d.id = ANY($1)",
        )
        .bind(&uuids)
        .bind(kind)
        .fetch_all(&mut **warm)
        .await?;
        warm.keep();
        let mut found = HashMap::with_capacity(rows.len());
        for row in &rows {
            let loaded = loaded_of(row)?;
            self.heard.hear(loaded.now);
            found.insert(loaded.id, loaded);
        }
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    /// Another delivery has this remote id as its receipt already.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn is_remote_id_taken(
        &self,
        account: AccountId,
        remote_id: &str,
        except: DeliveryId,
    ) -> Result<bool, Fault> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM deliveries
                 WHERE account_id = $1 AND remote_id = $2 AND id <> $3) AS taken",
        )
        .bind(account.uuid())
        .bind(remote_id)
        .bind(except.uuid())
        .fetch_one(&self.pool)
        .await?;
        Ok(row.try_get("taken")?)
    }

    /// The platform's ids of the newest posts on an account but for one delivery, newest first;
    /// none that was settled less than `age` ago.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn newest_remote_ids(
        &self,
        account: AccountId,
        except: DeliveryId,
        age: Duration,
        count_max: usize,
    ) -> Result<Vec<String>, Fault> {
        let rows = sqlx::query(
            "SELECT remote_id FROM deliveries
             WHERE account_id = $1 AND id <> $2 AND remote_id IS NOT NULL
                 AND published_at <= clock_timestamp() - $3 * interval '1 millisecond'
             ORDER BY published_at DESC LIMIT $4",
        )
        .bind(account.uuid())
        .bind(except.uuid())
        .bind(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
        .bind(i64::try_from(count_max).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(row.try_get("remote_id")?)).collect()
    }

    /// How many deliveries stand in each status; for metrics and benches.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn deliveries_by_status(&self) -> Result<Vec<(Status, i64)>, Fault> {
        let rows = sqlx::query("SELECT status, count(*) AS count FROM deliveries GROUP BY status")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| Ok((convert::word(row, "status", Status::parse)?, row.try_get("count")?)))
            .collect()
    }

    /// When the last receipt was settled; for benches.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn last_published_at(&self) -> Result<Option<Timestamp>, Fault> {
        let row = sqlx::query("SELECT max(published_at) AS last FROM deliveries")
            .fetch_one(&self.pool)
            .await?;
        convert::time_or_none(&row, "last")
    }
}
