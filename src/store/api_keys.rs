//! Keys to the API: what each opens, never what it consists of.

use crate::audits::{self, Note};
use crate::tenants::Tenant;
use crate::{Store, convert};
use base::{Context, Fault};
use domain::access::{Access, Role, Scope};
use domain::id::{ApiKeyId, BrandId, TenantId};
use domain::time::Timestamp;
use serde_json::{Value, json};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// A use is written down this long after the last one that was, at the soonest.
const USED_EVERY: &str = "1 minute";
/// Who acts where no key does: whoever has the database.
pub const OPERATOR: &str = "operator";

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKey {
    /// Which one.
    pub id: ApiKeyId,
    /// What it is for, in a person's words.
    pub label: String,
    /// Its last characters.
    pub hint: String,
    /// What it may do.
    pub access: Access,
    /// Requests in a minute; `None` is what the configuration says, 0 no limit.
    pub requests_per_minute: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The key whose place it took.
    pub replaces: Option<ApiKeyId>,
    /// The present, by the database's clock.
    pub now: Timestamp,
}

/// A key that is to be let in.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// Which one.
    pub id: ApiKeyId,
    /// SHA-256 of it: 256 bits of chance need no slow hash.
    pub sha256: [u8; 32],
    /// What it is for.
    pub label: String,
    /// Its last characters.
    pub hint: String,
    /// What it may do.
    pub access: Access,
    /// Requests in a minute.
    pub requests_per_minute: Option<u32>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// A key that was shown, and whom it lets in.
#[derive(Clone)]
pub struct Shown {
    /// The tenant.
    pub tenant: Tenant,
    /// The key.
    pub key: ApiKey,
    /// Its use is to be written down.
    pub is_use_old: bool,
}

/// What came of replacing a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Replaced {
    /// The new key is let in; the old one serves until then.
    Until(Timestamp),
    /// There is no such key.
    Nowhere,
    /// It was revoked, or has ended.
    Ended,
    /// Another key has taken its place.
    By(ApiKeyId),
}

/// What came of revoking a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Revoked {
    /// It opens nothing any more.
    Done(Box<ApiKey>),
    /// There is no such key.
    Nowhere,
    /// Nobody could give out keys after it.
    LastOwner,
}

const COLUMNS: &str = "k.id AS key_id, k.label, k.hint, k.role, k.scopes, k.requests_per_minute,
    k.created_at, k.expires_at, k.last_used_at, k.revoked_at, k.replaces,
    clock_timestamp() AS now,
    ARRAY(SELECT b.brand_id FROM api_key_brands b WHERE b.key_id = k.id ORDER BY b.brand_id)
        AS brands,
    ARRAY(SELECT b.role FROM api_key_brands b WHERE b.key_id = k.id ORDER BY b.brand_id)
        AS brand_roles";

impl Store {
    /// The keys of these SHA-256, be they live or not, each with its tenant, in the order asked.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn api_keys_shown(&self, asked: Vec<[u8; 32]>) -> Result<Vec<Option<Shown>>, Fault> {
        let mut digests: Vec<&[u8]> = asked.iter().map(<[u8; 32]>::as_slice).collect();
        digests.sort_unstable();
        digests.dedup();
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT t.id, t.profile, t.test_of IS NOT NULL AS is_test, k.sha256, {COLUMNS},
                 coalesce(k.last_used_at < clock_timestamp() - $2::text::interval, true)
                     AS is_use_old
             FROM api_keys k JOIN tenants t ON t.id = k.tenant_id WHERE k.sha256 = ANY($1)"
        )))
        .bind(digests)
        .bind(USED_EVERY)
        .fetch_all(&self.pool)
        .await?;
        let mut found: HashMap<Vec<u8>, Shown> = HashMap::with_capacity(rows.len());
        for row in &rows {
            let shown = Shown {
                tenant: Self::tenant_of(row)?,
                key: key_of(row)?,
                is_use_old: row.try_get("is_use_old")?,
            };
            found.insert(row.try_get("sha256")?, shown);
        }
        Ok(asked.iter().map(|sha256| found.get(sha256.as_slice()).cloned()).collect())
    }

    /// Writes down that a key is used, once a minute, whoever asks.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn api_key_used(&self, id: ApiKeyId) -> Result<(), Fault> {
        // Many come at once when the minute is over; one writes, and nobody waits for it.
        sqlx::query(
            "UPDATE api_keys SET last_used_at = clock_timestamp() WHERE sha256 IN (
                 SELECT sha256 FROM api_keys WHERE id = $1 AND
                     coalesce(last_used_at < clock_timestamp() - $2::text::interval, true)
                 FOR NO KEY UPDATE SKIP LOCKED)",
        )
        .bind(id.uuid())
        .bind(USED_EVERY)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The keys of a tenant, newest first; of those that have ended the newest hundred.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn api_keys(&self, tenant: TenantId) -> Result<Vec<ApiKey>, Fault> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM api_keys k WHERE k.tenant_id = $1
             ORDER BY (k.revoked_at IS NULL) DESC, k.created_at DESC, k.id LIMIT 1000"
        )))
        .bind(tenant.uuid())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(key_of).collect()
    }

    /// Lets a key in. Nothing happens when it is in already.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn add_api_key(
        &self,
        tenant: TenantId,
        new: &NewApiKey,
        actor: &str,
    ) -> Result<(), Fault> {
        let mut tx = self.pool.begin().await?;
        if insert(&mut tx, tenant, new, None).await? {
            let after = told(&new.access, new.expires_at);
            note(&mut tx, (tenant, actor), ("key.create", new.id), (&Value::Null, &after)).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Lets a key in that may do what another may, which serves on for a while.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn replace_api_key(
        &self,
        tenant: TenantId,
        id: ApiKeyId,
        (new, actor): (&NewApiKey, &str),
        grace: Duration,
    ) -> Result<Replaced, Fault> {
        let mut tx = self.pool.begin().await?;
        let Some(old) = lock(&mut tx, tenant, id).await? else { return Ok(Replaced::Nowhere) };
        if old.has_ended() {
            return Ok(Replaced::Ended);
        }
        let row = sqlx::query("SELECT id FROM api_keys WHERE replaces = $1 AND revoked_at IS NULL")
            .bind(id.uuid())
            .fetch_optional(&mut *tx)
            .await?;
        if let Some(row) = row {
            return Ok(Replaced::By(convert::id(&row, "id")?));
        }
        let until = old.expires_at.map_or(old.now + grace, |end| end.min(old.now + grace));
        sqlx::query("UPDATE api_keys SET expires_at = $2 WHERE id = $1")
            .bind(id.uuid())
            .bind(convert::at(until))
            .execute(&mut *tx)
            .await?;
        let new = NewApiKey {
            label: old.label.clone(),
            access: old.access.clone(),
            requests_per_minute: old.requests_per_minute,
            ..new.clone()
        };
        insert(&mut tx, tenant, &new, Some(id)).await?;
        let before = told(&old.access, old.expires_at);
        let after = json!({ "replacedBy": new.id, "expiresAt": until });
        note(&mut tx, (tenant, actor), ("key.rotate", id), (&before, &after)).await?;
        tx.commit().await?;
        Ok(Replaced::Until(until))
    }

    /// Takes a key away, at once. The last that can give out keys stays, save in test mode, where
    /// the owners of the tenant give out others.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn revoke_api_key(
        &self,
        tenant: TenantId,
        id: ApiKeyId,
        actor: &str,
    ) -> Result<Revoked, Fault> {
        let mut tx = self.pool.begin().await?;
        // Two owners who revoke each other at once come one after the other.
        sqlx::query("SELECT 1 FROM tenants WHERE id = $1 FOR NO KEY UPDATE")
            .bind(tenant.uuid())
            .execute(&mut *tx)
            .await?;
        let Some(key) = lock(&mut tx, tenant, id).await? else { return Ok(Revoked::Nowhere) };
        if key.revoked_at.is_some() {
            return Ok(Revoked::Done(Box::new(key)));
        }
        let other = sqlx::query(
            "SELECT 1 FROM api_keys WHERE tenant_id = $1 AND id <> $2 AND role = 'owner'
                 AND (scopes IS NULL OR 'keys:write' = ANY(scopes)) AND revoked_at IS NULL
                 AND expires_at IS NULL
             UNION SELECT 1 FROM tenants WHERE id = $1 AND test_of IS NOT NULL LIMIT 1",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_optional(&mut *tx)
        .await?;
        let gives = key.access.check(Scope::KeysWrite).is_ok() && key.expires_at.is_none();
        if gives && other.is_none() {
            return Ok(Revoked::LastOwner);
        }
        let row = sqlx::query(
            "UPDATE api_keys SET revoked_at = clock_timestamp() WHERE id = $1 RETURNING revoked_at",
        )
        .bind(id.uuid())
        .fetch_one(&mut *tx)
        .await?;
        let revoked_at = convert::time_or_none(&row, "revoked_at")?;
        let before = told(&key.access, key.expires_at);
        let after = json!({ "revokedAt": revoked_at });
        note(&mut tx, (tenant, actor), ("key.revoke", id), (&before, &after)).await?;
        tx.commit().await?;
        Ok(Revoked::Done(Box::new(ApiKey { revoked_at, ..key })))
    }
}

impl ApiKey {
    /// It opens nothing any more.
    pub fn has_ended(&self) -> bool {
        self.revoked_at.is_some() || self.expires_at.is_some_and(|end| end <= self.now)
    }
}

fn key_of(row: &PgRow) -> Result<ApiKey, Fault> {
    let role: Option<String> = row.try_get("role")?;
    let scopes: Option<Vec<String>> = row.try_get("scopes")?;
    let (brands, roles): (Vec<Uuid>, Vec<String>) =
        (row.try_get("brands")?, row.try_get("brand_roles")?);
    let role_of = |word: &str| Role::parse(word).context("a key's role is no role");
    let brands = brands.into_iter().zip(&roles);
    let brands = brands.map(|(brand, role)| Ok((BrandId::new(brand), role_of(role)?)));
    // A scope of a later version is none that this one could check.
    let scopes = scopes.map(|words| words.iter().filter_map(|word| Scope::parse(word)).collect());
    let number: Option<i32> = row.try_get("requests_per_minute")?;
    Ok(ApiKey {
        id: convert::id(row, "key_id")?,
        label: row.try_get("label")?,
        hint: row.try_get("hint")?,
        access: Access {
            role: role.as_deref().map(role_of).transpose()?,
            brands: brands.collect::<Result<_, Fault>>()?,
            scopes,
        },
        requests_per_minute: number.and_then(|number| u32::try_from(number).ok()),
        created_at: convert::time(row, "created_at")?,
        expires_at: convert::time_or_none(row, "expires_at")?,
        last_used_at: convert::time_or_none(row, "last_used_at")?,
        revoked_at: convert::time_or_none(row, "revoked_at")?,
        replaces: convert::id_or_none(row, "replaces")?,
        now: convert::time(row, "now")?,
    })
}

async fn lock(
    db: &mut PgConnection,
    tenant: TenantId,
    id: ApiKeyId,
) -> Result<Option<ApiKey>, Fault> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM api_keys k WHERE k.tenant_id = $1 AND k.id = $2 FOR UPDATE OF k"
    )))
    .bind(tenant.uuid())
    .bind(id.uuid())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(key_of).transpose()
}

/// `false` when it is in already.
async fn insert(
    db: &mut PgConnection,
    tenant: TenantId,
    new: &NewApiKey,
    replaces: Option<ApiKeyId>,
) -> Result<bool, Fault> {
    let NewApiKey { access, .. } = new;
    let words = |scopes: &Vec<Scope>| scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>();
    let made = sqlx::query(
        "INSERT INTO api_keys (sha256, tenant_id, label, id, role, scopes, hint, expires_at,
             requests_per_minute, replaces)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (sha256) DO NOTHING",
    )
    .bind(new.sha256.as_slice())
    .bind(tenant.uuid())
    .bind(&new.label)
    .bind(new.id.uuid())
    .bind(access.role.map(Role::as_str))
    .bind(access.scopes.as_ref().map(words))
    .bind(&new.hint)
    .bind(new.expires_at.map(convert::at))
    .bind(new.requests_per_minute.map(|number| i32::try_from(number).unwrap_or(i32::MAX)))
    .bind(replaces.map(|id| id.uuid()))
    .execute(&mut *db)
    .await?;
    if made.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO api_key_brands (key_id, brand_id, role)
         SELECT $1, brand, role FROM UNNEST($2::uuid[], $3::text[]) AS t (brand, role)",
    )
    .bind(new.id.uuid())
    .bind(access.brands.iter().map(|(brand, _)| brand.uuid()).collect::<Vec<_>>())
    .bind(access.brands.iter().map(|(_, role)| role.as_str()).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(true)
}

/// What the audit keeps of a key.
fn told(access: &Access, expires_at: Option<Timestamp>) -> Value {
    let words = |scopes: &Vec<Scope>| scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>();
    let brands = access.brands.iter().map(|(brand, role)| (brand.to_string(), role.as_str()));
    json!({
        "role": access.role.map(Role::as_str),
        "brands": brands.collect::<std::collections::BTreeMap<_, _>>(),
        "scopes": access.scopes.as_ref().map(words),
        "expiresAt": expires_at,
    })
}

async fn note(
    db: &mut PgConnection,
    (tenant, actor): (TenantId, &str),
    (action, id): (&str, ApiKeyId),
    states: (&Value, &Value),
) -> Result<(), Fault> {
    let subject = id.to_string();
    let reason = if actor == OPERATOR { "by command" } else { "through the API" };
    audits::write(db, Note { tenant, actor, action, subject: &subject, reason, states }).await
}
