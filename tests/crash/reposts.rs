//! A process that dies over a repost.

use crate::support::ageing::age_operations;
use crate::support::{Fleet, Scene, eventually};
use domain::id::DeliveryId;
use serde_json::{Value, json};
use std::time::Duration;

/// The calls of a repost: a look, the undo, the repost.
const CALLS: usize = 3;

// case: R-repost
#[tokio::test]
async fn a_process_that_dies_over_a_repost_leaves_one_repost() {
    let mut fleet = Fleet::start(&[], &[]).await;
    let (account, post) = {
        let scene = Scene::on(&fleet, "over").await;
        let account = scene.connect("over").await;
        let rule = json!({"every": "PT15M", "times": 9});
        let text = format!("Over, {}", scene.brand);
        let post = json!({"text": text, "accounts": [account.id], "x": {"autoRepost": rule}});
        let post = scene.post(post).await;
        scene.published(&post).await;
        (account, scene.until(&post, "it is owed", |shown| count(shown, "scheduled") == 1).await)
    };
    let id: DeliveryId = post["deliveries"][0]["id"].as_str().unwrap().parse().unwrap();
    for (number, point) in ["courier.after_send", "publish.after_read"].into_iter().enumerate() {
        let passage = if point == "courier.after_send" { CALLS } else { 1 };
        fleet.kill();
        let order = format!("{point}@{}:{passage}", id.uuid());
        fleet.restart(&[("POSTFLEET_CRASH_AT", &order)]).await;
        age_operations(&fleet, id, Duration::from_secs(15 * 60)).await;
        eventually("it has died", Duration::from_secs(30), async || {
            fleet.ended().ok_or_else(|| "it lives".to_owned())
        })
        .await;
        fleet.restart(&[]).await;
        let scene = Scene::on(&fleet, "over").await;
        scene.until(&post, "it is out", |shown| count(shown, "published") == number + 1).await;
        let accepted = scene.accepted(&account).await;
        let made = accepted.iter().filter(|one| one.route == "retweets.create").count();
        assert_eq!(made, number + 1, "{point}: {accepted:?}");
    }
}

fn count(post: &Value, status: &str) -> usize {
    let reposts = post["deliveries"][0]["reposts"].as_array();
    reposts.into_iter().flatten().filter(|one| one["status"] == status).count()
}
