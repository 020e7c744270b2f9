//! Times on the wall in zones whose clocks change in every way that clocks do.

use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::named(name).unwrap_or_else(|| panic!("{name} is in the program"))
}

fn minutes_of(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

// case: Z-clocks
#[test]
fn a_skipped_time_moves_forward_by_the_gap_and_of_two_the_first_is_meant() {
    let skipped = |minutes| Shift::Skipped(minutes_of(minutes));
    let twice = |minutes| Shift::Twice(minutes_of(minutes));
    let table = [
        ("America/New_York", "2027-01-10T09:00", "2027-01-10T14:00:00Z", Shift::None),
        ("America/New_York", "2027-03-14T01:59:59", "2027-03-14T06:59:59Z", Shift::None),
        ("America/New_York", "2027-03-14T02:30", "2027-03-14T07:30:00Z", skipped(60)),
        ("America/New_York", "2027-03-14T03:00", "2027-03-14T07:00:00Z", Shift::None),
        ("America/New_York", "2027-11-07T01:30", "2027-11-07T05:30:00Z", twice(60)),
        ("America/New_York", "2027-11-07T02:00", "2027-11-07T07:00:00Z", Shift::None),
        ("Europe/Berlin", "2027-03-28T02:30", "2027-03-28T01:30:00Z", skipped(60)),
        ("Europe/Berlin", "2027-10-31T02:30", "2027-10-31T00:30:00Z", twice(60)),
        // Half an hour of summer time.
        ("Australia/Lord_Howe", "2027-10-03T02:15", "2027-10-02T15:45:00Z", skipped(30)),
        ("Australia/Lord_Howe", "2027-04-04T01:45", "2027-04-03T14:45:00Z", twice(30)),
        // Summer time was given up; it had begun at midnight.
        ("America/Sao_Paulo", "2027-10-17T00:30", "2027-10-17T03:30:00Z", Shift::None),
        ("America/Sao_Paulo", "2018-11-04T00:30", "2018-11-04T03:30:00Z", skipped(60)),
        ("Asia/Kolkata", "2027-06-01T09:00", "2027-06-01T03:30:00Z", Shift::None),
        // The clocks went back for Ramadan, whose days no rule of a calendar tells.
        ("Africa/Casablanca", "2025-02-23T02:30", "2025-02-23T01:30:00Z", twice(60)),
        ("Africa/Casablanca", "2025-04-06T02:30", "2025-04-06T02:30:00Z", skipped(60)),
        // A whole day that was none.
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T22:00:00Z", skipped(24 * 60)),
        ("Europe/Berlin", "2028-02-29T09:00:00.250", "2028-02-29T08:00:00.250Z", Shift::None),
        ("Europe/Berlin", "9999-12-30T12:00", "9999-12-30T11:00:00Z", Shift::None),
    ];
    for (name, wall, at, shift) in table {
        let (zone, wall) = (zone(name), Wall::parse(wall).unwrap());
        let at = Timestamp::parse(at).unwrap();
        assert_eq!(zone.instant(wall), Some((at, shift)), "{wall} in {name}");
        if let Shift::Skipped(by) = shift {
            let shown = zone.wall(at).unwrap();
            assert_eq!(shown.since(wall), by, "{wall} became {shown} in {name}");
        } else {
            assert_eq!(zone.wall(at), Some(wall), "{at} in {name}");
        }
    }
    // The calendar of instants ends a day before its last year does.
    let last = Wall::parse("9999-12-31T23:59").unwrap();
    assert_eq!(zone("Europe/Berlin").instant(last), None);
}

// case: Z-clocks
#[test]
fn what_becomes_of_a_time_is_told_in_a_sentence() {
    let told = |name: &str, wall: &str| {
        let (zone, wall) = (zone(name), Wall::parse(wall).unwrap());
        let (at, shift) = zone.instant(wall).unwrap();
        zone.told(wall, at, shift)
    };
    let plain = told("Europe/Berlin", "2026-12-01 09:00:00");
    assert_eq!((plain.time.as_str(), plain.note), ("2026-12-01T09:00", None));
    assert_eq!(plain.time_zone, "Europe/Berlin");
    assert_eq!(
        told("Australia/Lord_Howe", "2027-10-03T02:15").note.unwrap(),
        "The clocks of Australia/Lord_Howe skip 2027-10-03T02:15, going forward by 30 min: it \
         became 2027-10-03T02:45."
    );
    assert_eq!(
        told("America/New_York", "2027-11-07T01:30:15").note.unwrap(),
        "The clocks of America/New_York show 2027-11-07T01:30:15 twice, going back by 60 min: the \
         first is meant."
    );
}

#[test]
fn a_time_on_the_wall_has_one_form_and_no_offset() {
    for good in ["2026-12-01T09:00", "2026-12-01t09:00:30", "2026-12-01 09:00:30.125"] {
        assert!(Wall::parse(good).is_some(), "{good}");
    }
    let bad = [
        "2026-12-01",
        "2026-12-01T09",
        "2026-12-01T0900",
        "20261201T09:00",
        "2026-12-01T09:00Z",
        "2026-12-01T09:00+01:00",
        "2026-12-01T09:00[Europe/Berlin]",
        "2026-12-01T24:00",
        "2027-02-29T09:00",
        "2026-12-01T09:00:",
        "2026-12-31T23:59:60",
        "２026-12-01T09:00",
        "",
    ];
    for bad in bad {
        assert_eq!(Wall::parse(bad), None, "{bad}");
    }
    assert_eq!(Wall::parse_date("2028-02-29"), Wall::parse("2028-02-29T00:00"));
    assert_eq!(Wall::parse_date("2026-2-001"), None);
}

// case: Z-names
#[test]
fn a_zone_is_known_by_its_name_and_a_misspelt_one_is_guessed() {
    assert_eq!(TimeZone::named("europe/berlin").unwrap().name(), "Europe/Berlin");
    assert_eq!(TimeZone::named("Asia/Calcutta").unwrap().name(), "Asia/Calcutta");
    assert_eq!(TimeZone::UTC.name(), "UTC");
    for unknown in ["Europe/Berlim", "Berlin", "Etc/Unknown", "", "+01:00", "../etc/passwd"] {
        assert_eq!(TimeZone::named(unknown), None, "{unknown}");
    }
    let nearest = |name: &str| TimeZone::nearest(name);
    assert_eq!(nearest("Europe/Berlim").as_deref(), Some("Europe/Berlin"));
    assert_eq!(nearest("berlin").as_deref(), Some("Europe/Berlin"));
    assert_eq!(nearest("new york").as_deref(), Some("America/New_York"));
    assert_eq!(nearest("Amerika/New_York").as_deref(), Some("America/New_York"));
    assert_eq!(nearest("the middle of nowhere"), None);
    assert_eq!(nearest(&"x".repeat(100_000)), None);
}

#[test]
fn an_instant_is_written_with_the_offset_of_its_place() {
    let at = Timestamp::parse("2026-12-01T08:00:00Z").unwrap();
    assert_eq!(zone("Europe/Berlin").written(at), "2026-12-01T09:00:00+01:00");
    assert_eq!(zone("Asia/Kolkata").written(at), "2026-12-01T13:30:00+05:30");
    assert_eq!(TimeZone::UTC.written(at), "2026-12-01T08:00:00+00:00");
}
