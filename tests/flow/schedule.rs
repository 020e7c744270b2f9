//! A post with a time goes out at that time, not before.

use crate::support::Scene;
use base::clock;
use domain::time::Timestamp;
use serde_json::json;
use std::time::Duration;

// case: S-schedule
#[tokio::test]
async fn a_scheduled_post_is_out_within_a_second_after_its_time_and_never_before() {
    let (scene, account) = Scene::with_account("schedule").await;
    let now = clock::now();
    let due: Vec<Timestamp> =
        [4_000, 6_500, 9_000].map(|ms| now + Duration::from_millis(ms)).into();
    let mut posts = Vec::new();
    for (number, at) in due.iter().enumerate() {
        let text = format!("{number}, {}", scene.brand);
        let body = json!({"text": text, "accounts": [account.id], "scheduledAt": at});
        posts.push(scene.post(body).await);
    }
    // A machine that stands still for a moment makes one of them late, not all.
    let mut told_ms = Vec::new();
    for post in &posts {
        let shown = scene.published(post).await;
        told_ms.push(shown["deliveries"][0]["latenessMs"].as_u64().expect("it tells how late"));
    }
    assert!(told_ms.iter().any(|ms| *ms <= 1_000), "{told_ms:?} ms");
    let metrics = scene.api.metrics().await;
    assert!(metrics.contains("postfleet_lateness_seconds_bucket{platform=\"x\",le=\"0.35\"}"));
    let accepted = scene.accepted(&account).await;
    assert_eq!(accepted.len(), due.len());
    let late_ms: Vec<i64> =
        accepted.iter().zip(&due).map(|(accepted, due)| accepted.at.ms() - due.ms()).collect();
    assert!(late_ms.iter().all(|ms| *ms >= 0), "{late_ms:?} ms after their times");
    assert!(late_ms.iter().any(|ms| *ms <= 1_000), "{late_ms:?} ms after their times");
}

// case: S-schedule
#[tokio::test]
async fn media_are_up_before_the_time_and_the_post_is_not() {
    use crate::support::files;
    let (scene, account) = Scene::with_account("staged").await;
    let id = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
    let due = clock::now() + Duration::from_secs(12);
    let text = format!("Staged, {}", scene.brand);
    let body = json!({
        "text": text, "media": [{"id": id}], "accounts": [account.id], "scheduledAt": due,
    });
    let post = scene.post(body).await;
    scene.published(&post).await;
    let [accepted] = &scene.accepted(&account).await[..] else { panic!("one remote post") };
    // The film alone takes three seconds of processing: less means that it was brought ahead.
    let late_ms = accepted.at.ms() - due.ms();
    assert!((0..3_000).contains(&late_ms), "{late_ms} ms after its time");
}
