//! Pauses of whole brands: one row holds every account that the brand has or will have.

use crate::deeds::{self, Deed};
use crate::pauses::{Pause, brand_key, shut};
use crate::{Store, convert};
use base::Fault;
use domain::account::Paused;
use domain::id::{AccountId, BrandId, TenantId};
use domain::time::Timestamp;
use serde_json::json;
use sqlx::{PgConnection, Row};
use std::collections::HashMap;

/// Who rests or wakes which brand, and why.
#[derive(Debug, Clone, Copy)]
pub struct BrandAct<'a> {
    /// Of whom.
    pub tenant: TenantId,
    /// Which brand.
    pub brand: BrandId,
    /// Whose key it was.
    pub actor: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// An account of a brand, as Redis is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laned {
    /// Which one.
    pub id: AccountId,
    /// Its lane, which names the gate of its limits.
    pub lane: String,
    /// It rests, for itself or with its brand.
    pub is_paused: bool,
    /// A limit holds it until then.
    pub limited_until: Option<Timestamp>,
}

impl Store {
    /// Puts a brand to rest, or says why anew. `false` where it is gone.
    ///
    /// # Errors
    /// When Postgres fails; once more is harmless.
    pub async fn pause_brand(&self, act: BrandAct<'_>) -> Result<bool, Fault> {
        let mut tx = self.pool.begin().await?;
        if !lock(&mut tx, act).await? {
            return Ok(false);
        }
        let old = shut(&mut tx, &brand_key(act.brand), (act.reason, act.actor)).await?;
        if old.as_deref() != Some(act.reason) {
            let before = json!({ "paused": old.is_some(), "reason": old });
            note(&mut tx, act, "brand.pause", [&before, &json!({ "paused": true })]).await?;
            if old.is_none() {
                tell(&mut tx, act, "brand.paused").await?;
            }
        }
        tx.commit().await?;
        let accounts = self.laned(act.tenant, act.brand).await?;
        let ids: Vec<AccountId> = accounts.iter().map(|one| one.id).collect();
        self.overtake(&ids).await?;
        Ok(true)
    }

    /// Wakes a brand; accounts that were paused for themselves rest on. `false` where it was not
    /// paused.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn resume_brand(&self, act: BrandAct<'_>) -> Result<bool, Fault> {
        let mut tx = self.pool.begin().await?;
        let gone = sqlx::query("DELETE FROM gates WHERE scope_key = $1 RETURNING reason")
            .bind(brand_key(act.brand))
            .fetch_optional(&mut *tx)
            .await?;
        let Some(gone) = gone else { return Ok(false) };
        let before = json!({ "paused": true, "reason": gone.try_get::<String, _>("reason")? });
        note(&mut tx, act, "brand.resume", [&before, &json!({ "paused": false })]).await?;
        tell(&mut tx, act, "brand.resumed").await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The pauses of a tenant's brands.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn brand_pauses(&self, tenant: TenantId) -> Result<HashMap<BrandId, Pause>, Fault> {
        let rows = sqlx::query(
            "SELECT b.id, g.closed_at, g.reason, g.actor FROM brands b
             JOIN gates g ON g.scope_key = 'pause:brand:' || b.id WHERE b.tenant_id = $1",
        )
        .bind(tenant.uuid())
        .fetch_all(&self.pool)
        .await?;
        let pause = |row: &sqlx::postgres::PgRow| {
            let pause = Pause {
                of: Paused::Brand,
                at: convert::time(row, "closed_at")?,
                reason: row.try_get("reason")?,
                by: row.try_get("actor")?,
            };
            Ok((convert::id(row, "id")?, pause))
        };
        rows.iter().map(pause).collect()
    }

    /// Every account of a brand.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn laned(&self, tenant: TenantId, brand: BrandId) -> Result<Vec<Laned>, Fault> {
        let rows = sqlx::query(
            "WITH a AS (
                 SELECT id, brand_id,
                     platform || ':' || coalesce(own_app_key, app) || ':' || id AS lane
                 FROM accounts WHERE tenant_id = $1 AND brand_id = $2)
             SELECT a.id, a.lane, g.until_at,
                 EXISTS (SELECT FROM gates p WHERE p.scope_key IN (
                     'pause:' || a.id, 'pause:brand:' || a.brand_id)) AS is_paused
             FROM a LEFT JOIN gates g ON g.scope_key = 'account:' || a.lane
                 AND g.until_at > clock_timestamp()",
        )
        .bind(tenant.uuid())
        .bind(brand.uuid())
        .fetch_all(&self.pool)
        .await?;
        let laned = |row: &sqlx::postgres::PgRow| {
            Ok(Laned {
                id: convert::id(row, "id")?,
                lane: row.try_get("lane")?,
                is_paused: row.try_get("is_paused")?,
                limited_until: convert::time_or_none(row, "until_at")?,
            })
        };
        rows.iter().map(laned).collect()
    }
}

/// Of two who pause at once the second sees the first. `false` where the brand is gone.
async fn lock(db: &mut PgConnection, act: BrandAct<'_>) -> Result<bool, Fault> {
    let brand = sqlx::query(
        "SELECT FROM brands WHERE tenant_id = $1 AND id = $2 AND erasing_at IS NULL
         FOR NO KEY UPDATE",
    );
    let brand = brand.bind(act.tenant.uuid()).bind(act.brand.uuid());
    Ok(brand.fetch_optional(db).await?.is_some())
}

async fn note(
    db: &mut PgConnection,
    act: BrandAct<'_>,
    action: &str,
    [before, after]: [&serde_json::Value; 2],
) -> Result<(), Fault> {
    let BrandAct { tenant, brand, actor, reason } = act;
    let subject = &brand.to_string();
    deeds::note(db, tenant, Deed { actor, action, subject, reason, before, after }).await
}

async fn tell(db: &mut PgConnection, act: BrandAct<'_>, kind: &str) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO events (tenant_id, kind, subject, data)
         SELECT tenant_id, $2, $3, jsonb_build_object('slug', slug, 'name', name,
             'reason', $4::text) FROM brands WHERE id = $1",
    )
    .bind(act.brand.uuid())
    .bind(kind)
    .bind(act.brand.to_string())
    .bind(act.reason)
    .execute(db)
    .await?;
    Ok(())
}
