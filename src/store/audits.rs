//! The audit: who did what, in one list that nobody changes.

use crate::{Store, convert};
use base::Fault;
use domain::id::{BrandId, Kind, TenantId, kind};
use domain::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// A row to be written.
#[derive(Debug, Clone, Copy)]
pub struct Note<'a> {
    /// In whose audit.
    pub tenant: TenantId,
    /// Who acted.
    pub actor: &'a str,
    /// What was done, as `key.create`.
    pub action: &'a str,
    /// To what: an identifier with its prefix.
    pub subject: &'a str,
    /// Why.
    pub reason: &'a str,
    /// What was there before, and what is there now.
    pub states: (&'a Value, &'a Value),
}

/// A row as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place in the list.
    pub no: i64,
    /// Who acted.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// What was there before.
    pub before: Value,
    /// What was there afterwards.
    pub after: Value,
    /// When.
    pub at: Timestamp,
}

/// A kind of thing that an identifier in a request may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A post.
    Post,
    /// A delivery.
    Delivery,
    /// An account.
    Account,
    /// A file.
    Asset,
    /// A key.
    ApiKey,
    /// An endpoint of an upstream app.
    Webhook,
    /// An erasure.
    Erasure,
}

impl Thing {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Post,
        Self::Delivery,
        Self::Account,
        Self::Asset,
        Self::ApiKey,
        Self::Webhook,
        Self::Erasure,
    ];

    /// What its identifiers begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Post => kind::Post::PREFIX,
            Self::Delivery => kind::Delivery::PREFIX,
            Self::Account => kind::Account::PREFIX,
            Self::Asset => kind::Asset::PREFIX,
            Self::ApiKey => kind::ApiKey::PREFIX,
            Self::Webhook => kind::Webhook::PREFIX,
            Self::Erasure => kind::Erasure::PREFIX,
        }
    }
}

impl Store {
    /// Writes a row by itself, where nothing else is written.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn note(&self, note: Note<'_>) -> Result<(), Fault> {
        let mut db = self.pool.acquire().await?;
        write(&mut db, note).await
    }

    /// The rows of a tenant, newest first, those before `before`.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn audit(
        &self,
        tenant: TenantId,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Entry>, Fault> {
        let rows = sqlx::query(
            "SELECT id, actor, action, subject, reason, before, after, at FROM audit
             WHERE tenant_id = $1 AND id < coalesce($2, 9223372036854775807)
             ORDER BY id DESC LIMIT $3",
        )
        .bind(tenant.uuid())
        .bind(before)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        let entry = |row: &sqlx::postgres::PgRow| {
            Ok(Entry {
                no: row.try_get("id")?,
                actor: row.try_get("actor")?,
                action: row.try_get("action")?,
                subject: row.try_get("subject")?,
                reason: row.try_get("reason")?,
                before: convert::json(row, "before")?,
                after: convert::json(row, "after")?,
                at: convert::time(row, "at")?,
            })
        };
        rows.iter().map(entry).collect()
    }

    /// The brand of a post, a delivery, an account or an erasure of a tenant; nothing else has
    /// one.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn brand_of_thing(
        &self,
        tenant: TenantId,
        thing: Thing,
        id: Uuid,
    ) -> Result<Option<BrandId>, Fault> {
        let asked = match thing {
            Thing::Post => "SELECT brand_id FROM posts WHERE tenant_id = $1 AND id = $2",
            Thing::Delivery => {
                "SELECT p.brand_id FROM deliveries d JOIN posts p ON p.id = d.post_id
                 WHERE d.tenant_id = $1 AND d.id = $2"
            }
            Thing::Account => "SELECT brand_id FROM accounts WHERE tenant_id = $1 AND id = $2",
            Thing::Erasure => "SELECT brand_id FROM erasures WHERE tenant_id = $1 AND id = $2",
            Thing::Asset | Thing::ApiKey | Thing::Webhook => return Ok(None),
        };
        let row =
            sqlx::query(asked).bind(tenant.uuid()).bind(id).fetch_optional(&self.pool).await?;
        Ok(row.as_ref().map(|row| convert::id_or_none(row, "brand_id")).transpose()?.flatten())
    }

    /// Whose these things are, of those that are there at all.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn owners(&self, thing: Thing, ids: &[Uuid]) -> Result<Vec<(Uuid, TenantId)>, Fault> {
        let asked = match thing {
            Thing::Post => "SELECT id, tenant_id FROM posts WHERE id = ANY($1)",
            Thing::Delivery => "SELECT id, tenant_id FROM deliveries WHERE id = ANY($1)",
            Thing::Account => "SELECT id, tenant_id FROM accounts WHERE id = ANY($1)",
            Thing::Asset => {
                "SELECT id, tenant_id FROM assets WHERE id = ANY($1)
                 UNION SELECT id, tenant_id FROM uploads WHERE id = ANY($1)"
            }
            Thing::ApiKey => "SELECT id, tenant_id FROM api_keys WHERE id = ANY($1)",
            Thing::Webhook => "SELECT id, tenant_id FROM webhooks WHERE id = ANY($1)",
            Thing::Erasure => "SELECT id, tenant_id FROM erasures WHERE id = ANY($1)",
        };
        let rows = sqlx::query(asked).bind(ids).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("id")?, convert::id(row, "tenant_id")?))).collect()
    }
}

/// Writes a row beside what it tells of.
pub(crate) async fn write(db: &mut PgConnection, note: Note<'_>) -> Result<(), Fault> {
    let (before, after) = note.states;
    sqlx::query(
        "INSERT INTO audit (tenant_id, actor, action, subject, reason, before, after)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(note.tenant.uuid())
    .bind(note.actor)
    .bind(note.action)
    .bind(note.subject)
    .bind(note.reason)
    .bind(Json(before))
    .bind(Json(after))
    .execute(db)
    .await?;
    Ok(())
}
