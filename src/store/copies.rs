//! Copies of posts that are out: what is owed of an origin, the copies that were made, and what
//! people change of that.
//!
//! Invariant: the origin is locked first. A copy, its deliveries, its fan-out and the wake-up of
//! the next one are one transaction.

use crate::jobs::{self, Arm, Job, JobKind};
use crate::posts::{self, NewPost, Post, post_of};
use crate::{Store, convert};
use base::{Context, Fault};
use domain::copies::{End, Place};
use domain::delivery::Status;
use domain::id::{PostId, TenantId};
use domain::post::{self, Stage};
use domain::repost::Past;
use domain::time::Timestamp;
use serde_json::{Value, json};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Postgres, Row, Transaction};
use std::collections::HashMap;
use uuid::Uuid;

/// What became of the rule by which a post is published anew.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Republished {
    /// When the next copy is due.
    pub next_at: Option<Timestamp>,
    /// Why there are no more, and since when.
    pub ended: Option<(End, Timestamp)>,
    /// Those that were made, in order.
    pub copies: Vec<Copy>,
}

/// A copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Copy {
    /// Which one, from 1.
    pub number: i32,
    /// The post that it is.
    pub post: PostId,
    /// Where that stands.
    pub status: post::Status,
    /// When it was to be out.
    pub due_at: Timestamp,
}

/// An origin locked for its next copy.
pub struct Turn {
    tx: Transaction<'static, Postgres>,
    /// Of whom.
    pub tenant: TenantId,
    /// The origin; its deliveries are in `places`.
    pub post: Post,
    /// Why there are no more copies.
    pub ended: Option<End>,
    /// Where its deliveries stand.
    pub places: Vec<Place>,
    /// The copies so far, as the rule wants to know them.
    pub past: Vec<Past>,
}

/// What is owed of an origin from now on.
#[derive(Debug, Clone)]
pub enum Then {
    /// A copy that is due then, and this wake-up for it.
    Wait(Timestamp, Arm),
    /// Another look.
    Look(Arm),
    /// Nothing, unless the origin comes out after all.
    Rest,
    /// Nothing any more.
    Over(End),
}

/// What ending the copies to come came to.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// Why they had ended before.
    pub before: Option<End>,
    /// The copies that were made and have not ended; each is a post of its own.
    pub open: Vec<PostId>,
}

impl Store {
    /// Locks an origin for its next copy. `None` when the wake-up is not owed any more.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn begin_copy(&self, id: PostId, generation: i64) -> Result<Option<Turn>, Fault> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query(
            "SELECT p.id, p.tenant_id, p.brand_id, p.stage, p.hold_reason, p.held_at, p.revision,
                 p.draft, p.scheduled_at, p.created_at, clock_timestamp() AS now
             FROM posts p JOIN jobs j ON j.subject = p.id AND j.kind = 'republish'
             WHERE p.id = $1 AND j.generation = $2 FOR UPDATE",
        )
        .bind(id.uuid())
        .bind(generation)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let (tenant, post) = (convert::id(&row, "tenant_id")?, post_of(&row)?);
        open(&mut tx, (tenant, id)).await?;
        let ended = sqlx::query("SELECT ended_for FROM republishes WHERE post_id = $1");
        let ended = ended.bind(id.uuid()).fetch_one(&mut *tx).await?;
        let ended: Option<String> = ended.try_get("ended_for")?;
        Ok(Some(Turn {
            tenant,
            post,
            ended: ended.as_deref().and_then(End::parse),
            places: places(&mut tx, id).await?,
            past: past(&mut tx, id).await?,
            tx,
        }))
    }

    /// Ends the copies to come of a post that a person wants no more of.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written. `Ok(None)` when there is no such post.
    pub async fn cancel_copies(
        &self,
        (tenant, id): (TenantId, PostId),
        actor: &str,
    ) -> Result<Option<Ended>, Fault> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query("SELECT 1 FROM posts WHERE tenant_id = $1 AND id = $2 FOR UPDATE");
        let row = row.bind(tenant.uuid()).bind(id.uuid()).fetch_optional(&mut *tx).await?;
        if row.is_none() {
            return Ok(None);
        }
        open(&mut tx, (tenant, id)).await?;
        let before = over(&mut tx, id, End::Cancelled).await?;
        jobs::disarm(&mut tx, JobKind::Republish, &[id.uuid()]).await?;
        let copies = copies_of(&mut tx, &[id.uuid()]).await?.remove(&id).unwrap_or_default();
        let ends = |status: post::Status| match status {
            post::Status::Held
            | post::Status::Scheduled
            | post::Status::Validating
            | post::Status::Validated
            | post::Status::Publishing => false,
            post::Status::Draft
            | post::Status::Published
            | post::Status::Partial
            | post::Status::Failed
            | post::Status::Cancelled
            | post::Status::Archived => true,
        };
        let open = copies.copies.iter().filter(|copy| !ends(copy.status));
        let open: Vec<PostId> = open.map(|copy| copy.post).collect();
        if before.is_none() || !open.is_empty() {
            sqlx::query(
                "INSERT INTO audit (tenant_id, actor, action, subject, reason, before, after)
                 VALUES ($1, $2, 'copies.cancel', $3, 'asked for through the API', '{}', $4)",
            )
            .bind(tenant.uuid())
            .bind(actor)
            .bind(id.to_string())
            .bind(Json(json!({ "ended": "cancelled", "copies": open })))
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(Some(Ended { before, open }))
    }
}

impl Turn {
    /// Stores a copy, if one is due, with what is owed next, all or nothing. The copy comes with
    /// its number and the instant at which it is to be out.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn commit(
        mut self,
        made: Option<(NewPost<'_>, i32, Timestamp)>,
        then: Then,
    ) -> Result<Vec<Job>, Fault> {
        let (origin, tx) = (self.post.id, &mut *self.tx);
        let mut owed = Vec::new();
        if let Some((copy, number, due_at)) = &made {
            posts::insert(tx, copy, copy.draft).await?;
            owed.extend(jobs::arm(tx, copy.owed.as_slice()).await?);
            sqlx::query(
                "INSERT INTO copies (origin_id, number, post_id, tenant_id, due_at)
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(origin.uuid())
            .bind(number)
            .bind(copy.id.uuid())
            .bind(self.tenant.uuid())
            .bind(convert::at(*due_at))
            .execute(&mut *tx)
            .await?;
            let data = json!({ "number": number, "copyId": copy.id, "dueAt": due_at });
            tell(tx, origin, "copy.created", &data).await?;
        }
        let (next_at, arm) = match then {
            Then::Wait(at, arm) => (Some(at), Some(arm)),
            Then::Look(arm) => (None, Some(arm)),
            Then::Rest => (None, None),
            Then::Over(end) => {
                over(tx, origin, end).await?;
                (None, None)
            }
        };
        sqlx::query("UPDATE republishes SET next_at = $2 WHERE post_id = $1")
            .bind(origin.uuid())
            .bind(next_at.map(convert::at))
            .execute(&mut *tx)
            .await?;
        match &arm {
            Some(arm) => owed.extend(jobs::arm(tx, std::slice::from_ref(arm)).await?),
            None => jobs::disarm(tx, JobKind::Republish, &[origin.uuid()]).await?,
        }
        self.tx.commit().await.context("making a copy")?;
        Ok(owed)
    }
}

/// Makes room for what becomes of a post's rule, unless there is some.
async fn open(db: &mut PgConnection, (tenant, post): (TenantId, PostId)) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO republishes (post_id, tenant_id) VALUES ($1, $2)
         ON CONFLICT (post_id) DO NOTHING",
    )
    .bind(post.uuid())
    .bind(tenant.uuid())
    .execute(db)
    .await?;
    Ok(())
}

/// Ends the copies to come, behind the lock of their origin. Returns why they had ended before.
async fn over(db: &mut PgConnection, post: PostId, end: End) -> Result<Option<End>, Fault> {
    let row = sqlx::query("SELECT ended_for FROM republishes WHERE post_id = $1 FOR UPDATE");
    let row = row.bind(post.uuid()).fetch_one(&mut *db).await?;
    let before: Option<String> = row.try_get("ended_for")?;
    if let Some(before) = before.as_deref().and_then(End::parse) {
        return Ok(Some(before));
    }
    sqlx::query(
        "UPDATE republishes SET ended_at = clock_timestamp(), ended_for = $2, next_at = NULL
         WHERE post_id = $1",
    )
    .bind(post.uuid())
    .bind(end.as_str())
    .execute(&mut *db)
    .await?;
    tell(db, post, "copies.ended", &json!({ "reason": end.as_str() })).await?;
    Ok(None)
}

/// Writes an event of an origin.
async fn tell(db: &mut PgConnection, post: PostId, kind: &str, data: &Value) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO events (tenant_id, kind, subject, data)
         SELECT tenant_id, $2, $3, $4 FROM posts WHERE id = $1",
    )
    .bind(post.uuid())
    .bind(kind)
    .bind(post.to_string())
    .bind(Json(data))
    .execute(db)
    .await?;
    Ok(())
}

/// Has what owes copies looked at now, where something becomes of the post, the delivery or the
/// account of this id: they may be over. The sweep tells Redis.
pub(crate) async fn look(db: &mut PgConnection, of: Uuid) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE jobs j SET due_at = clock_timestamp(), armed_at = clock_timestamp(),
             generation = nextval('job_generation')
         WHERE j.kind = 'republish' AND (j.subject = $1 OR EXISTS (SELECT FROM deliveries d
             WHERE d.post_id = j.subject AND (d.id = $1 OR d.account_id = $1)))",
    )
    .bind(of)
    .execute(db)
    .await?;
    Ok(())
}

/// Ends the copies of a post that a person takes back, behind its lock.
pub(crate) async fn stop(
    db: &mut PgConnection,
    (tenant, post): (TenantId, PostId),
) -> Result<(), Fault> {
    let row = sqlx::query("SELECT 1 FROM posts WHERE id = $1 AND draft ? 'republish'");
    if row.bind(post.uuid()).fetch_optional(&mut *db).await?.is_some() {
        open(db, (tenant, post)).await?;
        over(db, post, End::Cancelled).await?;
        jobs::disarm(db, JobKind::Republish, &[post.uuid()]).await?;
    }
    Ok(())
}

async fn places(db: &mut PgConnection, post: PostId) -> Result<Vec<Place>, Fault> {
    let rows = sqlx::query(
        "SELECT d.account_id, d.platform, d.status, d.published_at,
             a.status = 'disconnected' AS is_disconnected,
             EXISTS (SELECT FROM operations o WHERE o.delivery_id = d.id
                 AND o.removal IN ('waiting', 'done')) AS is_removed,
             EXISTS (SELECT FROM copies c
                 JOIN posts p ON p.id = c.post_id AND p.stage IN ('live', 'held')
                 JOIN deliveries e ON e.post_id = c.post_id AND e.account_id = d.account_id
                 WHERE c.origin_id = $1 AND e.status NOT IN ('published', 'failed', 'cancelled'))
                 AS is_open
         FROM deliveries d JOIN accounts a ON a.id = d.account_id
         WHERE d.post_id = $1 ORDER BY d.id",
    )
    .bind(post.uuid())
    .fetch_all(db)
    .await?;
    let place = |row: &PgRow| {
        Ok(Place {
            account: convert::id(row, "account_id")?,
            platform: row.try_get("platform")?,
            status: convert::word(row, "status", Status::parse)?,
            published_at: convert::time_or_none(row, "published_at")?,
            is_removed: row.try_get("is_removed")?,
            is_disconnected: row.try_get("is_disconnected")?,
            is_open: row.try_get("is_open")?,
        })
    };
    rows.iter().map(place).collect()
}

/// A copy counts from when it was out everywhere, or from when it was to be.
async fn past(db: &mut PgConnection, origin: PostId) -> Result<Vec<Past>, Fault> {
    let rows = sqlx::query(
        "SELECT greatest(c.due_at, max(d.published_at)) AS ended_at
         FROM copies c LEFT JOIN deliveries d ON d.post_id = c.post_id
         WHERE c.origin_id = $1 GROUP BY c.number, c.due_at ORDER BY c.number",
    )
    .bind(origin.uuid())
    .fetch_all(db)
    .await?;
    let past =
        |row: &PgRow| Ok(Past { ended_at: convert::time(row, "ended_at")?, is_shown: false });
    rows.iter().map(past).collect()
}

/// What became of the rules of these posts, where anything did.
pub(crate) async fn copies_of(
    db: &mut PgConnection,
    posts: &[Uuid],
) -> Result<HashMap<PostId, Republished>, Fault> {
    let mut found = HashMap::new();
    if posts.is_empty() {
        return Ok(found);
    }
    let rows = sqlx::query("SELECT * FROM republishes WHERE post_id = ANY($1)");
    for row in &rows.bind(posts).fetch_all(&mut *db).await? {
        let ended: Option<String> = row.try_get("ended_for")?;
        let ended = ended.as_deref().and_then(End::parse);
        let republished = Republished {
            next_at: convert::time_or_none(row, "next_at")?,
            ended: ended.zip(convert::time_or_none(row, "ended_at")?),
            copies: Vec::new(),
        };
        found.insert(convert::id(row, "post_id")?, republished);
    }
    let rows = sqlx::query(
        "SELECT c.origin_id, c.number, c.post_id, c.due_at, p.stage, p.scheduled_at,
             clock_timestamp() AS now,
             ARRAY(SELECT d.status FROM deliveries d WHERE d.post_id = p.id) AS statuses
         FROM copies c JOIN posts p ON p.id = c.post_id
         WHERE c.origin_id = ANY($1) ORDER BY c.origin_id, c.number",
    );
    for row in &rows.bind(posts).fetch_all(db).await? {
        let origin: PostId = convert::id(row, "origin_id")?;
        if let Some(republished) = found.get_mut(&origin) {
            republished.copies.push(copy_of(row)?);
        }
    }
    Ok(found)
}

fn copy_of(row: &PgRow) -> Result<Copy, Fault> {
    let statuses: Vec<String> = row.try_get("statuses")?;
    let statuses: Vec<Status> = statuses.iter().filter_map(|word| Status::parse(word)).collect();
    let stage = convert::word(row, "stage", Stage::parse)?;
    let scheduled_at = convert::time_or_none(row, "scheduled_at")?;
    Ok(Copy {
        number: row.try_get("number")?,
        post: convert::id(row, "post_id")?,
        status: post::status(stage, scheduled_at, &statuses, convert::time(row, "now")?),
        due_at: convert::time(row, "due_at")?,
    })
}
