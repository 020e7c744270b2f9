//! The rules over ids and lives, and the table of what a refused renewal leads to.

use super::*;
use std::collections::BTreeMap;
use uuid::Uuid;

const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);
/// Noon on the clock of these tests.
const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

/// An id as they are drawn: the instant in front, the number behind it standing for chance.
fn account(ms: u64, number: u64) -> AccountId {
    AccountId::new(Uuid::from_u128((u128::from(ms) << 80) | (7 << 76) | u128::from(number)))
}

// case: K-spread
#[test]
fn accounts_of_one_second_are_renewed_apart_and_none_of_them_late() {
    let ends = NOW + MINUTE * 120;
    let mut histogram: BTreeMap<i64, u32> = BTreeMap::new();
    for number in 0..10_000 {
        let at = next_renewal(Rule::Late, NOW, ends, account(1_795_000_000_123, number));
        let left = ends.since(at);
        assert!(left >= AHEAD && left < AHEAD + SPREAD, "{left:?}");
        assert_eq!(at, next_renewal(Rule::Late, NOW, ends, account(1_795_000_000_123, number)));
        *histogram.entry(at.ms() / 1_000).or_default() += 1;
    }
    // 10,000 over 50 s are 200 each second.
    let most = histogram.values().max().unwrap();
    assert!(histogram.len() >= 50 && *most <= 300, "{} s, {most}", histogram.len());
}

#[test]
fn a_rule_with_room_uses_it_and_none_misses_the_end() {
    let id = account(1, 1);
    let months = NOW + DAY * 60;
    let weekly = next_renewal(Rule::After(DAY * 7), NOW, months, id);
    assert!(weekly >= NOW + DAY * 7 && weekly < NOW + DAY * 7 + SPREAD_LONG, "{weekly}");
    let ahead = next_renewal(Rule::Ahead(DAY * 7), NOW, months, id);
    assert!(ahead >= months - DAY * 7 && ahead < months - DAY * 7 + SPREAD_LONG, "{ahead}");
    for rule in [Rule::Late, Rule::After(DAY * 7), Rule::Ahead(DAY * 7)] {
        for life in [MINUTE * 61, DAY, DAY * 6] {
            let left = (NOW + life).since(next_renewal(rule, NOW, NOW + life, id));
            assert!(left >= AHEAD && left < AHEAD + SPREAD, "{rule:?}, {life:?}: {left:?}");
        }
        for life in [Duration::ZERO, MINUTE, MINUTE * 8] {
            let at = next_renewal(rule, NOW, NOW + life, id);
            assert!(at >= NOW + LIFE_MIN && at <= NOW + LIFE_MIN.max(life), "no loop: {at}");
        }
    }
}

fn refused() -> Refused {
    Refused {
        since: NOW,
        is_explained: true,
        platform: State::InOrder,
        token_ends_at: NOW + DAY,
        is_token_refused: false,
    }
}

// case: K-judge
#[test]
fn only_two_refusals_apart_of_a_grant_that_serves_no_more_lose_it() {
    let first = refused();
    let again = Refused { since: NOW - DEAD_APART, ..first };
    let nearly = Refused { since: NOW - DEAD_APART + MINUTE, ..first };
    let over = |refused: Refused| Refused { token_ends_at: NOW + TOKEN_LEFT_MIN, ..refused };
    let known = |refused: Refused| Refused { is_token_refused: true, ..refused };
    let silent = |refused: Refused| Refused { is_explained: false, ..refused };
    let hours = Refused { since: NOW - UNEXPLAINED_MAX, ..first };
    let outage = |refused: Refused| Refused { platform: State::OutOfOrder, ..refused };
    let rest = Verdict::Rest(NOW + DEAD_APART);
    let warn = Verdict::Warn(NOW + DAY - TOKEN_LEFT_MIN);
    let table = [
        (first, rest),
        (over(first), rest),
        (known(over(first)), rest),
        (nearly, rest),
        (known(over(nearly)), rest),
        (again, warn),
        (over(again), Verdict::Lost),
        (known(again), Verdict::Lost),
        (silent(over(again)), rest),
        (silent(over(hours)), Verdict::Lost),
        (silent(hours), warn),
        (outage(known(over(again))), Verdict::Outage(NOW + PAUSE)),
        (outage(silent(over(hours))), Verdict::Outage(NOW + PAUSE)),
        (Refused { since: NOW - EXCUSED_MAX, ..outage(known(first)) }, Verdict::Lost),
        (Refused { platform: State::Doubtful, ..known(again) }, rest),
        (Refused { platform: State::Doubtful, ..known(hours) }, Verdict::Lost),
    ];
    for (refused, expected) in table {
        assert_eq!(judge(&refused, NOW), expected, "{refused:?}");
    }
    let long = Refused { token_ends_at: NOW + DAY * 30, ..again };
    assert_eq!(judge(&long, NOW), Verdict::Warn(NOW + TRIED_EVERY), "it is not forgotten");
}

// case: K-notices
#[test]
fn an_owner_is_told_a_week_and_a_day_ahead_and_once_each() {
    let ends = NOW + DAY * 60;
    let mut told = 0;
    let mut seen = Vec::new();
    let mut now = NOW;
    loop {
        match notice(ends, told, now) {
            Notice::Wait(at) => {
                assert!(at > now, "no loop");
                now = at;
            }
            Notice::Tell(number) => {
                assert!(number > told);
                told = number;
                seen.push(ends.since(now));
            }
            Notice::Over => break,
        }
    }
    assert_eq!((seen.as_slice(), now), (NOTICES.as_slice(), ends));
    // Whoever comes late is told once, not twice.
    assert_eq!(notice(ends, 0, ends - DAY / 2), Notice::Tell(2));
    assert_eq!(notice(ends, 2, ends - DAY / 2), Notice::Wait(ends));
}
