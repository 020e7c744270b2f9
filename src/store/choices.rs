//! What a consent brought, sealed, until its owner has chosen among it.
//!
//! Invariant: this file moves bytes; it cannot open them.

use crate::{Store, convert};
use base::Fault;
use domain::id::{BrandId, TenantId};
use domain::time::Timestamp;
use sqlx::Row;
use std::time::Duration;

/// Identities to choose from.
pub struct Choices {
    /// Whose.
    pub tenant: TenantId,
    /// For which brand.
    pub brand: BrandId,
    /// On which platform.
    pub platform: String,
    /// Through which registration.
    pub app: String,
    /// The key of the tenant's own registration, where it is one.
    pub own_app_key: Option<String>,
    /// What its owner should know of the consent.
    pub notes: Vec<String>,
    /// The identities with their grants, sealed.
    pub sealed: Vec<u8>,
}

impl Store {
    /// Keeps what a consent brought; what the one before brought is replaced. When it ends.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn keep_choices(
        &self,
        sha256: &[u8],
        choices: &Choices,
        life: Duration,
    ) -> Result<Timestamp, Fault> {
        let row = sqlx::query(
            "INSERT INTO connect_choices (sha256, tenant_id, brand_id, platform, app, own_app_key,
                 notes, sealed, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() + $9 * interval '1 second')
             ON CONFLICT (sha256) DO UPDATE
             SET tenant_id = EXCLUDED.tenant_id, brand_id = EXCLUDED.brand_id,
                 platform = EXCLUDED.platform, app = EXCLUDED.app,
                 own_app_key = EXCLUDED.own_app_key, notes = EXCLUDED.notes,
                 sealed = EXCLUDED.sealed, expires_at = EXCLUDED.expires_at
             RETURNING expires_at",
        )
        .bind(sha256)
        .bind(choices.tenant.uuid())
        .bind(choices.brand.uuid())
        .bind(&choices.platform)
        .bind(&choices.app)
        .bind(&choices.own_app_key)
        .bind(&choices.notes)
        .bind(&choices.sealed)
        .bind(convert::seconds(life))
        .fetch_one(&self.pool)
        .await?;
        convert::time(&row, "expires_at")
    }

    /// What there is to choose from, if its time is not over.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn choices(&self, sha256: &[u8]) -> Result<Option<Choices>, Fault> {
        let row = sqlx::query(
            "SELECT tenant_id, brand_id, platform, app, own_app_key, notes, sealed
             FROM connect_choices WHERE sha256 = $1 AND expires_at > clock_timestamp()",
        )
        .bind(sha256)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Choices {
            tenant: convert::id(&row, "tenant_id")?,
            brand: convert::id(&row, "brand_id")?,
            platform: row.try_get("platform")?,
            app: row.try_get("app")?,
            own_app_key: row.try_get("own_app_key")?,
            notes: row.try_get("notes")?,
            sealed: row.try_get("sealed")?,
        }))
    }
}
