//! Accounts with everything that an owner wants to know of them.
//!
//! For people: nothing here is read by a worker.

use crate::accounts::{Account, account_of, select};
use crate::gates::Gate;
use crate::jobs::{Job, job_of};
use crate::pauses::{Pause, of_key};
use crate::{Store, convert};
use base::Fault;
use domain::account::Status;
use domain::id::{AccountId, BrandId, TenantId};
use domain::limit::Own;
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::collections::HashMap;

/// Deliveries of an account that are counted at most; who reads 2,000 knows enough.
pub const COUNTED_MAX: i64 = 2_000;

/// An account and what surrounds it.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The account.
    pub account: Account,
    /// The slug of its brand.
    pub brand_slug: String,
    /// When its token ends; nothing where it has none.
    pub token_ends_at: Option<Timestamp>,
    /// When the refresh that is owed is due.
    pub next_refresh_at: Option<Timestamp>,
    /// It is paused, or its brand is, which comes first.
    pub pause: Option<Pause>,
    /// The closed gate that holds it longest.
    pub gate: Option<Gate>,
    /// Its owner's limits.
    pub own: Own,
    /// Deliveries that wait for their time or are under way.
    pub waiting: i64,
    /// Deliveries that failed because the account was broken, since it was well last.
    pub failed: i64,
    /// The present, by the database's clock.
    pub now: Timestamp,
}

/// Which accounts are wanted; what is `None` does not matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sought<'a> {
    /// This one.
    pub id: Option<AccountId>,
    /// Those of a brand.
    pub brand: Option<BrandId>,
    /// Those of these brands alone.
    pub only: Option<&'a [BrandId]>,
    /// Those on a platform.
    pub platform: Option<&'a str>,
    /// Those with a status.
    pub status: Option<Status>,
    /// Those alone that a gate or a pause holds now.
    pub is_held: bool,
    /// Those that come after this one, newest first.
    pub before: Option<AccountId>,
}

fn overview_of(row: &PgRow, account: Account) -> Result<Overview, Fault> {
    let pause = match convert::time_or_none(row, "paused_at")? {
        Some(at) => Some(Pause {
            of: of_key(row.try_get("pause_key")?),
            at,
            reason: row.try_get("pause_reason")?,
            by: row.try_get("pause_actor")?,
        }),
        None => None,
    };
    let gate = match convert::time_or_none(row, "gate_until")? {
        Some(until) => Some(Gate {
            scope_key: row.try_get("gate_scope")?,
            until,
            reason: row.try_get("gate_reason")?,
        }),
        None => None,
    };
    Ok(Overview {
        account,
        brand_slug: row.try_get("brand_slug")?,
        token_ends_at: convert::time_or_none(row, "expires_at")?,
        next_refresh_at: convert::time_or_none(row, "next_refresh_at")?,
        pause,
        gate,
        own: own_of(row)?,
        waiting: row.try_get("waiting")?,
        failed: row.try_get("failed")?,
        now: convert::time(row, "now")?,
    })
}

/// The owner's limits in a row.
pub(crate) fn own_of(row: &PgRow) -> Result<Own, Fault> {
    let number = |column: &str| -> Result<Option<u32>, Fault> {
        let value: Option<i32> = row.try_get(column)?;
        Ok(value.and_then(|value| u32::try_from(value).ok()))
    };
    Ok(Own { posts_per_day: number("posts_per_day")?, min_gap_s: number("min_gap_s")? })
}

impl Store {
    /// Accounts of a tenant, newest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn overviews(
        &self,
        tenant: TenantId,
        sought: Sought<'_>,
        limit: i64,
    ) -> Result<Vec<Overview>, Fault> {
        // What waited through a pause or a break is older than what merely waits.
        let rows = sqlx::query(
            "SELECT a.id, a.posts_per_day, a.min_gap_s, b.slug AS brand_slug,
                 CASE WHEN a.status <> 'disconnected' THEN c.expires_at END AS expires_at,
                 CASE WHEN a.status = 'connected' THEN j.due_at END AS next_refresh_at,
                 p.closed_at AS paused_at, p.reason AS pause_reason, p.scope_key AS pause_key,
                 p.actor AS pause_actor, g.scope_key AS gate_scope, g.until_at AS gate_until,
                 g.reason AS gate_reason, n.waiting, n.failed,
                 clock_timestamp() AS now
             FROM accounts a
             JOIN brands b ON b.id = a.brand_id
             LEFT JOIN credentials c ON c.account_id = a.id
             LEFT JOIN jobs j ON j.kind = 'refresh' AND j.subject = a.id
             LEFT JOIN LATERAL (
                 SELECT scope_key, closed_at, reason, actor, min(closed_at) OVER () AS since
                 FROM gates
                 WHERE scope_key IN ('pause:' || a.id, 'pause:brand:' || a.brand_id)
                 ORDER BY scope_key LIKE 'pause:brand:%' DESC LIMIT 1
             ) p ON true
             LEFT JOIN LATERAL (
                 SELECT scope_key, until_at, reason FROM gates
                 WHERE until_at > clock_timestamp() AND scope_key IN (
                     'account:' || a.platform || ':' || coalesce(a.own_app_key, a.app) || ':'
                         || a.id,
                     'app:' || a.platform || ':' || coalesce(a.own_app_key, a.app),
                     'platform:' || a.platform)
                 ORDER BY until_at DESC LIMIT 1
             ) g ON true
             CROSS JOIN LATERAL (
                 SELECT count(*) FILTER (WHERE status IN (
                         'validating', 'scheduled', 'ready', 'sending', 'reconciling')) AS waiting,
                     count(*) FILTER (WHERE status = 'failed' AND failed_stage = 'validating'
                         AND failure->>'type' = 'PlatformAuthError'
                         AND updated_at >= a.broken_at) AS failed
                 FROM (
                     SELECT d.status, d.failed_stage, d.failure, d.updated_at FROM deliveries d
                     WHERE d.account_id = a.id AND d.due_at > least(clock_timestamp(),
                         p.since, a.broken_at) - interval '4 days'
                     ORDER BY d.due_at LIMIT $8) d
             ) n
             WHERE a.tenant_id = $1 AND ($2::uuid IS NULL OR a.id = $2)
                 AND ($3::uuid IS NULL OR a.brand_id = $3)
                 AND ($4::text IS NULL OR a.platform = $4)
                 AND ($5::text IS NULL OR a.status = $5) AND ($6::uuid IS NULL OR a.id < $6)
                 AND ($9::uuid[] IS NULL OR a.brand_id = ANY($9))
                 AND (NOT $10 OR g.scope_key IS NOT NULL OR p.scope_key IS NOT NULL)
             ORDER BY a.id DESC LIMIT $7",
        )
        .bind(tenant.uuid())
        .bind(sought.id.map(|id| id.uuid()))
        .bind(sought.brand.map(|id| id.uuid()))
        .bind(sought.platform)
        .bind(sought.status.map(Status::as_str))
        .bind(sought.before.map(|id| id.uuid()))
        .bind(limit)
        .bind(COUNTED_MAX)
        .bind(sought.only.map(|only| only.iter().map(|id| id.uuid()).collect::<Vec<_>>()))
        .bind(sought.is_held)
        .fetch_all(&self.pool)
        .await?;
        let ids = rows.iter().map(|row| convert::id(row, "id")).collect::<Result<Vec<_>, _>>()?;
        let mut accounts = self.accounts_by_id(&ids).await?;
        let mut found = Vec::with_capacity(rows.len());
        for (row, id) in rows.iter().zip(ids) {
            // Accounts do not go away, so each is there.
            if let Some(account) = accounts.remove(&id) {
                found.push(overview_of(row, account)?);
            }
        }
        Ok(found)
    }

    /// Accounts by ids that were read under their tenants.
    ///
    /// # Errors
    /// When Postgres fails.
    pub(crate) async fn accounts_by_id(
        &self,
        ids: &[AccountId],
    ) -> Result<HashMap<AccountId, Account>, Fault> {
        let rows = sqlx::query(select("WHERE a.id = ANY($1)"))
            .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
            .fetch_all(&self.pool)
            .await?;
        let accounts = rows.iter().map(account_of);
        accounts.map(|account| account.map(|account| (account.id, account))).collect()
    }

    /// One account of a tenant.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn overview(
        &self,
        tenant: TenantId,
        id: AccountId,
    ) -> Result<Option<Overview>, Fault> {
        let sought = Sought { id: Some(id), ..Sought::default() };
        Ok(self.overviews(tenant, sought, 1).await?.pop())
    }

    /// Sets the owner's limits, and writes who did it. What waits for room asks once more.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn limit_account(
        &self,
        tenant: TenantId,
        account: AccountId,
        actor: &str,
        own: Own,
    ) -> Result<Vec<Job>, Fault> {
        let mut tx = self.pool.begin().await?;
        let number = |value: Option<u32>| value.and_then(|value| i32::try_from(value).ok());
        sqlx::query(
            "WITH old AS (
                 SELECT id, posts_per_day, min_gap_s FROM accounts
                 WHERE tenant_id = $1 AND id = $2 FOR UPDATE
             ), new AS (
                 UPDATE accounts a SET posts_per_day = $3, min_gap_s = $4,
                     updated_at = clock_timestamp()
                 FROM old WHERE a.id = old.id
             )
             INSERT INTO audit (tenant_id, actor, action, subject, reason, before, after)
             SELECT $1, $5, 'account.limits', $6, 'set through the API',
                 jsonb_build_object('postsPerDay', posts_per_day, 'minGapS', min_gap_s),
                 jsonb_build_object('postsPerDay', $3::int, 'minGapS', $4::int) FROM old",
        )
        .bind(tenant.uuid())
        .bind(account.uuid())
        .bind(number(own.posts_per_day))
        .bind(number(own.min_gap_s))
        .bind(actor)
        .bind(account.to_string())
        .execute(&mut *tx)
        .await?;
        // A wait for room has no failure; the wait after one is not cut short.
        let rows = sqlx::query(
            "WITH held AS (
                 SELECT j.subject FROM deliveries d
                 JOIN jobs j ON j.kind = 'publish' AND j.subject = d.id
                 WHERE d.account_id = $1 AND d.due_at <= clock_timestamp()
                     AND d.due_at > clock_timestamp() - interval '4 days' AND d.failure IS NULL
                     AND d.status IN ('scheduled', 'ready') AND j.due_at > clock_timestamp()
                 ORDER BY j.subject FOR UPDATE OF j)
             UPDATE jobs j SET due_at = clock_timestamp(), armed_at = clock_timestamp(),
                 generation = nextval('job_generation')
             FROM held WHERE j.kind = 'publish' AND j.subject = held.subject
             RETURNING j.queue, j.subject, j.generation, j.shard, j.fair_group, j.lane, j.due_at",
        )
        .bind(account.uuid())
        .fetch_all(&mut *tx)
        .await?;
        let owed = rows.iter().map(job_of).collect::<Result<_, _>>()?;
        tx.commit().await?;
        Ok(owed)
    }
}
