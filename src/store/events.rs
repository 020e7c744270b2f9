//! What happened, in one sequence.

use crate::Store;
use base::Fault;
use domain::id::TenantId;
use serde_json::Value;
use sqlx::types::Json;

impl Store {
    /// Writes an event.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn record(
        &self,
        tenant: TenantId,
        kind: &'static str,
        subject: &str,
        data: &Value,
    ) -> Result<(), Fault> {
        sqlx::query("INSERT INTO events (tenant_id, kind, subject, data) VALUES ($1, $2, $3, $4)")
            .bind(tenant.uuid())
            .bind(kind)
            .bind(subject)
            .bind(Json(data))
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
