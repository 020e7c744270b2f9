//! What Postgres owes, to be compared with what Redis was told and knows.

use crate::jobs::{Job, job_of};
use crate::{Store, convert};
use base::Fault;
use domain::time::Timestamp;
use sqlx::Row;
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

/// Jobs that Redis was not told of are counted up to here.
const UNTOLD_MAX: i64 = 10_000;

/// Which jobs of a shard are compared.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Due within this time, or already.
    pub ahead: Duration,
    /// Armed this long ago: whoever armed them has told Redis by now.
    pub settled: Duration,
    /// So many of those that are due, the oldest first, and so many of the next ones.
    pub limit: i64,
}

/// A job, with what tells it from others of its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// What it is for.
    pub kind: String,
    /// The rest of it.
    pub job: Job,
}

/// What Redis was not told of yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Untold {
    /// How many jobs.
    pub count: i64,
    /// For how long the oldest of them could have been told, in seconds.
    pub oldest_s: f64,
}

impl Store {
    /// Some jobs of a shard that Redis should know.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn jobs_to_compare(&self, shard: i16, wanted: Wanted) -> Result<Vec<Owed>, Fault> {
        let rows = sqlx::query(
            "WITH present AS MATERIALIZED (SELECT clock_timestamp() AS now)
             (SELECT kind, queue, subject, generation, shard, fair_group, lane, due_at FROM jobs
              WHERE shard = $1 AND due_at <= (SELECT now FROM present)
                  AND armed_at < (SELECT now FROM present) - $3 * interval '1 millisecond'
              ORDER BY due_at, subject LIMIT $4)
             UNION ALL
             (SELECT kind, queue, subject, generation, shard, fair_group, lane, due_at FROM jobs
              WHERE shard = $1 AND due_at > (SELECT now FROM present)
                  AND due_at <= (SELECT now FROM present) + $2 * interval '1 millisecond'
                  AND armed_at < (SELECT now FROM present) - $3 * interval '1 millisecond'
              ORDER BY due_at, subject LIMIT $4)",
        )
        .bind(shard)
        .bind(ms(wanted.ahead))
        .bind(ms(wanted.settled))
        .bind(wanted.limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(Owed { kind: row.try_get("kind")?, job: job_of(row)? })).collect()
    }

    /// Those that are owed as they were: not done meanwhile, nor armed anew.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn still_owed(&self, owed: Vec<Owed>) -> Result<Vec<Owed>, Fault> {
        if owed.is_empty() {
            return Ok(owed);
        }
        let kinds: Vec<&str> = owed.iter().map(|one| one.kind.as_str()).collect();
        let subjects: Vec<Uuid> = owed.iter().map(|one| one.job.subject).collect();
        let generations: Vec<i64> = owed.iter().map(|one| one.job.generation).collect();
        let rows = sqlx::query(
            "SELECT generation
             FROM UNNEST($1::text[], $2::uuid[], $3::bigint[]) AS t (kind, subject, generation)
             JOIN jobs j USING (kind, subject, generation)",
        )
        .bind(kinds)
        .bind(subjects)
        .bind(generations)
        .fetch_all(&self.pool)
        .await?;
        // No two jobs ever have the same.
        let still: BTreeSet<i64> =
            rows.iter().map(|row| row.try_get("generation")).collect::<Result<_, _>>()?;
        Ok(owed.into_iter().filter(|one| still.contains(&one.job.generation)).collect())
    }

    /// What falls due in a shard within `horizon`, behind what Redis was told up to `after`.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn untold(
        &self,
        shard: i16,
        after: Timestamp,
        horizon: Duration,
    ) -> Result<Untold, Fault> {
        // The position in Redis has no microseconds, so its own job would count as one behind it.
        let row = sqlx::query(
            "WITH present AS MATERIALIZED (SELECT clock_timestamp() AS now),
             behind AS (SELECT greatest(armed_at, due_at - $3 * interval '1 millisecond') AS since
                 FROM jobs
                 WHERE shard = $1 AND due_at >= $2 + interval '1 millisecond'
                     AND due_at <= (SELECT now FROM present) + $3 * interval '1 millisecond'
                 ORDER BY due_at, subject LIMIT $4)
             SELECT count(*) AS count, coalesce(
                 extract(epoch FROM max((SELECT now FROM present) - since)), 0)::float8 AS oldest_s
             FROM behind",
        )
        .bind(shard)
        .bind(convert::at(after))
        .bind(ms(horizon))
        .bind(UNTOLD_MAX)
        .fetch_one(&self.pool)
        .await?;
        let oldest_s: f64 = row.try_get("oldest_s")?;
        Ok(Untold { count: row.try_get("count")?, oldest_s: oldest_s.max(0.0) })
    }
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
