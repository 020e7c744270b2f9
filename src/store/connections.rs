//! Accounts as a consent brings them: identity, sealed grant, next refresh and event together.

use crate::accounts::{Account, account_of};
use crate::jobs::{self, Arm, Job};
use crate::{Store, convert, gates, refusals, tenant_limits};
use base::Fault;
use domain::allowance::Spent;
use domain::id::{AccountId, BrandId, TenantId};
use domain::time::Timestamp;
use sqlx::{PgConnection, Row};

/// What connecting learnt of an account.
pub struct Connection<'a> {
    /// The id to use if the account is new.
    pub id: AccountId,
    /// Of whom.
    pub tenant: TenantId,
    /// Of which brand.
    pub brand: BrandId,
    /// The platform's name.
    pub platform: &'a str,
    /// Through which registration.
    pub app: &'a str,
    /// The key of the tenant's own registration, where it is one.
    pub own_app_key: Option<&'a str>,
    /// The platform's id of the account.
    pub remote_id: &'a str,
    /// The name a person knows it by.
    pub handle: &'a str,
    /// The kind that capabilities depend on.
    pub kind: &'a str,
    /// What its owner allowed, where the platform told.
    pub scopes: Option<&'a [String]>,
    /// When its access token ends.
    pub expires_at: Timestamp,
}

/// What happens around the rows of a connection.
pub struct Around<'a> {
    /// Seals the grant of the connection at this place for an account and a version.
    pub seal: &'a (dyn Fn(usize, AccountId, i64) -> Result<Vec<u8>, Fault> + Send + Sync),
    /// What the grant of the connection at this place owes an account.
    pub owed: &'a (dyn Fn(usize, AccountId) -> Owed + Send + Sync),
    /// The choices that are used up by this.
    pub choices_sha256: Option<&'a [u8]>,
}

/// What a new grant owes.
pub struct Owed {
    /// The wake-up for its renewal, or for the notice that nothing renews it.
    pub wake: Arm,
    /// The account's gate: a rest that an older grant brought is over.
    pub gate: String,
    /// Where the account's posts wait: their group, and their lane.
    pub place: (String, String),
}

/// Accounts that were connected, and the wake-ups that they are owed.
pub struct Connected {
    /// In the order of the connections.
    pub accounts: Vec<Account>,
    /// Their next refreshes, and what waited for their grants.
    pub jobs: Vec<Job>,
    /// Those whose gates were shut: Redis has to be told that they are open.
    pub rested: Vec<AccountId>,
}

impl Store {
    /// Writes accounts with their grants, what those owe, and events in one transaction: all of
    /// them, or none; what was known against an older grant is forgotten. `None` when the choices
    /// they come from were used up meanwhile.
    ///
    /// # Errors
    /// When Postgres fails or a grant cannot be sealed.
    pub async fn connect_accounts(
        &self,
        connections: &[Connection<'_>],
        around: &Around<'_>,
    ) -> Result<Option<Connected>, Fault> {
        let mut tx = self.pool.begin().await?;
        if let Some(sha256) = around.choices_sha256 {
            let used = sqlx::query("DELETE FROM connect_choices WHERE sha256 = $1")
                .bind(sha256)
                .execute(&mut *tx)
                .await?;
            if used.rows_affected() == 0 {
                return Ok(None);
            }
        }
        // Two who connect the same accounts take their rows in the same order.
        let mut order: Vec<usize> = (0..connections.len()).collect();
        order.sort_by_key(|place| connections[*place].remote_id);
        let mut accounts: Vec<(usize, Account)> = Vec::new();
        let (mut arms, mut rested, mut woken) = (Vec::new(), Vec::new(), Vec::new());
        for place in order {
            let connection = &connections[place];
            let written = write_account(&mut tx, connection).await?;
            let owed = (around.owed)(place, written.account.id);
            move_jobs(&mut tx, &written, &owed).await?;
            let account = written.account;
            let seal = |account, version| (around.seal)(place, account, version);
            replace_grant(&mut tx, connection, account.id, seal).await?;
            refusals::forget(&mut tx, account.id).await?;
            if gates::end_rest(&mut tx, &owed.gate).await? {
                rested.push(account.id);
            }
            woken.extend(jobs::wake_refused(&mut tx, account.id).await?);
            arms.push(owed.wake);
            accounts.push((place, account));
        }
        let mut jobs = jobs::arm(&mut tx, &arms).await?;
        jobs.extend(woken);
        tx.commit().await?;
        accounts.sort_by_key(|(place, _)| *place);
        let accounts = accounts.into_iter().map(|(_, account)| account).collect();
        Ok(Some(Connected { accounts, jobs, rested }))
    }
}

/// An account that was written.
struct Written {
    account: Account,
    /// The lane of its jobs until now, where it was there already.
    old_lane: Option<String>,
}

/// The account, new or connected again, and the event that says so.
async fn write_account(
    tx: &mut PgConnection,
    connection: &Connection<'_>,
) -> Result<Written, Fault> {
    let old = sqlx::query(
        "SELECT status, platform || ':' || coalesce(own_app_key, app) || ':' || id AS lane
         FROM accounts WHERE brand_id = $1 AND platform = $2 AND app = $3 AND remote_id = $4
         FOR UPDATE",
    )
    .bind(connection.brand.uuid())
    .bind(connection.platform)
    .bind(connection.app)
    .bind(connection.remote_id)
    .fetch_optional(&mut *tx)
    .await?;
    let status: Option<String> = old.as_ref().map(|row| row.try_get("status")).transpose()?;
    if status.as_deref().is_none_or(|status| status == "disconnected") {
        tenant_limits::keep_room(tx, connection.tenant, Spent::Accounts, 1).await?;
    }
    let row = sqlx::query(
        "WITH account AS (
             INSERT INTO accounts (id, tenant_id, brand_id, platform, app, remote_id, handle,
                 kind, own_app_key, scopes, status)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $11, 'connected')
             ON CONFLICT (brand_id, platform, app, remote_id) DO UPDATE
             SET handle = EXCLUDED.handle, kind = EXCLUDED.kind,
                 own_app_key = EXCLUDED.own_app_key, scopes = EXCLUDED.scopes,
                 status = 'connected', status_reason = NULL, status_at = clock_timestamp(),
                 connected_at = clock_timestamp(), updated_at = clock_timestamp()
             RETURNING id, tenant_id, brand_id, platform, app, own_app_key, remote_id, handle,
                 kind, status, status_reason, status_at, scopes, connected_at
         ), event AS (
             INSERT INTO events (tenant_id, kind, subject, data)
             SELECT tenant_id, 'account.connected', $10 || replace(id::text, '-', ''),
                 jsonb_build_object('platform', platform, 'app', app, 'handle', handle,
                     'before', $12::text, 'failedDeliveries', (
                         SELECT count(*) FROM deliveries d JOIN posts p ON p.id = d.post_id
                         JOIN accounts a ON a.id = d.account_id
                         WHERE d.account_id = account.id AND d.status = 'failed'
                             AND d.failed_stage = 'validating'
                             AND d.failure->>'type' = 'PlatformAuthError'
                             AND d.updated_at >= a.broken_at AND p.stage = 'live'))
             FROM account
         )
         SELECT * FROM account",
    )
    .bind(connection.id.uuid())
    .bind(connection.tenant.uuid())
    .bind(connection.brand.uuid())
    .bind(connection.platform)
    .bind(connection.app)
    .bind(connection.remote_id)
    .bind(connection.handle)
    .bind(connection.kind)
    .bind(connection.own_app_key)
    .bind(format!("{}_", <domain::id::kind::Account as domain::id::Kind>::PREFIX))
    .bind(connection.scopes)
    .bind(status)
    .fetch_one(tx)
    .await?;
    let old_lane = old.as_ref().map(|row| row.try_get("lane")).transpose()?;
    Ok(Written { account: account_of(&row)?, old_lane })
}

/// Deliveries of an account that changed its registration go on in the lane of the new one: what
/// Redis knows of the old lane has an older generation, and is forgotten there.
async fn move_jobs(tx: &mut PgConnection, account: &Written, owed: &Owed) -> Result<(), Fault> {
    let (group, new) = &owed.place;
    let Some(lane) = account.old_lane.as_deref().filter(|lane| lane != new) else {
        return Ok(());
    };
    sqlx::query(
        "UPDATE jobs SET shard = $2, fair_group = $3, lane = $4, armed_at = clock_timestamp(),
             generation = nextval('job_generation')
         WHERE lane = $1",
    )
    .bind(lane)
    .bind(owed.wake.shard)
    .bind(group)
    .bind(new)
    .execute(tx)
    .await?;
    Ok(())
}

async fn replace_grant(
    tx: &mut PgConnection,
    connection: &Connection<'_>,
    account: AccountId,
    seal: impl FnOnce(AccountId, i64) -> Result<Vec<u8>, Fault>,
) -> Result<(), Fault> {
    let old = sqlx::query("SELECT version FROM credentials WHERE account_id = $1 FOR UPDATE")
        .bind(account.uuid())
        .fetch_optional(&mut *tx)
        .await?;
    let stored = old.map(|row| row.try_get::<i64, _>("version")).transpose()?;
    // An older grant may have been put back: the new one goes beyond both. The row is locked, so
    // nobody raises it meanwhile.
    let reached: Option<i64> =
        sqlx::query_scalar("SELECT version FROM grant_versions WHERE account_id = $1")
            .bind(account.uuid())
            .fetch_optional(&mut *tx)
            .await?;
    let version = stored.max(reached).unwrap_or(0) + 1;
    sqlx::query(
        "INSERT INTO credentials (account_id, tenant_id, sealed, version, expires_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (account_id) DO UPDATE
         SET sealed = EXCLUDED.sealed, version = EXCLUDED.version,
             expires_at = EXCLUDED.expires_at, refreshed_at = clock_timestamp(),
             refresh_deadline_at = NULL, refresh_doubts = 0, notices = 0,
             forgotten_at = NULL",
    )
    .bind(account.uuid())
    .bind(connection.tenant.uuid())
    .bind(seal(account, version)?)
    .bind(version)
    .bind(convert::at(connection.expires_at))
    .execute(tx)
    .await?;
    Ok(())
}
