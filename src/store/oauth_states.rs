//! The states of OAuth flows under way: random, used once, alive ten minutes.

use crate::{Store, convert};
use base::Fault;
use domain::id::{BrandId, TenantId};
use domain::time::Timestamp;
use sqlx::Row;

/// A flow that a browser was sent off with.
pub struct OAuthState {
    /// For whom.
    pub tenant: TenantId,
    /// For which brand.
    pub brand: BrandId,
    /// On which platform.
    pub platform: String,
    /// Through which of our registrations.
    pub app: String,
    /// The PKCE verifier, sealed.
    pub verifier: Vec<u8>,
}

impl Store {
    /// Remembers a flow by the SHA-256 of its state.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn begin_oauth(
        &self,
        sha256: &[u8],
        flow: &OAuthState,
        expires_at: Timestamp,
    ) -> Result<(), Fault> {
        sqlx::query(
            "INSERT INTO oauth_states (sha256, tenant_id, brand_id, platform, app, verifier,
                 expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(sha256)
        .bind(flow.tenant.uuid())
        .bind(flow.brand.uuid())
        .bind(&flow.platform)
        .bind(&flow.app)
        .bind(&flow.verifier)
        .bind(convert::at(expires_at))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Uses a state up. `None` when it is unknown, too old, used, or of another platform.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn use_oauth(
        &self,
        sha256: &[u8],
        platform: &str,
    ) -> Result<Option<OAuthState>, Fault> {
        let row = sqlx::query(
            "UPDATE oauth_states SET used_at = clock_timestamp()
             WHERE sha256 = $1 AND platform = $2 AND used_at IS NULL
                 AND expires_at > clock_timestamp()
             RETURNING tenant_id, brand_id, platform, app, verifier",
        )
        .bind(sha256)
        .bind(platform)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            Ok(OAuthState {
                tenant: convert::id(&row, "tenant_id")?,
                brand: convert::id(&row, "brand_id")?,
                platform: row.try_get("platform")?,
                app: row.try_get("app")?,
                verifier: row.try_get("verifier")?,
            })
        })
        .transpose()
    }
}
