//! What a brand plans and has published, in the order of its times.

use crate::posts::{Post, post_of, shown_deliveries};
use crate::{Store, convert, scope};
use base::Fault;
use chrono::{DateTime, Utc};
use domain::id::{BrandId, TenantId};
use domain::time::Timestamp;
use sqlx::Row;
use uuid::Uuid;

/// Posts of a brand at or after a place in its calendar, before an end. It has the names of an
/// index (`posts_by_time`) in it, so a page costs what it shows.
pub const PLANNED: &str =
    "SELECT id, brand_id, stage, hold_reason, held_at, revision, draft, scheduled_at, created_at,
         clock_timestamp() AS now, coalesce(scheduled_at, created_at) AS planned_at
     FROM posts
     WHERE tenant_id = $1 AND brand_id = $2
         AND (coalesce(scheduled_at, created_at), id) > ($3, $4)
         AND coalesce(scheduled_at, created_at) < $5
         AND stage NOT IN ('cancelled', 'archived')
         AND (stage <> 'draft' OR scheduled_at IS NOT NULL)
     ORDER BY coalesce(scheduled_at, created_at), id LIMIT $6";

/// A part of a brand's calendar.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Of whom.
    pub tenant: TenantId,
    /// Of which brand.
    pub brand: BrandId,
    /// What comes behind this instant, in microseconds since the Unix epoch, and post: instants of
    /// acceptance are as fine, and a place in a calendar is exact.
    pub after: (i64, Uuid),
    /// And before this.
    pub until: Timestamp,
}

impl Store {
    /// The posts of a window, each with the microsecond at which it is due or was accepted to go
    /// out at once, in that order, at most so many.
    /// What was taken back or put away is not among them, nor a draft without a time.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn planned(&self, window: Window, limit: i64) -> Result<Vec<(i64, Post)>, Fault> {
        // Behind the wall between tenants no index serves these times.
        let mut db = scope::of_everybody(self.pool.acquire()).await?;
        let rows = sqlx::query(PLANNED)
            .bind(window.tenant.uuid())
            .bind(window.brand.uuid())
            .bind(DateTime::from_timestamp_micros(window.after.0).unwrap_or_default())
            .bind(window.after.1)
            .bind(convert::at(window.until))
            .bind(limit)
            .fetch_all(&mut *db)
            .await?;
        let mut posts = Vec::with_capacity(rows.len());
        for row in &rows {
            let at: DateTime<Utc> = row.try_get("planned_at")?;
            posts.push((at.timestamp_micros(), post_of(row)?));
        }
        let ids: Vec<Uuid> = posts.iter().map(|(_, post)| post.id.uuid()).collect();
        for delivery in shown_deliveries(&mut db, &ids).await? {
            if let Some((_, post)) = posts.iter_mut().find(|(_, post)| post.id == delivery.post) {
                post.deliveries.push(delivery);
            }
        }
        Ok(posts)
    }
}
