//! What happened, in one sequence.
//!
//! Numbers are drawn before their transactions commit, so a smaller one may become visible behind
//! a larger one. Each event holds its writer; a reader shows what he had seen, and is given what
//! he had not, however small its number is.

use crate::{Store, convert};
use base::Fault;
use domain::id::TenantId;
use domain::time::Timestamp;
use domain::webhook::EventId;
use serde_json::Value;
use sqlx::Row;
use sqlx::types::Json;

/// What commits later than this behind its number is not looked for any more. Nothing here runs
/// nearly as long, and a restored database has old writers with numbers of the future.
const LATE_MAX_S: i32 = 15 * 60;

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number.
    pub id: EventId,
    /// Its kind.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// What happened.
    pub data: Value,
    /// When.
    pub at: Timestamp,
}

/// How far a reader has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// The largest number that he was shown.
    pub last: i64,
    /// When he last read, and what Postgres called its snapshot then.
    pub seen: Option<(Timestamp, String)>,
}

/// Which events are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter<'a> {
    /// Of this kind, as `post.published`, or family, as `post.*`.
    pub kind: Option<&'a str>,
    /// About this.
    pub subject: Option<&'a str>,
}

impl Store {
    /// Writes an event.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn record(
        &self,
        tenant: TenantId,
        kind: &'static str,
        subject: &str,
        data: &Value,
    ) -> Result<(), Fault> {
        sqlx::query("INSERT INTO events (tenant_id, kind, subject, data) VALUES ($1, $2, $3, $4)")
            .bind(tenant.uuid())
            .bind(kind)
            .bind(subject)
            .bind(Json(data))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The next events behind a position, at most `limit` and those that came late; and the
    /// position behind them.
    ///
    /// # Errors
    /// When Postgres fails, or the snapshot of the position is none.
    pub async fn events(
        &self,
        tenant: TenantId,
        from: &Position,
        filter: Filter<'_>,
        limit: i64,
    ) -> Result<(Vec<Event>, Position), Fault> {
        // The snapshot is that of the very statement, so what it shows is known to be seen.
        let rows = sqlx::query(
            "SELECT s.snapshot::text AS snapshot, s.now, e.* FROM (
                 SELECT pg_current_snapshot() AS snapshot, clock_timestamp() AS now) s
             LEFT JOIN (
                 (SELECT id, kind, subject, data, at FROM events
                  WHERE tenant_id = $1 AND id > $2
                      AND ($5::text IS NULL OR kind LIKE $5) AND ($6::text IS NULL OR subject = $6)
                  ORDER BY id LIMIT $7)
                 UNION ALL
                 SELECT id, kind, subject, data, at FROM events
                 WHERE written_in >= pg_snapshot_xmin($3::text::pg_snapshot)
                     AND NOT pg_visible_in_snapshot(written_in, $3::text::pg_snapshot)
                     AND tenant_id = $1 AND id <= $2
                     AND at > $4::timestamptz - make_interval(secs => $8)
                     AND ($5::text IS NULL OR kind LIKE $5) AND ($6::text IS NULL OR subject = $6)
             ) e ON true ORDER BY e.id",
        )
        .bind(tenant.uuid())
        .bind(from.last)
        .bind(from.seen.as_ref().map(|(_, snapshot)| snapshot.as_str()))
        .bind(from.seen.as_ref().map(|(at, _)| convert::at(*at)))
        .bind(filter.kind.map(like))
        .bind(filter.subject)
        .bind(limit)
        .bind(f64::from(LATE_MAX_S))
        .fetch_all(&self.pool)
        .await?;
        let mut to = Position { last: from.last, seen: None };
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            to.seen = Some((convert::time(row, "now")?, row.try_get("snapshot")?));
            let Some(id) = row.try_get::<Option<i64>, _>("id")? else { continue };
            to.last = to.last.max(id);
            events.push(Event {
                id: EventId(id),
                kind: row.try_get("kind")?,
                subject: row.try_get("subject")?,
                data: convert::json(row, "data")?,
                at: convert::time(row, "at")?,
            });
        }
        Ok((events, to))
    }

    /// One event of a tenant.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn event(&self, tenant: TenantId, id: EventId) -> Result<Option<Event>, Fault> {
        let before = Position { last: id.0.saturating_sub(1), seen: None };
        let (found, _) = self.events(tenant, &before, Filter::default(), 1).await?;
        Ok(found.into_iter().find(|event| event.id == id))
    }
}

/// A kind as it stands, a family with whatever follows; an underscore is no wildcard.
fn like(kind: &str) -> String {
    let escaped = kind.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%");
    match escaped.strip_suffix(".*") {
        Some(family) => format!("{family}.%"),
        None => escaped,
    }
}
