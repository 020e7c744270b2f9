//! A call whose answer was lost is asked for, never blindly sent again.

use crate::support::Scene;
use crate::support::scene::delivery;
use serde_json::{Value, json};

/// Publishes under a misfortune of the one create call: the ledger's outcomes, oldest first.
async fn outcomes(name: &str, mut fault: Value) -> (Value, Vec<String>) {
    let (scene, account) = Scene::with_account(name).await;
    fault["route"] = "tweets.create".into();
    scene.sim.fault(&account.handle, fault).await;
    let wording = format!("Unknown, {} https://example.com/a?b=c", scene.brand);
    let post = scene.say(&account, &wording).await;
    let shown = scene.published(&post).await;
    let [accepted] = &scene.accepted(&account).await[..] else { panic!("not one remote post") };
    assert_eq!(accepted.text, wording);
    let delivery = delivery(&shown, &account).clone();
    assert_eq!(delivery["remoteId"], accepted.remote_id.as_str());

    let mut db = scene.fleet.postgres().await;
    let id: domain::id::DeliveryId = delivery["id"].as_str().unwrap().parse().unwrap();
    let ledger =
        "SELECT coalesce(outcome, 'open') FROM attempts WHERE delivery_id = $1 ORDER BY id";
    let outcomes = sqlx::query_scalar(ledger).bind(id.uuid()).fetch_all(&mut db).await.unwrap();
    (delivery, outcomes)
}

// case: U-adopt
#[tokio::test]
async fn a_post_that_was_taken_before_the_connection_broke_is_adopted() {
    let (delivery, outcomes) = outcomes("adopt", json!({"kind": "acceptThenReset"})).await;
    assert_eq!(outcomes, ["found"], "sent once: {delivery}");
}

// case: U-absent
#[tokio::test]
async fn a_post_that_is_proven_absent_is_sent_again() {
    let (delivery, outcomes) = outcomes("absent", json!({"kind": "resetBeforeAccept"})).await;
    assert_eq!(outcomes, ["absent", "replied"], "{delivery}");
}

// case: U-5xx
#[tokio::test]
async fn a_server_error_on_a_create_is_asked_about() {
    let fault = json!({"kind": "serverError", "status": 503, "accept": true});
    let (delivery, outcomes) = outcomes("five-taken", fault).await;
    assert_eq!(outcomes, ["found"], "{delivery}");
    let fault = json!({"kind": "serverError", "status": 500});
    let (delivery, outcomes) = self::outcomes("five-lost", fault).await;
    assert_eq!(outcomes, ["absent", "replied"], "{delivery}");
}

// case: U-late
#[tokio::test]
async fn an_answer_that_comes_too_late_is_looked_up() {
    let fault = json!({"kind": "delay", "ms": 9_000, "count": 1});
    let (delivery, outcomes) = outcomes("late-answer", fault).await;
    assert_eq!(outcomes, ["found"], "{delivery}");
}

// case: U-torn
#[tokio::test]
async fn an_answer_that_breaks_off_is_looked_up() {
    let (delivery, outcomes) = outcomes("torn", json!({"kind": "truncate", "bytes": 9})).await;
    assert_eq!(outcomes, ["found"], "{delivery}");
}
