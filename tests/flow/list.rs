//! Posts are listed newest first, page by page.

use crate::support::Scene;
use base::clock;
use serde_json::{Value, json};
use std::time::Duration;

// case: S-list
#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let (scene, account) = Scene::with_account("list").await;
    let due = clock::now() + Duration::from_secs(3_600);
    let mut made = Vec::new();
    for number in 0..5 {
        let text = format!("{number}, {}", scene.brand);
        let body = json!({"text": text, "accounts": [account.id], "scheduledAt": due});
        made.push(scene.post(body).await["id"].clone());
    }
    made.reverse();

    // Other tests post to this fleet meanwhile; theirs are passed over.
    let mut seen = Vec::new();
    let mut path = "/v1/posts?limit=2".to_owned();
    while !seen.ends_with(&made[4..]) {
        let page = scene.api.get(&path).await;
        let posts = page.data().as_array().unwrap().clone();
        assert!((1..=2).contains(&posts.len()), "{page:?}");
        let own = posts.into_iter().filter(|post| post["brandSlug"] == scene.brand.as_str());
        seen.extend(own.map(|post| post["id"].clone()));
        let Value::String(cursor) = &page.body["nextCursor"] else { break };
        path = format!("/v1/posts?limit=2&before={cursor}");
    }
    assert_eq!(seen, made);
}

// case: S-list
#[tokio::test]
async fn the_last_page_has_no_next() {
    let (scene, account) = Scene::with_account("last").await;
    let post = scene.say(&account, &format!("Last, {}", scene.brand)).await;
    scene.published(&post).await;
    let first = "/v1/posts?limit=1&before=pst_00000000000000000000000000000001";
    let page = scene.api.get(first).await;
    assert_eq!(page.data(), &json!([]));
    assert_eq!(page.body["nextCursor"], Value::Null);
    assert_eq!(scene.api.get("/v1/posts?limit=0").await.status, 422);
}
