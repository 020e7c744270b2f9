//! Deaths of a process that a job may have caused, counted where the job's fact is.
//!
//! The first death counts for whatever may have been running. From then on the job runs alone,
//! and that it does is written down first: a further death counts only if it is written there,
//! and counting takes it away. So one death counts once, and never for a job that only waited.

use crate::Store;
use crate::jobs::JobKind;
use base::Fault;
use domain::id::DeliveryId;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

/// Whose deaths are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Culprit {
    /// A delivery, whether it is published or asked about.
    Delivery(DeliveryId),
    /// Another job, as long as it is owed.
    Job(JobKind, Uuid),
}

impl Store {
    /// Counts the death that a suspect brings along, if it is not counted yet; deaths so far. 0
    /// when there is no such thing any more.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn count_crash(&self, culprit: Culprit, epoch: i64) -> Result<i32, Fault> {
        let set = "crashes = crashes + (crashes = 0 OR coalesce(alone_epoch < $3, false))::int,
             alone_epoch = CASE WHEN alone_epoch >= $3 THEN alone_epoch END";
        let row = self.change(culprit, set, epoch).await?;
        Ok(row.map(|row| row.try_get("crashes")).transpose()?.unwrap_or(0))
    }

    /// Writes down that a suspect begins to run alone under this claim.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn begin_alone(&self, culprit: Culprit, epoch: i64) -> Result<(), Fault> {
        self.change(culprit, "alone_epoch = greatest(alone_epoch, $3)", epoch).await?;
        Ok(())
    }

    /// Writes down that it came to an end in good order, whatever the end was.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn end_alone(&self, culprit: Culprit, epoch: i64) -> Result<(), Fault> {
        self.change(culprit, "alone_epoch = nullif(alone_epoch, $3)", epoch).await?;
        Ok(())
    }

    /// `set` is a constant of this file.
    async fn change(
        &self,
        culprit: Culprit,
        set: &'static str,
        epoch: i64,
    ) -> Result<Option<PgRow>, Fault> {
        let (table, whose, kind, id) = match culprit {
            Culprit::Delivery(id) => ("deliveries", "$1 = '' AND id = $2", "", id.uuid()),
            Culprit::Job(kind, id) => ("jobs", "kind = $1 AND subject = $2", kind.as_str(), id),
        };
        let sql = format!("UPDATE {table} SET {set} WHERE {whose} RETURNING crashes");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(kind).bind(id).bind(epoch);
        Ok(row.fetch_optional(&self.pool).await?)
    }
}
