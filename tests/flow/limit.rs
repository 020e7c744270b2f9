//! A limited account waits until the platform's own time, and nobody waits with it.

use crate::support::scene::delivery;
use crate::support::{Account, Fleet, Scene, eventually};
use base::clock;
use serde_json::{Value, json};
use std::time::Duration;

/// The platform tells its reset in whole seconds, rounded up.
fn whole_second(ms: i64) -> i64 {
    ms.div_euclid(1_000) * 1_000 + if ms.rem_euclid(1_000) > 0 { 1_000 } else { 0 }
}

// case: spec-E2
// case: S-limit
#[tokio::test]
async fn a_limited_account_parks_until_the_reset_and_holds_up_nobody() {
    const RESET: Duration = Duration::from_secs(8);
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
    // The reset is told in whole seconds.
    assert!((1..=10).contains(&wait_s), "{shown}");
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
    assert!(out.at.ms() - latest <= 5_000, "{late_ms} ms after the reset");
}

// case: S-limit-many
#[tokio::test]
async fn posts_behind_a_limit_wait_without_asking_and_then_all_go_out() {
    let (scene, account) = Scene::with_account("behind").await;
    let limit = json!({"kind": "limit", "route": "tweets.create", "resetInS": 12});
    scene.sim.fault(&account.handle, limit).await;
    let mut posts = Vec::new();
    for number in 0..8 {
        posts.push(scene.say(&account, &format!("{number}, {}", scene.brand)).await);
    }
    eventually("all of them are parked", Duration::from_secs(10), async || {
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

/// A day's limit with an hour of it gone.
const DAY_S: i64 = 23 * 3_600;

/// How long the API says that a parked post still waits on an account.
async fn parked_s(scene: &Scene<'_>, post: &Value, account: &Account) -> i64 {
    let is_parked = |shown: &Value| delivery(shown, account)["status"] == "parked";
    let shown = scene.until(post, "it is parked", is_parked).await;
    let shown = delivery(&shown, account);
    assert_eq!(shown["attempts"], 0, "{shown}");
    shown["retryAfter"].as_i64().expect("retryAfter is shown")
}

/// The window that the platform calls used up is full, and how long it wants to be left alone is
/// told: once for a day, once for minutes.
fn is_seen_by_operators(metrics: &str) -> Result<(), String> {
    let labels = "platform=\"x\",scope=\"account\"";
    for told in [
        format!("postfleet_limiter_used_ratio{{{labels}}} 1"),
        format!("postfleet_limiter_used_ratio{{{}}} 0", labels.replace("account", "app")),
        format!("postfleet_retry_after_seconds_bucket{{{labels},le=\"300\"}} 0"),
        format!("postfleet_retry_after_seconds_bucket{{{labels},le=\"900\"}} 1"),
        format!("postfleet_retry_after_seconds_bucket{{{labels},le=\"86400\"}} 2"),
    ] {
        if !metrics.lines().any(|line| line == told) {
            return Err(format!("{told} in {metrics}"));
        }
    }
    Ok(())
}

// case: O-limits
// case: S-limit-day
#[tokio::test]
async fn a_limit_of_a_day_outlives_all_processes_and_redis() {
    let mut fleet = Fleet::start_kept(&[]).await;
    let (brand, account, held, limited_at) = {
        let scene = Scene::on(&fleet, "day").await;
        let account = scene.connect("day").await;
        let limit = json!({"kind": "limit", "route": "tweets.create", "resetInS": DAY_S});
        let limited_at = clock::now();
        scene.sim.fault(&account.handle, limit).await;
        let held = scene.say(&account, &format!("Held for a day, {}", scene.brand)).await;
        let wait_s = parked_s(&scene, &held, &account).await;
        assert!((DAY_S - 60..=DAY_S + 2).contains(&wait_s), "{wait_s} s");
        let limit = json!({"kind": "limit", "route": "tweets.create", "resetInS": 600});
        let other = scene.connect("quarter").await;
        scene.sim.fault(&other.handle, limit).await;
        let post = scene.say(&other, &format!("Held for minutes, {}", scene.brand)).await;
        parked_s(&scene, &post, &other).await;
        eventually("operators see it", Duration::from_secs(30), async || {
            is_seen_by_operators(&scene.api.metrics().await)
        })
        .await;
        (scene.brand, account, held, limited_at)
    };
    // Every process goes, the servers too, and then what Redis had kept.
    assert!(fleet.stop().await.success());
    fleet.restart(&[]).await;
    let mut redis = fleet.redis().await;
    redis::cmd("FLUSHALL").exec_async(&mut redis).await.unwrap();
    fleet.kill();
    fleet.restart(&[]).await;

    let scene = Scene { brand, ..Scene::on(&fleet, "day").await };
    let after_restart = scene.say(&account, &format!("Behind it, {}", scene.brand)).await;
    for post in [&held, &after_restart] {
        let wait_s = parked_s(&scene, post, &account).await;
        let gone_s = i64::try_from(clock::now().since(limited_at).as_secs()).unwrap();
        let left = DAY_S - gone_s;
        assert!((left - 5..=left + 15).contains(&wait_s), "{wait_s} s, and {left} s are left");
    }
    // The gate is closed, for nobody has asked X again.
    let metrics = scene.api.metrics().await;
    let is_create = |line: &&str| {
        line.starts_with("postfleet_call_seconds_count") && line.contains("tweets.create")
    };
    assert_eq!(metrics.lines().find(is_create), None);
    assert!(scene.accepted(&account).await.is_empty());
    let mut db = fleet.postgres().await;
    let closed: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM gates WHERE scope_key LIKE 'account:%'
         AND until_at > clock_timestamp() + interval '22 hours'",
    )
    .fetch_one(&mut db)
    .await
    .unwrap();
    assert_eq!(closed, 1);
}
