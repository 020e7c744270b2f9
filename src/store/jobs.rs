//! Wake-ups owed: one row each, read by the relay in the order of their due time.

use crate::{Store, convert};
use base::{Fault, trace};
use domain::id::AccountId;
use domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use std::time::Duration;
use uuid::Uuid;

/// What a job is for; the subject is the id of that thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Check a post and schedule its deliveries.
    FanOut,
    /// Publish a delivery.
    Publish,
    /// Ask what became of a delivery.
    Reconcile,
    /// Renew the grant of an account.
    Refresh,
    /// Look what the platform made of a delivery that is out.
    Follow,
    /// Look whether what is due soon on an account can go out.
    Preflight,
    /// Repost a delivery that is out, take that back, or delete it.
    Repost,
    /// Publish a post that is out anew, as a copy.
    Republish,
    /// Tell that a post which is held, or a draft, is past its time.
    Waiting,
    /// Send an event to an endpoint.
    Webhook,
    /// Erase a brand or a tenant.
    Erase,
    /// Look whether a file, or an upload that was begun, is still needed.
    Media,
}

impl JobKind {
    /// The word in SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FanOut => "fan_out",
            Self::Publish => "publish",
            Self::Reconcile => "reconcile",
            Self::Refresh => "refresh",
            Self::Follow => "follow",
            Self::Preflight => "preflight",
            Self::Repost => "repost",
            Self::Republish => "republish",
            Self::Waiting => "waiting",
            Self::Webhook => "webhook",
            Self::Erase => "erase",
            Self::Media => "media",
        }
    }
}

/// A wake-up that is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The queue it wakes.
    pub queue: String,
    /// What it is for.
    pub subject: Uuid,
    /// Its generation; an older one that wakes is forgotten.
    pub generation: i64,
    /// The shard of Redis it belongs to.
    pub shard: i16,
    /// Shares the queue fairly with the other groups.
    pub group: String,
    /// Jobs of one lane run one after the other.
    pub lane: String,
    /// When to wake.
    pub due_at: Timestamp,
}

/// A wake-up to be armed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arm {
    /// What for.
    pub kind: JobKind,
    /// The queue it wakes.
    pub queue: String,
    /// The subject.
    pub subject: Uuid,
    /// The shard of Redis.
    pub shard: i16,
    /// The fair group.
    pub group: String,
    /// The lane.
    pub lane: String,
    /// When to wake; `None` is now, by the database's clock.
    pub due_at: Option<Timestamp>,
}

pub(crate) fn job_of(row: &PgRow) -> Result<Job, Fault> {
    Ok(Job {
        queue: row.try_get("queue")?,
        subject: row.try_get("subject")?,
        generation: row.try_get("generation")?,
        shard: row.try_get("shard")?,
        group: row.try_get("fair_group")?,
        lane: row.try_get("lane")?,
        due_at: convert::time(row, "due_at")?,
    })
}

/// Arms wake-ups inside a transaction; each one gets a new generation. Whoever is woken goes on
/// with the span that is present here.
pub(crate) async fn arm(tx: &mut PgConnection, arms: &[Arm]) -> Result<Vec<Job>, Fault> {
    let parent = trace::present().traceparent();
    arm_traced(tx, arms, arms.iter().map(|_| parent.clone()).collect()).await
}

/// The same, where each follows a span of its own.
pub(crate) async fn arm_traced(
    tx: &mut PgConnection,
    arms: &[Arm],
    parents: Vec<Option<String>>,
) -> Result<Vec<Job>, Fault> {
    if arms.is_empty() {
        return Ok(Vec::new());
    }
    let column = |f: fn(&Arm) -> String| arms.iter().map(f).collect::<Vec<_>>();
    let rows = sqlx::query(
        "INSERT INTO jobs (kind, queue, subject, shard, fair_group, lane, due_at, traceparent)
         SELECT kind, queue, subject, shard, fair_group, lane,
             coalesce(due_at, clock_timestamp()), traceparent
         FROM UNNEST($1::text[], $2::text[], $3::uuid[], $4::smallint[], $5::text[], $6::text[],
             $7::timestamptz[], $8::text[])
             AS t (kind, queue, subject, shard, fair_group, lane, due_at, traceparent)
         ON CONFLICT (kind, subject) DO UPDATE
         SET queue = EXCLUDED.queue, due_at = EXCLUDED.due_at, armed_at = clock_timestamp(),
             generation = nextval('job_generation'), crashes = 0, alone_epoch = NULL,
             traceparent = coalesce(EXCLUDED.traceparent, jobs.traceparent)
         RETURNING queue, subject, generation, shard, fair_group, lane, due_at",
    )
    .bind(column(|a| a.kind.as_str().to_owned()))
    .bind(column(|a| a.queue.clone()))
    .bind(arms.iter().map(|a| a.subject).collect::<Vec<_>>())
    .bind(arms.iter().map(|a| a.shard).collect::<Vec<_>>())
    .bind(column(|a| a.group.clone()))
    .bind(column(|a| a.lane.clone()))
    .bind(arms.iter().map(|a| a.due_at.map(convert::at)).collect::<Vec<_>>())
    .bind(parents)
    .fetch_all(tx)
    .await?;
    rows.iter().map(job_of).collect()
}

/// Arms wake-ups inside a transaction, but moves those that are owed already only forward. They
/// are locked until its end in the order of their subjects, so two transactions never wait for
/// each other in a circle.
pub(crate) async fn arm_earlier(tx: &mut PgConnection, arms: &[Arm]) -> Result<Vec<Job>, Fault> {
    let mut arms: Vec<&Arm> = arms.iter().collect();
    arms.sort_by_key(|arm| arm.subject);
    let mut owed = Vec::with_capacity(arms.len());
    for arm in arms {
        let row = sqlx::query(
            "INSERT INTO jobs AS j (kind, queue, subject, shard, fair_group, lane, due_at)
             VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, clock_timestamp()))
             ON CONFLICT (kind, subject) DO UPDATE
             SET due_at = EXCLUDED.due_at, armed_at = clock_timestamp(),
                 generation = nextval('job_generation')
             WHERE j.due_at > EXCLUDED.due_at
             RETURNING queue, subject, generation, shard, fair_group, lane, due_at",
        )
        .bind(arm.kind.as_str())
        .bind(&arm.queue)
        .bind(arm.subject)
        .bind(arm.shard)
        .bind(&arm.group)
        .bind(&arm.lane)
        .bind(arm.due_at.map(convert::at))
        .fetch_optional(&mut *tx)
        .await?;
        owed.extend(row.as_ref().map(job_of).transpose()?);
    }
    Ok(owed)
}

/// Wakes what waits because the grant of its account was refused: it goes out with a new one, or is
/// told that there will be none.
pub(crate) async fn wake_refused(
    tx: &mut PgConnection,
    account: AccountId,
) -> Result<Vec<Job>, Fault> {
    let rows = sqlx::query(
        "UPDATE jobs j SET due_at = clock_timestamp(), armed_at = clock_timestamp(),
             generation = nextval('job_generation')
         FROM deliveries d
         WHERE d.account_id = $1 AND d.status = 'ready'
             AND d.failure->>'type' = 'PlatformAuthError'
             AND j.subject = d.id AND j.kind = 'publish' AND j.due_at > clock_timestamp()
         RETURNING j.queue, j.subject, j.generation, j.shard, j.fair_group, j.lane, j.due_at",
    )
    .bind(account.uuid())
    .fetch_all(tx)
    .await?;
    rows.iter().map(job_of).collect()
}

/// Takes wake-ups away inside a transaction.
pub(crate) async fn disarm(
    tx: &mut PgConnection,
    kind: JobKind,
    subjects: &[Uuid],
) -> Result<(), Fault> {
    sqlx::query("DELETE FROM jobs WHERE kind = $1 AND subject = ANY($2)")
        .bind(kind.as_str())
        .bind(subjects)
        .execute(tx)
        .await?;
    Ok(())
}

impl Store {
    /// The next jobs of a shard after `(after, after_subject)` that fall due within `horizon`.
    ///
    /// The clock is asked once, in a query of its own: a condition on a function that moves ends no
    /// walk along an index, which would then read all that is due later, each time.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn jobs_due(
        &self,
        shard: i16,
        after: Timestamp,
        after_subject: Uuid,
        horizon: Duration,
        limit: i64,
    ) -> Result<Vec<Job>, Fault> {
        let rows = sqlx::query(
            "SELECT queue, subject, generation, shard, fair_group, lane, due_at FROM jobs
             WHERE shard = $1 AND (due_at, subject) > ($2, $3)
                 AND due_at <= (SELECT clock_timestamp()) + $4 * interval '1 millisecond'
             ORDER BY due_at, subject LIMIT $5",
        )
        .bind(shard)
        .bind(convert::at(after))
        .bind(after_subject)
        .bind(i64::try_from(horizon.as_millis()).unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(job_of).collect()
    }

    /// What the sweep tells Redis once more: jobs overdue by more than `overdue`, and jobs armed in
    /// the last minute whose pusher may have died.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn jobs_to_sweep(
        &self,
        shard: i16,
        overdue: Duration,
        horizon: Duration,
        limit: i64,
    ) -> Result<Vec<Job>, Fault> {
        let rows = sqlx::query(
            "SELECT queue, subject, generation, shard, fair_group, lane, due_at FROM jobs
             WHERE shard = $1
                 AND due_at <= (SELECT clock_timestamp()) + $3 * interval '1 millisecond'
                 AND (due_at < (SELECT clock_timestamp()) - $2 * interval '1 millisecond'
                     OR armed_at > (SELECT clock_timestamp()) - interval '60 seconds')
             ORDER BY due_at, subject LIMIT $4",
        )
        .bind(shard)
        .bind(i64::try_from(overdue.as_millis()).unwrap_or(i64::MAX))
        .bind(i64::try_from(horizon.as_millis()).unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(job_of).collect()
    }

    /// Arms one wake-up on its own.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn arm_job(&self, wake: Arm) -> Result<Job, Fault> {
        let mut tx = self.pool.begin().await?;
        let job = arm(&mut tx, &[wake]).await?.pop();
        tx.commit().await?;
        job.ok_or_else(|| Fault::new("arming a job returned no row"))
    }

    /// Arms many wake-ups on their own, in one transaction.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn arm_jobs(&self, wakes: &[Arm]) -> Result<Vec<Job>, Fault> {
        let mut tx = self.pool.begin().await?;
        let jobs = arm(&mut tx, wakes).await?;
        tx.commit().await?;
        Ok(jobs)
    }

    /// Takes wake-ups away that are still of these generations, many in one statement.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn finish_jobs(&self, kind: JobKind, done: &[(Uuid, i64)]) -> Result<(), Fault> {
        let (subjects, generations): (Vec<Uuid>, Vec<i64>) = done.iter().copied().unzip();
        let mut warm = self.warm().await?;
        sqlx::query(
            "DELETE FROM jobs j USING UNNEST($2::uuid[], $3::bigint[]) AS t (subject, generation)
             WHERE j.kind = $1 AND j.subject = t.subject AND j.generation = t.generation",
        )
        .bind(kind.as_str())
        .bind(subjects)
        .bind(generations)
        .execute(&mut **warm)
        .await?;
        warm.keep();
        Ok(())
    }

    /// Moves a wake-up that is still of this generation to another instant; its new generation.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn postpone_job(
        &self,
        kind: JobKind,
        subject: Uuid,
        generation: i64,
        due_at: Timestamp,
    ) -> Result<Option<i64>, Fault> {
        let row = sqlx::query(
            "UPDATE jobs SET due_at = $4, armed_at = clock_timestamp(), crashes = 0,
                 alone_epoch = NULL, generation = nextval('job_generation')
             WHERE kind = $1 AND subject = $2 AND generation = $3 RETURNING generation",
        )
        .bind(kind.as_str())
        .bind(subject)
        .bind(generation)
        .bind(convert::at(due_at))
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| Ok(row.try_get("generation")?)).transpose()
    }

    /// Takes one wake-up away if it is still of this generation.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn drop_job(
        &self,
        kind: JobKind,
        subject: Uuid,
        generation: i64,
    ) -> Result<(), Fault> {
        sqlx::query("DELETE FROM jobs WHERE kind = $1 AND subject = $2 AND generation = $3")
            .bind(kind.as_str())
            .bind(subject)
            .bind(generation)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The generation of a job that is still owed.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn job_generation(&self, kind: JobKind, subject: Uuid) -> Result<Option<i64>, Fault> {
        let row = sqlx::query("SELECT generation FROM jobs WHERE kind = $1 AND subject = $2")
            .bind(kind.as_str())
            .bind(subject)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok(row.try_get("generation")?)).transpose()
    }

    /// A number that no Redis has been told before.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn draw_incarnation(&self) -> Result<i64, Fault> {
        let row = sqlx::query("SELECT nextval('queue_incarnation') AS number")
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get("number")?)
    }
}
