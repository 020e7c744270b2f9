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

// case: R-repost-cancel
#[tokio::test]
async fn reposts_cancelled_after_a_death_over_one_end_and_what_was_heard_is_taken_back() {
    let mut fleet = Fleet::start(&[], &[]).await;
    let (account, post) = {
        let scene = Scene::on(&fleet, "halted").await;
        let account = scene.connect("halted").await;
        let rule = json!({"every": "PT15M", "times": 9});
        let text = format!("Halted, {}", scene.brand);
        let post = json!({"text": text, "accounts": [account.id], "x": {"autoRepost": rule}});
        let post = scene.post(post).await;
        scene.published(&post).await;
        (account, scene.until(&post, "it is owed", |shown| count(shown, "scheduled") == 1).await)
    };
    let id: DeliveryId = post["deliveries"][0]["id"].as_str().unwrap().parse().unwrap();
    fleet.kill();
    let order = format!("courier.after_send@{}:{CALLS}", id.uuid());
    fleet.restart(&[("POSTFLEET_CRASH_AT", &order)]).await;
    age_operations(&fleet, id, Duration::from_secs(15 * 60)).await;
    eventually("it has died", Duration::from_secs(30), async || {
        fleet.ended().ok_or_else(|| "it lives".to_owned())
    })
    .await;
    // The cancel comes before anybody else can work on it.
    let hold = "UPDATE jobs SET due_at = due_at + interval '1 hour',
            generation = nextval('job_generation') WHERE kind = 'repost' AND subject = $1";
    sqlx::query(hold).bind(id.uuid()).execute(&mut fleet.postgres().await).await.unwrap();
    fleet.restart(&[]).await;
    let scene = Scene::on(&fleet, "halted").await;
    let before = scene.show(&post).await;
    assert_eq!(count(&before, "sending"), 1, "it may have been heard: {before}");
    let path = format!("/v1/deliveries/{id}/reposts/cancel");
    let cancelled = scene.api.post(&path, &json!({})).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    let over = scene.until(&post, "it is settled", |shown| count(shown, "cancelled") == 1).await;
    assert_eq!(over["deliveries"][0]["repostsEnded"]["reason"], "cancelled", "{over}");
    let routes = scene.accepted(&account).await.into_iter().map(|one| one.route);
    assert_eq!(routes.collect::<Vec<_>>(), ["tweets.create", "retweets.create", "retweets.delete"]);
    let nothing = "SELECT count(*) FROM jobs WHERE kind = 'repost' AND subject = $1";
    let nothing = sqlx::query_scalar::<_, i64>(nothing).bind(id.uuid());
    assert_eq!(nothing.fetch_one(&mut fleet.postgres().await).await.unwrap(), 0);
}
