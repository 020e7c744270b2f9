//! What the vault refused to open: the account is marked, and the audit says what was found.

use crate::Store;
use crate::credentials::Credential;
use crate::data_keys::{Change, note};
use base::Fault;
use domain::id::TenantId;
use serde_json::json;
use sqlx::Row;

/// What was found about a stored grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damaged {
    /// The account is marked now; it was not before.
    Now,
    /// It was marked before, or serves no more for another reason.
    Before,
    /// Another grant is stored by now.
    Replaced,
}

impl Store {
    /// Marks the account of a grant that does not open as damaged, with event and audit, once, and
    /// only while that very grant is what is stored.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn damage_account(
        &self,
        tenant: TenantId,
        grant: &Credential,
        reason: &str,
    ) -> Result<Damaged, Fault> {
        let mut tx = self.pool.begin().await?;
        let account = grant.account;
        let row = sqlx::query(
            "WITH stored AS (
                 SELECT account_id FROM credentials
                 WHERE account_id = $2 AND version = $4 AND sealed = $5
             ), was AS (
                 SELECT a.id, a.status FROM accounts a JOIN stored s ON s.account_id = a.id
                 WHERE a.tenant_id = $1 FOR NO KEY UPDATE OF a
             ), marked AS (
                 UPDATE accounts a SET status = 'damaged', status_reason = $3,
                     status_at = clock_timestamp(), updated_at = clock_timestamp()
                 FROM was WHERE a.id = was.id AND was.status = 'connected'
                 RETURNING a.handle
             ), told AS (
                 INSERT INTO events (tenant_id, kind, subject, data)
                 SELECT $1, 'account.damaged', $6,
                     jsonb_build_object('handle', handle, 'reason', $3::text) FROM marked)
             SELECT (SELECT status FROM was) AS status, EXISTS (SELECT FROM marked) AS is_marked",
        )
        .bind(tenant.uuid())
        .bind(account.uuid())
        .bind(reason)
        .bind(grant.version)
        .bind(&grant.sealed)
        .bind(account.to_string())
        .fetch_one(&mut *tx)
        .await?;
        let Some(was) = row.try_get::<Option<String>, _>("status")? else {
            return Ok(Damaged::Replaced);
        };
        if !row.try_get::<bool, _>("is_marked")? {
            return Ok(Damaged::Before);
        }
        let subject = &account.to_string();
        let change = Change { tenant, action: "vault.refused", subject, reason };
        note(&mut tx, change, &json!({"status": was}), &json!({"status": "damaged"})).await?;
        tx.commit().await?;
        Ok(Damaged::Now)
    }

    /// Writes down that something else than a grant did not open.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn note_refusal(
        &self,
        tenant: TenantId,
        subject: &str,
        reason: &str,
    ) -> Result<(), Fault> {
        let mut connection = self.pool.acquire().await?;
        let change = Change { tenant, action: "vault.refused", subject, reason };
        note(&mut connection, change, &json!({}), &json!({})).await
    }
}
