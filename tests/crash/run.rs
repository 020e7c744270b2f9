//! The kill run: 200 posts go out while the process that sends them dies 34 times.

use super::writer::{Writer, outcomes};
use crate::support::{Fleet, say};
use base::crash::POINTS;
use base::{clock, rng};
use std::time::Duration;

const POSTS: usize = 200;
/// X takes 100 posts of an account in a quarter of an hour, and some calls are spent in vain.
const ACCOUNTS: usize = 5;
const RANDOM_DEATHS: usize = 20;
/// A point that is not passed in this time is not passed at all; then it is killed by hand.
const PASSED_WITHIN: Duration = Duration::from_secs(3);
/// A post is out after 100 to 200 ms when every answer takes [`NETWORK_MS`].
const RANDOM_WITHIN_MS: u64 = 350;
const NETWORK_MS: &str = "40";

/// Chance that a printed seed repeats (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// How a process dies.
#[derive(Debug, Clone, Copy)]
enum Death {
    /// At the `n`th passage of a point.
    At(&'static str, u64),
    /// After so many milliseconds.
    After(u64),
}

/// Runs the fleet until it dies in this way; `false` when it had to be killed by hand.
async fn die(fleet: &mut Fleet, writer: &mut Writer, death: Death, further: usize) -> bool {
    let has_died = match death {
        Death::At(point, passage) => {
            let order = format!("{point}:{passage}");
            if fleet.try_restart(&[("POSTFLEET_CRASH_AT", &order)]).await.is_err() {
                return true;
            }
            writer.ask(fleet, further).await;
            let since = clock::stopwatch();
            let mut ended = fleet.ended();
            while ended.is_none() && since.elapsed() < PASSED_WITHIN {
                clock::pause(Duration::from_millis(10)).await;
                ended = fleet.ended();
            }
            ended.is_some()
        }
        Death::After(ms) => {
            fleet.restart(&[]).await;
            // The moment of death is the subject here, not something to wait for.
            let life = clock::pause(Duration::from_millis(ms));
            let asking = async {
                writer.ask(fleet, further).await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = asking => {}
                () = life => {}
            }
            true
        }
    };
    fleet.kill();
    has_died
}

fn deaths(seed: u64) -> Vec<Death> {
    let mut chance = Chance(seed);
    let mut deaths: Vec<Death> =
        POINTS.iter().map(|point| Death::At(point, 1 + chance.below(3))).collect();
    deaths.extend((0..RANDOM_DEATHS).map(|_| Death::After(chance.below(RANDOM_WITHIN_MS))));
    // The named and the random ones take turns in an order of their own.
    for at in (1..deaths.len()).rev() {
        deaths.swap(at, usize::try_from(chance.below(at as u64 + 1)).unwrap());
    }
    deaths
}

fn seed() -> u64 {
    let given = std::env::var("POSTFLEET_TEST_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("POSTFLEET_TEST_SEED is a number"));
    given.unwrap_or_else(|| rng::nonce().unsigned_abs())
}

// case: R-01
#[tokio::test]
async fn no_death_at_any_point_loses_a_post_or_sends_it_twice() {
    let since = clock::stopwatch();
    let seed = seed();
    say(format_args!("kill run: POSTFLEET_TEST_SEED={seed}"));
    // A network's delay keeps calls under way when death comes.
    let mut fleet = Fleet::start(&["--delay-ms", NETWORK_MS], &[]).await;
    let mut writer = Writer::new(&fleet, "kill", POSTS, ACCOUNTS).await;
    fleet.kill();

    let deaths = deaths(seed);
    let further = POSTS.div_ceil(deaths.len());
    for death in &deaths {
        if !die(&mut fleet, &mut writer, *death, further).await {
            say(format_args!("kill run: {death:?} was not reached; killed by hand"));
        }
    }
    fleet.restart(&[]).await;
    writer.ask_all(&fleet).await;
    let ended = writer.judge(&fleet).await;

    let review = ended.iter().filter(|one| one.status == "review").count();
    let outcomes = outcomes(&fleet).await;
    say(format_args!(
        "kill run: {} deaths, {POSTS} posts, {} published, {review} in review ({:.1} %), {:.0} s; \
         calls by outcome: {outcomes:?}",
        deaths.len(),
        POSTS - review,
        review as f64 * 100.0 / POSTS as f64,
        since.elapsed().as_secs_f64(),
    ));
    // A death behind the intent and one behind the call: else nothing was tried here.
    for asked in ["absent", "found"] {
        assert!(outcomes.contains_key(asked), "no call was {asked}: {outcomes:?}");
    }
}

#[test]
fn a_seed_repeats_the_order_of_deaths() {
    let told = |seed| format!("{:?}", deaths(seed));
    assert_eq!(told(7), told(7));
    assert_ne!(told(7), told(8));
    assert_eq!(deaths(1).len(), POINTS.len() + RANDOM_DEATHS);
}
