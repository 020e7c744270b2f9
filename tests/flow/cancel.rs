//! What has not left can be taken back; what has left cannot.

use crate::support::Scene;
use base::clock;
use serde_json::json;
use std::time::Duration;

// case: S-cancel
#[tokio::test]
async fn a_cancelled_post_never_goes_out() {
    let (scene, account) = Scene::with_account("cancel").await;
    let due = clock::now() + Duration::from_secs(10);
    let body = json!({"text": "Never", "accounts": [account.id], "scheduledAt": due});
    let post = scene.post(body).await;
    assert_eq!(scene.scheduled(&post).await["status"], "scheduled");

    let cancelled = scene.order(&post, "cancel").await;
    assert_eq!(cancelled.data()["status"], "cancelled");
    // Whatever was due before this later one would be out before it.
    let after = json!({
        "text": "Later", "accounts": [account.id], "scheduledAt": due + Duration::from_secs(1),
    });
    let after = scene.post(after).await;
    scene.published(&after).await;
    assert_eq!(scene.texts(&account).await, ["Later"]);
    assert_eq!(scene.show(&post).await["status"], "cancelled");
}

// case: S-cancel-late
#[tokio::test]
async fn what_is_out_cannot_be_taken_back() {
    let (scene, account) = Scene::with_account("late").await;
    let post = scene.say(&account, &format!("Out, {}", scene.brand)).await;
    scene.published(&post).await;
    let refused = scene.order(&post, "cancel").await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(!refused.body["message"].as_str().unwrap().is_empty());
    assert_eq!(scene.show(&post).await["status"], "published");
}
