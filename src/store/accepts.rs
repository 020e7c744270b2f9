//! Acceptance: posts with their deliveries and wake-ups, many in one transaction.

use crate::claims::{Claim, claim_all};
use crate::jobs::{self, Arm, Job};
use crate::slots::{self, NoPlace, Wanted};
use crate::{Store, convert};
use base::Fault;
use domain::id::{AccountId, BrandId, DeliveryId, PostId, TenantId};
use domain::post::{Begin, Hold};
use domain::request::Draft;
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Posts of one transaction at most: each claims up to two names, and holds a lock for either.
pub const ACCEPTED_AT_ONCE_MAX: usize = 64;

/// A post to be accepted.
#[derive(Debug, Clone)]
pub struct NewPost {
    /// Its id.
    pub id: PostId,
    /// Of whom.
    pub tenant: TenantId,
    /// Its brand.
    pub brand: BrandId,
    /// What was written, and where it begins.
    pub draft: Arc<Draft>,
    /// One per account: id, account, platform. None of a draft, which is not addressed yet.
    pub deliveries: Vec<(DeliveryId, AccountId, &'static str)>,
    /// Makes it safe to ask again: the names that this request alone may have.
    pub claims: Vec<Claim>,
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
    /// Another request was accepted under the same reference of its caller, as this post.
    ReferenceTaken(PostId),
    /// The same request is being carried out.
    InProgress,
    /// There is no slot for it; nothing is stored.
    NoPlace(NoPlace),
}

impl Store {
    /// Stores a post, its deliveries and its wake-up, all or nothing, in the slot that it wants.
    /// Who comes second under a name waits for the first.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is stored.
    pub async fn accept(
        &self,
        mut new: NewPost,
        place: Option<Wanted<'_>>,
    ) -> Result<Accepted, Fault> {
        // One turn for all of it, so that whoever has one never waits for another.
        let _turn = self.turn().await?;
        let mut tx = match self.begin_claimed(&new).await? {
            Ok(tx) => tx,
            Err(accepted) => return Ok(accepted),
        };
        if let Some(wanted) = place {
            new.draft = match slots::take(&mut tx, new.id, wanted).await? {
                Ok(place) => Arc::new(place.fill(&new.draft)),
                Err(none) => return Ok(Accepted::NoPlace(none)),
            };
        }
        let mut jobs = insert(&mut tx, &[&new]).await?;
        tx.commit().await?;
        Ok(Accepted::New(jobs.remove(&new.id.uuid()).into_iter().collect()))
    }

    /// Stores posts that want no slot, those that nothing stands against, all or nothing. What
    /// stands against the others is told; nobody is waited for.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is stored.
    pub async fn accept_many(&self, posts: Vec<NewPost>) -> Result<Vec<Accepted>, Fault> {
        let mut tx = self.pool.begin().await?;
        let against = claim_all(&mut tx, &posts).await?;
        let ours = posts.iter().zip(&against).filter(|(_, against)| against.is_none());
        let ours: Vec<&NewPost> = ours.map(|(post, _)| post).collect();
        let mut jobs = insert(&mut tx, &ours).await?;
        tx.commit().await?;
        let told = posts.iter().zip(against).map(|(post, against)| match against {
            None => Accepted::New(jobs.remove(&post.id.uuid()).into_iter().collect()),
            // Its own commit was in doubt, and has come about.
            Some(Accepted::Again(id)) if id == post.id => Accepted::New(Vec::new()),
            Some(against) => against,
        });
        Ok(told.collect())
    }
}

/// Inserts posts whose names are theirs; the wake-up of each by its id.
pub(crate) async fn insert(
    db: &mut PgConnection,
    posts: &[&NewPost],
) -> Result<HashMap<Uuid, Job>, Fault> {
    if posts.is_empty() {
        return Ok(HashMap::new());
    }
    let of = |post: &NewPost| post.draft.scheduled_at.map(convert::at);
    let hold = |post: &NewPost| post.draft.begin.hold().map(Hold::as_str);
    let deliveries = || posts.iter().flat_map(|p| p.deliveries.iter().map(move |d| (*p, d)));
    sqlx::query(
        "WITH p AS (
             INSERT INTO posts (id, tenant_id, brand_id, stage, draft, scheduled_at, not_after,
                 hold_reason, held_at)
             SELECT *, CASE WHEN hold_reason IS NOT NULL THEN clock_timestamp() END
             FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::jsonb[],
                 $6::timestamptz[], $7::timestamptz[], $8::text[])
                 AS t (id, tenant_id, brand_id, stage, draft, scheduled_at, not_after, hold_reason))
         INSERT INTO deliveries (id, tenant_id, post_id, account_id, platform, status, due_at)
         SELECT id, tenant_id, post_id, account_id, platform, 'validating',
             coalesce(due_at, clock_timestamp())
         FROM UNNEST($9::uuid[], $10::uuid[], $11::uuid[], $12::uuid[], $13::text[],
             $14::timestamptz[]) AS t (id, tenant_id, post_id, account_id, platform, due_at)",
    )
    .bind(posts.iter().map(|p| p.id.uuid()).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| p.tenant.uuid()).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| p.brand.uuid()).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| p.draft.begin.stage().as_str()).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| Json(p.draft.as_ref())).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| of(p)).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| p.draft.not_after.map(convert::at)).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| hold(p)).collect::<Vec<_>>())
    .bind(deliveries().map(|(_, d)| d.0.uuid()).collect::<Vec<_>>())
    .bind(deliveries().map(|(p, _)| p.tenant.uuid()).collect::<Vec<_>>())
    .bind(deliveries().map(|(p, _)| p.id.uuid()).collect::<Vec<_>>())
    .bind(deliveries().map(|(_, d)| d.1.uuid()).collect::<Vec<_>>())
    .bind(deliveries().map(|(_, d)| d.2).collect::<Vec<_>>())
    .bind(deliveries().map(|(p, _)| of(p)).collect::<Vec<_>>())
    .execute(&mut *db)
    .await?;
    let arms: Vec<Arm> = posts.iter().filter_map(|post| post.owed.clone()).collect();
    let jobs = jobs::arm(db, &arms).await?;
    let told = posts.iter().filter(|post| post.draft.begin != Begin::Live);
    let told: Vec<Uuid> = told.map(|post| post.id.uuid()).collect();
    if !told.is_empty() {
        sqlx::query("SELECT tell_posts($1)").bind(told).execute(db).await?;
    }
    Ok(jobs.into_iter().map(|job| (job.subject, job)).collect())
}
