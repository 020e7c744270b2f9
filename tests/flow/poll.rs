//! A poll stands under its post.

use crate::support::Scene;
use serde_json::json;

// case: spec-X1
#[tokio::test]
async fn a_poll_goes_out_with_its_options_and_its_time() {
    let (scene, account) = Scene::with_account("poll").await;
    let wording = format!("Which one, {}?", scene.brand);
    let poll = json!({"options": ["This", "That", "Neither"], "durationMinutes": 1440});
    let post = json!({"text": wording, "accounts": [account.id], "x": {"poll": poll}});
    let post = scene.post(post).await;
    scene.published(&post).await;
    let bodies = scene.sim.bodies("/2/tweets");
    let body = bodies.iter().find(|body| body["text"] == wording).unwrap();
    let expected = json!({"options": ["This", "That", "Neither"], "duration_minutes": 1440});
    assert_eq!(body["poll"], expected);
}
