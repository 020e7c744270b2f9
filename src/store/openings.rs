//! How often the grants of an account were opened, by purpose and hour.

use crate::{Store, convert};
use base::Fault;
use domain::id::{AccountId, TenantId};
use domain::time::Timestamp;
use sqlx::Row;
use uuid::Uuid;

/// Openings are kept this long.
const KEPT_DAYS: i32 = 90;

/// Openings of one account for one purpose in one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Whose account.
    pub tenant: TenantId,
    /// Which account.
    pub account: AccountId,
    /// What for.
    pub purpose: String,
    /// The hour.
    pub hour: Timestamp,
    /// How often.
    pub count: i64,
}

impl Store {
    /// Adds openings to what was counted before; one statement, whatever their number. They have
    /// to be of different accounts, purposes or hours.
    ///
    /// # Errors
    /// When Postgres fails; then none is counted.
    pub async fn count_openings(&self, mut opened: Vec<Opened>) -> Result<(), Fault> {
        // Everybody locks the rows in one order.
        opened
            .sort_by(|a, b| (a.account, a.hour, &a.purpose).cmp(&(b.account, b.hour, &b.purpose)));
        let uuids = |of: fn(&Opened) -> Uuid| opened.iter().map(of).collect::<Vec<_>>();
        sqlx::query(
            "INSERT INTO openings AS o (tenant_id, account_id, purpose, hour, count)
             SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[],
                 $5::bigint[])
             ON CONFLICT (account_id, hour, purpose) DO UPDATE
             SET count = o.count + EXCLUDED.count",
        )
        .bind(uuids(|one| one.tenant.uuid()))
        .bind(uuids(|one| one.account.uuid()))
        .bind(opened.iter().map(|one| one.purpose.clone()).collect::<Vec<_>>())
        .bind(opened.iter().map(|one| convert::at(one.hour)).collect::<Vec<_>>())
        .bind(opened.iter().map(|one| one.count).collect::<Vec<_>>())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets what is older than three months.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn forget_openings(&self) -> Result<(), Fault> {
        sqlx::query(
            "DELETE FROM openings WHERE hour < clock_timestamp() - make_interval(days => $1)",
        )
        .bind(KEPT_DAYS)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The openings since an instant, of one account or all, newest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn openings(
        &self,
        account: Option<AccountId>,
        since: Timestamp,
        limit: i64,
    ) -> Result<Vec<Opened>, Fault> {
        let rows = sqlx::query(
            "SELECT tenant_id, account_id, purpose, hour, count FROM openings
             WHERE hour >= date_trunc('hour', $1::timestamptz)
                 AND ($2::uuid IS NULL OR account_id = $2)
             ORDER BY hour DESC, account_id, purpose LIMIT $3",
        )
        .bind(convert::at(since))
        .bind(account.map(|account| account.uuid()))
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Opened {
                    tenant: convert::id(row, "tenant_id")?,
                    account: convert::id(row, "account_id")?,
                    purpose: row.try_get("purpose")?,
                    hour: convert::time(row, "hour")?,
                    count: row.try_get("count")?,
                })
            })
            .collect()
    }
}
