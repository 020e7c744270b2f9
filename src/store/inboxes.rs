//! The tenants as the inbox knows them: by their names.

use crate::Store;
use crate::tenants::Tenant;
use base::Fault;
use sqlx::Row;

/// The most tenants whose inboxes one process reads.
const INBOXES_MAX: i64 = 10_000;

impl Store {
    /// Every tenant that is not being erased with its name, in the order of the names.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn tenants_by_name(&self) -> Result<Vec<(String, Tenant)>, Fault> {
        let rows = sqlx::query(
            "SELECT id, name, profile, test_of IS NOT NULL AS is_test FROM tenants
             WHERE erasing_at IS NULL ORDER BY name LIMIT $1",
        )
        .bind(INBOXES_MAX)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("name")?, Self::tenant_of(row)?))).collect()
    }
}
