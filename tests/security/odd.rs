//! Requests as no client would send them: they are turned away in words, and are no fault of ours.

use crate::support::Scene;
use crate::support::api::send;
use reqwest::Method;
use serde_json::json;

/// Names that Postgres, UTF-8 or a number has no room for, where a path or a query takes one.
const ASKED: [&str; 14] = [
    "/v1/brands/%00/slots",
    "/v1/brands/%ff/slots",
    "/v1/brands/a%00b/accounts",
    "/v1/posts/%ff",
    "/v1/posts/%00",
    "/v1/oauth-apps/%00/%ff",
    "/v1/events/evt_ffffffffffffffff",
    "/v1/events?after=evt_7fffffffffffffff",
    "/v1/posts?%ff=%fe",
    "/v1/posts?clientRef=%00",
    "/v1/accounts?brand=%00",
    "/v1/audit?before=18446744073709551615",
    "/v1/calendar?brand=%00&from=2026-01-01&to=2026-01-02",
    "/v1/calendar?brand=x&from=2026-01-01&to=2026-01-02\
     &after=9223372036854775807.0.00000000000000000000000000000000",
];

// case: API-odd
#[tokio::test]
async fn what_no_client_would_send_is_turned_away_and_is_no_fault_of_ours() {
    let (scene, account) = Scene::with_account("odd").await;
    let whole = scene.api.again();
    let wanted = json!({"label": "odd", "brands": {&scene.brand: "editor"}});
    let key = scene.api.post("/v1/keys", &wanted).await.data()["key"].clone();
    // A key for a brand is asked where a request acts, before anything of it was read.
    let limited = scene.api.with_key(key.as_str().unwrap());
    for (path, api) in ASKED.iter().flat_map(|path| [(path, &whole), (path, &limited)]) {
        let answer = api.get(path).await;
        assert!(answer.status < 500, "{path}: {answer:?}");
        assert!(answer.body["success"].is_boolean(), "{path}: {answer:?}");
    }
    let nul = "\0";
    let far = "-005000-01-01T00:00:00Z";
    for (path, body) in [
        ("/v1/posts", json!({"brandSlug": nul, "text": "x", "accounts": [account.id]})),
        ("/v1/brands", json!({"slug": nul, "name": nul})),
        ("/v1/keys", json!({"label": nul, "brands": {nul: "owner"}})),
        ("/v1/deliveries/retry", json!({"brandSlug": scene.brand, "failedAfter": far})),
        ("/v1/deliveries/retry", json!({"accountId": account.id, "failedBefore": far})),
        ("/v1/posts/validate", json!([[[]]])),
    ] {
        for api in [&whole, &limited] {
            let answer = api.post(path, &body).await;
            assert!((400..500).contains(&answer.status), "{path} {body}: {answer:?}");
            assert_eq!(answer.body["success"], false, "{path} {body}: {answer:?}");
        }
    }
    let post = json!({"brandSlug": scene.brand, "text": "x", "accounts": [account.id]});
    for (name, value) in [
        ("idempotency-key", &b"\xff\xfe"[..]),
        ("idempotency-key", b""),
        ("authorization", b"\xff"),
        ("authorization", b"Bearer "),
        ("x-request-id", b"\xff"),
        ("content-type", b"text/\xff"),
        ("accept-encoding", b"\xff"),
    ] {
        let path = if name == "idempotency-key" { "/v1/posts" } else { "/v1/posts/validate" };
        let request = whole.open(Method::POST, path).body(post.to_string());
        let value = reqwest::header::HeaderValue::from_bytes(value).unwrap();
        let request = match name {
            "authorization" => request,
            _ => request.bearer_auth(whole.key()),
        };
        let answer = send(request.header(name, value)).await;
        assert!(answer.status < 500, "{name}: {answer:?}");
    }
    // Whole numbers are whole however a language writes them.
    let limits = format!("/v1/accounts/{}/limits", account.id);
    let body = br#"{"postsPerDay": 3.0, "minGapS": 6e1}"#.to_vec();
    let request = whole.request(Method::PUT, &limits).body(body);
    let answer = send(request).await;
    assert_eq!(answer.data()["limits"], json!({"postsPerDay": 3, "minGapS": 60}));
}
