//! Reviews settled by hand: the delivery, its ledger, its wake-up, its timeline and the audit in
//! one transaction.

use crate::jobs::{self, Arm, Job};
use crate::{Store, convert};
use base::Fault;
use domain::delivery::Status;
use domain::id::{AccountId, DeliveryId, TenantId};
use domain::standing::Outcome;
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{PgConnection, Row};

/// What a person stated, ready to be written.
pub struct Review<'a> {
    /// Of whom.
    pub tenant: TenantId,
    /// Which delivery.
    pub delivery: DeliveryId,
    /// On which account.
    pub account: AccountId,
    /// The revision that was looked at.
    pub revision: i32,
    /// The checkpoint that was looked at.
    pub checkpoint_no: i32,
    /// Whose key it was.
    pub actor: &'a str,
    /// Why they believe it.
    pub reason: &'a str,
    /// The remote id that was stated, which nobody else may hold.
    pub remote_id: Option<&'a str>,
    /// What follows.
    pub end: End,
    /// The line of the timeline, as `domain::timeline` stores it.
    pub lines: Value,
}

/// What follows from a statement.
pub enum End {
    /// It is out.
    Published {
        /// The platform's id of it, of the first part of a chain.
        remote_id: String,
        /// Where a person can see it.
        permalink: String,
        /// The checkpoint, where it moved.
        checkpoint: Option<Value>,
        /// The wake-ups for what is owed of a post that is out.
        wakes: Vec<Arm>,
    },
    /// A part of it is out, and the others follow.
    GoOn {
        /// The checkpoint behind that part.
        checkpoint: Value,
        /// The wake-up.
        wake: Arm,
    },
    /// It is not out, and is sent again.
    Send {
        /// The wake-up.
        wake: Arm,
    },
    /// It will not go out.
    Drop {
        /// Why, as the API shows it.
        failure: Value,
    },
}

/// What became of a review.
#[derive(Debug)]
pub enum Reviewed {
    /// It is written, and these wake-ups are owed.
    Done(Vec<Job>),
    /// It is not under review, but here.
    Elsewhere(Status),
    /// It has changed since it was looked at.
    Moved,
    /// Another delivery of the account has this remote id as its receipt.
    Taken(DeliveryId),
    /// There is no such delivery.
    Nowhere,
}

/// The columns of a delivery that a review sets.
struct Columns {
    status: Status,
    receipt: Option<(String, String)>,
    checkpoint: Option<Value>,
    failure: Option<Value>,
    /// How the ledger's row of the call in question ends.
    outcome: Outcome,
    wakes: Vec<Arm>,
}

impl End {
    fn columns(self) -> Columns {
        let bare = |status, outcome, wakes| Columns {
            status,
            receipt: None,
            checkpoint: None,
            failure: None,
            outcome,
            wakes,
        };
        match self {
            Self::Published { remote_id, permalink, checkpoint, wakes } => Columns {
                receipt: Some((remote_id, permalink)),
                checkpoint,
                ..bare(Status::Published, Outcome::Found, wakes)
            },
            Self::GoOn { checkpoint, wake } => Columns {
                checkpoint: Some(checkpoint),
                ..bare(Status::Ready, Outcome::Found, vec![wake])
            },
            Self::Send { wake } => bare(Status::Ready, Outcome::Absent, vec![wake]),
            Self::Drop { failure } => Columns {
                failure: Some(failure),
                ..bare(Status::Failed, Outcome::Absent, Vec::new())
            },
        }
    }
}

impl Store {
    /// Settles a delivery that is under review.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn review(&self, review: Review<'_>) -> Result<Reviewed, Fault> {
        let mut tx = self.pool.begin().await?;
        let Some(row) = sqlx::query(
            "SELECT status, revision, checkpoint_no, failure FROM deliveries
             WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        )
        .bind(review.tenant.uuid())
        .bind(review.delivery.uuid())
        .fetch_optional(&mut *tx)
        .await?
        else {
            return Ok(Reviewed::Nowhere);
        };
        let status = convert::word(&row, "status", Status::parse)?;
        if status != Status::Review {
            return Ok(Reviewed::Elsewhere(status));
        }
        let stands = (row.try_get("revision")?, row.try_get("checkpoint_no")?);
        if stands != (review.revision, review.checkpoint_no) {
            return Ok(Reviewed::Moved);
        }
        if let Some(taken) = holder(&mut tx, &review).await? {
            return Ok(Reviewed::Taken(taken));
        }
        let before =
            json!({ "status": status, "error": row.try_get::<Option<Value>, _>("failure")? });
        let Review { actor, reason, delivery, tenant, lines, end, .. } = review;
        let mut columns = end.columns();
        let wakes = std::mem::take(&mut columns.wakes);
        update(&mut tx, delivery, &columns).await?;
        end_ledger(&mut tx, delivery, columns.outcome, reason).await?;
        let after = json!({
            "status": columns.status,
            "remoteId": columns.receipt.as_ref().map(|receipt| &receipt.0),
            "permalink": columns.receipt.as_ref().map(|receipt| &receipt.1),
            "error": columns.failure,
        });
        sqlx::query(
            "WITH told AS (
                 INSERT INTO timeline (tenant_id, delivery_id, epoch, role, lines)
                 SELECT tenant_id, id, epoch, 'person', $3 FROM deliveries WHERE id = $2),
             cleared AS (DELETE FROM doubts WHERE delivery_id = $2)
             INSERT INTO audit (tenant_id, actor, action, subject, reason, before, after)
             VALUES ($1, $4, 'delivery.review', $5, $6, $7, $8)",
        )
        .bind(tenant.uuid())
        .bind(delivery.uuid())
        .bind(Json(lines))
        .bind(actor)
        .bind(delivery.to_string())
        .bind(reason)
        .bind(Json(before))
        .bind(Json(after))
        .execute(&mut *tx)
        .await?;
        let owed = jobs::arm(&mut tx, &wakes).await?;
        tx.commit().await?;
        Ok(Reviewed::Done(owed))
    }
}

/// The delivery that holds the stated id. The account stays locked, so that two statements about
/// one post do not pass each other.
async fn holder(db: &mut PgConnection, review: &Review<'_>) -> Result<Option<DeliveryId>, Fault> {
    let Some(remote_id) = review.remote_id else { return Ok(None) };
    sqlx::query("SELECT 1 FROM accounts WHERE id = $1 FOR NO KEY UPDATE")
        .bind(review.account.uuid())
        .execute(&mut *db)
        .await?;
    let row = sqlx::query(
        "SELECT id FROM deliveries WHERE account_id = $1 AND remote_id = $2 AND id <> $3",
    )
    .bind(review.account.uuid())
    .bind(remote_id)
    .bind(review.delivery.uuid())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(|row| convert::id(row, "id")).transpose()
}

/// A new revision: whatever a worker still holds of it is of the past. That a call went unanswered
/// stays known where it is sent again: whoever saw nothing may be wrong, and a platform that then
/// says it has the post tells of that call.
async fn update(db: &mut PgConnection, id: DeliveryId, columns: &Columns) -> Result<(), Fault> {
    let receipt = columns.receipt.as_ref();
    sqlx::query(
        "UPDATE deliveries
         SET status = $2, revision = revision + 1, remote_id = $3, permalink = $4,
             checkpoint = coalesce($5, checkpoint),
             checkpoint_no = checkpoint_no + ($5::jsonb IS NOT NULL)::int, failure = $6,
             failed_stage = CASE WHEN $2 = 'failed' THEN 'publishing' END,
             published_at = CASE WHEN $2 = 'published' THEN clock_timestamp() END,
             deadline_at = NULL, ask_from = NULL, has_doubt = has_doubt AND $2 = 'ready', absences = 0,
             attempts = CASE WHEN $2 = 'ready' THEN 0 ELSE attempts END, auth_refusals = 0,
             crashes = 0, alone_epoch = NULL, updated_at = clock_timestamp()
         WHERE id = $1",
    )
    .bind(id.uuid())
    .bind(columns.status.as_str())
    .bind(receipt.map(|receipt| receipt.0.as_str()))
    .bind(receipt.map(|receipt| receipt.1.as_str()))
    .bind(columns.checkpoint.as_ref().map(Json))
    .bind(columns.failure.as_ref().map(Json))
    .execute(db)
    .await?;
    Ok(())
}

/// Ends the ledger's rows whose outcome nobody knew.
async fn end_ledger(
    db: &mut PgConnection,
    id: DeliveryId,
    outcome: Outcome,
    reason: &str,
) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE attempts
         SET outcome = $2, detail = 'a person: ' || $3, ended_at = clock_timestamp()
         WHERE delivery_id = $1 AND (outcome IS NULL OR outcome = 'silent')",
    )
    .bind(id.uuid())
    .bind(outcome.as_str())
    .bind(reason)
    .execute(db)
    .await?;
    Ok(())
}
