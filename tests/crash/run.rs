//! The kill run: 200 posts go out while the process that sends them dies 34 times.

use crate::support::scene::Account;
use crate::support::{Fleet, Scene, api, eventually, say};
use base::crash::POINTS;
use base::{clock, rng};
use futures::future::join_all;
use platforms::sim::Accepted;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
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
/// An intent's deadline, two look-ups and another call, several times over.
const SETTLED_WITHIN: Duration = Duration::from_secs(90);

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

/// The posts, each asked for under a key of its own until it is acknowledged.
struct Writer {
    brand: String,
    accounts: Vec<Account>,
    acknowledged: BTreeSet<usize>,
    begun: usize,
}

impl Writer {
    fn text(&self, number: usize) -> String {
        format!("Post {number} of {}", self.brand)
    }

    /// Asks for so many further posts, and for those whose answer was lost, all at once.
    async fn ask(&mut self, fleet: &Fleet, further: usize) {
        self.begun = (self.begun + further).min(POSTS);
        let api = fleet.api();
        let open = (0..self.begun).filter(|number| !self.acknowledged.contains(number));
        let asked = open.map(|number| {
            let account = &self.accounts[number % ACCOUNTS].id;
            let body = json!({
                "brandSlug": self.brand, "text": self.text(number), "accounts": [account],
            });
            let key = format!("{}-{number}", self.brand);
            let request = api.request(Method::POST, "/v1/posts").header("Idempotency-Key", key);
            let request = request.json(&body).timeout(Duration::from_secs(10));
            async move { (number, api::try_send(request).await) }
        });
        for (number, answer) in join_all(asked).await {
            match answer {
                Ok(answer) if matches!(answer.status, 200 | 201) => {
                    self.acknowledged.insert(number);
                }
                // Nobody knows; the same key is asked again.
                Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
                Err(_) => {}
            }
        }
    }
}

/// Runs the fleet until it dies in this way; `false` when it had to be killed by hand.
async fn die(fleet: &mut Fleet, writer: &mut Writer, death: Death, further: usize) -> bool {
    let order = match death {
        Death::At(point, passage) => format!("{point}:{passage}"),
        Death::After(_) => String::new(),
    };
    let environment = [("POSTFLEET_CRASH_AT", order.as_str())];
    let environment = if order.is_empty() { &[][..] } else { &environment[..] };
    if fleet.try_restart(environment).await.is_err() {
        return true;
    }
    let has_died = match death {
        Death::At(..) => {
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

/// Every delivery by its text: status, remote id, failure.
async fn deliveries(fleet: &Fleet) -> BTreeMap<String, (String, Option<String>, Option<Value>)> {
    let rows: Vec<(String, String, Option<String>, Option<Value>)> = sqlx::query_as(
        "SELECT p.draft->>'text', d.status, d.remote_id, d.failure
         FROM deliveries d JOIN posts p ON p.id = d.post_id",
    )
    .fetch_all(&mut fleet.postgres().await)
    .await
    .unwrap();
    let count = rows.len();
    let by_text: BTreeMap<_, _> =
        rows.into_iter().map(|(text, status, id, why)| (text, (status, id, why))).collect();
    assert_eq!(by_text.len(), count, "one delivery for each text");
    by_text
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
    let scene = Scene::on(&fleet, "kill").await;
    let mut accounts = Vec::new();
    for _ in 0..ACCOUNTS {
        accounts.push(scene.connect("kill").await);
    }
    let brand = scene.brand.clone();
    fleet.kill();
    let mut writer = Writer { brand, accounts, acknowledged: BTreeSet::new(), begun: 0 };

    let deaths = deaths(seed);
    let further = POSTS.div_ceil(deaths.len());
    for death in &deaths {
        if !die(&mut fleet, &mut writer, *death, further).await {
            say(format_args!("kill run: {death:?} was not reached; killed by hand"));
        }
    }
    fleet.restart(&[]).await;
    eventually("every post is acknowledged", Duration::from_secs(30), async || {
        writer.ask(&fleet, POSTS).await;
        let count = writer.acknowledged.len();
        if count == POSTS { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
    let is_settled = |status: &str| matches!(status, "published" | "review");
    let ended = eventually("every delivery settles", SETTLED_WITHIN, async || {
        let all = deliveries(&fleet).await;
        let open: Vec<_> = all.iter().filter(|(_, (status, ..))| !is_settled(status)).collect();
        if open.is_empty() { Ok(all) } else { Err(format!("{} open: {open:.600?}", open.len())) }
    })
    .await;

    assert_eq!(ended.len(), POSTS, "none is lost");
    let accepted = fleet.sim().accepted().await;
    judge(&ended, &accepted);
    let review = ended.values().filter(|(status, ..)| status == "review").count();
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

/// The ledger, counted by how its calls ended.
async fn outcomes(fleet: &Fleet) -> BTreeMap<String, i64> {
    let asked = "SELECT coalesce(outcome, 'open'), count(*) FROM attempts GROUP BY 1";
    let rows = sqlx::query_as(asked).fetch_all(&mut fleet.postgres().await).await.unwrap();
    rows.into_iter().collect()
}

/// What the platform has against what we believe.
fn judge(ended: &BTreeMap<String, (String, Option<String>, Option<Value>)>, accepted: &[Accepted]) {
    let mut remote: BTreeMap<&str, &Accepted> = BTreeMap::new();
    for one in accepted {
        let twice = remote.insert(&one.digest, one);
        assert!(twice.is_none(), "sent twice: {one:?} and {twice:?}");
        assert!(ended.contains_key(&one.text), "nobody asked for {one:?}");
    }
    let by_text: BTreeMap<&str, &Accepted> =
        accepted.iter().map(|one| (one.text.as_str(), one)).collect();
    for (text, (status, remote_id, why)) in ended {
        let there = by_text.get(text.as_str());
        match status.as_str() {
            "published" => {
                let there = there.unwrap_or_else(|| panic!("published, but not there: {text}"));
                assert_eq!(remote_id.as_deref(), Some(there.remote_id.as_str()), "{text}");
            }
            _ => assert!(why.is_some(), "a person is told why: {text}"),
        }
    }
}

#[test]
fn a_seed_repeats_the_order_of_deaths() {
    let told = |seed| format!("{:?}", deaths(seed));
    assert_eq!(told(7), told(7));
    assert_ne!(told(7), told(8));
    assert_eq!(deaths(1).len(), POINTS.len() + RANDOM_DEATHS);
}
