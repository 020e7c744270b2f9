//! The database's clock, as this process last heard it.
//!
//! Workers' clocks are wrong now and then; what is compared with a due time is compared with this.

use crate::{Store, convert};
use base::{Context, Fault, clock};
use domain::time::Timestamp;
use sqlx::PgConnection;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What was heard last, and when by the clock that never goes back.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Option<(Instant, Timestamp)>>>);

impl Heard {
    /// Takes up what the database's clock has just shown.
    pub(crate) fn hear(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((clock::stopwatch(), now));
    }

    /// Asks over a new connection.
    pub(crate) async fn ask(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let row = sqlx::query("SELECT clock_timestamp() AS now").fetch_one(connection).await?;
        if let Ok(now) = convert::time(&row, "now") {
            self.hear(now);
        }
        Ok(())
    }
}

impl Store {
    /// The database's clock, asked.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn time(&self) -> Result<Timestamp, Fault> {
        let row = sqlx::query("SELECT clock_timestamp() AS now").fetch_one(&self.pool).await;
        let now = convert::time(&row.context("asking Postgres for the time")?, "now")?;
        self.heard(now);
        Ok(now)
    }

    /// Carries the database's clock on from this.
    pub(crate) fn heard(&self, now: Timestamp) {
        self.heard.hear(now);
    }

    /// The database's clock, carried on from when it was heard last: at each connection, and with
    /// every delivery that is loaded.
    pub fn now(&self) -> Timestamp {
        let heard = *self.heard.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.map_or_else(clock::now, |(at, now)| now + at.elapsed())
    }
}
