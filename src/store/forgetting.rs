//! What is over is forgotten: claims of requests, messages to endpoints, lines of timelines.
//!
//! Ids sort by time, so a walk along them finds the old first and needs no index of its own; where a
//! walk has come to is kept by whoever walks.

use crate::Store;
use crate::claims::KEPT_H;
use base::Fault;
use domain::time::Timestamp;
use sqlx::Row;
use std::time::Duration;
use uuid::Uuid;

/// Rows that one step looks at.
const STEP: i64 = 1_000;
/// An id is older than its row by less than this.
const MARGIN: Duration = Duration::from_secs(3_600);

/// What is forgotten, walk by walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `Idempotency-Key`s that serve no more.
    Claims,
    /// Messages to endpoints that have ended, in the order of their making.
    Messages,
    /// Lines of what was tried for a delivery.
    Timeline,
}

/// A step of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// How far it came; `None` behind the last that is old enough.
    pub last: Option<Uuid>,
    /// Rows that are gone.
    pub gone: u64,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Claims, Self::Messages, Self::Timeline];

    /// The word for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claims => "claims",
            Self::Messages => "messages",
            Self::Timeline => "timeline",
        }
    }

    /// A page of what may be old enough, and what of it goes. A message is behind its own ladder
    /// long before it goes; a delivery may be as old as its plan, and its lines young.
    const fn sql(self) -> &'static str {
        match self {
            Self::Claims => {
                "WITH page AS (SELECT tenant_id, key, post_id AS id FROM idempotency_keys
                     WHERE post_id > $1 AND post_id < $2 ORDER BY post_id LIMIT $3),
                 gone AS (DELETE FROM idempotency_keys k USING page p WHERE k.key = p.key
                     AND k.tenant_id = p.tenant_id AND NOT k.is_for_ever AND k.created_at <
                     clock_timestamp() - $4 * interval '1 second' RETURNING 1)"
            }
            Self::Messages => {
                "WITH page AS (SELECT id FROM webhook_messages
                     WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3),
                 gone AS (DELETE FROM webhook_messages m USING page p WHERE m.id = p.id
                     AND m.ended_at < clock_timestamp() - $4 * interval '1 second' RETURNING 1)"
            }
            Self::Timeline => {
                "WITH page AS (SELECT delivery_id AS id, id AS line FROM timeline
                     WHERE delivery_id > $1 AND delivery_id < $2 ORDER BY delivery_id LIMIT $3),
                 gone AS (DELETE FROM timeline t USING page p WHERE t.delivery_id = p.id
                     AND t.id = p.line
                     AND t.at < clock_timestamp() - $4 * interval '1 second' RETURNING 1)"
            }
        }
    }
}

/// How long a claim by a key is kept.
pub const CLAIMS_KEPT: Duration = Duration::from_secs(KEPT_H * 3_600);

impl Store {
    /// Forgets what of a kind is older than `age`, behind `after`: a step of a walk.
    ///
    /// # Errors
    /// When Postgres fails; then nothing is forgotten.
    pub async fn forget(&self, kind: Kind, age: Duration, after: Uuid) -> Result<Step, Fault> {
        let now = self.time().await?;
        let sql = format!(
            "{} SELECT (SELECT count(*) FROM gone) AS gone,
                 (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last",
            kind.sql()
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(after)
            .bind(first_id(now - age + MARGIN))
            .bind(STEP)
            .bind(i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
            .fetch_one(&self.pool)
            .await?;
        let gone = u64::try_from(row.try_get::<i64, _>("gone")?).unwrap_or(0);
        Ok(Step { last: row.try_get("last")?, gone })
    }
}

/// The smallest id that can be made at an instant.
fn first_id(at: Timestamp) -> Uuid {
    Uuid::from_u128(u128::from(u64::try_from(at.ms()).unwrap_or(0)) << 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_behind_the_first_one_of_its_instant() {
        let before = first_id(base::clock::now());
        let id = base::rng::id::<domain::id::kind::Post>().uuid();
        let after = first_id(base::clock::now() + Duration::from_secs(1));
        assert!(before <= id && id < after, "{before} {id} {after}");
    }
}
