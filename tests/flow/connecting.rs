//! Accounts are connected: again as the same, chosen among several, brought from elsewhere, and
//! through a registration of the tenant's own.

use crate::support::Scene;
use crate::support::ageing::{age, version};
use crate::support::fleet::RETURN_URLS;
use crate::support::person::{value, with};
use crate::support::scene::{Account, WAYS, Way, X};
use base::rng;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use client::Browser;
use domain::id::AccountId;
use serde_json::{Value, json};
use std::time::Duration;

const PAGES: Way = ("linkedin", Some("organization"));

fn handle(name: &str) -> String {
    format!("{name}-{}", &rng::uuid().simple().to_string()[..8])
}

async fn events(scene: &Scene<'_>, account: &Account, kind: &str) -> Vec<Value> {
    let sql = "SELECT data FROM events WHERE subject = $1 AND kind = $2 ORDER BY id";
    let found = sqlx::query_scalar(sql).bind(&account.id).bind(kind);
    found.fetch_all(&mut scene.fleet.postgres().await).await.unwrap()
}

// case: A-reconnect
#[tokio::test]
async fn a_reconnect_takes_the_same_identity_and_no_other() {
    let (scene, account) = Scene::with_account("again").await;
    let id: AccountId = account.id.parse().unwrap();
    let lost = "UPDATE accounts SET status = 'needs_reconnect', status_reason = 'revoked',
                    status_at = clock_timestamp() WHERE id = $1";
    sqlx::query(lost).bind(id.uuid()).execute(&mut scene.fleet.postgres().await).await.unwrap();
    let wish = json!({"accountId": account.id});

    let other = handle("stranger");
    let person = scene.person_with(X, &[&other], wish.clone()).await;
    let refused = person.browser.finish(&person.back).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("@{other}")), "{refused}");
    assert!(refused.contains(&format!("@{}", account.handle)), "{refused}");
    let [stored] = &scene.connected().await[..] else { panic!("nothing new is stored") };
    assert_eq!(
        (stored.status.as_str(), version(scene.fleet, &account).await),
        ("needs_reconnect", 1)
    );

    let person = scene.person_with(X, &[&account.handle], wish).await;
    person.browser.finish(&person.back).await.unwrap();
    let [stored] = &scene.connected().await[..] else { panic!("it is the same account") };
    assert_eq!((stored.status.as_str(), version(scene.fleet, &account).await), ("connected", 2));
    let told = events(&scene, &account, "account.connected").await;
    let before: Vec<&Value> = told.iter().map(|data| &data["before"]).collect();
    assert_eq!(before, [&Value::Null, &json!("needs_reconnect")]);

    // An account of another brand is none that this brand could reconnect.
    let elsewhere = Scene::open("elsewhere").await;
    let body = json!({"brandSlug": elsewhere.brand, "accountId": account.id});
    assert_eq!(scene.api.post("/v1/oauth/x/authorize", &body).await.status, 404);
}

// case: A-scopes
#[tokio::test]
async fn a_missing_permission_is_named_and_what_publishing_needs_is_insisted_on() {
    let scene = Scene::open("scopes").await;
    let consent = async |scopes: &str| {
        let link = scene.api.client.authorize("x", &scene.brand, None).await.unwrap();
        let mut browser = Browser::new().unwrap();
        let page = browser.enter(&link).await.unwrap();
        let fewer = with(&page, "scope", scopes);
        let back = browser.allow(&fewer, &[&handle("scopes")]).await.unwrap();
        browser.finish(&back).await
    };
    let refused = consent("tweet.read users.read offline.access").await.unwrap_err().to_string();
    assert!(refused.contains("tweet.write is missing"), "{refused}");
    assert!(scene.connected().await.is_empty());
    let page = consent("tweet.read users.read tweet.write offline.access").await.unwrap();
    assert!(page.contains("media.write was not allowed"), "{page}");
    assert_eq!(scene.connected().await.len(), 1);
}

// case: A-choose
#[tokio::test]
async fn of_several_pages_those_that_are_chosen_are_connected() {
    let scene = Scene::open("choose").await;
    let handles = [handle("one"), handle("two"), handle("three")];
    let names: Vec<&str> = handles.iter().map(String::as_str).collect();
    let wish = json!({
        "brandSlug": scene.brand, "app": "organization", "redirectUri": RETURN_URLS[0],
    });
    let page = scene.api.client.authorize_with("linkedin", &wish).await.unwrap();
    let back = Browser::new().unwrap().allow(&page, &names).await.unwrap();
    let (code, state) = (value(&back, "code"), value(&back, "state"));
    let told = scene.api.client.exchange("linkedin", &code, &state).await.unwrap();
    assert_eq!(told["accounts"], json!([]));
    let open = &told["open"];
    let choices = open["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 3, "{told}");
    assert!(choices.iter().all(|choice| choice["isConnected"] == false), "{told}");
    let exchange = open["exchange"].as_str().unwrap();
    let id_of = |name: &str| {
        let is_it = |choice: &&Value| choice["handle"].as_str().unwrap().contains(name);
        choices.iter().find(is_it).unwrap()["id"].as_str().unwrap().to_owned()
    };

    let body = |ids: Value| json!({"exchange": exchange, "ids": ids});
    let other = scene.fleet.another_tenant("spec").await;
    let refused = other.post("/v1/oauth/choose", &body(json!([id_of(&handles[0])]))).await;
    assert_eq!((refused.status, &refused.body["error"]), (409, &json!("choices_over")));
    for ids in [json!([]), json!(["urn:li:organization:1"])] {
        let refused = scene.api.post("/v1/oauth/choose", &body(ids)).await;
        assert_eq!(refused.details(422)[0]["field"], "ids");
    }
    let two = json!([id_of(&handles[0]), id_of(&handles[2])]);
    let done = scene.api.post("/v1/oauth/choose", &body(two.clone())).await;
    assert_eq!(done.data()["accounts"].as_array().unwrap().len(), 2, "{done:?}");
    let again = scene.api.post("/v1/oauth/choose", &body(two)).await;
    assert_eq!(again.body["error"], "choices_over");
    assert_eq!(scene.connected().await.len(), 2);

    // The same in a browser, where what is connected already is known as such.
    let person = scene.person_with(PAGES, &names, json!({})).await;
    person.browser.finish(&person.back).await.unwrap();
    assert_eq!(scene.connected().await.len(), 3);
    let kept = "SELECT count(*) FROM connect_choices c JOIN brands b ON b.id = c.brand_id
                WHERE b.slug = $1";
    let kept: i64 = sqlx::query_scalar(kept)
        .bind(&scene.brand)
        .fetch_one(&mut scene.fleet.postgres().await)
        .await
        .unwrap();
    assert_eq!(kept, 0, "no grant waits any more");
}

// case: A-import
#[tokio::test]
async fn a_token_from_elsewhere_is_taken_over_as_it_is() {
    let scene = Scene::open("import").await;
    let ways = WAYS.into_iter().filter(|way| way.0 != "instagram");
    for way in ways.chain([("instagram", Some("instagram_login"))]) {
        let (platform, app) = way;
        let name = handle("import");
        let client_id = format!("postfleet-dev-{}", app.unwrap_or("default"));
        let grant = scene.sim.grant_to(platform, app, &name, &client_id).await;
        let token = grant["accessToken"].as_str().unwrap();
        // Other tests connect accounts of their own meanwhile.
        let lengthened = |log: &[Value]| {
            let paths = log.iter().filter_map(|line| line["request"]["query"].as_str());
            let is_own = |query: &&str| query.contains("exchange_token") && query.contains(token);
            paths.filter(is_own).count()
        };
        let before = lengthened(&scene.sim.log_of(platform));
        let mut body = json!({
            "brandSlug": scene.brand, "platform": platform, "app": app,
            "accessToken": grant["accessToken"], "refreshToken": grant["refreshToken"],
        });
        if grant["refreshToken"].is_null() {
            let refused = scene.api.post("/v1/accounts/import", &body).await;
            assert_eq!(refused.details(422)[0]["field"], "expiresAt", "{refused:?}");
            body["expiresAt"] = grant["expiresAt"].clone();
        }
        let done = scene.api.post("/v1/accounts/import", &body).await;
        let account = &done.data()["accounts"][0];
        assert!(account["handle"].as_str().unwrap().contains(&name), "{done:?}");
        assert_eq!(lengthened(&scene.sim.log_of(platform)), before, "{platform}");
        assert!(!done.body.to_string().contains(token));
    }
    let text = format!("Imported, {}", scene.brand);
    let post = scene.post(json!({"text": text, "platforms": ["x", "threads"]})).await;
    scene.published(&post).await;

    let body = json!({
        "brandSlug": scene.brand, "platform": "x", "accessToken": "sim_access_none",
        "expiresAt": "2099-01-01T00:00:00Z",
    });
    let refused = scene.api.post("/v1/accounts/import", &body).await;
    assert_eq!((refused.status, &refused.body["error"]), (409, &json!("connect_refused")));
}

/// How many token requests a registration has made on the simulated X.
fn token_requests(scene: &Scene<'_>, client_id: &str) -> usize {
    let basic = format!("Basic {}", BASE64.encode(format!("{client_id}:sim-secret")));
    let log = scene.sim.log();
    let requests = log.iter().filter_map(|line| line.get("request"));
    requests.filter(|request| request["headers"]["authorization"] == basic.as_str()).count()
}

async fn lane_of(scene: &Scene<'_>, kind: &str, subject: uuid::Uuid) -> String {
    let sql = "SELECT lane FROM jobs WHERE kind = $1 AND subject = $2";
    let found = sqlx::query_scalar(sql).bind(kind).bind(subject);
    found.fetch_one(&mut scene.fleet.postgres().await).await.unwrap()
}

// case: A-own-app
#[tokio::test]
async fn an_account_is_spoken_for_by_the_registration_that_it_consented_to() {
    let shared = Scene::open("own").await;
    let api = shared.fleet.another_tenant("spec").await;
    let scene = Scene::of(shared.fleet, api, "own").await;
    let before = scene.connect("own").await;
    let text = format!("Later, {}", scene.brand);
    let due = json!({
        "text": text, "accounts": [before.id], "scheduledAt": "2099-01-01T00:00:00Z",
    });
    let due = scene.post(due).await;
    let delivery = due["deliveries"][0]["id"].as_str().unwrap();
    let delivery: domain::id::DeliveryId = delivery.parse().unwrap();
    scene.scheduled(&due).await;

    let (path, client_id) = ("/v1/oauth-apps/x/default", handle("own"));
    let body = json!({"clientId": client_id, "clientSecret": "sim-secret"});
    let put = scene.api.put(path, &body).await;
    assert_eq!(put.data()["clientId"], client_id.as_str());
    assert!(!put.body.to_string().contains("sim-secret"));
    let shown = scene.api.get(path).await;
    assert!(shown.data()["redirectUri"].as_str().unwrap().ends_with("/oauth/x/callback"));
    assert!(!shown.body.to_string().contains("sim-secret"));
    assert_eq!(shared.api.get(path).await.status, 404, "another tenant has none");

    // Connected anew it is the same account, behind gates and in a lane of the tenant's own.
    let account = scene.connect_as(X, &before.handle).await;
    assert_eq!((account.id.as_str(), token_requests(&scene, &client_id)), (before.id.as_str(), 1));
    let lane = lane_of(&scene, "publish", delivery.uuid()).await;
    assert!(lane.starts_with("x:default@"), "{lane}");
    scene.order(&due, "cancel").await;

    age(scene.fleet, &account, Duration::from_secs(20)).await;
    scene.published(&scene.say(&account, &format!("Own, {}", scene.brand)).await).await;
    assert_eq!(token_requests(&scene, &client_id), 2, "its refresh has the own client id");

    for refused in [
        scene.api.delete(path).await,
        scene.api.put(path, &json!({"clientId": "other", "clientSecret": "s"})).await,
    ] {
        assert_eq!((refused.status, &refused.body["error"]), (409, &json!("oauth_app_in_use")));
    }
    // A new secret of the same registration is what a rotation brings.
    scene.api.put(path, &body).await.data();
    scene.published(&scene.say(&account, &format!("Rotated, {}", scene.brand)).await).await;

    let unused = "/v1/oauth-apps/linkedin/personal";
    scene.api.put(unused, &body).await.data();
    scene.api.delete(unused).await.data();
    assert_eq!(scene.api.get(unused).await.status, 404);
    assert_eq!(scene.api.put("/v1/oauth-apps/linkedin/default", &body).await.status, 422);
}
