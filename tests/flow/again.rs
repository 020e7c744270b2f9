//! The same request under the same key is one post.

use crate::support::Scene;
use crate::support::api::Answer;
use futures::future::join_all;
use serde_json::json;

// case: R-13
#[tokio::test]
async fn a_repeated_request_is_one_post_however_often_it_comes() {
    let (scene, account) = Scene::with_account("again").await;
    let wording = format!("Once, {}", scene.brand);
    let body = scene.draft(json!({"text": wording, "accounts": [account.id]}));
    let ask = || scene.api.post_once("/v1/posts", &body, &scene.brand);
    let answers: Vec<Answer> = join_all((0..20).map(|_| ask())).await;

    let created = answers.iter().filter(|answer| answer.status == 201).count();
    let repeated = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((created, repeated), (1, 19));
    let post = answers[0].data().clone();
    assert!(answers.iter().all(|answer| answer.data()["id"] == post["id"]));
    scene.published(&post).await;
    assert_eq!(ask().await.data()["id"], post["id"]);
    assert_eq!(scene.texts(&account).await, [wording]);
}

// case: R-14
#[tokio::test]
async fn another_request_under_a_taken_key_is_refused() {
    let (scene, account) = Scene::with_account("taken").await;
    let first = scene.draft(json!({"text": "One", "accounts": [account.id]}));
    let other = scene.draft(json!({"text": "Two", "accounts": [account.id]}));
    let post = scene.api.post_once("/v1/posts", &first, &scene.brand).await;
    let refused = scene.api.post_once("/v1/posts", &other, &scene.brand).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert_eq!(refused.body["error"], "idempotency_key_taken");
    scene.published(post.data()).await;
    assert_eq!(scene.texts(&account).await, ["One"]);
}
