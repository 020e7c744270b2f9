//! Posts and deliveries by what they have in common, newest first.
//!
//! Each list asks only for what was said, so that Postgres plans every question by itself.

use crate::posts::Post;
use crate::{Store, convert};
use base::Fault;
use domain::id::{AccountId, BrandId, DeliveryId, PostId, TenantId};
use domain::time::Timestamp;
use sqlx::{Postgres, QueryBuilder};
use std::collections::HashMap;
use uuid::Uuid;

/// What posts have in common; what is not said may be any.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PostsAsked {
    /// Those before this one.
    pub before: Option<PostId>,
    /// Of these brands alone, as far as the caller may see.
    pub only: Option<Vec<BrandId>>,
    /// Of the brand of this slug.
    pub brand: Option<String>,
    /// Where they stand, in the API's word.
    pub status: Option<&'static str>,
    /// With a delivery on this platform.
    pub platform: Option<&'static str>,
    /// With a delivery on this account.
    pub account: Option<AccountId>,
    /// This one, if it has the rest in common.
    pub id: Option<PostId>,
    /// Due then or later, and earlier than that; what has no time is due when it was accepted.
    pub due: (Option<Timestamp>, Option<Timestamp>),
    /// Accepted then or later, and earlier than that.
    pub created: (Option<Timestamp>, Option<Timestamp>),
    /// With these words; `"…"` for words in a row, `-` before what is not in it, `or` between.
    pub words: Option<String>,
    /// So many at most.
    pub limit: i64,
}

/// What deliveries have in common; what is not said may be any.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeliveriesAsked {
    /// Those before this one.
    pub before: Option<DeliveryId>,
    /// Of these brands alone, as far as the caller may see.
    pub only: Option<Vec<BrandId>>,
    /// Of the brand of this slug.
    pub brand: Option<String>,
    /// Where they stand, in the API's word, `parked` among them.
    pub status: Option<&'static str>,
    /// On this platform.
    pub platform: Option<&'static str>,
    /// On this account.
    pub account: Option<AccountId>,
    /// With an error of this type.
    pub error_type: Option<&'static str>,
    /// So many at most.
    pub limit: i64,
}

/// Where the post `p` stands, as `domain::post::status` has it; a test compares the two.
const STATUS: &str = "(SELECT CASE
    WHEN p.stage <> 'live' THEN p.stage
    WHEN coalesce(s.all && '{validating,scheduled,ready,sending,reconciling,review}', false) THEN
        CASE WHEN 'validating' = ANY (s.all) THEN 'validating'
            WHEN p.scheduled_at > clock_timestamp() THEN 'scheduled'
            WHEN s.all <@ '{scheduled,published,failed,cancelled}' THEN 'validated'
            ELSE 'publishing' END
    WHEN s.all @> '{published,failed}' THEN 'partial'
    WHEN 'published' = ANY (s.all) THEN 'published'
    WHEN 'failed' = ANY (s.all) THEN 'failed'
    ELSE 'cancelled' END
    FROM (SELECT array_agg(status) AS all FROM deliveries WHERE post_id = p.id) s)";

/// A closed gate holds the delivery `d` of the account `a`.
const IS_PARKED: &str = "(d.status IN ('scheduled', 'ready') AND d.due_at <= clock_timestamp()
    AND EXISTS (SELECT FROM gates g WHERE g.until_at > clock_timestamp() AND g.scope_key IN (
        'account:' || d.platform || ':' || coalesce(a.own_app_key, a.app) || ':' || d.account_id,
        'pause:' || d.account_id, 'pause:brand:' || a.brand_id,
        'app:' || d.platform || ':' || coalesce(a.own_app_key, a.app),
        'platform:' || d.platform)))";

impl Store {
    /// Posts that have this in common, newest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn posts_of(&self, tenant: TenantId, asked: &PostsAsked) -> Result<Vec<Post>, Fault> {
        let rows = posts_query(tenant, asked).build().fetch_all(&self.pool).await?;
        let ids = rows.iter().map(|row| Ok((tenant, convert::id(row, "id")?)));
        let ids = ids.collect::<Result<Vec<_>, Fault>>()?;
        // One that is erased meanwhile is not shown.
        Ok(self.posts_named(ids).await?.into_iter().flatten().collect())
    }

    /// Deliveries that have this in common, those of the newest posts first, each with its post.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn deliveries_of(
        &self,
        tenant: TenantId,
        asked: &DeliveriesAsked,
    ) -> Result<Vec<(DeliveryId, Post)>, Fault> {
        let rows = deliveries_query(tenant, asked).build().fetch_all(&self.pool).await?;
        let mut found: Vec<(DeliveryId, PostId)> = Vec::with_capacity(rows.len());
        for row in &rows {
            found.push((convert::id(row, "id")?, convert::id(row, "post_id")?));
        }
        let mut ids: Vec<(TenantId, PostId)> =
            found.iter().map(|(_, post)| (tenant, *post)).collect();
        ids.dedup();
        let posts = self.posts_named(ids).await?.into_iter().flatten();
        let posts: HashMap<PostId, Post> = posts.map(|post| (post.id, post)).collect();
        let of = |(id, post): (DeliveryId, PostId)| Some((id, posts.get(&post)?.clone()));
        Ok(found.into_iter().filter_map(of).collect())
    }
}

fn posts_query(tenant: TenantId, asked: &PostsAsked) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("SELECT p.id FROM posts p WHERE p.tenant_id = ");
    sql.push_bind(tenant.uuid());
    if let Some(before) = asked.before {
        sql.push(" AND p.id < ").push_bind(before.uuid());
    }
    if let Some(id) = asked.id {
        sql.push(" AND p.id = ").push_bind(id.uuid());
    }
    of_brands(&mut sql, tenant, (asked.only.as_deref(), asked.brand.as_deref()));
    if asked.platform.is_some() || asked.account.is_some() {
        sql.push(" AND EXISTS (SELECT FROM deliveries d WHERE d.post_id = p.id");
        if let Some(platform) = asked.platform {
            sql.push(" AND d.platform = ").push_bind(platform);
        }
        if let Some(account) = asked.account {
            sql.push(" AND d.account_id = ").push_bind(account.uuid());
        }
        sql.push(")");
    }
    let (from, to) = asked.due;
    if from.is_some() || to.is_some() {
        // The index of a calendar is one of brands.
        sql.push(" AND p.brand_id = ANY(ARRAY(SELECT id FROM brands WHERE tenant_id = ");
        sql.push_bind(tenant.uuid()).push("))");
        between(&mut sql, "coalesce(p.scheduled_at, p.created_at)", asked.due);
    }
    between(&mut sql, "p.created_at", asked.created);
    // Ids sort by the clocks of processes, which may be wrong by an hour here.
    if let Some(from) = asked.created.0 {
        sql.push(" AND p.id >= ").push_bind(first_id(from.ms() - AN_HOUR_MS));
    }
    if let Some(to) = asked.created.1 {
        sql.push(" AND p.id < ").push_bind(first_id(to.ms() + AN_HOUR_MS));
    }
    if let Some(words) = &asked.words {
        sql.push(" AND post_words(p.tenant_id, p.draft) @@ asked_words(");
        sql.push_bind(tenant.uuid()).push(", ").push_bind(words.clone()).push(")");
    }
    if let Some(status) = asked.status {
        match status {
            // These have an index of their own.
            "draft" | "held" | "archived" => sql.push(" AND p.stage = ").push_bind(status),
            "cancelled" => sql.push(" AND p.stage IN ('live', 'cancelled')"),
            "failed" | "partial" => sql.push(" AND p.stage = 'live' AND ").push(HAS_FAILED),
            _ => sql.push(" AND p.stage = 'live'"),
        };
        sql.push(format!(" AND {STATUS} = ")).push_bind(status);
    }
    sql.push(" ORDER BY p.id DESC LIMIT ").push_bind(asked.limit);
    sql
}

const AN_HOUR_MS: i64 = 3_600_000;

/// The least id that is made in a millisecond.
pub(crate) fn first_id(ms: i64) -> Uuid {
    const MS_MAX: i64 = (1 << 48) - 1;
    Uuid::from_u128(u128::from(ms.clamp(0, MS_MAX).unsigned_abs()) << 80)
}

fn between(
    sql: &mut QueryBuilder<Postgres>,
    expression: &str,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
) {
    if let Some(from) = from {
        sql.push(format!(" AND {expression} >= ")).push_bind(convert::at(from));
    }
    if let Some(to) = to {
        sql.push(format!(" AND {expression} < ")).push_bind(convert::at(to));
    }
}

/// Of the post `p` something has failed; there is an index of such deliveries alone.
const HAS_FAILED: &str = "EXISTS (SELECT FROM deliveries f WHERE f.tenant_id = p.tenant_id
    AND f.post_id = p.id AND f.failed_stage IS NOT NULL)";

fn deliveries_query(tenant: TenantId, asked: &DeliveriesAsked) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(
        "SELECT d.id, d.post_id FROM posts p JOIN deliveries d ON d.post_id = p.id
         JOIN accounts a ON a.id = d.account_id WHERE p.tenant_id = ",
    );
    sql.push_bind(tenant.uuid());
    if let Some(before) = asked.before {
        // Of a delivery that is not there, nothing is before it.
        sql.push(" AND (p.id, d.id) < (SELECT post_id, id FROM deliveries WHERE id = ");
        sql.push_bind(before.uuid()).push(" AND tenant_id = ");
        sql.push_bind(tenant.uuid()).push(")");
    }
    of_brands(&mut sql, tenant, (asked.only.as_deref(), asked.brand.as_deref()));
    if let Some(platform) = asked.platform {
        sql.push(" AND d.platform = ").push_bind(platform);
    }
    if let Some(account) = asked.account {
        sql.push(" AND d.account_id = ").push_bind(account.uuid());
    }
    if let Some(error_type) = asked.error_type {
        sql.push(" AND d.failure ->> 'type' = ").push_bind(error_type);
    }
    if asked.status == Some("failed") {
        sql.push(" AND d.tenant_id = p.tenant_id AND d.failed_stage IS NOT NULL");
    }
    match asked.status {
        None => {}
        Some("parked") => _ = sql.push(format!(" AND {IS_PARKED}")),
        Some(status @ ("scheduled" | "ready")) => {
            sql.push(format!(" AND NOT {IS_PARKED} AND d.status = ")).push_bind(status);
        }
        Some(status) => _ = sql.push(" AND d.status = ").push_bind(status),
    }
    sql.push(" ORDER BY p.id DESC, d.id DESC LIMIT ").push_bind(asked.limit);
    sql
}

fn of_brands(
    sql: &mut QueryBuilder<Postgres>,
    tenant: TenantId,
    (only, slug): (Option<&[BrandId]>, Option<&str>),
) {
    if let Some(only) = only {
        let only: Vec<Uuid> = only.iter().map(|id| id.uuid()).collect();
        sql.push(" AND p.brand_id = ANY(").push_bind(only).push(")");
    }
    if let Some(slug) = slug {
        sql.push(" AND p.brand_id = (SELECT id FROM brands WHERE tenant_id = ");
        sql.push_bind(tenant.uuid()).push(" AND slug = ").push_bind(slug.to_owned()).push(")");
    }
}
