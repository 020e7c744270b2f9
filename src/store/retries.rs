//! Deliveries that failed for a common cause: counted, and sent again in one action.

use crate::deeds::{self, Deed};
use crate::jobs::{self, Arm, Job};
use crate::slots::NoPlace;
use crate::{Store, convert, reclaims};
use base::Fault;
use domain::delivery::Status;
use domain::id::{AccountId, DeliveryId, PostId, TenantId};
use domain::post::Stage;
use domain::time::Timestamp;
use serde_json::{Value, json};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row};
use uuid::Uuid;

/// Posts of one transaction.
const BATCH: i64 = 200;

/// What failed and is meant. Named by the time of the failure, for a post may be due long after
/// it; that it has a stage at which it failed is what the index knows it by.
const FOUND: &str = "FROM deliveries d JOIN posts p ON p.id = d.post_id
    JOIN accounts a ON a.id = d.account_id JOIN brands b ON b.id = p.brand_id
    WHERE d.tenant_id = $1 AND d.failed_stage IS NOT NULL AND d.status = 'failed'
        AND p.stage = 'live'
        AND ($2::uuid IS NULL OR d.account_id = $2)
        AND ($3::text IS NULL OR d.platform = $3)
        AND ($4::text IS NULL OR b.slug = $4)
        AND ($5::text IS NULL OR d.failure->>'type' = $5)
        AND ($6::timestamptz IS NULL OR d.updated_at >= $6)
        AND ($7::timestamptz IS NULL OR d.updated_at < $7)
        AND (NOT $8::boolean OR d.failed_stage = 'validating'
            AND d.failure->>'type' = 'PlatformAuthError' AND d.updated_at >= a.broken_at)";

/// Why some of it is not sent again, as a word; `NULL` for what is.
const HELD_BACK: &str = "CASE WHEN a.status <> 'connected' THEN 'account'
    WHEN d.failure->>'type' = ANY($9::text[]) THEN 'content' END";

/// Which failed deliveries are meant: those for which all holds that is said.
#[derive(Debug, Clone, Copy)]
pub struct Sought<'a> {
    /// Of whom.
    pub tenant: TenantId,
    /// On this account.
    pub account: Option<AccountId>,
    /// On this platform.
    pub platform: Option<&'a str>,
    /// Of posts of this brand.
    pub brand_slug: Option<&'a str>,
    /// With a failure of this type.
    pub error_type: Option<&'a str>,
    /// Failed then or later.
    pub after: Option<Timestamp>,
    /// Failed earlier than that.
    pub before: Option<Timestamp>,
    /// Only what failed because its account was broken, since that was well last.
    pub is_for_account: bool,
    /// Failures of these types are left alone.
    pub not: &'a [&'static str],
}

/// Who sends it again, and how the audit names that.
#[derive(Debug, Clone, Copy)]
pub struct Mandate<'a> {
    /// Whose key it was.
    pub actor: &'a str,
    /// What is done, as `account.retry`.
    pub action: &'static str,
    /// To what, as an identifier.
    pub subject: &'a str,
    /// Why.
    pub reason: &'a str,
    /// What was asked for.
    pub asked: &'a Value,
}

/// Why a failed delivery is not sent again, though it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBack {
    /// Its account is not connected, so it would fail again.
    Account,
    /// Its content would be refused again.
    Content,
}

/// Failed deliveries of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// On which platform.
    pub platform: String,
    /// The type of their failures.
    pub error_type: String,
    /// Why they are not sent again; `None` where they are.
    pub held_back: Option<HeldBack>,
    /// How many.
    pub count: u64,
    /// When the first of them was due.
    pub first_due_at: Timestamp,
    /// When the last of them was due.
    pub last_due_at: Timestamp,
}

/// What sending a batch again came to.
#[derive(Debug, Clone, Default)]
pub struct Retried {
    /// The deliveries that go on.
    pub done: Vec<DeliveryId>,
    /// The wake-ups that are owed now.
    pub jobs: Vec<Job>,
    /// The last post that was looked at; `None` when none was left.
    pub last: Option<PostId>,
}

/// What trying the failed deliveries of one post again came to.
#[derive(Debug, Clone)]
pub enum Again {
    /// Its stage stands against it.
    Stage(Stage),
    /// None of them has failed.
    Nothing,
    /// Its slot was given to another post, and there is no other one.
    NoPlace(NoPlace),
    /// They go on.
    Done {
        /// The wake-ups that are owed now.
        jobs: Vec<Job>,
        /// When it was due before it was given another slot.
        moved_from: Option<Timestamp>,
    },
}

impl Store {
    /// Sends the failed deliveries of a post through fan-out again. One that stood in a slot which
    /// was given to another meanwhile takes the next free one.
    ///
    /// # Errors
    /// When Postgres fails. `Ok(None)` when there is no such post.
    pub async fn retry(
        &self,
        tenant: TenantId,
        id: PostId,
        (actor, fan_out): (&str, Arm),
    ) -> Result<Option<Again>, Fault> {
        let Some(mut turn) = self.begin_change(tenant, id).await? else { return Ok(None) };
        if turn.post.stage != Stage::Live {
            return Ok(Some(Again::Stage(turn.post.stage)));
        }
        let failed = turn.standing.iter().filter(|one| one.now.status == Status::Failed);
        let (ids, accounts): (Vec<Uuid>, Vec<AccountId>) =
            failed.map(|one| (one.id.uuid(), one.account)).unzip();
        if ids.is_empty() {
            return Ok(Some(Again::Nothing));
        }
        let draft = turn.post.draft.clone();
        let place = match turn.reclaim(&draft, &accounts).await? {
            Ok(place) => place,
            Err(none) => return Ok(Some(Again::NoPlace(none))),
        };
        // The checkpoint stays: segments of a chain that are out are not sent again.
        sqlx::query(
            "UPDATE deliveries SET status = 'validating', revision = revision + 1, attempts = 0,
                 auth_refusals = 0, failure = NULL, failed_stage = NULL,
                 updated_at = clock_timestamp() WHERE id = ANY($1)",
        )
        .bind(&ids)
        .execute(&mut *turn.tx)
        .await?;
        let moved_from = turn.post.scheduled_at.filter(|_| place.is_some());
        if let Some(place) = place {
            reclaims::ended(&turn).move_to(&mut turn.tx, place).await?;
        }
        let jobs = jobs::arm(&mut turn.tx, &[fan_out]).await?;
        let (subject, asked) = (id.to_string(), json!({}));
        let (action, reason) = ("post.retry", "through the API");
        let mandate = Mandate { actor, action, subject: &subject, reason, asked: &asked };
        note(&mut turn.tx, tenant, mandate, ids.len()).await?;
        turn.tx.commit().await?;
        Ok(Some(Again::Done { jobs, moved_from }))
    }

    /// Counts failed deliveries by platform, type and why they are not sent again.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn failed(&self, sought: Sought<'_>) -> Result<Vec<Failed>, Fault> {
        let sql = format!(
            "SELECT d.platform, coalesce(d.failure->>'type', '') AS type, {HELD_BACK} AS held_back,
                 count(*) AS count, min(d.due_at) AS first, max(d.due_at) AS last
             {FOUND} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 NULLS FIRST"
        );
        let rows = sought.bind(&sql).fetch_all(&self.pool).await?;
        rows.iter().map(failed_of).collect()
    }

    /// Sends the next batch of them through fan-out again: of the posts behind `after`, in the
    /// order of their ids. `fan_out` makes the wake-up of a post. A post that somebody changes at
    /// this moment, perhaps by the same request, is passed over: nobody waits, and what is left is
    /// counted.
    ///
    /// # Errors
    /// When Postgres fails; then nothing of this batch is written.
    pub async fn retry_failed(
        &self,
        sought: Sought<'_>,
        mandate: Mandate<'_>,
        after: Option<PostId>,
        fan_out: impl Fn(PostId) -> Arm,
    ) -> Result<Retried, Fault> {
        let mut tx = self.pool.begin().await?;
        let sql = format!(
            "SELECT id FROM posts WHERE id IN (
                 SELECT DISTINCT d.post_id {FOUND} AND {HELD_BACK} IS NULL
                     AND ($10::uuid IS NULL OR d.post_id > $10)
                 ORDER BY d.post_id LIMIT $11)
             ORDER BY id FOR UPDATE SKIP LOCKED"
        );
        let posts = sought
            .bind(&sql)
            .bind(after.map(|id| id.uuid()))
            .bind(BATCH)
            .fetch_all(&mut *tx)
            .await?;
        let posts: Vec<Uuid> =
            posts.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?;
        let Some(last) = posts.last().copied().map(PostId::new) else {
            return Ok(Retried::default());
        };
        let lost = reclaims::lost(&mut tx, sought.tenant, &posts).await?;
        let is_lost = |id: &Uuid| lost.iter().any(|(ended, _)| ended.post().uuid() == *id);
        let kept: Vec<Uuid> = posts.iter().copied().filter(|id| !is_lost(id)).collect();
        let mut rows = again(&mut tx, sought, &kept).await?;
        // One after the other, so that each sees the slots of those before it.
        for (ended, accounts) in lost {
            let place = match ended.reclaim(&mut tx, &accounts).await? {
                Ok(place) => place,
                // It stays failed, and is counted among what is left.
                Err(_) => continue,
            };
            rows.extend(again(&mut tx, sought, &[ended.post().uuid()]).await?);
            if let Some(place) = place {
                ended.move_to(&mut tx, place).await?;
            }
        }
        let done: Vec<DeliveryId> =
            rows.iter().map(|row| convert::id(row, "id")).collect::<Result<_, _>>()?;
        if done.is_empty() {
            return Ok(Retried { last: Some(last), ..Retried::default() });
        }
        let mut changed: Vec<PostId> =
            rows.iter().map(|row| convert::id(row, "post_id")).collect::<Result<_, _>>()?;
        changed.sort_unstable();
        changed.dedup();
        let arms: Vec<Arm> = changed.into_iter().map(fan_out).collect();
        let jobs = jobs::arm(&mut tx, &arms).await?;
        note(&mut tx, sought.tenant, mandate, done.len()).await?;
        tx.commit().await?;
        Ok(Retried { done, jobs, last: Some(last) })
    }
}

impl<'a> Sought<'a> {
    /// A statement made of constants of this file, with what is sought bound to `$1` to `$9`.
    fn bind<'q>(self, sql: &str) -> sqlx::query::Query<'q, Postgres, sqlx::postgres::PgArguments>
    where
        'a: 'q,
    {
        sqlx::query(AssertSqlSafe(sql.to_owned()))
            .bind(self.tenant.uuid())
            .bind(self.account.map(|id| id.uuid()))
            .bind(self.platform)
            .bind(self.brand_slug)
            .bind(self.error_type)
            .bind(self.after.map(convert::at))
            .bind(self.before.map(convert::at))
            .bind(self.is_for_account)
            .bind(self.not)
    }
}

fn failed_of(row: &PgRow) -> Result<Failed, Fault> {
    let held_back: Option<String> = row.try_get("held_back")?;
    Ok(Failed {
        platform: row.try_get("platform")?,
        error_type: row.try_get("type")?,
        held_back: held_back.map(|word| match word.as_str() {
            "account" => HeldBack::Account,
            _ => HeldBack::Content,
        }),
        count: u64::try_from(row.try_get::<i64, _>("count")?).unwrap_or(0),
        first_due_at: convert::time(row, "first")?,
        last_due_at: convert::time(row, "last")?,
    })
}

/// Sends what is meant of these locked posts again: whoever retried them meanwhile has won. The
/// checkpoint stays, so segments of a chain that are out are not sent again.
async fn again(
    tx: &mut PgConnection,
    sought: Sought<'_>,
    posts: &[Uuid],
) -> Result<Vec<PgRow>, Fault> {
    let sql = format!(
        "WITH found AS (
             SELECT d.id {FOUND} AND {HELD_BACK} IS NULL AND d.post_id = ANY($10)
             ORDER BY d.id FOR UPDATE OF d)
         UPDATE deliveries d SET status = 'validating', revision = revision + 1, attempts = 0,
             auth_refusals = 0, failure = NULL, failed_stage = NULL,
             updated_at = clock_timestamp()
         FROM found WHERE d.id = found.id RETURNING d.id, d.post_id"
    );
    Ok(sought.bind(&sql).bind(posts).fetch_all(tx).await?)
}

/// Writes who sent how much again.
async fn note(
    db: &mut PgConnection,
    tenant: TenantId,
    mandate: Mandate<'_>,
    count: usize,
) -> Result<(), Fault> {
    let Mandate { actor, action, subject, reason, asked: before } = mandate;
    let after = &json!({ "retried": count });
    deeds::note(db, tenant, Deed { actor, action, subject, reason, before, after }).await
}
