//! The table of lateness, and six hours' outage in virtual time.

use super::*;

const DUE: Timestamp = Timestamp::from_seconds(1_000_000);

fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3_600)
}

fn terms(late: Late, not_after: Option<Duration>) -> Terms {
    Terms { late, due_at: DUE, not_after: not_after.map(|d| DUE + d), asked_at: None }
}

// case: LT-table
#[test]
fn what_is_late_follows_the_rule_of_its_post() {
    let ms = Duration::from_millis(1);
    let three_days = hours(72);
    for (late, miss) in
        [(Late::Publish, Verdict::Fail), (Late::Hold, Verdict::Hold), (Late::Skip, Verdict::Skip)]
    {
        // Without an end of its own three days are patience enough.
        for end in [Some(Duration::ZERO), Some(hours(1)), Some(hours(500)), None] {
            let terms = terms(late, end);
            let end = end.unwrap_or(three_days);
            for (after, expected) in [
                (Duration::ZERO, Verdict::Go),
                (end, Verdict::Go),
                (end + ms, miss),
                (end + hours(1_000), miss),
            ] {
                let verdict = decide(&terms, DUE + after);
                assert_eq!(verdict, expected, "{late:?}, {after:?} after its time, end {end:?}");
            }
            assert_eq!(decide(&terms, DUE - hours(1)), Verdict::Go, "it is not even due");
        }
    }
}

// case: LT-table
#[test]
fn whoever_asks_for_it_when_its_time_is_over_gets_it() {
    for late in [Late::Publish, Late::Hold, Late::Skip] {
        let once = terms(late, Some(hours(1)));
        let asked = DUE + hours(100);
        let again = Terms { asked_at: Some(asked), ..once };
        assert_eq!(decide(&once, asked), once.miss());
        assert_eq!(decide(&again, asked), Verdict::Go);
        assert_eq!(decide(&again, asked + hours(72)), Verdict::Go);
        assert_eq!(decide(&again, asked + hours(73)), again.miss());
        // Asked for within its time, it keeps its time.
        let within = Terms { asked_at: Some(DUE + hours(1)), ..once };
        assert_eq!(within.ends_at(), DUE + hours(1));
        assert_eq!(within.wanted_at(), DUE + hours(1));
    }
    let asked_early = Terms { asked_at: Some(DUE - hours(5)), ..terms(Late::Publish, None) };
    assert_eq!((asked_early.wanted_at(), asked_early.ends_at()), (DUE, DUE + hours(72)));
}

#[test]
fn what_missed_its_time_is_told_with_its_rule_and_the_way_out() {
    let of = |late, why| {
        let terms = terms(late, Some(hours(1)));
        tell(&terms, terms.miss(), why)
    };
    let by = format!("it was to be out by {}", DUE + hours(1));
    let failed = of(Late::Publish, None);
    assert_eq!(
        (failed.kind, failed.message),
        (TOO_LATE, format!("{by}, and that time has passed"))
    );
    let skipped = of(Late::Skip, Some("Too Many Requests"));
    let story = format!("{by}, and cannot be (Too Many Requests): its rule for lateness is `skip`");
    assert_eq!((skipped.kind, skipped.message), (SKIPPED, story));
    let held = of(Late::Hold, None);
    assert!(held.kind == HELD && held.resolution.contains("`send`"), "{held:?}");
    let forgotten = tell(&terms(Late::Publish, None), Verdict::Fail, None);
    assert!(forgotten.message.contains("more than three days ago"), "{forgotten:?}");
}

fn id(n: u128) -> DeliveryId {
    DeliveryId::new(uuid::Uuid::from_u128(n))
}

fn waiting(n: u64, slot_at: Option<Timestamp>) -> Waiting {
    Waiting { id: id(n.into()), due_at: DUE + Duration::from_secs(n), slot_at }
}

// case: LT-slots
#[test]
fn a_backlog_is_placed_once_in_due_order_behind_what_left_last() {
    let gap = Duration::from_secs(30);
    let pace = gap + SLACK;
    let now = DUE + hours(6);
    // Given in any order, and asked by any of them.
    let three = [waiting(3, None), waiting(1, None), waiting(2, None)];
    let slots =
        |from: Timestamp| vec![(id(1), from), (id(2), from + pace), (id(3), from + pace * 2)];
    let asked = |n, last| place(&three, id(n), gap, last, now);
    assert_eq!(asked(1, None), Placed { at: None, slots: slots(now) });
    assert_eq!(asked(3, None), Placed { at: Some(now + pace * 2), slots: slots(now) });
    let last = now - gap / 3;
    assert_eq!(asked(1, Some(last)), Placed { at: Some(last + gap), slots: slots(last + gap) });

    // Within its slot it goes, unless one just left; before, it waits; nobody else is touched.
    let placed = [waiting(1, Some(now)), waiting(2, Some(now + pace))];
    let told = |n, last, at: Timestamp| place(&placed, id(n), gap, last, at);
    let ms = Duration::from_millis(1);
    assert_eq!(told(1, None, now), Placed { at: None, slots: vec![] });
    assert_eq!(told(1, Some(now - gap), now + gap - ms), Placed { at: None, slots: vec![] });
    assert_eq!(told(2, None, now), Placed { at: Some(now + pace), slots: vec![] });
    let late = Placed { at: Some(now + gap), slots: vec![(id(1), now + gap)] };
    assert_eq!(told(1, Some(now), now + ms), late);

    // A newcomer comes behind them; a slot that was missed has all placed anew.
    let with_new = [placed[0], placed[1], waiting(9, None)];
    let new = Placed { at: Some(now + pace * 2), slots: vec![(id(9), now + pace * 2)] };
    assert_eq!(place(&with_new, id(9), gap, None, now), new);
    let later = now + hours(1);
    let anew =
        Placed { at: Some(later + pace), slots: vec![(id(1), later), (id(2), later + pace)] };
    assert_eq!(told(2, Some(now), later), anew);
    assert_eq!(place(&placed, id(7), gap, None, now), Placed { at: None, slots: vec![] });
}

mod outage;
