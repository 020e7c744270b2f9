//! The states of OAuth flows under way: random, used once, alive ten minutes.

use crate::{Store, convert};
use base::Fault;
use domain::id::{AccountId, BrandId, TenantId};
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::time::Duration;

/// A flow that a person was sent off with.
pub struct OAuthState {
    /// For whom.
    pub tenant: TenantId,
    /// For which brand.
    pub brand: BrandId,
    /// On which platform.
    pub platform: String,
    /// Through which registration.
    pub app: String,
    /// The key of the tenant's own registration, where it is one.
    pub own_app_key: Option<String>,
    /// The PKCE verifier, sealed.
    pub verifier: Vec<u8>,
    /// The browser session that it is bound to; without one, the tenant's key.
    pub session_sha256: Option<Vec<u8>>,
    /// Where the platform sends the browser back to, where that is not our own callback.
    pub redirect_uri: Option<String>,
    /// The account to be connected again.
    pub account: Option<AccountId>,
}

/// Who brings a state back.
#[derive(Clone, Copy)]
pub enum Bearer<'a> {
    /// The browser of this session.
    Session(&'a [u8]),
    /// An upstream app with a key of this tenant.
    Tenant(TenantId),
}

/// What became of a state that was brought back.
pub enum StateUse {
    /// It was good, and is used up now.
    Good(Box<OAuthState>),
    /// It was used before.
    Used,
    /// It is older than it may be.
    Expired,
    /// It was given to somebody else, or for another platform.
    Foreign,
    /// There is no such state.
    Unknown,
}

fn state_of(row: &PgRow) -> Result<OAuthState, Fault> {
    Ok(OAuthState {
        tenant: convert::id(row, "tenant_id")?,
        brand: convert::id(row, "brand_id")?,
        platform: row.try_get("platform")?,
        app: row.try_get("app")?,
        own_app_key: row.try_get("own_app_key")?,
        verifier: row.try_get("verifier")?,
        session_sha256: row.try_get("session_sha256")?,
        redirect_uri: row.try_get("redirect_uri")?,
        account: convert::id_or_none(row, "account_id")?,
    })
}

impl Store {
    /// Remembers a flow by the SHA-256 of its state.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn begin_oauth(
        &self,
        sha256: &[u8],
        flow: &OAuthState,
        life: Duration,
    ) -> Result<Timestamp, Fault> {
        let row = sqlx::query(
            "INSERT INTO oauth_states (sha256, tenant_id, brand_id, platform, app, verifier,
                 session_sha256, redirect_uri, account_id, own_app_key, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
                 clock_timestamp() + $11 * interval '1 second')
             RETURNING expires_at",
        )
        .bind(sha256)
        .bind(flow.tenant.uuid())
        .bind(flow.brand.uuid())
        .bind(&flow.platform)
        .bind(&flow.app)
        .bind(&flow.verifier)
        .bind(&flow.session_sha256)
        .bind(&flow.redirect_uri)
        .bind(flow.account.map(|account| account.uuid()))
        .bind(&flow.own_app_key)
        .bind(convert::seconds(life))
        .fetch_one(&self.pool)
        .await?;
        convert::time(&row, "expires_at")
    }

    /// Uses a state up, if it is its bearer's and of this platform: one of many at once.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn use_oauth(
        &self,
        sha256: &[u8],
        platform: &str,
        bearer: Bearer<'_>,
    ) -> Result<StateUse, Fault> {
        let (session, tenant) = match bearer {
            Bearer::Session(session) => (Some(session), None),
            Bearer::Tenant(tenant) => (None, Some(tenant.uuid())),
        };
        let used = sqlx::query(
            "UPDATE oauth_states SET used_at = clock_timestamp()
             WHERE sha256 = $1 AND platform = $2 AND used_at IS NULL
                 AND expires_at > clock_timestamp()
                 AND session_sha256 IS NOT DISTINCT FROM $3
                 AND ($4::uuid IS NULL OR tenant_id = $4)
             RETURNING tenant_id, brand_id, platform, app, own_app_key, verifier, session_sha256,
                 redirect_uri, account_id",
        )
        .bind(sha256)
        .bind(platform)
        .bind(session)
        .bind(tenant)
        .fetch_optional(&self.pool)
        .await?;
        if let Some(row) = used {
            return Ok(StateUse::Good(Box::new(state_of(&row)?)));
        }
        let why = sqlx::query(
            "SELECT used_at IS NOT NULL AS is_used, platform = $2
                 AND session_sha256 IS NOT DISTINCT FROM $3
                 AND ($4::uuid IS NULL OR tenant_id = $4) AS is_theirs
             FROM oauth_states WHERE sha256 = $1",
        )
        .bind(sha256)
        .bind(platform)
        .bind(session)
        .bind(tenant)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = why else { return Ok(StateUse::Unknown) };
        Ok(match (row.try_get("is_theirs")?, row.try_get("is_used")?) {
            (false, _) => StateUse::Foreign,
            (true, true) => StateUse::Used,
            (true, false) => StateUse::Expired,
        })
    }
}
