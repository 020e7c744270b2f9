//! Notices that Postgres has gone back, and marks what may be out and forgotten.
//!
//! Whoever connects compares the cluster and the timeline it is connected to, and the number of
//! the very table it reads, with what stands in that table: a fail-over, a restore, a dump that was
//! read back or another machine shows as a difference.
//! Invariant: nothing is written over a new connection before that comparison.

use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, Row};

/// Deliveries due this soon may have been begun: steps are made ahead of the due time (DESIGN
/// section 4: 10 min).
const AHEAD: &str = "10 minutes";
/// Calls that were under way when Postgres went back have ended by then: the longest one has two
/// minutes.
pub(crate) const CALLS_END: &str = "150 seconds";

/// No history draws so many generations between its dump and its loss.
const GENERATIONS_FORGOTTEN_MAX: i64 = 1_000_000_000_000;

/// Where a database stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct History {
    system_id: String,
    timeline: String,
    table_oid: i64,
}

/// Compares and, where the history is another one, marks what has to be asked for.
pub(crate) async fn greet(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let row = sqlx::query(
        "SELECT system_identifier::text AS system_id,
             substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline,
             to_regclass('histories')::oid::bigint AS table_oid,
             EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('histories')
                 AND attname = 'table_oid') AS is_known
         FROM pg_control_system()",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !row.try_get::<bool, _>("is_known")? {
        return Ok(());
    }
    let here = history_of(&row)?;
    let known = sqlx::query("SELECT system_id, timeline, table_oid FROM histories")
        .fetch_optional(&mut *connection)
        .await?;
    let known = known.as_ref().map(history_of).transpose()?;
    if known.as_ref() == Some(&here) {
        return Ok(());
    }
    // A standby that took over, or a recovery to a point in time: the same tables, later or earlier.
    let is_same = known.is_some_and(|known| {
        (known.system_id, known.table_oid) == (here.system_id.clone(), here.table_oid)
    });
    let forgotten = if is_same { Forgotten::Due } else { Forgotten::All };
    adopt(connection, &here, forgotten).await
}

/// Which grants may have been renewed in the forgotten time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forgotten {
    /// Any: nobody knows how old the rows are.
    All,
    /// Those whose renewal has fallen due: whatever time was forgotten has passed here too.
    Due,
}

fn history_of(row: &PgRow) -> Result<History, sqlx::Error> {
    Ok(History {
        system_id: row.try_get("system_id")?,
        timeline: row.try_get("timeline")?,
        table_oid: row.try_get("table_oid")?,
    })
}

/// Makes a history the known one. The first one is simply written down; with each further one,
/// everything that has not ended and may have been begun is asked for before it is sent.
async fn adopt(
    connection: &mut PgConnection,
    here: &History,
    forgotten: Forgotten,
) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin().await?;
    let adopted = sqlx::query(
        "INSERT INTO histories (system_id, timeline, table_oid) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE
         SET system_id = EXCLUDED.system_id, timeline = EXCLUDED.timeline,
             table_oid = EXCLUDED.table_oid, since = clock_timestamp()
         WHERE (histories.system_id, histories.timeline, histories.table_oid)
             <> (EXCLUDED.system_id, EXCLUDED.timeline, EXCLUDED.table_oid)
         RETURNING xmax <> 0 AS is_another",
    )
    .bind(&here.system_id)
    .bind(&here.timeline)
    .bind(here.table_oid)
    .fetch_optional(&mut *tx)
    .await?;
    // None: another process was faster, and has marked them.
    let is_another = adopted.map(|row| row.try_get::<bool, _>("is_another")).transpose()?;
    if is_another == Some(true) {
        let marked = mark(&mut tx, forgotten).await?;
        tracing::error!(
            marked,
            system_id = here.system_id,
            timeline = here.timeline,
            "Postgres has another history: what may be out is asked for before it is sent"
        );
    }
    tx.commit().await
}

/// Marks what may be out, and wakes it anew: of wake-ups that were acknowledged in the forgotten
/// time Redis knows nothing any more, and may have seen larger generations than this history has.
pub(crate) async fn mark(tx: &mut PgConnection, forgotten: Forgotten) -> Result<u64, sqlx::Error> {
    sqlx::query("SELECT setval('job_generation', nextval('job_generation') + $1)")
        .bind(GENERATIONS_FORGOTTEN_MAX)
        .execute(&mut *tx)
        .await?;
    doubt_grants(tx, forgotten).await?;
    let marked = sqlx::query(
        "WITH d AS (
             UPDATE deliveries
             SET ask_from = clock_timestamp() + $2::text::interval, absences = 0,
                 updated_at = clock_timestamp()
             WHERE status IN ('validating', 'scheduled', 'ready', 'sending', 'reconciling')
                 AND due_at <= clock_timestamp() + $1::text::interval
             RETURNING id
         ), j AS (
             UPDATE jobs SET generation = nextval('job_generation'), armed_at = clock_timestamp()
             FROM d WHERE jobs.subject = d.id
         )
         SELECT count(*) AS marked FROM d",
    )
    .bind(AHEAD)
    .bind(CALLS_END)
    .fetch_one(tx)
    .await?;
    Ok(marked.try_get::<i64, _>("marked")?.unsigned_abs())
}

/// Renewals of one platform that were owed in the forgotten time come so far apart: each may show
/// the platform a token that was used since.
const RENEWALS_APART: &str = "1 second";

/// Marks the grants that may have been renewed in the forgotten time, and lets the renewals that are
/// due come one after the other.
async fn doubt_grants(tx: &mut PgConnection, forgotten: Forgotten) -> Result<(), sqlx::Error> {
    // A dump of before there was the column is read back too, before it is migrated.
    let row = sqlx::query(
        "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('credentials')
             AND attname = 'forgotten_at') AS is_known",
    )
    .fetch_one(&mut *tx)
    .await?;
    if !row.try_get::<bool, _>("is_known")? {
        return Ok(());
    }
    sqlx::query(
        "UPDATE credentials c SET forgotten_at = clock_timestamp()
         WHERE $1 OR EXISTS (SELECT FROM jobs j WHERE j.kind = 'refresh'
             AND j.subject = c.account_id AND j.due_at <= clock_timestamp())",
    )
    .bind(forgotten == Forgotten::All)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "WITH owed AS (
             SELECT j.subject, clock_timestamp() + $1::text::interval
                 * row_number() OVER (PARTITION BY a.platform ORDER BY j.due_at, j.subject) AS at
             FROM jobs j JOIN accounts a ON a.id = j.subject
             WHERE j.kind = 'refresh' AND j.due_at <= clock_timestamp() + interval '10 minutes')
         UPDATE jobs j SET due_at = owed.at, generation = nextval('job_generation'),
             armed_at = clock_timestamp()
         FROM owed WHERE j.kind = 'refresh' AND j.subject = owed.subject",
    )
    .bind(RENEWALS_APART)
    .execute(tx)
    .await?;
    Ok(())
}
