//! What posts are checked against: their brands, and the accounts of these; many in two statements.

use crate::accounts::{Account, account_of, select};
use crate::tenants::{Brand, brand_of};
use crate::{Store, convert};
use base::Fault;
use domain::duplicate::{Guard, Policy};
use domain::id::TenantId;
use domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Accounts of one brand that are read at most.
const ACCOUNTS_MAX: i64 = 10_000;

/// What a post is checked against.
#[derive(Debug, Clone)]
pub struct Premises {
    /// The present, by the database's clock.
    pub now: Timestamp,
    /// The brand of the slug, where there is one, with its accounts by platform and handle.
    pub brand: Option<(Brand, Arc<[Account]>)>,
    /// On which terms a post of the brand is accepted.
    pub terms: Terms,
}

/// On which terms posts are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// What is done with the same content again.
    pub guard: Guard,
    /// The tenant has limits of its own.
    pub is_limited: bool,
}

impl Store {
    /// What posts of these tenants and brands' slugs are checked against, in the order asked. Who
    /// asks twice of a brand is told the same.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn premises(
        &self,
        asked: Vec<(TenantId, Option<String>)>,
    ) -> Result<Vec<Premises>, Fault> {
        let mut db = self.pool.acquire().await?;
        let (now, brands) = brands(&mut db, &asked).await?;
        self.heard(now);
        let ids: Vec<Uuid> = brands.values().map(|(brand, _)| brand.id.uuid()).collect();
        let mut of_brands: HashMap<Uuid, Vec<Account>> = HashMap::new();
        if !ids.is_empty() {
            let rows = sqlx::query(select(
                "JOIN UNNEST($1::uuid[]) AS asked (brand_id) ON asked.brand_id = a.brand_id
                 ORDER BY a.platform, a.handle LIMIT $2",
            ))
            .bind(&ids)
            .bind(ACCOUNTS_MAX.saturating_mul(i64::try_from(ids.len()).unwrap_or(i64::MAX)))
            .fetch_all(&mut *db)
            .await?;
            for row in &rows {
                let account = account_of(row)?;
                of_brands.entry(account.brand_id.uuid()).or_default().push(account);
            }
        }
        let accounts: HashMap<Uuid, Arc<[Account]>> =
            of_brands.into_iter().map(|(brand, accounts)| (brand, accounts.into())).collect();
        let of = |key: &(TenantId, Option<String>)| {
            let (brand, terms) = brands.get(&(key.0, key.1.as_deref()?))?.clone();
            let accounts = accounts.get(&brand.id.uuid()).cloned().unwrap_or_default();
            Some(((brand, accounts), terms))
        };
        let premises = |key| {
            let (brand, terms) = of(key).unzip();
            Premises { now, brand, terms: terms.unwrap_or_default() }
        };
        Ok(asked.iter().map(premises).collect())
    }
}

/// The present, and the brands of these slugs that exist.
async fn brands<'a>(
    db: &mut PgConnection,
    asked: &'a [(TenantId, Option<String>)],
) -> Result<(Timestamp, HashMap<(TenantId, &'a str), (Brand, Terms)>), Fault> {
    let mut keys: Vec<(TenantId, &str)> =
        asked.iter().filter_map(|(tenant, slug)| Some((*tenant, slug.as_deref()?))).collect();
    keys.sort_unstable();
    keys.dedup();
    // One row at least, for its clock.
    let rows = sqlx::query(
        "SELECT clock_timestamp() AS now, asked.place, b.id, b.slug, b.name, b.time_zone,
             coalesce(b.duplicate_content, l.duplicate_content) AS duplicate_content,
             coalesce(b.duplicate_within_hours, l.duplicate_within_hours)
                 AS duplicate_within_hours, l.tenant_id IS NOT NULL AS is_limited
         FROM (SELECT 1) AS one LEFT JOIN (
             UNNEST($1::uuid[], $2::text[]) WITH ORDINALITY AS asked (tenant_id, slug, place)
             JOIN brands b ON b.tenant_id = asked.tenant_id AND b.slug = asked.slug
                 AND b.erasing_at IS NULL
             LEFT JOIN tenant_limits l ON l.tenant_id = b.tenant_id) ON true",
    )
    .bind(keys.iter().map(|(tenant, _)| tenant.uuid()).collect::<Vec<_>>())
    .bind(keys.iter().map(|(_, slug)| *slug).collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    let mut found = HashMap::new();
    let mut now = Timestamp::from_ms(0);
    for row in &rows {
        now = convert::time(row, "now")?;
        let Some(place) = row.try_get::<Option<i64>, _>("place")? else { continue };
        let key = usize::try_from(place - 1).ok().and_then(|place| keys.get(place));
        found.extend(key.copied().zip(Some((brand_of(row)?, terms_of(row)?))));
    }
    Ok((now, found))
}

/// What neither brand nor tenant say is the default.
fn terms_of(row: &PgRow) -> Result<Terms, Fault> {
    let guard = Guard::default();
    let policy: Option<String> = row.try_get("duplicate_content")?;
    let hours: Option<i32> = row.try_get("duplicate_within_hours")?;
    Ok(Terms {
        guard: Guard {
            policy: policy.as_deref().and_then(Policy::parse).unwrap_or(guard.policy),
            within_hours: hours.map_or(guard.within_hours, i32::unsigned_abs),
        },
        is_limited: row.try_get("is_limited")?,
    })
}
