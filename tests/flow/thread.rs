//! A chain goes out in order, each part as a reply to the one before.

use crate::support::Scene;
use crate::support::scene::delivery;
use serde_json::{Value, json};

// case: spec-X1
#[tokio::test]
async fn each_part_of_a_thread_replies_to_the_one_before() {
    let (scene, account) = Scene::with_account("thread").await;
    let words: Vec<String> = (1..=5).map(|n| format!("{n} of 5, {}", scene.brand)).collect();
    let post = json!({
        "text": words[0],
        "accounts": [account.id],
        "x": {"thread": [words[1], {"text": words[2]}, words[3], words[4]]},
    });
    let post = scene.post(post).await;
    let shown = scene.published(&post).await;

    let accepted = scene.accepted(&account).await;
    let texts: Vec<&str> = accepted.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(texts, words);
    assert_eq!(delivery(&shown, &account)["remoteId"], accepted[0].remote_id.as_str());
    let bodies = scene.sim.bodies("/2/tweets");
    let mut parent = Value::Null;
    for (words, accepted) in words.iter().zip(&accepted) {
        let body = bodies.iter().find(|body| body["text"] == words.as_str()).unwrap();
        assert_eq!(body["reply"]["in_reply_to_tweet_id"], parent, "{words}");
        parent = accepted.remote_id.clone().into();
    }
}

// case: X-chain
#[tokio::test]
async fn a_thread_goes_on_behind_the_part_whose_answer_was_lost() {
    let (scene, account) = Scene::with_account("chain").await;
    let words: Vec<String> = (1..=4).map(|n| format!("{n} of 4, {}", scene.brand)).collect();
    let lost = json!({"kind": "acceptThenReset", "route": "tweets.create", "after": 1});
    scene.sim.fault(&account.handle, lost).await;
    let post = json!({
        "text": words[0], "accounts": [account.id], "x": {"thread": &words[1..]},
    });
    let post = scene.post(post).await;
    scene.published(&post).await;
    assert_eq!(scene.texts(&account).await, words);
}
