//! What operators watch: how much is owed, what waits for whom, and how old the oldest of it is.

use crate::gates::{IS_RESTED, OF_JOB, RESTED};
use crate::{Store, convert};
use base::Fault;
use sqlx::{AssertSqlSafe, Row};
use std::time::Duration;

/// Jobs of a shard that are looked at for a gauge, the oldest first; more count as so many. A
/// backlog of that size is an alarm whatever its size is.
const JOBS_MAX: i64 = 20_000;
/// Deliveries in doubt that are looked at.
const DOUBTS_MAX: i64 = 10_000;
/// Tokens that are about to end, of those that live for hours and of those that live for months,
/// that are looked at.
const ENDING_MAX: i64 = 10_000;

/// What a queue is owed.
#[derive(Debug, Clone, PartialEq)]
pub struct Backlog {
    /// The queue.
    pub queue: String,
    /// Due, and nothing stands in their way.
    pub ready: i64,
    /// Due, and a closed gate holds them: a limit, a rest, a pause.
    pub parked: i64,
    /// Due within the hour.
    pub soon: i64,
    /// Due within a minute, or already, and nothing stands in their way.
    pub within_60s: i64,
    /// How long the oldest of those that are ready has been due, in seconds.
    pub oldest_ready_s: f64,
}

/// Deliveries of a platform that wait for something, and since when.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// The platform.
    pub platform: String,
    /// How many.
    pub count: i64,
    /// How long the oldest has waited, in seconds.
    pub oldest_s: f64,
}

/// Tokens of a platform that are about to end, and should have been renewed by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrenewed {
    /// The platform.
    pub platform: String,
    /// The owners of the accounts were told that these tokens end.
    pub is_told: bool,
    /// How many.
    pub count: i64,
}

/// Connections to Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// In use.
    pub in_use: u32,
    /// At rest.
    pub idle: u32,
    /// At most.
    pub most: u32,
}

impl Store {
    /// What each queue is owed within the hour. Walks the index of due times, so it costs what is
    /// due, whatever is planned for later.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn backlogs(&self, shards: u16) -> Result<Vec<Backlog>, Fault> {
        // Constants of this crate.
        let rows = sqlx::query(AssertSqlSafe(format!(
            "WITH present AS MATERIALIZED (SELECT clock_timestamp() AS now),
             {RESTED},
             owed AS (
                 SELECT j.queue, j.due_at, p.now,
                     CASE WHEN j.due_at <= p.now + interval '60 seconds' THEN EXISTS (
                         SELECT FROM gates g WHERE g.until_at > p.now AND {OF_JOB})
                         OR {IS_RESTED}
                     ELSE false END AS is_held
                 FROM present p, generate_series(0, $1) s, LATERAL (
                     SELECT queue, lane, due_at FROM jobs
                     WHERE shard = s::smallint
                         AND due_at <= (SELECT now FROM present) + interval '1 hour'
                     ORDER BY due_at, subject LIMIT $2) j)
             SELECT queue,
                 count(*) FILTER (WHERE due_at <= now AND NOT is_held) AS ready,
                 count(*) FILTER (WHERE due_at <= now AND is_held) AS parked,
                 count(*) FILTER (WHERE due_at > now) AS soon,
                 count(*) FILTER (WHERE due_at <= now + interval '60 seconds' AND NOT is_held)
                     AS within_60s,
                 coalesce(extract(epoch FROM max(now - due_at)
                     FILTER (WHERE due_at <= now AND NOT is_held)), 0)::float8 AS oldest_ready_s
             FROM owed GROUP BY queue"
        )))
        .bind(i32::from(shards) - 1)
        .bind(JOBS_MAX)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Backlog {
                    queue: row.try_get("queue")?,
                    ready: row.try_get("ready")?,
                    parked: row.try_get("parked")?,
                    soon: row.try_get("soon")?,
                    within_60s: row.try_get("within_60s")?,
                    oldest_ready_s: row.try_get("oldest_ready_s")?,
                })
            })
            .collect()
    }

    /// Deliveries of which nobody knows yet whether they are out, by platform.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn unknown_outcomes(&self) -> Result<Vec<Waiting>, Fault> {
        self.waiting(
            "SELECT d.platform, count(*) AS count,
                 max(extract(epoch FROM clock_timestamp() - coalesce(d.intended_at, d.updated_at)))
                     ::float8 AS oldest_s
             FROM (SELECT subject FROM jobs WHERE kind = 'reconcile' LIMIT $1) j
             JOIN deliveries d ON d.id = j.subject AND d.status = 'reconciling'
             GROUP BY d.platform",
        )
        .await
    }

    /// Deliveries that wait for a person, by platform.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn open_reviews(&self) -> Result<Vec<Waiting>, Fault> {
        self.waiting(
            "SELECT platform, count(*) AS count,
                 max(extract(epoch FROM clock_timestamp() - since))::float8 AS oldest_s
             FROM (SELECT platform, since FROM open_reviews LIMIT $1) r GROUP BY platform",
        )
        .await
    }

    async fn waiting(&self, sql: &'static str) -> Result<Vec<Waiting>, Fault> {
        let rows = sqlx::query(sql).bind(DOUBTS_MAX).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(Waiting {
                    platform: row.try_get("platform")?,
                    count: row.try_get("count")?,
                    oldest_s: row.try_get("oldest_s")?,
                })
            })
            .collect()
    }

    /// The accounts of each platform in each status.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn accounts_by_status(&self) -> Result<Vec<(String, String, i64)>, Fault> {
        let rows = sqlx::query(
            "SELECT platform, status, count(*) AS count FROM accounts GROUP BY platform, status",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok((row.try_get("platform")?, row.try_get("status")?, row.try_get("count")?))
            })
            .collect()
    }

    /// Tokens of connected accounts that end within `left`, or within a day where they live longer
    /// than two: in either case their renewal should be over. What lives for less is late once a
    /// quarter of its life is left.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn unrenewed(&self, left: Duration) -> Result<Vec<Unrenewed>, Fault> {
        let rows = sqlx::query(
            "WITH present AS MATERIALIZED (SELECT clock_timestamp() AS now),
             ending AS (
                 (SELECT account_id, notices FROM credentials
                  WHERE expires_at < (SELECT now FROM present) + $1 * interval '1 second'
                      AND expires_at < (SELECT now FROM present) + (expires_at - refreshed_at) / 4
                  LIMIT $2)
                 UNION
                 (SELECT account_id, notices FROM credentials
                  WHERE expires_at - refreshed_at > interval '2 days'
                      AND expires_at < (SELECT now FROM present) + interval '1 day'
                  LIMIT $2))
             SELECT a.platform, e.notices > 0 AS is_told, count(*) AS count
             FROM ending e JOIN accounts a ON a.id = e.account_id AND a.status = 'connected'
             GROUP BY a.platform, is_told",
        )
        .bind(convert::seconds(left))
        .bind(ENDING_MAX)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Unrenewed {
                    platform: row.try_get("platform")?,
                    is_told: row.try_get("is_told")?,
                    count: row.try_get("count")?,
                })
            })
            .collect()
    }

    /// The connections of this process.
    pub fn connections(&self) -> Connections {
        let (size, most) = (self.pool.size(), self.pool.options().get_max_connections());
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(size).min(size);
        Connections { in_use: size - idle, idle, most }
    }
}
