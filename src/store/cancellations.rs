//! Takes a post back, as far as it has not left.

use crate::changes;
use crate::copies;
use crate::deeds::{self, Deed};
use crate::jobs::{self, JobKind};
use crate::{Store, convert, slots};
use base::Fault;
use domain::edit::{Now, Order, Step, step};
use domain::id::{DeliveryId, PostId, TenantId};
use domain::post::Stage;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

/// What taking a post back came to.
#[derive(Debug, Clone, Default)]
pub struct Cancelled {
    /// The deliveries that do not go out.
    pub done: Vec<DeliveryId>,
    /// Those that stood against it, with where they stand.
    pub refused: Vec<(DeliveryId, Now)>,
}

impl Store {
    /// Takes back what has not left yet; of a chain, all of it or nothing. Whoever did it is
    /// written down.
    ///
    /// # Errors
    /// When Postgres fails. `Ok(None)` when there is no such post.
    pub async fn cancel(
        &self,
        tenant: TenantId,
        id: PostId,
        actor: &str,
    ) -> Result<Option<Cancelled>, Fault> {
        let _turn = self.turn().await?;
        let mut tx = self.pool.begin().await?;
        let Some(stage) = lock_post(&mut tx, tenant, id).await? else { return Ok(None) };
        let mut cancelled = Cancelled::default();
        for one in changes::lock(&mut tx, id).await? {
            match step(Order::Cancel, one.now) {
                Step::To(_) => cancelled.done.push(one.id),
                Step::Keep => {}
                Step::Refuse => cancelled.refused.push((one.id, one.now)),
            }
        }
        // A draft has nothing that could stand against it.
        if stage == Stage::Draft {
            cancelled.refused.clear();
        }
        let done: Vec<Uuid> = cancelled.done.iter().map(|id| id.uuid()).collect();
        sqlx::query(
            "UPDATE deliveries SET status = 'cancelled', revision = revision + 1,
                 updated_at = clock_timestamp() WHERE id = ANY($1)",
        )
        .bind(&done)
        .execute(&mut *tx)
        .await?;
        let is_whole = cancelled.refused.is_empty() && end_post(&mut tx, id).await?;
        jobs::disarm(&mut tx, JobKind::Publish, &done).await?;
        if !done.is_empty() {
            copies::stop(&mut tx, (tenant, id)).await?;
        }
        if is_whole || !done.is_empty() {
            let (before, after) = (
                json!({ "stage": stage }),
                json!({
                    "stage": if is_whole { Stage::Cancelled } else { stage },
                    "deliveries": done.len(),
                }),
            );
            let (subject, reason) = (&id.to_string(), "through the API");
            let (before, after) = (&before, &after);
            let deed = Deed { actor, action: "post.cancel", subject, reason, before, after };
            deeds::note(&mut tx, tenant, deed).await?;
        }
        tx.commit().await?;
        Ok(Some(cancelled))
    }
}

/// Ends a post as a whole; false when it had ended so before.
async fn end_post(tx: &mut PgConnection, id: PostId) -> Result<bool, Fault> {
    let ended = sqlx::query(
        "UPDATE posts SET stage = 'cancelled', revision = revision + 1, hold_reason = NULL,
             held_at = NULL, updated_at = clock_timestamp()
         WHERE id = $1 AND stage NOT IN ('cancelled', 'archived')",
    )
    .bind(id.uuid())
    .execute(&mut *tx)
    .await?;
    for kind in [JobKind::FanOut, JobKind::Waiting] {
        jobs::disarm(tx, kind, &[id.uuid()]).await?;
    }
    slots::free(tx, id).await?;
    changes::tell(tx, id).await?;
    Ok(ended.rows_affected() == 1)
}

async fn lock_post(
    db: &mut PgConnection,
    tenant: TenantId,
    id: PostId,
) -> Result<Option<Stage>, Fault> {
    let row = sqlx::query("SELECT stage FROM posts WHERE tenant_id = $1 AND id = $2 FOR UPDATE")
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.map(|row| convert::word(&row, "stage", Stage::parse)).transpose()
}
