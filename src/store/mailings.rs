//! What is to be mailed, and what was: one at a time tells of a kind, over the whole fleet.

use crate::{Store, convert};
use base::Fault;
use domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use std::time::Duration;

/// What was written in a transaction that is under way is looked for when that has ended.
const SETTLED_AFTER: &str = "15 seconds";
/// Whoever tells has so long; then another one may.
const TAKEN_FOR: &str = "2 minutes";

/// What people are mailed about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    /// Deliveries that wait in review.
    Review,
    /// Accounts that need their owner.
    Reconnect,
}

impl Matter {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Review, Self::Reconnect];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Reconnect => "needs_reconnect",
        }
    }

    /// What is open of it, each with when that began.
    const fn open(self) -> &'static str {
        match self {
            Self::Review => {
                "SELECT 'dlv_' || replace(d.id::text, '-', '') AS subject, a.handle, a.platform,
                     b.slug AS brand, t.name AS tenant, r.since,
                     coalesce(d.failure->>'message', 'nobody knows whether it is out') AS reason
                 FROM open_reviews r JOIN deliveries d ON d.id = r.delivery_id
                 JOIN accounts a ON a.id = d.account_id
                 JOIN brands b ON b.id = a.brand_id JOIN tenants t ON t.id = d.tenant_id
                 WHERE t.test_of IS NULL"
            }
            Self::Reconnect => {
                "SELECT 'acc_' || replace(a.id::text, '-', '') AS subject, a.handle, a.platform,
                     b.slug AS brand, t.name AS tenant, a.status_at AS since,
                     coalesce(a.status_reason, 'its grant is over') AS reason
                 FROM accounts a
                 JOIN brands b ON b.id = a.brand_id JOIN tenants t ON t.id = a.tenant_id
                 WHERE a.status IN ('needs_reconnect', 'damaged') AND t.test_of IS NULL"
            }
        }
    }
}

/// One thing that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its identifier.
    pub subject: String,
    /// The account's name.
    pub handle: String,
    /// Where.
    pub platform: String,
    /// Its brand.
    pub brand: String,
    /// Whose.
    pub tenant: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// What is to be mailed of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// How many are open.
    pub count: i64,
    /// The newest of them.
    pub open: Vec<Open>,
    until: Timestamp,
}

impl Store {
    /// Takes a kind in hand, where something began since the last mail, and that is long enough
    /// ago.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn take_mailing(
        &self,
        matter: Matter,
        every: Duration,
        most: i64,
    ) -> Result<Option<Digest>, Fault> {
        let mut tx = self.pool.begin().await?;
        let taken = sqlx::query(
            "INSERT INTO mailings AS m (kind, taken_until)
             VALUES ($1, clock_timestamp() + $3::text::interval)
             ON CONFLICT (kind) DO UPDATE SET taken_until = EXCLUDED.taken_until
             WHERE m.taken_until < clock_timestamp() AND (m.mailed_at IS NULL
                 OR m.mailed_at <= clock_timestamp() - $2 * interval '1 second')
             RETURNING told_until::text AS told_until,
                 date_trunc('milliseconds', clock_timestamp() - $4::text::interval) AS until",
        )
        .bind(matter.as_str())
        .bind(i64::try_from(every.as_secs()).unwrap_or(i64::MAX))
        .bind(TAKEN_FOR)
        .bind(SETTLED_AFTER)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(taken) = taken else { return Ok(None) };
        let until = convert::time(&taken, "until")?;
        let told_until: String = taken.try_get("told_until")?;
        let open = matter.open();
        // Constants of this file.
        let rows = sqlx::query(AssertSqlSafe(format!(
            "WITH open AS ({open}), counted AS (
                 SELECT count(*) AS count, bool_or(since > $1::text::timestamptz) AS is_new
                 FROM open WHERE since <= $2)
             SELECT o.*, c.count FROM open o CROSS JOIN counted c
             WHERE c.is_new AND o.since <= $2 ORDER BY o.since DESC, o.subject LIMIT $3"
        )))
        .bind(&told_until)
        .bind(convert::at(until))
        .bind(most)
        .fetch_all(&mut *tx)
        .await?;
        let Some(first) = rows.first() else {
            // Nothing new: whoever looks next may.
            tx.rollback().await?;
            return Ok(None);
        };
        let count = first.try_get("count")?;
        let open = rows.iter().map(open_of).collect::<Result<_, _>>()?;
        tx.commit().await?;
        Ok(Some(Digest { count, open, until }))
    }

    /// It was mailed.
    ///
    /// # Errors
    /// When Postgres fails; then it may be mailed once more.
    pub async fn end_mailing(&self, matter: Matter, digest: &Digest) -> Result<(), Fault> {
        sqlx::query(
            "UPDATE mailings SET told_until = $2, mailed_at = clock_timestamp(),
                 taken_until = '-infinity' WHERE kind = $1",
        )
        .bind(matter.as_str())
        .bind(convert::at(digest.until))
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

fn open_of(row: &PgRow) -> Result<Open, Fault> {
    Ok(Open {
        subject: row.try_get("subject")?,
        handle: row.try_get("handle")?,
        platform: row.try_get("platform")?,
        brand: row.try_get("brand")?,
        tenant: row.try_get("tenant")?,
        reason: row.try_get("reason")?,
        since: convert::time(row, "since")?,
    })
}
