//! Posts: accepted, shown, fanned out, taken back and tried again.

use crate::changes;
use crate::copies::{self, Republished, copies_of};
use crate::deliveries::{Shown, shown_of, take_up_operations};
use crate::jobs::{self, Arm, Job, JobKind};
use crate::slots::{self, NoPlace, Wanted};
use crate::{Store, convert};
use base::Fault;
use domain::delivery::Status;
use domain::id::{AccountId, BrandId, DeliveryId, PostId, TenantId};
use domain::post::{Begin, Hold, Stage};
use domain::request::Draft;
use domain::time::Timestamp;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use std::borrow::Cow;
use std::collections::HashMap;
use uuid::Uuid;

/// A post as it is stored.
#[derive(Debug, Clone)]
pub struct Post {
    /// Which one.
    pub id: PostId,
    /// Its brand.
    pub brand: BrandId,
    /// Its own stage.
    pub stage: Stage,
    /// What it waits for, and since when, while it is held.
    pub hold: Option<(Hold, Timestamp)>,
    /// Raised by every change.
    pub revision: i32,
    /// What was written.
    pub draft: Draft,
    /// When it is due, unless at once.
    pub scheduled_at: Option<Timestamp>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// One per account.
    pub deliveries: Vec<Shown>,
    /// What became of the rule by which it is published anew, where a person looks at it.
    pub republished: Option<Republished>,
    /// The present, by the database's clock.
    pub now: Timestamp,
}

/// A post to be accepted.
pub struct NewPost<'a> {
    /// Its id.
    pub id: PostId,
    /// Of whom.
    pub tenant: TenantId,
    /// Its brand.
    pub brand: BrandId,
    /// What was written, and where it begins.
    pub draft: &'a Draft,
    /// One per account: id, account, platform. None of a draft, which is not addressed yet.
    pub deliveries: &'a [(DeliveryId, AccountId, &'static str)],
    /// Makes it safe to ask again: the key, and SHA-256 of the request.
    pub idempotency: Option<(&'a str, &'a str)>,
    /// The slot it is placed into, where it names no time.
    pub place: Option<Wanted<'a>>,
    /// What it owes: its fan-out or, to a person it waits for, a word.
    pub owed: Option<Arm>,
}

/// What became of an acceptance.
#[derive(Debug)]
pub enum Accepted {
    /// It is stored, and these wake-ups are owed.
    New(Vec<Job>),
    /// The same request was accepted before, as this post.
    Again(PostId),
    /// Another request was accepted under the same key, as this post.
    KeyTaken(PostId),
    /// There is no slot for it; nothing is stored.
    NoPlace(NoPlace),
}

/// What fan-out decides about one delivery.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Which one.
    pub id: DeliveryId,
    /// The failure, as the API shows it, when it must not go on.
    pub failure: Option<Value>,
    /// Its wake-up, when it goes on.
    pub wake: Option<Arm>,
    /// The wake-up of the next look at its account, when it is due so late that there is one.
    pub look: Option<Arm>,
}

/// A post locked for its fan-out.
pub struct FanOut {
    tx: sqlx::Transaction<'static, sqlx::Postgres>,
    /// Of whom.
    pub tenant: TenantId,
    /// What was written, and its deliveries.
    pub post: Post,
}

/// What a change of many deliveries came to.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    /// The deliveries that were changed.
    pub done: Vec<DeliveryId>,
    /// Those that were not, with the state that stood against it.
    pub refused: Vec<(DeliveryId, Status)>,
    /// The wake-ups that are owed now.
    pub jobs: Vec<Job>,
    /// The stage of the post, where it stands against all of it.
    pub stage: Option<Stage>,
}

pub(crate) fn post_of(row: &PgRow) -> Result<Post, Fault> {
    let hold: Option<String> = row.try_get("hold_reason")?;
    let held_at = convert::time_or_none(row, "held_at")?;
    Ok(Post {
        id: convert::id(row, "id")?,
        brand: convert::id(row, "brand_id")?,
        stage: convert::word(row, "stage", Stage::parse)?,
        hold: hold.as_deref().and_then(Hold::parse).zip(held_at),
        revision: row.try_get("revision")?,
        draft: convert::json(row, "draft")?,
        scheduled_at: convert::time_or_none(row, "scheduled_at")?,
        created_at: convert::time(row, "created_at")?,
        deliveries: Vec::new(),
        republished: None,
        now: convert::time(row, "now")?,
    })
}

/// The deliveries of posts that were read under their tenant.
pub(crate) async fn shown_deliveries(
    db: &mut PgConnection,
    posts: &[Uuid],
) -> Result<Vec<Shown>, Fault> {
    let rows = sqlx::query(
        "SELECT d.id, d.post_id, d.account_id, d.platform, a.app, a.handle, d.status, d.due_at,
             d.attempts, d.failure, d.failed_stage, d.remote_id, d.permalink, d.published_at, d.checkpoint,
             d.sent_at, d.draft, g.scope_key AS gate_scope, g.until_at AS gate_until,
             g.reason AS gate_reason
         FROM deliveries d
         JOIN accounts a ON a.id = d.account_id
         LEFT JOIN LATERAL (
             SELECT scope_key, until_at, reason FROM gates
             WHERE until_at > clock_timestamp() AND d.status IN ('scheduled', 'ready')
                 AND d.due_at <= clock_timestamp()
                 AND scope_key IN (
                     'account:' || d.platform || ':' || coalesce(a.own_app_key, a.app) || ':'
                         || d.account_id,
                     'pause:' || d.account_id,
                     'app:' || d.platform || ':' || coalesce(a.own_app_key, a.app),
                     'platform:' || d.platform)
             ORDER BY until_at DESC LIMIT 1
         ) g ON true
         WHERE d.post_id = ANY($1) ORDER BY d.platform, a.handle, d.id",
    )
    .bind(posts)
    .fetch_all(&mut *db)
    .await?;
    let mut shown = rows.iter().map(shown_of).collect::<Result<Vec<_>, _>>()?;
    take_up_operations(db, &mut shown).await?;
    Ok(shown)
}

impl Store {
    /// Stores a post, its deliveries and the wake-up of its fan-out, all or nothing.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is stored.
    pub async fn accept(&self, new: NewPost<'_>) -> Result<Accepted, Fault> {
        let _turn = match new.place {
            Some(_) => Some(self.turn().await?),
            None => None,
        };
        let mut tx = self.pool.begin().await?;
        if let Some((key, sha256)) = new.idempotency {
            let inserted = sqlx::query(
                "INSERT INTO idempotency_keys (tenant_id, key, request_sha256, post_id)
                 VALUES ($1, $2, $3, $4) ON CONFLICT (tenant_id, key) DO NOTHING",
            )
            .bind(new.tenant.uuid())
            .bind(key)
            .bind(sha256)
            .bind(new.id.uuid())
            .execute(&mut *tx)
            .await?;
            if inserted.rows_affected() == 0 {
                let row = sqlx::query(
                    "SELECT request_sha256, post_id FROM idempotency_keys
                     WHERE tenant_id = $1 AND key = $2",
                )
                .bind(new.tenant.uuid())
                .bind(key)
                .fetch_one(&mut *tx)
                .await?;
                let post = convert::id(&row, "post_id")?;
                let same = row.try_get::<String, _>("request_sha256")? == sha256;
                return Ok(if same { Accepted::Again(post) } else { Accepted::KeyTaken(post) });
            }
        }
        let draft = match new.place {
            None => Cow::Borrowed(new.draft),
            Some(wanted) => match slots::take(&mut tx, new.id, wanted).await? {
                Ok(place) => Cow::Owned(place.fill(new.draft)),
                Err(none) => return Ok(Accepted::NoPlace(none)),
            },
        };
        insert(&mut tx, &new, &draft).await?;
        let jobs = jobs::arm(&mut tx, new.owed.as_slice()).await?;
        if new.draft.begin != Begin::Live {
            changes::tell(&mut tx, new.id).await?;
        }
        tx.commit().await?;
        Ok(Accepted::New(jobs))
    }

    /// A post with its deliveries.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn post(&self, tenant: TenantId, id: PostId) -> Result<Option<Post>, Fault> {
        Ok(self.posts_named(vec![(tenant, id)]).await?.pop().flatten())
    }

    /// Posts with their deliveries, in the order asked, many in two statements.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn posts_named(
        &self,
        asked: Vec<(TenantId, PostId)>,
    ) -> Result<Vec<Option<Post>>, Fault> {
        let mut db = self.pool.acquire().await?;
        let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) =
            asked.iter().map(|(tenant, id)| (tenant.uuid(), id.uuid())).unzip();
        let rows = sqlx::query(
            "SELECT p.id, p.tenant_id, p.brand_id, p.stage, p.hold_reason, p.held_at, p.revision,
                 p.draft, p.scheduled_at, p.created_at, clock_timestamp() AS now
             FROM UNNEST($1::uuid[], $2::uuid[]) AS asked (tenant_id, id)
             JOIN posts p ON p.id = asked.id AND p.tenant_id = asked.tenant_id",
        )
        .bind(tenants)
        .bind(ids)
        .fetch_all(&mut *db)
        .await?;
        // Another tenant may ask for the same post, and is told that there is none.
        let mut posts: HashMap<PostId, (TenantId, Post)> = HashMap::with_capacity(rows.len());
        for row in &rows {
            let post = post_of(row)?;
            posts.insert(post.id, (convert::id(row, "tenant_id")?, post));
        }
        let found: Vec<Uuid> = posts.keys().map(|id| id.uuid()).collect();
        for delivery in shown_deliveries(&mut db, &found).await? {
            if let Some((_, post)) = posts.get_mut(&delivery.post) {
                post.deliveries.push(delivery);
            }
        }
        let origins = posts.iter().filter(|(_, (_, post))| post.draft.republish.is_some());
        let origins: Vec<Uuid> = origins.map(|(id, _)| id.uuid()).collect();
        for (id, republished) in copies_of(&mut db, &origins).await? {
            if let Some((_, post)) = posts.get_mut(&id) {
                post.republished = Some(republished);
            }
        }
        let of = |(tenant, id): &(TenantId, PostId)| {
            posts.get(id).filter(|(owner, _)| owner == tenant).map(|(_, post)| post.clone())
        };
        Ok(asked.iter().map(of).collect())
    }

    /// Posts of a tenant, newest first, those before `before`.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn posts(
        &self,
        tenant: TenantId,
        before: Option<PostId>,
        limit: i64,
    ) -> Result<Vec<Post>, Fault> {
        let mut db = self.pool.acquire().await?;
        let rows = sqlx::query(
            "SELECT id, brand_id, stage, hold_reason, held_at, revision, draft, scheduled_at,
                 created_at, clock_timestamp() AS now
             FROM posts WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2)
             ORDER BY id DESC LIMIT $3",
        )
        .bind(tenant.uuid())
        .bind(before.map(|id| id.uuid()))
        .bind(limit)
        .fetch_all(&mut *db)
        .await?;
        let mut posts = rows.iter().map(post_of).collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<Uuid> = posts.iter().map(|p| p.id.uuid()).collect();
        for delivery in shown_deliveries(&mut db, &ids).await? {
            if let Some(post) = posts.iter_mut().find(|p| p.id == delivery.post) {
                post.deliveries.push(delivery);
            }
        }
        let origins = posts.iter().filter(|post| post.draft.republish.is_some());
        let origins: Vec<Uuid> = origins.map(|post| post.id.uuid()).collect();
        let mut republished = copies_of(&mut db, &origins).await?;
        for post in &mut posts {
            post.republished = republished.remove(&post.id);
        }
        Ok(posts)
    }

    /// Locks a post for its fan-out. `None` when the wake-up is not owed any more.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn begin_fan_out(
        &self,
        id: PostId,
        generation: i64,
    ) -> Result<Option<FanOut>, Fault> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query(
            "SELECT p.id, p.tenant_id, p.brand_id, p.stage, p.hold_reason, p.held_at,
                 p.revision, p.draft, p.scheduled_at, p.created_at, clock_timestamp() AS now
             FROM posts p JOIN jobs j ON j.subject = p.id AND j.kind = 'fan_out'
             WHERE p.id = $1 AND j.generation = $2 FOR UPDATE",
        )
        .bind(id.uuid())
        .bind(generation)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let tenant = convert::id(&row, "tenant_id")?;
        let mut post = post_of(&row)?;
        post.deliveries = shown_deliveries(&mut tx, &[id.uuid()]).await?;
        Ok(Some(FanOut { tx, tenant, post }))
    }

    /// Takes back what has not left yet.
    ///
    /// # Errors
    /// When Postgres fails. `Ok(None)` when there is no such post.
    pub async fn cancel(&self, tenant: TenantId, id: PostId) -> Result<Option<Changed>, Fault> {
        let _turn = self.turn().await?;
        let mut tx = self.pool.begin().await?;
        let Some(stage) = lock_post(&mut tx, tenant, id).await? else { return Ok(None) };
        let rows = lock_deliveries(&mut tx, id).await?;
        let mut changed = Changed::default();
        for (delivery, status) in rows {
            match status.after(domain::delivery::Event::Cancel) {
                Some(_) => changed.done.push(delivery),
                None if status == Status::Cancelled => {}
                None => changed.refused.push((delivery, status)),
            }
        }
        let done: Vec<Uuid> = changed.done.iter().map(|id| id.uuid()).collect();
        sqlx::query(
            "UPDATE deliveries SET status = 'cancelled', revision = revision + 1,
                 updated_at = clock_timestamp() WHERE id = ANY($1)",
        )
        .bind(&done)
        .execute(&mut *tx)
        .await?;
        // A draft has nothing that could stand against it.
        if changed.refused.is_empty() || stage == Stage::Draft {
            changed.refused.clear();
            sqlx::query(
                "UPDATE posts SET stage = 'cancelled', revision = revision + 1, hold_reason = NULL,
                     held_at = NULL, updated_at = clock_timestamp()
                 WHERE id = $1 AND stage NOT IN ('cancelled', 'archived')",
            )
            .bind(id.uuid())
            .execute(&mut *tx)
            .await?;
            jobs::disarm(&mut tx, JobKind::FanOut, &[id.uuid()]).await?;
            slots::free(&mut tx, id).await?;
            jobs::disarm(&mut tx, JobKind::Waiting, &[id.uuid()]).await?;
            changes::tell(&mut tx, id).await?;
        }
        jobs::disarm(&mut tx, JobKind::Publish, &done).await?;
        if !done.is_empty() {
            copies::stop(&mut tx, (tenant, id)).await?;
        }
        tx.commit().await?;
        Ok(Some(changed))
    }

    /// Sends the failed deliveries of a post through fan-out again.
    ///
    /// # Errors
    /// When Postgres fails. `Ok(None)` when there is no such post.
    pub async fn retry(
        &self,
        tenant: TenantId,
        id: PostId,
        fan_out: Arm,
    ) -> Result<Option<Changed>, Fault> {
        let _turn = self.turn().await?;
        let mut tx = self.pool.begin().await?;
        let Some(stage) = lock_post(&mut tx, tenant, id).await? else { return Ok(None) };
        let mut changed = Changed::default();
        if stage != Stage::Live {
            changed.stage = Some(stage);
            return Ok(Some(changed));
        }
        for (delivery, status) in lock_deliveries(&mut tx, id).await? {
            match status.after(domain::delivery::Event::Retry) {
                Some(_) => changed.done.push(delivery),
                None => changed.refused.push((delivery, status)),
            }
        }
        if changed.done.is_empty() {
            return Ok(Some(changed));
        }
        let done: Vec<Uuid> = changed.done.iter().map(|id| id.uuid()).collect();
        // The checkpoint stays: segments of a chain that are out are not sent again.
        sqlx::query(
            "UPDATE deliveries SET status = 'validating', revision = revision + 1, attempts = 0,
                 auth_refusals = 0, failure = NULL, failed_stage = NULL,
                 updated_at = clock_timestamp() WHERE id = ANY($1)",
        )
        .bind(&done)
        .execute(&mut *tx)
        .await?;
        changed.jobs = jobs::arm(&mut tx, &[fan_out]).await?;
        tx.commit().await?;
        Ok(Some(changed))
    }
}

impl FanOut {
    /// Writes the plan, takes the fan-out's wake-up away, and returns the wake-ups owed now.
    ///
    /// # Errors
    /// When Postgres fails; then nothing of it is written.
    pub async fn commit(mut self, plan: &[Planned]) -> Result<Vec<Job>, Fault> {
        let failures: Vec<_> = plan.iter().map(|p| p.failure.clone().map(Json)).collect();
        sqlx::query(
            "UPDATE deliveries d
             SET status = CASE WHEN t.failure IS NULL THEN 'scheduled' ELSE 'failed' END,
                 failure = t.failure,
                 failed_stage = CASE WHEN t.failure IS NULL THEN NULL ELSE 'validating' END,
                 updated_at = clock_timestamp()
             FROM UNNEST($1::uuid[], $2::jsonb[]) AS t (id, failure)
             WHERE d.id = t.id AND d.status = 'validating'",
        )
        .bind(plan.iter().map(|p| p.id.uuid()).collect::<Vec<_>>())
        .bind(failures)
        .execute(&mut *self.tx)
        .await?;
        let arms: Vec<Arm> = plan.iter().filter_map(|p| p.wake.clone()).collect();
        let mut owed = jobs::arm(&mut self.tx, &arms).await?;
        jobs::disarm(&mut self.tx, JobKind::FanOut, &[self.post.id.uuid()]).await?;
        // Last, because these rows are shared by all posts of an account.
        let looks: Vec<Arm> = plan.iter().filter_map(|p| p.look.clone()).collect();
        owed.extend(jobs::arm_earlier(&mut self.tx, &looks).await?);
        self.tx.commit().await?;
        Ok(owed)
    }
}

/// Stores a post of this draft, and its deliveries.
pub(crate) async fn insert(
    db: &mut PgConnection,
    new: &NewPost<'_>,
    draft: &Draft,
) -> Result<(), Fault> {
    sqlx::query(
        "WITH p AS (
             INSERT INTO posts (id, tenant_id, brand_id, stage, draft, scheduled_at, not_after,
                 hold_reason, held_at)
             VALUES ($1, $2, $3, $10, $4, $5, $6, $11,
                 CASE WHEN $11 IS NOT NULL THEN clock_timestamp() END))
         INSERT INTO deliveries (id, tenant_id, post_id, account_id, platform, status, due_at)
         SELECT id, $2, $1, account_id, platform, 'validating',
             coalesce($5, clock_timestamp())
         FROM UNNEST($7::uuid[], $8::uuid[], $9::text[]) AS t (id, account_id, platform)",
    )
    .bind(new.id.uuid())
    .bind(new.tenant.uuid())
    .bind(new.brand.uuid())
    .bind(Json(draft))
    .bind(draft.scheduled_at.map(convert::at))
    .bind(draft.not_after.map(convert::at))
    .bind(new.deliveries.iter().map(|d| d.0.uuid()).collect::<Vec<_>>())
    .bind(new.deliveries.iter().map(|d| d.1.uuid()).collect::<Vec<_>>())
    .bind(new.deliveries.iter().map(|d| d.2.to_owned()).collect::<Vec<_>>())
    .bind(new.draft.begin.stage().as_str())
    .bind(new.draft.begin.hold().map(Hold::as_str))
    .execute(db)
    .await?;
    Ok(())
}

async fn lock_post(
    db: &mut PgConnection,
    tenant: TenantId,
    id: PostId,
) -> Result<Option<Stage>, Fault> {
    let row = sqlx::query("SELECT stage FROM posts WHERE tenant_id = $1 AND id = $2 FOR UPDATE")
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.map(|row| convert::word(&row, "stage", Stage::parse)).transpose()
}

/// Locks the deliveries of a post. What a Postgres that went back may have forgotten counts as
/// being asked for.
async fn lock_deliveries(
    db: &mut PgConnection,
    post: PostId,
) -> Result<Vec<(DeliveryId, Status)>, Fault> {
    let rows = sqlx::query(
        "SELECT id, CASE WHEN ask_from IS NOT NULL
                 AND status IN ('validating', 'scheduled', 'ready') THEN 'reconciling'
             ELSE status END AS status
         FROM deliveries WHERE post_id = $1 ORDER BY id FOR UPDATE",
    )
    .bind(post.uuid())
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| Ok((convert::id(row, "id")?, convert::word(row, "status", Status::parse)?)))
        .collect()
}
