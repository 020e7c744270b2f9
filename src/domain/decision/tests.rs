//! The table of decisions: by example, and in full.

use super::*;
use crate::delivery::{Owner, Status};
use crate::standing::{Change, Next, Standing, Wake};

/// A flag of a history by its name, and how it is raised.
type Flag = (&'static str, fn(History) -> History);

fn history() -> History {
    History {
        attempts: 1,
        due_at: Timestamp::from_seconds(1_000),
        not_after: None,
        late: Late::Publish,
        asked_at: None,
        has_doubt: false,
        refreshed_at: Timestamp::from_seconds(0),
        refused_since: Timestamp::from_seconds(1_001),
        platform: State::InOrder,
        token_was_stale: false,
        auth_refusals: 0,
        ask_at: Timestamp::from_seconds(1_040),
        chance: 0.5,
    }
}

fn detail() -> String {
    "words of the platform".into()
}

// case: spec-E1
// case: spec-E2
// case: spec-E3
// case: spec-E4
#[test]
fn each_class_has_its_decision() {
    let now = Timestamp::from_seconds(1_001);
    let at = |s| Timestamp::from_seconds(s);
    let h = history();
    let auth = |revoked| Failure::Auth { revoked, detail: detail() };
    let limit = |retry_at| Failure::RateLimit { scope: Scope::App, retry_at, detail: detail() };
    let content = Failure::Content { field: None, detail: detail() };
    let duplicate = Failure::Duplicate { named: None, detail: detail() };
    let jitter = Duration::from_millis(125);
    let table = [
        (auth(false), h, Decision::Refresh),
        (auth(false), History { token_was_stale: true, ..h }, Decision::Retry { at: now }),
        (
            auth(false),
            History { refreshed_at: at(1_000), ..h },
            Decision::Park { scope: Scope::Account, until: at(1_301) },
        ),
        (
            auth(true),
            History { refreshed_at: at(1_000), refused_since: at(401), ..h },
            Decision::Disconnect { failure: auth(true) },
        ),
        (
            auth(true),
            History { refused_since: at(401), platform: State::OutOfOrder, ..h },
            Decision::Park { scope: Scope::Platform, until: now + PAUSE },
        ),
        (limit(at(1_900)), h, Decision::Park { scope: Scope::App, until: at(1_900) + jitter }),
        (limit(at(1_000_000)), h, Decision::Fail { failure: limit(at(1_000_000)) }),
        (content.clone(), h, Decision::Fail { failure: content }),
        (duplicate.clone(), h, Decision::Fail { failure: duplicate.clone() }),
        (duplicate, History { has_doubt: true, ..h }, Decision::Reconcile { at: now }),
        (
            Failure::Transient { detail: detail() },
            h,
            Decision::Retry { at: now + Duration::from_millis(500) },
        ),
        (Failure::Unknown { detail: detail() }, h, Decision::Reconcile { at: at(1_040) }),
        (
            Failure::Unknown { detail: detail() },
            History { attempts: ATTEMPTS_MAX + 1, ..h },
            Decision::Review,
        ),
        (
            Failure::Operator { scope: Scope::Platform, detail: detail() },
            h,
            Decision::Pause { scope: Scope::Platform, until: now + PAUSE },
        ),
    ];
    for (failure, history, expected) in table {
        assert_eq!(decide(&failure, &history, now), expected, "{failure:?}");
    }
}

#[test]
fn a_limit_is_never_left_early_and_costs_no_attempt() {
    let now = Timestamp::from_seconds(1_001);
    for chance in [0.0, 0.3, 1.0] {
        let retry_at = Timestamp::from_seconds(1_500);
        let failure = Failure::RateLimit { scope: Scope::Account, retry_at, detail: detail() };
        let h = History { attempts: u32::MAX, chance, ..history() };
        match decide(&failure, &h, now) {
            Decision::Park { until, .. } => {
                assert!(until >= retry_at && until <= retry_at + JITTER_AFTER_LIMIT);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn transient_failures_end_after_a_bounded_number_of_growing_delays() {
    let failure = Failure::Transient { detail: detail() };
    let now = Timestamp::from_seconds(1_001);
    let mut last = Duration::ZERO;
    for attempts in 1..ATTEMPTS_MAX {
        let h = History { attempts, chance: 1.0, ..history() };
        match decide(&failure, &h, now) {
            Decision::Retry { at } => {
                let wait = at.since(now);
                assert!(wait >= last && wait <= RETRY_MAX);
                last = wait;
            }
            other => panic!("{other:?}"),
        }
    }
    let h = History { attempts: ATTEMPTS_MAX, ..history() };
    assert!(matches!(decide(&failure, &h, now), Decision::Fail { .. }));
}

/// Noon on the clock of these tests.
const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

/// Every failure that is decided differently, with its name in the table.
fn failures() -> Vec<(&'static str, Failure)> {
    let detail = detail();
    let limit = |scope, retry_at| Failure::RateLimit { scope, retry_at, detail: detail.clone() };
    let operator = |scope| Failure::Operator { scope, detail: detail.clone() };
    vec![
        ("stale", Failure::Auth { revoked: false, detail: detail.clone() }),
        ("dead", Failure::Auth { revoked: true, detail: detail.clone() }),
        ("limit over", limit(Scope::Account, NOW - Duration::from_secs(60))),
        ("limit", limit(Scope::Account, NOW + Duration::from_secs(23 * 3600))),
        ("limit", limit(Scope::App, NOW + Duration::from_secs(23 * 3600))),
        ("limit", limit(Scope::Platform, NOW + Duration::from_secs(23 * 3600))),
        ("limit too long", limit(Scope::Account, NOW + PARKED_MAX + PARKED_MAX)),
        ("content", Failure::Content { field: None, detail: detail.clone() }),
        ("content", Failure::Content { field: Some("text".into()), detail: detail.clone() }),
        ("content", Failure::Media { asset: Some(0), detail: detail.clone() }),
        ("duplicate", Failure::Duplicate { named: None, detail: detail.clone() }),
        ("duplicate", Failure::Duplicate { named: Some("1".into()), detail: detail.clone() }),
        ("transient", Failure::Transient { detail: detail.clone() }),
        ("unknown", Failure::Unknown { detail: detail.clone() }),
        ("operator", operator(Scope::Account)),
        ("operator", operator(Scope::App)),
        ("operator", operator(Scope::Platform)),
    ]
}

/// The names of the flags that a history differs in, and that history.
type Flagged = (Vec<&'static str>, History);

/// Every history that is decided differently: the full product of its flags.
fn histories() -> Vec<Flagged> {
    let mut histories: Vec<Flagged> = vec![(vec![], History { due_at: NOW, ..history() })];
    // Each flag doubles, or multiplies, what is there.
    let mut spread = |flags: &[Flag]| {
        histories = histories
            .iter()
            .flat_map(|(names, history)| {
                flags.iter().map(|(name, change)| {
                    let names = names.iter().copied().chain([*name]).filter(|n| !n.is_empty());
                    (names.collect(), change(*history))
                })
            })
            .collect();
    };
    spread(&[("", |h| h), ("old token", |h| History { token_was_stale: true, ..h })]);
    spread(&[
        ("", |h| History { refreshed_at: NOW - REFRESH_EVERY - REFRESH_EVERY, ..h }),
        ("fresh token", |h| History { refreshed_at: NOW - Duration::from_secs(10), ..h }),
    ]);
    spread(&[
        ("", |h| h),
        ("doubtful platform", |h| History { platform: State::Doubtful, ..h }),
        ("outage", |h| History { platform: State::OutOfOrder, ..h }),
    ]);
    spread(&[
        ("", |h| History { refused_since: NOW, ..h }),
        ("refused again", |h| History { refused_since: NOW - DEAD_APART, ..h }),
        ("refused for hours", |h| History { refused_since: NOW - UNEXPLAINED_MAX, ..h }),
        ("refused for a day", |h| History { refused_since: NOW - EXCUSED_MAX, ..h }),
    ]);
    spread(&[
        ("", |h| h),
        ("refused twice", |h| History { auth_refusals: AUTH_REFUSALS_MAX - 1, ..h }),
        ("refused often", |h| History { auth_refusals: AUTH_REFUSALS_MAX, ..h }),
    ]);
    spread(&[("", |h| h), ("in doubt", |h| History { has_doubt: true, ..h })]);
    spread(&[
        ("", |h| h),
        ("last try", |h| History { attempts: ATTEMPTS_MAX, ..h }),
        ("beyond", |h| History { attempts: ATTEMPTS_MAX + 1, ..h }),
    ]);
    spread(&[
        ("", |h| h),
        ("little time", |h| History { not_after: Some(NOW + Duration::from_millis(1)), ..h }),
        ("no time", |h| History { not_after: Some(NOW - Duration::from_secs(1)), ..h }),
        ("old", |h| History { due_at: NOW - PARKED_MAX - Duration::from_secs(1), ..h }),
    ]);
    spread(&[
        ("", |h| History { ask_at: NOW - Duration::from_secs(1), ..h }),
        ("asks later", |h| History { ask_at: NOW + Duration::from_secs(40), ..h }),
    ]);
    spread(&[("", |h| h), ("held when late", |h| History { late: Late::Hold, ..h })]);
    spread(&[("", |h| History { chance: 0.0, ..h }), ("late", |h| History { chance: 1.0, ..h })]);
    histories
}

/// What the table of ARCHITECTURE.md says of this cell, in its words.
fn stated(failure: &str, is: impl Fn(&str) -> bool) -> &'static str {
    let is_long = is("refused for hours") || is("refused for a day");
    let is_over = is("little time") || is("no time") || is("old");
    let missed = if is("held when late") { "miss" } else { "fail" };
    match failure {
        "stale" | "dead" if is("old token") => "again at once",
        "stale" | "dead" if is("outage") && !is("refused for a day") => {
            if is_over {
                missed
            } else {
                "the platform rests"
            }
        }
        "stale" | "dead" if !is("fresh token") => "refresh",
        "stale" if is_long && is("refused often") => "disconnect",
        "dead" if is_long || is("refused again") && !is("doubtful platform") => "disconnect",
        "stale" | "dead" if is_over => missed,
        "stale" | "dead" => "the account rests",
        "limit too long" => missed,
        "limit" | "limit over" if is_over => missed,
        "limit" | "limit over" => "park",
        "content" => "fail",
        "duplicate" if is("in doubt") => "ask",
        "duplicate" => "fail",
        "transient" if is("last try") || is("beyond") => "fail",
        "transient" if is_over => missed,
        "transient" => "again later",
        "unknown" if is("beyond") => "review",
        "unknown" if is("asks later") => "ask later",
        "unknown" => "ask",
        "operator" => "pause",
        other => panic!("{other} is not in the table"),
    }
}

/// A decision in the words of the table. Instants that nothing states are out of bounds.
fn told(decision: &Decision, failure: &Failure, history: &History) -> &'static str {
    match decision {
        Decision::Retry { at } if *at == NOW => "again at once",
        Decision::Retry { at } if *at > NOW && *at <= NOW + RETRY_MAX => "again later",
        Decision::Refresh => "refresh",
        Decision::Reconcile { at } if *at == NOW => "ask",
        Decision::Reconcile { at } if *at == history.ask_at => "ask later",
        Decision::Fail { failure: why } if why == failure => "fail",
        Decision::Disconnect { failure: why } if why == failure => "disconnect",
        Decision::Review => "review",
        Decision::Miss => "miss",
        Decision::Park { scope, until } => match failure {
            Failure::RateLimit { scope: whose, retry_at, .. } => {
                let opens_at = (*retry_at).max(NOW + LIMIT_WAIT_MIN);
                let late = until.since(opens_at);
                assert!(scope == whose && *until >= opens_at && late <= JITTER_AFTER_LIMIT);
                "park"
            }
            Failure::Auth { .. } if *scope == Scope::Platform => {
                assert_eq!(*until, NOW + PAUSE);
                "the platform rests"
            }
            Failure::Auth { .. } => {
                let rest = until.since(NOW);
                assert!(AUTH_REST[0] <= rest && rest <= AUTH_REST[1], "{rest:?}");
                assert_eq!(*scope, Scope::Account);
                "the account rests"
            }
            other => panic!("{other:?} parks"),
        },
        Decision::Pause { scope, until } => match failure {
            Failure::Operator { scope: whose, .. } if scope == whose && *until == NOW + PAUSE => {
                "pause"
            }
            other => panic!("{other:?} pauses {scope:?} until {until}"),
        },
        Decision::Retry { at } | Decision::Reconcile { at } => panic!("{failure:?} at {at}"),
        Decision::Fail { failure: why } | Decision::Disconnect { failure: why } => {
            panic!("{failure:?} ends as {why:?}")
        }
    }
}

// case: D-table
#[test]
fn every_failure_after_every_history_has_its_decision() {
    let (failures, histories) = (failures(), histories());
    assert_eq!(histories.len(), 2 * 2 * 3 * 4 * 3 * 2 * 3 * 4 * 2 * 2 * 2, "the product is full");
    for (name, failure) in &failures {
        for (flags, history) in &histories {
            let decision = decide(failure, history, NOW);
            let expected = stated(name, |flag| flags.contains(&flag));
            assert_eq!(told(&decision, failure, history), expected, "{name}, {flags:?}");
        }
    }
}

/// A delivery whose call has just failed.
fn standing() -> Standing {
    Standing {
        status: Status::Sending,
        generation: Some(1),
        owed_at: None,
        epoch: 1,
        lease: 1,
        due_at: NOW,
        not_after: None,
        late: Late::Publish,
        asked_at: None,
        intended_at: Some(NOW),
        deadline_at: Some(NOW),
        ask_from: None,
        attempts: 0,
        auth_refusals: 0,
        absences: 0,
        has_doubt: false,
        is_ours: true,
        is_asking: false,
    }
}

/// Who is woken for what was written, and when.
fn woken(change: &Change) -> Option<(Owner, Option<Timestamp>)> {
    match change.wake {
        Wake::Keep => panic!("the lease is over"),
        Wake::Drop => None,
        Wake::Publish(at) => Some((Owner::Publish, at)),
        Wake::Ask(at) => Some((Owner::Reconcile, at)),
    }
}

// case: D-owner
#[test]
fn whatever_is_decided_the_delivery_ends_or_has_an_owner_who_is_woken() {
    let latest = NOW + PARKED_MAX + JITTER_AFTER_LIMIT;
    for (name, failure) in failures() {
        for (flags, history) in histories() {
            let decision = decide(&failure, &history, NOW);
            let is_limit = matches!(failure, Failure::RateLimit { .. });
            let (change, is_renewing) = match standing().after(decision, &failure) {
                Next::Write(change) => (change, false),
                // The lease goes on with the renewed token, and nothing is taken away.
                Next::Renew(change) => (change, true),
                Next::Fail(change, _) | Next::Disconnect(change, _) | Next::Miss(change, _) => {
                    (change, false)
                }
            };
            let cell = format!("{name}, {flags:?}: {change:?}");
            assert!(!(is_limit && change.status == Status::Ready && change.is_attempt_spent));
            if is_renewing {
                assert_eq!((change.status, change.wake), (Status::Ready, Wake::Keep), "{cell}");
                continue;
            }
            match change.status.care() {
                None => assert!(change.status.is_ended() && change.wake == Wake::Drop, "{cell}"),
                Some(care) if care.owner == Owner::Person => {
                    assert_eq!(woken(&change), None, "{cell}");
                    assert!(!care.alarm_after.is_zero(), "{cell}");
                }
                Some(care) => {
                    let (owner, at) = woken(&change).expect(&cell);
                    assert_eq!(owner, care.owner, "{cell}");
                    let at = at.expect("a decision names an instant");
                    assert!(at >= NOW && at <= latest, "{cell}");
                }
            }
        }
    }
}

// case: D-limit
#[test]
fn a_limit_is_waited_for_to_the_second_and_not_beyond_patience() {
    let limit = |retry_at| Failure::RateLimit { scope: Scope::App, retry_at, detail: detail() };
    let wait = |seconds: u64, history: History| {
        let retry_at = NOW + Duration::from_secs(seconds);
        match decide(&limit(retry_at), &history, NOW) {
            Decision::Park { until, .. } => {
                assert!(until >= retry_at && until <= retry_at + JITTER_AFTER_LIMIT);
                true
            }
            Decision::Fail { failure } => {
                assert_eq!(failure.public_type(), "PlatformRateLimitError");
                false
            }
            other => panic!("{other:?}"),
        }
    };
    let h = History { due_at: NOW, chance: 0.0, ..history() };
    let hour = 3_600;
    assert!(wait(23 * hour, h) && wait(72 * hour, h), "within 72 h of its time");
    assert!(!wait(72 * hour + 1, h));
    assert!(!wait(72 * hour, History { chance: 1.0, ..h }), "the jitter counts");
    // Three days count from its time, however often it was parked before.
    let due_at = NOW - Duration::from_secs(60 * 3600);
    assert!(wait(12 * hour, History { due_at, ..h }) && !wait(13 * hour, History { due_at, ..h }));
    let not_after = Some(NOW + Duration::from_secs(60));
    assert!(wait(60, History { not_after, ..h }) && !wait(61, History { not_after, ..h }));
    let not_after = Some(NOW + Duration::from_secs(200 * 3600));
    assert!(wait(199 * hour, History { not_after, ..h }), "its owner gave it more time");
}
