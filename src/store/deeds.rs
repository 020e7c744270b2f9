//! What people did: a row of `audit` in the transaction of each change.

use base::Fault;
use domain::id::TenantId;
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;

/// Who did what, to what, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deed<'a> {
    /// Whose key it was.
    pub actor: &'a str,
    /// What was done, as `post.cancel`.
    pub action: &'a str,
    /// To what, as an identifier.
    pub subject: &'a str,
    /// Why.
    pub reason: &'a str,
    /// What was before.
    pub before: &'a Value,
    /// What is now.
    pub after: &'a Value,
}

/// Writes it down.
pub(crate) async fn note(
    db: &mut PgConnection,
    tenant: TenantId,
    deed: Deed<'_>,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO audit (tenant_id, actor, action, subject, reason, before, after)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tenant.uuid())
    .bind(deed.actor)
    .bind(deed.action)
    .bind(deed.subject)
    .bind(deed.reason)
    .bind(Json(deed.before))
    .bind(Json(deed.after))
    .execute(db)
    .await?;
    Ok(())
}
