//! What is owed of posts that are out: their reposts and their deletion, as it is read, and as
//! people change it.
//!
//! One row of `operations` holds it all for a delivery, so a person's change and a worker's write
//! meet in one lock.

use crate::copies;
use crate::jobs::{self, Arm, Job};
use crate::{Store, convert};
use base::Fault;
use domain::delivery::Status;
use domain::id::{DeliveryId, TenantId};
use domain::operation::{Doing, Removal, RepostStatus};
use domain::repost::{End, Past, Rule};
use domain::time::Timestamp;
use serde_json::{Value, json};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use std::collections::HashMap;
use uuid::Uuid;

/// A repost.
#[derive(Debug, Clone, PartialEq)]
pub struct Repost {
    /// Which one, from 1.
    pub number: i32,
    /// Where it stands.
    pub status: RepostStatus,
    /// When it is due.
    pub due_at: Timestamp,
    /// Why it failed or waits.
    pub failure: Option<Value>,
    /// When it went out or failed.
    pub ended_at: Option<Timestamp>,
    /// When it is to be taken back.
    pub undo_at: Option<Timestamp>,
    /// When it was taken back.
    pub undone_at: Option<Timestamp>,
    /// It could not be taken back, and is left.
    pub is_left: bool,
}

/// What is done with a post that is out.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Raised by every change of a person.
    pub revision: i32,
    /// The rule of its reposts.
    pub rule: Option<Rule>,
    /// Why there are no more reposts, and since when.
    pub ended: Option<(End, Timestamp)>,
    /// The deletion, where one was asked for.
    pub removal: Option<Removal>,
    /// When it was asked for.
    pub removal_asked_at: Option<Timestamp>,
    /// Why it failed or waits.
    pub removal_failure: Option<Value>,
    /// When the post was deleted.
    pub removed_at: Option<Timestamp>,
    /// The lease that wrote last.
    pub epoch: i64,
    /// The random number of that lease.
    pub lease: i64,
    /// What was begun and is not done.
    pub doing: Option<Doing>,
    /// A call for it may be under way.
    pub is_sending: bool,
    /// How far the adapter is with it.
    pub checkpoint: Option<Value>,
    /// Attempts spent on it.
    pub attempts: i32,
    /// Refusals of a fresh token.
    pub auth_refusals: i32,
    /// The platform's id of the post.
    pub receipt: Option<String>,
    /// When the post went out.
    pub published_at: Option<Timestamp>,
    /// The reposts so far and the next one, in order.
    pub reposts: Vec<Repost>,
}

/// What a person did, for the audit.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// Of whom.
    pub tenant: TenantId,
    /// With which delivery.
    pub delivery: DeliveryId,
    /// Whose key it was.
    pub actor: &'a str,
}

/// What became of a person's wish.
#[derive(Debug)]
pub enum Asked {
    /// It is written, and this wake-up is owed.
    Done(Job),
    /// It was done before.
    Before,
    /// The reposts had ended.
    Ended(End),
    /// The delivery is not out, but here.
    NotOut(Status),
    /// There is no such delivery.
    Nowhere,
}

impl Repost {
    /// The post is shown by it, and it is to be taken back where the rule says so.
    pub fn is_shown(&self) -> bool {
        self.status == RepostStatus::Published && self.undone_at.is_none() && !self.is_left
    }
}

impl Operation {
    /// The reposts that came to an end, as the rule wants to know them.
    pub fn past(&self) -> Vec<Past> {
        let ended = self
            .reposts
            .iter()
            .filter_map(|one| Some(Past { ended_at: one.ended_at?, is_shown: one.is_shown() }));
        ended.collect()
    }
}

fn repost_of(row: &PgRow) -> Result<Repost, Fault> {
    Ok(Repost {
        number: row.try_get("number")?,
        status: convert::word(row, "status", RepostStatus::parse)?,
        due_at: convert::time(row, "due_at")?,
        failure: row.try_get("failure")?,
        ended_at: convert::time_or_none(row, "ended_at")?,
        undo_at: convert::time_or_none(row, "undo_at")?,
        undone_at: convert::time_or_none(row, "undone_at")?,
        is_left: row.try_get("is_left")?,
    })
}

fn operation_of(row: &PgRow) -> Result<Operation, Fault> {
    let word = |column| row.try_get::<Option<String>, _>(column);
    let ended = word("ended_for")?.as_deref().and_then(End::parse);
    Ok(Operation {
        revision: row.try_get("revision")?,
        rule: row.try_get::<Option<Json<Rule>>, _>("rule")?.map(|rule| rule.0),
        ended: ended.zip(convert::time_or_none(row, "ended_at")?),
        removal: word("removal")?.as_deref().and_then(Removal::parse),
        removal_asked_at: convert::time_or_none(row, "removal_asked_at")?,
        removal_failure: row.try_get("removal_failure")?,
        removed_at: convert::time_or_none(row, "removed_at")?,
        epoch: row.try_get("epoch")?,
        lease: row.try_get("lease")?,
        doing: word("doing")?.as_deref().and_then(Doing::parse),
        is_sending: row.try_get("is_sending")?,
        checkpoint: row.try_get("checkpoint")?,
        attempts: row.try_get("attempts")?,
        auth_refusals: row.try_get("auth_refusals")?,
        receipt: row.try_get("receipt")?,
        published_at: convert::time_or_none(row, "published_at")?,
        reposts: Vec::new(),
    })
}

/// What is done with each of these deliveries, where anything is.
pub(crate) async fn operations_of(
    db: &mut PgConnection,
    deliveries: &[Uuid],
) -> Result<HashMap<DeliveryId, Operation>, Fault> {
    let mut found = HashMap::new();
    if deliveries.is_empty() {
        return Ok(found);
    }
    let rows = sqlx::query(
        "SELECT o.*, d.remote_id AS receipt, d.published_at
         FROM operations o JOIN deliveries d ON d.id = o.delivery_id
         WHERE o.delivery_id = ANY($1)",
    )
    .bind(deliveries)
    .fetch_all(&mut *db)
    .await?;
    for row in &rows {
        found.insert(convert::id(row, "delivery_id")?, operation_of(row)?);
    }
    if found.is_empty() {
        return Ok(found);
    }
    let rows = sqlx::query(
        "SELECT * FROM reposts WHERE delivery_id = ANY($1) ORDER BY delivery_id, number",
    )
    .bind(deliveries)
    .fetch_all(db)
    .await?;
    for row in &rows {
        let delivery: DeliveryId = convert::id(row, "delivery_id")?;
        if let Some(operation) = found.get_mut(&delivery) {
            operation.reposts.push(repost_of(row)?);
        }
    }
    Ok(found)
}

impl Store {
    /// What is done with a delivery that is out.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn operation(&self, delivery: DeliveryId) -> Result<Option<Operation>, Fault> {
        let mut db = self.pool.acquire().await?;
        Ok(operations_of(&mut db, &[delivery.uuid()]).await?.remove(&delivery))
    }

    /// Makes room for what is done with a delivery, by this rule, unless there is one.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn open_operation(
        &self,
        tenant: TenantId,
        delivery: DeliveryId,
        rule: Option<&Rule>,
    ) -> Result<(), Fault> {
        let mut db = self.pool.acquire().await?;
        open(&mut db, tenant, delivery, rule).await
    }

    /// Cancels the reposts to come. One that is under way is finished.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn cancel_reposts(&self, by: By<'_>, rule: &Rule, wake: Arm) -> Result<Asked, Fault> {
        let mut tx = self.pool.begin().await?;
        match status(&mut tx, by).await? {
            None => return Ok(Asked::Nowhere),
            Some(Status::Published) => {}
            Some(status) => return Ok(Asked::NotOut(status)),
        }
        open(&mut tx, by.tenant, by.delivery, Some(rule)).await?;
        let before = lock(&mut tx, by.delivery).await?;
        if let Some((end, _)) = before.ended {
            return Ok(Asked::Ended(end));
        }
        sqlx::query(
            "UPDATE operations SET revision = revision + 1, ended_at = clock_timestamp(),
                 ended_for = 'cancelled' WHERE delivery_id = $1",
        )
        .bind(by.delivery.uuid())
        .execute(&mut *tx)
        .await?;
        drop_scheduled(&mut tx, by.delivery, RepostStatus::Cancelled).await?;
        tell(&mut tx, by.delivery, "repost.ended", &json!({ "reason": End::Cancelled.as_str() }))
            .await?;
        audit(&mut tx, by, "reposts.cancel", &json!({ "ended": "cancelled" })).await?;
        owe(tx, wake).await
    }

    /// Asks for the deletion of a post that is out. Its reposts end with that.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn ask_removal(
        &self,
        by: By<'_>,
        rule: Option<&Rule>,
        wake: Arm,
    ) -> Result<Asked, Fault> {
        let mut tx = self.pool.begin().await?;
        match status(&mut tx, by).await? {
            None => return Ok(Asked::Nowhere),
            Some(Status::Published) => {}
            Some(status) => return Ok(Asked::NotOut(status)),
        }
        open(&mut tx, by.tenant, by.delivery, rule).await?;
        match lock(&mut tx, by.delivery).await?.removal {
            Some(Removal::Waiting | Removal::Done) => return Ok(Asked::Before),
            Some(Removal::Failed) | None => {}
        }
        let had_rule = sqlx::query(
            "UPDATE operations o SET revision = revision + 1, removal = 'waiting',
                 removal_asked_at = clock_timestamp(), removal_failure = NULL,
                 ended_at = coalesce(o.ended_at, clock_timestamp()),
                 ended_for = coalesce(o.ended_for, 'removed')
             FROM (SELECT ended_at FROM operations WHERE delivery_id = $1) AS b
             WHERE o.delivery_id = $1
             RETURNING o.rule IS NOT NULL AND b.ended_at IS NULL AS ends",
        )
        .bind(by.delivery.uuid())
        .fetch_one(&mut *tx)
        .await?;
        drop_scheduled(&mut tx, by.delivery, RepostStatus::Cancelled).await?;
        if had_rule.try_get("ends")? {
            let data = json!({ "reason": End::Removed.as_str() });
            tell(&mut tx, by.delivery, "repost.ended", &data).await?;
        }
        copies::look(&mut tx, by.delivery.uuid()).await?;
        audit(&mut tx, by, "delivery.remove", &json!({ "removal": "waiting" })).await?;
        owe(tx, wake).await
    }
}

async fn owe(
    mut tx: sqlx::Transaction<'static, sqlx::Postgres>,
    wake: Arm,
) -> Result<Asked, Fault> {
    let job = jobs::arm(&mut tx, &[wake]).await?.pop();
    tx.commit().await?;
    job.map(Asked::Done).ok_or_else(|| Fault::new("arming a job returned no row"))
}

async fn status(db: &mut PgConnection, by: By<'_>) -> Result<Option<Status>, Fault> {
    let row = sqlx::query("SELECT status FROM deliveries WHERE tenant_id = $1 AND id = $2")
        .bind(by.tenant.uuid())
        .bind(by.delivery.uuid())
        .fetch_optional(db)
        .await?;
    row.map(|row| convert::word(&row, "status", Status::parse)).transpose()
}

async fn open(
    db: &mut PgConnection,
    tenant: TenantId,
    delivery: DeliveryId,
    rule: Option<&Rule>,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO operations AS o (delivery_id, tenant_id, rule) VALUES ($1, $2, $3)
         ON CONFLICT (delivery_id) DO UPDATE SET rule = coalesce(o.rule, EXCLUDED.rule)",
    )
    .bind(delivery.uuid())
    .bind(tenant.uuid())
    .bind(rule.map(Json))
    .execute(db)
    .await?;
    Ok(())
}

/// The row as it stands, locked.
pub(crate) async fn lock(db: &mut PgConnection, delivery: DeliveryId) -> Result<Operation, Fault> {
    let row = sqlx::query(
        "SELECT o.*, d.remote_id AS receipt, d.published_at
         FROM operations o JOIN deliveries d ON d.id = o.delivery_id
         WHERE o.delivery_id = $1 FOR UPDATE OF o",
    )
    .bind(delivery.uuid())
    .fetch_one(db)
    .await?;
    operation_of(&row)
}

/// Ends what was to come.
pub(crate) async fn drop_scheduled(
    db: &mut PgConnection,
    delivery: DeliveryId,
    status: RepostStatus,
) -> Result<(), Fault> {
    sqlx::query("UPDATE reposts SET status = $2 WHERE delivery_id = $1 AND status = 'scheduled'")
        .bind(delivery.uuid())
        .bind(status.as_str())
        .execute(db)
        .await?;
    Ok(())
}

/// Writes an event of a delivery.
pub(crate) async fn tell(
    db: &mut PgConnection,
    delivery: DeliveryId,
    kind: &str,
    data: &Value,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO events (tenant_id, kind, subject, data)
         SELECT d.tenant_id, $2, $3, $4 || jsonb_build_object('platform', d.platform,
             'postId', 'pst_' || replace(d.post_id::text, '-', ''),
             'accountId', 'acc_' || replace(d.account_id::text, '-', ''))
         FROM deliveries d WHERE d.id = $1",
    )
    .bind(delivery.uuid())
    .bind(kind)
    .bind(delivery.to_string())
    .bind(Json(data))
    .execute(db)
    .await?;
    Ok(())
}

async fn audit(
    db: &mut PgConnection,
    by: By<'_>,
    action: &str,
    after: &Value,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO audit (tenant_id, actor, action, subject, reason, before, after)
         VALUES ($1, $2, $3, $4, 'asked for through the API', '{}', $5)",
    )
    .bind(by.tenant.uuid())
    .bind(by.actor)
    .bind(action)
    .bind(by.delivery.to_string())
    .bind(Json(after))
    .execute(db)
    .await?;
    Ok(())
}
