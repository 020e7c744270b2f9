//! A day's calls are counted, whatever Redis forgets.

use crate::support::{Fleet, Scene, eventually};
use std::time::Duration;

/// Threads takes 250 posts of an account in 24 hours.
const PER_DAY: i64 = 250;
/// What is left of the day when Redis forgets it.
const LEFT: i64 = 3;

// case: L-ledger
#[tokio::test]
async fn a_wiped_redis_does_not_grant_a_second_day() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "counted").await;
    let account = scene.connect_on(("threads", None), "counted").await;
    let first = scene.say(&account, &format!("The first, {}", scene.brand)).await;
    scene.published(&first).await;
    let mut db = fleet.postgres().await;
    // As if it had called all day: the ledger has a row for each call.
    sqlx::query(
        "INSERT INTO attempts (delivery_id, checkpoint_no, endpoint, epoch, lease, request_sha256,
             intended_at, deadline_at, outcome, http_status, ended_at)
         SELECT delivery_id, checkpoint_no, endpoint, epoch, lease, request_sha256, intended_at,
             deadline_at, outcome, http_status, ended_at
         FROM attempts, generate_series(2, $1)",
    )
    .bind(PER_DAY - LEFT)
    .execute(&mut db)
    .await
    .unwrap();
    let mut redis = fleet.redis().await;
    redis::cmd("FLUSHALL").exec_async(&mut redis).await.unwrap();

    // One after the other, so that what is left is not spread over the day.
    for number in 0..LEFT {
        let post = scene.say(&account, &format!("{number}, {}", scene.brand)).await;
        scene.published(&post).await;
    }
    for number in LEFT..LEFT * 2 {
        scene.say(&account, &format!("{number}, {}", scene.brand)).await;
    }
    eventually("the others wait for tomorrow", Duration::from_secs(30), async || {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM jobs j JOIN deliveries d ON d.id = j.subject
             WHERE j.kind = 'publish' AND d.platform = 'threads'
                 AND j.due_at > clock_timestamp() + interval '23 hours'",
        )
        .fetch_one(&mut db)
        .await
        .unwrap();
        if waiting == LEFT { Ok(()) } else { Err(format!("{waiting} wait")) }
    })
    .await;
    assert_eq!(scene.accepted(&account).await.len(), 4);
    let calls: i64 =
        sqlx::query_scalar("SELECT count(*) FROM attempts").fetch_one(&mut db).await.unwrap();
    assert_eq!(calls, PER_DAY);
}
