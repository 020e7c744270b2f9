//! A thread of ten fails at each of its parts: what is out stays out and is shown, and it goes on
//! behind that.

use crate::support::scene::delivery;
use crate::support::{Account, Scene};
use domain::id::DeliveryId;
use futures::future::join_all;
use serde_json::{Value, json};

const PARTS: usize = 10;

/// A thread on an account of its own whose `k`th create meets a misfortune, and the words of it.
async fn start(scene: &Scene<'_>, k: usize, mut fault: Value) -> (Account, Vec<String>, Value) {
    let account = scene.connect("part").await;
    fault["route"] = "tweets.create".into();
    fault["after"] = (k - 1).into();
    scene.fault(&account, fault).await;
    let words: Vec<String> =
        (1..=PARTS).map(|part| format!("{part} of {PARTS}, {} {k}", scene.brand)).collect();
    let post = json!({
        "text": words[0], "accounts": [account.id], "x": {"thread": &words[1..]},
    });
    let post = scene.post(post).await;
    (account, words, post)
}

/// The first parts are out, once each, each behind the one before; and the API shows just them.
async fn are_out(scene: &Scene<'_>, account: &Account, words: &[String], shown: &Value) {
    let accepted = scene.accepted(account).await;
    let texts: Vec<&str> = accepted.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(texts, words);
    let segments = delivery(shown, account)["segments"].as_array().expect("it is a chain");
    assert_eq!(segments.len(), words.len(), "{shown}");
    let bodies = scene.sim.bodies("/2/tweets");
    let mut parent = Value::Null;
    for ((words, accepted), segment) in words.iter().zip(&accepted).zip(segments) {
        assert_eq!(segment["remoteId"], accepted.remote_id.as_str());
        let page = scene.sim.page(segment["permalink"].as_str().unwrap()).await;
        assert!(page.contains(words.as_str()), "{segment} is not the page of {words}");
        let mut created = bodies.iter().filter(|body| body["text"] == words.as_str());
        let body = created.next().unwrap();
        assert_eq!(body["reply"]["in_reply_to_tweet_id"], parent, "{words}");
        assert!(created.next().is_none(), "{words} was sent twice");
        parent = accepted.remote_id.clone().into();
    }
}

/// What the delivery says of itself.
async fn why(scene: &Scene<'_>, shown: &Value, account: &Account) -> String {
    let id = delivery(shown, account)["id"].as_str().unwrap();
    let whole = scene.api.get(&format!("/v1/deliveries/{id}")).await;
    whole.data()["why"].as_str().unwrap().to_owned()
}

async fn refused_at(scene: &Scene<'_>, k: usize) {
    let refusal = json!({
        "title": "Forbidden", "status": 403, "type": "about:blank",
        "detail": "You can include a maximum of one cashtag in a post.",
    });
    let fault = json!({"kind": "serverError", "status": 403, "body": refusal});
    let (account, words, post) = start(scene, k, fault).await;
    let failed = scene.settled(&post).await;
    assert_eq!(delivery(&failed, &account)["status"], "failed", "{failed}");
    are_out(scene, &account, &words[..k - 1], &failed).await;
    let why = why(scene, &failed, &account).await;
    let told = format!("It stopped after part {} of {PARTS}", k - 1);
    assert_eq!(why.starts_with(&told), k > 1, "{k}: {why}");

    scene.order(&post, "retry").await.data();
    let published = scene.published(&post).await;
    are_out(scene, &account, &words, &published).await;
}

// case: X-chain-each
#[tokio::test]
async fn a_thread_that_is_refused_at_any_part_is_retried_from_there() {
    let scene = Scene::open("refused-part").await;
    join_all((1..=PARTS).map(|k| refused_at(&scene, k))).await;
}

async fn lost_at(scene: &Scene<'_>, k: usize) {
    let fault = json!({"kind": "serverError", "status": 503});
    let (account, words, post) = start(scene, k, fault).await;
    let published = scene.published(&post).await;
    are_out(scene, &account, &words, &published).await;
    let id: DeliveryId = delivery(&published, &account)["id"].as_str().unwrap().parse().unwrap();
    let ledger =
        "SELECT coalesce(outcome, 'open') FROM attempts WHERE delivery_id = $1 ORDER BY id";
    let ledger = sqlx::query_scalar(ledger).bind(id.uuid());
    let mut outcomes: Vec<String> =
        ledger.fetch_all(&mut scene.fleet.postgres().await).await.unwrap();
    // Withdrawn is what never left; an answer that a busy machine was too slow for is found.
    outcomes.retain(|one| one != "withdrawn");
    for one in &mut outcomes {
        if one == "found" {
            "replied".clone_into(one);
        }
    }
    let mut expected = vec!["replied"; PARTS + 1];
    expected[k - 1] = "absent";
    assert_eq!(outcomes, expected, "only part {k} was sent again, after the proof");
}

// case: X-chain-each
#[tokio::test]
async fn a_thread_that_fails_at_any_part_goes_on_by_itself_after_the_proof() {
    let scene = Scene::open("lost-part").await;
    join_all((1..=PARTS).map(|k| lost_at(&scene, k))).await;
}
