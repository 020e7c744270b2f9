//! Endpoints that upstream apps are told of events at, with their sealed secrets.
//!
//! Invariant: this file moves bytes; it cannot open them. Whoever changes an endpoint is in the
//! audit, in the same transaction.

use crate::{Store, convert};
use base::Fault;
use domain::id::{TenantId, WebhookId};
use domain::time::Timestamp;
use serde_json::{Value, json};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use std::time::Duration;
use uuid::Uuid;

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Which.
    pub id: WebhookId,
    /// Where it is.
    pub url: String,
    /// What its owner calls it.
    pub description: String,
    /// Kinds of events, as `post.published` or `post.*`; every one where there is none.
    pub patterns: Vec<String>,
    /// Why it is switched off, where it is: `asked`, `gone` or `failing`.
    pub disabled_for: Option<String>,
    /// Since when it has taken nothing.
    pub failing_since: Option<Timestamp>,
    /// When it was named.
    pub created_at: Timestamp,
}

/// What a person makes of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Where it is.
    pub url: String,
    /// What its owner calls it.
    pub description: String,
    /// The kinds of events.
    pub patterns: Vec<String>,
    /// Is it sent anything?
    pub is_enabled: bool,
}

/// Who changes what.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// Whose.
    pub tenant: TenantId,
    /// Who, as the audit names it.
    pub actor: &'a str,
}

/// A secret that was sealed for its row.
pub struct NewSecret {
    /// The row.
    pub id: Uuid,
    /// The secret.
    pub sealed: Vec<u8>,
}

const COLUMNS: &str = "SELECT id, url, description, patterns, disabled_for, failing_since,
     created_at FROM webhooks WHERE tenant_id = $1";

fn select(rest: &str) -> sqlx::AssertSqlSafe<String> {
    // Both halves are constants of this file; nothing from outside enters the text.
    sqlx::AssertSqlSafe(format!("{COLUMNS} {rest}"))
}

fn webhook_of(row: &PgRow) -> Result<Webhook, Fault> {
    Ok(Webhook {
        id: convert::id(row, "id")?,
        url: row.try_get("url")?,
        description: row.try_get("description")?,
        patterns: row.try_get("patterns")?,
        disabled_for: row.try_get("disabled_for")?,
        failing_since: convert::time_or_none(row, "failing_since")?,
        created_at: convert::time(row, "created_at")?,
    })
}

impl Store {
    /// The endpoints of a tenant, the oldest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn webhooks(&self, tenant: TenantId) -> Result<Vec<Webhook>, Fault> {
        let asked = sqlx::query(select("ORDER BY id LIMIT 1000")).bind(tenant.uuid());
        asked.fetch_all(&self.pool).await?.iter().map(webhook_of).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn webhook(&self, tenant: TenantId, id: WebhookId) -> Result<Option<Webhook>, Fault> {
        let asked = sqlx::query(select("AND id = $2")).bind(tenant.uuid()).bind(id.uuid());
        asked.fetch_optional(&self.pool).await?.as_ref().map(webhook_of).transpose()
    }

    /// Takes an endpoint in, unless the tenant has `most` already; `false` then.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn add_webhook(
        &self,
        by: By<'_>,
        (id, shard, most): (WebhookId, i16, i64),
        wish: &Wish,
        secret: NewSecret,
    ) -> Result<bool, Fault> {
        let mut tx = self.pool.begin().await?;
        // One at a time in a tenant, so that two of them do not both find the last place.
        sqlx::query("SELECT FROM tenants WHERE id = $1 FOR NO KEY UPDATE")
            .bind(by.tenant.uuid())
            .execute(&mut *tx)
            .await?;
        let added = sqlx::query(
            "INSERT INTO webhooks (id, tenant_id, url, description, patterns, shard, status,
                 disabled_for)
             SELECT $1, $2, $3, $4, $5, $6, CASE WHEN $7 THEN 'enabled' ELSE 'disabled' END,
                 CASE WHEN NOT $7 THEN 'asked' END
             WHERE (SELECT count(*) FROM webhooks WHERE tenant_id = $2) < $8",
        )
        .bind(id.uuid())
        .bind(by.tenant.uuid())
        .bind(&wish.url)
        .bind(&wish.description)
        .bind(&wish.patterns)
        .bind(shard)
        .bind(wish.is_enabled)
        .bind(most)
        .execute(&mut *tx)
        .await?;
        if added.rows_affected() == 0 {
            return Ok(false);
        }
        add_secret(&mut tx, by.tenant, id, &secret).await?;
        note(&mut tx, by, id, "webhook.create", (json!({}), told(wish))).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Changes an endpoint that stands as it was read; `false` when it does not. One that is
    /// switched on again has not failed yet.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn change_webhook(
        &self,
        by: By<'_>,
        old: &Webhook,
        wish: &Wish,
    ) -> Result<bool, Fault> {
        let mut tx = self.pool.begin().await?;
        let done = sqlx::query(
            "UPDATE webhooks SET url = $3, description = $4, patterns = $5,
                 status = CASE WHEN $6 THEN 'enabled' ELSE 'disabled' END,
                 disabled_for = CASE WHEN NOT $6 THEN coalesce(disabled_for, 'asked') END,
                 failing_since = CASE WHEN status = 'enabled' AND url = $3 THEN failing_since END,
                 updated_at = clock_timestamp()
             WHERE tenant_id = $1 AND id = $2 AND url = $7 AND description = $8
                 AND patterns = $9 AND disabled_for IS NOT DISTINCT FROM $10",
        )
        .bind(by.tenant.uuid())
        .bind(old.id.uuid())
        .bind(&wish.url)
        .bind(&wish.description)
        .bind(&wish.patterns)
        .bind(wish.is_enabled)
        .bind(&old.url)
        .bind(&old.description)
        .bind(&old.patterns)
        .bind(&old.disabled_for)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let before = Wish {
            url: old.url.clone(),
            description: old.description.clone(),
            patterns: old.patterns.clone(),
            is_enabled: old.disabled_for.is_none(),
        };
        note(&mut tx, by, old.id, "webhook.edit", (told(&before), told(wish))).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Forgets an endpoint with all that was sent to it; `false` when there is none.
    ///
    /// # Errors
    /// When Postgres fails; then it is there as before.
    pub async fn delete_webhook(&self, by: By<'_>, id: WebhookId) -> Result<bool, Fault> {
        let mut tx = self.pool.begin().await?;
        let gone = sqlx::query("DELETE FROM webhooks WHERE tenant_id = $1 AND id = $2")
            .bind(by.tenant.uuid())
            .bind(id.uuid())
            .execute(&mut *tx)
            .await?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(
            "WITH m AS (DELETE FROM webhook_messages WHERE webhook_id = $1 RETURNING id)
             DELETE FROM jobs j USING m WHERE j.kind = 'webhook' AND j.subject = m.id",
        )
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
        note(&mut tx, by, id, "webhook.delete", (json!({}), json!({}))).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Gives an endpoint another secret. The one before signs beside it for a while, older ones no
    /// more. Until when it does; `None` when there is no such endpoint.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn renew_webhook_secret(
        &self,
        by: By<'_>,
        id: WebhookId,
        secret: NewSecret,
        both_for: Duration,
    ) -> Result<Option<Timestamp>, Fault> {
        let mut tx = self.pool.begin().await?;
        let found = sqlx::query(
            "SELECT clock_timestamp() + $3 * interval '1 second' AS until FROM webhooks
             WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        )
        .bind(by.tenant.uuid())
        .bind(id.uuid())
        .bind(convert::seconds(both_for))
        .fetch_optional(&mut *tx)
        .await?;
        let Some(found) = found else { return Ok(None) };
        let until = convert::time(&found, "until")?;
        sqlx::query("DELETE FROM webhook_secrets WHERE webhook_id = $1 AND expires_at IS NOT NULL")
            .bind(id.uuid())
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE webhook_secrets SET expires_at = $2 WHERE webhook_id = $1")
            .bind(id.uuid())
            .bind(convert::at(until))
            .execute(&mut *tx)
            .await?;
        add_secret(&mut tx, by.tenant, id, &secret).await?;
        let after = json!({ "previousUntil": until });
        note(&mut tx, by, id, "webhook.secret", (json!({}), after)).await?;
        tx.commit().await?;
        Ok(Some(until))
    }
}

async fn add_secret(
    tx: &mut PgConnection,
    tenant: TenantId,
    webhook: WebhookId,
    secret: &NewSecret,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO webhook_secrets (id, webhook_id, tenant_id, sealed) VALUES ($1, $2, $3, $4)",
    )
    .bind(secret.id)
    .bind(webhook.uuid())
    .bind(tenant.uuid())
    .bind(&secret.sealed)
    .execute(tx)
    .await?;
    Ok(())
}

fn told(wish: &Wish) -> Value {
    json!({ "url": wish.url, "description": wish.description, "events": wish.patterns,
        "enabled": wish.is_enabled })
}

/// Writes who changed what of an endpoint.
pub(crate) async fn note(
    tx: &mut PgConnection,
    by: By<'_>,
    id: WebhookId,
    action: &str,
    (before, after): (Value, Value),
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO audit (tenant_id, actor, action, subject, reason, before, after)
         VALUES ($1, $2, $3, $4, 'asked for through the API', $5, $6)",
    )
    .bind(by.tenant.uuid())
    .bind(by.actor)
    .bind(action)
    .bind(id.to_string())
    .bind(Json(before))
    .bind(Json(after))
    .execute(tx)
    .await?;
    Ok(())
}
