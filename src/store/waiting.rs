//! Posts that wait for a person past their time.

use crate::{Store, convert};
use base::Fault;
use domain::id::{PostId, TenantId};
use domain::time::Timestamp;

/// A wake-up that is owed to whoever holds a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Of whom.
    pub tenant: TenantId,
    /// Since when nothing was done with it.
    pub since: Timestamp,
}

impl Store {
    /// Tells that a post which is held, or a draft, has passed its time, once; takes the wake-up
    /// away. `None` when that is not owed any more.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is told.
    pub async fn tell_waiting(
        &self,
        post: PostId,
        generation: i64,
    ) -> Result<Option<Waiting>, Fault> {
        let mut tx = self.pool.begin().await?;
        // The post first, as everybody does, so a release is before or behind this as a whole.
        let row = sqlx::query(
            "SELECT tenant_id, updated_at FROM posts
             WHERE id = $1 AND stage IN ('draft', 'held') FOR UPDATE",
        )
        .bind(post.uuid())
        .fetch_optional(&mut *tx)
        .await?;
        let gone = sqlx::query(
            "DELETE FROM jobs WHERE kind = 'waiting' AND subject = $1 AND generation = $2",
        )
        .bind(post.uuid())
        .bind(generation)
        .execute(&mut *tx)
        .await?;
        let Some(row) = row.filter(|_| gone.rows_affected() == 1) else {
            tx.commit().await?;
            return Ok(None);
        };
        sqlx::query(
            "INSERT INTO events (tenant_id, kind, subject, data)
             SELECT tenant_id, 'post.waiting', $2, jsonb_build_object('status', stage,
                 'reason', hold_reason, 'revision', revision,
                 'since', to_char(coalesce(held_at, updated_at) AT TIME ZONE 'UTC',
                     'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),
                 'scheduledAt', to_char(scheduled_at AT TIME ZONE 'UTC',
                     'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))
             FROM posts WHERE id = $1",
        )
        .bind(post.uuid())
        .bind(post.to_string())
        .execute(&mut *tx)
        .await?;
        let waiting = Waiting {
            tenant: convert::id(&row, "tenant_id")?,
            since: convert::time(&row, "updated_at")?,
        };
        tx.commit().await?;
        Ok(Some(waiting))
    }
}
