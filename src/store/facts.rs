//! How the database of a fleet is set up and what waits in it, for whoever looks after it.

use crate::Store;
use crate::gates::{IS_RESTED, OF_JOB, RESTED};
use base::Fault;
use sqlx::{AssertSqlSafe, Row};

/// What Postgres says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// As `150018` for 15.18.
    pub version_no: i32,
    /// As it names itself.
    pub version: String,
    /// A commit is on disk when it is acknowledged: `fsync` and `synchronous_commit`.
    pub is_durable: bool,
    /// The last migration that it has; none where there is no schema.
    pub migration: Option<i64>,
    /// The last one that this program knows.
    pub migration_known: i64,
    /// What the database takes up.
    pub size_bytes: i64,
    /// The folder of its files, where it is on this machine and tells us.
    pub folder: Option<String>,
}

/// What waits though nothing should keep it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overdue {
    /// Wake-ups that are owed for more than a minute, with no gate shut before them.
    pub count: i64,
    /// How long the oldest is owed, in seconds.
    pub oldest_s: i64,
    /// Their queues.
    pub queues: Vec<String>,
}

impl Store {
    /// Asks Postgres how it is.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn facts(&self) -> Result<Facts, Fault> {
        let row = sqlx::query(
            "SELECT current_setting('server_version_num')::int AS no,
                 current_setting('server_version') AS version,
                 current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'
                     AND current_setting('synchronous_commit') <> 'off' AS is_durable,
                 pg_database_size(current_database()) AS size,
                 CASE WHEN pg_has_role('pg_read_all_settings', 'MEMBER')
                     AND coalesce(host(inet_server_addr()) ~ '^(127\\.|::1$)', true)
                     THEN current_setting('data_directory', true) END AS folder,
                 to_regclass('_sqlx_migrations') IS NOT NULL AS has_schema",
        )
        .fetch_one(&self.pool)
        .await?;
        let migration = match row.try_get("has_schema")? {
            true => {
                let last = sqlx::query("SELECT max(version) AS last FROM _sqlx_migrations")
                    .fetch_one(&self.pool)
                    .await?;
                last.try_get("last")?
            }
            false => None,
        };
        let known = sqlx::migrate!("../../migrations");
        Ok(Facts {
            version_no: row.try_get("no")?,
            version: row.try_get("version")?,
            is_durable: row.try_get("is_durable")?,
            migration,
            migration_known: known.iter().map(|one| one.version).max().unwrap_or(0),
            size_bytes: row.try_get("size")?,
            folder: row.try_get("folder")?,
        })
    }

    /// Looks for wake-ups that Redis should have been told of long since.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn overdue(&self) -> Result<Overdue, Fault> {
        // Constants of this crate.
        let row = sqlx::query(AssertSqlSafe(format!(
            "WITH {RESTED}, late AS (
                 SELECT j.queue, j.due_at FROM jobs j
                 WHERE j.due_at < (SELECT clock_timestamp()) - interval '1 minute'
                     AND NOT EXISTS (SELECT FROM gates g
                         WHERE g.until_at > clock_timestamp() - interval '1 minute'
                             AND {OF_JOB})
                     AND NOT {IS_RESTED}
                 LIMIT 10000)
             SELECT count(*) AS count, coalesce(array_agg(DISTINCT queue), '{{}}') AS queues,
                 coalesce(extract(epoch FROM clock_timestamp() - min(due_at)), 0)::bigint AS oldest
             FROM late"
        )))
        .fetch_one(&self.pool)
        .await?;
        Ok(Overdue {
            count: row.try_get("count")?,
            oldest_s: row.try_get("oldest")?,
            queues: row.try_get("queues")?,
        })
    }
}
