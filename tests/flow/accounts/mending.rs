//! What failed because an account was broken is sent again in one action; its token is renewed
//! when somebody asks for it.

use super::{WITHIN, at, audit, events, order, shown};
use crate::support::ageing::{age, lose, version};
use crate::support::api::send;
use crate::support::scene::delivery;
use crate::support::{Account, Answer, Scene, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

async fn retry(scene: &Scene<'_>, account: &Account, query: &str) -> Answer {
    let path = at(account, &format!("/retry{query}"));
    send(scene.api.request(Method::POST, &path)).await
}

/// Fails a post on a rule of its platform, which no reconnect mends.
async fn broken_rule(scene: &Scene<'_>, account: &Account) -> Value {
    let body = json!({"detail": "You are not allowed to create a Tweet with duplicate content.",
        "type": "about:blank", "title": "Forbidden", "status": 403});
    let fault =
        json!({"kind": "serverError", "route": "tweets.create", "status": 403, "body": body});
    scene.sim.fault(&account.handle, fault).await;
    let post = scene.say(account, &format!("Against a rule, {}", scene.brand)).await;
    let failed = scene.settled(&post).await;
    assert_eq!(delivery(&failed, account)["error"]["type"], "PlatformContentError", "{failed}");
    post
}

// case: A-retry
#[tokio::test]
async fn one_action_retries_exactly_what_failed_for_the_account() {
    let (scene, account) = Scene::with_account("mended").await;
    let other = scene.connect("other").await;
    let ruled_out = broken_rule(&scene, &account).await;
    age(scene.fleet, &account, Duration::from_secs(3_600)).await;
    scene.sim.fault(&account.handle, json!({"kind": "revoke"})).await;
    // Accepted while the account still looks well, and some of them on another account too.
    let first = scene.say(&account, &format!("First, {}", scene.brand)).await;
    lose(scene.fleet, &account).await;
    scene.settled(&first).await;
    let health = shown(&scene, &account).await["health"].clone();
    assert_eq!(health["word"], "needs_reconnect", "{health}");
    let refused = retry(&scene, &account, "").await;
    assert_eq!((refused.status, &refused.body["error"]), (409, &json!("needs_reconnect")));
    assert_eq!(order(&scene, &account, "/refresh", json!({})).await.status, 409);
    let preview = retry(&scene, &account, "?preview=true").await;
    assert_eq!(preview.data()["count"], 1, "{preview:?}");
    let as_of = preview.data()["asOf"].as_str().unwrap().to_owned();

    // Another one was scheduled before the account broke, and fails for it later.
    let second = fail_behind(&scene, &[&account, &other]).await;
    let back = scene.connect_as(account.way, &account.handle).await;
    assert_eq!(back.id, account.id);
    let told = events(&scene, &account, "account.connected").await;
    assert_eq!(told.last().unwrap()["failedDeliveries"], 2, "{told:?}");
    assert_eq!(shown(&scene, &account).await["deliveries"]["failed"], 2);
    for post in [&first, &second] {
        let shown = scene.show(post).await;
        assert_eq!(delivery(&shown, &account)["status"], "failed", "reconnecting sends nothing");
    }

    // First exactly what the preview had counted, then the rest, then nothing.
    let counts = [(format!("?before={as_of}"), 1), (String::new(), 1), (String::new(), 0)];
    for (query, count) in counts {
        let done = retry(&scene, &account, &query).await;
        assert_eq!(done.data()["count"], count, "{query}: {done:?}");
    }
    for post in [&first, &second] {
        scene.published(post).await;
    }
    let mut texts = scene.texts(&account).await;
    texts.sort();
    assert_eq!(texts, [format!("First, {}", scene.brand), format!("Second, {}", scene.brand)]);
    assert_eq!(scene.texts(&other).await.len(), 1, "what was out stays alone");
    let left = scene.show(&ruled_out).await;
    assert_eq!(delivery(&left, &account)["status"], "failed");
    assert_eq!(shown(&scene, &account).await["deliveries"]["failed"], 0);
    assert_eq!(audit(&scene, &account).await, ["account.retry", "account.retry"]);
}

/// A post that was scheduled before an account broke, and meets it broken at its time.
async fn fail_behind(scene: &Scene<'_>, accounts: &[&Account]) -> Value {
    let status = async |word: &str| {
        sqlx::query("UPDATE accounts SET status = $2 WHERE id = $1")
            .bind(super::uuid(accounts[0]))
            .bind(word)
            .execute(&mut scene.fleet.postgres().await)
            .await
            .unwrap();
    };
    status("connected").await;
    let due = base::clock::now() + Duration::from_secs(10);
    let ids: Vec<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
    let text = format!("Second, {}", scene.brand);
    let post = json!({"text": text, "accounts": ids, "scheduledAt": due});
    let post = scene.post(post).await;
    let is_scheduled = |shown: &Value| delivery(shown, accounts[0])["status"] == "scheduled";
    scene.until(&post, "it is scheduled", is_scheduled).await;
    status("needs_reconnect").await;
    let failed = scene.settled(&post).await;
    assert_eq!(delivery(&failed, accounts[0])["error"]["stage"], "validating", "{failed}");
    post
}

// case: A-retry
#[tokio::test]
async fn many_hands_on_the_button_send_everything_once() {
    let (scene, account) = Scene::with_account("pressed").await;
    age(scene.fleet, &account, Duration::from_secs(3_600)).await;
    scene.sim.fault(&account.handle, json!({"kind": "revoke"})).await;
    let mut posts = Vec::new();
    for number in 0..6 {
        posts.push(json!({"text": format!("{number}, {}", scene.brand), "accounts": [account.id]}));
    }
    let accepted = futures::future::join_all(posts.into_iter().map(|post| scene.try_post(post)));
    let accepted: Vec<Value> = accepted
        .await
        .iter()
        .filter(|one| one.status == 201)
        .map(|one| one.data().clone())
        .collect();
    assert!(!accepted.is_empty());
    lose(scene.fleet, &account).await;
    for post in &accepted {
        let failed = scene.settled(post).await;
        assert_eq!(delivery(&failed, &account)["error"]["type"], "PlatformAuthError", "{failed}");
    }
    scene.connect_as(account.way, &account.handle).await;
    let pressed = futures::future::join_all((0..8).map(|_| retry(&scene, &account, ""))).await;
    let done: u64 = pressed.iter().map(|one| one.data()["count"].as_u64().unwrap()).sum();
    assert_eq!(done, accepted.len() as u64);
    for post in &accepted {
        scene.published(post).await;
    }
    assert_eq!(scene.accepted(&account).await.len(), accepted.len());
}

// case: A-refresh-now
#[tokio::test]
async fn a_token_is_renewed_when_somebody_asks_and_refused_where_nothing_renews_it() {
    let (scene, account) = Scene::with_account("asked").await;
    let before = shown(&scene, &account).await["tokenExpiresAt"].clone();
    for _ in 0..3 {
        let asked = order(&scene, &account, "/refresh", json!({})).await;
        assert_eq!(asked.status, 202, "{asked:?}");
        assert_eq!(asked.data()["status"], "connected");
    }
    let after = eventually("the token is renewed", WITHIN, async || {
        let after = shown(&scene, &account).await["tokenExpiresAt"].clone();
        if after == before { Err(after.to_string()) } else { Ok(after) }
    })
    .await;
    assert!(after.as_str() > before.as_str(), "{before} {after}");
    assert!((2..=4).contains(&version(scene.fleet, &account).await));
    scene.published(&scene.say(&account, &format!("Renewed, {}", scene.brand)).await).await;

    let page = scene.connect_on(("instagram", None), "page").await;
    let refused = order(&scene, &page, "/refresh", json!({})).await;
    assert_eq!((refused.status, &refused.body["error"]), (409, &json!("nothing_renews")));
}
