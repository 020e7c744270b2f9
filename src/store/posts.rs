//! Posts: accepted, shown and fanned out.

use crate::accounts::{self, Account};
use crate::copies::{Republished, copies_of};
use crate::deliveries::{Shown, shown_of, take_up_operations};
use crate::jobs::{self, Arm, Job, JobKind};
use crate::{Store, assets, convert, tenants};
use base::Fault;
use domain::capability::Profile;
use domain::content::AssetFacts;
use domain::id::{AccountId, AssetId, BrandId, DeliveryId, PostId, TenantId};
use domain::post::{Hold, Stage};
use domain::request::Draft;
use domain::time::Timestamp;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use std::collections::{BTreeMap, HashMap};
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

/// What a fan-out checks a post against.
pub struct Facts {
    /// The table of capabilities of its tenant.
    pub profile: Profile,
    /// The accounts that are there.
    pub accounts: Vec<Account>,
    /// The files that are there.
    pub assets: BTreeMap<AssetId, AssetFacts>,
}

/// A post locked for its fan-out.
pub struct FanOut {
    tx: sqlx::Transaction<'static, sqlx::Postgres>,
    /// Of whom.
    pub tenant: TenantId,
    /// The span that owed it.
    pub traceparent: Option<String>,
    /// What was written, and its deliveries.
    pub post: Post,
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
                     'pause:' || d.account_id, 'pause:brand:' || a.brand_id,
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
                 p.revision, p.draft, p.scheduled_at, p.created_at, j.traceparent,
                 clock_timestamp() AS now
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
        Ok(Some(FanOut { tx, tenant, traceparent: row.try_get("traceparent")?, post }))
    }
}

impl FanOut {
    /// What the checks need beside the post: the table of capabilities, the accounts of those that
    /// are to be checked, and these files. All of it comes over the connection of the lock, for
    /// whoever holds one and waits for another waits for ever once all of a pool do.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn facts(
        &mut self,
        accounts: &[AccountId],
        files: &[AssetId],
    ) -> Result<Facts, Fault> {
        let tenant = self.tenant;
        Ok(Facts {
            profile: tenants::tenant(&mut self.tx, tenant).await?.profile,
            accounts: accounts::accounts(&mut self.tx, tenant, accounts).await?,
            assets: assets::assets(&mut self.tx, tenant, files).await?,
        })
    }

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
