//! What a platform makes of a post after it is out is told, and the post stays out.

use crate::support::scene::delivery;
use crate::support::{Scene, eventually, files};
use domain::id::DeliveryId;
use serde_json::{Value, json};
use std::time::Duration;

/// Longer than the simulated YouTube works on a film.
const WITHIN: Duration = Duration::from_secs(60);

// case: S-follow
#[tokio::test]
async fn a_video_that_is_rejected_later_says_so_and_stays_published() {
    let scene = Scene::open("follow").await;
    let account = scene.connect_on(("youtube", None), "follow").await;
    let film = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
    let mut posts = Vec::new();
    for title in ["A film", "The same once more"] {
        let youtube = json!({"title": title, "media": [{"id": film}]});
        let text = format!("{title}, {}", scene.brand);
        let post = json!({"text": text, "youtube": youtube, "accounts": [account.id]});
        let post = scene.post(post).await;
        posts.push(scene.published(&post).await);
    }
    let mut db = scene.fleet.postgres().await;
    let told = eventually("YouTube is done with both", WITHIN, async || {
        let mut told = Vec::new();
        for post in &posts {
            let id: DeliveryId = delivery(post, &account)["id"].as_str().unwrap().parse().unwrap();
            // Nobody waits two minutes here for the first look, or ten for the second.
            let hurry = "UPDATE jobs SET due_at = clock_timestamp(),
                             generation = nextval('job_generation')
                         WHERE kind = 'follow' AND subject = $1 AND due_at > clock_timestamp()";
            let owed = sqlx::query(hurry).bind(id.uuid()).execute(&mut db).await.unwrap();
            let whole = scene.whole(post).await;
            let attempts = whole["timeline"].as_array().unwrap().clone();
            let looks: Vec<Value> =
                attempts.into_iter().filter(|attempt| attempt["role"] == "follow").collect();
            if owed.rows_affected() > 0 || looks.is_empty() {
                return Err(whole.to_string());
            }
            told.push(json!(looks).to_string());
        }
        Ok(told)
    })
    .await;
    assert!(!told[0].contains("rejected"), "{}", told[0]);
    assert!(told[1].contains("YouTube rejected the video: duplicate"), "{}", told[1]);
    for post in &posts {
        assert_eq!(delivery(&scene.show(post).await, &account)["status"], "published");
    }
}
