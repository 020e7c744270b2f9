//! Rules for reposts, one by one and at random.

use super::*;
use proptest::prelude::*;

const ZONES: [&str; 5] =
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"];
const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn rule(beat: Beat, times: u32) -> Rule {
    Rule {
        beat,
        times,
        until: None,
        quiet_hours: None,
        undo_after_s: None,
        min_gap_s: GAP_MIN.as_secs(),
    }
}

fn out(ended_at: Timestamp) -> Past {
    Past { ended_at, is_shown: true }
}

const OUT: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn s(seconds: u64) -> Timestamp {
    OUT + Duration::from_secs(seconds)
}

#[test]
fn after_counts_from_the_one_before_and_every_from_the_post() {
    let after = rule(Beat::AfterS(8 * HOUR), 3);
    let every = rule(Beat::EveryS(8 * HOUR), 3);
    assert_eq!(next(&after, OUT, &[], None, OUT), Next::Repost(s(8 * HOUR)));
    assert_eq!(next(&every, OUT, &[], None, OUT), Next::Repost(s(8 * HOUR)));
    // One that was an hour late.
    let past = [out(s(9 * HOUR))];
    assert_eq!(next(&after, OUT, &past, None, s(9 * HOUR)), Next::Repost(s(17 * HOUR)));
    assert_eq!(next(&every, OUT, &past, None, s(9 * HOUR)), Next::Repost(s(16 * HOUR)));
    // Where the beat is as short as the gap may be, a late one moves the next a little and skips
    // none.
    let quick = rule(Beat::EveryS(15 * MINUTE), 9);
    let past = [out(s(15 * MINUTE + 2))];
    let due = s(30 * MINUTE + 2);
    assert_eq!(next(&quick, OUT, &past, None, s(16 * MINUTE)), Next::Repost(due));
    let all = [out(s(8 * HOUR)), out(s(16 * HOUR)), out(s(DAY))];
    assert_eq!(next(&every, OUT, &all, None, s(DAY)), Next::Over(End::Done));
}

// case: S-repost-outage
#[test]
fn an_outage_of_three_days_is_made_up_for_once() {
    let now = s(3 * DAY + HOUR);
    for beat in [
        Beat::AfterS(2 * HOUR),
        Beat::EveryS(2 * HOUR),
        Beat::At((1..=10).map(|n| s(n * 7 * HOUR)).collect()),
    ] {
        let rule = rule(beat.clone(), 10);
        let Next::Repost(due) = next(&rule, OUT, &[], None, now) else { panic!("{beat:?}") };
        assert!(due <= now, "{beat:?}: one is overdue");
        let past = [out(now)];
        let next = next(&rule, OUT, &past, None, now);
        let is_later = matches!(next, Next::Repost(at) if at >= now + GAP_MIN);
        assert!(is_later || next == Next::Over(End::Done), "{beat:?}: {next:?}");
    }
}

#[test]
fn instants_that_had_passed_when_the_post_went_out_are_missed() {
    let rule = rule(Beat::At(vec![s(0), OUT - Duration::from_secs(9)]), 2);
    assert_eq!(next(&rule, OUT, &[], None, OUT), Next::Over(End::Missed));
}

#[test]
fn the_night_is_waited_for_and_the_end_is_an_end() {
    let quiet = Quiet::read("22:00", "07:00", "UTC").unwrap();
    let posted = at("2026-12-01T16:00:00Z");
    let mut rule = Rule { quiet_hours: Some(quiet), ..rule(Beat::AfterS(8 * HOUR), 3) };
    let morning = at("2026-12-02T07:00:00Z");
    assert_eq!(next(&rule, posted, &[], None, posted), Next::Repost(morning));
    // Woken in the night, perhaps because an edit of the rule or a clock moved it there.
    let night = at("2026-12-02T03:00:00Z");
    assert_eq!(next(&rule, posted, &[], None, night), Next::Repost(morning));
    rule.until = Some(at("2026-12-02T06:59:59Z"));
    assert_eq!(next(&rule, posted, &[], None, posted), Next::Over(End::Until));
}

#[test]
fn a_repost_is_taken_back_at_its_time_unless_the_next_one_does_it() {
    let mut rule = Rule { undo_after_s: Some(HOUR), ..rule(Beat::AfterS(8 * HOUR), 2) };
    let past = [out(s(8 * HOUR))];
    assert_eq!(next(&rule, OUT, &past, None, s(8 * HOUR)), Next::Undo(s(9 * HOUR)));
    // A later try that failed does not make it forgotten, nor does a cancel.
    let failed = [past[0], Past { ended_at: s(16 * HOUR), is_shown: false }];
    assert_eq!(next(&rule, OUT, &failed, None, s(16 * HOUR)), Next::Undo(s(9 * HOUR)));
    let cancelled = Some(End::Cancelled);
    assert_eq!(next(&rule, OUT, &past, cancelled, s(8 * HOUR)), Next::Undo(s(9 * HOUR)));
    let gone = Some(End::OriginGone);
    assert_eq!(next(&rule, OUT, &past, gone, s(8 * HOUR)), Next::Over(End::OriginGone));
    rule.undo_after_s = Some(9 * HOUR);
    assert_eq!(next(&rule, OUT, &past, None, s(8 * HOUR)), Next::Repost(s(16 * HOUR)));
}

#[test]
fn the_words_of_an_end_are_read_back() {
    for end in End::ALL {
        assert_eq!(End::parse(end.as_str()), Some(end));
    }
}

/// What may happen to the worker and to the post.
#[derive(Debug, Clone)]
struct World {
    /// Nobody works in these spans of seconds, counted from the post.
    outages: Vec<(u64, u64)>,
    /// The post is gone from here on.
    gone_s: Option<u64>,
    /// The tries, by number, that fail.
    failing: Vec<usize>,
    /// How long a repost takes to go out once it is due, in milliseconds: limits, waits.
    delays_ms: Vec<u64>,
}

impl World {
    fn awake_at(&self, at: Timestamp) -> Timestamp {
        self.outages.iter().fold(at, |at, (from, length)| {
            let (from, to) = (s(*from), s(from + length));
            if from <= at && at < to { to } else { at }
        })
    }
}

/// One repost that went out.
#[derive(Debug, PartialEq)]
struct Repost {
    at: Timestamp,
    /// The instant it was owed at, when it was planned.
    planned: Timestamp,
}

/// What a worker does by the rule: it is woken at what is owed, asks again, and obeys.
fn play(rule: &Rule, world: &World) -> (Vec<Repost>, Vec<Past>, End) {
    let mut now = OUT;
    let mut past: Vec<Past> = Vec::new();
    let mut reposts = Vec::new();
    let mut ended = None;
    let (mut planned, mut held) = (OUT, 0);
    for _ in 0..200 {
        match next(rule, OUT, &past, ended, now) {
            Next::Over(end) => return (reposts, past, end),
            Next::Repost(at) | Next::Undo(at) if at > now => {
                planned = at;
                now = world.awake_at(at);
            }
            Next::Undo(_) => past.iter_mut().for_each(|one| one.is_shown = false),
            Next::Repost(_) => {
                let number = past.len();
                // Each is held up once.
                let late = world.delays_ms.get(number).copied().filter(|_| held <= number);
                held = number + 1;
                let late = late.unwrap_or(0);
                let later = world.awake_at(now + Duration::from_millis(late));
                // A worker that waited asks once more, as any that is woken does.
                if !matches!(next(rule, OUT, &past, ended, later), Next::Repost(at) if at <= later)
                {
                    now = later;
                    continue;
                }
                now = later;
                if world.gone_s.is_some_and(|gone| s(gone) <= now) {
                    ended = Some(End::OriginGone);
                    past.push(Past { ended_at: now, is_shown: false });
                    continue;
                }
                let is_shown = !world.failing.contains(&number);
                if is_shown {
                    past.iter_mut().for_each(|one| one.is_shown = false);
                    reposts.push(Repost { at: now, planned });
                }
                past.push(Past { ended_at: now, is_shown });
            }
        }
    }
    panic!("it does not end");
}

fn beats() -> impl Strategy<Value = Beat> {
    let gap = GAP_MIN.as_secs()..GAP_MAX.as_secs();
    prop_oneof![
        gap.clone().prop_map(Beat::AfterS),
        gap.prop_map(Beat::EveryS),
        prop::collection::btree_set(0..40 * DAY, 1..=10)
            .prop_map(|set| Beat::At(set.into_iter().map(s).collect())),
    ]
}

fn rules() -> impl Strategy<Value = Rule> {
    let quiet =
        (0..24_u16, 1..24_u16, prop::sample::select(&ZONES[..])).prop_map(|(from, by, z)| {
            let hour = |hour: u16| format!("{:02}:30", hour % 24);
            Quiet::read(&hour(from), &hour(from + by), z).unwrap()
        });
    let undo = GAP_MIN.as_secs()..GAP_MAX.as_secs();
    (
        beats(),
        1..=TIMES_MAX,
        prop::option::of((HOUR..80 * DAY).prop_map(s)),
        prop::option::of(quiet),
        prop::option::of(undo),
        GAP_MIN.as_secs()..2 * DAY,
    )
        .prop_map(|(beat, times, until, quiet_hours, undo_after_s, min_gap_s)| {
            let times = match &beat {
                Beat::At(list) => u32::try_from(list.len()).unwrap(),
                Beat::AfterS(_) | Beat::EveryS(_) => times,
            };
            Rule { beat, times, until, quiet_hours, undo_after_s, min_gap_s }
        })
}

fn worlds() -> impl Strategy<Value = World> {
    (
        prop::collection::vec((0..90 * DAY, MINUTE..5 * DAY), 0..5),
        prop::option::of(0..90 * DAY),
        prop::collection::vec(0..10_usize, 0..4),
        prop::collection::vec(0..(6 * HOUR * 1000), 0..10),
    )
        .prop_map(|(mut outages, gone_s, failing, delays_ms)| {
            outages.sort_unstable();
            World { outages, gone_s, failing, delays_ms }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    // case: S-repost-rule
    #[test]
    fn reposts_keep_their_rule_over_any_outage(rule in rules(), world in worlds()) {
        let (reposts, past, end) = play(&rule, &world);
        let gap = Duration::from_secs(rule.min_gap_s);
        prop_assert!(past.len() <= rule.times as usize, "count: {reposts:?}");
        let all: Vec<Timestamp> =
            std::iter::once(OUT).chain(past.iter().map(|one| one.ended_at)).collect();
        for pair in all.windows(2) {
            prop_assert!(pair[1] >= pair[0] + gap, "gap: {pair:?}");
        }
        for repost in &reposts {
            prop_assert!(repost.at >= repost.planned, "early: {repost:?}");
            prop_assert!(rule.until.is_none_or(|until| repost.at <= until), "until: {repost:?}");
            let quiet = rule.quiet_hours.as_ref().and_then(|quiet| quiet.ends_after(repost.at));
            prop_assert_eq!(quiet, None, "in the night: {:?}", repost);
            prop_assert!(world.gone_s.is_none_or(|gone| repost.at < s(gone)), "dead: {repost:?}");
        }
        // What is named by instants is made once for each, and never before.
        if let Beat::At(instants) = &rule.beat {
            for (number, one) in past.iter().enumerate() {
                let passed = instants.iter().filter(|at| **at <= one.ended_at).count();
                prop_assert!(number < passed, "twice for one instant");
            }
        }
        // Nothing is forgotten: a repost that shows the post at the end has nobody to take it back.
        let is_shown = past.iter().any(|one| one.is_shown);
        prop_assert!(!is_shown || rule.undo_after_s.is_none() || !end.leaves_undo(), "{end}");
        // Without anything in its way, it is made as often as it says.
        let is_free = world.outages.is_empty() && world.gone_s.is_none();
        let is_plain = matches!(rule.beat, Beat::AfterS(_)) && rule.until.is_none();
        if is_free && is_plain {
            prop_assert_eq!(past.len(), rule.times as usize);
        }
    }

    // case: S-repost-outage
    #[test]
    fn whatever_an_outage_swallowed_one_repost_follows_it(
        rule in rules(), from in 0..20 * DAY, length in MINUTE..9 * DAY,
    ) {
        let world = World {
            outages: vec![(from, length)],
            gone_s: None,
            failing: vec![],
            delays_ms: vec![],
        };
        let back = s(from + length);
        let (reposts, ..) = play(&rule, &world);
        let caught_up =
            reposts.iter().filter(|one| one.planned < back && one.at >= back).count();
        prop_assert!(caught_up <= 1, "{reposts:?}");
    }
}
