//! The sentence, over everything that can stand in the tables.

use super::*;

fn facts(status: Status) -> Facts {
    let now = Timestamp::from_seconds(1_000_000);
    Facts {
        now,
        status,
        stage: Stage::Live,
        platform: "toy".into(),
        account: "@acme".into(),
        due_at: now,
        gate: None,
        needs_reconnect: None,
        paused: None,
        own_limits: None,
        risk: None,
        failure: None,
        deadline_at: None,
        ask_from: None,
        absences: 0,
        crashes: 0,
        attempts: 0,
        twin: None,
        refresh_until: None,
        wake_at: None,
        wait: None,
        after: None,
        parts_out: 0,
        parts: 1,
        published_at: None,
        permalink: None,
    }
}

/// Every combination of what may be there and what may not.
fn all() -> Vec<Facts> {
    let mut all = Vec::new();
    let soon = facts(Status::Ready).now + Duration::from_secs(60);
    for status in Status::ALL {
        for stage in Stage::ALL {
            for bits in 0..512_u32 {
                let has = |bit: u32| bits & (1 << bit) != 0;
                let mut facts = Facts { stage, ..facts(status) };
                let failure = ("PlatformOperatorError", "It is unpaid.", "Pay.");
                let (kind, message, resolution) = failure;
                facts.failure = has(0).then(|| Reason {
                    kind: kind.into(),
                    message: message.into(),
                    resolution: resolution.into(),
                });
                let reason = "Too many requests".to_owned();
                facts.gate = has(1).then_some(Gate { scope: Scope::App, until: soon, reason });
                facts.wake_at = has(2).then_some(soon);
                facts.wait = has(3).then_some(Wait::Processing);
                facts.crashes = u32::from(has(4));
                facts.absences = u32::from(has(5));
                facts.deadline_at = has(6).then_some(soon);
                facts.due_at = if has(7) { soon } else { facts.now };
                facts.permalink = has(8).then(|| "https://toy.example/1".to_owned());
                all.push(facts);
            }
        }
    }
    all
}

#[test]
fn there_is_one_sentence_for_everything_that_can_stand_in_the_tables() {
    for facts in all() {
        let told = why(&facts);
        let is_one = told.ends_with('.') && !told.contains(". ") && !told.contains("..");
        assert!(is_one, "{told}\n{facts:?}");
    }
}

#[test]
fn what_is_promised_for_an_instant_lies_ahead() {
    for facts in all() {
        assert!(!why(&facts).contains("(in 0 s)"), "{facts:?}");
    }
}

#[test]
fn the_strongest_reason_is_told() {
    let late = facts(Status::Ready).now - Duration::from_secs(90);
    let waiting = Facts { wake_at: Some(late), ..facts(Status::Ready) };
    assert!(why(&waiting).contains("due for 90 s, and no worker has taken it up"));
    let crashed = Facts { crashes: 2, ..waiting.clone() };
    assert!(why(&crashed).contains("ended a worker process twice"));
    let reason = "Too Many Requests".to_owned();
    let until = crashed.now + Duration::from_secs(7_201);
    let parked = Facts { gate: Some(Gate { scope: Scope::Account, until, reason }), ..crashed };
    let told = why(&parked);
    assert!(told.starts_with("toy takes no calls from @acme until"), "{told}");
    assert!(told.contains("(in 3 h)") && told.contains("(Too Many Requests)"), "{told}");
    // A gate that opens before the due time holds nothing.
    let later = Facts { due_at: until + Duration::from_secs(1), ..parked };
    assert!(!why(&later).contains("takes no calls"));
}

#[test]
fn a_chain_says_how_much_of_it_is_out() {
    let failure = Reason {
        kind: "PlatformContentError".into(),
        message: "Too long.".into(),
        resolution: "Shorten it.".into(),
    };
    let chain = Facts { parts: 3, parts_out: 1, failure: Some(failure), ..facts(Status::Failed) };
    assert_eq!(why(&chain), "It stopped after part 1 of 3: Too long; shorten it.");
}

#[test]
fn an_instant_is_never_told_too_early() {
    assert_eq!(second(Timestamp::from_ms(1_001)), "1970-01-01T00:00:02Z");
    assert_eq!(second(Timestamp::from_ms(1_000)), "1970-01-01T00:00:01Z");
    assert_eq!(span(Duration::from_millis(119_001)), "120 s");
    assert_eq!(span(Duration::from_secs(121)), "3 min");
}
