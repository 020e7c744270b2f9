//! What waits for a person, as operators list it.

use crate::{Store, convert};
use base::Fault;
use domain::id::DeliveryId;
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgRow;

/// A delivery that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReview {
    /// Which one.
    pub id: DeliveryId,
    /// The account's name.
    pub handle: String,
    /// Where.
    pub platform: String,
    /// The slug of its brand.
    pub brand: String,
    /// Whose, by name.
    pub tenant: String,
    /// Since when.
    pub since: Timestamp,
    /// The type of what brought it there, where that is known.
    pub cause: Option<String>,
    /// The story, where it is known.
    pub message: Option<String>,
}

/// What waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReviews {
    /// How many.
    pub count: i64,
    /// The oldest of them, the oldest first.
    pub oldest: Vec<OpenReview>,
    /// The present, by the database's clock.
    pub now: Timestamp,
}

impl Store {
    /// The deliveries of all tenants that wait for a person, but for tests, on one platform or on
    /// all.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn reviews_waiting(
        &self,
        platform: Option<&str>,
        most: i64,
    ) -> Result<OpenReviews, Fault> {
        let rows = sqlx::query(
            "SELECT d.id, a.handle, d.platform, b.slug AS brand, t.name AS tenant, r.since,
                 d.failure->>'type' AS cause, d.failure->>'message' AS message,
                 count(*) OVER () AS count, clock_timestamp() AS now
             FROM open_reviews r JOIN deliveries d ON d.id = r.delivery_id
             JOIN accounts a ON a.id = d.account_id
             JOIN brands b ON b.id = a.brand_id JOIN tenants t ON t.id = d.tenant_id
             WHERE t.test_of IS NULL AND ($1::text IS NULL OR r.platform = $1)
             ORDER BY r.since, d.id LIMIT $2",
        )
        .bind(platform)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        let (count, now) = match rows.first() {
            Some(first) => (first.try_get("count")?, convert::time(first, "now")?),
            None => (0, self.time().await?),
        };
        let oldest = rows.iter().map(open_of).collect::<Result<_, _>>()?;
        Ok(OpenReviews { count, oldest, now })
    }
}

fn open_of(row: &PgRow) -> Result<OpenReview, Fault> {
    Ok(OpenReview {
        id: convert::id(row, "id")?,
        handle: row.try_get("handle")?,
        platform: row.try_get("platform")?,
        brand: row.try_get("brand")?,
        tenant: row.try_get("tenant")?,
        since: convert::time(row, "since")?,
        cause: row.try_get("cause")?,
        message: row.try_get("message")?,
    })
}
