//! Acceptance: posts with their deliveries and wake-ups, many in one transaction.

use crate::claims::{Claim, Others, claim_all, is_out_of_time, unclaim, wait_no_longer};
use crate::contents::{self, Alike};
use crate::jobs::{self, Arm, Job};
use crate::slots::{self, NoPlace, Wanted};
use crate::tenant_limits::Stored;
use crate::{Store, convert, tenant_limits};
use base::Fault;
use domain::allowance::Over;
use domain::duplicate::Guard;
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

/// What is known of a content when it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// The beginning of the SHA-256 of its words and files; none of what has neither.
    pub content: Option<i64>,
    /// What its posts cost at the platform, in millionths of a US dollar.
    pub cost_micros: i64,
}

/// A delivery to be.
#[derive(Debug, Clone, Copy)]
pub struct NewDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// On which account.
    pub account: AccountId,
    /// On which platform.
    pub platform: &'static str,
    /// What is known of its content.
    pub mark: Mark,
}

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
    /// One per account. None of a draft, which is not addressed yet.
    pub deliveries: Vec<NewDelivery>,
    /// What is done where an account has the same content already.
    pub guard: Guard,
    /// The tenant has limits of its own.
    pub is_limited: bool,
    /// Makes it safe to ask again: the names that this request alone may have.
    pub claims: Vec<Claim>,
    /// What it owes: its fan-out or, to a person it waits for, a word.
    pub owed: Option<Arm>,
    /// The span that whoever works on what it owes goes on with.
    pub traceparent: Option<String>,
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
    /// One of its accounts has the same content already, as another post; nothing is stored.
    Alike(Alike),
    /// A limit of its tenant stands against it; nothing is stored.
    Over(Over),
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
        if !contents::hold(&mut tx, &[&new]).await? {
            return Ok(Accepted::InProgress);
        }
        if let Some(against) = weigh(&mut tx, &[&new]).await?.pop().flatten() {
            return Ok(against);
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
        let mut against = claim_all(&mut tx, &posts, Others::Passed).await?;
        let open: Vec<usize> = (0..posts.len()).filter(|at| against[*at].is_none()).collect();
        let ours: Vec<&NewPost> = open.iter().map(|at| &posts[*at]).collect();
        let mut refused = Vec::new();
        let busy = contents::try_hold(&mut tx, &ours).await?;
        for ((at, is_busy), weighed) in open.iter().zip(busy).zip(weigh(&mut tx, &ours).await?) {
            against[*at] = if is_busy { Some(Accepted::InProgress) } else { weighed };
            refused.extend(against[*at].is_some().then_some(&posts[*at]));
        }
        unclaim(&mut tx, &refused).await?;
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

/// Posts of one statement, of those that are stored together whatever their number.
const PART: usize = 256;

impl Store {
    /// Stores posts all together, each in the slot that it wants, or none of them: then what stands
    /// against those that something stands against, by their places.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is stored.
    pub async fn accept_all(
        &self,
        posts: Vec<(NewPost, Option<Wanted<'_>>)>,
    ) -> Result<Result<Vec<Accepted>, Vec<(usize, Accepted)>>, Fault> {
        let _turn = self.turn().await?;
        let mut tx = self.pool.begin().await?;
        wait_no_longer(&mut tx).await?;
        let (mut posts, places): (Vec<NewPost>, Vec<_>) = posts.into_iter().unzip();
        let claimed = match claim_all(&mut tx, &posts, Others::Awaited).await {
            Ok(claimed) => claimed,
            Err(fault) if fault.find::<sqlx::Error>().is_some_and(is_out_of_time) => {
                return Ok(Err(vec![(0, Accepted::InProgress)]));
            }
            Err(fault) => return Err(fault),
        };
        let (mut against, mut open, mut again) = (Vec::new(), Vec::new(), HashMap::new());
        for (at, claimed) in claimed.into_iter().enumerate() {
            match claimed {
                None => open.push(at),
                Some(accepted @ Accepted::Again(_)) => _ = again.insert(at, accepted),
                Some(accepted) => against.push((at, accepted)),
            }
        }
        for (at, place) in places.into_iter().enumerate().filter(|(at, _)| open.contains(at)) {
            let Some(wanted) = place else { continue };
            match slots::take(&mut tx, posts[at].id, wanted).await? {
                Ok(place) => posts[at].draft = Arc::new(place.fill(&posts[at].draft)),
                Err(none) => against.push((at, Accepted::NoPlace(none))),
            }
        }
        let new: Vec<(usize, &NewPost)> = open.into_iter().map(|at| (at, &posts[at])).collect();
        let mut jobs = insert_all(&mut tx, &new, &mut against).await?;
        if !against.is_empty() {
            against.sort_by_key(|(at, _)| *at);
            return Ok(Err(against));
        }
        tx.commit().await?;
        let told = posts.iter().enumerate().map(|(at, post)| match again.remove(&at) {
            Some(again) => again,
            None => Accepted::New(jobs.remove(&post.id.uuid()).into_iter().collect()),
        });
        Ok(Ok(told.collect()))
    }
}

/// Stores posts part by part, as long as nothing stands against one of them; what does.
async fn insert_all(
    db: &mut PgConnection,
    posts: &[(usize, &NewPost)],
    against: &mut Vec<(usize, Accepted)>,
) -> Result<HashMap<Uuid, Job>, Fault> {
    let all: Vec<&NewPost> = posts.iter().map(|(_, post)| *post).collect();
    if !contents::hold_accounts(db, &all).await? {
        against.extend(posts.first().map(|(at, _)| (*at, Accepted::InProgress)));
        return Ok(HashMap::new());
    }
    let mut jobs = HashMap::new();
    for part in posts.chunks(PART) {
        let posts: Vec<&NewPost> = part.iter().map(|(_, post)| *post).collect();
        let alike = part.iter().zip(contents::alike_of(db, &posts).await?);
        against.extend(alike.filter_map(|((at, _), one)| Some((*at, Accepted::Alike(one?)))));
        if against.is_empty() {
            jobs.extend(insert(db, &posts).await?);
        }
    }
    if against.is_empty() {
        let weighed = tenant_limits::weigh(db, &all, Stored::Whole).await?;
        let over = posts.iter().zip(weighed);
        against.extend(over.filter_map(|((at, _), over)| Some((*at, Accepted::Over(over?)))));
    }
    Ok(jobs)
}

/// What stands against posts whose names are theirs: their contents, then the limits of their
/// tenants, whose lock is the last.
async fn weigh(db: &mut PgConnection, posts: &[&NewPost]) -> Result<Vec<Option<Accepted>>, Fault> {
    let alike = contents::alike_of(db, posts).await?;
    let mut against: Vec<Option<Accepted>> =
        alike.into_iter().map(|alike| alike.map(Accepted::Alike)).collect();
    let open: Vec<usize> = (0..posts.len()).filter(|at| against[*at].is_none()).collect();
    let left: Vec<&NewPost> = open.iter().map(|at| posts[*at]).collect();
    for (at, over) in open.into_iter().zip(tenant_limits::weigh(db, &left, Stored::Not).await?) {
        against[at] = over.map(Accepted::Over);
    }
    Ok(against)
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
                 hold_reason, traceparent, held_at)
             SELECT *, CASE WHEN hold_reason IS NOT NULL THEN clock_timestamp() END
             FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::jsonb[],
                 $6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[])
                 AS t (id, tenant_id, brand_id, stage, draft, scheduled_at, not_after, hold_reason,
                     traceparent))
         INSERT INTO deliveries (id, tenant_id, post_id, account_id, platform, status, due_at,
             content, cost_micros)
         SELECT id, tenant_id, post_id, account_id, platform, 'validating',
             coalesce(due_at, clock_timestamp()), content, cost_micros
         FROM UNNEST($10::uuid[], $11::uuid[], $12::uuid[], $13::uuid[], $14::text[],
             $15::timestamptz[], $16::bigint[], $17::bigint[])
             AS t (id, tenant_id, post_id, account_id, platform, due_at, content, cost_micros)",
    )
    .bind(posts.iter().map(|p| p.id.uuid()).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| p.tenant.uuid()).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| p.brand.uuid()).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| p.draft.begin.stage().as_str()).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| Json(p.draft.as_ref())).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| of(p)).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| p.draft.not_after.map(convert::at)).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| hold(p)).collect::<Vec<_>>())
    .bind(posts.iter().map(|p| p.traceparent.as_deref()).collect::<Vec<_>>())
    .bind(deliveries().map(|(_, d)| d.id.uuid()).collect::<Vec<_>>())
    .bind(deliveries().map(|(p, _)| p.tenant.uuid()).collect::<Vec<_>>())
    .bind(deliveries().map(|(p, _)| p.id.uuid()).collect::<Vec<_>>())
    .bind(deliveries().map(|(_, d)| d.account.uuid()).collect::<Vec<_>>())
    .bind(deliveries().map(|(_, d)| d.platform).collect::<Vec<_>>())
    .bind(deliveries().map(|(p, _)| of(p)).collect::<Vec<_>>())
    .bind(deliveries().map(|(_, d)| d.mark.content).collect::<Vec<_>>())
    .bind(deliveries().map(|(_, d)| d.mark.cost_micros).collect::<Vec<_>>())
    .execute(&mut *db)
    .await?;
    let arms: Vec<Arm> = posts.iter().filter_map(|post| post.owed.clone()).collect();
    let owing = posts.iter().filter(|post| post.owed.is_some());
    let jobs =
        jobs::arm_traced(db, &arms, owing.map(|post| post.traceparent.clone()).collect()).await?;
    let told = posts.iter().filter(|post| post.draft.begin != Begin::Live);
    let told: Vec<Uuid> = told.map(|post| post.id.uuid()).collect();
    if !told.is_empty() {
        sqlx::query("SELECT tell_posts($1)").bind(told).execute(db).await?;
    }
    Ok(jobs.into_iter().map(|job| (job.subject, job)).collect())
}
