//! What was made ready of a post on every platform beyond X, when the post is moved.

use super::{later, patch, uuid};
use crate::support::scene::{WAYS, deliveries};
use crate::support::{Scene, eventually, files};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(30);

/// What is stored of the progress on each account; nothing where nothing is made ready.
async fn made_ready(scene: &Scene<'_>, post: &Value) -> BTreeMap<String, Option<Value>> {
    let asked = sqlx::query_as::<_, (String, Option<Value>)>(
        "SELECT platform || ' ' || account_id, checkpoint FROM deliveries WHERE post_id = $1",
    );
    let mut db = scene.fleet.postgres().await;
    asked.bind(uuid(post)).fetch_all(&mut db).await.unwrap().into_iter().collect()
}

/// The same, once something is on every account and all of them wait for their time.
async fn staged(scene: &Scene<'_>, post: &Value) -> BTreeMap<String, Option<Value>> {
    let is_ready = |shown: &Value| deliveries(shown).all(|one| one["status"] == "ready");
    scene.until(post, "all are made ready", is_ready).await;
    eventually("all are made ready", WITHIN, async || {
        let made = made_ready(scene, post).await;
        if made.values().all(Option::is_some) { Ok(made) } else { Err(format!("{made:?}")) }
    })
    .await
}

// case: T-handles-moved
#[tokio::test]
async fn what_does_not_outlive_a_new_time_is_made_anew_on_every_platform() {
    let scene = Scene::open("moved").await;
    let mut accounts = Vec::new();
    for way in WAYS.into_iter().filter(|way| way.0 != "x") {
        accounts.push(scene.connect_on(way, "moved").await);
    }
    let image = scene.api.upload(files::jpeg(400, 400), "a.jpg").await;
    let film = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
    let text = format!("Moved, {}", scene.brand);
    let body = json!({
        "text": text, "media": [{"id": image}], "scheduledAt": later(300),
        "platforms": ["linkedin", "instagram", "threads", "youtube"],
        "youtube": {"title": text, "media": [{"id": film}]},
    });
    let post = scene.post(body).await;
    staged(&scene, &post).await;

    // A little later containers are still there; of a sealed position nobody can tell.
    patch(&scene, &post, json!({"scheduledAt": later(400)})).await.data();
    let kept = made_ready(&scene, &post).await;
    let is_meta = |name: &str| name.starts_with("instagram") || name.starts_with("threads");
    let kept: Vec<_> = kept.iter().filter(|(name, _)| is_meta(name)).collect();
    assert!(kept.len() >= 2 && kept.iter().all(|(_, at)| at.is_some()), "{kept:?}");
    let first = staged(&scene, &post).await;

    // In two days none of it is, and in time all of it is made once more.
    patch(&scene, &post, json!({"scheduledAt": later(2 * 86_400)})).await.data();
    let dropped = made_ready(&scene, &post).await;
    assert!(dropped.values().all(Option::is_none), "{dropped:?}");
    scene.scheduled(&post).await;
    patch(&scene, &post, json!({"scheduledAt": later(300)})).await.data();
    let second = staged(&scene, &post).await;
    assert!(first.iter().all(|(name, at)| second[name] != *at), "{first:?} {second:?}");
    patch(&scene, &post, json!({"scheduledAt": null})).await.data();
    scene.published(&post).await;
    for account in &accounts {
        assert_eq!(scene.accepted(account).await.len(), 1, "{:?}", account.way);
    }
}
