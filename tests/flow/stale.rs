//! A list that lacks what exists proves nothing.

use crate::support::scene::delivery;
use crate::support::{Fleet, Scene, eventually};
use domain::id::DeliveryId;
use serde_json::{Value, json};
use std::time::Duration;

/// Longer than a look-up and the pause before it take on a busy machine.
const SEEN_WITHIN: Duration = Duration::from_secs(30);
/// Longer than the visibility delay of a fleet under test.
const KNOWN_AFTER: &str = "1600 milliseconds";

fn id(shown: &Value) -> DeliveryId {
    shown["id"].as_str().unwrap().parse().unwrap()
}

// case: U-stale
#[tokio::test]
async fn a_post_waits_while_the_timeline_is_old_and_goes_out_once_after() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "stale").await;
    let account = scene.connect("stale").await;
    let mut db = fleet.postgres().await;
    let known = scene.published(&scene.say(&account, "The known one").await).await;
    eventually("a known post is old enough", SEEN_WITHIN, async || {
        let sql = "SELECT published_at < clock_timestamp() - $2::text::interval
                   FROM deliveries WHERE id = $1";
        let asked = sqlx::query_scalar::<_, bool>(sql)
            .bind(id(delivery(&known, &account)).uuid())
            .bind(KNOWN_AFTER);
        let is_old = asked.fetch_one(&mut db).await.unwrap();
        if is_old { Ok(()) } else { Err("it is young".to_owned()) }
    })
    .await;

    scene.sim.limits("x", &json!({ "timelineDelayMs": 3_600_000 })).await;
    let fault = json!({ "kind": "resetBeforeAccept", "route": "tweets.create" });
    scene.fault(&account, fault).await;
    let post = scene.say(&account, "The lost one").await;
    eventually("the list is found to be old twice", SEEN_WITHIN, async || {
        let metrics = scene.api.metrics().await;
        let counted = metrics.lines().find_map(|line| {
            let stale = "postfleet_reconciled_total{platform=\"x\",verdict=\"stale\"} ";
            line.strip_prefix(stale)?.parse::<u64>().ok()
        });
        if counted >= Some(2) { Ok(()) } else { Err(format!("{counted:?}")) }
    })
    .await;
    assert_eq!(scene.texts(&account).await, ["The known one"]);
    let sql = "SELECT status || ' ' || absences FROM deliveries WHERE id = $1";
    let lost = id(delivery(&post, &account)).uuid();
    let told: String = sqlx::query_scalar(sql).bind(lost).fetch_one(&mut db).await.unwrap();
    assert_eq!(told, "reconciling 0", "an old list is no look-up");

    scene.sim.limits("x", &json!({ "timelineDelayMs": 0 })).await;
    scene.published(&post).await;
    assert_eq!(scene.texts(&account).await, ["The known one", "The lost one"]);
}
