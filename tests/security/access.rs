//! What a key may do: given out, narrowed, replaced, revoked, counted.

use crate::support::api::{Answer, Api, send};
use crate::support::{Fleet, Scene};
use domain::access::{Role, Scope};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;

const FAR: &str = "2099-01-01T00:00:00Z";

/// A tenant of its own, so that no other test meets its keys.
async fn tenant() -> (&'static Fleet, Api) {
    let fleet = Fleet::shared().await;
    (fleet, fleet.another_tenant("spec").await)
}

async fn create(owner: &Api, wanted: Value) -> (Value, Api) {
    let made = owner.post("/v1/keys", &wanted).await;
    assert_eq!(made.status, 201, "{made:?}");
    let api = owner.with_key(made.data()["key"].as_str().unwrap());
    (made.data().clone(), api)
}

async fn patch(api: &Api, path: &str, body: &Value) -> Answer {
    send(api.request(Method::PATCH, path).json(body)).await
}

#[track_caller]
fn forbidden(answer: &Answer, field: &str, limit: &str) {
    assert_eq!(answer.body["error"], "forbidden", "{answer:?}");
    let details = answer.details(403);
    assert_eq!((&details[0]["field"], &details[0]["limit"]), (&json!(field), &json!(limit)));
    assert!(!details[0]["resolution"].as_str().unwrap().is_empty());
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

// case: K-life
#[tokio::test]
async fn a_key_lives_from_its_giving_out_to_its_end_and_the_audit_knows() {
    let (fleet, owner) = tenant().await;
    let (made, app) = create(&owner, json!({"label": "app", "role": "editor"})).await;
    let text = made["key"].as_str().unwrap();
    assert!(text.starts_with("pf_live_") && text.ends_with(made["hint"].as_str().unwrap()));
    assert_eq!((&made["lastUsedAt"], &made["status"]), (&Value::Null, &json!("live")));
    assert_eq!(app.get("/v1/posts").await.status, 200);

    // Shown, but never again what it consists of; in the database not either.
    let shown = owner.get("/v1/keys").await;
    let listed = shown.data().as_array().unwrap().clone();
    let mine = listed.iter().find(|key| key["id"] == made["id"]).unwrap();
    assert!(mine["lastUsedAt"].is_string() && mine["key"].is_null(), "{mine}");
    let kept = "SELECT string_agg(k::text, ' ') FROM api_keys k";
    let mut db = fleet.postgres().await;
    let kept: String = sqlx::query_scalar(kept).fetch_one(&mut db).await.unwrap();
    assert!(!shown.body.to_string().contains(text) && !kept.contains(text));

    // Two serve side by side, until the old one's time is over.
    let rotate = format!("/v1/keys/{}/rotate", id(&made));
    let second = owner.post(&rotate, &json!({"graceSeconds": 3_600})).await;
    assert_eq!((second.status, &second.data()["replaces"]), (201, &made["id"]), "{second:?}");
    assert_eq!(second.data()["role"], "editor");
    let young = owner.with_key(second.data()["key"].as_str().unwrap());
    assert_eq!(
        (app.get("/v1/posts").await.status, young.get("/v1/posts").await.status),
        (200, 200)
    );
    let pressed = owner.post(&rotate, &json!({})).await;
    assert_eq!((pressed.status, &pressed.body["error"]), (409, &json!("key_replaced")));
    let over = "UPDATE api_keys SET expires_at = clock_timestamp() WHERE id = $1";
    let uuid = id(&made).parse::<domain::id::ApiKeyId>().unwrap().uuid();
    sqlx::query(over).bind(uuid).execute(&mut db).await.unwrap();
    let ended = app.get("/v1/posts").await;
    assert!(ended.status == 401 && ended.body.to_string().contains("has expired"), "{ended:?}");
    db.close().await.unwrap();

    let revoke = format!("/v1/keys/{}", id(second.data()));
    assert_eq!(owner.delete(&revoke).await.data()["status"], "revoked");
    let ended = young.get("/v1/posts").await;
    assert!(ended.status == 401 && ended.body.to_string().contains("was revoked"), "{ended:?}");
    assert_eq!(owner.post(&rotate, &json!({})).await.body["error"], "key_ended");
    let wrong = owner.with_key(&format!("{}x", &text[..text.len() - 1]));
    let told = wrong.get("/v1/posts").await;
    assert!(told.status == 401 && told.body.to_string().contains("checksum"), "{told:?}");

    let audit = owner.get("/v1/audit").await;
    let rows = audit.data().as_array().unwrap().iter();
    let rows: Vec<(&str, &str)> = rows
        .map(|row| (row["action"].as_str().unwrap(), row["subject"].as_str().unwrap()))
        .collect();
    let (first, last) = (id(&made), id(second.data()));
    let expected = [("key.revoke", last), ("key.rotate", first), ("key.create", first)];
    assert_eq!(rows, expected);
}

// case: K-last
#[tokio::test]
async fn the_last_owner_is_not_locked_out_and_nobody_gives_away_more_than_he_has() {
    let (_, owner) = tenant().await;
    let own = owner.get("/v1/keys").await.data()[0].clone();
    assert_eq!(own["isYours"], true);
    let revoke = format!("/v1/keys/{}", id(&own));
    assert_eq!(owner.delete(&revoke).await.body["error"], "last_owner_key");

    let scopes = json!(["keys:write", "keys:read", "posts:read"]);
    let wanted = json!({"label": "clerk", "role": "owner", "scopes": scopes});
    let (_, clerk) = create(&owner, wanted).await;
    let more = clerk.post("/v1/keys", &json!({"label": "more", "role": "viewer"})).await;
    assert_eq!((more.status, &more.body["error"]), (403, &json!("beyond_your_key")), "{more:?}");
    let whole = clerk.post(&format!("{revoke}/rotate"), &json!({})).await;
    assert_eq!(whole.body["error"], "beyond_your_key", "a way to an owner's key");
    let wanted = json!({"label": "less", "role": "viewer", "scopes": ["posts:read"]});
    create(&clerk, wanted).await;
    // Now there is another that can give out keys.
    assert_eq!(owner.delete(&revoke).await.status, 200);
    assert_eq!(owner.get("/v1/keys").await.status, 401);
}

// case: K-brand
#[tokio::test]
async fn a_contributor_of_a_brand_writes_for_approval_there_and_sees_nothing_else() {
    let (fleet, owner) = tenant().await;
    let mine = Scene::of(fleet, owner.again(), "mine").await;
    let theirs = Scene::of(fleet, owner.again(), "theirs").await;
    let (account, foreign) = (mine.connect("mine").await, theirs.connect("theirs").await);
    let far = |scene: &Scene<'_>, id: &str, more: Value| {
        let mut body = json!({"text": "Words", "accounts": [id], "scheduledAt": FAR});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scene.draft(body)
    };
    let other =
        theirs.post(json!({"text": "x", "accounts": [foreign.id], "scheduledAt": FAR})).await;
    let wanted = json!({"label": "writer", "brands": {&mine.brand: "contributor"}});
    let (_, writer) = create(&owner, wanted).await;

    let live = writer.post("/v1/posts", &far(&mine, &account.id, json!({}))).await;
    forbidden(&live, "role", "editor");
    let draft = writer.post("/v1/posts", &far(&mine, &account.id, json!({"draft": true}))).await;
    assert_eq!((draft.status, &draft.data()["status"]), (201, &json!("draft")), "{draft:?}");
    let held = far(&mine, &account.id, json!({"hold": "approval"}));
    let held = writer.post("/v1/posts", &held).await;
    assert_eq!((held.status, &held.data()["hold"]["reason"]), (201, &json!("approval")));
    let path = format!("/v1/posts/{}", id(held.data()));
    let change = json!({"text": "Better", "revision": held.data()["revision"]});
    let changed = patch(&writer, &path, &change).await;
    assert_eq!(changed.data()["text"], "Better");
    forbidden(&writer.post(&format!("{path}/release"), &json!({})).await, "role", "editor");
    forbidden(&writer.post(&format!("{path}/cancel"), &json!({})).await, "role", "editor");
    // Once an editor has let it go, it is not the writer's any more.
    let released = owner.post(&format!("{path}/release"), &json!({})).await;
    let change = json!({"text": "Worse", "revision": released.data()["revision"]});
    forbidden(&patch(&writer, &path, &change).await, "role", "editor");

    let elsewhere = far(&theirs, &foreign.id, json!({"draft": true}));
    let elsewhere = writer.post("/v1/posts", &elsewhere).await;
    assert_eq!(elsewhere.status, 404, "{elsewhere:?}");
    let across = far(&mine, &foreign.id, json!({"hold": "approval"}));
    assert_eq!(writer.post("/v1/posts", &across).await.status, 422);
    for path in [
        format!("/v1/posts/{}", id(&other)),
        format!("/v1/deliveries/{}", id(&other["deliveries"][0])),
        format!("/v1/accounts/{}", foreign.id),
        format!("/v1/brands/{}/accounts", theirs.brand),
        format!("/v1/accounts?brand={}", theirs.brand),
        format!("/v1/calendar?brand={}&from=2026-12-01&to=2026-12-02", theirs.brand),
    ] {
        assert_eq!(writer.get(&path).await.status, 404, "{path}");
        assert_eq!(owner.get(&path).await.status, 200, "{path}");
    }
    for (path, count) in [("/v1/posts", 2), ("/v1/accounts", 1), ("/v1/brands", 1)] {
        let seen = writer.get(path).await;
        assert_eq!(seen.data().as_array().unwrap().len(), count, "{path}: {seen:?}");
        assert!(!seen.body.to_string().contains(&theirs.brand), "{path}");
    }
    forbidden(&writer.get("/v1/keys").await, "role", "admin");
    forbidden(&writer.get("/v1/audit").await, "role", "admin");
    forbidden(&writer.delete(&format!("/v1/accounts/{}", account.id)).await, "role", "admin");
}

// case: K-scope
#[tokio::test]
async fn a_scope_that_is_missing_is_named() {
    let (_, owner) = tenant().await;
    for (role, scopes, method, path, field, limit) in [
        (Role::Owner, Some(Scope::PostsRead), Method::POST, "/v1/posts", "scopes", "posts:write"),
        (Role::Owner, Some(Scope::PostsWrite), Method::GET, "/v1/posts", "scopes", "posts:read"),
        (Role::Viewer, None, Method::POST, "/v1/posts", "role", "contributor"),
        (Role::Editor, None, Method::POST, "/v1/brands", "role", "admin"),
        (Role::Admin, None, Method::POST, "/v1/keys", "role", "owner"),
        (Role::Admin, None, Method::GET, "/v1/oauth-apps", "role", "owner"),
    ] {
        let mut wanted = json!({"label": "narrow", "role": role.as_str()});
        if let Some(scope) = scopes {
            wanted["scopes"] = json!([scope.as_str()]);
        }
        let (_, narrow) = create(&owner, wanted).await;
        let answer = send(narrow.request(method, path).json(&json!({}))).await;
        forbidden(&answer, field, limit);
    }
}

// case: K-limit
#[tokio::test]
async fn a_key_is_told_what_is_left_of_its_minute_and_when_the_next_begins() {
    let (_, owner) = tenant().await;
    let wanted = json!({"label": "slow", "role": "viewer", "requestsPerMinute": 3});
    let (_, slow) = create(&owner, wanted).await;
    let ask = async || {
        let answer = slow.request(Method::GET, "/v1/brands").send().await.unwrap();
        let text = |name: &str| {
            let value = answer.headers().get(name).map(|value| value.to_str().unwrap());
            value.unwrap_or_default().to_owned()
        };
        let left = text("ratelimit");
        let (left, reset) = left.split_once(";t=").unwrap();
        assert_eq!(text("ratelimit-policy"), "\"key\";q=3;w=60");
        let reset: u64 = reset.parse().unwrap();
        (answer.status().as_u16(), left.to_owned(), reset, text("retry-after"))
    };
    for left in [2, 1, 0] {
        let (status, told, reset, again) = ask().await;
        assert_eq!((status, told, again), (200, format!("\"key\";r={left}"), String::new()));
        assert!((1..=60).contains(&reset), "{reset}");
    }
    let (status, told, reset, again) = ask().await;
    assert_eq!((status, told.as_str()), (429, "\"key\";r=0"));
    assert_eq!(again, reset.to_string());
    // One key's minute is no other's.
    assert_eq!(owner.get("/v1/brands").await.status, 200);
}
