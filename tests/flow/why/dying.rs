//! The states of a fleet without workers, or with workers that die.

use super::{Told, age, told};
use crate::support::scene::delivery;
use crate::support::worker::Worker;
use crate::support::{Account, Fleet, Scene, eventually};
use base::clock;
use serde_json::{Value, json};
use std::time::Duration;

/// An intent's deadline, a lease, two look-ups and a place alone, several times over.
const DEAD_WITHIN: Duration = Duration::from_secs(60);
/// Workers that may die before a post is given up: three deaths count, and the first may be one
/// that only waited.
const WORKERS_MAX: usize = 6;

/// Every state of these fleets.
pub async fn states() -> Vec<Told> {
    let mut all = after_intent().await;
    all.extend(after_load().await);
    all
}

async fn fleet_dying_at(point: &'static str) -> Fleet {
    Fleet::start(&["--without-workers"], &[("POSTFLEET_CRASH_AT", point)]).await
}

/// Waits until a worker has died, or a delivery stands there.
async fn die_or(
    worker: &mut Worker,
    scene: &Scene<'_>,
    post: &Value,
    account: &Account,
    end: &str,
) {
    eventually("it dies, or the post has ended", DEAD_WITHIN, async || {
        let shown = scene.show(post).await;
        let is_end = delivery(&shown, account)["status"] == end;
        if is_end || worker.ended().is_some() { Ok(()) } else { Err(shown.to_string()) }
    })
    .await;
}

/// Has workers die until a delivery stands there.
async fn die_until(fleet: &Fleet, scene: &Scene<'_>, post: &Value, account: &Account, end: &str) {
    for number in 0..WORKERS_MAX {
        let mut worker = Worker::start(fleet, &format!("dying-{end}-{number}"));
        die_or(&mut worker, scene, post, account, end).await;
        let shown = scene.show(post).await;
        if delivery(&shown, account)["status"] == end {
            return;
        }
    }
    panic!("it is worked on for ever");
}

async fn after_intent() -> Vec<Told> {
    let fleet = fleet_dying_at("courier.after_intent").await;
    let scene = Scene::on(&fleet, "silent").await;
    let account = scene.connect("silent").await;
    let say = |post: &Value, name, cause| {
        let post = post.clone();
        let (scene, account) = (&scene, &account);
        async move { told(scene, account, &post, (name, cause)).await }
    };
    let mut all = Vec::new();
    let at = clock::now() + Duration::from_secs(7_200);
    let waiting =
        scene.post(json!({"text": "Waiting", "accounts": [account.id], "scheduledAt": at})).await;
    all.push(say(&waiting, "validating", "is about to be checked").await);
    let silent = "UPDATE jobs SET due_at = clock_timestamp() - interval '90 seconds'
         WHERE subject = (SELECT post_id FROM deliveries WHERE id = $1)";
    age(&fleet, &waiting, silent).await;
    all.push(say(&waiting, "validating without a worker", "no worker has checked it").await);
    {
        let _planner = Worker::start(&fleet, "planner");
        say(&waiting, "scheduled", "is scheduled").await;
    }
    let due = "WITH j AS (UPDATE jobs SET due_at = clock_timestamp() WHERE subject = $1)
         UPDATE deliveries SET due_at = clock_timestamp() WHERE id = $1";
    age(&fleet, &waiting, due).await;
    all.push(say(&waiting, "due", "a worker is about to take it up").await);
    let late = "UPDATE jobs SET due_at = clock_timestamp() - interval '90 seconds'
         WHERE subject = $1";
    age(&fleet, &waiting, late).await;
    all.push(say(&waiting, "due without a worker", "no worker has taken it up").await);
    let back = "UPDATE deliveries SET ask_from = clock_timestamp() WHERE id = $1";
    age(&fleet, &waiting, back).await;
    all.push(say(&waiting, "the database went back", "may have forgotten").await);
    age(&fleet, &waiting, "UPDATE deliveries SET ask_from = NULL WHERE id = $1").await;
    scene.order(&waiting, "cancel").await.data();

    let post = scene.say(&account, &format!("Silent, {}", scene.brand)).await;
    let mut worker = Worker::start(&fleet, "first");
    die_or(&mut worker, &scene, &post, &account, "published").await;
    let over = "UPDATE deliveries SET deadline_at = clock_timestamp() - interval '1 second'
         WHERE id = $1";
    age(&fleet, &post, over).await;
    all.push(say(&post, "died after its intent", "ended without a word").await);
    die_until(&fleet, &scene, &post, &account, "review").await;
    all.push(say(&post, "review after deaths", "ended our process 3 times").await);
    all
}

async fn after_load() -> Vec<Told> {
    let fleet = fleet_dying_at("publish.after_load").await;
    let scene = Scene::on(&fleet, "poison").await;
    let account = scene.connect("poison").await;
    let post = scene.say(&account, &format!("Poison, {}", scene.brand)).await;
    for number in 0..2 {
        let mut worker = Worker::start(&fleet, &format!("early-{number}"));
        die_or(&mut worker, &scene, &post, &account, "failed").await;
    }
    let once = ("runs alone after a death", "ended a worker process once");
    let a = told(&scene, &account, &post, once).await;
    die_until(&fleet, &scene, &post, &account, "failed").await;
    let given_up = ("failed after deaths", "ended our process 3 times");
    let b = told(&scene, &account, &post, given_up).await;
    vec![a, b]
}
