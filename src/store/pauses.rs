//! Pauses: an account that a person has put to rest until a person wakes it.
//!
//! A pause is a row of `gates` that does not end by itself, beside that of a limit, so that one
//! may end without the other. That of a brand (`brand_pauses.rs`) is a row too, and holds every
//! account that the brand has or will have.

use crate::accounts::{Account, account_of, select};
use crate::gates::Gate;
use crate::{Store, convert};
use base::Fault;
use domain::account::Paused;
use domain::id::{AccountId, BrandId, TenantId};
use domain::time::Timestamp;
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// Until then a pause holds that nobody ends: 2200-01-01, an instant that the queue's clock still
/// counts in whole microseconds.
pub const PAUSE_ENDS: Timestamp = Timestamp::from_seconds(7_258_118_400);

/// Who rests or wakes which account, and why.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// Of whom.
    pub tenant: TenantId,
    /// Which account.
    pub account: AccountId,
    /// Its lane, which names the gate of its limits.
    pub lane: &'a str,
    /// Whose key it was.
    pub actor: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// A pause of an account, or of its brand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// What is to be resumed.
    pub of: Paused,
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// Whose word it was, where that was written down.
    pub by: Option<String>,
}

/// The name of an account's pause, whatever its lane is called.
pub(crate) fn key(account: AccountId) -> String {
    format!("pause:{}", account.uuid())
}

/// The name of a brand's pause.
pub(crate) fn brand_key(brand: BrandId) -> String {
    format!("pause:brand:{}", brand.uuid())
}

/// Which of the two a name is.
pub(crate) fn of_key(key: &str) -> Paused {
    if key.starts_with("pause:brand:") { Paused::Brand } else { Paused::Account }
}

/// What waking an account came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resumed {
    /// A limit that still holds the account.
    pub limited: Option<Gate>,
}

impl Store {
    /// The accounts that are paused, for themselves or with their brands.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn paused_accounts(&self) -> Result<Vec<Account>, Fault> {
        let rows = sqlx::query(select(
            "WHERE a.id IN (
                 SELECT o.id FROM accounts o JOIN gates g ON g.scope_key = 'pause:' || o.id
                 UNION
                 SELECT o.id FROM accounts o
                 JOIN gates g ON g.scope_key = 'pause:brand:' || o.brand_id)",
        ))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(account_of).collect()
    }

    /// Puts an account to rest, or says why anew. Whoever has claimed one of its deliveries and
    /// not yet intended a call is of the past.
    ///
    /// # Errors
    /// When Postgres fails; once more is harmless.
    pub async fn pause(&self, act: Act<'_>) -> Result<(), Fault> {
        let mut tx = self.pool.begin().await?;
        let old = shut(&mut tx, &key(act.account), (act.reason, act.actor)).await?;
        if old.as_deref() != Some(act.reason) {
            let before = json!({ "paused": old.is_some(), "reason": old });
            note(&mut tx, act, "account.pause", (before, json!({ "paused": true }))).await?;
            if old.is_none() {
                tell(&mut tx, act, "account.paused").await?;
            }
        }
        tx.commit().await?;
        self.overtake(&[act.account]).await
    }

    /// Whoever loaded a delivery of these accounts before their pause was committed is of the past.
    /// It is a transaction of its own, behind that commit: what is loaded later sees the pause, and
    /// what was loaded earlier stood there by now.
    pub(crate) async fn overtake(&self, accounts: &[AccountId]) -> Result<(), Fault> {
        // Only what may be worked on by now, however long ahead its platform is staged.
        sqlx::query(
            "WITH held AS (
                 SELECT id FROM deliveries
                 WHERE account_id = ANY($1) AND status IN ('scheduled', 'ready')
                     AND (status = 'ready'
                         OR due_at < (SELECT clock_timestamp()) + interval '15 minutes')
                 ORDER BY id FOR UPDATE)
             UPDATE deliveries d SET revision = revision + 1, updated_at = clock_timestamp()
             FROM held WHERE d.id = held.id",
        )
        .bind(accounts.iter().map(|id| id.uuid()).collect::<Vec<_>>())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Wakes an account. What waited too long for it follows the rule of its post when it is
    /// taken up. `None` when it was not paused.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn resume(&self, act: Act<'_>) -> Result<Option<Resumed>, Fault> {
        let mut tx = self.pool.begin().await?;
        let gone = sqlx::query("DELETE FROM gates WHERE scope_key = $1 RETURNING reason")
            .bind(key(act.account))
            .fetch_optional(&mut *tx)
            .await?;
        let Some(gone) = gone else { return Ok(None) };
        let old: String = gone.try_get("reason")?;
        let before = json!({ "paused": true, "reason": old });
        let after = json!({ "paused": false });
        note(&mut tx, act, "account.resume", (before, after)).await?;
        tell(&mut tx, act, "account.resumed").await?;
        let limit = sqlx::query(
            "SELECT until_at, reason FROM gates
             WHERE scope_key = $1 AND until_at > clock_timestamp()",
        )
        .bind(format!("account:{}", act.lane))
        .fetch_optional(&mut *tx)
        .await?;
        let limited = match limit {
            Some(row) => Some(Gate {
                scope_key: format!("account:{}", act.lane),
                until: convert::time(&row, "until_at")?,
                reason: row.try_get("reason")?,
            }),
            None => None,
        };
        tx.commit().await?;
        Ok(Some(Resumed { limited }))
    }
}

/// Writes a pause, or why it is one, and by whose word; tells the reason that it had.
pub(crate) async fn shut(
    db: &mut PgConnection,
    scope_key: &str,
    (reason, actor): (&str, &str),
) -> Result<Option<String>, Fault> {
    let row = sqlx::query(
        "WITH old AS (SELECT reason FROM gates WHERE scope_key = $1 AND until_at = $2)
         INSERT INTO gates (scope_key, until_at, reason, actor) VALUES ($1, $2, $3, $4)
         ON CONFLICT (scope_key) DO UPDATE SET until_at = $2, reason = $3,
             actor = CASE WHEN (gates.until_at, gates.reason) = ($2, $3) THEN gates.actor
                 ELSE $4 END,
             closed_at = CASE WHEN gates.until_at = $2 THEN gates.closed_at
                 ELSE clock_timestamp() END
         RETURNING (SELECT reason FROM old) AS old",
    )
    .bind(scope_key)
    .bind(convert::at(PAUSE_ENDS))
    .bind(reason)
    .bind(actor)
    .fetch_one(db)
    .await?;
    Ok(row.try_get("old")?)
}

/// Writes who changed what of an account.
pub(crate) async fn note(
    db: &mut PgConnection,
    act: Act<'_>,
    action: &str,
    (before, after): (Value, Value),
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO audit (tenant_id, actor, action, subject, reason, before, after)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(act.tenant.uuid())
    .bind(act.actor)
    .bind(action)
    .bind(act.account.to_string())
    .bind(act.reason)
    .bind(Json(before))
    .bind(Json(after))
    .execute(db)
    .await?;
    Ok(())
}

/// Writes an event of an account, with its name and the reason.
pub(crate) async fn tell(db: &mut PgConnection, act: Act<'_>, kind: &str) -> Result<(), Fault> {
    let account: Uuid = act.account.uuid();
    sqlx::query(
        "INSERT INTO events (tenant_id, kind, subject, data)
         SELECT tenant_id, $2, $3, jsonb_build_object('handle', handle, 'platform', platform,
             'reason', $4::text) FROM accounts WHERE id = $1",
    )
    .bind(account)
    .bind(kind)
    .bind(act.account.to_string())
    .bind(act.reason)
    .execute(db)
    .await?;
    Ok(())
}
