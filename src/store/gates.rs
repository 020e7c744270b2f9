//! Gates: whose calls wait, until when and why. Redis is told from here after a loss.

use crate::{Store, convert};
use base::Fault;
use domain::time::Timestamp;
use sqlx::Row;

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

impl Store {
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
