//! A refusal that nobody has seen before is shown to the operator, without a word of the post.

use crate::support::{Account, Scene, eventually};
use serde_json::{Value, json};
use std::time::Duration;

/// The kinds of refusals that are kept of one platform.
const KINDS_MAX: i64 = 1_000;

/// Publishes a text that X refuses for a reason of this type.
async fn refuse(scene: &Scene<'_>, account: &Account, kind: &str) {
    let said = format!("Canary {kind}, {}", scene.brand);
    let body = json!({
        "type": format!("https://api.x.com/2/problems/{kind}"), "title": "Moon Phase",
        "detail": format!("{said} is odd"), "status": 400,
        "errors": [{ "message": said, "parameters": { "text": [said] }, "code": 4711 }],
    });
    let fault = json!({
        "kind": "serverError", "route": "tweets.create", "status": 400, "body": body,
    });
    scene.sim.fault(&account.handle, fault).await;
    let post = scene.say(account, &said).await;
    let shown = scene.settled(&post).await;
    assert_eq!(shown["status"], "failed", "{shown}");
}

/// What the operator sees of the refusals of this type, once there is anything.
async fn shown(scene: &Scene<'_>, kind: &str, count: i64) -> Value {
    let what = format!("{kind} is shown {count} times");
    eventually(&what, Duration::from_secs(10), async || {
        let all = scene.api.private("/unmapped").await.data().clone();
        let is_it = |one: &&Value| {
            one["fingerprint"].as_str().is_some_and(|text| text.contains(kind))
                && one["count"] == count
        };
        let found = all.as_array().unwrap().iter().find(is_it).cloned();
        found.ok_or_else(|| all.to_string())
    })
    .await
}

// case: C-unmapped-shown
#[tokio::test]
async fn an_unknown_refusal_is_counted_without_a_word_of_the_post() {
    let (scene, account) = Scene::with_account("unmapped").await;
    let kind = format!("moon-{}", &scene.brand[scene.brand.len() - 4..]);
    for count in 1..=2 {
        refuse(&scene, &account, &kind).await;
        let one = shown(&scene, &kind, count).await;
        assert_eq!((&one["platform"], &one["endpoint"]), (&json!("x"), &json!("tweets.create")));
        assert_eq!(one["fingerprint"], format!("400 {kind} Moon Phase 4711"));
        assert!(one["firstAt"].as_str() <= one["lastAt"].as_str(), "{one}");
    }
    let metrics = scene.api.metrics().await;
    assert!(metrics.contains("postfleet_unmapped_total{platform=\"x\"}"), "{metrics}");

    // As if X had invented a thousand reasons before: the rarest and oldest make room.
    let mut db = scene.fleet.postgres().await;
    sqlx::query(
        "INSERT INTO unmapped (platform, endpoint, fingerprint, first_at, last_at)
         SELECT 'x', 'tweets.create', 'old ' || n, now() - interval '1 day', now() - interval '1 day'
         FROM generate_series(1, $1) n",
    )
    .bind(KINDS_MAX)
    .execute(&mut db)
    .await
    .unwrap();
    let other = format!("other-{kind}");
    refuse(&scene, &account, &other).await;
    shown(&scene, &other, 1).await;
    let kept: (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE fingerprint LIKE '%' || $1 || '%') FROM unmapped
         WHERE platform = 'x'",
    )
    .bind(&kind)
    .fetch_one(&mut db)
    .await
    .unwrap();
    assert_eq!(kept, (KINDS_MAX, 2));
    sqlx::query("DELETE FROM unmapped WHERE fingerprint LIKE 'old %'")
        .execute(&mut db)
        .await
        .unwrap();
    let canary: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM unmapped WHERE fingerprint LIKE '%Canary%'
         OR fingerprint LIKE '%' || $1 || '%'",
    )
    .bind(&scene.brand)
    .fetch_one(&mut db)
    .await
    .unwrap();
    assert_eq!(canary, 0, "the post stands in the table");
}
