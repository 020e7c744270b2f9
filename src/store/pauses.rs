//! Pauses: an account that a person has put to rest until a person wakes it.
//!
//! A pause is a row of `gates` that does not end by itself, beside that of a limit, so that one
//! may end without the other.

use crate::accounts::{Account, account_of, select};
use crate::gates::Gate;
use crate::{Store, convert};
use base::Fault;
use domain::id::{AccountId, TenantId};
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

/// The name of an account's pause, whatever its lane is called.
pub(crate) fn key(account: AccountId) -> String {
    format!("pause:{}", account.uuid())
}

/// What waking an account came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resumed {
    /// Deliveries that had waited too long, and failed.
    pub overdue: u64,
    /// A limit that still holds the account.
    pub limited: Option<Gate>,
}

impl Store {
    /// The accounts that are paused.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn paused_accounts(&self) -> Result<Vec<Account>, Fault> {
        let rows = sqlx::query(select(
            "JOIN gates g ON g.scope_key = 'pause:' || a.id WHERE g.until_at > clock_timestamp()",
        ))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(account_of).collect()
    }

    /// Puts an account to rest, or says why anew. Whoever has claimed one of its deliveries and
    /// not yet intended a call is of the past.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn pause(&self, act: Act<'_>) -> Result<(), Fault> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query(
            "WITH old AS (SELECT reason FROM gates WHERE scope_key = $1)
             INSERT INTO gates (scope_key, until_at, reason) VALUES ($1, $2, $3)
             ON CONFLICT (scope_key) DO UPDATE SET reason = EXCLUDED.reason
             RETURNING (SELECT reason FROM old) AS old",
        )
        .bind(key(act.account))
        .bind(convert::at(PAUSE_ENDS))
        .bind(act.reason)
        .fetch_one(&mut *tx)
        .await?;
        let old: Option<String> = row.try_get("old")?;
        if old.as_deref() == Some(act.reason) {
            return Ok(());
        }
        // Only what may be worked on by now: staging begins ten minutes ahead.
        sqlx::query(
            "WITH held AS (
                 SELECT id FROM deliveries
                 WHERE account_id = $1 AND status IN ('scheduled', 'ready')
                     AND due_at < clock_timestamp() + interval '15 minutes'
                 ORDER BY id FOR UPDATE)
             UPDATE deliveries d SET revision = revision + 1, updated_at = clock_timestamp()
             FROM held WHERE d.id = held.id",
        )
        .bind(act.account.uuid())
        .execute(&mut *tx)
        .await?;
        let before = json!({ "paused": old.is_some(), "reason": old });
        note(&mut tx, act, "account.pause", (before, json!({ "paused": true }))).await?;
        if old.is_none() {
            tell(&mut tx, act, "account.paused").await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Wakes an account. Deliveries that waited longer than anything may are failed with
    /// `failure`. `None` when it was not paused.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn resume(&self, act: Act<'_>, failure: &Value) -> Result<Option<Resumed>, Fault> {
        let mut tx = self.pool.begin().await?;
        let gone = sqlx::query("DELETE FROM gates WHERE scope_key = $1 RETURNING reason")
            .bind(key(act.account))
            .fetch_optional(&mut *tx)
            .await?;
        let Some(gone) = gone else { return Ok(None) };
        let old: String = gone.try_get("reason")?;
        // What may be out is not failed here: its own attempt decides.
        let overdue = sqlx::query(
            "WITH late AS (
                 SELECT d.id FROM deliveries d JOIN posts p ON p.id = d.post_id
                 WHERE d.account_id = $1 AND d.status IN ('scheduled', 'ready')
                     AND NOT d.has_doubt AND d.ask_from IS NULL AND p.stage = 'live'
                     AND coalesce(p.not_after, d.due_at + interval '72 hours') < clock_timestamp()
                 ORDER BY d.id FOR UPDATE OF d
             ), gone AS (
                 DELETE FROM jobs j USING late WHERE j.kind = 'publish' AND j.subject = late.id)
             UPDATE deliveries d SET status = 'failed', revision = revision + 1, failure = $2,
                 failed_stage = 'validating', updated_at = clock_timestamp()
             FROM late WHERE d.id = late.id",
        )
        .bind(act.account.uuid())
        .bind(Json(failure))
        .execute(&mut *tx)
        .await?
        .rows_affected();
        let before = json!({ "paused": true, "reason": old });
        let after = json!({ "paused": false, "overdue": overdue });
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
        Ok(Some(Resumed { overdue, limited }))
    }
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
