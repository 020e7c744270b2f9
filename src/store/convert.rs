//! Between the words of the domain and the types of Postgres.

use base::{Context, Fault};
use chrono::{DateTime, Utc};
use domain::id::Id;
use domain::time::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use std::time::Duration;
use uuid::Uuid;

/// An instant for Postgres.
pub(crate) fn at(time: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time.ms()).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// An instant from Postgres, without its microseconds: never later than it was.
pub(crate) fn time(row: &PgRow, column: &str) -> Result<Timestamp, Fault> {
    let value: DateTime<Utc> = row.try_get(column)?;
    Ok(Timestamp::from_ms(value.timestamp_millis()))
}

/// An instant that may be missing.
pub(crate) fn time_or_none(row: &PgRow, column: &str) -> Result<Option<Timestamp>, Fault> {
    let value: Option<DateTime<Utc>> = row.try_get(column)?;
    Ok(value.map(|value| Timestamp::from_ms(value.timestamp_millis())))
}

/// An identifier.
pub(crate) fn id<K>(row: &PgRow, column: &str) -> Result<Id<K>, Fault> {
    Ok(Id::new(row.try_get::<Uuid, _>(column)?))
}

/// An identifier that may be missing.
pub(crate) fn id_or_none<K>(row: &PgRow, column: &str) -> Result<Option<Id<K>>, Fault> {
    Ok(row.try_get::<Option<Uuid>, _>(column)?.map(Id::new))
}

/// Whole seconds, for an interval.
pub(crate) fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// A JSON column read into its type.
pub(crate) fn json<T: DeserializeOwned + Send + Unpin + 'static>(
    row: &PgRow,
    column: &str,
) -> Result<T, Fault> {
    Ok(row.try_get::<Json<T>, _>(column)?.0)
}

/// A word of the domain; a word it does not know is a fault of the data.
pub(crate) fn word<T>(
    row: &PgRow,
    column: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, Fault> {
    let text: String = row.try_get(column)?;
    parse(&text).context(format!("unknown word {text:?} in column {column}"))
}
