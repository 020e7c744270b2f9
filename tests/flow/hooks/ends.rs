//! An endpoint that is gone, switched off, given another secret, sent things once more.

use super::{WITHIN, alone, hook, id, log, patch, path, signatures, tenant};
use crate::support::{Fleet, Receiver, eventually};
use serde_json::{Value, json};

async fn shown_once(scene: &crate::support::Scene<'_>, hook: &Value, field: &str, is: Value) {
    eventually("it is shown", WITHIN, async || {
        let shown = scene.api.get(&path(hook, "")).await.data().clone();
        if shown[field] == is { Ok(()) } else { Err(shown.to_string()) }
    })
    .await;
}

async fn audited(fleet: &Fleet, hook: &Value) -> Vec<String> {
    sqlx::query_scalar("SELECT action FROM audit WHERE subject = $1 ORDER BY id")
        .bind(hook["id"].as_str().unwrap())
        .fetch_all(&mut fleet.postgres().await)
        .await
        .unwrap()
}

// case: W-gone
#[tokio::test]
async fn an_endpoint_that_says_it_is_gone_is_switched_off_and_can_be_caught_up() {
    let scene = alone("gone").await;
    let account = scene.connect("gone").await;
    let gone = Receiver::start(|_, before| (if before.is_empty() { 410 } else { 200 }, None)).await;
    let witness = Receiver::willing().await;
    let hook_gone = hook(&scene.api, &gone.url("/"), &["post.published"]).await;
    hook(&scene.api, &witness.url("/"), &["webhook.disabled"]).await;
    let post = scene.say(&account, &format!("Gone, {}", scene.brand)).await;
    scene.published(&post).await;
    shown_once(&scene, &hook_gone, "disabledFor", json!("gone")).await;
    let told = witness.until("the other one hears of it", |got| !got.is_empty()).await;
    assert_eq!(told[0].json["subject"], hook_gone["id"]);
    assert_eq!(told[0].json["data"]["reason"], "gone");
    for (rest, body) in [("/test", json!({})), ("/redeliver", json!({"status": "failed"}))] {
        let refused = scene.api.post(&path(&hook_gone, rest), &body).await;
        assert_eq!((refused.status, &refused.body["error"]), (409, &json!("webhook_disabled")));
    }
    // Nothing is owed while it is off; afterwards it is caught up with what failed, and with more.
    let missed = scene.say(&account, &format!("Missed, {}", scene.brand)).await;
    scene.published(&missed).await;
    assert_eq!(log(&scene.api, &hook_gone).await.len(), 1);
    patch(&scene.api, &hook_gone, &json!({"enabled": true})).await.data();
    let again = scene.api.post(&path(&hook_gone, "/redeliver"), &json!({"status": "failed"})).await;
    assert_eq!(again.data()["count"], 1, "{again:?}");
    let got = gone.until("it comes again", |got| got.len() == 2).await;
    assert_eq!((&got[1].id, &got[1].body), (&got[0].id, &got[0].body));
    let feed = scene.api.get("/v1/events?type=post.published").await;
    let event = feed.data()[1]["id"].as_str().unwrap().to_owned();
    let one = json!({"eventId": event});
    assert_eq!(scene.api.post(&path(&hook_gone, "/redeliver"), &one).await.data()["count"], 1);
    let got = gone.until("what was missed comes", |got| got.len() == 3).await;
    assert_eq!((&got[2].id, &got[2].json["subject"]), (&event, &missed["id"]));
    let audited = audited(scene.fleet, &hook_gone).await;
    let expected = ["create", "disable", "edit", "redeliver", "redeliver"];
    assert_eq!(audited, expected.map(|action| format!("webhook.{action}")));
    shown_once(&scene, &hook_gone, "failingSince", Value::Null).await;
}

// case: W-failing
#[tokio::test]
async fn an_endpoint_that_has_taken_nothing_for_five_days_is_switched_off_with_a_word() {
    let scene = alone("tired").await;
    let receiver = Receiver::start(|_, _| (302, None)).await;
    let tired = hook(&scene.api, &receiver.url("/"), &[]).await;
    scene.api.post(&path(&tired, "/test"), &json!({})).await.data();
    receiver.until("it is refused", |got| got.len() == 1).await;
    eventually("it fails", WITHIN, async || {
        let shown = scene.api.get(&path(&tired, "")).await.data().clone();
        if shown["failingSince"].is_string() { Ok(()) } else { Err(shown.to_string()) }
    })
    .await;
    sqlx::query(
        "UPDATE webhooks SET failing_since = failing_since - interval '5 days' WHERE id = $1",
    )
    .bind(id(&tired).uuid())
    .execute(&mut scene.fleet.postgres().await)
    .await
    .unwrap();
    // Its own ladder brings the next attempt after five seconds.
    shown_once(&scene, &tired, "disabledFor", json!("failing")).await;
    let feed = scene.api.get("/v1/events?type=webhook.disabled").await;
    assert_eq!(feed.data()[0]["data"]["reason"], "failing");
    assert_eq!(audited(scene.fleet, &tired).await, ["webhook.create", "webhook.disable"]);
}

// case: W-secrets
#[tokio::test]
async fn two_secrets_sign_for_a_day_and_lie_sealed() {
    let scene = alone("secret").await;
    let receiver = Receiver::willing().await;
    let hook = hook(&scene.api, &receiver.url("/"), &[]).await;
    let mut secrets = vec![hook["secret"].as_str().unwrap().to_owned()];
    for round in 0..3_usize {
        let tested = scene.api.post(&path(&hook, "/test"), &json!({})).await;
        let event = tested.data()["eventId"].as_str().unwrap().to_owned();
        let got = receiver.until("it comes", |got| got.len() == round + 1).await;
        assert_eq!(got[round].id, event);
        let live: Vec<&str> = secrets.iter().rev().take(2).map(String::as_str).collect();
        assert_eq!(got[round].signature, signatures(&got[round], &live), "round {round}");
        let renewed = scene.api.post(&path(&hook, "/secret"), &json!({})).await;
        assert!(renewed.data()["previousUntil"].is_string(), "{renewed:?}");
        secrets.push(renewed.data()["secret"].as_str().unwrap().to_owned());
    }
    sqlx::query(
        "UPDATE webhook_secrets SET expires_at = clock_timestamp()
         WHERE webhook_id = $1 AND expires_at IS NOT NULL",
    )
    .bind(id(&hook).uuid())
    .execute(&mut scene.fleet.postgres().await)
    .await
    .unwrap();
    scene.api.post(&path(&hook, "/test"), &json!({})).await.data();
    let got = receiver.until("it comes", |got| got.len() == 4).await;
    assert_eq!(got[3].signature, signatures(&got[3], &[&secrets[3]]));
    let stored: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT sealed FROM webhook_secrets WHERE tenant_id = $1")
            .bind(tenant(scene.fleet, &hook).await.uuid())
            .fetch_all(&mut scene.fleet.postgres().await)
            .await
            .unwrap();
    assert_eq!(stored.len(), 2, "two live ones at most");
    for secret in &secrets {
        use base64::Engine as _;
        let secret = secret.strip_prefix("whsec_").unwrap();
        let clear = base64::engine::general_purpose::STANDARD.decode(secret).unwrap();
        assert_eq!(clear.len(), 32);
        let is_clear = |sealed: &Vec<u8>| sealed.windows(32).any(|part| part == clear);
        assert!(!stored.iter().any(is_clear));
    }
}

// case: W-refused
#[tokio::test]
async fn what_cannot_be_an_endpoint_is_refused_and_one_of_another_tenant_is_not_there() {
    let scene = alone("refused").await;
    for url in ["https://10.0.0.1/", "ftp://example.com/", "https://u:p@example.com/", "no"] {
        let answer = scene.api.post("/v1/webhooks", &json!({"url": url})).await;
        assert_eq!(answer.details(422)[0]["field"], "url", "{url}");
    }
    let receiver = Receiver::willing().await;
    let own = hook(&scene.api, &receiver.url("/"), &[]).await;
    let other = scene.fleet.another_tenant("spec").await;
    assert_eq!(other.get(&path(&own, "")).await.status, 404);
    assert_eq!(other.get(&path(&own, "/messages")).await.status, 404);
    assert_eq!(other.delete(&path(&own, "")).await.status, 404);
    assert_eq!(patch(&other, &own, &json!({"enabled": false})).await.status, 404);
    for rest in ["/test", "/secret"] {
        assert_eq!(other.post(&path(&own, rest), &json!({})).await.status, 404);
    }
    let body = json!({"status": "failed"});
    assert_eq!(other.post(&path(&own, "/redeliver"), &body).await.status, 404);
    assert_eq!(other.get("/v1/webhooks").await.data(), &json!([]));
    for number in 1..20 {
        hook(&scene.api, &receiver.url(&format!("/{number}")), &["account.*"]).await;
    }
    let more = scene.api.post("/v1/webhooks", &json!({"url": receiver.url("/more")})).await;
    assert_eq!((more.status, &more.body["error"]), (409, &json!("too_many_webhooks")));
    scene.api.delete(&path(&own, "")).await.data();
    assert_eq!(scene.api.get(&path(&own, "")).await.status, 404);
}
