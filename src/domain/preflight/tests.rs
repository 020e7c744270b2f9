//! The judgement as a table, and windows at their edges.

use super::*;

const NOON: Timestamp = Timestamp::from_seconds(1_795_521_600);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn well() -> Account {
    Account {
        handle: "@acme".to_owned(),
        platform: "x".to_owned(),
        down: None,
        token_ends_at: None,
        scopes_missing: Vec::new(),
        version: None,
        windows: Vec::new(),
    }
}

fn due(number: u128, at: Timestamp) -> Due {
    let id = DeliveryId::new(uuid::Uuid::from_u128(number));
    Due { id, due_at: at, parts: 1, media_missing: Vec::new() }
}

fn window(calls_max: u32, day_in: Option<Zone>, used: Vec<Timestamp>) -> Window {
    let (name, whose) = ("create".to_owned(), "x".to_owned());
    Window { name, whose, calls_max, length: DAY, day_in, counts: Counts::Parts, used }
}

fn kinds(account: &Account, all: &[Due]) -> Vec<&'static str> {
    judge(account, all).into_iter().map(|risk| risk.kind).collect()
}

#[test]
fn a_look_comes_a_day_an_hour_and_ten_minutes_ahead_and_no_more() {
    let at = |ahead_s: u64| next_look(NOON, NOON - Duration::from_secs(ahead_s));
    let table = [
        (200_000, Some(NOON - DAY)),
        (86_401, Some(NOON - DAY)),
        (86_400, Some(NOON - HOUR)),
        (3_601, Some(NOON - HOUR)),
        (3_600, Some(NOON - Duration::from_secs(600))),
        (601, Some(NOON - Duration::from_secs(600))),
        (600, None),
        (0, None),
    ];
    for (ahead_s, expected) in table {
        assert_eq!(at(ahead_s), expected, "{ahead_s} s ahead");
    }
}

#[test]
fn each_problem_is_told_with_its_way_out_and_a_healthy_account_has_none() {
    let one = [due(1, NOON)];
    let down = |kind| Some(Down { kind, reason: "it was said so.".to_owned() });
    let version = |end| Some(("202611".to_owned(), end));
    let table = [
        (well(), &[][..]),
        (Account { down: down("needs_reconnect"), ..well() }, &["needs_reconnect"]),
        (Account { down: down("damaged"), ..well() }, &["damaged"]),
        (Account { down: down("paused"), ..well() }, &["paused"]),
        (Account { down: down("disconnected"), ..well() }, &["disconnected"]),
        (Account { token_ends_at: Some(NOON), ..well() }, &["token_ends"]),
        (Account { token_ends_at: Some(NOON + HOUR), ..well() }, &[]),
        (Account { scopes_missing: vec!["w".into()], ..well() }, &["scopes_missing"]),
        (Account { version: version(NOON), ..well() }, &["version_ends"]),
        (Account { version: version(NOON + HOUR), ..well() }, &[]),
    ];
    for (account, expected) in table {
        assert_eq!(kinds(&account, &one), expected, "{account:?}");
        for risk in judge(&account, &one) {
            assert!(risk.message.ends_with('.') && risk.resolution.ends_with('.'), "{risk:?}");
        }
    }
    let lost = Due { media_missing: vec!["med_1".into(), "med_2".into()], ..due(1, NOON) };
    let abouts: Vec<String> = judge(&well(), &[lost]).into_iter().map(|risk| risk.about).collect();
    assert_eq!(abouts, ["med_1", "med_2"]);
}

// case: A-forecast
#[test]
fn of_fourteen_that_are_due_and_eight_that_are_left_the_last_six_are_named() {
    let all: Vec<Due> =
        (0..14).map(|n| due(n, NOON + HOUR * u32::try_from(n / 2).unwrap())).collect();
    let used = vec![NOON - HOUR, NOON - HOUR * 2];
    let account = Account { windows: vec![window(10, Some(Zone::Utc), used)], ..well() };
    let risks = judge(&account, &all);
    let named: Vec<DeliveryId> = risks.iter().map(|risk| risk.delivery).collect();
    let last: Vec<DeliveryId> = all[8..].iter().map(|one| one.id).collect();
    assert_eq!(named, last);
    assert!(risks[0].message.contains("14 posts"), "{}", risks[0].message);
    assert!(risks[0].message.contains("8 left on that day (UTC)"), "{}", risks[0].message);
}

#[test]
fn a_window_that_rolls_counts_what_lies_behind_each_and_a_day_what_lies_in_it() {
    // Yesterday evening's calls count for noon by a rolling day, and not by the calendar.
    let used = vec![NOON - HOUR * 14; 3];
    let one = [due(1, NOON)];
    let of = |day_in| Account { windows: vec![window(3, day_in, used.clone())], ..well() };
    assert_eq!(kinds(&of(None), &one), ["quota"]);
    assert_eq!(kinds(&of(Some(Zone::Utc)), &one), Vec::<&str>::new());
    // A day on, they have rolled out.
    assert_eq!(kinds(&of(None), &[due(1, NOON + HOUR * 11)]), Vec::<&str>::new());
}

#[test]
fn a_chain_counts_by_its_parts_where_calls_are_counted_and_as_one_post_else() {
    let chain = Due { parts: 3, ..due(1, NOON) };
    let all = [chain, due(2, NOON + HOUR)];
    let calls = window(3, None, Vec::new());
    let posts = Window { counts: Counts::Posts, ..calls.clone() };
    let further = Window { counts: Counts::FurtherParts, calls_max: 1, ..calls.clone() };
    assert_eq!(judge(&Account { windows: vec![calls], ..well() }, &all)[0].delivery, all[1].id);
    assert_eq!(judge(&Account { windows: vec![posts], ..well() }, &all), []);
    assert_eq!(judge(&Account { windows: vec![further], ..well() }, &all)[0].delivery, all[0].id);
}

#[test]
fn an_account_that_stands_still_is_told_of_once_and_without_its_quota() {
    let down = Some(Down { kind: "paused", reason: "holidays".to_owned() });
    let account = Account {
        down,
        token_ends_at: Some(NOON),
        windows: vec![window(0, None, Vec::new())],
        ..well()
    };
    assert_eq!(kinds(&account, &[due(1, NOON), due(2, NOON)]), ["paused", "paused"]);
    assert!(judge(&account, &[due(1, NOON)])[0].message.contains("@acme is paused: holidays."));
}
