//! When a day begins and ends in the zones by whose calendar platforms count.
//!
//! Invariant: pure arithmetic. Pacific time follows the rules of the United States since 2007
//! (15 U.S.C. 260a): summer time from the second Sunday of March to the first Sunday of November,
//! at 2:00.

use crate::time::Timestamp;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Pacific Standard Time is so many hours behind UTC, summer time one hour less.
const STANDARD_HOURS: i64 = 8;
const SUMMER_HOURS: i64 = 7;

/// A zone with a calendar of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Universal time.
    Utc,
    /// America/Los_Angeles.
    Pacific,
}

impl Zone {
    /// The first midnight after an instant.
    pub fn next_midnight(self, at: Timestamp) -> Timestamp {
        match self {
            Self::Utc => Timestamp::from_ms((at.ms().div_euclid(DAY_MS) + 1) * DAY_MS),
            Self::Pacific => next_midnight(at),
        }
    }

    /// The last midnight up to an instant.
    pub fn last_midnight(self, at: Timestamp) -> Timestamp {
        // No day is longer than 25 hours, so the first midnight after this is not too late.
        let mut last = self.next_midnight(Timestamp::from_ms(at.ms() - 26 * HOUR_MS));
        loop {
            let next = self.next_midnight(last);
            if next > at {
                return last;
            }
            last = next;
        }
    }
}

fn next_midnight(at: Timestamp) -> Timestamp {
    let behind = if is_summer(at.ms()) { SUMMER_HOURS } else { STANDARD_HOURS };
    let tomorrow = (at.ms() - behind * HOUR_MS).div_euclid(DAY_MS) + 1;
    // The clocks change at two, so midnight of that day still has the old time.
    let in_summer = tomorrow * DAY_MS + SUMMER_HOURS * HOUR_MS;
    let in_winter = tomorrow * DAY_MS + STANDARD_HOURS * HOUR_MS;
    Timestamp::from_ms(if is_summer(in_summer) { in_summer } else { in_winter })
}

fn is_summer(ms: i64) -> bool {
    let year = year(ms.div_euclid(DAY_MS));
    // Two o'clock in the time that ends.
    let begins = sunday(year, 3, 2) * DAY_MS + (2 + STANDARD_HOURS) * HOUR_MS;
    let ends = sunday(year, 11, 1) * DAY_MS + (2 + SUMMER_HOURS) * HOUR_MS;
    (begins..ends).contains(&ms)
}

/// The day, counted from the epoch, of the `nth` Sunday of a month.
fn sunday(year: i64, month: i64, nth: i64) -> i64 {
    let first = days(year, month, 1);
    // The epoch was a Thursday, four days after a Sunday.
    let weekday = (first + 4).rem_euclid(7);
    first + (7 - weekday) % 7 + 7 * (nth - 1)
}

/// The days from the epoch to a date of the Gregorian calendar. Years are counted from March, so
/// that a leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let in_year = (153 * month + 2) / 5 + day - 1;
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719 468 days lie between the first of March of the year 0 and the epoch.
    365 * year + leaps + in_year - 719_468
}

/// The year of a day counted from the epoch.
fn year(day: i64) -> i64 {
    // No year has less than 365 days, so the guess is never too early after the epoch.
    let mut year = 1970 + day.div_euclid(365);
    while days(year, 1, 1) > day {
        year -= 1;
    }
    year
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(at: &str, midnight: &str) {
        let at = Timestamp::parse(at).unwrap();
        let midnight = Timestamp::parse(midnight).unwrap();
        assert_eq!(Zone::Pacific.next_midnight(at), midnight, "after {at}");
        assert_eq!(Zone::Pacific.last_midnight(midnight), midnight);
        let before = Timestamp::from_ms(midnight.ms() - 1);
        assert!(Zone::Pacific.last_midnight(before) <= at);
        assert_eq!(Zone::Pacific.next_midnight(before), midnight);
    }

    #[test]
    fn a_day_of_universal_time_ends_at_its_midnight() {
        let at = |text| Timestamp::parse(text).unwrap();
        let noon = at("2026-11-23T12:00:00Z");
        assert_eq!(Zone::Utc.next_midnight(noon), at("2026-11-24T00:00:00Z"));
        assert_eq!(Zone::Utc.last_midnight(noon), at("2026-11-23T00:00:00Z"));
        let midnight = at("2026-11-23T00:00:00Z");
        assert_eq!(Zone::Utc.last_midnight(midnight), midnight);
        assert_eq!(Zone::Utc.next_midnight(midnight), at("2026-11-24T00:00:00Z"));
    }

    #[test]
    fn midnight_is_eight_hours_behind_in_winter_and_seven_in_summer() {
        check("2026-11-23T12:00:00Z", "2026-11-24T08:00:00Z");
        check("2026-07-01T06:59:59.999Z", "2026-07-01T07:00:00Z");
        check("2026-07-01T07:00:00Z", "2026-07-02T07:00:00Z");
        check("2026-12-31T20:00:00Z", "2027-01-01T08:00:00Z");
        check("2027-01-01T00:00:00Z", "2027-01-01T08:00:00Z");
        check("2028-02-29T09:00:00Z", "2028-03-01T08:00:00Z");
    }

    #[test]
    fn the_day_of_the_change_to_summer_time_has_23_hours() {
        // 2027-03-14, at 2:00 Pacific.
        check("2027-03-14T07:59:59Z", "2027-03-14T08:00:00Z");
        check("2027-03-14T08:00:00Z", "2027-03-15T07:00:00Z");
        check("2027-03-14T09:59:59Z", "2027-03-15T07:00:00Z");
        check("2027-03-14T10:00:00Z", "2027-03-15T07:00:00Z");
    }

    #[test]
    fn the_day_of_the_change_to_winter_time_has_25_hours() {
        // 2026-11-01, at 2:00 Pacific.
        check("2026-11-01T06:59:59Z", "2026-11-01T07:00:00Z");
        check("2026-11-01T07:00:00Z", "2026-11-02T08:00:00Z");
        check("2026-11-01T08:59:59Z", "2026-11-02T08:00:00Z");
        check("2026-11-01T09:00:00Z", "2026-11-02T08:00:00Z");
    }

    #[test]
    fn dates_are_counted_as_the_calendar_does() {
        for (text, of) in [("1970-01-01", 1970), ("2000-02-29", 2000), ("2399-12-31", 2399)] {
            let at = Timestamp::parse(&format!("{text}T12:00:00Z")).unwrap();
            let day = at.ms().div_euclid(DAY_MS);
            assert_eq!(year(day), of);
            let part = |range| text.get(range).and_then(|part: &str| part.parse().ok()).unwrap();
            assert_eq!(days(part(0..4), part(5..7), part(8..10)), day);
        }
    }
}
