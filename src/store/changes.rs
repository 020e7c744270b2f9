//! Changes that people make of a post: locked, decided on, written with its jobs, the audit and
//! what is told of it in one transaction.
//!
//! Invariant: the post is locked first, then its deliveries in the order of their ids. An intent
//! that was committed before is seen here; one that comes later meets a new revision.

use crate::accepts::{Accepted, Mark, NewPost};
use crate::copies;
use crate::deeds::{self, Deed};
use crate::jobs::{self, Arm, Job, JobKind};
use crate::posts::{Post, post_of, shown_deliveries};
use crate::slots::{self, NoPlace, Place, Wanted};
use crate::tenant_limits::Stored;
use crate::{Store, contents, convert, tenant_limits};
use base::{Context, Fault};
use domain::delivery::Status;
use domain::edit::{Now, Words};
use domain::id::{AccountId, DeliveryId, PostId, TenantId};
use domain::post::{Hold, Stage};
use domain::request::Draft;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row, Transaction};
use std::collections::BTreeMap;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

/// A part of a delivery `d` is out: a call that is sent once came through.
pub(crate) const IS_PART_OUT: &str = "(d.remote_id IS NOT NULL
    OR EXISTS (SELECT FROM attempts t WHERE t.delivery_id = d.id
        AND (t.outcome = 'found' OR t.outcome = 'replied' AND t.http_status < 300)))";

/// A post locked with its deliveries, for a change.
pub struct Turn {
    _turn: OwnedSemaphorePermit,
    pub(crate) tx: Transaction<'static, Postgres>,
    pub(crate) tenant: TenantId,
    /// The post.
    pub post: Post,
    /// Where its deliveries stand.
    pub standing: Vec<Standing>,
}

/// A delivery as a change finds it.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Which one.
    pub id: DeliveryId,
    /// On which account.
    pub account: AccountId,
    /// On which platform.
    pub platform: String,
    /// Where it stands.
    pub now: Now,
    /// The adapter's position.
    pub checkpoint: Option<Value>,
}

/// When a delivery is due after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// As before.
    Same,
    /// At the time of its post; without one, now.
    Scheduled,
    /// Now, unless its time is to come.
    NotPast,
}

/// What a change does to a delivery. Its revision is raised whatever that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Which one.
    pub id: DeliveryId,
    /// The new status.
    pub status: Option<Status>,
    /// When it is due.
    pub due: Due,
    /// Its wording.
    pub words: Words,
    /// What was made ready of it is dropped.
    pub is_dropped: bool,
    /// No wake-up that publishes it is owed any more.
    pub is_stopped: bool,
}

impl Move {
    /// A move that does nothing but raise the revision.
    pub const fn of(id: DeliveryId) -> Self {
        Self {
            id,
            status: None,
            due: Due::Same,
            words: Words::Same,
            is_dropped: false,
            is_stopped: false,
        }
    }
}

/// A change, ready to be written.
pub struct Write<'a> {
    /// The post's stage.
    pub stage: Stage,
    /// What it waits for.
    pub hold: Option<Hold>,
    /// What is written from now on, where that changes.
    pub draft: Option<&'a Draft>,
    /// Its deliveries that change.
    pub moves: Vec<Move>,
    /// What is known of the content by platform, where that changes.
    pub marks: &'a BTreeMap<&'static str, Mark>,
    /// Deliveries on further accounts.
    pub added: Vec<(DeliveryId, AccountId, &'static str)>,
    /// The wake-ups that are owed from now on; those of the fan-out and of the word to whoever
    /// holds the post are taken away otherwise.
    pub arms: Vec<Arm>,
    /// Who did what: the actor, the action, and why.
    pub audit: (&'a str, &'static str, &'a str),
    /// What was before and after, for the audit.
    pub notes: (Value, Value),
    /// An event that follows from no move of the post.
    pub event: Option<(&'static str, Value)>,
}

impl Store {
    /// Locks a post and its deliveries. `None` when there is no such post.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn begin_change(&self, tenant: TenantId, id: PostId) -> Result<Option<Turn>, Fault> {
        let turn = self.turn().await?;
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query(
            "SELECT id, brand_id, stage, hold_reason, held_at, revision, draft, scheduled_at,
                 created_at, clock_timestamp() AS now
             FROM posts WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let mut post = post_of(&row)?;
        let standing = lock(&mut tx, id).await?;
        post.deliveries = shown_deliveries(&mut tx, &[id.uuid()]).await?;
        Ok(Some(Turn { _turn: turn, tx, tenant, post, standing }))
    }

    /// A part of a delivery is out.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn is_part_out(&self, id: DeliveryId) -> Result<bool, Fault> {
        let sql = format!("SELECT {IS_PART_OUT} AS is_out FROM deliveries d WHERE d.id = $1");
        let asked = sqlx::query(AssertSqlSafe(sql)).bind(id.uuid());
        let row = asked.fetch_optional(&self.pool).await?;
        row.map_or(Ok(false), |row| Ok(row.try_get("is_out")?))
    }
}

/// Locks the deliveries of a post. What a Postgres that went back may have forgotten counts as
/// being asked for. A call that came through has brought a part out.
pub(crate) async fn lock(db: &mut PgConnection, post: PostId) -> Result<Vec<Standing>, Fault> {
    // The count is made behind the locks, where no call is settled any more.
    sqlx::query("SELECT 1 FROM deliveries WHERE post_id = $1 ORDER BY id FOR UPDATE")
        .bind(post.uuid())
        .execute(&mut *db)
        .await?;
    let sql = format!(
        "SELECT id, account_id, platform, checkpoint, CASE WHEN ask_from IS NOT NULL
                 AND status IN ('validating', 'scheduled', 'ready') THEN 'reconciling'
             ELSE status END AS status, {IS_PART_OUT} AS is_part_out
         FROM deliveries d WHERE post_id = $1 ORDER BY id"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(post.uuid()).fetch_all(db).await?;
    let read = |row| {
        let (status, is_part_out) =
            (convert::word(row, "status", Status::parse)?, row.try_get("is_part_out")?);
        Ok(Standing {
            id: convert::id(row, "id")?,
            account: convert::id(row, "account_id")?,
            platform: row.try_get("platform")?,
            now: Now { status, is_part_out },
            checkpoint: row.try_get("checkpoint")?,
        })
    };
    rows.iter().map(read).collect()
}

impl Turn {
    /// Whose post it is.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Takes the next free slot for the post, instead of the one it had.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn place(&mut self, wanted: Wanted<'_>) -> Result<Result<Place, NoPlace>, Fault> {
        slots::take(&mut self.tx, self.post.id, wanted).await
    }

    /// What stands against a change: an account has the content already of what it says or times
    /// anew, or a limit of the tenant leaves no room for what it adds. Last before the change is
    /// written.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn weigh(
        &mut self,
        anew: &NewPost,
        added: &NewPost,
    ) -> Result<Option<Accepted>, Fault> {
        if !contents::hold(&mut self.tx, &[anew]).await? {
            return Ok(Some(Accepted::InProgress));
        }
        if let Some(alike) = contents::alike_of(&mut self.tx, &[anew]).await?.pop().flatten() {
            return Ok(Some(Accepted::Alike(alike)));
        }
        let over = tenant_limits::weigh(&mut self.tx, &[added], Stored::AsDrafts).await?;
        Ok(over.into_iter().next().flatten().map(Accepted::Over))
    }

    /// Writes a change, and returns the wake-ups that are owed now.
    ///
    /// # Errors
    /// When Postgres fails; then nothing of it is written.
    pub async fn commit(mut self, write: Write<'_>) -> Result<Vec<Job>, Fault> {
        let post = self.post.id;
        let tx = &mut *self.tx;
        // In this order no moment of it looks like an end of the post that is none.
        update_post(tx, post, &write).await?;
        add(tx, (self.tenant, post), &write).await?;
        move_deliveries(tx, &self.post, &write).await?;
        mark(tx, post, &write).await?;
        let stopped = write.moves.iter().filter(|one| one.is_stopped);
        let stopped: Vec<Uuid> = stopped.map(|one| one.id.uuid()).collect();
        jobs::disarm(tx, JobKind::Publish, &stopped).await?;
        for kind in [JobKind::FanOut, JobKind::Waiting] {
            if !write.arms.iter().any(|arm| arm.kind == kind) {
                jobs::disarm(tx, kind, &[post.uuid()]).await?;
            }
        }
        let owed = jobs::arm(tx, &write.arms).await?;
        if write.stage == Stage::Archived {
            copies::look(tx, post.uuid()).await?;
        }
        note(tx, (self.tenant, post), &write).await?;
        tell(tx, post).await?;
        self.tx.commit().await.context("changing a post")?;
        Ok(owed)
    }
}

/// Tells what became of a post, if that was not told yet. Last in its transaction, behind the locks
/// of the post and its deliveries.
pub(crate) async fn tell(db: &mut PgConnection, post: PostId) -> Result<(), Fault> {
    sqlx::query("SELECT tell_posts(ARRAY[$1])").bind(post.uuid()).execute(db).await?;
    Ok(())
}

async fn update_post(db: &mut PgConnection, post: PostId, write: &Write<'_>) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE posts SET stage = $2, hold_reason = $3,
             held_at = CASE WHEN $3 IS NOT NULL THEN coalesce(held_at, clock_timestamp()) END,
             draft = coalesce($4, draft),
             scheduled_at = CASE WHEN $4 IS NULL THEN scheduled_at ELSE $5 END,
             not_after = CASE WHEN $4 IS NULL THEN not_after ELSE $6 END,
             revision = revision + 1, updated_at = clock_timestamp()
         WHERE id = $1",
    )
    .bind(post.uuid())
    .bind(write.stage.as_str())
    .bind(write.hold.map(Hold::as_str))
    .bind(write.draft.map(Json))
    .bind(write.draft.and_then(|draft| draft.scheduled_at).map(convert::at))
    .bind(write.draft.and_then(|draft| draft.not_after).map(convert::at))
    .execute(db)
    .await?;
    Ok(())
}

/// What is written anew forgets what was made ready, and with it what its calls came to; a doubt
/// about an earlier one stays known.
async fn move_deliveries(
    db: &mut PgConnection,
    post: &Post,
    write: &Write<'_>,
) -> Result<(), Fault> {
    let mut moves: Vec<&Move> = write.moves.iter().collect();
    moves.sort_by_key(|one| one.id);
    let due = match write.draft {
        Some(draft) => draft.scheduled_at,
        None => post.scheduled_at,
    };
    let flags = |f: fn(&Move) -> bool| moves.iter().map(|one| f(one)).collect::<Vec<_>>();
    sqlx::query(
        "UPDATE deliveries d
         SET status = coalesce(t.status, d.status), revision = d.revision + 1,
             due_at = CASE WHEN t.is_scheduled THEN coalesce($6, clock_timestamp())
                 WHEN t.is_not_past THEN greatest(d.due_at, clock_timestamp())
                 ELSE d.due_at END,
             checkpoint = CASE WHEN NOT t.is_dropped THEN d.checkpoint END,
             checkpoint_no = d.checkpoint_no + t.is_dropped::int,
             intended_at = CASE WHEN NOT t.is_dropped OR d.has_doubt THEN d.intended_at END,
             draft = CASE WHEN t.is_own THEN coalesce(d.draft, $7)
                 WHEN NOT t.is_new THEN d.draft END,
             attempts = CASE WHEN t.status = 'validating' THEN 0 ELSE d.attempts END,
             auth_refusals = CASE WHEN t.status = 'validating' THEN 0 ELSE d.auth_refusals END,
             crashes = CASE WHEN t.status = 'validating' THEN 0 ELSE d.crashes END,
             alone_epoch = CASE WHEN t.status IS NULL THEN d.alone_epoch END,
             failure = CASE WHEN t.status IS NULL THEN d.failure END,
             failed_stage = CASE WHEN t.status IS NULL THEN d.failed_stage END,
             updated_at = clock_timestamp()
         FROM UNNEST($1::uuid[], $2::text[], $3::boolean[], $4::boolean[], $5::boolean[],
             $8::boolean[], $9::boolean[])
             AS t (id, status, is_scheduled, is_not_past, is_dropped, is_own, is_new)
         WHERE d.id = t.id",
    )
    .bind(moves.iter().map(|one| one.id.uuid()).collect::<Vec<_>>())
    .bind(moves.iter().map(|one| one.status.map(Status::as_str)).collect::<Vec<_>>())
    .bind(flags(|one| one.due == Due::Scheduled))
    .bind(flags(|one| one.due == Due::NotPast))
    .bind(flags(|one| one.is_dropped))
    .bind(due.map(convert::at))
    .bind(Json(&post.draft))
    .bind(flags(|one| one.words == Words::Own))
    .bind(flags(|one| one.words == Words::New))
    .execute(db)
    .await?;
    Ok(())
}

/// What goes out as the post says now has the content that it has now.
async fn mark(db: &mut PgConnection, post: PostId, write: &Write<'_>) -> Result<(), Fault> {
    if write.marks.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE deliveries d SET content = t.content, cost_micros = t.cost_micros
         FROM UNNEST($2::text[], $3::bigint[], $4::bigint[]) AS t (platform, content, cost_micros)
         WHERE d.post_id = $1 AND d.platform = t.platform AND d.draft IS NULL
             AND d.status IN ('validating', 'scheduled', 'ready')",
    )
    .bind(post.uuid())
    .bind(write.marks.keys().copied().collect::<Vec<_>>())
    .bind(write.marks.values().map(|mark| mark.content).collect::<Vec<_>>())
    .bind(write.marks.values().map(|mark| mark.cost_micros).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

async fn add(
    db: &mut PgConnection,
    (tenant, post): (TenantId, PostId),
    write: &Write<'_>,
) -> Result<(), Fault> {
    if write.added.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO deliveries (id, tenant_id, post_id, account_id, platform, status, due_at)
         SELECT t.id, $2, p.id, t.account_id, t.platform, 'validating',
             greatest(p.scheduled_at, clock_timestamp())
         FROM UNNEST($3::uuid[], $4::uuid[], $5::text[]) AS t (id, account_id, platform), posts p
         WHERE p.id = $1",
    )
    .bind(post.uuid())
    .bind(tenant.uuid())
    .bind(write.added.iter().map(|one| one.0.uuid()).collect::<Vec<_>>())
    .bind(write.added.iter().map(|one| one.1.uuid()).collect::<Vec<_>>())
    .bind(write.added.iter().map(|one| one.2).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Writes who did what, and the event that follows from it alone.
async fn note(
    db: &mut PgConnection,
    (tenant, post): (TenantId, PostId),
    write: &Write<'_>,
) -> Result<(), Fault> {
    let ((actor, action, reason), (before, after)) = (write.audit, &write.notes);
    let subject = &post.to_string();
    deeds::note(db, tenant, Deed { actor, action, subject, reason, before, after }).await?;
    let Some((kind, data)) = &write.event else { return Ok(()) };
    sqlx::query("INSERT INTO events (tenant_id, kind, subject, data) VALUES ($1, $2, $3, $4)")
        .bind(tenant.uuid())
        .bind(kind)
        .bind(post.to_string())
        .bind(Json(data))
        .execute(db)
        .await?;
    Ok(())
}
