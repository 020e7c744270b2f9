//! Gates: whose calls wait, until when and why. Redis is told from here after a loss.

use crate::{Store, convert};
use base::Fault;
use domain::time::Timestamp;
use sqlx::{Postgres, Row, Transaction};

/// A closed gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// `account:<lane>`, `app:<platform>:<app>` or `platform:<platform>`; of a pause,
    /// `pause:<uuid>` (`pauses.rs`).
    pub scope_key: String,
    /// When it opens.
    pub until: Timestamp,
    /// Why it is closed.
    pub reason: String,
}

/// Of the gates `g`, those that hold the job `j`: of its account, its registration, its platform, and
/// the pauses of its queue and its account.
pub(crate) const OF_JOB: &str = "g.scope_key = ANY (ARRAY['account:' || j.lane,
    'app:' || split_part(j.lane, ':', 1) || ':' || split_part(j.lane, ':', 2),
    'platform:' || split_part(j.lane, ':', 1), 'pause:queue:' || j.queue,
    'pause:' || split_part(j.lane, ':', 3)])";

/// The accounts of paused brands, to be asked once for many jobs.
pub(crate) const RESTED: &str = "rested AS MATERIALIZED (
    SELECT a.id::text AS account FROM gates g JOIN accounts a ON a.brand_id = CASE
        WHEN g.scope_key LIKE 'pause:brand:%' THEN substr(g.scope_key, 13)::uuid END)";

/// The job `j` is of one of them.
pub(crate) const IS_RESTED: &str = "split_part(j.lane, ':', 3) IN (SELECT account FROM rested)";

/// A rest of an account whose grant was refused is never longer (`domain::decision::AUTH_REST`). A
/// gate that is closed for longer is another one's: a limit, or a person.
const REST_MAX: &str = "15 minutes";

/// Opens the gate of an account that rests because its grant was refused. `true` when it was shut.
pub(crate) async fn end_rest(
    tx: &mut Transaction<'_, Postgres>,
    scope_key: &str,
) -> Result<bool, Fault> {
    let done = sqlx::query(
        "DELETE FROM gates WHERE scope_key = $1
             AND until_at <= clock_timestamp() + $2::text::interval",
    )
    .bind(scope_key)
    .bind(REST_MAX)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

impl Store {
    /// Closes a gate, or prolongs it; one that is shut for longer keeps its reason.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn close_gate(&self, gate: &Gate) -> Result<(), Fault> {
        sqlx::query(
            "INSERT INTO gates (scope_key, until_at, reason) VALUES ($1, $2, $3)
             ON CONFLICT (scope_key) DO UPDATE
             SET until_at = greatest(gates.until_at, EXCLUDED.until_at),
                 reason = CASE WHEN gates.until_at > EXCLUDED.until_at THEN gates.reason
                     ELSE EXCLUDED.reason END,
                 closed_at = CASE WHEN gates.until_at > EXCLUDED.until_at THEN gates.closed_at
                     ELSE clock_timestamp() END",
        )
        .bind(&gate.scope_key)
        .bind(convert::at(gate.until))
        .bind(&gate.reason)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The gates that are closed now, but for pauses.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn closed_gates(&self) -> Result<Vec<Gate>, Fault> {
        let rows = sqlx::query(
            "SELECT scope_key, until_at, reason FROM gates
             WHERE until_at > clock_timestamp() AND scope_key NOT LIKE 'pause:%'",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Gate {
                    scope_key: row.try_get("scope_key")?,
                    until: convert::time(row, "until_at")?,
                    reason: row.try_get("reason")?,
                })
            })
            .collect()
    }
}
