//! Gates: whose calls wait, until when and why. Redis is told from here after a loss.

use crate::{Store, convert};
use base::Fault;
use domain::time::Timestamp;
use sqlx::Row;

/// A closed gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// `account:<lane>`, `app:<platform>:<app>` or `platform:<platform>`; of a pause,
    /// `pause:<lane>`.
    pub scope_key: String,
    /// When it opens.
    pub until: Timestamp,
    /// Why it is closed.
    pub reason: String,
}

impl Store {
    /// The gates that are closed now, as the queue knows them: a pause is an account's gate.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn closed_gates(&self) -> Result<Vec<Gate>, Fault> {
        let rows = sqlx::query(
            "SELECT scope_key, until_at, reason FROM gates WHERE until_at > clock_timestamp()",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let stored: String = row.try_get("scope_key")?;
                let paused = stored.strip_prefix("pause:").map(|lane| format!("account:{lane}"));
                Ok(Gate {
                    scope_key: paused.unwrap_or(stored),
                    until: convert::time(row, "until_at")?,
                    reason: row.try_get("reason")?,
                })
            })
            .collect()
    }
}
