//! Deliveries that failed because their account was broken: counted, and sent again in one action.

use crate::jobs::{self, Arm, Job};
use crate::pauses::{Act, note};
use crate::{Store, convert};
use base::Fault;
use domain::id::{AccountId, DeliveryId, PostId, TenantId};
use domain::time::Timestamp;
use serde_json::json;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

/// Posts of one transaction.
const BATCH: i64 = 200;

/// What failed for an account, `$3` limiting it to what failed before an instant. Named by the
/// time of the failure, for a post may be due long after it.
const FAILED: &str = "FROM deliveries d JOIN accounts a ON a.id = d.account_id
    JOIN posts p ON p.id = d.post_id
    WHERE a.tenant_id = $1 AND d.account_id = $2 AND d.status = 'failed'
        AND d.failed_stage = 'validating' AND d.failure->>'type' = 'PlatformAuthError'
        AND d.updated_at >= a.broken_at AND ($3::timestamptz IS NULL OR d.updated_at < $3)
        AND p.stage = 'live'";

/// What failed for an account since it was well last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// How many deliveries.
    pub count: i64,
    /// When the first of them was due.
    pub first_due_at: Option<Timestamp>,
    /// When the last of them was due.
    pub last_due_at: Option<Timestamp>,
    /// The present, by the database's clock.
    pub now: Timestamp,
}

/// What sending them again came to.
#[derive(Debug, Clone, Default)]
pub struct Retried {
    /// The deliveries that go on.
    pub done: Vec<DeliveryId>,
    /// The wake-ups that are owed now.
    pub jobs: Vec<Job>,
}

impl Store {
    /// Counts what failed for an account since it was well last, before `before`.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn failed_for_auth(
        &self,
        tenant: TenantId,
        account: AccountId,
        before: Option<Timestamp>,
    ) -> Result<Failed, Fault> {
        let row = sqlx::query(AssertSqlSafe(format!(
            "SELECT count(*) AS count, min(d.due_at) AS first, max(d.due_at) AS last,
                 clock_timestamp() AS now {FAILED}"
        )))
        .bind(tenant.uuid())
        .bind(account.uuid())
        .bind(before.map(convert::at))
        .fetch_one(&self.pool)
        .await?;
        Ok(Failed {
            count: row.try_get("count")?,
            first_due_at: convert::time_or_none(&row, "first")?,
            last_due_at: convert::time_or_none(&row, "last")?,
            now: convert::time(&row, "now")?,
        })
    }

    /// Sends the next batch of them through fan-out again; `fan_out` makes the wake-up of a post.
    /// Nothing is done when nothing is left.
    ///
    /// # Errors
    /// When Postgres fails; then nothing of this batch is written.
    pub async fn retry_for_auth(
        &self,
        act: Act<'_>,
        before: Option<Timestamp>,
        fan_out: impl Fn(PostId) -> Arm,
    ) -> Result<Retried, Fault> {
        let mut tx = self.pool.begin().await?;
        let posts: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT id FROM posts WHERE stage = 'live' AND id IN (SELECT DISTINCT d.post_id {FAILED})
             ORDER BY id LIMIT $4 FOR UPDATE"
        )))
        .bind(act.tenant.uuid())
        .bind(act.account.uuid())
        .bind(before.map(convert::at))
        .bind(BATCH)
        .fetch_all(&mut *tx)
        .await?;
        if posts.is_empty() {
            return Ok(Retried::default());
        }
        // Behind the locks of the posts: whoever retried them meanwhile has won. The checkpoint
        // stays, so segments of a chain that are out are not sent again.
        let rows = sqlx::query(AssertSqlSafe(format!(
            "WITH found AS (
                 SELECT d.id {FAILED} AND d.post_id = ANY($4) ORDER BY d.id FOR UPDATE OF d)
             UPDATE deliveries d SET status = 'validating', revision = revision + 1, attempts = 0,
                 auth_refusals = 0, failure = NULL, failed_stage = NULL,
                 updated_at = clock_timestamp()
             FROM found WHERE d.id = found.id RETURNING d.id, d.post_id"
        )))
        .bind(act.tenant.uuid())
        .bind(act.account.uuid())
        .bind(before.map(convert::at))
        .bind(&posts)
        .fetch_all(&mut *tx)
        .await?;
        let done: Vec<DeliveryId> =
            rows.iter().map(|row| convert::id(row, "id")).collect::<Result<_, _>>()?;
        let mut changed: Vec<PostId> =
            rows.iter().map(|row| convert::id(row, "post_id")).collect::<Result<_, _>>()?;
        changed.sort_unstable();
        changed.dedup();
        let arms: Vec<Arm> = changed.into_iter().map(fan_out).collect();
        let jobs = jobs::arm(&mut tx, &arms).await?;
        let after = json!({ "retried": done.len() });
        note(&mut tx, act, "account.retry", (json!({}), after)).await?;
        tx.commit().await?;
        Ok(Retried { done, jobs })
    }
}
