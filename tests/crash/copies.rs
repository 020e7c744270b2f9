//! A process that dies over a copy.

use crate::support::ageing::age_copies;
use crate::support::{Fleet, Scene, eventually};
use base::crash::COPY_POINTS;
use domain::id::PostId;
use serde_json::{Value, json};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

// case: R-copies
#[tokio::test]
async fn a_process_that_dies_over_a_copy_leaves_one_copy_and_the_next_one_owed() {
    let mut fleet = Fleet::start(&[], &[]).await;
    let widen = sqlx::query("UPDATE tenants SET profile = 'extended'");
    widen.execute(&mut fleet.postgres().await).await.unwrap();
    let (account, post) = {
        let scene = Scene::on(&fleet, "copied").await;
        let account = scene.connect_on(("threads", None), "copied").await;
        let post = json!({
            "text": format!("Copied, {}", scene.brand), "accounts": [account.id],
            "republish": {"every": "P1D", "times": 9},
        });
        let post = scene.post(post).await;
        scene.published(&post).await;
        let is_owed = |shown: &Value| shown["republish"]["nextAt"].is_string();
        (account, scene.until(&post, "it is owed", is_owed).await)
    };
    let id: PostId = post["id"].as_str().unwrap().parse().unwrap();
    for (number, point) in COPY_POINTS.into_iter().enumerate() {
        fleet.kill();
        let order = format!("{point}@{}", id.uuid());
        fleet.restart(&[("POSTFLEET_CRASH_AT", &order)]).await;
        age_copies(&fleet, &post, DAY).await;
        eventually("it has died", Duration::from_secs(30), async || {
            fleet.ended().ok_or_else(|| "it lives".to_owned())
        })
        .await;
        fleet.restart(&[]).await;
        let scene = Scene::on(&fleet, "copied").await;
        let out = |shown: &Value| {
            let copies = shown["republish"]["copies"].as_array().unwrap();
            let is_out = copies.iter().filter(|one| one["status"] == "published").count();
            assert!(copies.len() <= number + 1, "{point}: {shown}");
            is_out == number + 1 && shown["republish"]["nextAt"].is_string()
        };
        scene.until(&post, "it is out, and the next one owed", out).await;
        assert_eq!(scene.texts(&account).await.len(), number + 2, "{point}");
    }
}
