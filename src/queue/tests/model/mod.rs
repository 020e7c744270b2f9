//! Random histories of the scripts against a plain model, with three workers, a simulated Postgres
//! and a clock that the test sets.
//!
//! Each history wipes, restores, kills and edits for a while; then all is well and every job has to
//! end: once, at its newest generation, never early, never through a closed gate. With any one
//! safeguard off the same histories must fail. A failure tells its shortest history, and the seed
//! it prints repeats it as the first one (`POSTFLEET_TEST_SEED`).

mod chance;
mod fleet;
mod history;
mod layout;
mod left;
mod relays;
mod scripts;
mod server;
mod shard;
mod truth;
mod worker;

use crate::support::Redis;
use base::{clock, rng};
use fleet::{EVENTS, Seen};
use history::{Plan, run};
use scripts::Safeguard;
use server::Server;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const HISTORIES: u64 = 5_000;
const HISTORIES_LONG: u64 = 50_000;
const OPERATIONS: usize = 50;
/// Redis is the slower side: two servers with two histories each keep two cores busy.
const SERVERS: usize = 2;
const DATABASES: usize = 2;

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

/// What a run came to.
struct Lived {
    first: u64,
    seen: Seen,
    broken: Option<Broken>,
}

/// Runs histories until one breaks a rule.
async fn live(histories: u64, off: Option<Safeguard>) -> Lived {
    /// The runs take turns: each of them keeps the cores busy.
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _turn = TURN.lock().await;
    let first = seed();
    println!("queue model: POSTFLEET_TEST_SEED={first}, {off:?} off");
    let mut servers = Vec::new();
    for _ in 0..SERVERS {
        servers.push(Redis::start().await);
    }
    let urls = servers.iter().flat_map(|redis| (0..DATABASES).map(|db| (redis.url(), db)));
    let urls: Vec<String> = urls.map(|(url, db)| format!("{url}/{db}")).collect();
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let (broken, seen) = (Mutex::new(None), Mutex::new(Seen::new()));
    std::thread::scope(|scope| {
        for url in &urls {
            scope.spawn(|| {
                let mut server = Server::connect(url, off);
                while !is_over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= histories {
                        return;
                    }
                    let seed = first.wrapping_add(number);
                    let plan = Plan { seed, operations: OPERATIONS, off, is_told: false };
                    let ended = run(&mut server, plan);
                    for (what, times) in ended.seen {
                        *seen.lock().unwrap().entry(what).or_default() += times;
                    }
                    if let Err(rule) = ended.kept {
                        is_over.store(true, Ordering::Relaxed);
                        *broken.lock().unwrap() = Some(Broken { seed, number, rule });
                    }
                }
            });
        }
    });
    let (seen, broken) = (seen.into_inner().unwrap(), broken.into_inner().unwrap());
    Lived { first, seen, broken }
}

/// The same history with as few operations as break a rule, told.
async fn shortest(broken: &Broken, off: Option<Safeguard>) -> String {
    let redis = Redis::start().await;
    let mut server = Server::connect(&redis.url(), off);
    for operations in 0..=OPERATIONS {
        let plan = Plan { seed: broken.seed, operations, off, is_told: true };
        let ended = run(&mut server, plan);
        if let Err(rule) = ended.kept {
            let story = ended.story.join("\n");
            return format!("{operations} operations of seed {}\n{story}\n{rule}", broken.seed);
        }
    }
    format!("seed {} does not break it again: {}", broken.seed, broken.rule)
}

async fn holds(histories: u64) {
    let began = clock::stopwatch();
    let Lived { seen, broken, .. } = live(histories, None).await;
    if let Some(broken) = broken {
        panic!("a rule was broken: {}", shortest(&broken, None).await);
    }
    let took = began.elapsed().as_secs_f64();
    println!("queue model: {histories} histories in {took:.1} s: {seen:?}");
    // What never happened was not tried.
    for what in EVENTS {
        assert!(seen.get(what).is_some_and(|times| *times > 4), "{what} hardly ever: {seen:?}");
    }
}

async fn breaks(off: Safeguard) {
    let Lived { first, broken, .. } = live(HISTORIES, Some(off)).await;
    let broken = broken.unwrap_or_else(|| panic!("{off:?} is not needed, says seed {first}"));
    println!("queue model: without {off:?} history {} fails: {}", broken.number, broken.rule);
}

// case: Q-model
#[tokio::test]
async fn random_histories_lose_nothing_and_double_nothing() {
    holds(HISTORIES).await;
}

// case: Q-model-long
#[tokio::test]
#[ignore = "minutes"]
async fn many_more_histories_lose_nothing_and_double_nothing() {
    holds(HISTORIES_LONG).await;
}

// case: Q-model-needs
#[tokio::test]
async fn histories_fail_when_any_acknowledgement_counts() {
    breaks(Safeguard::Fence).await;
}

// case: Q-model-needs
#[tokio::test]
async fn histories_fail_when_an_older_state_is_taken_for_the_present_one() {
    breaks(Safeguard::Incarnation).await;
}

// case: Q-model-needs
#[tokio::test]
async fn histories_fail_when_an_older_push_replaces_a_newer_one() {
    breaks(Safeguard::PushedGeneration).await;
}

// case: Q-model-needs
#[tokio::test]
async fn histories_fail_when_an_older_generation_is_worked_on() {
    breaks(Safeguard::LoadedGeneration).await;
}

// case: Q-model-needs
#[tokio::test]
async fn histories_fail_when_postgres_compares_no_epoch() {
    breaks(Safeguard::Epoch).await;
}
