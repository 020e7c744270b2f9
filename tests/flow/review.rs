//! What no look-up could settle, a person settles: it is out, it is to be sent, or it is let go.

use crate::support::scene::{Way, delivery};
use crate::support::{Account, Answer, Scene};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Of a person on LinkedIn nothing can be asked.
const PERSON: Way = ("linkedin", Some("personal"));

/// A delivery of a person on LinkedIn whose answer was lost, taken or not.
async fn in_review(name: &str, kind: &str) -> (Scene<'static>, Account, Value) {
    let scene = Scene::open(name).await;
    let account = scene.connect_on(PERSON, name).await;
    let post = doubtful(&scene, &account, kind).await;
    (scene, account, post)
}

/// A post on an account whose answer was lost, under review.
async fn doubtful(scene: &Scene<'_>, account: &Account, kind: &str) -> Value {
    scene.fault(account, json!({"kind": kind, "route": "posts.create"})).await;
    let wording = format!("Doubtful {}, {}", base::rng::uuid(), scene.brand);
    let post = scene.say(account, &wording).await;
    let shown = scene.settled(&post).await;
    assert_eq!(delivery(&shown, account)["status"], "review", "{shown}");
    post
}

async fn state(scene: &Scene<'_>, post: &Value, statement: &Value) -> Answer {
    let id = post["deliveries"][0]["id"].as_str().unwrap();
    scene.api.post(&format!("/v1/deliveries/{id}/review"), statement).await
}

/// The link of a post of LinkedIn, as a browser shows it.
fn link(urn: &str) -> String {
    format!("https://www.linkedin.com/feed/update/{urn}/?origin=feed")
}

/// What the audit holds of the delivery of a post: actor, action, reason, before, after.
async fn audit(scene: &Scene<'_>, post: &Value) -> Vec<(String, String, String, Value, Value)> {
    sqlx::query_as(
        "SELECT actor, action, reason, before, after FROM audit WHERE subject = $1 ORDER BY id",
    )
    .bind(post["deliveries"][0]["id"].as_str().unwrap())
    .fetch_all(&mut scene.fleet.postgres().await)
    .await
    .unwrap()
}

// case: V-published
#[tokio::test]
async fn what_a_person_saw_becomes_the_receipt_and_is_written_down() {
    let (scene, account, post) = in_review("seen", "acceptThenReset").await;
    let [accepted] = &scene.accepted(&account).await[..] else { panic!("one remote post") };
    let statement = json!({
        "outcome": "published", "permalink": link(&accepted.remote_id),
        "reason": "It stands on the profile.",
    });
    let answer = state(&scene, &post, &statement).await;
    let whole = answer.data();
    assert_eq!(whole["status"], "published", "{whole}");
    assert_eq!(whole["remoteId"], accepted.remote_id.as_str());
    assert!(whole["error"].is_null() && whole["publishedAt"].is_string(), "{whole}");
    assert!(whole["permalink"].as_str().unwrap().contains(&accepted.remote_id), "{whole}");
    let person = whole["timeline"].as_array().unwrap().last().unwrap();
    assert_eq!(person["role"], "person", "{whole}");
    assert_eq!(person["lines"][0]["stated"], "published", "{whole}");
    assert_eq!(scene.show(&post).await["status"], "published");

    let written = audit(&scene, &post).await;
    let [(actor, action, reason, before, after)] = &written[..] else { panic!("{written:?}") };
    assert!(actor.starts_with("key:") && actor.len() == 20, "{actor}");
    assert_eq!((&**action, &**reason), ("delivery.review", "It stands on the profile."));
    assert_eq!((&before["status"], &after["status"]), (&json!("review"), &json!("published")));
    assert_eq!(after["remoteId"], accepted.remote_id.as_str());

    // Said twice, it is too late, and nothing is written again.
    let again = state(&scene, &post, &statement).await;
    assert_eq!((again.status, &again.body["error"]), (409, &json!("not_in_review")));
    assert!(again.body["message"].as_str().unwrap().contains("is published"), "{again:?}");
    assert_eq!(audit(&scene, &post).await.len(), 1);
}

// case: V-send
#[tokio::test]
async fn what_a_person_knows_to_be_absent_is_sent_once_more() {
    let (scene, account, post) = in_review("lost", "resetBeforeAccept").await;
    let statement = json!({
        "outcome": "notPublished", "then": "send", "reason": "The profile does not show it.",
    });
    // Many at once: one of them is heard.
    let tries = futures::future::join_all((0..4).map(|_| state(&scene, &post, &statement))).await;
    let mut statuses: Vec<u16> = tries.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409], "{tries:?}");
    let shown = scene.published(&post).await;
    let [accepted] = &scene.accepted(&account).await[..] else { panic!("one remote post") };
    assert_eq!(delivery(&shown, &account)["remoteId"], accepted.remote_id.as_str());
    assert_eq!(audit(&scene, &post).await.len(), 1);
}

// case: U-05
#[tokio::test]
async fn a_copy_that_is_refused_names_the_post_that_is_out() {
    let (scene, account, post) = in_review("copied", "acceptThenReset").await;
    let [accepted] = &scene.accepted(&account).await[..] else { panic!("one remote post") };
    let again = json!({
        "outcome": "notPublished", "then": "send", "reason": "The profile does not show it yet.",
    });
    state(&scene, &post, &again).await.data();
    let told = |shown: &Value| delivery(shown, &account)["error"]["message"].to_string();
    let is_named = |shown: &Value| {
        let status = &delivery(shown, &account)["status"];
        status == "review" && told(shown).contains(&accepted.remote_id)
    };
    let shown = scene.until(&post, "it is under review with the post's name", is_named).await;
    let message = told(&shown);
    let link = message.trim_matches('"').rsplit(' ').next().unwrap();
    let seen = json!({"outcome": "published", "permalink": link, "reason": "That is it."});
    let answer = state(&scene, &post, &seen).await;
    assert_eq!(answer.data()["remoteId"], accepted.remote_id.as_str());
    assert_eq!(scene.accepted(&account).await.len(), 1);
}

// case: V-drop
#[tokio::test]
async fn what_a_person_lets_go_fails_with_their_words_and_can_be_tried_again() {
    let (scene, account, post) = in_review("dropped", "resetBeforeAccept").await;
    let statement =
        json!({"outcome": "notPublished", "then": "drop", "reason": "The news is old."});
    let answer = state(&scene, &post, &statement).await;
    let whole = answer.data();
    assert_eq!(whole["status"], "failed", "{whole}");
    assert!(whole["error"]["message"].as_str().unwrap().ends_with("The news is old."), "{whole}");
    assert!(whole["why"].as_str().unwrap().contains("The news is old"), "{whole}");
    assert!(scene.accepted(&account).await.is_empty());
    scene.order(&post, "retry").await.data();
    scene.published(&post).await;
    assert_eq!(scene.accepted(&account).await.len(), 1);
}

// case: V-chain
#[tokio::test]
async fn a_chain_goes_on_behind_the_part_that_a_person_saw() {
    let (scene, account) = Scene::with_account("chained").await;
    let words: Vec<String> = (1..=3).map(|n| format!("{n} of 3, {}", scene.brand)).collect();
    let lost = json!({"kind": "acceptThenReset", "route": "tweets.create", "after": 1});
    scene.fault(&account, lost).await;
    let blind = json!({"kind": "serverError", "route": "users.tweets", "status": 400});
    scene.fault(&account, blind).await;
    let body = json!({"text": words[0], "accounts": [account.id], "x": {"thread": &words[1..]}});
    let post = scene.post(body).await;
    let shown = scene.settled(&post).await;
    assert_eq!(delivery(&shown, &account)["status"], "review", "{shown}");
    let accepted = scene.accepted(&account).await;
    let [first, second] = &accepted[..] else { panic!("two parts are out: {accepted:?}") };

    let seen = |id: &str| {
        let link = format!("https://x.com/{}/status/{id}?s=20", account.handle);
        json!({"outcome": "published", "permalink": link, "reason": "I see two parts."})
    };
    // The first part is not the one in doubt.
    let wrong = state(&scene, &post, &seen(&first.remote_id)).await;
    assert_eq!((wrong.status, &wrong.body["error"]), (409, &json!("not_the_part_in_doubt")));
    state(&scene, &post, &seen(&second.remote_id)).await.data();
    let shown = scene.published(&post).await;
    assert_eq!(delivery(&shown, &account)["remoteId"], first.remote_id.as_str());
    assert_eq!(scene.texts(&account).await, words, "each part once, in order");
}

// case: V-refused
#[tokio::test]
async fn a_statement_that_cannot_be_true_is_refused_and_changes_nothing() {
    let (scene, account, post) = in_review("hostile", "acceptThenReset").await;
    let [accepted] = &scene.accepted(&account).await[..] else { panic!("one remote post") };
    let seen = |link: &str| json!({"outcome": "published", "permalink": link, "reason": "Seen."});
    let good = link(&accepted.remote_id);
    let with = |name: &str, value: Value| {
        let mut body = seen(&good);
        body[name] = value;
        body
    };
    let foreign = [
        "https://www.linkedin.com.example.org/feed/update/urn:li:share:1",
        "https://example.org@www.linkedin.com/feed/update/urn:li:share:1",
        "https://x.com/acme/status/7",
        "http://www.linkedin.com/feed/update/urn:li:share:1",
        "https://www.linkedin.com:8443/feed/update/urn:li:share:1",
        "javascript:alert(1)",
        "/feed/update/urn:li:share:1",
    ];
    let no_id = "https://www.linkedin.com/in/acme/";
    let cases = foreign
        .iter()
        .map(|link| (seen(link), 422, "permalink"))
        .chain([
            (seen(no_id), 422, "remoteId"),
            (with("remoteId", json!("urn:li:share:1")), 422, "remoteId"),
            (with("remoteId", json!("a\nb")), 422, "remoteId"),
            (with("remoteId", json!(7)), 400, "remoteId"),
            (with("reason", json!("  ")), 422, "reason"),
            (with("reason", json!("\u{202e}\u{7}")), 422, "reason"),
            (with("reason", json!("r".repeat(501))), 422, "reason"),
            (with("force", json!(true)), 422, "force"),
            (with("then", json!("send")), 422, "then"),
            (json!({"outcome": "notPublished", "reason": "r"}), 422, "then"),
            (json!([]), 400, "body"),
        ])
        .collect::<Vec<_>>();
    for (body, status, field) in cases {
        let answer = state(&scene, &post, &body).await;
        let fields: BTreeSet<&str> =
            answer.details(status).iter().filter_map(|one| one["field"].as_str()).collect();
        assert_eq!(fields, [field].into(), "{body}: {answer:?}");
    }

    // The receipt of one delivery is not another's.
    let other = doubtful(&scene, &account, "acceptThenReset").await;
    state(&scene, &post, &seen(&good)).await.data();
    let taken = state(&scene, &other, &seen(&good)).await;
    assert_eq!((taken.status, &taken.body["error"]), (409, &json!("remote_id_taken")));
    let holder = post["deliveries"][0]["id"].as_str().unwrap();
    assert!(taken.body["message"].as_str().unwrap().contains(holder), "{taken:?}");
    let shown = scene.show(&other).await;
    assert_eq!(delivery(&shown, &account)["status"], "review");
    assert!(audit(&scene, &other).await.is_empty());

    let nowhere = json!({"deliveries": [{"id": "dlv_00000000000000000000000000000001"}]});
    assert_eq!(state(&scene, &nowhere, &seen(&good)).await.status, 404);
}

// case: V-audit
#[tokio::test]
async fn the_audit_only_grows() {
    let (scene, _, post) = in_review("kept", "resetBeforeAccept").await;
    let statement = json!({"outcome": "notPublished", "then": "drop", "reason": "Old."});
    state(&scene, &post, &statement).await.data();
    let mut db = scene.fleet.postgres().await;
    for change in ["UPDATE audit SET reason = 'x'", "DELETE FROM audit", "TRUNCATE audit"] {
        let refused = sqlx::query(change).execute(&mut db).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{change}: {refused}");
    }
    assert_eq!(audit(&scene, &post).await.len(), 1);
}
