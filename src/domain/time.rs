//! Instants, as milliseconds since the Unix epoch in UTC.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// An instant in UTC with the precision of a millisecond. JSON shows it as RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `ms` milliseconds after the Unix epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// The instant `s` seconds after the Unix epoch.
    pub const fn from_seconds(s: i64) -> Self {
        Self(s.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// The time from `earlier` to this instant; zero when `earlier` lies later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// Reads an RFC 3339 date and time with an offset, as `2026-12-01T09:00:00Z`. A part of a
    /// millisecond, and a leap second, is waited for to its end: what is due then is never early.
    pub fn parse(text: &str) -> Option<Self> {
        // RFC 3339 has years of four digits; those with a sign begin before Postgres's time.
        if !text.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let read = text.parse::<jiff::Timestamp>().ok()?;
        if is_leap_second(text) {
            // No clock here has one; it was read as the second before it.
            return Some(Self::from_seconds(read.as_second().saturating_add(1)));
        }
        let has_part = read.subsec_nanosecond() % 1_000_000 > 0;
        Some(Self(read.as_millisecond().saturating_add(i64::from(has_part))))
    }
}

/// The time of day in this instant has the second 60.
fn is_leap_second(text: &str) -> bool {
    let time = text.split(['T', 't', ' ']).nth(1).unwrap_or_default();
    let digits: String = time.chars().filter(|c| *c != ':').take(6).collect();
    digits.len() == 6 && digits.ends_with("60") && digits.bytes().all(|b| b.is_ascii_digit())
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        text.format(Some(format)).examples(["2026-12-01T09:00:00.000Z"]).into()
    }
}
impl ToSchema for Timestamp {}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 instant"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_is_read_with_any_offset_and_written_in_utc() {
        let t = Timestamp::parse("2026-12-01T10:00:00.250+01:00").unwrap();
        assert_eq!(t.to_string(), "2026-12-01T09:00:00.250Z");
        assert_eq!(Timestamp::parse("2026-12-01T09:00:00"), None, "a time without offset is local");
        for text in ["-005000-01-01T00:00:00Z", "+012026-12-01T09:00:00Z"] {
            assert_eq!(Timestamp::parse(text), None, "a year has four digits: {text}");
        }
    }

    // case: S-edges
    #[test]
    fn every_form_of_an_instant_is_read_as_that_instant_and_never_as_an_earlier_one() {
        for (text, read) in [
            ("2028-02-29T00:00:00Z", "2028-02-29T00:00:00.000Z"),
            ("2026-12-01t09:00:00.25z", "2026-12-01T09:00:00.250Z"),
            ("2026-12-01 09:00:00-00:00", "2026-12-01T09:00:00.000Z"),
            ("2026-12-01T23:59:59.999+14:00", "2026-12-01T09:59:59.999Z"),
            ("2026-12-01T09:00:00-12:30", "2026-12-01T21:30:00.000Z"),
            ("9999-12-30T22:00:00Z", "9999-12-30T22:00:00.000Z"),
            // A clock that counts milliseconds waits for the next one.
            ("2026-12-01T09:00:00.000000001Z", "2026-12-01T09:00:00.001Z"),
            ("2026-12-01T09:00:00.9999Z", "2026-12-01T09:00:01.000Z"),
            ("2026-12-01T09:00:60Z", "2026-12-01T09:01:00.000Z"),
            ("2026-12-31T23:59:60.5Z", "2027-01-01T00:00:00.000Z"),
            ("20261201T090060Z", "2026-12-01T09:01:00.000Z"),
            ("2026-12-01T09:00:00+01:00", "2026-12-01T08:00:00.000Z"),
        ] {
            assert_eq!(Timestamp::parse(text).map(|at| at.to_string()), Some(read.to_owned()));
        }
    }

    // case: S-edges
    #[test]
    fn what_is_no_instant_is_none() {
        for text in [
            "2026-02-29T09:00:00Z",
            "2100-02-29T09:00:00Z",
            "2026-12-01T24:00:00Z",
            "2026-12-01T09:60:00Z",
            "2026-12-01T09:00:61Z",
            "2026-13-01T09:00:00Z",
            "2026-12-00T09:00:00Z",
            "2026-12-01T09:00:00",
            "2026-12-01T09:00:00+27:00",
            "2026-12-01",
            "9999-12-31T23:59:59Z",
            "10000-01-01T00:00:00Z",
            "+999999-01-01T00:00:00Z",
            "99999999999999999999",
            "1764579600",
            "tomorrow",
            "",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_span_never_goes_below_zero() {
        let t = Timestamp::from_seconds(10);
        assert_eq!(t.since(t + Duration::from_secs(1)), Duration::ZERO);
        assert_eq!((t - Duration::from_secs(4)).ms(), 6_000);
    }
}
