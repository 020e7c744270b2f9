//! The tenants' data keys, wrapped; one of each tenant seals.
//!
//! Invariant: a key that seals anything is never taken away here.

use crate::{Store, convert};
use base::Fault;
use domain::id::TenantId;
use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use std::time::Duration;

/// Who acts, where it is not a caller of the API.
const ACTOR: &str = "vault";

/// A data key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataKeyRow {
    /// Its row.
    pub no: i64,
    /// Whose.
    pub tenant: TenantId,
    /// What seals of it begin with; unknown until it was opened once.
    pub key_id: Option<Vec<u8>>,
    /// Wrapped.
    pub wrapped: Vec<u8>,
    /// The key-encryption key it was made under.
    pub born_under: Vec<u8>,
    /// It seals what is sealed now.
    pub is_current: bool,
    /// It was found broken.
    pub is_broken: bool,
}

/// A data key to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewDataKey<'a> {
    /// Whose.
    pub tenant: TenantId,
    /// What seals of it begin with.
    pub key_id: &'a [u8],
    /// Wrapped.
    pub wrapped: &'a [u8],
    /// The key-encryption key it is wrapped under.
    pub born_under: &'a [u8],
}

const COLUMNS: &str = "SELECT no, tenant_id, key_id, wrapped, born_under, state FROM data_keys";

fn row_of(row: &PgRow) -> Result<DataKeyRow, Fault> {
    let state: String = row.try_get("state")?;
    Ok(DataKeyRow {
        no: row.try_get("no")?,
        tenant: convert::id(row, "tenant_id")?,
        key_id: row.try_get("key_id")?,
        wrapped: row.try_get("wrapped")?,
        born_under: row.try_get("born_under")?,
        is_current: state == "current",
        is_broken: state == "broken",
    })
}

fn select(rest: &str) -> sqlx::AssertSqlSafe<String> {
    // Both halves are constants of this file; nothing from outside enters the text.
    sqlx::AssertSqlSafe(format!("{COLUMNS} {rest}"))
}

/// Stores a data key inside a transaction. `false` when the tenant has one that seals.
pub(crate) async fn insert(db: &mut PgConnection, key: NewDataKey<'_>) -> Result<bool, Fault> {
    let done = sqlx::query(
        "INSERT INTO data_keys (tenant_id, key_id, wrapped, born_under, state)
         VALUES ($1, $2, $3, $4, 'current')
         ON CONFLICT (tenant_id) WHERE state = 'current' DO NOTHING",
    )
    .bind(key.tenant.uuid())
    .bind(key.key_id)
    .bind(key.wrapped)
    .bind(key.born_under)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

impl Store {
    /// All data keys of a tenant, the newest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn data_keys(&self, tenant: TenantId) -> Result<Vec<DataKeyRow>, Fault> {
        let all = "WHERE tenant_id = $1 ORDER BY no DESC";
        let mut rows = sqlx::query(select(all)).bind(tenant.uuid()).fetch_all(&self.pool).await?;
        if rows.is_empty() {
            // Made by a process of the version before.
            sqlx::query(
                "INSERT INTO data_keys (tenant_id, wrapped, born_under, state)
                 SELECT id, data_key, substring(data_key FROM 2 FOR 8), 'current' FROM tenants
                 WHERE id = $1 AND length(data_key) > 9
                 ON CONFLICT (tenant_id) WHERE state = 'current' DO NOTHING",
            )
            .bind(tenant.uuid())
            .execute(&self.pool)
            .await?;
            rows = sqlx::query(select(all)).bind(tenant.uuid()).fetch_all(&self.pool).await?;
        }
        rows.iter().map(row_of).collect()
    }

    /// Writes down the name of a key that was opened for the first time.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn name_data_key(&self, no: i64, key_id: &[u8]) -> Result<(), Fault> {
        sqlx::query("UPDATE data_keys SET key_id = $2 WHERE no = $1 AND key_id IS NULL")
            .bind(no)
            .bind(key_id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Puts a new key in the place of the one that seals (row `replaces`, if any), which opens on.
    /// `false` when somebody else was quicker; then nothing is written.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn replace_data_key(
        &self,
        key: NewDataKey<'_>,
        replaces: Option<i64>,
        reason: &str,
    ) -> Result<bool, Fault> {
        let mut tx = self.pool.begin().await?;
        let was: Option<String> = sqlx::query_scalar(
            "UPDATE data_keys SET state = 'old'
             WHERE no = $1 AND tenant_id = $2 AND state = 'current'
             RETURNING coalesce(encode(key_id, 'hex'), '')",
        )
        .bind(replaces)
        .bind(key.tenant.uuid())
        .fetch_optional(&mut *tx)
        .await?;
        if was.is_none() && replaces.is_some() || !insert(&mut tx, key).await? {
            return Ok(false);
        }
        let after: String = sqlx::query_scalar("SELECT encode($1, 'hex')")
            .bind(key.key_id)
            .fetch_one(&mut *tx)
            .await?;
        let change = Change {
            tenant: key.tenant,
            action: "vault.data_key",
            subject: &key.tenant.to_string(),
            reason,
        };
        note(&mut tx, change, &json!({"keyId": was}), &json!({"keyId": after})).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Marks a data key as one that no key opens, once; `true` for the caller who did it.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn break_data_key(&self, key: &DataKeyRow, reason: &str) -> Result<bool, Fault> {
        let mut tx = self.pool.begin().await?;
        let done = sqlx::query(
            "UPDATE data_keys SET state = 'broken'
             WHERE no = $1 AND wrapped = $2 AND state <> 'broken'",
        )
        .bind(key.no)
        .bind(&key.wrapped)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let change = Change {
            tenant: key.tenant,
            action: "vault.refused",
            subject: &format!("data_key:{}", key.no),
            reason,
        };
        note(&mut tx, change, &json!({"state": "sealing"}), &json!({"state": "broken"})).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Data keys after row `after` that are wrapped under another key than this.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn data_keys_not_under(
        &self,
        key_id: &[u8],
        after: i64,
        limit: i64,
    ) -> Result<Vec<DataKeyRow>, Fault> {
        let rows = sqlx::query(select(
            "WHERE no > $1 AND wrapped_under <> $2 AND state <> 'broken' ORDER BY no LIMIT $3",
        ))
        .bind(after)
        .bind(key_id)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(row_of).collect()
    }

    /// The data keys that seal, after row `after`, and were made under another key than this, or
    /// of all: those made longer than `age_ms` ago.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn data_keys_to_replace(
        &self,
        key_id: &[u8],
        age_ms: Option<i64>,
        after: i64,
        limit: i64,
    ) -> Result<Vec<DataKeyRow>, Fault> {
        let rows = sqlx::query(select(
            "WHERE no > $1 AND state = 'current' AND (born_under <> $2
                 OR created_at < clock_timestamp() - $3 * interval '1 millisecond')
             ORDER BY no LIMIT $4",
        ))
        .bind(after)
        .bind(key_id)
        .bind(age_ms)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(row_of).collect()
    }

    /// How long ago a tenant's data key was replaced last; for ever where none was.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn newest_replacement_age(&self) -> Result<Duration, Fault> {
        let age_ms: Option<i64> = sqlx::query_scalar(
            "SELECT (extract(epoch FROM clock_timestamp() - max(k.created_at)) * 1000)::bigint
             FROM data_keys k WHERE k.state = 'current' AND EXISTS (
                 SELECT FROM data_keys o WHERE o.tenant_id = k.tenant_id AND o.state = 'old')",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(age_ms.map_or(Duration::MAX, |ms| Duration::from_millis(ms.max(0).unsigned_abs())))
    }

    /// Writes data keys wrapped anew, each where it still stands as it was read: `(row, as it was,
    /// as it is)`. How many were written.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn rewrap_data_keys(&self, keys: Vec<(i64, Vec<u8>, Vec<u8>)>) -> Result<u64, Fault> {
        let mut rows = Vec::with_capacity(keys.len());
        let (mut old, mut new) = (Vec::with_capacity(keys.len()), Vec::with_capacity(keys.len()));
        for (no, was, is) in keys {
            rows.push(no);
            old.push(was);
            new.push(is);
        }
        let done = sqlx::query(
            "UPDATE data_keys k SET wrapped = t.anew
             FROM UNNEST($1::bigint[], $2::bytea[], $3::bytea[]) AS t (no, stood, anew)
             WHERE k.no = t.no AND k.wrapped = t.stood",
        )
        .bind(rows)
        .bind(old)
        .bind(new)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    /// Empties the column in which the version before kept data keys; `data_keys` has them all.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn forget_old_data_keys(&self) -> Result<(), Fault> {
        let tenants = sqlx::query_scalar(
            "SELECT id FROM tenants t WHERE data_key IS NOT NULL AND NOT EXISTS (
                 SELECT FROM data_keys k WHERE k.tenant_id = t.id)",
        );
        for tenant in tenants.fetch_all(&self.pool).await? {
            self.data_keys(TenantId::new(tenant)).await?;
        }
        sqlx::query("UPDATE tenants SET data_key = NULL WHERE data_key IS NOT NULL")
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// What was done about keys, by whom it was done being clear.
pub(crate) struct Change<'a> {
    pub tenant: TenantId,
    pub action: &'static str,
    pub subject: &'a str,
    pub reason: &'a str,
}

/// A row of the audit, inside a transaction.
pub(crate) async fn note(
    db: &mut PgConnection,
    change: Change<'_>,
    before: &serde_json::Value,
    after: &serde_json::Value,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO audit (tenant_id, actor, action, subject, reason, before, after)
         VALUES ($1, $2, $3, $4, left($5, 500), $6, $7)",
    )
    .bind(change.tenant.uuid())
    .bind(ACTOR)
    .bind(change.action)
    .bind(change.subject)
    .bind(change.reason)
    .bind(Json(before))
    .bind(Json(after))
    .execute(db)
    .await?;
    Ok(())
}
