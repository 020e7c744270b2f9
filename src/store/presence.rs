//! Which worker processes live, and which of them are to end.

use crate::{Store, convert};
use base::Fault;
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgRow;

/// A process that was not seen for so long is taken to be dead.
const DEAD_AFTER: &str = "30 seconds";
/// Rows of processes that ended without a word go after this.
const FORGOTTEN_AFTER: &str = "1 day";

/// A worker process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its name, drawn at its start.
    pub id: String,
    /// The machine.
    pub host: String,
    /// The process there.
    pub pid: i64,
    /// The version of the program.
    pub version: String,
    /// What it does.
    pub roles: Vec<String>,
    /// The platforms that it publishes on.
    pub platforms: Vec<String>,
    /// Jobs at once.
    pub slots: i64,
}

/// A worker process as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What it is.
    pub worker: Worker,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was seen last.
    pub seen_at: Timestamp,
    /// Since when it is to end.
    pub drained_at: Option<Timestamp>,
    /// Why.
    pub drain_reason: Option<String>,
}

/// What a process is told when it shows itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// Why it is to end, where it is.
    pub drained: Option<String>,
    /// The queues that nobody claims from.
    pub paused_queues: Vec<String>,
}

/// The key of a queue's pause among the gates; none of those that Redis is told of.
pub fn queue_pause(queue: &str) -> String {
    format!("pause:queue:{queue}")
}

impl Store {
    /// Shows that a process lives; what it is told.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn show_presence(&self, worker: &Worker) -> Result<Told, Fault> {
        let row = sqlx::query(
            "INSERT INTO workers AS w (id, host, pid, version, roles, platforms, slots)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()
             RETURNING drain_reason, (SELECT coalesce(array_agg(substr(g.scope_key, 13)), '{}')
                 FROM gates g WHERE g.scope_key LIKE 'pause:queue:%'
                     AND g.until_at > clock_timestamp()) AS paused",
        )
        .bind(&worker.id)
        .bind(&worker.host)
        .bind(worker.pid)
        .bind(&worker.version)
        .bind(&worker.roles)
        .bind(&worker.platforms)
        .bind(worker.slots)
        .fetch_one(&self.pool)
        .await?;
        Ok(Told { drained: row.try_get("drain_reason")?, paused_queues: row.try_get("paused")? })
    }

    /// A process has ended in good order, and rows of those that have not are long over.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn end_presence(&self, id: &str) -> Result<(), Fault> {
        sqlx::query(
            "DELETE FROM workers WHERE id = $1 OR seen_at < clock_timestamp() - $2::interval",
        )
        .bind(id)
        .bind(FORGOTTEN_AFTER)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The processes that live, the oldest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn present_workers(&self) -> Result<Vec<Seen>, Fault> {
        let rows = sqlx::query(
            "SELECT * FROM workers WHERE seen_at > clock_timestamp() - $1::interval
             ORDER BY started_at, id",
        )
        .bind(DEAD_AFTER)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(seen).collect()
    }

    /// Tells the living process whose name begins like this to end: its name. None where there is
    /// none or more than one.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn drain_worker(&self, id: &str, reason: &str) -> Result<Option<String>, Fault> {
        let row = sqlx::query(
            "WITH named AS (
                 SELECT id FROM workers WHERE starts_with(id, $1)
                     AND seen_at > clock_timestamp() - $3::interval)
             UPDATE workers w SET drained_at = coalesce(w.drained_at, clock_timestamp()),
                 drain_reason = $2
             FROM named WHERE w.id = named.id AND (SELECT count(*) FROM named) = 1
             RETURNING w.id",
        )
        .bind(id)
        .bind(reason)
        .bind(DEAD_AFTER)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| row.try_get("id")).transpose()?)
    }
}

fn seen(row: &PgRow) -> Result<Seen, Fault> {
    Ok(Seen {
        worker: Worker {
            id: row.try_get("id")?,
            host: row.try_get("host")?,
            pid: row.try_get("pid")?,
            version: row.try_get("version")?,
            roles: row.try_get("roles")?,
            platforms: row.try_get("platforms")?,
            slots: row.try_get("slots")?,
        },
        started_at: convert::time(row, "started_at")?,
        seen_at: convert::time(row, "seen_at")?,
        drained_at: convert::time_or_none(row, "drained_at")?,
        drain_reason: row.try_get("drain_reason")?,
    })
}
