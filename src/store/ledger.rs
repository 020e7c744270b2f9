//! The ledger read as a count: which irreversible calls were made of late, by whom.

use crate::accounts::Account;
use crate::overviews::own_of;
use crate::{Store, convert};
use base::Fault;
use domain::id::{AccountId, TenantId};
use domain::limit::Own;
use domain::time::Timestamp;
use sqlx::Row;

/// Rows of the ledger that a count looks at, the youngest. 200,000: a fleet that makes more calls
/// in a day undercounts the day's first ones after a loss of Redis.
const ROWS_MAX: i64 = 200_000;

/// A window whose calls are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Of which platform.
    pub platform: &'a str,
    /// Which calls.
    pub endpoint: &'a str,
    /// Its length in seconds, which is its name.
    pub window_s: u64,
    /// How far back its calls count, in seconds.
    pub back_s: u64,
}

/// The calls of one account that may be in the window that runs now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// Whose.
    pub tenant: TenantId,
    /// On which platform.
    pub platform: String,
    /// Through which of our registrations.
    pub app: String,
    /// The key of the tenant's own registration, where it is one.
    pub own_app_key: Option<String>,
    /// Which account.
    pub account: AccountId,
    /// Which calls.
    pub endpoint: String,
    /// The length of the window, in seconds.
    pub window_s: u64,
    /// How many.
    pub calls: u32,
    /// The intent of the last of them.
    pub last_at: Timestamp,
}

impl Spent {
    /// What lanes, groups, gates and counters call the registration of the account.
    pub fn app_key(&self) -> &str {
        self.own_app_key.as_deref().unwrap_or(&self.app)
    }
}

/// What was used of the limits that the owner of an account has set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnUsed {
    /// Which account.
    pub account: Account,
    /// Its limits.
    pub own: Own,
    /// Posts that left since midnight.
    pub today: u32,
    /// When the last one left.
    pub last_at: Timestamp,
}

impl Store {
    /// What was used of owners' limits, of a day that began then and of gaps of a day at most.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn own_limits_used(&self, midnight: Timestamp) -> Result<Vec<OwnUsed>, Fault> {
        // Nothing goes out more than three days after it was due.
        let rows = sqlx::query(
            "SELECT a.id, a.posts_per_day, a.min_gap_s, n.today, n.last_at
             FROM accounts a CROSS JOIN LATERAL (
                 SELECT count(*) FILTER (WHERE t.at >= $1) AS today, max(t.at) AS last_at
                 FROM (SELECT d.intended_at AS at FROM deliveries d
                     WHERE d.account_id = a.id AND d.due_at <= (SELECT clock_timestamp())
                         AND d.due_at > (SELECT clock_timestamp()) - interval '4 days'
                         AND d.intended_at > clock_timestamp() - interval '1 day'
                     UNION ALL SELECT r.ended_at
                     FROM reposts r JOIN deliveries d ON d.id = r.delivery_id
                     WHERE d.account_id = a.id AND r.status = 'published'
                         AND r.ended_at > (SELECT clock_timestamp()) - interval '1 day') t) n
             WHERE (a.posts_per_day IS NOT NULL OR a.min_gap_s IS NOT NULL)
                 AND n.last_at IS NOT NULL",
        )
        .bind(convert::at(midnight))
        .fetch_all(&self.pool)
        .await?;
        let ids = rows.iter().map(|row| convert::id(row, "id")).collect::<Result<Vec<_>, _>>()?;
        let mut accounts = self.accounts_by_id(&ids).await?;
        let mut used = Vec::with_capacity(rows.len());
        for (row, id) in rows.iter().zip(ids) {
            let Some(account) = accounts.remove(&id) else { continue };
            used.push(OwnUsed {
                account,
                own: own_of(row)?,
                today: u32::try_from(row.try_get::<i64, _>("today")?).unwrap_or(u32::MAX),
                last_at: convert::time(row, "last_at")?,
            });
        }
        Ok(used)
    }

    /// The calls intended within each of these windows up to now, but for those taken back.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn calls_spent(&self, asked: &[Asked<'_>]) -> Result<Vec<Spent>, Fault> {
        let seconds = |s: u64| i64::try_from(s).unwrap_or(i64::MAX);
        let rows = sqlx::query(
            "WITH w AS (
                 SELECT * FROM UNNEST($1::text[], $2::text[], $3::bigint[], $4::bigint[])
                     AS t (platform, endpoint, window_s, back_s)
             ), recent AS (
                 SELECT delivery_id, endpoint, intended_at, outcome FROM attempts
                 ORDER BY id DESC LIMIT $5
             )
             SELECT a.tenant_id, a.platform, a.app, a.own_app_key, a.id AS account_id, w.endpoint,
                 w.window_s, count(*) AS calls, max(r.intended_at) AS last_at
             FROM recent r
             JOIN deliveries d ON d.id = r.delivery_id
             JOIN accounts a ON a.id = d.account_id
             JOIN w ON w.platform = a.platform AND w.endpoint = r.endpoint
             WHERE r.intended_at > clock_timestamp() - w.back_s * interval '1 second'
                 AND r.outcome IS DISTINCT FROM 'withdrawn'
             GROUP BY a.id, w.endpoint, w.window_s",
        )
        .bind(asked.iter().map(|a| a.platform.to_owned()).collect::<Vec<_>>())
        .bind(asked.iter().map(|a| a.endpoint.to_owned()).collect::<Vec<_>>())
        .bind(asked.iter().map(|a| seconds(a.window_s)).collect::<Vec<_>>())
        .bind(asked.iter().map(|a| seconds(a.back_s)).collect::<Vec<_>>())
        .bind(ROWS_MAX)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Spent {
                    tenant: convert::id(row, "tenant_id")?,
                    platform: row.try_get("platform")?,
                    app: row.try_get("app")?,
                    own_app_key: row.try_get("own_app_key")?,
                    account: convert::id(row, "account_id")?,
                    endpoint: row.try_get("endpoint")?,
                    window_s: u64::try_from(row.try_get::<i64, _>("window_s")?).unwrap_or(0),
                    calls: u32::try_from(row.try_get::<i64, _>("calls")?).unwrap_or(u32::MAX),
                    last_at: convert::time(row, "last_at")?,
                })
            })
            .collect()
    }
}
