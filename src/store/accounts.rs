//! Accounts: one identity on one platform, of one brand.

use crate::jobs::{self, Job, JobKind};
use crate::{Store, convert, gates};
use base::{Context, Fault};
use domain::account::Status;
use domain::id::{AccountId, BrandId, TenantId};
use domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// An account as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Which one.
    pub id: AccountId,
    /// Whose.
    pub tenant: TenantId,
    /// The brand it belongs to.
    pub brand_id: BrandId,
    /// The platform's name.
    pub platform: String,
    /// Our registration it is connected through.
    pub app: String,
    /// The key of the tenant's own registration, where it is one.
    pub own_app_key: Option<String>,
    /// The platform's id of it.
    pub remote_id: String,
    /// The name a person knows it by.
    pub handle: String,
    /// The kind that capabilities depend on.
    pub kind: String,
    /// Where it stands.
    pub status: Status,
    /// Why, where it is not connected.
    pub status_reason: Option<String>,
    /// Since when.
    pub status_at: Timestamp,
    /// What its owner allowed, where the platform told.
    pub scopes: Option<Vec<String>>,
    /// When it was connected last.
    pub connected_at: Timestamp,
}

impl Account {
    /// What lanes, groups, gates and counters call the registration that it is connected through.
    pub fn app_key(&self) -> &str {
        self.own_app_key.as_deref().unwrap_or(&self.app)
    }

    /// Why nothing can be published on it before somebody connects it again.
    pub fn needs_reconnect(&self) -> Option<&str> {
        match self.status {
            Status::Connected => None,
            Status::NeedsReconnect | Status::Disconnected | Status::Damaged => {
                Some(self.status_reason.as_deref().unwrap_or_default())
            }
        }
    }
}

/// A grant that is lost.
pub struct Losing<'a> {
    /// Whose.
    pub tenant: TenantId,
    /// The account.
    pub account: AccountId,
    /// The grant: a newer one is left alone.
    pub version: i64,
    /// Why, for its owner.
    pub reason: &'a str,
    /// The account's gate: nothing is waited for any more.
    pub gate: &'a str,
}

/// An account whose grant is another one now, or lost.
pub struct Woken {
    /// The wake-ups that were armed.
    pub jobs: Vec<Job>,
    /// Its gate was shut, and Redis has to be told that it is open.
    pub is_rested: bool,
}

const COLUMNS: &str =
    "SELECT a.id, a.tenant_id, a.brand_id, a.platform, a.app, a.own_app_key, a.remote_id,
    a.handle, a.kind, a.status, a.status_reason, a.status_at, a.scopes, a.connected_at
    FROM accounts a";

pub(crate) fn account_of(row: &PgRow) -> Result<Account, Fault> {
    Ok(Account {
        id: convert::id(row, "id")?,
        tenant: convert::id(row, "tenant_id")?,
        brand_id: convert::id(row, "brand_id")?,
        platform: row.try_get("platform")?,
        app: row.try_get("app")?,
        own_app_key: row.try_get("own_app_key")?,
        remote_id: row.try_get("remote_id")?,
        handle: row.try_get("handle")?,
        kind: row.try_get("kind")?,
        status: convert::word(row, "status", Status::parse)?,
        status_reason: row.try_get("status_reason")?,
        status_at: convert::time(row, "status_at")?,
        scopes: row.try_get("scopes")?,
        connected_at: convert::time(row, "connected_at")?,
    })
}

pub(crate) fn select(rest: &str) -> sqlx::AssertSqlSafe<String> {
    // Both halves are constants of this crate; nothing from outside enters the text.
    sqlx::AssertSqlSafe(format!("{COLUMNS} {rest}"))
}

/// Accounts by id, those that exist.
pub(crate) async fn accounts(
    db: &mut PgConnection,
    tenant: TenantId,
    ids: &[AccountId],
) -> Result<Vec<Account>, Fault> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query(select("WHERE a.tenant_id = $1 AND a.id = ANY($2)"))
        .bind(tenant.uuid())
        .bind(ids)
        .fetch_all(db)
        .await?;
    rows.iter().map(account_of).collect()
}

impl Store {
    /// The accounts of a brand, by platform and handle.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn accounts_of_brand(
        &self,
        tenant: TenantId,
        brand: BrandId,
    ) -> Result<Vec<Account>, Fault> {
        let rows = sqlx::query(select(
            "WHERE a.tenant_id = $1 AND a.brand_id = $2 ORDER BY a.platform, a.handle LIMIT 10000",
        ))
        .bind(tenant.uuid())
        .bind(brand.uuid())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(account_of).collect()
    }

    /// Accounts by id, those that exist.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn accounts(
        &self,
        tenant: TenantId,
        ids: &[AccountId],
    ) -> Result<Vec<Account>, Fault> {
        accounts(&mut *self.pool.acquire().await?, tenant, ids).await
    }

    /// Writes down what the platform told of an account after it was connected.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn learn_account(
        &self,
        tenant: TenantId,
        id: AccountId,
        handle: &str,
        kind: &str,
    ) -> Result<(), Fault> {
        sqlx::query(
            "UPDATE accounts SET handle = $3, kind = $4, updated_at = clock_timestamp()
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .bind(handle)
        .bind(kind)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// An account by its id alone, for work that was read under a tenant.
    ///
    /// # Errors
    /// When Postgres fails or there is none.
    pub async fn account(&self, id: AccountId) -> Result<Account, Fault> {
        let row = sqlx::query(select("WHERE a.id = $1"))
            .bind(id.uuid())
            .fetch_one(&self.pool)
            .await
            .context("reading an account")?;
        account_of(&row)
    }

    /// Wakes what waits for the grant of a lost account; `None` where it is not lost. Whoever begins
    /// to wait asks for it afterwards, in case that the account was lost meanwhile.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn wake_lost(&self, account: AccountId, gate: &str) -> Result<Option<Woken>, Fault> {
        if self.account(account).await?.needs_reconnect().is_none() {
            return Ok(None);
        }
        let mut tx = self.pool.begin().await?;
        let jobs = jobs::wake_refused(&mut tx, account).await?;
        let is_rested = gates::end_rest(&mut tx, gate).await?;
        tx.commit().await?;
        Ok(Some(Woken { jobs, is_rested }))
    }

    /// Marks an account as needing its owner, once, and wakes what waits for its grant. `None` for
    /// everybody but the caller who did it.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn lose_account(&self, losing: &Losing<'_>) -> Result<Option<Woken>, Fault> {
        let Losing { tenant, account, version, reason, gate } = *losing;
        // In the order in which connecting locks them.
        let mut tx = self.pool.begin().await?;
        let is_theirs = sqlx::query(
            "SELECT FROM accounts
             WHERE id = $2 AND tenant_id = $1 AND status = 'connected' FOR UPDATE",
        )
        .bind(tenant.uuid())
        .bind(account.uuid())
        .fetch_optional(&mut *tx)
        .await?;
        let is_same = sqlx::query(
            "SELECT FROM credentials WHERE account_id = $1 AND version = $2 FOR UPDATE",
        )
        .bind(account.uuid())
        .bind(version)
        .fetch_optional(&mut *tx)
        .await?;
        if is_theirs.is_none() || is_same.is_none() {
            return Ok(None);
        }
        sqlx::query(
            "WITH marked AS (
                 UPDATE accounts SET status = 'needs_reconnect', status_reason = $3,
                     status_at = clock_timestamp(), updated_at = clock_timestamp()
                 WHERE id = $2 AND tenant_id = $1 RETURNING handle)
             INSERT INTO events (tenant_id, kind, subject, data)
             SELECT $1, 'account.needs_reconnect', $4,
                 jsonb_build_object('handle', handle, 'reason', $3::text) FROM marked",
        )
        .bind(tenant.uuid())
        .bind(account.uuid())
        .bind(reason)
        .bind(account.to_string())
        .execute(&mut *tx)
        .await?;
        // Nothing is owed to a grant that is lost.
        jobs::disarm(&mut tx, JobKind::Refresh, &[account.uuid()]).await?;
        let jobs = jobs::wake_refused(&mut tx, account).await?;
        let is_rested = gates::end_rest(&mut tx, gate).await?;
        tx.commit().await?;
        Ok(Some(Woken { jobs, is_rested }))
    }
}
