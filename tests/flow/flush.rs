//! Redis may forget everything at any instant.

use crate::support::{Account, Fleet, Scene, eventually};
use base::clock;
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const POSTS: usize = 200;
/// X takes 100 posts of an account in a quarter of an hour.
const ACCOUNTS: usize = 4;

/// Schedules the posts, all for one instant; their ids.
async fn schedule(scene: &Scene<'_>, accounts: &[Account]) -> Vec<Value> {
    // Two hundred requests on a busy machine take a while.
    let due = clock::now() + Duration::from_secs(25);
    let post = |number: usize| {
        let account = &accounts[number % ACCOUNTS];
        let text = format!("Flushed {number}, {}", scene.brand);
        scene.post(json!({"text": text, "accounts": [account.id], "scheduledAt": due}))
    };
    let mut posts = Vec::new();
    for at in (0..POSTS).step_by(20) {
        posts.extend(join_all((at..at + 20).map(post)).await);
    }
    assert!(clock::now() < due, "they all wait");
    posts
}

// case: R-08
#[tokio::test]
async fn a_wiped_redis_loses_no_post_and_doubles_none() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "flush").await;
    let mut accounts = Vec::new();
    for _ in 0..ACCOUNTS {
        accounts.push(scene.connect("flush").await);
    }
    let posts = schedule(&scene, &accounts).await;
    let mut redis = fleet.redis().await;
    let flush = |redis: &mut redis::aio::MultiplexedConnection| {
        let mut redis = redis.clone();
        async move { redis::cmd("FLUSHALL").exec_async(&mut redis).await.unwrap() }
    };
    // Once while they wait, and once while they go out.
    flush(&mut redis).await;
    let taken = |wanted: usize| {
        let scene = &scene;
        async move || {
            let accepted = scene.sim.accepted("x").await;
            if accepted.len() >= wanted { Ok(accepted) } else { Err(accepted.len().to_string()) }
        }
    };
    eventually("some are out", Duration::from_secs(60), taken(POSTS / 4)).await;
    flush(&mut redis).await;
    let accepted = eventually("all are out", Duration::from_secs(60), taken(POSTS)).await;

    for post in &posts {
        scene.published(post).await;
    }
    let digests: BTreeSet<&str> = accepted.iter().map(|one| one.digest.as_str()).collect();
    assert_eq!((digests.len(), scene.sim.accepted("x").await.len()), (POSTS, POSTS));
}
