//! Everything that holds a tenant up by a person's word: its own pauses, and those of operators.

use crate::pauses::PAUSE_ENDS;
use crate::{Store, convert};
use base::Fault;
use domain::id::{AccountId, BrandId, TenantId};
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgRow;

/// Something that is paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// `brand`, `account`, `platform`, `app` or `queue`.
    pub kind: String,
    /// The slug, the handle, or as operators name it.
    pub name: String,
    /// The account, where it is one.
    pub account: Option<AccountId>,
    /// The slug of the brand, where it is one or one of its accounts.
    pub brand: Option<String>,
    /// The platform, where it is one, or on one.
    pub platform: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// By whose word, where that was written down.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
}

impl Store {
    /// What is paused of a tenant, or of some brands of it: the widest first, then the newest.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn paused(
        &self,
        tenant: TenantId,
        only: Option<&[BrandId]>,
        most: i64,
    ) -> Result<Vec<Paused>, Fault> {
        let rows = sqlx::query(
            "WITH held AS (
                 SELECT DISTINCT platform, coalesce(own_app_key, app) AS app FROM accounts
                 WHERE tenant_id = $1 AND ($2::uuid[] IS NULL OR brand_id = ANY($2))
             ), found AS (
                 SELECT 1 AS place, 'queue' AS kind, substr(g.scope_key, 13) AS name,
                     NULL::uuid AS id, NULL AS brand, NULL AS platform, g.*
                 FROM gates g WHERE g.scope_key LIKE 'pause:queue:%'
                 UNION ALL
                 SELECT 0, 'platform', h.platform, NULL, NULL, h.platform, g.*
                 FROM (SELECT DISTINCT platform FROM held) h
                 JOIN gates g ON g.scope_key = 'platform:' || h.platform
                 UNION ALL
                 SELECT 2, 'app', h.app, NULL, NULL, h.platform, g.*
                 FROM held h JOIN gates g ON g.scope_key = 'app:' || h.platform || ':' || h.app
                 UNION ALL
                 SELECT 3, 'brand', b.slug, NULL, b.slug, NULL, g.*
                 FROM brands b JOIN gates g ON g.scope_key = 'pause:brand:' || b.id
                 WHERE b.tenant_id = $1 AND ($2 IS NULL OR b.id = ANY($2))
                 UNION ALL
                 SELECT 4, 'account', a.handle, a.id, b.slug, a.platform, g.*
                 FROM accounts a JOIN gates g ON g.scope_key = 'pause:' || a.id
                 JOIN brands b ON b.id = a.brand_id
                 WHERE a.tenant_id = $1 AND ($2 IS NULL OR a.brand_id = ANY($2)))
             SELECT kind, name, id, brand, platform, closed_at, actor, reason FROM found
             WHERE until_at = $3 ORDER BY place, closed_at DESC, scope_key LIMIT $4",
        )
        .bind(tenant.uuid())
        .bind(only.map(|only| only.iter().map(|id| id.uuid()).collect::<Vec<_>>()))
        .bind(convert::at(PAUSE_ENDS))
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(paused_of).collect()
    }
}

fn paused_of(row: &PgRow) -> Result<Paused, Fault> {
    Ok(Paused {
        kind: row.try_get("kind")?,
        name: row.try_get("name")?,
        account: convert::id_or_none(row, "id")?,
        brand: row.try_get("brand")?,
        platform: row.try_get("platform")?,
        since: convert::time(row, "closed_at")?,
        by: row.try_get("actor")?,
        reason: row.try_get("reason")?,
    })
}
