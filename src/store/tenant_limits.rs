//! What a tenant may use up, how far it has, and whether there is room for more.
//!
//! Invariant: whoever adds to what a limit counts locks the tenant's row first, and counts behind
//! the lock; so two never share the last place.

mod scale;

use crate::accepts::NewPost;
use crate::deeds::{self, Deed};
use crate::lists::first_id;
use crate::{Store, convert};
use base::Fault;
use domain::allowance::{Allowance, Over, Spent, month};
use domain::duplicate::{Guard, Policy};
use domain::id::{BrandId, TenantId};
use domain::time::Timestamp;
use scale::{Scale, costs};
use serde_json::{Value, json};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt;
use uuid::Uuid;

/// The limits of a tenant, and how it guards against the same content again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TenantLimits {
    /// What it may use up.
    pub allowance: Allowance,
    /// What is done with the same content again, where a brand does not say otherwise.
    pub guard: Guard,
}

/// How far a tenant's limits are used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Posts of this day of UTC.
    pub posts: u64,
    /// When the next day begins.
    pub day_ends_at: Timestamp,
    /// Accounts that are connected, or need to be again.
    pub accounts: u64,
    /// The files of its library, in bytes.
    pub media_bytes: u64,
    /// What the posts of this month cost, by platform, in millionths of a US dollar.
    pub spend_micros: BTreeMap<String, u64>,
    /// When the next month begins.
    pub month_ends_at: Timestamp,
}

const COLUMNS: &str = "posts_per_day, accounts, media_bytes, spend_cents, duplicate_content,
    duplicate_within_hours";

impl Store {
    /// The limits of a tenant.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn tenant_limits(&self, tenant: TenantId) -> Result<TenantLimits, Fault> {
        let sql = format!("SELECT {COLUMNS} FROM tenant_limits WHERE tenant_id = $1");
        let asked = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.uuid());
        let row = asked.fetch_optional(&self.pool).await?;
        Ok(row.as_ref().map(limits_of).transpose()?.unwrap_or_default())
    }

    /// Sets the limits of a tenant; what is used above them stays.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn set_tenant_limits(
        &self,
        tenant: TenantId,
        limits: &TenantLimits,
        actor: &str,
    ) -> Result<(), Fault> {
        let before = told(&self.tenant_limits(tenant).await?);
        let TenantLimits { allowance, guard } = limits;
        let mut tx = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO tenant_limits (tenant_id, posts_per_day, accounts, media_bytes,
                 spend_cents, duplicate_content, duplicate_within_hours)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tenant_id) DO UPDATE SET posts_per_day = $2, accounts = $3,
                 media_bytes = $4, spend_cents = $5, duplicate_content = $6,
                 duplicate_within_hours = $7, updated_at = clock_timestamp()",
        )
        .bind(tenant.uuid())
        .bind(allowance.posts_per_day.and_then(|most| i32::try_from(most).ok()))
        .bind(allowance.accounts.and_then(|most| i32::try_from(most).ok()))
        .bind(allowance.media_bytes.and_then(|most| i64::try_from(most).ok()))
        .bind(Json(&allowance.spend_cents_per_month))
        .bind(guard.policy.as_str())
        .bind(i32::try_from(guard.within_hours).unwrap_or(1))
        .execute(&mut *tx)
        .await?;
        let subject = &tenant.to_string();
        let (action, reason, after) = ("tenant.limits", "through the API", &told(limits));
        let deed = Deed { actor, action, subject, reason, before: &before, after };
        deeds::note(&mut tx, tenant, deed).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What a brand does with the same content again, where it says so itself.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn brand_guard(
        &self,
        tenant: TenantId,
        brand: BrandId,
    ) -> Result<(Option<Policy>, Option<u32>), Fault> {
        let row = sqlx::query(
            "SELECT duplicate_content, duplicate_within_hours FROM brands
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.uuid())
        .bind(brand.uuid())
        .fetch_one(&self.pool)
        .await?;
        let policy: Option<String> = row.try_get("duplicate_content")?;
        let hours: Option<i32> = row.try_get("duplicate_within_hours")?;
        Ok((policy.as_deref().and_then(Policy::parse), hours.map(i32::unsigned_abs)))
    }

    /// Says what a brand does with the same content again; what is not said is the tenant's.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn guard_brand(
        &self,
        (tenant, brand): (TenantId, BrandId),
        (policy, hours): (Option<Policy>, Option<u32>),
        actor: &str,
    ) -> Result<(), Fault> {
        let told = |(policy, hours): (Option<Policy>, Option<u32>)| json!({ "duplicateContent": policy, "duplicateWithinHours": hours });
        let before = told(self.brand_guard(tenant, brand).await?);
        let mut tx = self.pool.begin().await?;
        sqlx::query(
            "UPDATE brands SET duplicate_content = $3, duplicate_within_hours = $4
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.uuid())
        .bind(brand.uuid())
        .bind(policy.map(Policy::as_str))
        .bind(hours.and_then(|hours| i32::try_from(hours).ok()))
        .execute(&mut *tx)
        .await?;
        let (subject, after) = (&brand.to_string(), &told((policy, hours)));
        let (action, reason) = ("brand.duplicates", "through the API");
        let deed = Deed { actor, action, subject, reason, before: &before, after };
        deeds::note(&mut tx, tenant, deed).await?;
        tx.commit().await?;
        Ok(())
    }

    /// How far the limits of a tenant are used up.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn used(&self, tenant: TenantId) -> Result<Used, Fault> {
        let mut db = self.pool.acquire().await?;
        let (now, day) = today(&mut db).await?;
        let posts = posts_of(&mut db, &[tenant.uuid()], day).await?;
        let (from, month_ends_at) = month(now);
        let rows = sqlx::query(
            "SELECT a.platform, coalesce(sum(d.cost_micros), 0)::bigint AS micros
             FROM accounts a JOIN deliveries d ON d.account_id = a.id
                 AND d.due_at >= $2 AND d.due_at < $3 AND d.cost_micros > 0
                 AND d.status <> 'cancelled' AND NOT (d.status = 'failed' AND d.sent_at IS NULL)
             WHERE a.tenant_id = $1 GROUP BY a.platform",
        )
        .bind(tenant.uuid())
        .bind(convert::at(from))
        .bind(convert::at(month_ends_at))
        .fetch_all(&mut *db)
        .await?;
        let mut spend_micros = BTreeMap::new();
        for row in &rows {
            spend_micros.insert(row.try_get("platform")?, count(row.try_get("micros")?));
        }
        Ok(Used {
            posts: posts.get(&tenant.uuid()).copied().unwrap_or(0),
            day_ends_at: day.1,
            accounts: accounts_of(&mut db, tenant).await?,
            media_bytes: media_of(&mut db, tenant).await?,
            spend_micros,
            month_ends_at,
        })
    }
}

/// How far posts that are weighed are counted already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// They are not there yet.
    Not,
    /// They are, without what goes out of them.
    AsDrafts,
    /// They and all that goes out of them are there, in this transaction.
    Whole,
}

/// What stands against each of these posts, were those before it stored. The limits of their
/// tenants are locked until the transaction ends, so many posts are stored first and weighed last.
pub(crate) async fn weigh(
    db: &mut PgConnection,
    posts: &[&NewPost],
    stored: Stored,
) -> Result<Vec<Option<Over>>, Fault> {
    let mut tenants: Vec<Uuid> =
        posts.iter().filter(|post| post.is_limited).map(|post| post.tenant.uuid()).collect();
    tenants.sort_unstable();
    tenants.dedup();
    let limits = lock(db, &tenants).await?;
    if limits.is_empty() {
        return Ok(vec![None; posts.len()]);
    }
    let (now, day) = today(db).await?;
    let mut scale = Scale { posts: posts_of(db, &tenants, day).await?, money: HashMap::new() };
    for post in posts {
        let from = month(post.draft.scheduled_at.unwrap_or(now));
        for platform in costs(post).into_keys() {
            let place = (post.tenant.uuid(), platform, from.0);
            let is_capped = |of: &TenantLimits| of.allowance.micros(platform).is_some();
            let is_asked = limits.get(&place.0).is_some_and(is_capped);
            if is_asked && !scale.money.contains_key(&place) {
                let used = money_of(db, post.tenant, platform, from).await?;
                scale.money.insert(place, used);
            }
        }
    }
    if stored == Stored::Whole {
        posts.iter().for_each(|post| scale.count(post, now, false));
    }
    let weighed = posts.iter().map(|post| {
        let of = limits.get(&post.tenant.uuid())?;
        let over = scale.over(post, (&of.allowance, stored), (now, day.1));
        if over.is_none() {
            scale.count(post, now, true);
        }
        over
    });
    Ok(weighed.collect())
}

/// A limit of the tenant leaves no room. It ends a transaction as a fault does, and is told apart
/// by whoever began it.
#[derive(Debug)]
pub struct NoRoom(pub Over);

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a limit of the tenant leaves no room")
    }
}

impl Error for NoRoom {}

/// Keeps room for another account of a tenant, or for so many bytes of files: its limits are locked
/// until the transaction ends.
///
/// # Errors
/// [`NoRoom`] where there is none.
pub(crate) async fn keep_room(
    db: &mut PgConnection,
    tenant: TenantId,
    what: Spent,
    asked: u64,
) -> Result<(), Fault> {
    let limits = lock(db, &[tenant.uuid()]).await?;
    let Some(TenantLimits { allowance, .. }) = limits.get(&tenant.uuid()) else { return Ok(()) };
    let (limit, used) = match &what {
        Spent::Accounts => match allowance.accounts {
            Some(limit) => (u64::from(limit), accounts_of(db, tenant).await?),
            None => return Ok(()),
        },
        Spent::Media => match allowance.media_bytes {
            Some(limit) => (limit, media_of(db, tenant).await?),
            None => return Ok(()),
        },
        Spent::Posts | Spent::Money(_) => return Ok(()),
    };
    match used.saturating_add(asked) > limit {
        true => Err(NoRoom(Over { what, limit, used, asked, reset_at: None }).into()),
        false => Ok(()),
    }
}

/// Locks the limits of tenants, in the order of their ids; those that have some.
async fn lock(
    db: &mut PgConnection,
    tenants: &[Uuid],
) -> Result<HashMap<Uuid, TenantLimits>, Fault> {
    if tenants.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT tenant_id, {COLUMNS} FROM tenant_limits WHERE tenant_id = ANY($1)
         ORDER BY tenant_id FOR UPDATE"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenants).fetch_all(db).await?;
    rows.iter().map(|row| Ok((row.try_get("tenant_id")?, limits_of(row)?))).collect()
}

/// The present, and the day of UTC that it lies in.
async fn today(db: &mut PgConnection) -> Result<(Timestamp, (Timestamp, Timestamp)), Fault> {
    let row = sqlx::query(
        "SELECT now, date_trunc('day', now, 'UTC') AS begins,
             date_trunc('day', now, 'UTC') + interval '24 hours' AS ends
         FROM clock_timestamp() AS now",
    );
    let row = row.fetch_one(db).await?;
    let at = |column| convert::time(&row, column);
    Ok((at("now")?, (at("begins")?, at("ends")?)))
}

/// The posts that tenants have made on a day. Ids sort by the clocks of processes, which may be
/// wrong by an hour here.
async fn posts_of(
    db: &mut PgConnection,
    tenants: &[Uuid],
    (begins, _): (Timestamp, Timestamp),
) -> Result<HashMap<Uuid, u64>, Fault> {
    let rows = sqlx::query(
        "SELECT tenant_id, count(*) AS posts FROM posts
         WHERE tenant_id = ANY($1) AND id >= $2 AND created_at >= $3 GROUP BY tenant_id",
    )
    .bind(tenants)
    .bind(first_id(begins.ms() - 3_600_000))
    .bind(convert::at(begins))
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| Ok((row.try_get("tenant_id")?, count(row.try_get("posts")?)))).collect()
}

async fn accounts_of(db: &mut PgConnection, tenant: TenantId) -> Result<u64, Fault> {
    let row = sqlx::query(
        "SELECT count(*) AS n FROM accounts WHERE tenant_id = $1 AND status <> 'disconnected'",
    );
    Ok(count(row.bind(tenant.uuid()).fetch_one(db).await?.try_get("n")?))
}

async fn media_of(db: &mut PgConnection, tenant: TenantId) -> Result<u64, Fault> {
    let row = sqlx::query(
        "SELECT coalesce(sum((facts ->> 'sizeBytes')::bigint), 0)::bigint AS n
         FROM assets WHERE tenant_id = $1",
    );
    Ok(count(row.bind(tenant.uuid()).fetch_one(db).await?.try_get("n")?))
}

/// What the posts of a tenant that are due between two instants cost at a platform; not those that
/// were taken back, or failed before anything left.
async fn money_of(
    db: &mut PgConnection,
    tenant: TenantId,
    platform: &str,
    (from, to): (Timestamp, Timestamp),
) -> Result<u64, Fault> {
    let row = sqlx::query(
        "SELECT coalesce(sum(d.cost_micros), 0)::bigint AS micros
         FROM accounts a JOIN deliveries d ON d.account_id = a.id
         WHERE a.tenant_id = $1 AND a.platform = $2 AND d.due_at >= $3 AND d.due_at < $4
             AND d.status <> 'cancelled' AND NOT (d.status = 'failed' AND d.sent_at IS NULL)",
    );
    let row = row.bind(tenant.uuid()).bind(platform).bind(convert::at(from)).bind(convert::at(to));
    Ok(count(row.fetch_one(db).await?.try_get("micros")?))
}

fn limits_of(row: &PgRow) -> Result<TenantLimits, Fault> {
    let number = |column: &str| -> Result<Option<u32>, Fault> {
        let number: Option<i32> = row.try_get(column)?;
        Ok(number.and_then(|number| u32::try_from(number).ok()))
    };
    let media_bytes: Option<i64> = row.try_get("media_bytes")?;
    Ok(TenantLimits {
        allowance: Allowance {
            posts_per_day: number("posts_per_day")?,
            accounts: number("accounts")?,
            media_bytes: media_bytes.and_then(|most| u64::try_from(most).ok()),
            spend_cents_per_month: convert::json(row, "spend_cents")?,
        },
        guard: Guard {
            policy: convert::word(row, "duplicate_content", Policy::parse)?,
            within_hours: number("duplicate_within_hours")?.unwrap_or(1),
        },
    })
}

/// The limits as the audit keeps them.
fn told(limits: &TenantLimits) -> Value {
    json!({ "limits": limits.allowance, "guard": limits.guard })
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
