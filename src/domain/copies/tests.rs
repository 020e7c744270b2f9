//! Copies, one by one and through random outages.

use super::*;
use crate::id::Id;
use crate::rejection::{Rejection, Rule as Broken};
use crate::repost::Beat;
use crate::request::{Draft, parse, written};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

const NAMES: [&str; 2] = ["x", "threads"];
const START: Timestamp = Timestamp::from_seconds(1_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn rule(beat: Beat, times: u32) -> Rule {
    let min_gap_s = GAP_MIN.as_secs();
    Rule { beat, times, until: None, quiet_hours: None, undo_after_s: None, min_gap_s }
}

fn place(n: u128) -> Place {
    Place {
        account: Id::new(Uuid::from_u128(n)),
        platform: "threads".to_owned(),
        status: Status::Published,
        published_at: Some(START),
        is_removed: false,
        is_disconnected: false,
        is_open: false,
    }
}

fn made(at: Timestamp) -> Past {
    Past { ended_at: at, is_shown: false }
}

/// What is owed of a live origin a day and a minute after it was out.
fn live(places: &[Place], past: &[Past]) -> Owed {
    let rule = rule(Beat::EveryS(DAY.as_secs()), 2);
    owed(&rule, (Stage::Live, places), past, |_| true, START + DAY)
}

// case: S-copies
#[test]
fn a_copy_is_owed_where_the_origin_is_out_and_nothing_is_under_way() {
    let [a, b] = [place(1), place(2)];
    let at = START + DAY;
    let make = |accounts: &[&Place]| Owed::Make {
        at,
        accounts: accounts.iter().map(|one| one.account).collect(),
    };
    let with = |change: fn(&mut Place)| {
        let mut one = place(1);
        change(&mut one);
        one
    };
    let gone = with(|one| one.is_removed = true);
    let lost = with(|one| one.is_disconnected = true);
    let busy = with(|one| one.is_open = true);
    let failed = with(|one| (one.status, one.published_at) = (Status::Failed, None));
    let waits = with(|one| (one.status, one.published_at) = (Status::Ready, None));
    assert_eq!(live(&[a.clone(), b.clone()], &[]), make(&[&a, &b]));
    for aside in [&gone, &lost, &busy, &failed, &waits] {
        assert_eq!(live(&[aside.clone(), b.clone()], &[]), make(&[&b]), "{aside:?}");
    }
    assert_eq!(live(&[gone], &[]), Owed::Over(End::Removed));
    assert_eq!(live(&[lost], &[]), Owed::Over(End::Disconnected));
    // What is still under way is not piled upon, and costs none of the copies.
    assert_eq!(live(&[busy], &[]), Owed::Wait(at + DAY));
    assert_eq!(live(&[failed], &[]), Owed::Nowhere);
    assert_eq!(live(&[waits], &[]), Owed::NotOut);
    let two = [made(START + DAY), made(START + DAY * 2)];
    assert_eq!(live(std::slice::from_ref(&a), &two), Owed::Over(End::Done));

    let every = rule(Beat::EveryS(DAY.as_secs()), 9);
    let one = std::slice::from_ref(&a);
    let asked = |stage, fits: bool, now| owed(&every, (stage, one), &[], |_| fits, now);
    assert_eq!(asked(Stage::Archived, true, at), Owed::Over(End::Archived));
    assert_eq!(asked(Stage::Cancelled, true, at), Owed::Over(End::Cancelled));
    assert_eq!(asked(Stage::Held, true, at), Owed::Wait(at + DAY));
    assert_eq!(asked(Stage::Live, false, at), Owed::Over(End::NoVariation));
    assert_eq!(asked(Stage::Live, true, at - AHEAD), make(&[&a]));
    assert_eq!(asked(Stage::Live, true, at - AHEAD * 2), Owed::Wait(at));
}

fn series(republish: &Value) -> (Draft, Series) {
    let body = json!({
        "brandSlug": "acme", "text": "We are live", "platforms": NAMES, "republish": republish,
        "threads": {"text": "Own", "replyControl": "everyone"},
        "x": {"thread": ["More"], "autoRepost": {"after": "PT1H"}},
    });
    let draft = parse(&body, &NAMES, START).unwrap();
    let series = of(&draft, &NAMES).unwrap();
    (draft, series)
}

#[test]
fn a_copy_says_its_variation_and_nothing_of_the_rule() {
    let (origin, series) = series(&json!({
        "every": "P7D", "until": "2026-12-24T00:00:00Z",
        "variations": [
            {"text": "Still live"}, {"threads": {"text": "There", "replyControl": null}},
        ],
    }));
    assert_eq!(series.rule.times, TIMES_MAX);
    let target = |n: u128, name| (Id::new(Uuid::from_u128(n)), name);
    let post = Id::new(Uuid::from_u128(9));
    let copy = |number| series.copy(&origin, (post, number), &[target(1, "threads")]);
    let first = copy(1);
    assert_eq!((first.text.as_str(), first.texts.len()), ("Still live", 0));
    assert_eq!((first.accounts.len(), first.platforms.len(), first.options.len()), (1, 0, 1));
    assert_eq!(first.copy_of, Some(CopyOf { post_id: post, number: 1 }));
    assert_eq!((first.republish.is_none(), first.not_after), (true, series.rule.until));
    let second = copy(2);
    assert_eq!((second.text.as_str(), second.texts["threads"].as_str()), ("We are live", "There"));
    assert!(second.options["threads"].is_empty(), "{second:?}");
    // Then they come again, the first wording in front.
    assert_eq!((copy(3).texts, copy(4).text), (origin.texts.clone(), first.text));
    let on_x = series.copy(&origin, (post, 1), &[target(2, "x")]);
    assert_eq!(on_x.options["x"].keys().collect::<Vec<_>>(), ["thread"]);
    // What was written is written again, so that a change of it can be merged.
    let patch = json!({"republish": {"times": 3}});
    let body = written(&origin, patch.as_object().unwrap(), START);
    assert_eq!(body["republish"]["times"], 3);
    assert_eq!(of(&parse(&body, &NAMES, START).unwrap(), &NAMES).unwrap().rule.times, 3);
}

// case: S-copies-refused
#[test]
fn every_flaw_of_a_republish_rule_is_named() {
    let many = vec![json!({"text": "again"}); VARIATIONS_MAX + 1];
    let table = [
        (json!({}), "republish.after", Broken::Required),
        (json!({"after": "PT23H59M59S"}), "republish.after", Broken::OutOfRange),
        (json!({"after": "P366DT1S"}), "republish.after", Broken::OutOfRange),
        (json!({"after": "P1D", "times": 53}), "republish.times", Broken::OutOfRange),
        (json!({"after": "P1D", "minGap": "P2D"}), "republish.minGap", Broken::Conflict),
        (json!({"after": "P1D", "undoAfter": "P1D"}), "republish.undoAfter", Broken::UnknownField),
        (json!({"every": "P1D"}), "republish.times", Broken::Required),
        (json!({"after": "P1D", "variations": many}), "republish.variations", Broken::TooMuch),
        (
            json!({"after": "P1D", "variations": ["a"]}),
            "republish.variations[0]",
            Broken::WrongType,
        ),
        (
            json!({"after": "P1D", "variations": [{"txt": "a"}]}),
            "republish.variations[0].txt",
            Broken::UnknownField,
        ),
        (
            json!({"after": "P1D", "variations": [{}, {"x": {"text": 1}}]}),
            "republish.variations[1].x.text",
            Broken::WrongType,
        ),
    ];
    for (republish, field, broken) in table {
        let body = json!({"brandSlug": "acme", "platforms": ["x"], "republish": republish});
        let found = parse(&body, &NAMES, START).unwrap_err();
        let is_it = |one: &&Rejection| one.field == field && one.rule == broken;
        let named = found.iter().find(is_it).unwrap_or_else(|| panic!("{body}: {found:?}"));
        assert!(!named.message.is_empty() && !named.resolution.is_empty(), "{named:?}");
    }
    let count = |republish: Value| series(&republish).1.rule.times;
    assert_eq!(count(json!({"after": "P1D"})), 1);
    assert_eq!(count(json!({"after": "P1D", "variations": [{"text": "a"}, {"text": "b"}]})), 2);
}

proptest! {
    // case: S-copies-random
    #[test]
    fn through_any_outage_copies_keep_their_rule(
        (step, times, gap) in (1..9_u64, 1..9_u32, 1..9_u64),
        is_every in any::<bool>(),
        until in proptest::option::of(1..60_i64),
        // How long nothing works before the job is looked at, and how long a copy is under way.
        outages in proptest::collection::vec((0..400_u64, 0..90_u64), 1..40),
        removed_at in proptest::option::of(0..40_usize),
    ) {
        let seconds = DAY.as_secs() * step;
        let beat = if is_every { Beat::EveryS(seconds) } else { Beat::AfterS(seconds) };
        let rule = Rule {
            until: until.map(|days| START + DAY * u32::try_from(days).unwrap()),
            min_gap_s: DAY.as_secs() * gap.min(step),
            ..rule(beat, times)
        };
        let (mut now, mut copies) = (START, Vec::<Past>::new());
        for (look, (hours, under_way)) in outages.into_iter().enumerate() {
            let mut origin = place(1);
            origin.is_removed = removed_at.is_some_and(|at| look >= at);
            origin.is_open = copies.last().is_some_and(|one| one.ended_at > now);
            let places = [origin.clone()];
            let next = match owed(&rule, (Stage::Live, &places), &copies, |_| true, now) {
                Owed::Make { at, .. } => {
                    prop_assert!(!origin.is_removed && !origin.is_open && at <= now + AHEAD);
                    let before = copies.last().map_or(START, |one| one.ended_at);
                    let out_at = at.max(now);
                    prop_assert!(out_at.since(before) >= Duration::from_secs(rule.min_gap_s));
                    prop_assert!(rule.until.is_none_or(|until| out_at <= until));
                    copies.push(made(out_at + Duration::from_secs(under_way * 3_600)));
                    out_at
                }
                Owed::Wait(at) => at - AHEAD,
                Owed::Over(_) => break,
                owed => return Err(TestCaseError::fail(format!("{owed:?}"))),
            };
            prop_assert!(copies.len() <= usize::try_from(times).unwrap());
            // It is woken then, or when the outage ends: once, however much passed meanwhile.
            now = next.max(now) + Duration::from_secs(hours * 3_600);
        }
    }
}

#[test]
fn a_draft_without_a_rule_is_stored_as_before() {
    let stored = serde_json::to_value(Draft::default()).unwrap();
    let named = |name: &str| stored.as_object().map(Map::keys).unwrap().any(|key| key == name);
    assert!(!named("republish") && !named("copyOf"), "{stored}");
}
