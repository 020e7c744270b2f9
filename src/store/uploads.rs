//! Uploads that come in parts, or past us: what has come so far.
//!
//! Invariant: where an upload stands is one number, and moves only from where its writer saw it, so
//! two who send at once do not both count.

use crate::jobs::{self, Arm, Job, JobKind};
use crate::{Store, assets, convert};
use base::Fault;
use domain::content::AssetFacts;
use domain::id::{AssetId, TenantId};
use domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row, Transaction};
use std::time::Duration;
use uuid::Uuid;

/// How an upload comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In parts, which may break off.
    Resumable,
    /// Past us, to an address that was given out.
    Presigned,
}

impl Way {
    /// The word in SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resumable => "resumable",
            Self::Presigned => "presigned",
        }
    }
}

/// An upload that is begun.
#[derive(Debug, Clone, Copy)]
pub struct NewUpload<'a> {
    /// Of the asset that it becomes.
    pub id: AssetId,
    /// Whose.
    pub tenant: TenantId,
    /// How it comes.
    pub way: Way,
    /// Who brings it.
    pub actor: &'a str,
    /// How much is to come.
    pub size_bytes: Option<u64>,
    /// What its sender says of it.
    pub metadata: &'a str,
    /// How long it is waited for.
    pub life: Duration,
}

/// An upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Of the asset that it becomes.
    pub id: AssetId,
    /// Whose.
    pub tenant: TenantId,
    /// How much is to come.
    pub size_bytes: Option<u64>,
    /// How much has.
    pub offset_bytes: u64,
    /// What its sender says of it.
    pub metadata: String,
    /// Until when it is waited for.
    pub expires_at: Timestamp,
    /// It is an asset.
    pub has_ended: bool,
}

/// A part that lies in the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    /// Where it begins.
    pub offset_bytes: u64,
    /// Its length.
    pub size_bytes: u64,
    /// What it is called there.
    pub name: String,
}

/// The right to end an upload; it goes when it is dropped.
pub struct Ending {
    tx: Transaction<'static, Postgres>,
    from: u64,
}

impl Ending {
    /// What has come is an asset now; `None` when the upload was moved on meanwhile.
    ///
    /// # Errors
    /// When Postgres fails; then it stands where it stood.
    pub async fn end(
        mut self,
        (tenant, actor): (TenantId, &str),
        facts: &AssetFacts,
        arm: Arm,
    ) -> Result<Option<Vec<Job>>, Fault> {
        let (tx, id) = (&mut self.tx, facts.id);
        let by = facts.size_bytes.saturating_sub(self.from);
        if !advance(tx, id, self.from, by).await? {
            return Ok(None);
        }
        sqlx::query("UPDATE uploads SET ended_at = clock_timestamp() WHERE id = $1")
            .bind(id.uuid())
            .execute(&mut **tx)
            .await?;
        sqlx::query("DELETE FROM upload_parts WHERE upload_id = $1")
            .bind(id.uuid())
            .execute(&mut **tx)
            .await?;
        // The wake-up of the upload is there, and looks after the asset once it has come.
        let mut jobs = assets::add(tx, (tenant, actor), facts, None).await?;
        jobs.extend(jobs::arm_earlier(tx, &[arm]).await?);
        self.tx.commit().await?;
        Ok(Some(jobs))
    }
}

const COLUMNS: &str = "id, tenant_id, size_bytes, offset_bytes, metadata, expires_at,
     ended_at IS NOT NULL AS has_ended";

fn upload_of(row: &PgRow) -> Result<Upload, Fault> {
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(Upload {
        id: convert::id(row, "id")?,
        tenant: convert::id(row, "tenant_id")?,
        size_bytes: row.try_get::<Option<i64>, _>("size_bytes")?.map(unsigned),
        offset_bytes: unsigned(row.try_get("offset_bytes")?),
        metadata: row.try_get("metadata")?,
        expires_at: convert::time(row, "expires_at")?,
        has_ended: row.try_get("has_ended")?,
    })
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Store {
    /// Begins an upload, unless the tenant has `most` that are not finished; `None` then.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn begin_upload(
        &self,
        new: NewUpload<'_>,
        most: i64,
        arm: impl FnOnce(Timestamp) -> Arm + Send,
    ) -> Result<Option<(Upload, Vec<Job>)>, Fault> {
        let mut tx = self.pool.begin().await?;
        // One at a time in a tenant, so that two of them do not both find the last place.
        sqlx::query("SELECT FROM tenants WHERE id = $1 FOR NO KEY UPDATE")
            .bind(new.tenant.uuid())
            .execute(&mut *tx)
            .await?;
        let row = sqlx::query(
            "INSERT INTO uploads (id, tenant_id, way, brought_by, size_bytes, metadata, expires_at)
             SELECT $1, $2, $3, $4, $5, $6, clock_timestamp() + $7 * interval '1 second'
             WHERE (SELECT count(*) FROM uploads WHERE tenant_id = $2 AND ended_at IS NULL) < $8
             RETURNING id, tenant_id, size_bytes, offset_bytes, metadata, expires_at,
                 false AS has_ended",
        )
        .bind(new.id.uuid())
        .bind(new.tenant.uuid())
        .bind(new.way.as_str())
        .bind(new.actor)
        .bind(new.size_bytes.map(signed))
        .bind(new.metadata)
        .bind(convert::seconds(new.life))
        .bind(most)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let upload = upload_of(&row)?;
        let jobs = jobs::arm(&mut tx, &[arm(upload.expires_at)]).await?;
        tx.commit().await?;
        Ok(Some((upload, jobs)))
    }

    /// An upload of a tenant that comes this way and whose time is not over, seen by whoever began
    /// it or sees all.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn upload(
        &self,
        eyes: assets::Eyes<'_>,
        (id, way): (AssetId, Way),
    ) -> Result<Option<Upload>, Fault> {
        let asked = format!(
            "SELECT {COLUMNS} FROM uploads WHERE tenant_id = $1 AND id = $2 AND way = $3
                 AND expires_at > clock_timestamp() AND ($4::text IS NULL OR brought_by = $4)"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(asked))
            .bind(eyes.tenant.uuid())
            .bind(id.uuid())
            .bind(way.as_str())
            .bind(eyes.own)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(upload_of).transpose()
    }

    /// An upload, whatever became of it.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn upload_left(&self, id: AssetId) -> Result<Option<Upload>, Fault> {
        let asked = format!("SELECT {COLUMNS} FROM uploads WHERE id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(asked)).bind(id.uuid());
        row.fetch_optional(&self.pool).await?.as_ref().map(upload_of).transpose()
    }

    /// Counts parts that lie in the library, one behind the other from `from` on; `false` when the
    /// upload does not stand there any more.
    ///
    /// # Errors
    /// When Postgres fails; then they do not count.
    pub async fn add_parts(
        &self,
        (tenant, id): (TenantId, AssetId),
        from: u64,
        parts: &[PartRow],
    ) -> Result<bool, Fault> {
        let mut tx = self.pool.begin().await?;
        let by = parts.iter().map(|part| part.size_bytes).sum();
        if !advance(&mut tx, id, from, by).await? {
            return Ok(false);
        }
        for part in parts {
            sqlx::query(
                "INSERT INTO upload_parts (upload_id, tenant_id, offset_bytes, size_bytes, name)
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(id.uuid())
            .bind(tenant.uuid())
            .bind(signed(part.offset_bytes))
            .bind(signed(part.size_bytes))
            .bind(&part.name)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The parts of an upload, in order.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn parts(&self, id: AssetId) -> Result<Vec<PartRow>, Fault> {
        let rows = sqlx::query(
            "SELECT offset_bytes, size_bytes, name FROM upload_parts WHERE upload_id = $1
             ORDER BY offset_bytes",
        )
        .bind(id.uuid())
        .fetch_all(&self.pool)
        .await?;
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        let part = |row: &PgRow| {
            Ok(PartRow {
                offset_bytes: unsigned(row.try_get("offset_bytes")?),
                size_bytes: unsigned(row.try_get("size_bytes")?),
                name: row.try_get("name")?,
            })
        };
        rows.iter().map(part).collect()
    }

    /// The right to end an upload that stands at `from`, for one at a time; `None` when it does not
    /// stand there any more, or somebody else is at it. A process that dies loses it.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn turn_to_end(&self, id: AssetId, from: u64) -> Result<Option<Ending>, Fault> {
        let mut tx = self.pool.begin().await?;
        // No lock of the row: who sends a part meanwhile need not wait to be told that it is late.
        let row = sqlx::query("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 45)) AS mine")
            .bind(id.to_string())
            .fetch_one(&mut *tx)
            .await?;
        if !row.try_get::<bool, _>("mine")? {
            return Ok(None);
        }
        let stands = sqlx::query(
            "SELECT FROM uploads WHERE id = $1 AND offset_bytes = $2 AND ended_at IS NULL
                 AND expires_at > clock_timestamp()",
        )
        .bind(id.uuid())
        .bind(signed(from))
        .fetch_optional(&mut *tx)
        .await?;
        Ok(stands.map(|_| Ending { tx, from }))
    }

    /// Forgets an upload.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn forget_upload(&self, id: AssetId) -> Result<(), Fault> {
        sqlx::query("DELETE FROM uploads WHERE id = $1")
            .bind(id.uuid())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Whose the wake-up of this file is, if it is still of this generation.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn media_owed(
        &self,
        subject: Uuid,
        generation: i64,
    ) -> Result<Option<TenantId>, Fault> {
        let row = sqlx::query(
            "SELECT coalesce(a.tenant_id, u.tenant_id) AS tenant_id FROM jobs j
             LEFT JOIN assets a ON a.id = j.subject LEFT JOIN uploads u ON u.id = j.subject
             WHERE j.kind = $1 AND j.subject = $2 AND j.generation = $3
                 AND coalesce(a.tenant_id, u.tenant_id) IS NOT NULL",
        )
        .bind(JobKind::Media.as_str())
        .bind(subject)
        .bind(generation)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(|row| convert::id(row, "tenant_id")).transpose()
    }
}

/// Moves an upload on, from where its writer saw it.
async fn advance(db: &mut PgConnection, id: AssetId, from: u64, by: u64) -> Result<bool, Fault> {
    let moved = sqlx::query(
        "UPDATE uploads SET offset_bytes = offset_bytes + $3
         WHERE id = $1 AND offset_bytes = $2 AND ended_at IS NULL
             AND expires_at > clock_timestamp()",
    )
    .bind(id.uuid())
    .bind(signed(from))
    .bind(signed(by))
    .execute(db)
    .await?;
    Ok(moved.rows_affected() == 1)
}
