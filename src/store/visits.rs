//! Links that let a person in once, and the browser sessions behind them.
//!
//! Invariant: tickets and sessions are known by their SHA-256 alone.

use crate::{Store, convert};
use base::Fault;
use domain::id::{AccountId, BrandId, TenantId};
use domain::time::Timestamp;
use serde_json::Value;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use std::time::Duration;

/// No session lives longer, however often its owner begins anew.
const SESSION_LIFE_MAX: Duration = Duration::from_secs(7_200);

/// What a link, and the session behind it, lets a person do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// Whose.
    pub tenant: TenantId,
    /// For which brand.
    pub brand: BrandId,
    /// On this platform only.
    pub platform: Option<String>,
    /// Through this registration only.
    pub app: Option<String>,
    /// The account to be connected again, and no other.
    pub account: Option<AccountId>,
    /// Where the person came from.
    pub return_url: Option<String>,
}

/// A link that somebody opened.
pub enum LinkUse {
    /// It is good.
    Good(Errand, Timestamp),
    /// It was used before.
    Used,
    /// It is older than it may be.
    Expired,
    /// There is no such link.
    Unknown,
}

/// A browser session.
pub struct Session {
    /// What it is for.
    pub errand: Errand,
    /// How the newest consent ended.
    pub outcome: Option<Value>,
}

fn errand_of(row: &PgRow) -> Result<Errand, Fault> {
    Ok(Errand {
        tenant: convert::id(row, "tenant_id")?,
        brand: convert::id(row, "brand_id")?,
        platform: row.try_get("platform")?,
        app: row.try_get("app")?,
        account: convert::id_or_none(row, "account_id")?,
        return_url: row.try_get("return_url")?,
    })
}

impl Store {
    /// Remembers a link by the SHA-256 of its ticket; when it ends.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn add_link(
        &self,
        sha256: &[u8],
        errand: &Errand,
        life: Duration,
    ) -> Result<Timestamp, Fault> {
        let row = sqlx::query(
            "INSERT INTO connect_links (sha256, tenant_id, brand_id, platform, app, account_id,
                 return_url, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + $8 * interval '1 second')
             RETURNING expires_at",
        )
        .bind(sha256)
        .bind(errand.tenant.uuid())
        .bind(errand.brand.uuid())
        .bind(&errand.platform)
        .bind(&errand.app)
        .bind(errand.account.map(|account| account.uuid()))
        .bind(&errand.return_url)
        .bind(convert::seconds(life))
        .fetch_one(&self.pool)
        .await?;
        convert::time(&row, "expires_at")
    }

    /// What a link is for, without using it.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn link(&self, sha256: &[u8]) -> Result<LinkUse, Fault> {
        let row = sqlx::query(
            "SELECT tenant_id, brand_id, platform, app, account_id, return_url, expires_at,
                 used_at IS NOT NULL AS is_used, expires_at <= clock_timestamp() AS is_over
             FROM connect_links WHERE sha256 = $1",
        )
        .bind(sha256)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(LinkUse::Unknown) };
        Ok(match (row.try_get("is_used")?, row.try_get("is_over")?) {
            (true, _) => LinkUse::Used,
            (false, true) => LinkUse::Expired,
            (false, false) => LinkUse::Good(errand_of(&row)?, convert::time(&row, "expires_at")?),
        })
    }

    /// Uses a link up and opens the session behind it, in one statement: a link lets one browser
    /// in. `None` when it is not good any more.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn enter_link(
        &self,
        ticket_sha256: &[u8],
        session_sha256: &[u8],
        life: Duration,
    ) -> Result<Option<Errand>, Fault> {
        let row = sqlx::query(
            "WITH used AS (
                 UPDATE connect_links SET used_at = clock_timestamp()
                 WHERE sha256 = $1 AND used_at IS NULL AND expires_at > clock_timestamp()
                 RETURNING tenant_id, brand_id, platform, app, account_id, return_url
             )
             INSERT INTO connect_sessions (sha256, tenant_id, brand_id, platform, app, account_id,
                 return_url, expires_at)
             SELECT $2, tenant_id, brand_id, platform, app, account_id, return_url,
                 clock_timestamp() + $3 * interval '1 second' FROM used
             RETURNING tenant_id, brand_id, platform, app, account_id, return_url",
        )
        .bind(ticket_sha256)
        .bind(session_sha256)
        .bind(convert::seconds(life))
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(errand_of).transpose()
    }

    /// A session that is alive.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn session(&self, sha256: &[u8]) -> Result<Option<Session>, Fault> {
        let row = sqlx::query(
            "SELECT tenant_id, brand_id, platform, app, account_id, return_url, outcome
             FROM connect_sessions WHERE sha256 = $1 AND expires_at > clock_timestamp()",
        )
        .bind(sha256)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let outcome: Option<Json<Value>> = row.try_get("outcome")?;
        Ok(Some(Session { errand: errand_of(&row)?, outcome: outcome.map(|json| json.0) }))
    }

    /// Keeps a session alive for the time that a consent may take, and forgets how the one before
    /// ended.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn keep_session(&self, sha256: &[u8], life: Duration) -> Result<(), Fault> {
        sqlx::query(
            "UPDATE connect_sessions SET outcome = NULL, expires_at = least(
                 created_at + $3 * interval '1 second',
                 greatest(expires_at, clock_timestamp() + $2 * interval '1 second'))
             WHERE sha256 = $1",
        )
        .bind(sha256)
        .bind(convert::seconds(life))
        .bind(convert::seconds(SESSION_LIFE_MAX))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Writes down how a consent of a session ended.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn end_consent(&self, sha256: &[u8], outcome: &Value) -> Result<(), Fault> {
        sqlx::query("UPDATE connect_sessions SET outcome = $2 WHERE sha256 = $1")
            .bind(sha256)
            .bind(Json(outcome))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Deletes links, sessions, states and choices that are over, at most `limit` of each. Those
    /// that hold nothing secret are kept for `memory`, so that a latecomer is told what happened.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn forget_visits(&self, memory: Duration, limit: i64) -> Result<u64, Fault> {
        // Choices hold grants: they go as soon as nobody can choose any more.
        let forgotten = sqlx::query(
            "WITH links AS (
                 DELETE FROM connect_links WHERE sha256 IN (SELECT sha256 FROM connect_links
                     WHERE expires_at < clock_timestamp() - $1 * interval '1 second'
                     ORDER BY expires_at LIMIT $2) RETURNING 1
             ), sessions AS (
                 DELETE FROM connect_sessions WHERE sha256 IN (SELECT sha256 FROM connect_sessions
                     WHERE expires_at < clock_timestamp() - $1 * interval '1 second'
                     ORDER BY expires_at LIMIT $2) RETURNING 1
             ), states AS (
                 DELETE FROM oauth_states WHERE sha256 IN (SELECT sha256 FROM oauth_states
                     WHERE expires_at < clock_timestamp() - $1 * interval '1 second'
                     ORDER BY expires_at LIMIT $2) RETURNING 1
             ), choices AS (
                 DELETE FROM connect_choices WHERE sha256 IN (SELECT sha256 FROM connect_choices
                     WHERE expires_at < clock_timestamp() ORDER BY expires_at LIMIT $2) RETURNING 1
             )
             SELECT (SELECT count(*) FROM links) + (SELECT count(*) FROM sessions)
                 + (SELECT count(*) FROM states) + (SELECT count(*) FROM choices) AS forgotten",
        )
        .bind(convert::seconds(memory))
        .bind(limit)
        .fetch_one(&self.pool)
        .await?;
        Ok(forgotten.try_get::<i64, _>("forgotten")?.unsigned_abs())
    }
}
