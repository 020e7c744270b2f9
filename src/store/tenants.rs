//! Tenants, their keys and their brands.

use crate::data_keys::{self, NewDataKey};
use crate::deeds::{self, Deed};
use crate::{Store, convert};
use base::Fault;
use domain::capability::Profile;
use domain::id::{BrandId, TenantId};
use domain::local::TimeZone;
use serde_json::json;
use sqlx::{PgConnection, Row};

/// A tenant.
#[derive(Clone)]
pub struct Tenant {
    /// Which one.
    pub id: TenantId,
    /// The table of capabilities it is served by.
    pub profile: Profile,
    /// It is the world of tests beside another one.
    pub is_test: bool,
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

/// A tenant by its id.
const ONE: &str = "SELECT id, profile, test_of IS NOT NULL AS is_test FROM tenants WHERE id = $1";

pub(crate) fn profile(word: &str) -> Option<Profile> {
    match word {
        "spec" => Some(Profile::Spec),
        "extended" => Some(Profile::Extended),
        _ => None,
    }
}

/// A tenant by its id.
pub(crate) async fn tenant(db: &mut PgConnection, id: TenantId) -> Result<Tenant, Fault> {
    let asked = sqlx::query(ONE).bind(id.uuid());
    Store::tenant_of(&asked.fetch_one(db).await?)
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
        let row = sqlx::query(
            "SELECT id, profile, test_of IS NOT NULL AS is_test FROM tenants WHERE name = $1",
        )
        .bind(name)
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Self::tenant_of(&row)
    }

    /// Creates the world of tests beside a tenant, with its first data key, or returns the one that
    /// is there.
    ///
    /// # Errors
    /// When Postgres fails, or the tenant is a world of tests itself.
    pub async fn ensure_test_tenant(
        &self,
        of: TenantId,
        key: NewDataKey<'_>,
    ) -> Result<TenantId, Fault> {
        let mut tx = self.pool.begin().await?;
        // No inbox and no operator's word has a name like it.
        let made = sqlx::query(
            "INSERT INTO tenants (id, name, profile, test_of)
             SELECT $1, name || ' ~test', profile, id FROM tenants
             WHERE id = $2 AND test_of IS NULL AND erasing_at IS NULL ON CONFLICT DO NOTHING",
        )
        .bind(key.tenant.uuid())
        .bind(of.uuid())
        .execute(&mut *tx)
        .await?;
        if made.rows_affected() == 1 {
            data_keys::insert(&mut tx, key).await?;
        }
        let row = sqlx::query("SELECT id FROM tenants WHERE test_of = $1").bind(of.uuid());
        let row = row.fetch_one(&mut *tx).await?;
        tx.commit().await?;
        convert::id(&row, "id")
    }

    /// The world of tests beside a tenant, where there is one.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn test_tenant(&self, of: TenantId) -> Result<Option<TenantId>, Fault> {
        let row = sqlx::query("SELECT id FROM tenants WHERE test_of = $1").bind(of.uuid());
        let row = row.fetch_optional(&self.pool).await?;
        row.as_ref().map(|row| convert::id(row, "id")).transpose()
    }

    /// A tenant by its id.
    ///
    /// # Errors
    /// When Postgres fails or there is none.
    pub async fn tenant(&self, id: TenantId) -> Result<Tenant, Fault> {
        tenant(&mut *self.pool.acquire().await?, id).await
    }

    pub(crate) fn tenant_of(row: &sqlx::postgres::PgRow) -> Result<Tenant, Fault> {
        Ok(Tenant {
            id: convert::id(row, "id")?,
            profile: convert::word(row, "profile", profile)?,
            is_test: row.try_get("is_test")?,
        })
    }

    /// Creates a brand, or renames the one with this slug. Without a zone it keeps the one it has,
    /// UTC at first. Another zone moves all that its people plan, so whoever sets it is written
    /// down. `None` while the one of this slug is being erased.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn ensure_brand(
        &self,
        tenant: TenantId,
        id: BrandId,
        (slug, name): (&str, &str),
        (zone, actor): (Option<&TimeZone>, &str),
    ) -> Result<Option<Brand>, Fault> {
        let mut tx = self.pool.begin().await?;
        let old = sqlx::query(
            "SELECT id, slug, name, time_zone FROM brands WHERE tenant_id = $1 AND slug = $2
             FOR NO KEY UPDATE",
        );
        let old = old.bind(tenant.uuid()).bind(slug).fetch_optional(&mut *tx).await?;
        let old = old.as_ref().map(brand_of).transpose()?;
        let row = sqlx::query(
            "INSERT INTO brands AS b (id, tenant_id, slug, name, time_zone)
             VALUES ($1, $2, $3, $4, coalesce($5, 'UTC'))
             ON CONFLICT (tenant_id, slug) DO UPDATE
             SET name = EXCLUDED.name, time_zone = coalesce($5, b.time_zone)
             WHERE b.erasing_at IS NULL
             RETURNING id, slug, name, time_zone",
        )
        .bind(id.uuid())
        .bind(tenant.uuid())
        .bind(slug)
        .bind(name)
        .bind(zone.map(TimeZone::name))
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let brand = brand_of(&row)?;
        if let Some(old) = old.filter(|old| old.time_zone != brand.time_zone) {
            let deed = Deed {
                actor,
                action: "brand.time_zone",
                subject: &brand.id.to_string(),
                reason: "through the API",
                before: &json!({ "timeZone": old.time_zone.name() }),
                after: &json!({ "timeZone": brand.time_zone.name() }),
            };
            deeds::note(&mut tx, tenant, deed).await?;
        }
        tx.commit().await?;
        Ok(Some(brand))
    }

    /// A brand by its slug.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn brand(&self, tenant: TenantId, slug: &str) -> Result<Option<Brand>, Fault> {
        let row = sqlx::query(
            "SELECT id, slug, name, time_zone FROM brands
             WHERE tenant_id = $1 AND slug = $2 AND erasing_at IS NULL",
        )
        .bind(tenant.uuid())
        .bind(slug)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(brand_of).transpose()
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
        brand_of(&row)
    }

    /// The brands of a tenant, by slug.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn brands(&self, tenant: TenantId) -> Result<Vec<Brand>, Fault> {
        let rows = sqlx::query(
            "SELECT id, slug, name, time_zone FROM brands
             WHERE tenant_id = $1 AND erasing_at IS NULL ORDER BY slug LIMIT 1000",
        )
        .bind(tenant.uuid())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(brand_of).collect()
    }
}

pub(crate) fn brand_of(row: &sqlx::postgres::PgRow) -> Result<Brand, Fault> {
    Ok(Brand {
        id: convert::id(row, "id")?,
        slug: row.try_get("slug")?,
        name: row.try_get("name")?,
        time_zone: convert::word(row, "time_zone", TimeZone::named)?,
    })
}
