//! Runs histories until one breaks a rule, and tells the shortest that does.

use crate::history::{Plan, run};
use crate::world::Seen;
use base::{clock, rng};
use domain::courier::{Safeguard, Safeguards};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Some seconds of two cores, beside the tests that need them too.
const HISTORIES: u64 = 20_000;
/// A step of the gate for itself.
const HISTORIES_WHOLE: u64 = 200_000;
const HISTORIES_LONG: u64 = 5_000_000;
/// A safeguard that is off is missed long before this one.
const HISTORIES_WEAK: u64 = 100_000;
const OPERATIONS: usize = 60;
const THREADS: usize = 2;

/// What histories are about; each has to happen.
const EVENTS: [&str; 15] = [
    "accepted",
    "adopted",
    "asked the platform",
    "died",
    "fenced",
    "found abandoned",
    "intent refused",
    "outcome unknown",
    "Postgres went back",
    "proven absent",
    "Redis lost",
    "settle refused",
    "stood still",
    "taken back",
    "written anew",
];

/// A history that broke a rule.
struct Broken {
    seed: u64,
    number: u64,
    rule: String,
}

fn seed() -> u64 {
    let given = std::env::var("POSTFLEET_TEST_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("POSTFLEET_TEST_SEED is a number"));
    given.unwrap_or_else(|| u64::from(rng::nonce().unsigned_abs() as u32))
}

/// Runs histories until one breaks a rule.
fn live(histories: u64, safeguards: Safeguards) -> (Seen, Option<Broken>) {
    let first = seed();
    println!("publishing model: POSTFLEET_TEST_SEED={first}, {safeguards:?}");
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let (broken, seen) = (Mutex::new(None), Mutex::new(Seen::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut own = Seen::new();
                while !is_over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= histories {
                        break;
                    }
                    let seed = first.wrapping_add(number);
                    let plan = Plan { seed, operations: OPERATIONS, safeguards, is_told: false };
                    let ended = run(plan);
                    for (what, times) in ended.seen {
                        *own.entry(what).or_default() += times;
                    }
                    if let Err(rule) = ended.kept {
                        is_over.store(true, Ordering::Relaxed);
                        *broken.lock().unwrap() = Some(Broken { seed, number, rule });
                    }
                }
                for (what, times) in own {
                    *seen.lock().unwrap().entry(what).or_default() += times;
                }
            });
        }
    });
    (seen.into_inner().unwrap(), broken.into_inner().unwrap())
}

/// The same history with as few operations as break a rule, told.
fn shortest(broken: &Broken, safeguards: Safeguards) -> String {
    for operations in 0..=OPERATIONS {
        let plan = Plan { seed: broken.seed, operations, safeguards, is_told: true };
        let ended = run(plan);
        if let Err(rule) = ended.kept {
            let story = ended.story.join("\n");
            return format!("{operations} operations of seed {}\n{story}\n{rule}", broken.seed);
        }
    }
    format!("seed {} does not break it again: {}", broken.seed, broken.rule)
}

fn holds(histories: u64) {
    let began = clock::stopwatch();
    let (seen, broken) = live(histories, Safeguards::ALL);
    if let Some(broken) = broken {
        panic!("a rule was broken: {}", shortest(&broken, Safeguards::ALL));
    }
    let took = began.elapsed().as_secs_f64();
    println!("publishing model: {histories} histories in {took:.1} s: {seen:?}");
    // What never happened was not tried.
    for what in EVENTS {
        assert!(seen.get(what).is_some_and(|times| *times > 4), "{what} hardly ever: {seen:?}");
    }
}

fn breaks(off: Safeguard) {
    let (_, broken) = live(HISTORIES_WEAK, Safeguards::without(off));
    let broken = broken.unwrap_or_else(|| panic!("{off:?} is not needed"));
    println!("publishing model: without {off:?} {} fails: {}", broken.number, broken.rule);
}

// case: P-model
#[test]
fn random_histories_publish_everything_once() {
    holds(HISTORIES);
}

// case: P-model-whole
#[test]
#[ignore = "keeps two cores busy; a step of the gate for itself"]
fn two_hundred_thousand_histories_publish_everything_once() {
    holds(HISTORIES_WHOLE);
}

// case: P-model-long
#[test]
#[ignore = "takes half an hour"]
fn five_million_histories_publish_everything_once() {
    holds(HISTORIES_LONG);
}

// case: P-model-needs
#[test]
fn histories_fail_without_the_fence() {
    breaks(Safeguard::Fence);
}

// case: P-model-needs
#[test]
fn histories_fail_without_an_intent() {
    breaks(Safeguard::Intent);
}

// case: P-model-needs
#[test]
fn histories_fail_without_the_deadline_of_an_intent() {
    breaks(Safeguard::IntentDeadline);
}

// case: P-model-needs
#[test]
fn histories_fail_when_the_queue_is_told_before_postgres() {
    breaks(Safeguard::SettleFirst);
}

// case: P-model-needs
#[test]
fn histories_fail_when_a_server_error_is_sent_again() {
    breaks(Safeguard::NoBlindRetry);
}
