//! Notices that Postgres has gone back, and marks what may be out and forgotten.
//!
//! Whoever connects compares the cluster and the timeline it is connected to with what the
//! database itself says of them: a fail-over, a restore or another machine shows as a difference.
//! Invariant: nothing is written over a new connection before that comparison.

use sqlx::{Connection, PgConnection, Row};

/// Deliveries due this soon may have been begun: steps are made ahead of the due time (DESIGN
/// section 4: 10 min).
const AHEAD: &str = "10 minutes";
/// Calls that were under way when Postgres went back have ended by then: the longest one has two
/// minutes.
const CALLS_END: &str = "150 seconds";

/// Where a database stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct History {
    system_id: String,
    timeline: String,
}

/// Compares and, where the history is another one, marks what has to be asked for.
pub(crate) async fn greet(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let row = sqlx::query(
        "SELECT system_identifier::text AS system_id,
             substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline,
             to_regclass('histories') IS NOT NULL AS is_known
         FROM pg_control_system()",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !row.try_get::<bool, _>("is_known")? {
        return Ok(());
    }
    let here = History { system_id: row.try_get("system_id")?, timeline: row.try_get("timeline")? };
    let known = sqlx::query("SELECT system_id, timeline FROM histories")
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(known) = known {
        let known = History {
            system_id: known.try_get("system_id")?,
            timeline: known.try_get("timeline")?,
        };
        if known == here {
            return Ok(());
        }
    }
    adopt(connection, &here).await
}

/// Makes a history the known one. The first one is simply written down; with each further one,
/// everything that has not ended and may have been begun is asked for before it is sent.
async fn adopt(connection: &mut PgConnection, here: &History) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin().await?;
    let adopted = sqlx::query(
        "INSERT INTO histories (system_id, timeline) VALUES ($1, $2)
         ON CONFLICT (id) DO UPDATE
         SET system_id = EXCLUDED.system_id, timeline = EXCLUDED.timeline,
             since = clock_timestamp()
         WHERE histories.system_id <> EXCLUDED.system_id
             OR histories.timeline <> EXCLUDED.timeline
         RETURNING xmax <> 0 AS is_another",
    )
    .bind(&here.system_id)
    .bind(&here.timeline)
    .fetch_optional(&mut *tx)
    .await?;
    // None: another process was faster, and has marked them.
    let is_another = adopted.map(|row| row.try_get::<bool, _>("is_another")).transpose()?;
    if is_another == Some(true) {
        let marked = sqlx::query(
            "UPDATE deliveries
             SET ask_from = clock_timestamp() + $2::text::interval, absences = 0,
                 updated_at = clock_timestamp()
             WHERE status IN ('validating', 'scheduled', 'ready', 'sending', 'reconciling')
                 AND due_at <= clock_timestamp() + $1::text::interval",
        )
        .bind(AHEAD)
        .bind(CALLS_END)
        .execute(&mut *tx)
        .await?;
        let marked = marked.rows_affected();
        tracing::error!(
            marked,
            system_id = here.system_id,
            timeline = here.timeline,
            "Postgres has another history: what may be out is asked for before it is sent"
        );
    }
    tx.commit().await
}
