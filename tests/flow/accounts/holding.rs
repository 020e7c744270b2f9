//! An account rests while it is paused, and goes at the pace that its owner allows.

use super::{WITHIN, at, audit, events, order, shown, uuid};
use crate::support::api::send;
use crate::support::scene::{deliveries, delivery};
use crate::support::{Account, Answer, Fleet, Scene, eventually};
use base::clock;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

async fn limit(scene: &Scene<'_>, account: &Account, body: Value) -> Answer {
    let path = at(account, "/limits");
    send(scene.api.request(Method::PUT, &path).json(&body)).await
}

async fn until_parked(scene: &Scene<'_>, post: &Value, account: &Account) -> Value {
    let is_parked = |shown: &Value| delivery(shown, account)["status"] == "parked";
    scene.until(post, "it is parked", is_parked).await
}

// case: A-pause
#[tokio::test]
async fn a_paused_account_publishes_nothing_until_it_is_resumed() {
    let (scene, account) = Scene::with_account("paused").await;
    let reason = "the brand is sold";
    for words in [reason, "the brand is sold twice", reason] {
        let paused = order(&scene, &account, "/pause", json!({"reason": words})).await;
        assert_eq!(paused.data()["paused"]["reason"], words);
        assert_eq!(paused.data()["health"]["word"], "paused", "{paused:?}");
    }
    assert_eq!(order(&scene, &account, "/pause", json!({})).await.status, 422);
    let mut posts = Vec::new();
    for number in 0..4 {
        posts.push(scene.say(&account, &format!("{number}, {}", scene.brand)).await);
    }
    for post in &posts {
        let held = until_parked(&scene, post, &account).await;
        assert!(delivery(&held, &account)["retryAfter"].is_null(), "{held}");
        let why = scene.whole(post).await["why"].as_str().unwrap().to_owned();
        assert!(why.contains("is paused") && why.contains(reason), "{why}");
    }
    assert_eq!(shown(&scene, &account).await["deliveries"]["waiting"], 4);
    assert!(scene.accepted(&account).await.is_empty());
    // Its token is kept alive meanwhile.
    assert_eq!(order(&scene, &account, "/refresh", json!({})).await.status, 202);
    eventually("the token is renewed", WITHIN, async || {
        match crate::support::ageing::version(scene.fleet, &account).await {
            2 => Ok(()),
            version => Err(version.to_string()),
        }
    })
    .await;
    assert!(scene.accepted(&account).await.is_empty());

    for _ in 0..2 {
        let resumed = order(&scene, &account, "/resume", json!({})).await;
        assert_eq!(resumed.data()["paused"], Value::Null);
    }
    for post in &posts {
        let out = scene.published(post).await;
        assert_eq!(delivery(&out, &account)["attempts"], 0);
    }
    assert_eq!(scene.texts(&account).await.len(), posts.len());
    assert_eq!(events(&scene, &account, "account.paused").await.len(), 1);
    assert_eq!(events(&scene, &account, "account.resumed").await.len(), 1);
    let pause = "account.pause";
    assert_eq!(audit(&scene, &account).await, [pause, pause, pause, "account.resume"]);
}

// case: A-pause-late
#[tokio::test]
async fn what_is_three_days_late_when_an_account_is_resumed_fails_and_can_be_retried() {
    let (scene, account) = Scene::with_account("slept").await;
    order(&scene, &account, "/pause", json!({"reason": "asleep"})).await.data();
    let late = scene.say(&account, &format!("Late, {}", scene.brand)).await;
    let fresh = scene.say(&account, &format!("Fresh, {}", scene.brand)).await;
    for post in [&late, &fresh] {
        until_parked(&scene, post, &account).await;
    }
    let id: domain::id::DeliveryId = late["deliveries"][0]["id"].as_str().unwrap().parse().unwrap();
    let aged = "UPDATE deliveries SET due_at = due_at - interval '73 hours' WHERE id = $1";
    sqlx::query(aged).bind(id.uuid()).execute(&mut scene.fleet.postgres().await).await.unwrap();
    order(&scene, &account, "/resume", json!({})).await.data();
    scene.published(&fresh).await;
    let failed = scene.settled(&late).await;
    let error = &delivery(&failed, &account)["error"];
    assert_eq!(error["type"], "LateError", "{error}");
    assert!(error["message"].as_str().unwrap().contains("more than three days ago"), "{error}");
    assert_eq!(scene.texts(&account).await, [format!("Fresh, {}", scene.brand)]);
    scene.order(&late, "retry").await.data();
    scene.published(&late).await;
}

// case: A-limits
#[tokio::test]
async fn an_owner_lets_so_many_posts_out_a_day_and_the_rest_waits() {
    let (scene, account) = Scene::with_account("few").await;
    let refused = limit(&scene, &account, json!({"postsPerDay": 0})).await;
    assert_eq!(refused.details(422)[0]["field"], "postsPerDay");
    let set = limit(&scene, &account, json!({"postsPerDay": 2})).await;
    assert_eq!(set.data()["limits"], json!({"postsPerDay": 2, "minGapS": null}));
    let mut posts = Vec::new();
    for number in 0..3 {
        posts.push(scene.say(&account, &format!("{number}, {}", scene.brand)).await);
    }
    // Two are out, and the third tells what it waits for.
    let why = eventually("one waits for the next day", WITHIN, async || {
        let mut told = Vec::new();
        let mut out = 0;
        for post in &posts {
            let whole = scene.whole(post).await;
            match whole["status"].as_str() {
                Some("published") => out += 1,
                _ => told.push(whole["why"].as_str().unwrap().to_owned()),
            }
        }
        let is_told = told.first().is_some_and(|why| why.contains("2 posts a day (UTC)"));
        if out == 2 && is_told { Ok(told.remove(0)) } else { Err(format!("{out} {told:?}")) }
    })
    .await;
    assert!(why.contains("T00:00:0"), "it goes on after midnight: {why}");
    assert_eq!(scene.accepted(&account).await.len(), 2);

    // Whoever waits goes out when there is room again.
    limit(&scene, &account, json!({"postsPerDay": 3})).await.data();
    for post in &posts {
        scene.published(post).await;
    }

    // A chain is one post, whatever its parts.
    let chain = json!({"text": "One", "accounts": [account.id], "x": {"thread": ["Two", "Three"]}});
    let other = scene.connect("chain").await;
    limit(&scene, &other, json!({"postsPerDay": 1})).await.data();
    let chain = json!({"accounts": [other.id], "text": chain["text"], "x": chain["x"]});
    scene.published(&scene.post(chain).await).await;
    assert_eq!(scene.accepted(&other).await.len(), 3);
    assert_eq!(audit(&scene, &other).await, ["account.limits"]);
}

// case: A-limits
#[tokio::test]
async fn an_owner_keeps_posts_apart() {
    let (scene, account) = Scene::with_account("apart").await;
    limit(&scene, &account, json!({"minGapS": 3})).await.data();
    let mut posts = Vec::new();
    for number in 0..3 {
        posts.push(scene.say(&account, &format!("{number}, {}", scene.brand)).await);
    }
    for post in &posts {
        scene.published(post).await;
    }
    let mut at: Vec<_> = scene.accepted(&account).await.iter().map(|one| one.at).collect();
    at.sort_unstable();
    for pair in at.windows(2) {
        // The permit is drawn a moment before the call arrives, sooner or later each time.
        assert!(pair[1].since(pair[0]) > Duration::from_millis(2_500), "{at:?}");
    }
}

// case: A-hold-flush
#[tokio::test]
async fn pauses_and_owners_limits_outlive_redis() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "flushed").await;
    let (paused, limited) = (scene.connect("paused").await, scene.connect("limited").await);
    order(&scene, &paused, "/pause", json!({"reason": "asleep"})).await.data();
    limit(&scene, &limited, json!({"postsPerDay": 1})).await.data();
    scene.published(&scene.say(&limited, "The one of the day").await).await;
    let mut redis = fleet.redis().await;
    redis::cmd("FLUSHALL").exec_async(&mut redis).await.unwrap();

    let held = scene.say(&paused, "Held").await;
    let beyond = scene.say(&limited, "Beyond the day").await;
    let free = scene.connect("free").await;
    scene.published(&scene.say(&free, "Free").await).await;
    until_parked(&scene, &held, &paused).await;
    eventually("it waits for the next day", WITHIN, async || {
        let why = scene.whole(&beyond).await["why"].to_string();
        if why.contains("1 post a day") { Ok(()) } else { Err(why) }
    })
    .await;
    assert_eq!(scene.accepted(&limited).await.len(), 1);
    assert!(scene.accepted(&paused).await.is_empty());

    // A Redis that knows nothing of the pause lends the job, and the worker sees what stands in
    // Postgres.
    let open = "UPDATE gates SET until_at = until_at WHERE scope_key = $1";
    let key = format!("pause:{}", uuid(&paused));
    let known = sqlx::query(open).bind(&key).execute(&mut fleet.postgres().await).await.unwrap();
    assert_eq!(known.rows_affected(), 1);
    let lane = format!("account:x:default:{}", uuid(&paused));
    open_in_redis(&fleet, &lane).await;
    let again = scene.say(&paused, "Held too").await;
    until_parked(&scene, &again, &paused).await;
    let since = clock::now();
    scene.published(&scene.say(&free, "Free again").await).await;
    assert!(scene.accepted(&paused).await.is_empty(), "{since}");
    order(&scene, &paused, "/resume", json!({})).await.data();
    for post in [&held, &again] {
        scene.published(post).await;
    }
    assert_eq!(deliveries(&scene.show(&again).await).count(), 1);
}

/// Has Redis forget a gate, as if a word to it had been lost.
pub(super) async fn open_in_redis(fleet: &Fleet, scope_key: &str) {
    let config = queue::Config { url: fleet.place().redis_url.clone(), ..queue::Config::default() };
    let queue = queue::Queue::connect(&config).await.unwrap();
    queue.open_gate(scope_key).await.unwrap();
}
