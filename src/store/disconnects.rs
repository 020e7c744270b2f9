//! Accounts taken away on purpose: first nothing goes out any more, then the grant is erased.
//!
//! Invariant: this file moves bytes; it cannot open them.

use crate::accounts::Account;
use crate::copies;
use crate::jobs::{self, Arm, Job};
use crate::pauses::{Act, key, note, tell};
use crate::{Store, convert};
use base::Fault;
use domain::account::Status;
use domain::id::AccountId;
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::types::Json;

/// What taking an account away came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnected {
    /// It was taken away before.
    pub is_again: bool,
    /// Deliveries that failed with it.
    pub failed: u64,
    /// Deliveries whose call is under way, or of which nobody knows whether they are out.
    pub under_way: i64,
    /// The wake-up that erases the grant, should we not get to it ourselves.
    pub owed: Option<Job>,
}

impl Store {
    /// Takes an account away: its waiting deliveries fail with `failure`, and its grant is owed
    /// its erasure by the job `erase`.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn disconnect(
        &self,
        act: Act<'_>,
        failure: &Value,
        erase: Arm,
    ) -> Result<Disconnected, Fault> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query("SELECT status FROM accounts WHERE id = $1 FOR NO KEY UPDATE")
            .bind(act.account.uuid())
            .fetch_one(&mut *tx)
            .await?;
        let old = convert::word(&row, "status", Status::parse)?;
        if old == Status::Disconnected {
            return Ok(Disconnected { is_again: true, failed: 0, under_way: 0, owed: None });
        }
        sqlx::query(
            "UPDATE accounts SET status = 'disconnected', status_reason = $2,
                 status_at = clock_timestamp(), updated_at = clock_timestamp() WHERE id = $1",
        )
        .bind(act.account.uuid())
        .bind(act.reason)
        .execute(&mut *tx)
        .await?;
        // What is being checked is failed by its fan-out, and what may be out by its own attempt.
        let failed = sqlx::query(
            "WITH held AS (
                 SELECT id FROM deliveries
                 WHERE account_id = $1 AND status IN ('scheduled', 'ready')
                     AND NOT has_doubt AND ask_from IS NULL
                 ORDER BY id FOR UPDATE
             ), gone AS (
                 DELETE FROM jobs j USING held WHERE j.kind = 'publish' AND j.subject = held.id
             ), open AS (DELETE FROM gates WHERE scope_key = $3)
             UPDATE deliveries d SET status = 'failed', revision = revision + 1, failure = $2,
                 failed_stage = 'validating', updated_at = clock_timestamp()
             FROM held WHERE d.id = held.id",
        )
        .bind(act.account.uuid())
        .bind(Json(failure))
        .bind(key(act.account))
        .execute(&mut *tx)
        .await?
        .rows_affected();
        // What is owed of posts that are out ends with it; the sweep tells Redis.
        sqlx::query(
            "UPDATE jobs SET due_at = clock_timestamp(), armed_at = clock_timestamp(),
                 generation = nextval('job_generation') WHERE kind = 'repost' AND lane = $1",
        )
        .bind(act.lane)
        .execute(&mut *tx)
        .await?;
        copies::look(&mut tx, act.account.uuid()).await?;
        let row = sqlx::query(
            "SELECT count(*) AS n FROM deliveries
             WHERE account_id = $1 AND due_at > clock_timestamp() - interval '30 days'
                 AND status IN ('ready', 'sending', 'reconciling')",
        )
        .bind(act.account.uuid())
        .fetch_one(&mut *tx)
        .await?;
        let under_way = row.try_get("n")?;
        let after = json!({ "status": Status::Disconnected.as_str(), "failed": failed });
        let before = json!({ "status": old.as_str() });
        note(&mut tx, act, "account.disconnect", (before, after)).await?;
        tell(&mut tx, act, "account.disconnected").await?;
        let owed = jobs::arm(&mut tx, &[erase]).await?.pop();
        tx.commit().await?;
        Ok(Disconnected { is_again: false, failed, under_way, owed })
    }

    /// Another account lives on the consent of this one: the same identity on another brand, or,
    /// where a consent `is_shared`, any of its tenant through the same registration.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn is_consent_needed(
        &self,
        account: &Account,
        is_shared: bool,
    ) -> Result<bool, Fault> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT FROM accounts
                 WHERE platform = $2 AND app = $3 AND id <> $1 AND status <> 'disconnected'
                     AND (remote_id = $4 OR $5 AND tenant_id = $6)) AS needed",
        )
        .bind(account.id.uuid())
        .bind(&account.platform)
        .bind(&account.app)
        .bind(&account.remote_id)
        .bind(is_shared)
        .bind(account.tenant.uuid())
        .fetch_one(&self.pool)
        .await?;
        Ok(row.try_get("needed")?)
    }

    /// Erases the grant of an account that was taken away, and what was owed for it. `false` when
    /// it has been connected again since.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn erase_grant(&self, account: AccountId) -> Result<bool, Fault> {
        // The row stays: whoever loads a delivery of the account joins it.
        let done = sqlx::query(
            "WITH gone AS (
                 SELECT id FROM accounts WHERE id = $1 AND status = 'disconnected'
                 FOR NO KEY UPDATE
             ), done AS (
                 DELETE FROM jobs j USING gone WHERE j.kind = 'refresh' AND j.subject = gone.id)
             UPDATE credentials c SET sealed = ''::bytea, version = version + 1,
                 expires_at = clock_timestamp(), refresh_deadline_at = NULL, refresh_doubts = 0
             FROM gone WHERE c.account_id = gone.id",
        )
        .bind(account.uuid())
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}
