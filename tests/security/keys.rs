//! A key opens one tenant's things, and no key opens nothing.

use crate::support::api::send;
use crate::support::{Fleet, Scene, files};
use base::rng;
use reqwest::Method;
use serde_json::json;

const NOWHERE: &str = "/v1/posts/pst_00000000000000000000000000000001";

/// The routes that need a key.
fn routes(brand: &str) -> Vec<(Method, String)> {
    let accounts = format!("/v1/brands/{brand}/accounts");
    let delivery = "/v1/deliveries/dlv_00000000000000000000000000000001";
    let get = ["/v1/posts", NOWHERE, "/v1/brands", "/v1/oauth-apps", &accounts, delivery]
        .map(|path| (Method::GET, path.into()));
    let cancel = format!("{NOWHERE}/cancel");
    let retry = format!("{NOWHERE}/retry");
    let review = format!("{delivery}/review");
    let links = format!("/v1/brands/{brand}/connect-links");
    let post = [
        &review,
        "/v1/posts",
        "/v1/posts/validate",
        &cancel,
        &retry,
        "/v1/media",
        "/v1/brands",
        "/v1/oauth/x/authorize",
        "/v1/oauth/exchange",
        "/v1/oauth/choose",
        "/v1/accounts/import",
        &links,
    ];
    let own = ["GET", "PUT", "DELETE"]
        .map(|method| (method.parse().unwrap(), "/v1/oauth-apps/x/default".to_owned()));
    let post = post.map(|path| (Method::POST, path.into()));
    get.into_iter().chain(post).chain(own).collect()
}

// case: S-keys
#[tokio::test]
async fn without_a_key_or_with_a_wrong_one_every_route_is_closed() {
    let scene = Scene::open("keys").await;
    let api = &scene.api;
    for (method, path) in routes(&scene.brand) {
        let bare = || api.open(method.clone(), &path).json(&json!({}));
        let wrong = format!("pf_{}", rng::uuid().simple());
        for request in [
            bare(),
            bare().bearer_auth(&wrong),
            bare().header("x-api-key", &wrong),
            bare().bearer_auth(""),
            bare().bearer_auth("pf_' OR true --"),
        ] {
            let answer = send(request).await;
            assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
            assert_eq!(answer.body["error"], "unauthorized");
        }
    }
}

// case: S-keys
#[tokio::test]
async fn a_key_is_taken_in_either_header() {
    let fleet = Fleet::shared().await;
    let api = fleet.api();
    let key = &fleet.place().api_key;
    let request = api.open(Method::GET, "/v1/posts").header("x-api-key", key);
    assert_eq!(send(request).await.status, 200);
    assert_eq!(api.get("/v1/posts").await.status, 200);
}

// case: S-tenants
#[tokio::test]
async fn another_tenants_things_do_not_exist() {
    let (scene, account) = Scene::with_account("tenants").await;
    let post = scene.say(&account, &format!("Mine, {}", scene.brand)).await;
    scene.published(&post).await;
    let file = scene.api.upload(files::picture(), "mine.png").await;
    let other = scene.fleet.another_tenant("spec").await;
    let id = post["id"].as_str().unwrap();

    let path = format!("/v1/posts/{id}");
    assert_eq!(other.get(&path).await.status, 404);
    for what in ["cancel", "retry"] {
        assert_eq!(other.post(&format!("{path}/{what}"), &json!({})).await.status, 404);
    }
    let delivery = post["deliveries"][0]["id"].as_str().unwrap();
    let path = format!("/v1/deliveries/{delivery}");
    assert_eq!(other.get(&path).await.status, 404);
    let drop = json!({"outcome": "notPublished", "then": "drop", "reason": "Theirs."});
    assert_eq!(other.post(&format!("{path}/review"), &drop).await.status, 404);
    assert_eq!(other.get(&format!("/v1/brands/{}/accounts", scene.brand)).await.status, 404);
    let authorize = json!({"brandSlug": scene.brand});
    assert_eq!(other.post("/v1/oauth/x/authorize", &authorize).await.status, 404);
    let links = format!("/v1/brands/{}/connect-links", scene.brand);
    assert_eq!(other.post(&links, &json!({})).await.status, 404);
    assert_eq!(other.get("/v1/posts").await.data(), &json!([]));
    assert_eq!(other.get(&format!("/v1/posts?before={id}")).await.data(), &json!([]));
    assert_eq!(other.get("/v1/brands").await.data(), &json!([]));

    // A brand of the same slug is another brand; accounts and files stay the first tenant's.
    let brand = json!({"slug": scene.brand, "name": "Theirs"});
    let made = other.post("/v1/brands", &brand).await;
    assert!(made.data()["id"].is_string(), "{made:?}");
    let body = json!({
        "brandSlug": scene.brand, "text": "Theirs", "accounts": [account.id],
        "media": [{"id": file}], "platforms": ["x"],
    });
    let refused = other.post("/v1/posts", &body).await;
    let fields: Vec<&str> =
        refused.details(422).iter().filter_map(|detail| detail["field"].as_str()).collect();
    assert_eq!(fields, ["accounts[0]", "platforms[0]", "x.media[0].id"], "{refused:?}");
    assert_eq!(scene.texts(&account).await.len(), 1);
}
