//! Pauses by an operator: a platform, one of its registrations, or a queue.
//!
//! Each is a row of `gates` that does not end by itself, and a row in the audit of every tenant
//! that it holds up: its owner sees why its posts wait.

use crate::gates::Gate;
use crate::pauses::{PAUSE_ENDS, shut};
use crate::{Store, convert};
use base::Fault;
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{PgConnection, Row};

/// What is paused, and by whose word.
#[derive(Debug, Clone, Copy)]
pub struct Halt<'a> {
    /// The row of `gates`.
    pub scope_key: &'a str,
    /// As the audit names it: `platform:x`, `queue:webhook`.
    pub subject: &'a str,
    /// The platform whose accounts it holds up; of a queue, everybody's.
    pub platform: Option<&'a str>,
    /// Who.
    pub actor: &'a str,
    /// Why.
    pub reason: &'a str,
}

impl Store {
    /// Pauses it, or says why anew. `false` where nothing has changed.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn halt(&self, halt: Halt<'_>) -> Result<bool, Fault> {
        let mut tx = self.pool.begin().await?;
        let old = shut(&mut tx, halt.scope_key, (halt.reason, halt.actor)).await?;
        if old.as_deref() == Some(halt.reason) {
            return Ok(false);
        }
        let before = json!({ "paused": old.is_some(), "reason": old });
        note(&mut tx, halt, "pause", (before, json!({ "paused": true }))).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Ends it. `false` where it was not paused: a limit stays what it is.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is written.
    pub async fn unhalt(&self, halt: Halt<'_>) -> Result<bool, Fault> {
        let mut tx = self.pool.begin().await?;
        let gone = sqlx::query(
            "DELETE FROM gates WHERE scope_key = $1 AND until_at = $2 RETURNING reason",
        )
        .bind(halt.scope_key)
        .bind(convert::at(PAUSE_ENDS))
        .fetch_optional(&mut *tx)
        .await?;
        let Some(gone) = gone else { return Ok(false) };
        let before = json!({ "paused": true, "reason": gone.try_get::<String, _>("reason")? });
        note(&mut tx, halt, "resume", (before, json!({ "paused": false }))).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Everything that is shut now, limits and pauses, the longest first, with the account or the
    /// brand that each holds up.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn everything_shut(&self, most: i64) -> Result<Vec<Shut>, Fault> {
        let rows = sqlx::query(
            "SELECT g.scope_key, g.until_at, g.reason, g.closed_at, g.actor, a.handle, a.platform,
                 b.slug AS brand, t.name AS tenant
             FROM gates g
             LEFT JOIN accounts a ON a.id::text = CASE
                 WHEN g.scope_key LIKE 'pause:queue:%' THEN NULL
                 WHEN g.scope_key LIKE 'pause:brand:%' THEN NULL
                 WHEN g.scope_key LIKE 'pause:%' THEN substr(g.scope_key, 7)
                 WHEN g.scope_key LIKE 'account:%' THEN (regexp_match(g.scope_key,
                     '([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})$'))[1]
                 END
             LEFT JOIN brands b ON b.id = coalesce(a.brand_id, CASE
                 WHEN g.scope_key LIKE 'pause:brand:%' THEN substr(g.scope_key, 13)::uuid END)
             LEFT JOIN tenants t ON t.id = b.tenant_id
             WHERE g.until_at > clock_timestamp()
             ORDER BY g.until_at DESC, g.scope_key LIMIT $1",
        )
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        let shut = |row: &sqlx::postgres::PgRow| {
            Ok(Shut {
                gate: Gate {
                    scope_key: row.try_get("scope_key")?,
                    until: convert::time(row, "until_at")?,
                    reason: row.try_get("reason")?,
                },
                since: convert::time(row, "closed_at")?,
                by: row.try_get("actor")?,
                brand: row.try_get("brand")?,
                handle: row.try_get("handle")?,
                platform: row.try_get("platform")?,
                tenant: row.try_get("tenant")?,
            })
        };
        rows.iter().map(shut).collect()
    }
}

/// A gate that is shut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shut {
    /// What, until when and why.
    pub gate: Gate,
    /// Since when.
    pub since: domain::time::Timestamp,
    /// By whose word, where a person's was written down.
    pub by: Option<String>,
    /// The brand's slug, where it is one's, or one of its accounts'.
    pub brand: Option<String>,
    /// The account, where it is one's.
    pub handle: Option<String>,
    /// Its platform.
    pub platform: Option<String>,
    /// Its tenant, by name.
    pub tenant: Option<String>,
}

async fn note(
    db: &mut PgConnection,
    halt: Halt<'_>,
    what: &str,
    (before, after): (Value, Value),
) -> Result<(), Fault> {
    let kind = halt.subject.split(':').next().unwrap_or_default();
    sqlx::query(
        "INSERT INTO audit (tenant_id, actor, action, subject, reason, before, after)
         SELECT t.id, $1, $2, $3, $4, $5, $6 FROM tenants t
         WHERE $7::text IS NULL OR EXISTS (
             SELECT FROM accounts a WHERE a.tenant_id = t.id AND a.platform = $7)",
    )
    .bind(halt.actor)
    .bind(format!("{kind}.{what}"))
    .bind(halt.subject)
    .bind(halt.reason)
    .bind(Json(before))
    .bind(Json(after))
    .bind(halt.platform)
    .execute(db)
    .await?;
    Ok(())
}
