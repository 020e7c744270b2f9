//! Refusals that no adapter knows, counted by what the platform itself calls them.

use crate::{Store, convert};
use base::Fault;
use domain::time::Timestamp;
use sqlx::Row;

/// Kinds of refusals that are kept of one platform: the most frequent, then the newest.
pub const KINDS_MAX: i64 = 1_000;

/// One kind of refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmapped {
    /// Who refused.
    pub platform: String,
    /// Which call.
    pub endpoint: String,
    /// The status and the platform's own codes.
    pub fingerprint: String,
    /// How often it came.
    pub count: i64,
    /// When it came first.
    pub first_at: Timestamp,
    /// When it came last.
    pub last_at: Timestamp,
}

impl Store {
    /// Counts a refusal. A new kind beyond [`KINDS_MAX`] takes the place of the rarest and oldest.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn count_unmapped(
        &self,
        platform: &str,
        endpoint: &str,
        fingerprint: &str,
    ) -> Result<(), Fault> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query(
            "INSERT INTO unmapped AS u (platform, endpoint, fingerprint) VALUES ($1, $2, $3)
             ON CONFLICT (platform, endpoint, fingerprint) DO UPDATE
             SET count = u.count + 1, last_at = clock_timestamp()
             RETURNING count = 1 AS is_new",
        )
        .bind(platform)
        .bind(endpoint)
        .bind(fingerprint)
        .fetch_one(&mut *tx)
        .await?;
        if row.try_get("is_new")? {
            sqlx::query(
                "DELETE FROM unmapped u USING (
                     SELECT endpoint, fingerprint FROM unmapped WHERE platform = $1
                     ORDER BY count DESC, last_at DESC, endpoint, fingerprint OFFSET $2
                 ) o
                 WHERE u.platform = $1 AND u.endpoint = o.endpoint
                     AND u.fingerprint = o.fingerprint",
            )
            .bind(platform)
            .bind(KINDS_MAX)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The kinds that came most often, over all platforms.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn unmapped(&self, kinds_max: i64) -> Result<Vec<Unmapped>, Fault> {
        let rows = sqlx::query(
            "SELECT platform, endpoint, fingerprint, count, first_at, last_at FROM unmapped
             ORDER BY count DESC, last_at DESC, platform, endpoint, fingerprint LIMIT $1",
        )
        .bind(kinds_max)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Unmapped {
                    platform: row.try_get("platform")?,
                    endpoint: row.try_get("endpoint")?,
                    fingerprint: row.try_get("fingerprint")?,
                    count: row.try_get("count")?,
                    first_at: convert::time(row, "first_at")?,
                    last_at: convert::time(row, "last_at")?,
                })
            })
            .collect()
    }
}
