//! An account that is taken away leaves nothing behind: no grant, no post that goes out.

use super::{WITHIN, at, audit, events, order, shown, uuid};
use crate::support::api::send;
use crate::support::scene::delivery;
use crate::support::{Account, Answer, Fleet, Scene, eventually};
use base::clock;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

async fn disconnect(scene: &Scene<'_>, account: &Account) -> Answer {
    send(scene.api.request(Method::DELETE, &at(account, ""))).await
}

/// The bytes of the sealed grant.
async fn sealed(scene: &Scene<'_>, account: &Account) -> Vec<u8> {
    let asked = sqlx::query_scalar("SELECT sealed FROM credentials WHERE account_id = $1");
    asked.bind(uuid(account)).fetch_one(&mut scene.fleet.postgres().await).await.unwrap()
}

/// How often a platform was asked to revoke something.
fn revocations(scene: &Scene<'_>, account: &Account) -> usize {
    let log = scene.sim.log_of(account.way.0);
    let is_revoke = |line: &&Value| {
        line["request"]["path"].as_str().is_some_and(|path| path.ends_with("/revoke"))
    };
    log.iter().filter(is_revoke).count()
}

// case: A-disconnect
#[tokio::test]
async fn a_disconnected_account_loses_its_grant_and_fails_what_waits() {
    let (scene, account) = Scene::with_account("leaving").await;
    let tomorrow = clock::now() + Duration::from_secs(86_400);
    let waiting = json!({"text": "Later", "accounts": [account.id], "scheduledAt": tomorrow});
    let waiting = scene.post(waiting).await;
    scene.scheduled(&waiting).await;
    assert!(!sealed(&scene, &account).await.is_empty());
    let before = revocations(&scene, &account);

    let gone = disconnect(&scene, &account).await;
    let (told, left) = (gone.data(), sealed(&scene, &account).await);
    assert_eq!(told["account"]["status"], "disconnected");
    assert_eq!(told["account"]["health"]["word"], "disconnected");
    assert_eq!(told["revoked"]["outcome"], "revoked", "{told}");
    assert_eq!((&told["failed"], left.len()), (&json!(1), 0));
    assert!(revocations(&scene, &account) > before);
    let failed = scene.settled(&waiting).await;
    let error = &delivery(&failed, &account)["error"];
    assert_eq!(error["type"], "PlatformAuthError", "{error}");
    assert_eq!(error["stage"], "validating", "{error}");
    let owed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM jobs WHERE subject = $1 AND kind = 'refresh'")
            .bind(uuid(&account))
            .fetch_one(&mut scene.fleet.postgres().await)
            .await
            .unwrap();
    assert_eq!(owed, 0, "nothing is owed for it");

    // Once more, and everything else, is answered and changes nothing.
    let again = disconnect(&scene, &account).await;
    assert_eq!(again.data()["revoked"]["outcome"], "nothing_left");
    for what in ["/refresh", "/retry", "/pause"] {
        let refused = order(&scene, &account, what, json!({"reason": "r"})).await;
        let told = (refused.status, &refused.body["error"]);
        assert_eq!(told, (409, &json!("disconnected")), "{what}");
    }
    let refused = scene.try_post(json!({"text": "More", "accounts": [account.id]})).await;
    assert_eq!(refused.details(422)[0]["type"], "PlatformAuthError", "{refused:?}");
    assert_eq!(events(&scene, &account, "account.disconnected").await.len(), 1);
    assert_eq!(audit(&scene, &account).await, ["account.disconnect"]);

    // Its owner may come back, and then chooses what goes out after all.
    let back = scene.connect_as(account.way, &account.handle).await;
    assert_eq!(back.id, account.id);
    let told = events(&scene, &account, "account.connected").await;
    assert_eq!(told.last().unwrap()["failedDeliveries"], 1, "{told:?}");
    let retried = send(scene.api.request(Method::POST, &at(&account, "/retry"))).await;
    assert_eq!(retried.data()["count"], 1);
    scene.scheduled(&waiting).await;
}

// case: A-revoke
#[tokio::test]
async fn each_platform_is_told_where_it_takes_such_a_call() {
    let scene = Scene::open("revoked").await;
    for account in scene.connect_all("revoked").await {
        let before = revocations(&scene, &account);
        let gone = disconnect(&scene, &account).await;
        let told = &gone.data()["revoked"];
        let expected = match account.way.0 {
            "instagram" | "threads" => "not_offered",
            _ if account.way.1 == Some("organization") => "shared",
            _ => "revoked",
        };
        // Other tests share the member behind an organization, or do not: both are right.
        let is_right =
            told["outcome"] == expected || expected == "shared" && told["outcome"] == "revoked";
        assert!(is_right, "{:?}: {told}", account.way);
        let is_asked = told["outcome"] == "revoked";
        assert_eq!(revocations(&scene, &account) > before, is_asked, "{:?}", account.way);
        assert!(sealed(&scene, &account).await.is_empty(), "{:?}", account.way);
    }
}

// case: A-revoke
#[tokio::test]
async fn a_consent_that_another_brand_lives_on_is_kept_and_a_refusal_keeps_no_grant() {
    // A revocation names no account, so its misfortune could meet that of another test.
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "twice").await;
    let account = scene.connect("twice").await;
    let other = Scene::on(&fleet, "twice").await;
    let twin = other.connect_as(account.way, &account.handle).await;
    assert_ne!(twin.id, account.id);
    let gone = disconnect(&scene, &account).await;
    assert_eq!(gone.data()["revoked"]["outcome"], "shared");
    assert!(sealed(&scene, &account).await.is_empty());
    other.published(&other.say(&twin, &format!("Alive, {}", other.brand)).await).await;

    let fault = json!({"kind": "serverError", "status": 503, "route": "oauth.revoke"});
    scene.sim.fault_on("x", &twin.remote_id, fault).await;
    let fault = json!({"kind": "serverError", "status": 503, "route": "oauth.revoke"});
    scene.sim.faults_on("x", json!([fault])).await;
    let gone = disconnect(&other, &twin).await;
    let told = &gone.data()["revoked"];
    assert_eq!(told["outcome"], "refused", "{told}");
    assert!(told["message"].as_str().unwrap().contains("it is erased here"), "{told}");
    assert!(sealed(&other, &twin).await.is_empty());
    assert_eq!(shown(&other, &twin).await["status"], "disconnected");
}

// case: A-disconnect
#[tokio::test]
async fn an_erasure_whose_process_died_is_made_up_for() {
    let (scene, account) = Scene::with_account("cut").await;
    let before = revocations(&scene, &account);
    // As it stands after the first step: the fact and the job that owes the rest.
    sqlx::query(
        "WITH gone AS (UPDATE accounts SET status = 'disconnected' WHERE id = $1)
         UPDATE jobs SET due_at = clock_timestamp() - interval '10 seconds',
             generation = nextval('job_generation') WHERE kind = 'refresh' AND subject = $1",
    )
    .bind(uuid(&account))
    .execute(&mut scene.fleet.postgres().await)
    .await
    .unwrap();
    eventually("the grant is erased", WITHIN, async || {
        let left = sealed(&scene, &account).await.len();
        if left == 0 { Ok(()) } else { Err(format!("{left} bytes")) }
    })
    .await;
    assert!(revocations(&scene, &account) > before);
}

// case: A-disconnect
#[tokio::test]
async fn what_may_be_out_when_an_account_is_taken_away_waits_for_a_person() {
    let (scene, account) = Scene::with_account("doubted").await;
    scene.fault(&account, json!({"kind": "acceptThenReset", "route": "tweets.create"})).await;
    let mute = json!({"kind": "serverError", "route": "users.tweets", "status": 503, "count": 99});
    scene.fault(&account, mute).await;
    let post = scene.say(&account, &format!("Doubted, {}", scene.brand)).await;
    let is_asked = |shown: &Value| delivery(shown, &account)["status"] == "reconciling";
    scene.until(&post, "it is asked for", is_asked).await;
    let gone = disconnect(&scene, &account).await;
    assert_eq!(gone.data()["underWay"], 1, "{gone:?}");
    let shown = scene.settled(&post).await;
    let left = delivery(&shown, &account);
    assert_eq!(left["status"], "review", "{left}");
    assert!(left["error"]["message"].as_str().unwrap().contains("disconnected"), "{left}");
    assert_eq!(scene.accepted(&account).await.len(), 1);
}
