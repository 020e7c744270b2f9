//! Accounts: one identity on one platform, of one brand.

use crate::jobs::{self, Arm, Job, JobKind};
use crate::{Store, convert, gates, refusals};
use base::{Context, Fault};
use domain::account::Status;
use domain::id::{AccountId, BrandId, TenantId};
use domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{Row, Transaction};
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

/// What connecting learnt, with the sealed grant.
pub struct Connection<'a> {
    /// The id to use if the account is new.
    pub id: AccountId,
    /// Of whom.
    pub tenant: TenantId,
    /// Of which brand.
    pub brand: BrandId,
    /// The platform's name.
    pub platform: &'a str,
    /// Our registration.
    pub app: &'a str,
    /// The platform's id of the account.
    pub remote_id: &'a str,
    /// The name a person knows it by.
    pub handle: &'a str,
    /// The kind that capabilities depend on.
    pub kind: &'a str,
    /// What its owner allowed, where the platform told.
    pub scopes: Option<&'a [String]>,
}

/// What a new grant owes.
pub struct Owed {
    /// The wake-up for its renewal, or for the notice that nothing renews it.
    pub wake: Arm,
    /// The account's gate: a rest that an older grant brought is over.
    pub gate: String,
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

/// An account with its new grant.
pub struct Connected {
    /// The account.
    pub account: Account,
    /// The wake-ups that were armed.
    pub jobs: Vec<Job>,
    /// Its gate was shut, and Redis has to be told that it is open.
    pub is_rested: bool,
}

const COLUMNS: &str =
    "SELECT a.id, a.tenant_id, a.brand_id, a.platform, a.app, a.remote_id, a.handle, a.kind,
    a.status, a.status_reason, a.status_at, a.scopes, a.connected_at FROM accounts a";

pub(crate) fn account_of(row: &PgRow) -> Result<Account, Fault> {
    Ok(Account {
        id: convert::id(row, "id")?,
        tenant: convert::id(row, "tenant_id")?,
        brand_id: convert::id(row, "brand_id")?,
        platform: row.try_get("platform")?,
        app: row.try_get("app")?,
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

fn select(rest: &str) -> sqlx::AssertSqlSafe<String> {
    // Both halves are constants of this file; nothing from outside enters the text.
    sqlx::AssertSqlSafe(format!("{COLUMNS} {rest}"))
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
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows = sqlx::query(select("WHERE a.tenant_id = $1 AND a.id = ANY($2)"))
            .bind(tenant.uuid())
            .bind(ids)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(account_of).collect()
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

    /// Writes an account, its first or new grant and what that owes in one transaction. `seal` gets
    /// the account's id and the version to bind the grant to. What was known against an older grant
    /// is forgotten.
    ///
    /// # Errors
    /// When Postgres fails or the grant cannot be sealed.
    pub async fn connect_account(
        &self,
        connection: &Connection<'_>,
        expires_at: Timestamp,
        seal: impl FnOnce(AccountId, i64) -> Result<Vec<u8>, Fault>,
        owed: impl FnOnce(AccountId) -> Owed,
    ) -> Result<Connected, Fault> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query(
            "INSERT INTO accounts (id, tenant_id, brand_id, platform, app, remote_id, handle,
                 kind, scopes, status)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'connected')
             ON CONFLICT (brand_id, platform, app, remote_id) DO UPDATE
             SET handle = EXCLUDED.handle, kind = EXCLUDED.kind, status = 'connected',
                 status_reason = NULL, status_at = clock_timestamp(), scopes = EXCLUDED.scopes,
                 connected_at = clock_timestamp(), updated_at = clock_timestamp()
             RETURNING id, tenant_id, brand_id, platform, app, remote_id, handle, kind, status,
                 status_reason, status_at, scopes, connected_at",
        )
        .bind(connection.id.uuid())
        .bind(connection.tenant.uuid())
        .bind(connection.brand.uuid())
        .bind(connection.platform)
        .bind(connection.app)
        .bind(connection.remote_id)
        .bind(connection.handle)
        .bind(connection.kind)
        .bind(connection.scopes)
        .fetch_one(&mut *tx)
        .await?;
        let account = account_of(&row)?;
        Self::replace_grant(&mut tx, connection.tenant, account.id, expires_at, seal).await?;
        refusals::forget(&mut tx, account.id).await?;
        let Owed { wake, gate } = owed(account.id);
        let is_rested = gates::end_rest(&mut tx, &gate).await?;
        let mut jobs = jobs::arm(&mut tx, &[wake]).await?;
        jobs.extend(jobs::wake_refused(&mut tx, account.id).await?);
        tx.commit().await?;
        Ok(Connected { account, jobs, is_rested })
    }

    async fn replace_grant(
        tx: &mut Transaction<'_, sqlx::Postgres>,
        tenant: TenantId,
        account: AccountId,
        expires_at: Timestamp,
        seal: impl FnOnce(AccountId, i64) -> Result<Vec<u8>, Fault>,
    ) -> Result<(), Fault> {
        let old = sqlx::query("SELECT version FROM credentials WHERE account_id = $1 FOR UPDATE")
            .bind(account.uuid())
            .fetch_optional(&mut **tx)
            .await?;
        let version = match old {
            Some(row) => row.try_get::<i64, _>("version")? + 1,
            None => 1,
        };
        sqlx::query(
            "INSERT INTO credentials (account_id, tenant_id, sealed, version, expires_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (account_id) DO UPDATE
             SET sealed = EXCLUDED.sealed, version = EXCLUDED.version,
                 expires_at = EXCLUDED.expires_at, refreshed_at = clock_timestamp(),
                 refresh_deadline_at = NULL, refresh_doubts = 0, notices = 0",
        )
        .bind(account.uuid())
        .bind(tenant.uuid())
        .bind(seal(account, version)?)
        .bind(version)
        .bind(convert::at(expires_at))
        .execute(&mut **tx)
        .await?;
        Ok(())
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
