//! A key in test mode: every state of a delivery, and not a byte to a platform.

use crate::support::scene::delivery;
use crate::support::{Account, Api, Fleet, Scene, Way, eventually};
use serde_json::{Value, json};
use std::time::Duration;

const WAYS: [Way; 5] =
    [("x", None), ("linkedin", None), ("instagram", None), ("threads", None), ("youtube", None)];

/// A key in test mode of a fresh tenant, and the live one.
async fn keys(fleet: &Fleet) -> (Api, Api, String) {
    let live = fleet.another_tenant("spec").await;
    let wanted = json!({"label": "tests", "role": "owner", "mode": "test"});
    let made = live.post("/v1/keys", &wanted).await;
    let (key, id) = (made.data()["key"].as_str().unwrap(), made.data()["id"].as_str().unwrap());
    assert_eq!((made.status, &made.data()["mode"]), (201, &json!("test")));
    assert!(key.starts_with("pf_test_"), "{key}");
    (live.with_key(key), live, id.to_owned())
}

async fn make(scene: &Scene<'_>, way: Way, handle: &str, more: Value) -> Account {
    let mut body = json!({"brandSlug": scene.brand, "platform": way.0, "handle": handle});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = scene.api.post("/v1/accounts/test", &body).await;
    assert_eq!((made.status, &made.data()["isTest"]), (201, &json!(true)), "{made:?}");
    let id = made.data()["id"].as_str().unwrap().to_owned();
    Account { way, id, handle: handle.to_owned(), remote_id: format!("test_{handle}") }
}

/// How many requests the simulated platforms were sent by accounts of this name.
fn sent(scene: &Scene<'_>, platform: &str) -> usize {
    let log = scene.sim.log_of(platform);
    log.iter().filter(|line| line.to_string().contains(&scene.brand)).count()
}

// case: K-test
#[tokio::test]
async fn a_post_of_test_mode_walks_the_states_and_reaches_no_platform() {
    let fleet = Fleet::shared().await;
    let (api, _, _) = keys(fleet).await;
    let scene = Scene::of(fleet, api, "rehearsed").await;
    let account = make(&scene, ("x", None), "tester", json!({})).await;
    let say = async |text: &str| {
        let text = format!("{text} {}", scene.brand);
        scene.post(json!({"text": text, "accounts": [account.id]})).await
    };

    let out = scene.published(&say("All well").await).await;
    let told = delivery(&out, &account);
    assert_eq!(told["isTest"], true, "{told}");
    assert!(told["remoteId"].as_str().unwrap().starts_with("test_"), "{told}");
    assert!(told["permalink"].as_str().unwrap().starts_with("https://test.invalid/"), "{told}");

    let limited = say("test:rate_limited").await;
    let out = scene.published(&limited).await;
    let whole = scene.whole(&limited).await;
    let told = whole["timeline"].to_string();
    assert!(told.contains("\"next\":\"park\""), "it has waited for its limit: {whole}");
    assert_eq!(delivery(&out, &account)["attempts"], 0, "a limit spends no attempt: {out}");

    let rejected = scene.settled(&say("test:rejected").await).await;
    let error = &delivery(&rejected, &account)["error"];
    assert_eq!(error["type"], "PlatformContentError", "{rejected}");

    let doubtful = scene.settled(&say("test:review").await).await;
    assert_eq!(delivery(&doubtful, &account)["status"], "review", "{doubtful}");
    let id = delivery(&doubtful, &account)["id"].as_str().unwrap();
    let verdict = json!({"outcome": "notPublished", "then": "drop", "reason": "Rehearsed."});
    let settled = scene.api.post(&format!("/v1/deliveries/{id}/review"), &verdict).await;
    assert_eq!(settled.status, 200, "{settled:?}");

    // An account that needs its owner, until it is made once more.
    let lost = make(&scene, ("x", None), "lost", json!({"needsReconnect": true})).await;
    let shown = scene.api.get(&format!("/v1/accounts/{}", lost.id)).await;
    assert_eq!(shown.data()["status"], "needs_reconnect");
    let again = make(&scene, ("x", None), "lost", json!({})).await;
    assert_eq!(again.id, lost.id);
    scene.published(&scene.say(&again, &format!("Back {}", scene.brand)).await).await;

    let events = scene.api.get("/v1/events?limit=100").await;
    let events = events.data().as_array().unwrap().clone();
    assert!(events.len() > 5 && events.iter().all(|event| event["isTest"] == true), "{events:?}");
    assert_eq!(sent(&scene, "x"), 0, "nothing has left");
}

// case: K-test-rules
#[tokio::test]
async fn each_platforms_rules_hold_in_test_mode() {
    let fleet = Fleet::shared().await;
    let (api, _, _) = keys(fleet).await;
    let scene = Scene::of(fleet, api, "ruled").await;
    for way in WAYS {
        let account = make(&scene, way, "ruler", json!({})).await;
        let long = "x".repeat(6_000);
        let refused = scene.try_post(json!({"text": long, "accounts": [account.id]})).await;
        assert_eq!(refused.status, 422, "{}: {refused:?}", way.0);
        let kind = json!({"brandSlug": scene.brand, "platform": way.0, "handle": "a",
            "kind": "impossible"});
        assert_eq!(scene.api.post("/v1/accounts/test", &kind).await.status, 422, "{}", way.0);
    }
    let shown = scene.api.get(&format!("/v1/accounts?brand={}", scene.brand)).await;
    let all = shown.data().as_array().unwrap().clone();
    assert!(all.len() == 5 && all.iter().all(|one| one["isTest"] == true), "{all:?}");
}

// case: K-test-apart
#[tokio::test]
async fn a_key_in_test_mode_and_a_live_one_see_nothing_of_each_other() {
    let fleet = Fleet::shared().await;
    let (test, live, key) = keys(fleet).await;
    let scene = Scene::of(fleet, live.again(), "alive").await;
    let account = scene.connect("alive").await;
    test.client.ensure_brand("tests", "Tests").await.unwrap();
    let body = json!({"brandSlug": "tests", "platform": "x", "handle": "apart"});
    let made = test.post("/v1/accounts/test", &body).await.data().clone();

    let of_live = format!("/v1/accounts/{}", account.id);
    let of_test = format!("/v1/accounts/{}", made["id"].as_str().unwrap());
    assert_eq!((test.get(&of_live).await.status, live.get(&of_test).await.status), (404, 404));
    assert_eq!((test.get(&of_test).await.status, live.get(&of_live).await.status), (200, 200));
    let post = json!({"brandSlug": "tests", "text": "Across", "accounts": [account.id]});
    assert_eq!(test.post("/v1/posts", &post).await.status, 422);
    assert_eq!(live.post("/v1/accounts/test", &body).await.body["error"], "live_mode");
    let way = json!({"brandSlug": "tests"});
    let refused = test.post("/v1/oauth/x/authorize", &way).await;
    assert_eq!((refused.status, &refused.body["error"]), (409, &json!("test_mode")));

    // What a key in test mode gives out is one; the live owner sees it, and takes it away.
    let more = json!({"label": "more", "role": "viewer"});
    assert_eq!(test.post("/v1/keys", &more).await.data()["mode"], "test");
    let listed = live.get("/v1/keys").await;
    let modes = listed.data().as_array().unwrap().iter().map(|key| key["mode"].clone());
    let modes: Vec<Value> = modes.collect();
    assert_eq!(modes, [json!("live"), json!("test"), json!("test")]);
    assert_eq!(live.delete(&format!("/v1/keys/{key}")).await.status, 200);
    eventually("the key is closed", Duration::from_secs(5), async || {
        let status = test.get("/v1/brands").await.status;
        if status == 401 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
}
