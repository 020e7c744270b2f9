//! Retry sends what failed, and nothing else, however often it is pressed.

mod causes;

use crate::support::scene::delivery;
use crate::support::{Answer, Scene};
use futures::future::join_all;
use serde_json::{Value, json};

/// Has X refuse so many creates of an account for what they say.
async fn refuse(scene: &Scene<'_>, handle: &str, count: usize) {
    let refusal = json!({
        "title": "Forbidden", "status": 403, "type": "about:blank",
        "detail": "You can include a maximum of one cashtag in a post.",
    });
    let fault = json!({
        "kind": "serverError", "route": "tweets.create", "status": 403, "body": refusal,
        "count": count,
    });
    scene.sim.fault(handle, fault).await;
}

// case: spec-F1
#[tokio::test]
async fn a_retry_touches_only_what_failed() {
    let scene = Scene::open("retry").await;
    let (good, bad) = (scene.connect("good").await, scene.connect("bad").await);
    refuse(&scene, &bad.handle, 1).await;
    let wording = format!("Retry, {}", scene.brand);
    let post = scene.post(json!({"text": wording, "platforms": ["x"]})).await;
    let partial = scene.settled(&post).await;
    assert_eq!(partial["status"], "partial", "{partial}");
    let receipt = delivery(&partial, &good)["remoteId"].clone();

    let retried = scene.order(&post, "retry").await;
    assert_eq!(delivery(retried.data(), &good)["status"], "published");
    let shown = scene.published(&post).await;
    assert_eq!(delivery(&shown, &good)["remoteId"], receipt);
    assert!(delivery(&shown, &bad)["error"].is_null(), "{shown}");
    for account in [&good, &bad] {
        assert_eq!(scene.texts(account).await, [wording.as_str()]);
    }
    let refused = scene.order(&post, "retry").await;
    assert_eq!((refused.status, &refused.body["error"]), (409, &json!("nothing_failed")));
}

// case: S-retry-once
#[tokio::test]
async fn a_retry_that_is_pressed_fifty_times_sends_each_failed_delivery_once() {
    let scene = Scene::open("pressed").await;
    let good = scene.connect("good").await;
    let bad = [scene.connect("bad").await, scene.connect("worse").await];
    for account in &bad {
        refuse(&scene, &account.handle, 1).await;
    }
    let wording = format!("Pressed, {}", scene.brand);
    let post = scene.post(json!({"text": wording, "platforms": ["x"]})).await;
    let partial = scene.settled(&post).await;
    assert_eq!(partial["status"], "partial", "{partial}");

    let answers: Vec<Answer> = join_all((0..50).map(|_| scene.order(&post, "retry"))).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|one| one.status == 200);
    assert_eq!((done.len(), refused.len()), (1, 49), "the first one finds what failed");
    let is_told = |one: &&Answer| one.status == 409 && one.body["error"] == "nothing_failed";
    assert!(refused.iter().all(is_told), "{refused:?}");
    let shown: Value = scene.published(&post).await;
    assert!(shown["deliveries"].as_array().unwrap().iter().all(|one| one["error"].is_null()));
    for account in bad.iter().chain([&good]) {
        assert_eq!(scene.texts(account).await, [wording.as_str()], "{}", account.handle);
    }
}
