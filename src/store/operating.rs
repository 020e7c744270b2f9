//! How a worker writes what it does with a post that is out: the intent before the first call,
//! the position behind each, and what it came to.

use crate::jobs::{self, Arm, Job, JobKind};
use crate::operations::{drop_scheduled, lock, tell};
use crate::{Store, convert};
use base::Fault;
use domain::id::DeliveryId;
use domain::operation::{Doing, RepostStatus};
use domain::repost::End;
use domain::time::Timestamp;
use serde_json::{Value, json};
use sqlx::PgConnection;
use sqlx::types::Json;

/// What a lease may write, compared with what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// The generation of the wake-up that was claimed.
    pub generation: i64,
    /// The lease's growing number.
    pub epoch: i64,
    /// The lease's random number.
    pub lease: i64,
    /// The revision that was read.
    pub revision: i32,
}

/// The wish to begin, or to go on with, an operation.
#[derive(Debug, Clone, Copy)]
pub struct Begin {
    /// Who may.
    pub guard: Guard,
    /// What.
    pub doing: Doing,
    /// Which repost it is about.
    pub number: Option<i32>,
    /// Not later than this.
    pub until: Option<Timestamp>,
}

/// What a lease came to.
#[derive(Debug, Clone, PartialEq)]
pub enum CameTo {
    /// Nothing was done.
    Nothing,
    /// It waits.
    Waits {
        /// For which repost, where it is one.
        number: Option<i32>,
        /// Why, as the API shows it.
        failure: Option<Value>,
        /// An attempt was spent.
        is_spent: bool,
        /// A fresh token was refused.
        is_refused: bool,
    },
    /// This repost is out.
    Reposted(i32),
    /// This repost failed.
    Failed(i32, Value),
    /// Every repost that shows the post was taken back.
    Undone,
    /// That could not be done, and they are left.
    NotUndone(Value),
    /// The post is deleted.
    Removed,
    /// The deletion failed.
    NotRemoved(Value),
}

/// What is owed behind it.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// This repost, due at this instant.
    Repost(i32, Timestamp, Arm),
    /// To take this repost back at this instant.
    Undo(i32, Timestamp, Arm),
    /// To come again.
    Again(Arm),
    /// Nothing.
    Rest,
}

/// What is written.
#[derive(Debug, Clone)]
pub struct Writing {
    /// Who writes.
    pub guard: Guard,
    /// What it came to.
    pub came_to: CameTo,
    /// When, by the clock of the database.
    pub at: Timestamp,
    /// Why there are no more reposts, unless they had ended before.
    pub ends: Option<End>,
    /// What follows.
    pub then: Then,
    /// The lines of the timeline, as `domain::timeline` stores them.
    pub lines: Option<Value>,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// It stands, and this wake-up is owed.
    Done(Option<Job>),
    /// A person changed what is owed: it is to be read again.
    Moved,
    /// Another lease has taken over.
    Late,
}

impl Store {
    /// Commits the intent of an operation. `false` when somebody else has it, a person changed
    /// what is owed, or it is not its time.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is committed.
    pub async fn begin_operation(&self, begin: Begin) -> Result<bool, Fault> {
        let guard = begin.guard;
        let row = sqlx::query(
            "WITH o AS (
                 UPDATE operations
                 SET epoch = $2, lease = $3, is_sending = true, doing = $5,
                     checkpoint = CASE WHEN doing = $5 THEN checkpoint END,
                     attempts = CASE WHEN doing = $5 THEN attempts ELSE 0 END,
                     auth_refusals = CASE WHEN doing = $5 THEN auth_refusals ELSE 0 END
                 WHERE delivery_id = $1 AND (epoch < $2 OR epoch = $2 AND lease = $3)
                     AND revision = $4
                     AND ($7::timestamptz IS NULL OR clock_timestamp() <= $7)
                     AND EXISTS (SELECT FROM jobs WHERE kind = 'repost' AND subject = $1
                         AND generation = $6 AND due_at <= clock_timestamp())
                 RETURNING delivery_id
             ), r AS (
                 UPDATE reposts r SET status = 'sending' FROM o
                 WHERE r.delivery_id = o.delivery_id AND r.number = $8
             )
             SELECT 1 FROM o",
        )
        .bind(guard.delivery.uuid())
        .bind(guard.epoch)
        .bind(guard.lease)
        .bind(guard.revision)
        .bind(begin.doing.as_str())
        .bind(guard.generation)
        .bind(begin.until.map(convert::at))
        .bind(begin.number)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.is_some())
    }

    /// Writes how far an operation has come. `false` when another lease has taken over.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn keep_operation(&self, guard: Guard, checkpoint: &Value) -> Result<bool, Fault> {
        let done = sqlx::query(
            "UPDATE operations SET checkpoint = $4
             WHERE delivery_id = $1 AND epoch = $2 AND lease = $3 AND is_sending",
        )
        .bind(guard.delivery.uuid())
        .bind(guard.epoch)
        .bind(guard.lease)
        .bind(Json(checkpoint))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Writes what a lease came to and what follows, all or nothing.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn write_operation(&self, writing: &Writing) -> Result<Written, Fault> {
        let Writing { guard, came_to, at, ends, then, lines } = writing;
        let mut tx = self.pool.begin().await?;
        let stands = lock(&mut tx, guard.delivery).await?;
        let is_ours = stands.epoch < guard.epoch
            || stands.epoch == guard.epoch && stands.lease == guard.lease;
        if !is_ours {
            return Ok(Written::Late);
        }
        if stands.revision != guard.revision {
            return Ok(Written::Moved);
        }
        note(&mut tx, guard, came_to).await?;
        come_to(&mut tx, guard.delivery, came_to, *at).await?;
        if let (Some(end), None) = (ends, stands.ended) {
            no_more(&mut tx, guard.delivery, *end).await?;
        }
        let owed = follow(&mut tx, guard.delivery, then).await?;
        if let Some(lines) = lines {
            sqlx::query(
                "INSERT INTO timeline (tenant_id, delivery_id, epoch, role, lines)
                 SELECT tenant_id, id, $2, 'repost', $3 FROM deliveries WHERE id = $1",
            )
            .bind(guard.delivery.uuid())
            .bind(guard.epoch)
            .bind(Json(lines))
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(Written::Done(owed))
    }
}

/// The lease's own row: what waits is gone on with, what has ended leaves no position behind.
async fn note(db: &mut PgConnection, guard: &Guard, came_to: &CameTo) -> Result<(), Fault> {
    let (waits, spent, refused) = match came_to {
        CameTo::Waits { is_spent, is_refused, .. } => (true, *is_spent, *is_refused),
        _ => (matches!(came_to, CameTo::Nothing), false, false),
    };
    sqlx::query(
        "UPDATE operations
         SET epoch = $2, lease = $3, is_sending = false,
             doing = CASE WHEN $4 THEN doing END, checkpoint = CASE WHEN $4 THEN checkpoint END,
             attempts = CASE WHEN $4 THEN attempts + $5::int ELSE 0 END,
             auth_refusals = CASE WHEN $4 THEN auth_refusals + $6::int ELSE 0 END
         WHERE delivery_id = $1",
    )
    .bind(guard.delivery.uuid())
    .bind(guard.epoch)
    .bind(guard.lease)
    .bind(waits)
    .bind(i32::from(spent))
    .bind(i32::from(refused))
    .execute(db)
    .await?;
    Ok(())
}

async fn come_to(
    db: &mut PgConnection,
    delivery: DeliveryId,
    came_to: &CameTo,
    at: Timestamp,
) -> Result<(), Fault> {
    match came_to {
        CameTo::Nothing => Ok(()),
        CameTo::Waits { number: Some(number), failure, .. } => {
            wait(db, delivery, *number, failure.as_ref()).await
        }
        CameTo::Waits { number: None, failure, .. } => {
            sqlx::query(
                "UPDATE operations SET removal_failure = $2
                 WHERE delivery_id = $1 AND removal = 'waiting'",
            )
            .bind(delivery.uuid())
            .bind(failure.as_ref().map(Json))
            .execute(db)
            .await?;
            Ok(())
        }
        CameTo::Reposted(number) => {
            // It has taken those before it back.
            undone(db, delivery, at).await?;
            repost(db, delivery, (*number, RepostStatus::Published), Some(at), None).await?;
            tell(db, delivery, "repost.published", &json!({ "number": number })).await
        }
        CameTo::Failed(number, failure) => {
            let status = (*number, RepostStatus::Failed);
            repost(db, delivery, status, Some(at), Some(failure)).await?;
            let data = json!({ "number": number, "error": failure });
            tell(db, delivery, "repost.failed", &data).await
        }
        CameTo::Undone => {
            undone(db, delivery, at).await?;
            settle_open(db, delivery).await?;
            tell(db, delivery, "repost.undone", &json!({})).await
        }
        CameTo::NotUndone(failure) => {
            left(db, delivery, failure).await?;
            settle_open(db, delivery).await?;
            tell(db, delivery, "repost.undo_failed", &json!({ "error": failure })).await
        }
        CameTo::Removed => {
            // What showed the post went with it.
            undone(db, delivery, at).await?;
            settle_open(db, delivery).await?;
            removal(db, delivery, Some(at), None).await?;
            tell(db, delivery, "delivery.remote_deleted", &json!({})).await
        }
        CameTo::NotRemoved(failure) => {
            removal(db, delivery, None, Some(failure)).await?;
            let data = json!({ "error": failure });
            tell(db, delivery, "delivery.remote_delete_failed", &data).await
        }
    }
}

async fn repost(
    db: &mut PgConnection,
    delivery: DeliveryId,
    (number, status): (i32, RepostStatus),
    ended_at: Option<Timestamp>,
    failure: Option<&Value>,
) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE reposts SET status = $3, ended_at = $4, failure = $5
         WHERE delivery_id = $1 AND number = $2",
    )
    .bind(delivery.uuid())
    .bind(number)
    .bind(status.as_str())
    .bind(ended_at.map(convert::at))
    .bind(failure.map(Json))
    .execute(db)
    .await?;
    Ok(())
}

/// A repost that waits. While a call for it may have been heard it is under way.
async fn wait(
    db: &mut PgConnection,
    delivery: DeliveryId,
    number: i32,
    failure: Option<&Value>,
) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE reposts r SET failure = $3,
             status = CASE WHEN o.attempts > 0 THEN 'sending'
                 WHEN o.ended_for IS NOT NULL THEN 'cancelled' ELSE 'scheduled' END
         FROM operations o
         WHERE o.delivery_id = $1 AND r.delivery_id = $1 AND r.number = $2",
    )
    .bind(delivery.uuid())
    .bind(number)
    .bind(failure.map(Json))
    .execute(db)
    .await?;
    Ok(())
}

/// A repost that may have been heard is taken back: it is to be made anew, unless there are to be
/// no more.
async fn settle_open(db: &mut PgConnection, delivery: DeliveryId) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE reposts r SET status = CASE WHEN o.ended_for IN ('cancelled', 'removed')
             THEN 'cancelled' WHEN o.ended_for IS NOT NULL THEN 'missed' ELSE 'scheduled' END
         FROM operations o
         WHERE o.delivery_id = $1 AND r.delivery_id = $1 AND r.status = 'sending'",
    )
    .bind(delivery.uuid())
    .execute(db)
    .await?;
    Ok(())
}

/// What could not be taken back is left.
async fn left(db: &mut PgConnection, delivery: DeliveryId, failure: &Value) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE reposts SET is_left = true, failure = $2
         WHERE delivery_id = $1 AND status = 'published' AND undone_at IS NULL",
    )
    .bind(delivery.uuid())
    .bind(Json(failure))
    .execute(db)
    .await?;
    Ok(())
}

async fn undone(db: &mut PgConnection, delivery: DeliveryId, at: Timestamp) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE reposts SET undone_at = $2
         WHERE delivery_id = $1 AND status = 'published' AND undone_at IS NULL",
    )
    .bind(delivery.uuid())
    .bind(convert::at(at))
    .execute(db)
    .await?;
    Ok(())
}

async fn removal(
    db: &mut PgConnection,
    delivery: DeliveryId,
    removed_at: Option<Timestamp>,
    failure: Option<&Value>,
) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE operations SET removed_at = $2, removal_failure = $3,
             removal = CASE WHEN $2::timestamptz IS NULL THEN 'failed' ELSE 'done' END
         WHERE delivery_id = $1",
    )
    .bind(delivery.uuid())
    .bind(removed_at.map(convert::at))
    .bind(failure.map(Json))
    .execute(db)
    .await?;
    Ok(())
}

/// Ends the reposts.
async fn no_more(db: &mut PgConnection, delivery: DeliveryId, end: End) -> Result<(), Fault> {
    drop_scheduled(db, delivery, RepostStatus::Missed).await?;
    sqlx::query(
        "UPDATE operations SET ended_at = clock_timestamp(), ended_for = $2
         WHERE delivery_id = $1",
    )
    .bind(delivery.uuid())
    .bind(end.as_str())
    .execute(&mut *db)
    .await?;
    tell(db, delivery, "repost.ended", &json!({ "reason": end.as_str() })).await
}

/// Writes what follows, and arms or drops the wake-up.
async fn follow(
    db: &mut PgConnection,
    delivery: DeliveryId,
    then: &Then,
) -> Result<Option<Job>, Fault> {
    let wake = match then {
        Then::Repost(number, at, wake) => {
            sqlx::query(
                "INSERT INTO reposts AS r (delivery_id, number, status, due_at)
                 VALUES ($1, $2, 'scheduled', $3)
                 ON CONFLICT (delivery_id, number) DO UPDATE SET due_at = EXCLUDED.due_at
                 WHERE r.status = 'scheduled'",
            )
            .bind(delivery.uuid())
            .bind(number)
            .bind(convert::at(*at))
            .execute(&mut *db)
            .await?;
            Some(wake)
        }
        Then::Undo(number, at, wake) => {
            sqlx::query("UPDATE reposts SET undo_at = $3 WHERE delivery_id = $1 AND number = $2")
                .bind(delivery.uuid())
                .bind(number)
                .bind(convert::at(*at))
                .execute(&mut *db)
                .await?;
            Some(wake)
        }
        Then::Again(wake) => Some(wake),
        Then::Rest => None,
    };
    match wake {
        Some(wake) => Ok(jobs::arm(db, std::slice::from_ref(wake)).await?.pop()),
        None => {
            jobs::disarm(db, JobKind::Repost, &[delivery.uuid()]).await?;
            Ok(None)
        }
    }
}
