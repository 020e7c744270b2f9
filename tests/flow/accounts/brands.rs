//! A brand rests as a whole: with the accounts that it has, and with those that it will have.

use super::holding::open_in_redis;
use super::{audit, order, shown, uuid};
use crate::support::scene::delivery;
use crate::support::{Account, Scene};
use serde_json::{Value, json};

/// Sends an order about the brand of a scene.
async fn say(scene: &Scene<'_>, what: &str, body: Value) -> Value {
    let path = format!("/v1/brands/{}/{what}", scene.brand);
    scene.api.post(&path, &body).await.data().clone()
}

async fn until_parked(scene: &Scene<'_>, post: &Value, account: &Account) -> String {
    let is_parked = |shown: &Value| delivery(shown, account)["status"] == "parked";
    scene.until(post, "it is parked", is_parked).await;
    scene.whole(post).await["why"].as_str().unwrap().to_owned()
}

/// What is paused of the brand, as kind, name and reason, the widest first.
async fn paused(scene: &Scene<'_>) -> Vec<[Value; 3]> {
    let all = scene.api.get("/v1/pauses").await.data().clone();
    let mine =
        all.as_array().unwrap().iter().filter(|one| one["brandSlug"] == scene.brand.as_str());
    let told = |one: &Value| {
        assert!(one["by"].as_str().is_some_and(|by| by.starts_with("key:")), "{one}");
        assert!(one["since"].is_string(), "{one}");
        [one["kind"].clone(), one["name"].clone(), one["reason"].clone()]
    };
    mine.map(told).collect()
}

/// The events and the audit of a brand, in their order.
async fn told(scene: &Scene<'_>, brand: &str) -> [Vec<String>; 2] {
    let mut db = scene.fleet.postgres().await;
    let events = sqlx::query_scalar("SELECT kind FROM events WHERE subject = $1 ORDER BY id");
    let events = events.bind(brand).fetch_all(&mut db).await.unwrap();
    let audit = sqlx::query_scalar("SELECT action FROM audit WHERE subject = $1 ORDER BY id");
    [events, audit.bind(brand).fetch_all(&mut db).await.unwrap()]
}

// case: A-pause-brand
#[tokio::test]
async fn a_paused_brand_holds_what_it_has_and_will_have_until_it_is_resumed() {
    let (scene, first) = Scene::with_account("resting").await;
    let own = scene.connect("own").await;
    order(&scene, &own, "/pause", json!({"reason": "stocktaking"})).await.data();
    let reason = "the brand is sold";
    let mut brand = Value::Null;
    for words in ["a crisis", reason, reason] {
        brand = say(&scene, "pause", json!({"reason": words})).await;
        assert_eq!(
            (&brand["paused"]["reason"], &brand["paused"]["scope"]),
            (&json!(words), &json!("brand"))
        );
    }
    let path = format!("/v1/brands/{}/pause", scene.brand);
    let refused = scene.api.post(&path, &json!({"reason": " "})).await;
    assert_eq!(refused.details(422)[0]["field"], "reason");
    // One that is connected only now rests as well.
    let later = scene.connect("later").await;
    let mut posts = Vec::new();
    for account in [&first, &later, &own] {
        let post = scene.say(account, &format!("On {}, {}", account.handle, scene.brand)).await;
        let why = until_parked(&scene, &post, account).await;
        assert!(why.starts_with("The brand of ") && why.contains(reason), "{why}");
        let shown = shown(&scene, account).await;
        assert_eq!(shown["paused"]["scope"], "brand");
        assert_eq!(shown["health"]["word"], "paused", "{shown}");
        posts.push(post);
    }
    let of = |kind: &str, name: &str, reason: &str| [json!(kind), json!(name), json!(reason)];
    let handle = format!("@{}", own.handle);
    let both = [of("brand", &scene.brand, reason), of("account", &handle, "stocktaking")];
    assert_eq!(paused(&scene).await, both);
    let limits = scene.api.get(&format!("/v1/limits?account={}", later.id)).await;
    assert_eq!(limits.data()["accounts"][0]["paused"]["reason"], reason);
    let held = async || {
        let path = format!("/v1/limits?brand={}&held=true", scene.brand);
        scene.api.get(&path).await.data()["accounts"].as_array().unwrap().len()
    };
    assert_eq!(held().await, 3);

    // Neither a Redis that has forgotten it nor the word for one account lets anything out.
    open_in_redis(scene.fleet, &format!("account:x:default:{}", uuid(&first))).await;
    let again = scene.say(&first, &format!("Again, {}", scene.brand)).await;
    until_parked(&scene, &again, &first).await;
    let resumed = order(&scene, &own, "/resume", json!({})).await;
    assert_eq!(resumed.data()["paused"]["scope"], "brand", "{resumed:?}");
    order(&scene, &own, "/pause", json!({"reason": "stocktaking"})).await.data();
    for account in [&first, &later, &own] {
        assert!(scene.accepted(account).await.is_empty());
    }

    for _ in 0..2 {
        assert_eq!(say(&scene, "resume", json!({})).await["paused"], Value::Null);
    }
    for post in [&posts[0], &posts[1], &again] {
        scene.published(post).await;
    }
    // What was paused for itself rests on.
    let why = until_parked(&scene, &posts[2], &own).await;
    assert!(why.contains("stocktaking") && !why.starts_with("The brand"), "{why}");
    assert_eq!(paused(&scene).await, both[1..]);
    assert_eq!(held().await, 1);
    order(&scene, &own, "/resume", json!({})).await.data();
    scene.published(&posts[2]).await;
    assert_eq!(scene.accepted(&own).await.len(), 1);

    let [events, deeds] = told(&scene, brand["id"].as_str().unwrap()).await;
    assert_eq!(events, ["brand.paused", "brand.resumed"]);
    assert_eq!(deeds, ["brand.pause", "brand.pause", "brand.resume"]);
    assert!(audit(&scene, &later).await.is_empty(), "the word was for the brand");
}
