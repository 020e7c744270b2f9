//! Retry sends what failed, and nothing else.

use crate::support::Scene;
use crate::support::scene::delivery;
use serde_json::json;

// case: spec-F1
#[tokio::test]
async fn a_retry_touches_only_what_failed() {
    let scene = Scene::open("retry").await;
    let (good, bad) = (scene.connect("good").await, scene.connect("bad").await);
    let refusal = json!({
        "title": "Forbidden", "status": 403, "type": "about:blank",
        "detail": "You can include a maximum of one cashtag in a post.",
    });
    let fault = json!({
        "kind": "serverError", "route": "tweets.create", "status": 403, "body": refusal,
    });
    scene.sim.fault(&bad.handle, fault).await;
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
