//! What happens to one account happens to that account alone.

use crate::support::Scene;
use crate::support::scene::delivery;
use serde_json::json;

// case: spec-F1
// case: spec-E3
#[tokio::test]
async fn a_failed_account_blocks_no_other_and_the_post_is_partial() {
    let scene = Scene::open("apart").await;
    let (good, bad) = (scene.connect("good").await, scene.connect("bad").await);
    // The documented answer to a wording that breaks a rule of X.
    let refusal = json!({
        "title": "Forbidden", "status": 403, "type": "about:blank",
        "detail": "You can include a maximum of one cashtag in a post.",
    });
    let fault = json!({
        "kind": "serverError", "route": "tweets.create", "status": 403, "body": refusal,
    });
    scene.sim.fault(&bad.handle, fault).await;
    let wording = format!("Apart, {}", scene.brand);
    let post = scene.post(json!({"text": wording, "platforms": ["x"]})).await;
    let shown = scene.settled(&post).await;

    assert_eq!(shown["status"], "partial", "{shown}");
    assert_eq!(delivery(&shown, &good)["status"], "published");
    let failed = delivery(&shown, &bad);
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["error"]["type"], "PlatformContentError", "{failed}");
    assert!(failed["error"]["message"].as_str().unwrap().contains("cashtag"), "{failed}");
    assert!(!failed["error"]["resolution"].as_str().unwrap().is_empty());
    assert_eq!(scene.texts(&good).await, [wording]);
    assert!(scene.texts(&bad).await.is_empty());
}
