//! The slot of a post that goes on after all of it had ended: its own, or the next one that is free
//! where its own was given to another meanwhile.
//!
//! What is past needs no slot: it goes out at once, as any retry does.

use crate::changes::Turn;
use crate::slots::{self, NoPlace, Place, Wanted};
use crate::{changes, convert};
use base::Fault;
use domain::delivery::Status;
use domain::id::{AccountId, BrandId, PostId, TenantId};
use domain::request::Draft;
use serde_json::json;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use uuid::Uuid;

/// A post that names no time of its own and of which nothing goes on.
pub(crate) struct Ended {
    tenant: TenantId,
    brand: BrandId,
    post: PostId,
    draft: Draft,
    revision: i32,
}

impl Turn {
    /// Makes sure that the post has a slot before some of it goes on as `draft`, on these accounts:
    /// where its own was given to another, the next free one, which is returned. `None` where it
    /// needs no other.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn reclaim(
        &mut self,
        draft: &Draft,
        accounts: &[AccountId],
    ) -> Result<Result<Option<Place>, NoPlace>, Fault> {
        let has_ended = |status| matches!(status, Status::Failed | Status::Cancelled);
        if self.standing.iter().any(|one| !has_ended(one.now.status)) {
            return Ok(Ok(None));
        }
        let ended = Ended { draft: draft.clone(), ..ended(self) };
        slots::lock_brands(&mut self.tx, &[ended.brand.uuid()]).await?;
        ended.reclaim(&mut self.tx, accounts).await
    }
}

impl Ended {
    /// The same, behind the lock of its brand.
    pub(crate) async fn reclaim(
        &self,
        tx: &mut PgConnection,
        accounts: &[AccountId],
    ) -> Result<Result<Option<Place>, NoPlace>, Fault> {
        let Some(at) = self.draft.scheduled_at.filter(|_| self.draft.schedule.is_some()) else {
            return Ok(Ok(None));
        };
        let row = sqlx::query(
            "SELECT $2 <= clock_timestamp() OR EXISTS (
                 SELECT FROM placements WHERE post_id = $1 AND slot_at = $2) AS is_kept",
        )
        .bind(self.post.uuid())
        .bind(convert::at(at))
        .fetch_one(&mut *tx)
        .await?;
        if row.try_get("is_kept")? {
            return Ok(Ok(None));
        }
        let (tenant, brand, not_after) = (self.tenant, self.brand, self.draft.not_after);
        let place = slots::take(tx, self.post, Wanted { tenant, brand, accounts, not_after });
        Ok(place.await?.map(|place| Some(place).filter(|place| place.at != at)))
    }

    /// Which post it is.
    pub(crate) const fn post(&self) -> PostId {
        self.post
    }

    /// Writes that it goes out in another slot: what was made ready for the old time is made anew,
    /// unless a part is out.
    pub(crate) async fn move_to(self, tx: &mut PgConnection, place: Place) -> Result<(), Fault> {
        let at = convert::at(place.at);
        let draft = place.fill(&self.draft);
        sqlx::query(
            "UPDATE posts SET draft = $2, scheduled_at = $3, revision = revision + 1,
                 updated_at = clock_timestamp() WHERE id = $1",
        )
        .bind(self.post.uuid())
        .bind(Json(&draft))
        .bind(at)
        .execute(&mut *tx)
        .await?;
        let sql = format!(
            "WITH t AS (SELECT id, {} AS is_out FROM deliveries d
                 WHERE d.post_id = $1 AND d.status = 'validating')
             UPDATE deliveries d SET due_at = $2,
                 checkpoint = CASE WHEN t.is_out THEN d.checkpoint END,
                 checkpoint_no = d.checkpoint_no + (NOT t.is_out)::int,
                 intended_at = CASE WHEN t.is_out OR d.has_doubt THEN d.intended_at END
             FROM t WHERE d.id = t.id",
            changes::IS_PART_OUT,
        );
        let moved = sqlx::query(AssertSqlSafe(sql)).bind(self.post.uuid()).bind(at);
        moved.execute(&mut *tx).await?;
        let data = json!({
            "revision": self.revision + 1, "fields": ["scheduledAt"],
            "scheduledAt": draft.scheduled_at,
        });
        sqlx::query(
            "INSERT INTO events (tenant_id, kind, subject, data)
             VALUES ($1, 'post.edited', $2, $3)",
        )
        .bind(self.tenant.uuid())
        .bind(self.post.to_string())
        .bind(Json(data))
        .execute(tx)
        .await?;
        Ok(())
    }
}

/// Of a turn's post, what [`Ended::move_to`] writes.
pub(crate) fn ended(turn: &Turn) -> Ended {
    Ended {
        tenant: turn.tenant,
        brand: turn.post.brand,
        post: turn.post.id,
        draft: turn.post.draft.clone(),
        revision: turn.post.revision,
    }
}

/// Those of some locked posts that lost their slot to others, and the accounts on which they have
/// failed. Their brands are locked.
pub(crate) async fn lost(
    tx: &mut PgConnection,
    tenant: TenantId,
    posts: &[Uuid],
) -> Result<Vec<(Ended, Vec<AccountId>)>, Fault> {
    let asked = "SELECT p.id, p.brand_id, p.draft, p.revision, ARRAY(
             SELECT account_id FROM deliveries WHERE post_id = p.id AND status = 'failed')
             AS accounts
         FROM posts p
         WHERE p.id = ANY($1) AND p.draft->>'schedule' IS NOT NULL
             AND p.scheduled_at > clock_timestamp()
             AND NOT EXISTS (SELECT FROM deliveries d WHERE d.post_id = p.id
                 AND d.status NOT IN ('failed', 'cancelled'))
             AND NOT EXISTS (SELECT FROM placements o
                 WHERE o.post_id = p.id AND o.slot_at = p.scheduled_at AND NOT $2)
         ORDER BY p.id";
    // Who may have lost theirs, and behind the locks of their brands who has.
    let all = sqlx::query(asked).bind(posts).bind(true).fetch_all(&mut *tx).await?;
    let brands = all.iter().map(|row| row.try_get("brand_id")).collect::<Result<Vec<_>, _>>()?;
    if brands.is_empty() {
        return Ok(Vec::new());
    }
    slots::lock_brands(tx, &brands).await?;
    let rows = sqlx::query(asked).bind(posts).bind(false).fetch_all(tx).await?;
    let read = |row| {
        let ended = Ended {
            tenant,
            brand: convert::id(row, "brand_id")?,
            post: convert::id(row, "id")?,
            draft: convert::json(row, "draft")?,
            revision: row.try_get("revision")?,
        };
        let accounts: Vec<Uuid> = row.try_get("accounts")?;
        Ok((ended, accounts.into_iter().map(AccountId::new).collect()))
    };
    rows.iter().map(read).collect()
}
