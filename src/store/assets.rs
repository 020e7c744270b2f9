//! Assets: what was found in the files that users brought.

use crate::{Store, convert, tenant_limits};
use base::Fault;
use domain::allowance::Spent;
use domain::content::AssetFacts;
use domain::id::{AssetId, TenantId};
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::BTreeMap;
use uuid::Uuid;

impl Store {
    /// Writes down a file that lies safely in the library.
    ///
    /// # Errors
    /// When Postgres fails, or with [`tenant_limits::NoRoom`].
    pub async fn add_asset(&self, tenant: TenantId, facts: &AssetFacts) -> Result<(), Fault> {
        let mut tx = self.pool.begin().await?;
        tenant_limits::keep_room(&mut tx, tenant, Spent::Media, facts.size_bytes).await?;
        sqlx::query("INSERT INTO assets (id, tenant_id, facts) VALUES ($1, $2, $3)")
            .bind(facts.id.uuid())
            .bind(tenant.uuid())
            .bind(Json(facts))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The facts of those of `ids` that exist.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn assets(
        &self,
        tenant: TenantId,
        ids: &[AssetId],
    ) -> Result<BTreeMap<AssetId, AssetFacts>, Fault> {
        assets(&mut *self.pool.acquire().await?, tenant, ids).await
    }
}

/// The facts of those of `ids` that exist.
pub(crate) async fn assets(
    db: &mut PgConnection,
    tenant: TenantId,
    ids: &[AssetId],
) -> Result<BTreeMap<AssetId, AssetFacts>, Fault> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query("SELECT facts FROM assets WHERE tenant_id = $1 AND id = ANY($2)")
        .bind(tenant.uuid())
        .bind(ids)
        .fetch_all(db)
        .await?;
    let facts = rows.iter().map(|row| convert::json::<AssetFacts>(row, "facts"));
    facts.map(|facts| facts.map(|facts| (facts.id, facts))).collect()
}
