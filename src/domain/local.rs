//! Times as the clocks of a place show them, and the instants that they are.
//!
//! The rules of all zones come with the program, so every machine gives the same answer.
//!
//! Invariant: a time that the clocks skip is moved forward by as much as they skip; of a time
//! that they show twice the first is meant. Both are told.

use crate::request::nearest;
use crate::time::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{self, AmbiguousOffset, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

/// The IANA database inside the program.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The longest name of a zone that is looked up; none is nearly as long.
const NAME_CHARS_MAX: usize = 64;

/// A zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(tz::TimeZone);

/// A date and a time without a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall(DateTime);

/// How the clocks of a zone stand to a time on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shift {
    /// They show it once.
    None,
    /// They skip it, going forward by this much.
    Skipped(Duration),
    /// They show it twice, going back by this much.
    Twice(Duration),
}

/// A time in words: as it was written, where, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Local {
    /// As the clocks were to show it.
    pub time: String,
    /// The name of the zone.
    pub time_zone: String,
    /// What is to be known, where the clocks skip the time or show it twice.
    pub note: Option<String>,
}

impl TimeZone {
    /// Universal time.
    pub const UTC: Self = Self(tz::TimeZone::UTC);

    /// The zone of a name, as `Europe/Berlin`, whatever its capitals.
    pub fn named(name: &str) -> Option<Self> {
        let zone = ZONES.get(name).ok().map(Self);
        // The database has an entry for not knowing.
        zone.filter(|zone| !zone.0.is_unknown())
    }

    /// The name that a misspelt one was meant to be: a city alone is enough.
    pub fn nearest(name: &str) -> Option<String> {
        if name.chars().nth(NAME_CHARS_MAX).is_some() {
            return None;
        }
        let names: Vec<String> = ZONES.available().map(|name| name.to_string()).collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let typed = name.trim().replace(' ', "_");
        let city = |known: &&str| {
            known.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&typed))
        };
        // Older names of a place have no continent, so those with one come first.
        let of_city = known.iter().copied().filter(|name| name.contains('/')).find(city);
        of_city.or_else(|| nearest(&typed, &known)).map(str::to_owned)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The instant at which the clocks show this, or would have. `None` beyond the year 9999.
    pub fn instant(&self, wall: Wall) -> Option<(Timestamp, Shift)> {
        let ambiguous = self.0.to_ambiguous_timestamp(wall.0);
        let seconds = |by: i32| Duration::from_secs(by.unsigned_abs().into());
        let shift = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => Shift::None,
            AmbiguousOffset::Gap { before, after } => {
                Shift::Skipped(seconds(after.seconds() - before.seconds()))
            }
            AmbiguousOffset::Fold { before, after } => {
                Shift::Twice(seconds(before.seconds() - after.seconds()))
            }
        };
        // "Compatible" is the rule of RFC 5545: forward out of a gap, the first of a fold.
        let at = ambiguous.compatible().ok()?;
        // A part of a millisecond is waited for to its end, as in `Timestamp::parse`.
        let has_part = at.subsec_nanosecond() % 1_000_000 > 0;
        Some((Timestamp::from_ms(at.as_millisecond() + i64::from(has_part)), shift))
    }

    /// What the clocks show at an instant. `None` beyond the year 9999.
    pub fn wall(&self, at: Timestamp) -> Option<Wall> {
        let at = jiff::Timestamp::from_millisecond(at.ms()).ok()?;
        Some(Wall(self.0.to_datetime(at)))
    }

    /// An instant with the date, the time and the offset of this zone, in RFC 3339.
    pub fn written(&self, at: Timestamp) -> String {
        match jiff::Timestamp::from_millisecond(at.ms()) {
            Ok(instant) => instant.display_with_offset(self.0.to_offset(instant)).to_string(),
            Err(_) => at.to_string(),
        }
    }

    /// A time on the wall and its instant, in words.
    pub fn told(&self, wall: Wall, at: Timestamp, shift: Shift) -> Local {
        let name = self.name();
        let note = match shift {
            Shift::None => None,
            Shift::Skipped(by) => {
                let moved = self.wall(at).unwrap_or(wall);
                Some(format!(
                    "The clocks of {name} skip {wall}, going forward by {}: it became {moved}.",
                    minutes(by)
                ))
            }
            Shift::Twice(by) => Some(format!(
                "The clocks of {name} show {wall} twice, going back by {}: the first is meant.",
                minutes(by)
            )),
        };
        Local { time: wall.to_string(), time_zone: name.to_owned(), note }
    }
}

fn minutes(by: Duration) -> String {
    let seconds = by.as_secs();
    if seconds.is_multiple_of(60) {
        format!("{} min", seconds / 60)
    } else {
        format!("{seconds} s")
    }
}

impl Wall {
    /// Reads a date and a time without an offset, as `2026-12-01T09:00`, with or without seconds.
    pub fn parse(text: &str) -> Option<Self> {
        const FORM: &[u8] = b"0000-00-00T00:00";
        let fits = |(byte, form): (u8, &u8)| match form {
            b'0' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b't' | b' '),
            other => byte == *other,
        };
        // What follows are seconds, of which the reader of dates knows the rules; an offset or
        // the name of a zone it would pass over.
        let rest = text.as_bytes().get(FORM.len()..)?;
        let is_local = text.bytes().zip(FORM).all(fits)
            && rest.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'))
            // A leap second is on no clock of a wall.
            && !rest.starts_with(b":60");
        if !is_local {
            return None;
        }
        text.parse::<DateTime>().ok().map(Self)
    }

    /// Reads a date, as `2026-12-01`: its midnight.
    pub fn parse_date(text: &str) -> Option<Self> {
        let is_date = text.len() == 10 && text.is_ascii();
        is_date.then(|| Self::parse(&format!("{text}T00:00")))?
    }

    /// From a date and a time of the calendar.
    pub(crate) const fn of(at: DateTime) -> Self {
        Self(at)
    }

    /// As a date and a time of the calendar.
    pub(crate) const fn civil(self) -> DateTime {
        self.0
    }

    /// The time on the wall from an earlier one to this, whatever the clocks did meanwhile.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::try_from(earlier.0.duration_until(self.0)).unwrap_or_default()
    }
}

impl fmt::Display for Wall {
    /// Seconds are written where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.second() == 0 && self.0.subsec_nanosecond() == 0 {
            write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M"))
        } else {
            write!(f, "{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests;
