//! The same request under the same key is one post.

use crate::support::api::{Answer, Api, try_send};
use crate::support::breaking::Breaking;
use crate::support::fleet::Place;
use crate::support::{Fleet, Scene};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, Row};

/// A time that no test waits for.
const FAR: &str = "2099-01-01T00:00:00Z";

// case: R-13
#[tokio::test]
async fn a_repeated_request_is_one_post_however_often_it_comes() {
    let (scene, account) = Scene::with_account("again").await;
    let wording = format!("Once, {}", scene.brand);
    let body = scene.draft(json!({"text": wording, "accounts": [account.id]}));
    let ask = || scene.api.post_once("/v1/posts", &body, &scene.brand);
    let answers: Vec<Answer> = join_all((0..20).map(|_| ask())).await;

    let created = answers.iter().filter(|answer| answer.status == 201).count();
    let repeated = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((created, repeated), (1, 19));
    let post = answers[0].data().clone();
    assert!(answers.iter().all(|answer| answer.data()["id"] == post["id"]));
    scene.published(&post).await;
    assert_eq!(ask().await.data()["id"], post["id"]);
    assert_eq!(scene.texts(&account).await, [wording]);
}

// case: I-storm
#[tokio::test]
async fn a_hundred_at_once_through_a_proxy_that_loses_answers_are_one_post() {
    let (scene, account) = Scene::with_account("storm").await;
    let wording = format!("Stormy, {}", scene.brand);
    let body = scene.draft(json!({"text": wording, "accounts": [account.id]}));
    let place = scene.fleet.place();
    let proxy = Breaking::to(&place.api_url, 3).await;
    let through = Api::new(&Place { api_url: proxy.url.clone(), ..place.clone() });
    // Whoever gets no answer asks again, as long as it takes.
    let ask = async || loop {
        let request = through.request(Method::POST, "/v1/posts").json(&body);
        let request = request.header("Idempotency-Key", &scene.brand);
        if let Ok(answer) = try_send(request).await {
            return answer;
        }
    };
    let answers: Vec<Answer> = join_all((0..100).map(|_| ask())).await;

    assert!(proxy.lost() >= 33, "{} answers were lost", proxy.lost());
    let id = &answers[0].data()["id"];
    for answer in &answers {
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        assert_eq!(&answer.data()["id"], id);
    }
    // The first answer may be among those that were lost.
    assert!(answers.iter().filter(|answer| answer.status == 201).count() <= 1);
    scene.published(&answers[0].data().clone()).await;
    assert_eq!(scene.texts(&account).await, [wording]);
    let posts = "SELECT count(*) FROM posts p JOIN brands b ON b.id = p.brand_id WHERE b.slug = $1";
    let posts: i64 = sqlx::query_scalar(posts)
        .bind(&scene.brand)
        .fetch_one(&mut scene.fleet.postgres().await)
        .await
        .unwrap();
    assert_eq!(posts, 1);
}

// case: R-14
#[tokio::test]
async fn another_request_under_a_taken_key_is_refused() {
    let (scene, account) = Scene::with_account("taken").await;
    let first = scene.draft(json!({"text": "One", "accounts": [account.id]}));
    let other = scene.draft(json!({"text": "Two", "accounts": [account.id]}));
    let post = scene.api.post_once("/v1/posts", &first, &scene.brand).await;
    let refused = scene.api.post_once("/v1/posts", &other, &scene.brand).await;
    let details = refused.details(422);
    assert_eq!(details[0]["field"], "Idempotency-Key");
    assert_eq!(details[0]["actual"], post.data()["id"]);
    assert_eq!(refused.body["error"], "idempotency_key_taken");
    scene.published(post.data()).await;
    assert_eq!(scene.texts(&account).await, ["One"]);
}

// case: I-replay
#[tokio::test]
async fn what_was_accepted_once_is_answered_though_it_would_be_refused_by_now() {
    let (scene, account) = Scene::with_account("replay").await;
    let body = json!({"text": "Later", "accounts": [account.id], "scheduledAt": FAR});
    let body = scene.draft(body);
    let ask = || scene.api.post_once("/v1/posts", &body, &scene.brand);
    let first = ask().await;
    assert_eq!(first.status, 201, "{first:?}");
    let path = format!("/v1/accounts/{}", account.id);
    assert_eq!(scene.api.delete(&path).await.status, 200);

    let again = ask().await;
    assert_eq!((again.status, &again.data()["id"]), (200, &first.data()["id"]));
    let bare = scene.api.post("/v1/posts", &body).await;
    assert_eq!(bare.details(422)[0]["type"], "PlatformAuthError", "{bare:?}");
}

// case: I-kept
#[tokio::test]
async fn a_key_serves_for_72_hours_and_then_for_another_request() {
    let (scene, account) = Scene::with_account("kept").await;
    let ask = async |text: &str| {
        let body = json!({"text": text, "accounts": [account.id], "scheduledAt": FAR});
        scene.api.post_once("/v1/posts", &scene.draft(body), &scene.brand).await
    };
    let first = ask("One").await;
    assert_eq!(first.status, 201, "{first:?}");
    let mut db = scene.fleet.postgres().await;
    let mut age = async |hours: &str| {
        sqlx::query(
            "UPDATE idempotency_keys SET created_at = clock_timestamp() - $2::text::interval
             WHERE key = $1",
        )
        .bind(&scene.brand)
        .bind(hours)
        .execute(&mut db)
        .await
        .unwrap();
    };
    age("71 hours").await;
    assert_eq!(ask("Two").await.status, 422);
    age("73 hours").await;
    let second = ask("Two").await;
    assert_eq!(second.status, 201, "{second:?}");
    assert_ne!(second.data()["id"], first.data()["id"]);
    assert_eq!(ask("Two").await.data()["id"], second.data()["id"]);
}

// case: I-progress
#[tokio::test]
async fn a_request_that_somebody_else_carries_out_is_waited_for_and_then_told() {
    let (scene, account) = Scene::with_account("progress").await;
    let body = json!({"text": "Slow", "accounts": [account.id], "scheduledAt": FAR});
    let body = scene.draft(body);
    // Another process stands still in the middle of the same request.
    let mut db = scene.fleet.postgres().await;
    let mut other = db.begin().await.unwrap();
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended(tenant_id || ':' || $1, 0))
         FROM brands WHERE slug = $1";
    sqlx::query(lock).bind(&scene.brand).execute(&mut *other).await.unwrap();
    let told = scene.api.post_once("/v1/posts", &body, &scene.brand).await;
    assert_eq!((told.status, &told.body["error"]), (409, &json!("in_progress")), "{told:?}");
    // It comes to nothing; whoever waits by then carries the request out.
    let waiting = scene.api.post_once("/v1/posts", &body, &scene.brand);
    let end = async {
        is_waited_for(scene.fleet).await;
        other.rollback().await.unwrap();
    };
    let (answer, ()) = tokio::join!(waiting, end);
    assert_eq!(answer.status, 201, "{answer:?}");
}

async fn is_waited_for(fleet: &Fleet) {
    let mut db = fleet.postgres().await;
    let within = std::time::Duration::from_secs(10);
    crate::support::eventually("somebody waits for the lock", within, async || {
        let row = sqlx::query(
            "SELECT count(*) AS waiting FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
        );
        let waiting: i64 = row.fetch_one(&mut db).await.unwrap().get("waiting");
        if waiting > 0 { Ok(()) } else { Err("nobody waits".to_owned()) }
    })
    .await;
}

// case: I-ref
#[tokio::test]
async fn a_senders_own_reference_stands_for_one_post_for_ever() {
    let (scene, account) = Scene::with_account("ref").await;
    let reference = format!("order/{}", scene.brand);
    let draft = |text: &str| {
        let body = json!({
            "text": text, "accounts": [account.id], "scheduledAt": FAR, "clientRef": reference,
        });
        scene.draft(body)
    };
    let ask = async |body: &Value| scene.api.post("/v1/posts", body).await;
    let first = ask(&draft("One")).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.data()["clientRef"], *reference);
    let answers = join_all((0..10).map(async |_| ask(&draft("One")).await)).await;
    assert!(answers.iter().all(|again| again.status == 200), "{answers:?}");
    let age = "UPDATE idempotency_keys SET created_at = '2020-01-01' WHERE key LIKE '%' || $1";
    let mut db = scene.fleet.postgres().await;
    sqlx::query(age).bind(&reference).execute(&mut db).await.unwrap();

    let refused = ask(&draft("Two")).await;
    assert_eq!(refused.details(422)[0]["actual"], first.data()["id"]);
    assert_eq!(refused.body["error"], "client_ref_taken");
    // Found by it, and kept by a change; a copy is another post and has none.
    let found = scene.api.get(&format!("/v1/posts?clientRef={reference}")).await;
    assert_eq!(found.data()[0]["id"], first.data()["id"], "{found:?}");
    let none = scene.api.get("/v1/posts?clientRef=of-nobody").await;
    assert_eq!(none.data(), &json!([]));
    let path = format!("/v1/posts/{}", first.data()["id"].as_str().unwrap());
    let patch = json!({"text": "Three", "revision": first.data()["revision"]});
    let request = scene.api.request(Method::PATCH, &path).json(&patch);
    let changed = try_send(request).await.unwrap();
    assert_eq!(changed.data()["clientRef"], *reference);
    let copy = scene.order(first.data(), "duplicate").await;
    assert_eq!((copy.status, &copy.data()["clientRef"]), (201, &Value::Null));
}
