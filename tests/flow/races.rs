//! A cancel against the worker that claims the same post: one of them wins, and both know which.

use crate::support::scene::{X, deliveries};
use crate::support::{Account, Answer, Api, Fleet, Scene, say, turn};
use base::{clock, rng};
use domain::time::Timestamp;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Clients of their own connections that cancel.
const CLIENTS: usize = 8;
/// Posts on their way to their due time at once, of a few hundred and of ten thousand: each is on
/// its way for about two seconds.
const AT_ONCE: usize = 32;
const MANY_AT_ONCE: usize = 64;
/// From the order of a post to its due time, at least and at most, in milliseconds.
const AHEAD_MS: [i64; 2] = [1_500, 2_500];
/// By how much the aim moves after each race, against the side that has won it.
const STEP_MS: i64 = 8;
/// A cancel leaves so far from the aim at most, to either side.
const SPREAD_MS: i64 = 30;
/// Each side wins at least this part of the races, or they were not met.
const PART_MIN: f64 = 0.1;

/// Who has won a race, as the one who cancelled was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Won {
    Cancel,
    Worker,
}

struct Race {
    post: Value,
    won: Won,
}

/// A whole number between two, both included.
fn between(low: i64, high: i64) -> i64 {
    low + rng::nonce().rem_euclid(high - low + 1)
}

/// One post that is cancelled about when it is due. `aim_ms` is how long after its due time both
/// win equally often: it moves, so that a slow machine does not end the race before it has begun.
async fn race(scene: &Scene<'_>, client: &Api, body: Value, aim_ms: &AtomicI64) -> Race {
    let ahead = Duration::from_millis(between(AHEAD_MS[0], AHEAD_MS[1]).unsigned_abs());
    let due = clock::now() + ahead;
    let mut body = scene.draft(body);
    body["scheduledAt"] = json!(due);
    let accepted = client.post("/v1/posts", &body).await;
    let post = accepted.data().clone();
    let aim = aim_ms.load(Ordering::Relaxed) + between(-SPREAD_MS, SPREAD_MS);
    let at = Timestamp::from_ms(due.ms() + aim);
    clock::pause(at.since(clock::now())).await;
    let id = post["id"].as_str().unwrap();
    let answer = client.post(&format!("/v1/posts/{id}/cancel"), &json!({})).await;
    let won = verdict(&answer);
    let step = if won == Won::Cancel { STEP_MS } else { -STEP_MS };
    aim_ms.fetch_add(step, Ordering::Relaxed);
    Race { post, won }
}

/// What a cancel was answered, whole: it is done, or it was too late, with the state that stood
/// against it.
fn verdict(answer: &Answer) -> Won {
    if answer.status == 200 {
        assert_eq!(answer.data()["status"], "cancelled", "{answer:?}");
        let one = deliveries(answer.data()).next().unwrap();
        assert_eq!(one["status"], "cancelled", "{answer:?}");
        return Won::Cancel;
    }
    assert_eq!((answer.status, &answer.body["error"]), (409, &json!("too_late")), "{answer:?}");
    assert!(answer.body["message"].as_str().unwrap().contains("delivery dlv_"), "{answer:?}");
    Won::Worker
}

/// Runs so many races and looks at all of them afterwards.
async fn run(scene: &Scene<'_>, accounts: &[Account], posts: usize, at_once: usize) {
    let since = clock::stopwatch();
    let clients: Vec<Api> = (0..CLIENTS).map(|_| scene.api.again()).collect();
    let aim_ms = AtomicI64::new(0);
    let races: Vec<Race> = stream::iter(0..posts)
        .map(|number| {
            let (account, client) = (&accounts[number % accounts.len()], number % CLIENTS);
            let text = format!("Race {number}, {}", scene.brand);
            let body = json!({"text": text, "accounts": [account.id]});
            race(scene, &clients[client], body, &aim_ms)
        })
        .buffer_unordered(at_once)
        .collect()
        .await;

    let left = races.iter().filter(|race| race.won == Won::Worker);
    stream::iter(left)
        .for_each_concurrent(CLIENTS, async |race| {
            scene.published(&race.post).await;
        })
        .await;
    let mut out: BTreeMap<String, usize> = BTreeMap::new();
    for accepted in scene.sim.accepted("x").await {
        *out.entry(accepted.text).or_default() += 1;
    }
    stream::iter(&races)
        .for_each_concurrent(CLIENTS, async |race| {
            let writes = out.get(race.post["text"].as_str().unwrap()).copied().unwrap_or(0);
            match race.won {
                Won::Worker => assert_eq!(writes, 1, "{}", race.post),
                Won::Cancel => {
                    assert_eq!(writes, 0, "it was cancelled, and is out: {}", race.post);
                    assert_eq!(scene.show(&race.post).await["status"], "cancelled");
                }
            }
        })
        .await;
    let cancelled = races.iter().filter(|race| race.won == Won::Cancel).count();
    let aim = aim_ms.load(Ordering::Relaxed);
    say(format_args!(
        "cancel against claim: {posts} races, {cancelled} cancelled, {} published, even {aim} ms \
         after the due time, {:.0} s",
        posts - cancelled,
        since.elapsed().as_secs_f64(),
    ));
    let part = cancelled as f64 / posts as f64;
    assert!((PART_MIN..=1.0 - PART_MIN).contains(&part), "the race was not met: {part}");
}

async fn accounts(scene: &Scene<'_>, count: usize) -> Vec<Account> {
    let connected = (0..count).map(|_| scene.connect_on(X, "race"));
    stream::iter(connected).buffer_unordered(CLIENTS).collect().await
}

// case: R-cancel
#[tokio::test]
async fn a_cancel_and_a_worker_never_both_win() {
    let scene = Scene::open("races").await;
    let accounts = accounts(&scene, 16).await;
    run(&scene, &accounts, 300, AT_ONCE).await;
}

// case: R-cancel-many
#[tokio::test]
#[ignore = "minutes"]
async fn of_ten_thousand_cancels_none_that_was_confirmed_comes_too_late() {
    let _turn = turn().await;
    // An account takes a hundred posts in a quarter of an hour, and half of them go out.
    let fleet = Fleet::start(&[], &[("POSTFLEET__PLATFORMS__X__LIMIT_FACTOR", "10")]).await;
    let scene = Scene::on(&fleet, "races").await;
    let accounts = accounts(&scene, 120).await;
    run(&scene, &accounts, 10_000, MANY_AT_ONCE).await;
}
