//! A limited account waits until the platform's own time, and nobody waits with it.

use crate::support::scene::delivery;
use crate::support::{Scene, eventually};
use base::clock;
use serde_json::json;
use std::time::Duration;

/// The platform tells its reset in whole seconds, rounded up.
fn whole_second(ms: i64) -> i64 {
    ms.div_euclid(1_000) * 1_000 + if ms.rem_euclid(1_000) > 0 { 1_000 } else { 0 }
}

// case: spec-E2
// case: S-limit
#[tokio::test]
async fn a_limited_account_parks_until_the_reset_and_holds_up_nobody() {
    const RESET: Duration = Duration::from_secs(4);
    let scene = Scene::open("limit").await;
    let (limited, free) = (scene.connect("limited").await, scene.connect("free").await);
    let limit = json!({"kind": "limit", "route": "tweets.create", "resetInS": RESET.as_secs()});
    let before = clock::now();
    scene.sim.fault(&limited.handle, limit).await;
    let after = clock::now();
    let (earliest, latest) =
        (whole_second((before + RESET).ms()), whole_second((after + RESET).ms()));

    let held = scene.say(&limited, &format!("Held, {}", scene.brand)).await;
    let parked = scene
        .until(&held, "it is parked", |shown| delivery(shown, &limited)["status"] == "parked")
        .await;
    let shown = delivery(&parked, &limited);
    let wait_s = shown["retryAfter"].as_i64().expect("retryAfter is shown");
    assert!((1..=5).contains(&wait_s), "{shown}");
    assert_eq!(shown["attempts"], 0, "{shown}");

    let meanwhile = scene.say(&free, &format!("Meanwhile, {}", scene.brand)).await;
    scene.published(&meanwhile).await;
    let [out] = &scene.accepted(&free).await[..] else { panic!("one remote post") };
    assert!(out.at.ms() < earliest, "the other account did not wait");

    let done = scene.published(&held).await;
    assert_eq!(delivery(&done, &limited)["attempts"], 0);
    let [out] = &scene.accepted(&limited).await[..] else { panic!("one remote post") };
    let late_ms = out.at.ms() - earliest;
    assert!(late_ms >= 0, "{} ms before the reset", -late_ms);
    assert!(out.at.ms() - latest <= 1_000, "{late_ms} ms after the reset");
}

// case: S-limit-many
#[tokio::test]
async fn posts_behind_a_limit_wait_without_asking_and_then_all_go_out() {
    let (scene, account) = Scene::with_account("behind").await;
    let limit = json!({"kind": "limit", "route": "tweets.create", "resetInS": 3});
    scene.sim.fault(&account.handle, limit).await;
    let mut posts = Vec::new();
    for number in 0..8 {
        posts.push(scene.say(&account, &format!("{number}, {}", scene.brand)).await);
    }
    eventually("all of them are parked", Duration::from_secs(2), async || {
        for post in &posts {
            let shown = scene.show(post).await;
            if delivery(&shown, &account)["status"] != "parked" {
                return Err(shown.to_string());
            }
        }
        Ok(())
    })
    .await;
    for post in &posts {
        let shown = scene.published(post).await;
        assert_eq!(delivery(&shown, &account)["attempts"], 0);
    }
    let mut texts = scene.texts(&account).await;
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), posts.len());
}
