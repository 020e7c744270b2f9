//! The rows of what is erased: found, waited for, and deleted in steps.
//!
//! Invariant: no delivery goes while a call of it is under way. A post goes with all that refers to
//! it in one transaction, behind its lock and those of its deliveries; a worker that comes later
//! finds nothing, and writes nothing.

use crate::accounts::{Account, account_of, select};
use crate::erasures::{self, Erasure, Gone};
use crate::{Store, convert};
use base::Fault;
use domain::id::{AssetId, BrandId, PostId, TenantId};
use sqlx::{PgConnection, Row};
use std::time::Duration;
use uuid::Uuid;

/// Rows of events that one statement looks at.
const EVENTS_AT_ONCE: i64 = 20_000;

impl Store {
    /// Brands of a tenant that are left, a few.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn brands_left(&self, tenant: TenantId) -> Result<Vec<BrandId>, Fault> {
        let rows = sqlx::query("SELECT id FROM brands WHERE tenant_id = $1 ORDER BY id LIMIT 100")
            .bind(tenant.uuid())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| convert::id(row, "id")).collect()
    }

    /// Posts of a brand behind `after` that may still go out, or wait for a person, a few.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn posts_pending(
        &self,
        brand: BrandId,
        after: Option<PostId>,
    ) -> Result<Vec<PostId>, Fault> {
        let rows = sqlx::query(
            "SELECT p.id FROM posts p
             WHERE p.brand_id = $1 AND p.id > $2 AND p.stage IN ('draft', 'held', 'live')
                 AND (p.stage <> 'live' OR EXISTS (SELECT FROM deliveries d WHERE d.post_id = p.id
                     AND d.status IN ('validating', 'scheduled', 'ready')))
             ORDER BY p.id LIMIT 100",
        )
        .bind(brand.uuid())
        .bind(after.map_or(Uuid::nil(), |id| id.uuid()))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| convert::id(row, "id")).collect()
    }

    /// How many calls of a brand are under way, and how many deliveries, a part of which is out, go
    /// on within the next minute.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn calls_under_way(&self, brand: BrandId) -> Result<(i64, i64), Fault> {
        let row = sqlx::query(
            "SELECT count(*) FILTER (WHERE d.status = 'sending') AS sending,
                 count(*) FILTER (WHERE d.status <> 'sending'
                     AND j.due_at <= clock_timestamp() + interval '1 minute') AS going_on
             FROM deliveries d JOIN accounts a ON a.id = d.account_id
             LEFT JOIN jobs j ON j.kind = 'publish' AND j.subject = d.id
             WHERE a.brand_id = $1 AND d.status IN ('sending', 'scheduled', 'ready')",
        )
        .bind(brand.uuid())
        .fetch_one(&self.pool)
        .await?;
        Ok((row.try_get("sending")?, row.try_get("going_on")?))
    }

    /// Accounts of a brand that still have a grant.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn accounts_granted(&self, brand: BrandId) -> Result<Vec<Account>, Fault> {
        let rows = sqlx::query(select(
            "JOIN credentials granted ON granted.account_id = a.id
             WHERE a.brand_id = $1 AND (a.status <> 'disconnected' OR granted.sealed <> '')
             ORDER BY a.id LIMIT 100",
        ))
        .bind(brand.uuid())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(account_of).collect()
    }

    /// Files that the posts of a brand name and no other post of its tenant does; of a tenant
    /// without a brand left, all it has. A few hundred.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn files_left(
        &self,
        tenant: TenantId,
        brand: Option<BrandId>,
    ) -> Result<Vec<AssetId>, Fault> {
        let rows = sqlx::query(
            "WITH named AS (
                 SELECT DISTINCT p.brand_id = $2 AS is_its, found.name[1]::uuid AS id
                 FROM posts p, LATERAL (SELECT regexp_matches(p.draft::text
                     || coalesce((SELECT string_agg(d.draft::text, '') FROM deliveries d
                         WHERE d.post_id = p.id AND d.draft IS NOT NULL), ''),
                     'med_([0-9a-f]{32})', 'g') AS name) found
                 WHERE p.tenant_id = $1 AND $2 IS NOT NULL)
             SELECT a.id FROM assets a WHERE a.tenant_id = $1 AND ($2 IS NULL OR
                 a.id IN (SELECT id FROM named WHERE is_its)
                 AND a.id NOT IN (SELECT id FROM named WHERE NOT is_its))
             -- An upload that is no file yet is of no brand.
             UNION SELECT id FROM uploads WHERE tenant_id = $1 AND $2 IS NULL
             ORDER BY id LIMIT 500",
        )
        .bind(tenant.uuid())
        .bind(brand.map(|brand| brand.uuid()))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| convert::id(row, "id")).collect()
    }

    /// Deletes the rows of files that are gone, and of the uploads that they came by.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn erase_assets(&self, ids: &[AssetId]) -> Result<(), Fault> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let mut db = self.pool.acquire().await?;
        sqlx::query("DELETE FROM jobs WHERE kind = 'media' AND subject = ANY ($1)")
            .bind(&ids)
            .execute(&mut *db)
            .await?;
        erase(&mut db, "uploads", "id", &ids).await?;
        erase(&mut db, "assets", "id", &ids).await
    }

    /// Deletes the events of a brand, or of a tenant, behind `after`, with the messages that tell
    /// of them; how far it came, or `None` behind the last.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn erase_events(
        &self,
        tenant: TenantId,
        brand: Option<BrandId>,
        after: i64,
    ) -> Result<Option<i64>, Fault> {
        let row = sqlx::query(
            "WITH page AS (
                 SELECT id, subject, data FROM events WHERE tenant_id = $1 AND id > $3
                 ORDER BY id LIMIT $4
             ), about AS (
                 SELECT e.id FROM page e WHERE $2 IS NULL
                     OR e.subject = 'brd_' || replace($2::text, '-', '')
                     OR EXISTS (SELECT FROM posts p WHERE p.brand_id = $2 AND p.id IN (
                         id_of('pst', e.subject), id_of('pst', e.data->>'postId')))
                     OR EXISTS (SELECT FROM accounts a WHERE a.brand_id = $2 AND a.id IN (
                         id_of('acc', e.subject), id_of('acc', e.data->>'accountId')))
                     OR EXISTS (SELECT FROM deliveries d JOIN accounts a ON a.id = d.account_id
                         WHERE d.id = id_of('dlv', e.subject) AND a.brand_id = $2)
             ), told AS (DELETE FROM webhook_messages m USING about, webhooks w
                 WHERE w.tenant_id = $1 AND m.webhook_id = w.id AND m.event_id = about.id
                 RETURNING m.id),
             owed AS (DELETE FROM jobs USING told WHERE jobs.kind = 'webhook'
                 AND jobs.subject = told.id),
             gone AS (DELETE FROM events e USING about WHERE e.id = about.id)
             SELECT max(id) AS last FROM page",
        )
        .bind(tenant.uuid())
        .bind(brand.map(|brand| brand.uuid()))
        .bind(after)
        .bind(EVENTS_AT_ONCE)
        .fetch_one(&self.pool)
        .await?;
        Ok(row.try_get("last")?)
    }

    /// Deletes a few posts of a brand with all that refers to them; how many, and whether one waits
    /// for a call that is under way.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is deleted.
    pub async fn erase_posts(&self, brand: BrandId) -> Result<(u64, bool), Fault> {
        let mut tx = self.pool.begin().await?;
        let rows = sqlx::query(
            "SELECT id FROM posts WHERE brand_id = $1 ORDER BY id LIMIT 100 FOR UPDATE",
        );
        let rows = rows.bind(brand.uuid()).fetch_all(&mut *tx).await?;
        let posts =
            rows.iter().map(|row| Ok(row.try_get("id")?)).collect::<Result<Vec<Uuid>, Fault>>();
        let posts = posts?;
        let rows = sqlx::query(
            "SELECT id, post_id, status = 'sending' AS is_sending FROM deliveries
             WHERE post_id = ANY ($1) ORDER BY id FOR UPDATE",
        );
        let rows = rows.bind(&posts).fetch_all(&mut *tx).await?;
        let (mut deliveries, mut busy) = (Vec::new(), Vec::new());
        for row in &rows {
            let post: Uuid = row.try_get("post_id")?;
            if row.try_get("is_sending")? {
                busy.push(post);
            }
            deliveries.push((row.try_get::<Uuid, _>("id")?, post));
        }
        let is_free = |post: &Uuid| !busy.contains(post);
        let free: Vec<Uuid> = posts.iter().copied().filter(is_free).collect();
        let parts = deliveries.into_iter().filter(|(_, post)| is_free(post));
        let parts: Vec<Uuid> = parts.map(|(id, _)| id).collect();
        let subjects: Vec<Uuid> = free.iter().chain(&parts).copied().collect();
        sqlx::query(
            "WITH j AS (DELETE FROM jobs WHERE subject = ANY ($1)),
             t AS (DELETE FROM timeline WHERE delivery_id = ANY ($2))
             DELETE FROM post_statuses WHERE post_id = ANY ($3)",
        )
        .bind(&subjects)
        .bind(&parts)
        .bind(&free)
        .execute(&mut *tx)
        .await?;
        erase(&mut tx, "posts", "id", &free).await?;
        tx.commit().await?;
        Ok((free.len() as u64, !busy.is_empty()))
    }

    /// Deletes a brand that has no post any more, with its accounts, and ends `erasure`, if it is
    /// of this brand. `false` when a post has come meanwhile.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is deleted.
    pub async fn erase_brand_row(&self, erasure: &Erasure, brand: BrandId) -> Result<bool, Fault> {
        let mut tx = self.pool.begin().await?;
        // Whoever stores a post of it waits here, and then finds no brand.
        let lock = sqlx::query("SELECT id FROM brands WHERE id = $1 FOR UPDATE");
        lock.bind(brand.uuid()).execute(&mut *tx).await?;
        let left = sqlx::query("SELECT id FROM posts WHERE brand_id = $1 LIMIT 1");
        if left.bind(brand.uuid()).fetch_optional(&mut *tx).await?.is_some() {
            return Ok(false);
        }
        let gone = sqlx::query(
            "WITH a AS (SELECT id FROM accounts WHERE brand_id = $1),
             j AS (DELETE FROM jobs USING a WHERE jobs.subject = a.id),
             g AS (DELETE FROM gates USING a WHERE gates.scope_key = 'pause:' || a.id),
             b AS (DELETE FROM gates WHERE scope_key = 'pause:brand:' || $1::uuid)
             SELECT count(*) AS n FROM a",
        );
        let gone = gone.bind(brand.uuid()).fetch_one(&mut *tx).await?;
        let accounts = u64::try_from(gone.try_get::<i64, _>("n")?).unwrap_or(0);
        erase(&mut tx, "brands", "id", &[brand.uuid()]).await?;
        erasures::note_gone(&mut tx, erasure.id, Gone { accounts, ..Gone::default() }, None)
            .await?;
        if erasure.brand == Some(brand) {
            erasures::end(&mut tx, erasure).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Deletes what is left of a tenant but its number, its audit and the count of grants that were
    /// opened, which both name nobody, and ends `erasure`. What was
    /// sealed for it anywhere, in a backup too, opens for nobody any more.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is deleted.
    pub async fn erase_tenant_rows(&self, erasure: &Erasure) -> Result<(), Fault> {
        let mut tx = self.pool.begin().await?;
        let jobs = sqlx::query(
            "WITH m AS (DELETE FROM webhook_messages WHERE tenant_id = $1 RETURNING id)
             DELETE FROM jobs USING m WHERE jobs.subject = m.id",
        );
        jobs.bind(erasure.tenant.uuid()).execute(&mut *tx).await?;
        let tables = sqlx::query(
            "SELECT DISTINCT c.oid::regclass::text AS name FROM pg_class c
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
             WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
                 AND NOT a.attisdropped
                 AND c.relname NOT IN ('audit', 'openings', 'erasures') ORDER BY 1",
        );
        for row in tables.fetch_all(&mut *tx).await? {
            let name: String = row.try_get("name")?;
            erase(&mut tx, &name, "tenant_id", &[erasure.tenant.uuid()]).await?;
        }
        let name =
            sqlx::query("UPDATE tenants SET name = 'erased ' || id, data_key = NULL WHERE id = $1");
        name.bind(erasure.tenant.uuid()).execute(&mut *tx).await?;
        erasures::end(&mut tx, erasure).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Deletes rows with all that refers to them.
async fn erase(
    db: &mut PgConnection,
    table: &str,
    column: &str,
    ids: &[Uuid],
) -> Result<(), Fault> {
    sqlx::query("SELECT erase_rows($1::regclass, $2::name, $3)")
        .bind(table)
        .bind(column)
        .bind(ids)
        .execute(db)
        .await?;
    Ok(())
}

/// A call that is under way ends within this time of its own; it is looked at again so often.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);
