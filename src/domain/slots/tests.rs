//! When weekly slots fall, in zones whose clocks change.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeSet;

const ZONES: [&str; 6] = [
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Africa/Casablanca",
];
const DAY: Duration = Duration::from_secs(86_400);

fn zone(name: &str) -> TimeZone {
    TimeZone::named(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn week(slots: &[(&str, &str)]) -> Week {
    Week::of(slots.iter().map(|(day, time)| Slot::read(day, time).unwrap()))
}

fn every_day(time: &str) -> Week {
    Week::of(DAYS.iter().map(|(day, _)| Slot::read(day, time).unwrap()))
}

fn shown(week: &Week, place: &str, after: &str, days: u32) -> Vec<String> {
    let (place, after) = (zone(place), at(after));
    let fallen = week.upcoming(&place, after, after + DAY * days);
    fallen.map(|fallen| place.written(fallen.at)).collect()
}

// case: Z-night
#[test]
fn a_slot_that_the_clocks_skip_or_show_twice_falls_once() {
    let night = every_day("02:30");
    assert_eq!(
        shown(&night, "America/New_York", "2027-03-13T12:00:00Z", 3),
        ["2027-03-14T03:30:00-04:00", "2027-03-15T02:30:00-04:00", "2027-03-16T02:30:00-04:00"]
    );
    assert_eq!(
        shown(&night, "Europe/Berlin", "2027-10-30T12:00:00Z", 2),
        ["2027-10-31T02:30:00+02:00", "2027-11-01T02:30:00+01:00"]
    );
    // Between the first and the second time nothing falls again.
    assert_eq!(
        shown(&night, "Europe/Berlin", "2027-10-31T00:30:00Z", 1),
        Vec::<String>::new(),
        "the second half past two is no slot"
    );
    // One that is skipped may come behind one that is later on the wall, or meet it.
    let crowded = week(&[("sun", "02:30"), ("sun", "03:15"), ("sun", "03:30")]);
    assert_eq!(
        shown(&crowded, "America/New_York", "2027-03-13T12:00:00Z", 2),
        ["2027-03-14T03:15:00-04:00", "2027-03-14T03:30:00-04:00"]
    );
    let zone = zone("America/New_York");
    let met = crowded.upcoming(&zone, at("2027-03-14T07:20:00Z"), at("2027-03-15T00:00:00Z"));
    let met: Vec<_> = met.map(|met| (met.wall.to_string(), met.shift)).collect();
    assert_eq!(met, [("2027-03-14T03:30".to_owned(), Shift::None)]);
    // A day that was none: what was to fall on it falls a day later, once.
    assert_eq!(
        shown(&every_day("09:00"), "Pacific/Apia", "2011-12-29T12:00:00Z", 3),
        ["2011-12-29T09:00:00-10:00", "2011-12-31T09:00:00+14:00", "2012-01-01T09:00:00+14:00"]
    );
}

#[test]
fn slots_fall_on_leap_days_and_end_with_the_calendar() {
    let tuesday = week(&[("tue", "09:30:15")]);
    assert_eq!(
        shown(&tuesday, "Asia/Kolkata", "2028-02-28T00:00:00Z", 7),
        ["2028-02-29T09:30:15+05:30"]
    );
    let end = shown(&every_day("12:00"), "Europe/Berlin", "9999-12-28T12:00:00Z", 400);
    assert_eq!(end, ["9999-12-29T12:00:00+01:00", "9999-12-30T12:00:00+01:00"]);
    assert_eq!(shown(&Week::default(), "Europe/Berlin", "2026-12-01T00:00:00Z", 400).len(), 0);
}

// case: Z-read
#[test]
fn each_bad_slot_is_named() {
    let many = vec![json!({"day": "mon", "time": "09:00"}); SLOTS_MAX + 1];
    let table = [
        (json!({}), "slots", Rule::Required),
        (json!({"slots": 7}), "slots", Rule::WrongType),
        (json!({"slots": many}), "slots", Rule::TooMuch),
        (json!({"slots": ["mon"]}), "slots[0]", Rule::WrongType),
        (json!({"slots": [{"day": "monday", "time": "09:00"}]}), "slots[0].day", Rule::OutOfRange),
        (json!({"slots": [{"time": "09:00"}]}), "slots[0].day", Rule::Required),
        (json!({"slots": [{"day": "mon"}]}), "slots[0].time", Rule::Required),
        (json!({"slots": [{"day": "mon", "time": "9:00"}]}), "slots[0].time", Rule::OutOfRange),
        (json!({"slots": [{"day": "mon", "time": "24:00"}]}), "slots[0].time", Rule::OutOfRange),
        (json!({"slots": [{"day": "mon", "time": "23:59:60"}]}), "slots[0].time", Rule::OutOfRange),
        (
            json!({"slots": [{"day": "mon", "time": "09:00", "zone": 1}]}),
            "slots[0].zone",
            Rule::UnknownField,
        ),
        (
            json!({"slots": [{"day": "mon", "time": "09:00"}, {"day": "mon", "time": "09:00:00"}]}),
            "slots[1]",
            Rule::Conflict,
        ),
    ];
    for (body, field, rule) in table {
        let mut fields = Fields::new(body.as_object(), "", None);
        Week::read(&mut fields);
        let found = fields.finish();
        let [one] = found.as_slice() else { panic!("{body}: {found:?}") };
        assert_eq!((one.field.as_str(), one.rule), (field, rule));
        assert!(!one.resolution.is_empty(), "{one:?}");
    }
    let body =
        json!({"slots": [{"day": "sun", "time": "23:59:59"}, {"day": "mon", "time": "00:00"}]});
    let mut fields = Fields::new(body.as_object(), "", None);
    let week = Week::read(&mut fields);
    assert_eq!(fields.finish(), []);
    let stored = serde_json::to_value(&week).unwrap();
    assert_eq!(
        stored,
        json!([{"day": "mon", "time": "00:00"}, {"day": "sun", "time": "23:59:59"}])
    );
    assert_eq!(serde_json::from_value::<Week>(stored).unwrap(), week);
}

/// Walks the days without being clever, and keeps what is asked for.
fn plainly(
    week: &Week,
    zone: &TimeZone,
    after: Timestamp,
    until: Timestamp,
) -> BTreeSet<Timestamp> {
    let mut found = BTreeSet::new();
    let mut day = zone.wall(after - DAY * 4).unwrap().civil().date();
    while zone.instant(Wall::of(day.to_datetime(Time::midnight()))).unwrap().0 < until + DAY * 4 {
        for slot in week.slots().iter().filter(|slot| DAYS[slot.day].1 == day.weekday()) {
            let (at, _) = zone.instant(Wall::of(day.to_datetime(slot.time))).unwrap();
            if after < at && at < until {
                found.insert(at);
            }
        }
        day = day.tomorrow().unwrap();
    }
    found
}

fn any_slot() -> impl Strategy<Value = Slot> {
    // Half of them where clocks change.
    let second = prop_oneof![0..86_400_u32, 0..4 * 3_600_u32];
    (0..7_usize, second).prop_map(|(day, second)| {
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        let time = format!("{hour:02}:{minute:02}:{:02}", second % 60);
        Slot::read(DAYS[day].0, &time).unwrap()
    })
}

proptest! {
    // case: Z-grow
    #[test]
    fn slots_grow_and_show_what_was_written_but_where_the_clocks_skip(
        slots in vec(any_slot(), 1..30),
        place in prop_oneof![
            proptest::sample::select(&ZONES[..]), Just("Pacific/Apia"), Just("Africa/Cairo"),
        ],
        // From the year 2000 to the year 2100.
        from_s in 946_684_800_i64..4_102_444_800,
        days in 1..70_u32,
    ) {
        let (week, zone) = (Week::of(slots), zone(place));
        let after = Timestamp::from_seconds(from_s);
        let until = after + DAY * days;
        let fallen: Vec<Occurrence> = week.upcoming(&zone, after, until).collect();
        let mut last = after;
        for one in &fallen {
            prop_assert!(one.at > last && one.at < until, "{} after {last}", one.at);
            last = one.at;
            let shown = zone.wall(one.at).unwrap();
            match one.shift {
                Shift::Skipped(by) => prop_assert_eq!(shown.since(one.wall), by),
                Shift::None | Shift::Twice(_) => prop_assert_eq!(shown, one.wall),
            }
            let day = DAYS.iter().position(|(_, day)| *day == one.wall.civil().weekday()).unwrap();
            let slot = Slot { day, time: one.wall.civil().time() };
            prop_assert!(week.slots().contains(&slot), "{} is no slot", one.wall);
        }
        let fallen: BTreeSet<Timestamp> = fallen.into_iter().map(|one| one.at).collect();
        prop_assert_eq!(fallen, plainly(&week, &zone, after, until));
    }
}
