//! Assets: what was found in the files that users brought, and which posts need them.
//!
//! A file goes in two steps. First no post may name it any more (`hidden_at`); later, when every
//! post that was on its way by then is stored, it goes, unless one of them names it.

use crate::audits::{self, Note};
use crate::jobs::{self, Arm, Job};
use crate::{Store, convert, tenant_limits};
use base::Fault;
use domain::allowance::Spent;
use domain::content::AssetFacts;
use domain::id::{AssetId, PostId, TenantId};
use domain::time::Timestamp;
use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A file that lies in the library.
#[derive(Debug, Clone, PartialEq)]
pub struct Asset {
    /// What it is.
    pub facts: AssetFacts,
    /// When it came.
    pub created_at: Timestamp,
}

/// Who asks for a file, and whose files he sees.
#[derive(Debug, Clone, Copy)]
pub struct Eyes<'a> {
    /// Whose.
    pub tenant: TenantId,
    /// Those that this one brought alone, where it sees no others.
    pub own: Option<&'a str>,
}

/// Where a file stands, for whoever decides whether it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// When it came.
    pub created_at: Timestamp,
    /// Since when no post may name it.
    pub hidden_at: Option<Timestamp>,
    /// A post that has still to go out names it, or one that is copied.
    pub is_needed: bool,
    /// When the last post that names it was touched.
    pub used_at: Option<Timestamp>,
}

/// How taking a file away ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hidden {
    /// No post may name it any more.
    Done(Vec<Job>),
    /// This post needs it.
    Needed(PostId),
    /// There is none, for this one.
    Nowhere,
}

/// The posts that name the file `$2`.
const NAMING: &str = "SELECT p.id FROM posts p
         WHERE p.tenant_id = $1 AND strpos(p.draft::text, 'med_') > 0
             AND media_named(p.draft) @> ARRAY[$2]
         UNION
         SELECT d.post_id FROM deliveries d
         WHERE d.tenant_id = $1 AND strpos(d.draft::text, 'med_') > 0
             AND media_named(d.draft) @> ARRAY[$2]";

/// A post that has still to go out, on one account at least, or of which copies are to be made.
const PENDING: &str = "(p.stage IN ('draft', 'held')
         OR p.stage = 'live' AND (
             NOT EXISTS (SELECT FROM deliveries d WHERE d.post_id = p.id)
             OR EXISTS (SELECT FROM deliveries d WHERE d.post_id = p.id
                 AND d.status NOT IN ('published', 'failed', 'cancelled')))
         OR EXISTS (SELECT FROM republishes r WHERE r.post_id = p.id AND r.ended_at IS NULL))";

/// SQL of constants of this file; nothing from outside enters it.
fn text(text: String) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(text)
}

fn asset_of(row: &PgRow) -> Result<Asset, Fault> {
    Ok(Asset { facts: convert::json(row, "facts")?, created_at: convert::time(row, "created_at")? })
}

/// Writes down a file that lies safely in the library, with the wake-up that looks after it.
pub(crate) async fn add(
    db: &mut PgConnection,
    (tenant, actor): (TenantId, &str),
    facts: &AssetFacts,
    arm: Option<Arm>,
) -> Result<Vec<Job>, Fault> {
    tenant_limits::keep_room(db, tenant, Spent::Media, facts.size_bytes).await?;
    sqlx::query("INSERT INTO assets (id, tenant_id, facts, brought_by) VALUES ($1, $2, $3, $4)")
        .bind(facts.id.uuid())
        .bind(tenant.uuid())
        .bind(Json(facts))
        .bind(actor)
        .execute(&mut *db)
        .await?;
    jobs::arm(db, arm.as_slice()).await
}

impl Store {
    /// Writes down a file that lies safely in the library.
    ///
    /// # Errors
    /// When Postgres fails, or with [`tenant_limits::NoRoom`].
    pub async fn add_asset(
        &self,
        by: (TenantId, &str),
        facts: &AssetFacts,
        arm: Option<Arm>,
    ) -> Result<Vec<Job>, Fault> {
        let mut tx = self.pool.begin().await?;
        let jobs = add(&mut tx, by, facts, arm).await?;
        tx.commit().await?;
        Ok(jobs)
    }

    /// The facts of those of `ids` that exist.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn assets(
        &self,
        tenant: TenantId,
        ids: &[AssetId],
    ) -> Result<BTreeMap<AssetId, AssetFacts>, Fault> {
        assets(&mut *self.pool.acquire().await?, tenant, ids).await
    }

    /// The facts of those of `ids` that a post may name from now on.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn assets_offered(
        &self,
        tenant: TenantId,
        ids: &[AssetId],
    ) -> Result<BTreeMap<AssetId, AssetFacts>, Fault> {
        let db = &mut *self.pool.acquire().await?;
        facts(db, (tenant, ids), "AND hidden_at IS NULL").await
    }

    /// One file.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn asset(&self, eyes: Eyes<'_>, id: AssetId) -> Result<Option<Asset>, Fault> {
        let row = sqlx::query(
            "SELECT facts, created_at FROM assets WHERE tenant_id = $1 AND id = $2
                 AND hidden_at IS NULL AND ($3::text IS NULL OR brought_by = $3)",
        )
        .bind(eyes.tenant.uuid())
        .bind(id.uuid())
        .bind(eyes.own)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(asset_of).transpose()
    }

    /// The newest files, or those before one of them.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn assets_listed(
        &self,
        eyes: Eyes<'_>,
        (before, kind): (Option<AssetId>, Option<&str>),
        limit: i64,
    ) -> Result<Vec<Asset>, Fault> {
        let rows = sqlx::query(
            "SELECT facts, created_at FROM assets WHERE tenant_id = $1
                 AND id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
                 AND hidden_at IS NULL AND ($3::text IS NULL OR brought_by = $3)
                 AND ($4::text IS NULL OR facts->>'kind' = $4)
             ORDER BY id DESC LIMIT $5",
        )
        .bind(eyes.tenant.uuid())
        .bind(before.map(AssetId::uuid))
        .bind(eyes.own)
        .bind(kind)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(asset_of).collect()
    }

    /// Has no post name a file any more, unless one that is to go out does already; whoever asked
    /// for it is in the audit.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is changed.
    pub async fn hide_asset(
        &self,
        eyes: Eyes<'_>,
        (id, actor): (AssetId, &str),
        arm: Arm,
    ) -> Result<Hidden, Fault> {
        let mut tx = self.pool.begin().await?;
        let found = sqlx::query(
            "SELECT facts FROM assets WHERE tenant_id = $1 AND id = $2 AND hidden_at IS NULL
                 AND ($3::text IS NULL OR brought_by = $3) FOR UPDATE",
        )
        .bind(eyes.tenant.uuid())
        .bind(id.uuid())
        .bind(eyes.own)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(found) = found else { return Ok(Hidden::Nowhere) };
        let facts: AssetFacts = convert::json(&found, "facts")?;
        let needing = sqlx::query(text(format!(
            "SELECT p.id FROM posts p WHERE p.id IN ({NAMING}) AND {PENDING} ORDER BY p.id LIMIT 1"
        )));
        let needing = needing.bind(eyes.tenant.uuid()).bind(id.to_string());
        if let Some(row) = needing.fetch_optional(&mut *tx).await? {
            return Ok(Hidden::Needed(convert::id(&row, "id")?));
        }
        sqlx::query("UPDATE assets SET hidden_at = clock_timestamp() WHERE id = $1")
            .bind(id.uuid())
            .execute(&mut *tx)
            .await?;
        let states =
            (&json!({ "sha256": facts.sha256, "sizeBytes": facts.size_bytes }), &json!({}));
        let (subject, reason) = (id.to_string(), "Taken away by its owner.");
        let note = Note {
            tenant: eyes.tenant,
            actor,
            action: "media.delete",
            subject: &subject,
            reason,
            states,
        };
        audits::write(&mut tx, note).await?;
        let jobs = jobs::arm(&mut tx, &[arm]).await?;
        tx.commit().await?;
        Ok(Hidden::Done(jobs))
    }

    /// Where a file stands; `None` when there is none.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn asset_standing(
        &self,
        tenant: TenantId,
        id: AssetId,
    ) -> Result<Option<Standing>, Fault> {
        let asked = sqlx::query(text(format!(
            "SELECT a.created_at, a.hidden_at, coalesce(u.is_needed, false) AS is_needed, u.used_at
             FROM assets a CROSS JOIN LATERAL (
                 SELECT bool_or({PENDING}) AS is_needed, max(greatest(p.updated_at, (
                     SELECT max(d.updated_at) FROM deliveries d WHERE d.post_id = p.id))) AS used_at
                 FROM posts p WHERE p.id IN ({NAMING})) u
             WHERE a.tenant_id = $1 AND a.id = $3"
        )));
        let row = asked
            .bind(tenant.uuid())
            .bind(id.to_string())
            .bind(id.uuid())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Standing {
            created_at: convert::time(&row, "created_at")?,
            hidden_at: convert::time_or_none(&row, "hidden_at")?,
            is_needed: row.try_get("is_needed")?,
            used_at: convert::time_or_none(&row, "used_at")?,
        }))
    }

    /// Has posts name a file no more, or again.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn veil_asset(&self, id: AssetId, is_hidden: bool) -> Result<(), Fault> {
        sqlx::query(
            "UPDATE assets SET hidden_at = CASE WHEN $2 THEN clock_timestamp() END WHERE id = $1",
        )
        .bind(id.uuid())
        .bind(is_hidden)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets a file, once its bytes are gone.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn forget_asset(&self, id: AssetId) -> Result<(), Fault> {
        sqlx::query("DELETE FROM assets WHERE id = $1 AND hidden_at IS NOT NULL")
            .bind(id.uuid())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// The facts of those of `ids` that exist.
pub(crate) async fn assets(
    db: &mut PgConnection,
    tenant: TenantId,
    ids: &[AssetId],
) -> Result<BTreeMap<AssetId, AssetFacts>, Fault> {
    facts(db, (tenant, ids), "").await
}

async fn facts(
    db: &mut PgConnection,
    (tenant, ids): (TenantId, &[AssetId]),
    which: &'static str,
) -> Result<BTreeMap<AssetId, AssetFacts>, Fault> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let asked = format!("SELECT facts FROM assets WHERE tenant_id = $1 AND id = ANY($2) {which}");
    let rows = sqlx::query(text(asked)).bind(tenant.uuid()).bind(ids).fetch_all(db).await?;
    let facts = rows.iter().map(|row| convert::json::<AssetFacts>(row, "facts"));
    facts.map(|facts| facts.map(|facts| (facts.id, facts))).collect()
}
