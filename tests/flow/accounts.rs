//! Accounts are listed, renewed, paused, limited, retried and taken away by whom they belong to.

mod brands;
mod holding;
mod leaving;
mod mending;

use crate::support::api::send;
use crate::support::{Account, Answer, Scene};
use domain::id::AccountId;
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Command;

/// Longer than a refresh, a fan-out and a sweep take on a busy machine.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

fn at(account: &Account, what: &str) -> String {
    format!("/v1/accounts/{}{what}", account.id)
}

/// What the API shows of an account.
async fn shown(scene: &Scene<'_>, account: &Account) -> Value {
    scene.api.get(&at(account, "")).await.data().clone()
}

/// Sends an order about an account, with a body.
async fn order(scene: &Scene<'_>, account: &Account, what: &str, body: Value) -> Answer {
    scene.api.post(&at(account, what), &body).await
}

/// The events of a kind about an account, oldest first.
async fn events(scene: &Scene<'_>, account: &Account, kind: &str) -> Vec<Value> {
    let asked =
        sqlx::query_scalar("SELECT data FROM events WHERE subject = $1 AND kind = $2 ORDER BY id");
    let mut db = scene.fleet.postgres().await;
    asked.bind(&account.id).bind(kind).fetch_all(&mut db).await.unwrap()
}

/// What the audit holds about an account, oldest first.
async fn audit(scene: &Scene<'_>, account: &Account) -> Vec<String> {
    let asked = sqlx::query_scalar("SELECT action FROM audit WHERE subject = $1 ORDER BY id");
    asked.bind(&account.id).fetch_all(&mut scene.fleet.postgres().await).await.unwrap()
}

fn uuid(account: &Account) -> uuid::Uuid {
    account.id.parse::<AccountId>().unwrap().uuid()
}

// case: A-list
#[tokio::test]
async fn accounts_are_listed_page_by_page_and_by_what_is_sought() {
    let scene = Scene::open("sought").await;
    let mut made = scene.connect_all("sought").await;
    let first = shown(&scene, &made[0]).await;
    assert_eq!((&first["brandSlug"], &first["platform"]), (&json!(scene.brand), &json!("x")));
    assert_eq!(first["health"]["word"], "healthy", "{first}");
    assert!(first["health"]["sentence"].as_str().unwrap().contains("renewed at"), "{first}");
    for instant in ["statusAt", "connectedAt", "tokenExpiresAt", "nextRefreshAt"] {
        assert!(first[instant].is_string(), "{instant}: {first}");
    }
    assert!(
        first["scopes"].as_array().is_some_and(|s| s.contains(&json!("tweet.write"))),
        "{first}"
    );
    assert_eq!(first["deliveries"], json!({"waiting": 0, "failed": 0}));

    made.reverse();
    let mut seen = Vec::new();
    let mut path = format!("/v1/accounts?brand={}&limit=4", scene.brand);
    loop {
        let page = scene.api.get(&path).await;
        seen.extend(page.data().as_array().unwrap().iter().map(|one| one["id"].clone()));
        let Value::String(cursor) = &page.body["nextCursor"] else { break };
        path = format!("/v1/accounts?brand={}&limit=4&before={cursor}", scene.brand);
    }
    assert_eq!(seen, made.iter().map(|account| json!(account.id)).collect::<Vec<_>>());

    let count = async |query: &str| {
        let found = scene.api.get(&format!("/v1/accounts?brand={}&{query}", scene.brand)).await;
        found.data().as_array().unwrap().len()
    };
    assert_eq!(count("platform=linkedin").await, 2);
    assert_eq!(count("status=connected").await, 6);
    assert_eq!(count("status=damaged").await, 0);
    let refused = scene.api.get("/v1/accounts?status=fine").await;
    assert_eq!(refused.details(422)[0]["field"], "status");
    assert_eq!(scene.api.get("/v1/accounts?brand=nobody").await.status, 404);

    let of_brand = scene.api.get(&format!("/v1/brands/{}/accounts", scene.brand)).await;
    assert_eq!(of_brand.data().as_array().unwrap().len(), 6);
    let healths: u64 =
        of_brand.body["summary"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(healths, 6, "{}", of_brand.body["summary"]);
}

// case: A-foreign
#[tokio::test]
async fn nobody_sees_or_moves_the_accounts_of_others() {
    let (scene, account) = Scene::with_account("foreign").await;
    let stranger = scene.fleet.another_tenant("spec").await;
    let listed = stranger.get("/v1/accounts").await;
    assert_eq!(listed.data(), &json!([]));
    let requests = [
        (Method::GET, "", json!({})),
        (Method::DELETE, "", json!({})),
        (Method::POST, "/refresh", json!({})),
        (Method::POST, "/pause", json!({"reason": "mine"})),
        (Method::POST, "/resume", json!({})),
        (Method::PUT, "/limits", json!({"postsPerDay": 1})),
        (Method::POST, "/retry", json!({})),
        (Method::POST, "/retry?preview=true", json!({})),
    ];
    let nowhere = "/v1/accounts/acc_00000000000000000000000000000001";
    for (method, what, body) in requests {
        for (api, path) in [
            (&stranger, at(&account, what)),
            (&scene.api, format!("{nowhere}{what}")),
            (&scene.api, format!("/v1/accounts/none{what}")),
        ] {
            let answer = send(api.request(method.clone(), &path).json(&body)).await;
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
        }
    }
    let after = shown(&scene, &account).await;
    assert_eq!((&after["status"], &after["paused"]), (&json!("connected"), &Value::Null));
    // Nothing was done to it, and its owner can read that somebody asked.
    assert_eq!(audit(&scene, &account).await, ["access.refused"; 8]);
}

// case: A-command
#[tokio::test]
async fn the_command_line_lists_pauses_and_resumes() {
    let (scene, account) = Scene::with_account("ordered").await;
    let run = |arguments: &[&str]| {
        let place = scene.fleet.place();
        let mut command = Command::new(env!("CARGO_BIN_EXE_postfleet"));
        command.env("POSTFLEET_URL", &place.api_url).env("POSTFLEET_API_KEY", &place.api_key);
        let output = command.arg("accounts").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, listed) = run(&["list", "--brand", &scene.brand]);
    assert_eq!(code, Some(0));
    assert!(listed.starts_with(&account.id) && listed.contains("healthy"), "{listed}");
    let (_, paused) = run(&["pause", &account.id, "--reason", "stocktaking", "--json"]);
    let paused: Value = serde_json::from_str(&paused).unwrap();
    assert_eq!(paused["health"]["word"], "paused");
    let (_, resumed) = run(&["resume", &account.id]);
    assert!(resumed.contains("healthy"), "{resumed}");
    let (_, limited) = run(&["limit", &account.id, "--per-day", "7"]);
    assert!(limited.contains(&account.id), "{limited}");
    assert_eq!(shown(&scene, &account).await["limits"]["postsPerDay"], 7);
    let (code, _) = run(&["show", "acc_00000000000000000000000000000001"]);
    assert_eq!(code, Some(1));
    let (_, gone) = run(&["disconnect", &account.id]);
    assert!(gone.contains("x has revoked its token."), "{gone}");
}
