//! Credentials: sealed grants, and whose turn it is to refresh one.
//!
//! Invariant: this file moves bytes; it cannot open them.

use crate::accounts::{Account, account_of};
use crate::jobs::{self, Arm, Job};
use crate::{Store, convert, refusals};
use base::{Context, Fault};
use domain::id::AccountId;
use domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Postgres, Row, Transaction};
use std::time::Duration;

/// A sealed grant with what its refresh needs to know.
#[derive(Clone)]
pub struct Credential {
    /// Whose.
    pub account: AccountId,
    /// The sealed grant.
    pub sealed: Vec<u8>,
    /// The version that the seal is bound to; raised by every new grant.
    pub version: i64,
    /// The version that the account's grant has reached, kept outside its row: an older grant that
    /// was put back stays behind it.
    pub reached: i64,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// When the grant was made or renewed.
    pub refreshed_at: Timestamp,
}

/// One refresh of one account, the row locked until it ends.
pub struct RefreshTurn {
    tx: Transaction<'static, Postgres>,
    /// The grant to renew.
    pub credential: Credential,
    /// No byte of the call leaves after this instant.
    pub deadline_at: Timestamp,
}

/// Whose turn it is.
pub enum Turn {
    /// Ours.
    Mine(Box<RefreshTurn>),
    /// Somebody has renewed it meanwhile.
    Renewed,
    /// Somebody may be at it until this instant.
    Busy(Timestamp),
    /// Two refreshes ended without an answer: the token may be spent.
    Doubtful,
}

/// Refreshes that may end without an answer before the account needs its owner: the first one, and
/// one more.
const DOUBTS_MAX: i32 = 2;

/// What a credential is read from; `c` is its row. A row that was locked first and is of the
/// version that was seen before has nothing newer beside it.
pub(crate) const COLUMNS: &str = "c.account_id, c.sealed, c.version, c.expires_at, c.refreshed_at,
    coalesce((SELECT g.version FROM grant_versions g WHERE g.account_id = c.account_id), 0)
        AS reached";

pub(crate) fn credential_of(row: &PgRow) -> Result<Credential, Fault> {
    Ok(Credential {
        account: convert::id(row, "account_id")?,
        sealed: row.try_get("sealed")?,
        version: row.try_get("version")?,
        reached: row.try_get("reached")?,
        expires_at: convert::time(row, "expires_at")?,
        refreshed_at: convert::time(row, "refreshed_at")?,
    })
}

/// What renewing the grant of an account begins with.
pub struct Owing {
    /// The generation of the wake-up that is owed.
    pub generation: i64,
    /// The account.
    pub account: Account,
    /// Its grant.
    pub credential: Credential,
    /// The platform as a whole rests until then.
    pub rests_until: Option<Timestamp>,
}

impl Store {
    /// What the refresh of an account begins with, if one is owed.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn owing(&self, account: AccountId) -> Result<Option<Owing>, Fault> {
        let row = sqlx::query(
            "SELECT j.generation, a.*, c.sealed, c.version, c.expires_at, c.refreshed_at,
                 c.account_id, coalesce(v.version, 0) AS reached, g.until_at AS rests_until
             FROM jobs j
             JOIN accounts a ON a.id = j.subject
             JOIN credentials c ON c.account_id = j.subject
             LEFT JOIN grant_versions v ON v.account_id = j.subject
             LEFT JOIN gates g ON g.scope_key = 'platform:' || a.platform
                 AND g.until_at > clock_timestamp()
                 -- A person's pause says nothing of the platform, and has no end to wait for.
                 AND g.until_at < '2200-01-01Z'
             WHERE j.kind = 'refresh' AND j.subject = $1",
        )
        .bind(account.uuid())
        .fetch_optional(&self.pool)
        .await
        .context("reading what a refresh begins with")?;
        row.map(|row| {
            Ok(Owing {
                generation: row.try_get("generation")?,
                account: account_of(&row)?,
                credential: credential_of(&row)?,
                rests_until: convert::time_or_none(&row, "rests_until")?,
            })
        })
        .transpose()
    }

    /// The sealed grant of an account.
    ///
    /// # Errors
    /// When Postgres fails or there is none.
    pub async fn credential(&self, account: AccountId) -> Result<Credential, Fault> {
        // Constants of this file.
        let row = sqlx::query(AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM credentials c WHERE c.account_id = $1"
        )))
        .bind(account.uuid())
        .fetch_one(&self.pool)
        .await
        .context("reading a credential")?;
        credential_of(&row)
    }

    /// Asks for the turn to renew the grant of `seen_version`. The intent is committed first, with
    /// a deadline; then the row is locked for as long as the turn lives. `rotates`: an answer that
    /// was lost may have taken the refresh token along, so it counts.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn begin_refresh(
        &self,
        account: AccountId,
        seen_version: i64,
        rotates: bool,
        time: Duration,
    ) -> Result<Turn, Fault> {
        let time_ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let intent = sqlx::query(
            "UPDATE credentials
             SET refresh_deadline_at = clock_timestamp() + $3 * interval '1 millisecond',
                 refresh_doubts = refresh_doubts + ($5 AND refresh_deadline_at IS NOT NULL)::int
             WHERE account_id = $1 AND version = $2
                 AND refresh_doubts + ($5 AND refresh_deadline_at IS NOT NULL)::int < $4
                 AND (refresh_deadline_at IS NULL OR refresh_deadline_at < clock_timestamp())
             RETURNING refresh_deadline_at",
        )
        .bind(account.uuid())
        .bind(seen_version)
        .bind(time_ms)
        .bind(DOUBTS_MAX)
        .bind(rotates)
        .fetch_optional(&self.pool)
        .await?;
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query(AssertSqlSafe(format!(
            "SELECT {COLUMNS}, c.refresh_deadline_at,
                 c.refresh_doubts + ($2 AND c.refresh_deadline_at IS NOT NULL)::int >= $3
                     AS is_doubtful
             FROM credentials c WHERE c.account_id = $1 FOR UPDATE"
        )))
        .bind(account.uuid())
        .bind(rotates)
        .bind(DOUBTS_MAX)
        .fetch_one(&mut *tx)
        .await?;
        let credential = credential_of(&row)?;
        if credential.version != seen_version {
            return Ok(Turn::Renewed);
        }
        let open_until = convert::time_or_none(&row, "refresh_deadline_at")?;
        match (intent, open_until) {
            (Some(intent), Some(deadline_at))
                if convert::time(&intent, "refresh_deadline_at")? == deadline_at =>
            {
                Ok(Turn::Mine(Box::new(RefreshTurn { tx, credential, deadline_at })))
            }
            (None, Some(until)) if until > self.time().await? => Ok(Turn::Busy(until)),
            (None, _) if row.try_get("is_doubtful")? => Ok(Turn::Doubtful),
            // Its deadline passed, or it was given back, while we waited for the row.
            (None, _) => Ok(Turn::Busy(self.time().await?)),
            (Some(_), _) => Ok(Turn::Renewed),
        }
    }
}

impl Store {
    /// How often the owner was told that this grant ends.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn notices(&self, account: AccountId) -> Result<u32, Fault> {
        let row = sqlx::query("SELECT notices FROM credentials WHERE account_id = $1")
            .bind(account.uuid())
            .fetch_one(&self.pool)
            .await?;
        Ok(u32::try_from(row.try_get::<i32, _>("notices")?).unwrap_or(0))
    }

    /// The database went back past this grant: its refresh token may have been used since.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn is_forgotten(&self, credential: &Credential) -> Result<bool, Fault> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT FROM credentials
                 WHERE account_id = $1 AND version = $2 AND forgotten_at IS NOT NULL) AS is_it",
        )
        .bind(credential.account.uuid())
        .bind(credential.version)
        .fetch_one(&self.pool)
        .await?;
        Ok(row.try_get("is_it")?)
    }

    /// Tells the owner that the grant of this version ends, once for each number; `true` for the
    /// caller who did it.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn tell_expiring(
        &self,
        credential: &Credential,
        number: u32,
        reason: &str,
    ) -> Result<bool, Fault> {
        let told = sqlx::query(
            "WITH c AS (
                 UPDATE credentials SET notices = $3
                 WHERE account_id = $1 AND version = $2 AND notices < $3
                 RETURNING tenant_id, account_id)
             INSERT INTO events (tenant_id, kind, subject, data)
             SELECT c.tenant_id, 'account.expiring', $4,
                 jsonb_build_object('handle', a.handle, 'platform', a.platform,
                     'expiresAt', $5::text, 'reason', $6::text)
             FROM c JOIN accounts a ON a.id = c.account_id",
        )
        .bind(credential.account.uuid())
        .bind(credential.version)
        .bind(i32::try_from(number).unwrap_or(i32::MAX))
        .bind(credential.account.to_string())
        .bind(credential.expires_at.to_string())
        .bind(reason)
        .execute(&self.pool)
        .await?;
        Ok(told.rows_affected() == 1)
    }
}

impl RefreshTurn {
    /// Makes the new grant durable, before anybody uses it, and with it the wake-up for its own
    /// renewal.
    ///
    /// # Errors
    /// When Postgres fails; the turn is lost and the next one counts a doubt.
    pub async fn renew(
        mut self,
        sealed: &[u8],
        expires_at: Timestamp,
        wake: Arm,
    ) -> Result<Vec<Job>, Fault> {
        sqlx::query(
            "UPDATE credentials
             SET sealed = $2, version = version + 1, expires_at = $3,
                 refreshed_at = clock_timestamp(), refresh_deadline_at = NULL,
                 refresh_doubts = 0, notices = 0, forgotten_at = NULL
             WHERE account_id = $1",
        )
        .bind(self.credential.account.uuid())
        .bind(sealed)
        .bind(convert::at(expires_at))
        .execute(&mut *self.tx)
        .await?;
        refusals::renewed(&mut self.tx, self.credential.account).await?;
        let owed = jobs::arm(&mut self.tx, &[wake]).await?;
        self.tx.commit().await?;
        Ok(owed)
    }

    /// Gives the turn back: the platform certainly did nothing.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn give_back(mut self) -> Result<(), Fault> {
        sqlx::query("UPDATE credentials SET refresh_deadline_at = NULL WHERE account_id = $1")
            .bind(self.credential.account.uuid())
            .execute(&mut *self.tx)
            .await?;
        self.tx.commit().await?;
        Ok(())
    }
}
