//! Tenants, their keys and their brands.

use crate::data_keys::{self, NewDataKey};
use crate::{Store, convert};
use base::Fault;
use domain::capability::Profile;
use domain::id::{BrandId, TenantId};
use domain::local::TimeZone;
use sqlx::Row;

/// A tenant.
#[derive(Clone)]
pub struct Tenant {
    /// Which one.
    pub id: TenantId,
    /// The table of capabilities it is served by.
    pub profile: Profile,
}

/// A brand of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    /// Which one.
    pub id: BrandId,
    /// Its name in URLs and posts.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// The zone by whose clocks it lives.
    pub time_zone: TimeZone,
}

fn profile(word: &str) -> Option<Profile> {
    match word {
        "spec" => Some(Profile::Spec),
        "extended" => Some(Profile::Extended),
        _ => None,
    }
}

impl Store {
    /// Creates a tenant with its first data key, or returns the one that has this name.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn ensure_tenant(&self, name: &str, key: NewDataKey<'_>) -> Result<Tenant, Fault> {
        let mut tx = self.pool.begin().await?;
        let made = sqlx::query(
            "INSERT INTO tenants (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        )
        .bind(key.tenant.uuid())
        .bind(name)
        .execute(&mut *tx)
        .await?;
        if made.rows_affected() == 1 {
            data_keys::insert(&mut tx, key).await?;
        }
        let row = sqlx::query("SELECT id, profile FROM tenants WHERE name = $1")
            .bind(name)
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Self::tenant_of(&row)
    }

    /// A tenant by its id.
    ///
    /// # Errors
    /// When Postgres fails or there is none.
    pub async fn tenant(&self, id: TenantId) -> Result<Tenant, Fault> {
        let row = sqlx::query("SELECT id, profile FROM tenants WHERE id = $1")
            .bind(id.uuid())
            .fetch_one(&self.pool)
            .await?;
        Self::tenant_of(&row)
    }

    fn tenant_of(row: &sqlx::postgres::PgRow) -> Result<Tenant, Fault> {
        Ok(Tenant { id: convert::id(row, "id")?, profile: convert::word(row, "profile", profile)? })
    }

    /// Lets a key in: its SHA-256 is stored.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn add_api_key(
        &self,
        tenant: TenantId,
        sha256: &[u8],
        label: &str,
    ) -> Result<(), Fault> {
        sqlx::query(
            "INSERT INTO api_keys (sha256, tenant_id, label) VALUES ($1, $2, $3)
             ON CONFLICT (sha256) DO NOTHING",
        )
        .bind(sha256)
        .bind(tenant.uuid())
        .bind(label)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The tenant that a key belongs to.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn tenant_of_key(&self, sha256: &[u8]) -> Result<Option<Tenant>, Fault> {
        let row = sqlx::query(
            "SELECT t.id, t.profile FROM api_keys k
             JOIN tenants t ON t.id = k.tenant_id
             WHERE k.sha256 = $1 AND k.revoked_at IS NULL",
        )
        .bind(sha256)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(Self::tenant_of).transpose()
    }

    /// Creates a brand, or renames the one with this slug. Without a zone it keeps the one it has,
    /// UTC at first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn ensure_brand(
        &self,
        tenant: TenantId,
        id: BrandId,
        (slug, name): (&str, &str),
        zone: Option<&TimeZone>,
    ) -> Result<Brand, Fault> {
        let row = sqlx::query(
            "INSERT INTO brands AS b (id, tenant_id, slug, name, time_zone)
             VALUES ($1, $2, $3, $4, coalesce($5, 'UTC'))
             ON CONFLICT (tenant_id, slug) DO UPDATE
             SET name = EXCLUDED.name, time_zone = coalesce($5, b.time_zone)
             RETURNING id, slug, name, time_zone",
        )
        .bind(id.uuid())
        .bind(tenant.uuid())
        .bind(slug)
        .bind(name)
        .bind(zone.map(TimeZone::name))
        .fetch_one(&self.pool)
        .await?;
        Self::brand_of(&row)
    }

    /// A brand by its slug.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn brand(&self, tenant: TenantId, slug: &str) -> Result<Option<Brand>, Fault> {
        let row = sqlx::query(
            "SELECT id, slug, name, time_zone FROM brands WHERE tenant_id = $1 AND slug = $2",
        )
        .bind(tenant.uuid())
        .bind(slug)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(Self::brand_of).transpose()
    }

    /// A brand by its id, which was read under its tenant.
    ///
    /// # Errors
    /// When Postgres fails or there is none.
    pub async fn brand_named(&self, tenant: TenantId, id: BrandId) -> Result<Brand, Fault> {
        let row = sqlx::query(
            "SELECT id, slug, name, time_zone FROM brands WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_one(&self.pool)
        .await?;
        Self::brand_of(&row)
    }

    /// The brands of a tenant, by slug.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn brands(&self, tenant: TenantId) -> Result<Vec<Brand>, Fault> {
        let rows = sqlx::query(
            "SELECT id, slug, name, time_zone FROM brands WHERE tenant_id = $1
             ORDER BY slug LIMIT 1000",
        )
        .bind(tenant.uuid())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(Self::brand_of).collect()
    }

    pub(crate) fn brand_of(row: &sqlx::postgres::PgRow) -> Result<Brand, Fault> {
        Ok(Brand {
            id: convert::id(row, "id")?,
            slug: row.try_get("slug")?,
            name: row.try_get("name")?,
            time_zone: convert::word(row, "time_zone", TimeZone::named)?,
        })
    }
}
