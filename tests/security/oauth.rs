//! The ways to get an account that is not one's own, or into one's own: none of them leads there.

use crate::support::fleet::RETURN_URLS;
use crate::support::person::{value, with};
use crate::support::scene::X;
use crate::support::{Scene, eventually};
use base::rng;
use client::Browser;
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use url::Url;

/// A name that nobody else has.
fn handle(name: &str) -> String {
    format!("{name}-{}", &rng::uuid().simple().to_string()[..8])
}

/// What a browser reads that comes back with this address.
async fn refusal(browser: &Browser, back: &Url) -> String {
    match browser.finish(back).await {
        Err(refused) => refused.to_string(),
        Ok(page) => panic!("{back} led somewhere: {page}"),
    }
}

// case: S-06
#[tokio::test]
async fn a_state_lets_the_browser_through_that_it_was_given_to_and_once() {
    let scene = Scene::open("state").await;
    let mine = scene.person(X, &handle("mine")).await;
    let theirs = scene.person(X, &handle("theirs")).await;

    // No cookie; the cookie of another visit; a state that was never given out.
    let nobody = Browser::new().unwrap();
    assert!(refusal(&nobody, &mine.back).await.contains("another browser"));
    assert!(refusal(&theirs.browser, &mine.back).await.contains("another browser"));
    let guessed = with(&mine.back, "state", &"0".repeat(64));
    assert!(refusal(&mine.browser, &guessed).await.contains("begun here"));
    // My browser with their code and state is no better off.
    assert!(refusal(&mine.browser, &theirs.back).await.contains("another browser"));
    // Another platform's address.
    let mut mixed = mine.back.clone();
    mixed.set_path("/oauth/linkedin/callback");
    assert!(refusal(&mine.browser, &mixed).await.contains("another browser"));
    assert!(scene.connected().await.is_empty());
    assert_eq!(scene.exchanges("x", &mine.brings("code")), 0);

    // None of that has used the state up; its own browser does.
    mine.browser.finish(&mine.back).await.unwrap();
    assert_eq!(scene.connected().await.len(), 1);
    assert!(refusal(&mine.browser, &mine.back).await.contains("What came of"));
    assert_eq!(scene.exchanges("x", &mine.brings("code")), 1);
    assert_eq!(scene.connected().await.len(), 1);
}

// case: S-06
#[tokio::test]
async fn an_old_state_is_refused_and_so_is_one_whose_verifier_is_not_its_own() {
    let scene = Scene::open("verifier").await;
    let mut db = scene.fleet.postgres().await;
    let [old, cut, swapped, other] = [
        scene.person(X, &handle("old")).await,
        scene.person(X, &handle("cut")).await,
        scene.person(X, &handle("swapped")).await,
        scene.person(X, &handle("other")).await,
    ];

    let sql = "UPDATE oauth_states SET expires_at = clock_timestamp() WHERE sha256 = $1";
    sqlx::query(sql).bind(old.state_sha256()).execute(&mut db).await.unwrap();
    assert!(refusal(&old.browser, &old.back).await.contains("ten minutes"));

    let sql = "UPDATE oauth_states SET verifier = ''::bytea WHERE sha256 = $1";
    sqlx::query(sql).bind(cut.state_sha256()).execute(&mut db).await.unwrap();
    assert!(refusal(&cut.browser, &cut.back).await.contains("not what was stored"));

    let sql = "UPDATE oauth_states SET verifier =
                   (SELECT verifier FROM oauth_states WHERE sha256 = $2) WHERE sha256 = $1";
    let swap = sqlx::query(sql).bind(swapped.state_sha256()).bind(other.state_sha256());
    swap.execute(&mut db).await.unwrap();
    assert!(refusal(&swapped.browser, &swapped.back).await.contains("not what was stored"));

    for person in [&old, &cut, &swapped] {
        assert_eq!(scene.exchanges("x", &person.brings("code")), 0);
    }
    assert!(scene.connected().await.is_empty());
}

// case: S-06
#[tokio::test]
async fn denied_consent_is_told_and_uses_the_state_up() {
    let scene = Scene::open("denied").await;
    let wish = json!({"returnUrl": format!("{}?brand=acme", RETURN_URLS[0])});
    let person = scene.person_with(X, &[&handle("denied")], wish).await;
    let mut denied = person.back.clone();
    let state = person.brings("state");
    denied.query_pairs_mut().clear().extend_pairs([("error", "access_denied"), ("state", &state)]);
    let page = refusal(&person.browser, &denied).await;
    assert!(page.contains("did not let us publish"), "{page}");
    let back = "https://app.example/done?brand=acme&amp;status=refused&amp;error=consent_declined";
    assert!(page.contains(back), "{page}");
    // Neither the code nor another error gets through with that state any more.
    assert!(refusal(&person.browser, &person.back).await.contains("What came of"));
    assert!(scene.connected().await.is_empty());

    let other = scene.person(X, &handle("failing")).await;
    let (mut failed, state) = (other.back.clone(), other.brings("state"));
    let told = [("error", "server_error"), ("error_description", "<b>no"), ("state", &state)];
    failed.query_pairs_mut().clear().extend_pairs(told);
    let page = refusal(&other.browser, &failed).await;
    assert!(page.contains("server_error &lt;b&gt;no"), "{page}");
}

// case: S-06
#[tokio::test]
async fn fifty_callbacks_at_once_exchange_one_code_and_store_one_grant() {
    let scene = Scene::open("fifty").await;
    let person = scene.person(X, &handle("fifty")).await;
    let ended = join_all((0..50).map(|_| person.browser.finish(&person.back))).await;
    let connected: Vec<_> = ended.iter().filter(|ended| ended.is_ok()).collect();
    let told = ended.iter().filter_map(|ended| ended.as_ref().err()).map(ToString::to_string);
    assert!(
        told.clone().all(|told| told.contains("What came of")),
        "{:?}",
        told.clone().next_back()
    );
    assert_eq!(connected.len(), 1, "one of them was the first");
    assert_eq!(scene.exchanges("x", &person.brings("code")), 1);
    let [account] = &scene.connected().await[..] else { panic!("one account") };
    let account: domain::id::AccountId = account.id.parse().unwrap();
    let (grants, events): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT max(version) FROM credentials WHERE account_id = $1),
             (SELECT count(*) FROM events WHERE kind = 'account.connected' AND subject = $2)",
    )
    .bind(account.uuid())
    .bind(account.to_string())
    .fetch_one(&mut scene.fleet.postgres().await)
    .await
    .unwrap();
    assert_eq!((grants, events), (1, 1));
}

// case: S-06
#[tokio::test]
async fn a_link_lets_one_browser_in() {
    let scene = Scene::open("link").await;
    let link = scene.api.client.connect_link(&scene.brand, &json!({})).await.unwrap();
    // A preview looks at it, and nothing happens.
    let look = scene.api.open(Method::GET, link.path());
    assert_eq!(look.send().await.unwrap().status(), 200);
    let enter = || async {
        let mut browser = Browser::new().unwrap();
        let entered = browser.enter(&link).await;
        (entered.is_ok(), browser.cookie().is_some())
    };
    let entered = join_all((0..20).map(|_| enter())).await;
    assert_eq!(entered.iter().filter(|(is_in, _)| *is_in).count(), 1, "{entered:?}");
    assert_eq!(entered.iter().filter(|(_, has_cookie)| *has_cookie).count(), 1, "{entered:?}");

    let old = scene.api.client.connect_link(&scene.brand, &json!({})).await.unwrap();
    let ticket = old.path_segments().unwrap().next_back().unwrap();
    sqlx::query("UPDATE connect_links SET expires_at = clock_timestamp() WHERE sha256 = $1")
        .bind(&base::digest::sha256(ticket.as_bytes())[..])
        .execute(&mut scene.fleet.postgres().await)
        .await
        .unwrap();
    let refused = Browser::new().unwrap().enter(&old).await.unwrap_err().to_string();
    assert!(refused.contains("30 minutes"), "{refused}");
}

// case: S-06
#[tokio::test]
async fn a_browser_is_sent_back_to_addresses_of_the_list_alone() {
    let scene = Scene::open("return").await;
    let links = format!("/v1/brands/{}/connect-links", scene.brand);
    for evil in [
        "https://evil.example/done",
        "https://app.example@evil.example/done",
        "https://app.example.evil.example/done",
        "https://app.example:8443/done",
        "https://app.example/done/../../evil",
        "https://APP.example/done",
        "https://app.example./done",
        "//evil.example/done",
        "https:\\\\evil.example/done",
        "javascript:alert(1)",
    ] {
        let refused = scene.api.post(&links, &json!({"returnUrl": evil})).await;
        assert_eq!(refused.details(422)[0]["field"], "returnUrl", "{evil}");
        let body = json!({"brandSlug": scene.brand, "redirectUri": evil});
        let refused = scene.api.post("/v1/oauth/x/authorize", &body).await;
        let detail = &refused.details(422)[0];
        assert_eq!(
            (&detail["field"], &detail["limit"]),
            (&json!("redirectUri"), &json!(RETURN_URLS))
        );
    }
    // The answer is written behind the caller's own query.
    let wish = json!({"returnUrl": format!("{}?brand=acme", RETURN_URLS[0])});
    let person = scene.person_with(X, &[&handle("return")], wish).await;
    let page = person.browser.finish(&person.back).await.unwrap();
    let id = &scene.connected().await[0].id;
    let back = format!("{}?brand=acme&amp;status=connected&amp;accounts={id}", RETURN_URLS[0]);
    assert!(page.contains(&back), "{page}");
}

// case: S-06
#[tokio::test]
async fn a_code_that_an_upstream_app_brings_is_good_for_its_own_tenant_alone() {
    let scene = Scene::open("exchange").await;
    let wish = json!({"brandSlug": scene.brand, "redirectUri": RETURN_URLS[0]});
    let page = scene.api.client.authorize_with("x", &wish).await.unwrap();
    assert_eq!(value(&page, "redirect_uri"), RETURN_URLS[0]);
    let browser = Browser::new().unwrap();
    let back = browser.allow(&page, &[&handle("exchange")]).await.unwrap();
    assert!(back.as_str().starts_with(RETURN_URLS[0]), "{back}");
    let (code, state) = (value(&back, "code"), value(&back, "state"));
    let body = json!({"platform": "x", "code": code, "state": state});

    let other = scene.fleet.another_tenant("spec").await;
    let refused = other.post("/v1/oauth/exchange", &body).await;
    assert_eq!((refused.status, &refused.body["error"]), (409, &json!("state_foreign")));
    // A browser with a visit of its own cannot bring it either.
    let person = scene.person(X, &handle("other")).await;
    let mut ours = person.back.clone();
    ours.query_pairs_mut().clear().extend_pairs([("code", &code), ("state", &state)]);
    assert!(refusal(&person.browser, &ours).await.contains("another browser"));
    // Nor is a browser's own state good for an exchange.
    let theirs = json!({
        "platform": "x", "code": person.brings("code"), "state": person.brings("state"),
    });
    let refused = scene.api.post("/v1/oauth/exchange", &theirs).await;
    assert_eq!(refused.body["error"], "state_foreign");
    assert_eq!(scene.exchanges("x", &code), 0);

    let done = scene.api.post("/v1/oauth/exchange", &body).await;
    assert_eq!(done.data()["accounts"][0]["status"], "connected", "{done:?}");
    let again = scene.api.post("/v1/oauth/exchange", &body).await;
    assert_eq!((again.status, &again.body["error"]), (409, &json!("state_used")));
    assert_eq!(scene.exchanges("x", &code), 1);
}

// case: S-06
#[tokio::test]
async fn what_travels_through_a_browser_is_in_no_log_and_in_no_table() {
    let scene = Scene::open("quiet").await;
    let link = scene.api.client.authorize("x", &scene.brand, None).await.unwrap();
    let mut browser = Browser::new().unwrap();
    let page = browser.enter(&link).await.unwrap();
    let back = browser.allow(&page, &[&handle("quiet")]).await.unwrap();
    let request =
        scene.api.open(Method::GET, &format!("{}?{}", back.path(), back.query().unwrap()));
    let request = request.header("cookie", browser.cookie().unwrap());
    let answer = request.send().await.unwrap();
    let headers = answer.headers().clone();
    assert_eq!(
        (&headers["referrer-policy"], &headers["cache-control"]),
        (&"no-referrer".parse().unwrap(), &"no-store".parse().unwrap())
    );
    let ticket = link.path_segments().unwrap().next_back().unwrap().to_owned();
    let (_, session) = browser.cookie().unwrap().split_once('=').unwrap();
    let secrets = [ticket, session.to_owned(), value(&back, "state"), value(&back, "code")];
    let mut db = scene.fleet.postgres().await;
    let stored: Vec<String> = sqlx::query_scalar(
        "SELECT s::text FROM oauth_states s UNION ALL SELECT l::text FROM connect_links l
         UNION ALL SELECT s::text FROM connect_sessions s UNION ALL SELECT e::text FROM events e",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    let log = scene.fleet.log();
    for secret in &secrets {
        assert!(secret.len() > 20 && !log.contains(secret));
        assert!(stored.iter().all(|row| !row.contains(secret)));
        assert!(!headers.iter().any(|(_, value)| value.to_str().is_ok_and(|v| v.contains(secret))));
    }
}

// case: S-forget
#[tokio::test]
async fn what_is_over_is_deleted() {
    let scene = Scene::open("forget").await;
    let person = scene.person(X, &handle("forget")).await;
    let mut db = scene.fleet.postgres().await;
    let past = "UPDATE oauth_states SET expires_at = clock_timestamp() - interval '2 days'
                WHERE sha256 = $1";
    sqlx::query(past).bind(person.state_sha256()).execute(&mut db).await.unwrap();
    eventually("the state is forgotten", Duration::from_secs(20), async || {
        let asked = sqlx::query_scalar("SELECT count(*) FROM oauth_states WHERE sha256 = $1");
        let left: i64 = asked.bind(person.state_sha256()).fetch_one(&mut db).await.unwrap();
        if left == 0 { Ok(()) } else { Err(format!("{left} is left")) }
    })
    .await;
    assert!(refusal(&person.browser, &person.back).await.contains("begun here"));
}
