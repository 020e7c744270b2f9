//! A limit that is asked for by one call and heeded by another.

use crate::support::scene::delivery;
use crate::support::{Fleet, Scene, eventually, files};
use serde_json::json;
use std::time::Duration;

/// Longer than three posts take on a busy machine.
const WITHIN: Duration = Duration::from_secs(40);

// case: L-asked
#[tokio::test]
async fn what_is_left_of_a_day_by_the_platforms_word_is_never_overdrawn() {
    // The figures of a simulator are those of all its accounts, so this fleet is not shared.
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "asked").await;
    let account = scene.connect_on(("instagram", None), "asked").await;
    scene.sim.limits("instagram", &json!({"postsPerDay": 2})).await;
    let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
    let mut posts = Vec::new();
    // All of them ask before the first is out: three may go by the answers, two by the limiter.
    for number in 0..3 {
        let text = format!("{number}, {}", scene.brand);
        let media = json!([{"id": picture}]);
        posts.push(
            scene.post(json!({"text": text, "media": media, "accounts": [account.id]})).await,
        );
    }
    let why = eventually("two are out, one waits", WITHIN, async || {
        let mut waiting = Vec::new();
        for post in &posts {
            let shown = scene.show(post).await;
            if delivery(&shown, &account)["status"] != "published" {
                let whole = scene.whole(post).await;
                waiting.push(whole["why"].as_str().unwrap().to_owned());
            }
        }
        let is_held = |why: &String| {
            ["for now are spent", "2 of 2 posts", "You reached"].iter().any(|w| why.contains(w))
        };
        match &waiting[..] {
            [one] if is_held(one) => Ok(one.clone()),
            _ => Err(format!("{waiting:?}")),
        }
    })
    .await;
    assert!(!why.contains("You reached"), "the platform had to refuse: {why}");
    assert_eq!(scene.accepted(&account).await.len(), 2);
}
