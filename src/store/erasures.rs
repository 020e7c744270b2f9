//! Erasures as they are asked for: from then on nobody finds what is to go, and a job owes its end.

use crate::audits::{self, Note};
use crate::jobs::{self, Arm, Job, JobKind};
use crate::{Store, convert};
use base::Fault;
use domain::id::{BrandId, ErasureId, TenantId};
use domain::time::Timestamp;
use serde_json::{Value, json};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

/// Erasures of one list at most, the newest first.
const SHOWN_MAX: i64 = 100;

/// An erasure, and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Erasure {
    /// Which one.
    pub id: ErasureId,
    /// Of whom.
    pub tenant: TenantId,
    /// Which brand; the tenant with all it has without one.
    pub brand: Option<BrandId>,
    /// Who asked for it.
    pub actor: String,
    /// It is done.
    pub ended_at: Option<Timestamp>,
    /// What it waits for, in a sentence.
    pub waits_for: Option<String>,
    /// Posts erased so far.
    pub posts: i64,
    /// Accounts erased so far.
    pub accounts: i64,
    /// Files erased so far.
    pub files: i64,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// The present, by the database's clock.
    pub now: Timestamp,
}

/// What is to be erased, and by whose word.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The erasure, if it is the first to be asked for.
    pub id: ErasureId,
    /// Of whom.
    pub tenant: TenantId,
    /// By whose word.
    pub actor: &'a str,
}

/// What was erased in a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gone {
    /// Posts.
    pub posts: u64,
    /// Accounts.
    pub accounts: u64,
    /// Files.
    pub files: u64,
}

const COLUMNS: &str = "e.id, e.tenant_id, e.brand_id, e.actor, e.ended_at, e.waits_for, e.posts,
    e.accounts, e.files, e.requested_at, clock_timestamp() AS now";

impl Store {
    /// Begins the erasure of a brand, or finds the one that is under way. `None` when there is no
    /// such brand.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn erase_brand(
        &self,
        wanted: Wanted<'_>,
        slug: &str,
        owed: Arm,
    ) -> Result<Option<(Erasure, Vec<Job>)>, Fault> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query(
            "UPDATE brands SET erasing_at = coalesce(erasing_at, clock_timestamp())
             WHERE tenant_id = $1 AND slug = $2 RETURNING id",
        )
        .bind(wanted.tenant.uuid())
        .bind(slug)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let begun = begin(&mut tx, wanted, Some(convert::id(&row, "id")?), owed).await?;
        tx.commit().await?;
        Ok(Some(begun))
    }

    /// Begins the erasure of a tenant with all it has, or finds the one that is under way. Its keys
    /// open nothing any more.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn erase_tenant(
        &self,
        wanted: Wanted<'_>,
        owed: Arm,
    ) -> Result<(Erasure, Vec<Job>), Fault> {
        let mut tx = self.pool.begin().await?;
        sqlx::query(
            "WITH t AS (UPDATE tenants SET erasing_at = coalesce(erasing_at, clock_timestamp())
                 WHERE id = $1),
             b AS (UPDATE brands SET erasing_at = coalesce(erasing_at, clock_timestamp())
                 WHERE tenant_id = $1)
             UPDATE api_keys SET revoked_at = clock_timestamp()
             WHERE tenant_id = $1 AND revoked_at IS NULL",
        )
        .bind(wanted.tenant.uuid())
        .execute(&mut *tx)
        .await?;
        let begun = begin(&mut tx, wanted, None, owed).await?;
        tx.commit().await?;
        Ok(begun)
    }

    /// The tenant of this name.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn tenant_named(&self, name: &str) -> Result<Option<TenantId>, Fault> {
        let row = sqlx::query("SELECT id FROM tenants WHERE name = $1").bind(name);
        let row = row.fetch_optional(&self.pool).await?;
        row.as_ref().map(|row| convert::id(row, "id")).transpose()
    }

    /// The name of a tenant.
    ///
    /// # Errors
    /// When Postgres fails or there is none.
    pub async fn tenant_name(&self, id: TenantId) -> Result<String, Fault> {
        let row = sqlx::query("SELECT name FROM tenants WHERE id = $1").bind(id.uuid());
        Ok(row.fetch_one(&self.pool).await?.try_get("name")?)
    }

    /// An erasure by its id, whosever it is.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn erasure(&self, id: ErasureId) -> Result<Option<Erasure>, Fault> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM erasures e WHERE e.id = $1"
        )));
        let row = row.bind(id.uuid()).fetch_optional(&self.pool).await?;
        row.as_ref().map(erasure_of).transpose()
    }

    /// The erasures of a tenant, the newest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn erasures(&self, tenant: TenantId) -> Result<Vec<Erasure>, Fault> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM erasures e WHERE e.tenant_id = $1 ORDER BY e.id DESC LIMIT $2"
        )));
        let rows = rows.bind(tenant.uuid()).bind(SHOWN_MAX).fetch_all(&self.pool).await?;
        rows.iter().map(erasure_of).collect()
    }

    /// The erasure that a job of this generation owes, unless it is done.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn erasure_owed(
        &self,
        id: ErasureId,
        generation: i64,
    ) -> Result<Option<Erasure>, Fault> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM erasures e JOIN jobs j ON j.subject = e.id AND j.kind = $3
             WHERE e.id = $1 AND j.generation = $2 AND e.status = 'running'"
        )))
        .bind(id.uuid())
        .bind(generation)
        .bind(JobKind::Erase.as_str())
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(erasure_of).transpose()
    }

    /// Writes down how far an erasure is, and what it waits for.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn note_erased(
        &self,
        id: ErasureId,
        gone: Gone,
        waits_for: Option<&str>,
    ) -> Result<(), Fault> {
        let mut db = self.pool.acquire().await?;
        note_gone(&mut db, id, gone, waits_for).await
    }
}

async fn begin(
    tx: &mut PgConnection,
    wanted: Wanted<'_>,
    brand: Option<BrandId>,
    owed: Arm,
) -> Result<(Erasure, Vec<Job>), Fault> {
    let made = sqlx::query(
        "INSERT INTO erasures (id, tenant_id, brand_id, actor) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(wanted.id.uuid())
    .bind(wanted.tenant.uuid())
    .bind(brand.map(|brand| brand.uuid()))
    .bind(wanted.actor)
    .execute(&mut *tx)
    .await?;
    let mut jobs = Vec::new();
    if made.rows_affected() == 1 {
        jobs = jobs::arm(tx, &[owed]).await?;
        audit(tx, wanted.tenant, brand, (wanted.actor, "erase"), &Value::Null).await?;
    }
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM erasures e WHERE e.tenant_id = $1
             AND coalesce(e.brand_id, e.tenant_id) = coalesce($2, $1)"
    )))
    .bind(wanted.tenant.uuid())
    .bind(brand.map(|brand| brand.uuid()))
    .fetch_one(tx)
    .await?;
    Ok((erasure_of(&row)?, jobs))
}

/// What the audit keeps of it: that it was asked for or done, by whom, and how much it was.
pub(crate) async fn audit(
    db: &mut PgConnection,
    tenant: TenantId,
    brand: Option<BrandId>,
    (actor, deed): (&str, &str),
    after: &Value,
) -> Result<(), Fault> {
    let (subject, family) = match brand {
        Some(brand) => (brand.to_string(), "brand"),
        None => (tenant.to_string(), "tenant"),
    };
    let reason = if brand.is_some() { "through the API" } else { "by command" };
    let (action, states) = (format!("{family}.{deed}"), (&Value::Null, after));
    let (action, subject) = (action.as_str(), subject.as_str());
    audits::write(db, Note { tenant, actor, action, subject, reason, states }).await
}

pub(crate) async fn note_gone(
    db: &mut PgConnection,
    id: ErasureId,
    gone: Gone,
    waits_for: Option<&str>,
) -> Result<(), Fault> {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query(
        "UPDATE erasures SET posts = posts + $2, accounts = accounts + $3, files = files + $4,
             waits_for = $5 WHERE id = $1",
    )
    .bind(id.uuid())
    .bind(number(gone.posts))
    .bind(number(gone.accounts))
    .bind(number(gone.files))
    .bind(waits_for)
    .execute(db)
    .await?;
    Ok(())
}

/// Ends an erasure: the audit says how much it was, and its job goes.
pub(crate) async fn end(tx: &mut PgConnection, erasure: &Erasure) -> Result<(), Fault> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "UPDATE erasures e SET status = 'done', ended_at = clock_timestamp(), waits_for = NULL
         WHERE e.id = $1 RETURNING {COLUMNS}"
    )));
    let ended = erasure_of(&row.bind(erasure.id.uuid()).fetch_one(&mut *tx).await?)?;
    let after = json!({
        "posts": ended.posts, "accounts": ended.accounts, "files": ended.files,
    });
    audit(tx, ended.tenant, ended.brand, (&ended.actor, "erased"), &after).await?;
    jobs::disarm(tx, JobKind::Erase, &[ended.id.uuid()]).await
}

fn erasure_of(row: &PgRow) -> Result<Erasure, Fault> {
    Ok(Erasure {
        id: convert::id(row, "id")?,
        tenant: convert::id(row, "tenant_id")?,
        brand: convert::id_or_none(row, "brand_id")?,
        actor: row.try_get("actor")?,
        ended_at: convert::time_or_none(row, "ended_at")?,
        waits_for: row.try_get("waits_for")?,
        posts: row.try_get("posts")?,
        accounts: row.try_get("accounts")?,
        files: row.try_get("files")?,
        requested_at: convert::time(row, "requested_at")?,
        now: convert::time(row, "now")?,
    })
}
