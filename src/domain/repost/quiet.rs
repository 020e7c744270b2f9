//! Hours of the day, by the clocks of a place, in which nothing is shown anew.

use crate::time::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Quiet ends may fall into a repeated hour that is quiet again; none does so twice.
const ENDS_MAX: usize = 3;

/// From one time of the day to another, over midnight where the first is the later one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quiet {
    /// The first minute of the day, counted from midnight.
    from_minute: u16,
    /// The first minute behind them.
    to_minute: u16,
    /// The place, by its name in the time zone database.
    time_zone: String,
}

/// Why hours are no quiet hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// `from` is no time of the day.
    From,
    /// `to` is no time of the day.
    To,
    /// They would be the whole day, or nothing of it.
    Same,
    /// There is no such time zone.
    Zone,
}

impl Quiet {
    /// Reads `22:00`, `07:30` and `Europe/Berlin`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(from: &str, to: &str, time_zone: &str) -> Result<Self, Flaw> {
        let from_minute = minute(from).ok_or(Flaw::From)?;
        let to_minute = minute(to).ok_or(Flaw::To)?;
        if from_minute == to_minute {
            return Err(Flaw::Same);
        }
        TimeZone::get(time_zone).map_err(|_| Flaw::Zone)?;
        Ok(Self { from_minute, to_minute, time_zone: time_zone.to_owned() })
    }

    /// When it is quiet at an instant: the end of that. An instant that no calendar holds is not
    /// quiet.
    pub fn ends_after(&self, at: Timestamp) -> Option<Timestamp> {
        let zone = TimeZone::get(&self.time_zone).ok()?;
        let mut end = self.end(&zone, at)?;
        for _ in 0..ENDS_MAX {
            match self.end(&zone, end) {
                Some(later) => end = later,
                None => break,
            }
        }
        Some(end)
    }

    fn end(&self, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
        let local = zone.to_datetime(jiff::Timestamp::from_millisecond(at.ms()).ok()?);
        let minute = u16::try_from(local.hour()).ok()? * 60 + u16::try_from(local.minute()).ok()?;
        let (from, to) = (self.from_minute, self.to_minute);
        let is_quiet = match from < to {
            true => (from..to).contains(&minute),
            false => minute >= from || minute < to,
        };
        if !is_quiet {
            return None;
        }
        let day = if minute < to { local.date() } else { local.date().tomorrow().ok()? };
        let time =
            Time::new(i8::try_from(to / 60).ok()?, i8::try_from(to % 60).ok()?, 0, 0).ok()?;
        // A time that the clocks skip comes with the hour behind it; of one that comes twice, the
        // second is the end.
        let ends = zone.to_ambiguous_timestamp(day.to_datetime(time)).later().ok()?;
        Some(Timestamp::from_ms(ends.as_millisecond()))
    }
}

/// The minute of the day of `07:30`.
fn minute(words: &str) -> Option<u16> {
    let (hours, minutes) = words.split_once(':')?;
    let number = |digits: &str, most: u16| {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|number| is_number && *number <= most)
    };
    Some(number(hours, 23)? * 60 + number(minutes, 59)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(quiet: &Quiet, at: &str) -> Option<String> {
        quiet.ends_after(Timestamp::parse(at).unwrap()).map(|end| end.to_string())
    }

    #[test]
    fn quiet_hours_are_those_of_the_place_and_go_over_midnight() {
        let quiet = Quiet::read("22:00", "07:30", "Europe/Berlin").unwrap();
        let table = [
            ("2026-07-01T19:59:59.999Z", None),
            ("2026-07-01T20:00:00Z", Some("2026-07-02T05:30:00.000Z")),
            ("2026-07-02T05:29:59.999Z", Some("2026-07-02T05:30:00.000Z")),
            ("2026-07-02T05:30:00Z", None),
            ("2026-12-31T21:00:00Z", Some("2027-01-01T06:30:00.000Z")),
            // The night in which summer time begins, and the one in which it ends.
            ("2027-03-27T21:00:00Z", Some("2027-03-28T05:30:00.000Z")),
            ("2026-10-24T20:00:00Z", Some("2026-10-25T06:30:00.000Z")),
        ];
        for (at, end) in table {
            assert_eq!(ends(&quiet, at).as_deref(), end, "{at}");
        }
    }

    #[test]
    fn an_end_that_the_clocks_skip_or_repeat_is_the_later_one() {
        let quiet = Quiet::read("01:00", "02:30", "Europe/Berlin").unwrap();
        // 02:30 does not exist on 2027-03-28, and comes twice on 2026-10-25.
        let skipped = ends(&quiet, "2027-03-28T00:30:00Z");
        assert_eq!(skipped.as_deref(), Some("2027-03-28T01:30:00.000Z"));
        let repeated = ends(&quiet, "2026-10-25T00:10:00Z");
        assert_eq!(repeated.as_deref(), Some("2026-10-25T01:30:00.000Z"));
    }

    #[test]
    fn a_flaw_is_named() {
        let table = [
            (("24:00", "07:00", "UTC"), Flaw::From),
            (("22:00", "7:00", "UTC"), Flaw::To),
            (("22:00", "07:60", "UTC"), Flaw::To),
            (("07:00", "07:00", "UTC"), Flaw::Same),
            (("22:00", "07:00", "Mars/Olympus"), Flaw::Zone),
        ];
        for ((from, to, zone), flaw) in table {
            assert_eq!(Quiet::read(from, to, zone), Err(flaw), "{from} {to} {zone}");
        }
    }
}
