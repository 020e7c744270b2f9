//! What was seen of posts that are out: a line of their timeline, and nothing else.

use crate::Store;
use base::Fault;
use domain::id::{DeliveryId, TenantId};
use serde_json::Value;
use sqlx::types::Json;

impl Store {
    /// Writes the lines of a look at a post that is out.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn tell_of(
        &self,
        tenant: TenantId,
        delivery: DeliveryId,
        epoch: i64,
        lines: &Value,
    ) -> Result<(), Fault> {
        sqlx::query(
            "INSERT INTO timeline (tenant_id, delivery_id, epoch, role, lines)
             VALUES ($1, $2, $3, 'follow', $4)",
        )
        .bind(tenant.uuid())
        .bind(delivery.uuid())
        .bind(epoch)
        .bind(Json(lines))
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
