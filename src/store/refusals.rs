//! Refusals: what is known against the grant of an account, and how many accounts share it.
//!
//! Invariant: a row here changes no account. What it amounts to is decided in `domain`.

use crate::{Store, convert};
use base::Fault;
use domain::id::AccountId;
use domain::outage::{self, Census};
use domain::time::Timestamp;
use sqlx::{Postgres, Row, Transaction};
use std::time::Duration;

/// Calls that are refused further apart than this are not one affair.
const PAUSE_MAX: Duration = Duration::from_secs(1_800);
/// What the platform did for others within this time shows that it is in order. Shorter than the
/// rest of a platform, so that what went before an outage does not hide it.
const ANSWERING: Duration = Duration::from_secs(240);

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A call by the access token of this version. Only one by a fresh token counts.
    Call {
        /// The version of the grant.
        version: i64,
        /// It was granted or renewed just before, or nothing newer can be had.
        is_fresh: bool,
    },
    /// The renewal of the grant.
    Renewal,
}

/// An account whose grant was refused.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// Which account.
    pub account: AccountId,
    /// On which platform.
    pub platform: &'a str,
}

/// What is known after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusals {
    /// Since when calls by fresh tokens have been refused, if they have.
    pub refused_since: Option<Timestamp>,
    /// The version of the grant whose access token was refused last.
    pub refused_version: Option<i64>,
    /// Since when the grant's renewal has been refused, if it has.
    pub dead_since: Option<Timestamp>,
    /// How many others there are.
    pub census: Census,
}

/// What is known against the renewal of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// When it was refused last.
    pub dead_at: Option<Timestamp>,
    /// The version of the grant whose access token was refused last.
    pub refused_version: Option<i64>,
    /// The platform's words.
    pub reason: String,
    /// The present, by the database's clock.
    pub now: Timestamp,
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl Store {
    /// Writes a refusal down and counts those of the platform.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn count_refusal(
        &self,
        whose: Whose<'_>,
        kind: Kind,
        reason: &str,
    ) -> Result<Refusals, Fault> {
        let (version, is_counted, is_renewal) = match kind {
            Kind::Call { version, is_fresh } => (Some(version), is_fresh, false),
            Kind::Renewal => (None, true, true),
        };
        let row = sqlx::query(
            "WITH mine AS (
                 INSERT INTO refusals AS r (account_id, platform, refused_version, refused_since,
                     refused_at, dead_since, dead_at, counted_at, reason)
                 SELECT $1, $2, $3, call, call, dead, dead, coalesce(call, dead), $6
                 FROM (SELECT CASE WHEN $4 AND NOT $5 THEN clock_timestamp() END AS call,
                     CASE WHEN $5 THEN clock_timestamp() END AS dead) AS t
                 ON CONFLICT (account_id) DO UPDATE
                 SET refused_version = coalesce(EXCLUDED.refused_version, r.refused_version),
                     refused_since = CASE
                         WHEN EXCLUDED.refused_at IS NULL
                             OR r.refused_at > EXCLUDED.refused_at - $7 * interval '1 millisecond'
                             THEN r.refused_since
                         ELSE EXCLUDED.refused_since END,
                     refused_at = coalesce(EXCLUDED.refused_at, r.refused_at),
                     dead_since = coalesce(r.dead_since, EXCLUDED.dead_since),
                     dead_at = coalesce(EXCLUDED.dead_at, r.dead_at),
                     counted_at = coalesce(EXCLUDED.counted_at, r.counted_at),
                     reason = EXCLUDED.reason
                 RETURNING r.*
             ), times AS (
                 SELECT counted_at FROM mine UNION ALL
                 SELECT counted_at FROM refusals WHERE platform = $2 AND account_id <> $1
                     AND counted_at > clock_timestamp() - $9 * interval '1 millisecond'
             )
             SELECT mine.refused_since, mine.refused_version, mine.dead_since,
                 (SELECT count(*) FROM times
                  WHERE counted_at > clock_timestamp() - $8 * interval '1 millisecond') AS refused,
                 (SELECT count(*) FROM times
                  WHERE counted_at > clock_timestamp() - $9 * interval '1 millisecond') AS lately,
                 (SELECT count(*) FROM accounts
                  WHERE platform = $2 AND status = 'connected' AND app <> 'test') AS connected
             FROM mine",
        )
        .bind(whose.account.uuid())
        .bind(whose.platform)
        .bind(version)
        .bind(is_counted)
        .bind(is_renewal)
        .bind(reason)
        .bind(ms(PAUSE_MAX))
        .bind(ms(outage::WINDOW))
        .bind(ms(outage::LATELY))
        .fetch_one(&self.pool)
        .await?;
        let count = |column: &str| -> Result<u64, Fault> {
            Ok(row.try_get::<i64, _>(column)?.max(0).unsigned_abs())
        };
        let mut census = Census {
            refused: count("refused")?,
            lately: count("lately")?,
            connected: count("connected")?,
            is_answering: false,
        };
        if outage::state(census) != outage::State::InOrder {
            census.is_answering = self.is_answering(whose, is_renewal).await?;
        }
        Ok(Refusals {
            refused_since: convert::time_or_none(&row, "refused_since")?,
            refused_version: row.try_get("refused_version")?,
            dead_since: convert::time_or_none(&row, "dead_since")?,
            census,
        })
    }

    /// The platform has just done the same for another account.
    async fn is_answering(&self, whose: Whose<'_>, is_renewal: bool) -> Result<bool, Fault> {
        let row = sqlx::query(
            "SELECT EXISTS (
                 SELECT FROM accounts a
                 WHERE a.platform = $1 AND a.status = 'connected' AND a.id <> $2 AND a.app <> 'test'
                     AND CASE WHEN $3 THEN EXISTS (
                         SELECT FROM credentials c WHERE c.account_id = a.id
                             AND c.refreshed_at > clock_timestamp() - $4 * interval '1 millisecond')
                     ELSE EXISTS (
                         SELECT FROM deliveries d WHERE d.account_id = a.id
                             AND d.published_at > clock_timestamp() - $4 * interval '1 millisecond')
                     END) AS is_answering",
        )
        .bind(whose.platform)
        .bind(whose.account.uuid())
        .bind(is_renewal)
        .bind(ms(ANSWERING))
        .fetch_one(&self.pool)
        .await?;
        Ok(row.try_get("is_answering")?)
    }

    /// What is known against the renewal of an account's grant.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn known_against(&self, account: AccountId) -> Result<Option<Known>, Fault> {
        let row = sqlx::query(
            "SELECT dead_at, refused_version, reason, clock_timestamp() AS now
             FROM refusals WHERE account_id = $1",
        )
        .bind(account.uuid())
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            Ok(Known {
                dead_at: convert::time_or_none(&row, "dead_at")?,
                refused_version: row.try_get("refused_version")?,
                reason: row.try_get("reason")?,
                now: convert::time(&row, "now")?,
            })
        })
        .transpose()
    }
}

/// The grant was renewed: nothing is known against renewing it.
pub(crate) async fn renewed(
    tx: &mut Transaction<'_, Postgres>,
    account: AccountId,
) -> Result<(), Fault> {
    sqlx::query("UPDATE refusals SET dead_since = NULL, dead_at = NULL WHERE account_id = $1")
        .bind(account.uuid())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The account was connected anew: nothing is known against it.
pub(crate) async fn forget(
    tx: &mut Transaction<'_, Postgres>,
    account: AccountId,
) -> Result<(), Fault> {
    sqlx::query("DELETE FROM refusals WHERE account_id = $1")
        .bind(account.uuid())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
