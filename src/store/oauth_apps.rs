//! Registrations that tenants bring of their own, with their sealed secrets.
//!
//! Invariant: this file moves bytes; it cannot open them.

use crate::{Store, convert};
use base::Fault;
use domain::id::TenantId;
use domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// A tenant's own registration.
#[derive(Clone)]
pub struct OAuthApp {
    /// Which row.
    pub id: Uuid,
    /// On which platform.
    pub platform: String,
    /// In the place of which of the installation's.
    pub app: String,
    /// Its public id.
    pub client_id: String,
    /// Its secret, sealed.
    pub sealed: Vec<u8>,
    /// The version that the seal is bound to; raised by every new secret.
    pub version: i64,
    /// When the secret was brought.
    pub updated_at: Timestamp,
    /// Accounts that are connected through it.
    pub accounts: i64,
}

/// What became of a wish to change one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OAuthAppChange {
    /// It is done.
    Done,
    /// There is none.
    Unknown,
    /// So many accounts are connected through it.
    InUse(i64),
}

const COLUMNS: &str = "SELECT o.id, o.platform, o.app, o.client_id, o.sealed, o.version,
         o.updated_at, (
         SELECT count(*) FROM accounts a
         WHERE a.tenant_id = o.tenant_id AND a.platform = o.platform AND a.app = o.app
             AND a.own_app_key IS NOT NULL AND a.status <> 'disconnected') AS accounts
     FROM oauth_apps o WHERE o.tenant_id = $1";

fn select(rest: &str) -> sqlx::AssertSqlSafe<String> {
    // Both halves are constants of this file; nothing from outside enters the text.
    sqlx::AssertSqlSafe(format!("{COLUMNS} {rest}"))
}

fn app_of(row: &PgRow) -> Result<OAuthApp, Fault> {
    Ok(OAuthApp {
        id: row.try_get("id")?,
        platform: row.try_get("platform")?,
        app: row.try_get("app")?,
        client_id: row.try_get("client_id")?,
        sealed: row.try_get("sealed")?,
        version: row.try_get("version")?,
        updated_at: convert::time(row, "updated_at")?,
        accounts: row.try_get("accounts")?,
    })
}

impl Store {
    /// The registrations that a tenant has brought.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn oauth_apps(&self, tenant: TenantId) -> Result<Vec<OAuthApp>, Fault> {
        let rows = sqlx::query(select("ORDER BY o.platform, o.app LIMIT 100"))
            .bind(tenant.uuid())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(app_of).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn oauth_app(
        &self,
        tenant: TenantId,
        platform: &str,
        app: &str,
    ) -> Result<Option<OAuthApp>, Fault> {
        let row = sqlx::query(select("AND o.platform = $2 AND o.app = $3"))
            .bind(tenant.uuid())
            .bind(platform)
            .bind(app)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(app_of).transpose()
    }

    /// Takes a registration over, or a new secret of it. `seal` gets the row and the version to
    /// bind the secret to; `id` is that of a new row. Another client id is refused while accounts depend on the one before: their
    /// tokens are of no use to anybody else.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn put_oauth_app(
        &self,
        tenant: TenantId,
        (platform, app): (&str, &str),
        (id, client_id): (Uuid, &str),
        seal: impl FnOnce(Uuid, i64) -> Vec<u8>,
    ) -> Result<OAuthAppChange, Fault> {
        let mut tx = self.pool.begin().await?;
        let old = locked(&mut tx, tenant, platform, app).await?;
        if let Some(old) = old.as_ref().filter(|old| old.client_id != client_id && old.accounts > 0)
        {
            return Ok(OAuthAppChange::InUse(old.accounts));
        }
        let (id, version) = old.map_or((id, 1), |old| (old.id, old.version + 1));
        sqlx::query(
            "INSERT INTO oauth_apps (tenant_id, platform, app, client_id, sealed, version, id)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tenant_id, platform, app) DO UPDATE
             SET client_id = EXCLUDED.client_id, sealed = EXCLUDED.sealed,
                 version = EXCLUDED.version, updated_at = clock_timestamp()",
        )
        .bind(tenant.uuid())
        .bind(platform)
        .bind(app)
        .bind(client_id)
        .bind(seal(id, version))
        .bind(version)
        .bind(id)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(OAuthAppChange::Done)
    }

    /// Forgets a registration that no account depends on.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn delete_oauth_app(
        &self,
        tenant: TenantId,
        platform: &str,
        app: &str,
    ) -> Result<OAuthAppChange, Fault> {
        let mut tx = self.pool.begin().await?;
        match locked(&mut tx, tenant, platform, app).await? {
            None => return Ok(OAuthAppChange::Unknown),
            Some(old) if old.accounts > 0 => return Ok(OAuthAppChange::InUse(old.accounts)),
            Some(_) => {}
        }
        sqlx::query("DELETE FROM oauth_apps WHERE tenant_id = $1 AND platform = $2 AND app = $3")
            .bind(tenant.uuid())
            .bind(platform)
            .bind(app)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(OAuthAppChange::Done)
    }
}

async fn locked(
    tx: &mut PgConnection,
    tenant: TenantId,
    platform: &str,
    app: &str,
) -> Result<Option<OAuthApp>, Fault> {
    let row = sqlx::query(select("AND o.platform = $2 AND o.app = $3 FOR UPDATE OF o"))
        .bind(tenant.uuid())
        .bind(platform)
        .bind(app)
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(app_of).transpose()
}
