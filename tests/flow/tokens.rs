//! Tokens end, are refused, are revoked; a post waits for the new one or says who has to act.

use crate::support::ageing::{age, lose, version};
use crate::support::scene::{Account, delivery};
use crate::support::{Fleet, Receiver, Scene, eventually, files};
use domain::id::{AccountId, DeliveryId};
use serde_json::{Value, json};
use std::time::Duration;

/// The HTTP statuses that the ledger holds for a delivery, oldest first.
async fn statuses(scene: &Scene<'_>, delivery: &Value) -> Vec<i32> {
    let id: DeliveryId = delivery["id"].as_str().unwrap().parse().unwrap();
    let ledger = "SELECT http_status FROM attempts WHERE delivery_id = $1 ORDER BY id";
    let mut db = scene.fleet.postgres().await;
    sqlx::query_scalar(ledger).bind(id.uuid()).fetch_all(&mut db).await.unwrap()
}

async fn account_shown(scene: &Scene<'_>, account: &Account) -> Value {
    let answer = scene.api.get(&format!("/v1/brands/{}/accounts", scene.brand)).await;
    let all = answer.data().as_array().unwrap();
    all.iter().find(|one| one["id"] == account.id.as_str()).unwrap().clone()
}

// case: spec-A2
#[tokio::test]
async fn a_connected_account_shows_its_name_and_kind() {
    let (scene, account) = Scene::with_account("connect").await;
    let shown = account_shown(&scene, &account).await;
    assert_eq!(shown["status"], "connected");
    assert_eq!(shown["kind"], "standard");
    assert!(shown["handle"].as_str().unwrap().ends_with(&account.handle));
    // Once more is the same account with another grant.
    let again = scene.connect_as(account.way, &account.handle).await;
    assert_eq!(again.id, account.id);
    assert_eq!(version(scene.fleet, &account).await, 2);
}

// case: spec-A5
#[tokio::test]
async fn a_token_about_to_end_is_renewed_before_the_post_goes_out() {
    let (scene, account) = Scene::with_account("ending").await;
    age(scene.fleet, &account, Duration::from_secs(20)).await;
    let post = scene.say(&account, &format!("Ending, {}", scene.brand)).await;
    let shown = scene.published(&post).await;
    assert_eq!(statuses(&scene, delivery(&shown, &account)).await, [201]);
    assert_eq!(version(scene.fleet, &account).await, 2);
}

// case: spec-A5
#[tokio::test]
async fn every_account_is_owed_a_refresh_ten_minutes_before_its_token_ends() {
    let (scene, account) = Scene::with_account("owed").await;
    let id: AccountId = account.id.parse().unwrap();
    let mut db = scene.fleet.postgres().await;
    let ahead: f64 = sqlx::query_scalar(
        "SELECT extract(epoch FROM c.expires_at - j.due_at)::float8
         FROM jobs j JOIN credentials c ON c.account_id = j.subject
         WHERE j.kind = 'refresh' AND j.subject = $1",
    )
    .bind(id.uuid())
    .fetch_one(&mut db)
    .await
    .unwrap();
    assert!((599.0..=651.0).contains(&ahead), "{ahead} s");

    // Its time comes: nobody posts, and the pair is replaced all the same.
    sqlx::query(
        "UPDATE jobs SET due_at = clock_timestamp() - interval '10 seconds'
         WHERE kind = 'refresh' AND subject = $1",
    )
    .bind(id.uuid())
    .execute(&mut db)
    .await
    .unwrap();
    eventually("the token is renewed", Duration::from_secs(20), async || {
        let version = version(scene.fleet, &account).await;
        if version == 2 { Ok(()) } else { Err(version.to_string()) }
    })
    .await;
    let post = scene.say(&account, &format!("Owed, {}", scene.brand)).await;
    scene.published(&post).await;
}

// case: spec-E1
#[tokio::test]
async fn a_token_that_the_platform_refuses_is_renewed_and_the_post_goes_out() {
    let (scene, account) = Scene::with_account("refused").await;
    age(scene.fleet, &account, Duration::from_secs(3_600)).await;
    scene.sim.fault(&account.handle, json!({"kind": "expireToken"})).await;
    let post = scene.say(&account, &format!("Refused, {}", scene.brand)).await;
    let shown = scene.published(&post).await;
    assert_eq!(statuses(&scene, delivery(&shown, &account)).await, [401, 201]);
    assert_eq!(delivery(&shown, &account)["attempts"], 0, "no try was spent");
    assert_eq!(version(scene.fleet, &account).await, 2);
}

// case: spec-E1
#[tokio::test]
async fn many_posts_of_an_account_with_a_refused_token_ask_for_one_new_one() {
    let (scene, account) = Scene::with_account("single").await;
    age(scene.fleet, &account, Duration::from_secs(3_600)).await;
    scene.sim.fault(&account.handle, json!({"kind": "expireToken"})).await;
    let mut posts = Vec::new();
    for number in 0..8 {
        posts.push(scene.say(&account, &format!("{number}, {}", scene.brand)).await);
    }
    for post in &posts {
        scene.published(post).await;
    }
    assert_eq!(version(scene.fleet, &account).await, 2);
}

// case: A-unexplained
#[tokio::test]
async fn one_refusal_without_a_reason_disconnects_no_account_that_has_nothing_newer() {
    let scene = Scene::open("unexplained").await;
    // A Page's token cannot be renewed: a person has to sign in again.
    let account = scene.connect_on(("instagram", None), "unexplained").await;
    // One that was just granted is not renewed in any case.
    age(scene.fleet, &account, Duration::from_secs(3_600)).await;
    let error = json!({"code": 190, "type": "OAuthException", "message": "Invalid token"});
    let refusal = json!({"kind": "serverError", "status": 400, "body": {"error": error}});
    scene.fault(&account, refusal).await;
    let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
    let text = format!("Unexplained, {}", scene.brand);
    let post = json!({"text": text, "media": [{"id": picture}], "accounts": [account.id]});
    let post = scene.post(post).await;
    let is_parked = |shown: &Value| delivery(shown, &account)["status"] == "parked";
    let shown = scene.until(&post, "the account rests", is_parked).await;
    let wait_s = delivery(&shown, &account)["retryAfter"].as_i64().unwrap();
    assert!((240..=300).contains(&wait_s), "{shown}");
    assert_eq!(account_shown(&scene, &account).await["status"], "connected");
}

// case: spec-A6
// case: W-reconnect
#[tokio::test]
async fn a_revoked_account_fails_its_posts_until_it_is_connected_again() {
    let fleet = Fleet::shared().await;
    // A tenant of its own, so that nobody else's accounts are told of.
    let scene = Scene::of(fleet, fleet.another_tenant("spec").await, "revoked").await;
    let account = scene.connect("revoked").await;
    let upstream = Receiver::willing().await;
    let hook = json!({"url": upstream.url("/hook"), "events": ["account.needs_reconnect"]});
    scene.api.post("/v1/webhooks", &hook).await.data();
    age(scene.fleet, &account, Duration::from_secs(3_600)).await;
    scene.sim.fault(&account.handle, json!({"kind": "revoke"})).await;
    let wording = format!("Revoked, {}", scene.brand);
    let post = scene.say(&account, &wording).await;
    // One refusal proves nothing: the account rests, and is asked once more.
    let rests = |shown: &Value| delivery(shown, &account)["status"] == "parked";
    scene.until(&post, "the account rests", rests).await;
    assert_eq!(account_shown(&scene, &account).await["status"], "connected");
    lose(scene.fleet, &account).await;
    let shown = scene.settled(&post).await;
    let failed = delivery(&shown, &account);
    assert_eq!((&shown["status"], &failed["status"]), (&json!("failed"), &json!("failed")));
    assert_eq!(failed["error"]["type"], "PlatformAuthError", "{failed}");
    assert_eq!(failed["error"]["stage"], "validating", "{failed}");
    assert!(failed["error"]["resolution"].as_str().unwrap().contains("Reconnect"), "{failed}");
    assert_eq!(account_shown(&scene, &account).await["status"], "needs_reconnect");
    let refused = scene.try_post(json!({"text": "More", "accounts": [account.id]})).await;
    assert_eq!(refused.details(422)[0]["type"], "PlatformAuthError", "{refused:?}");
    // The upstream app is told whose consent is needed, and why.
    let got = upstream.until("the upstream app is told", |got| !got.is_empty()).await;
    let event = &got[0].json;
    assert_eq!((&event["type"], &event["subject"]), (&hook["events"][0], &json!(account.id)));
    assert_eq!(event["data"]["handle"], format!("@{}", account.handle), "{event}");
    assert!(!event["data"]["reason"].as_str().unwrap().is_empty(), "{event}");

    let again = scene.connect_as(account.way, &account.handle).await;
    assert_eq!(again.id, account.id);
    scene.order(&post, "retry").await.data();
    let shown = scene.published(&post).await;
    assert!(delivery(&shown, &account)["error"].is_null(), "{shown}");
    assert_eq!(scene.texts(&account).await, [wording]);
}
