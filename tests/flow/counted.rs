//! A day's calls are counted, whatever Redis forgets.

use crate::support::{Fleet, Scene, eventually, files};
use base::clock;
use domain::zone::Zone;
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::time::Duration;

/// Threads takes 250 posts of an account in 24 hours.
const PER_DAY: i64 = 250;
/// YouTube takes 100 videos of a project in a day of California.
const VIDEOS_PER_DAY: i64 = 100;
/// What is left of the day when Redis forgets it.
const LEFT: i64 = 3;

/// As if it had called all day: the ledger has a row for each call.
async fn call_all_day(db: &mut PgConnection, per_day: i64) {
    sqlx::query(
        "INSERT INTO attempts (delivery_id, checkpoint_no, endpoint, epoch, lease, request_sha256,
             intended_at, deadline_at, outcome, http_status, ended_at)
         SELECT delivery_id, checkpoint_no, endpoint, epoch, lease, request_sha256, intended_at,
             deadline_at, outcome, http_status, ended_at
         FROM attempts, generate_series(2, $1)",
    )
    .bind(per_day - LEFT)
    .execute(db)
    .await
    .unwrap();
}

// case: L-ledger
#[tokio::test]
async fn a_wiped_redis_does_not_grant_a_second_day() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "counted").await;
    let account = scene.connect_on(("threads", None), "counted").await;
    let first = scene.say(&account, &format!("The first, {}", scene.brand)).await;
    scene.published(&first).await;
    let mut db = fleet.postgres().await;
    call_all_day(&mut db, PER_DAY).await;
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

// case: L-ledger
#[tokio::test]
async fn a_wiped_redis_does_not_grant_a_second_day_of_videos() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "videos").await;
    let account = scene.connect_on(("youtube", None), "videos").await;
    let film = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
    let video = async |title: &str| {
        let own = json!({"title": title, "text": title, "media": [{"id": film}]});
        scene.post(json!({"accounts": [account.id], "youtube": own})).await
    };
    scene.published(&video("The first").await).await;
    let mut db = fleet.postgres().await;
    call_all_day(&mut db, VIDEOS_PER_DAY).await;
    let midnight = Zone::Pacific.next_midnight(clock::now());
    let mut redis = fleet.redis().await;
    redis::cmd("FLUSHALL").exec_async(&mut redis).await.unwrap();

    for number in 0..LEFT {
        scene.published(&video(&format!("Number {number}")).await).await;
    }
    video("Too many").await;
    eventually(
        "the last one waits for the project's next day",
        Duration::from_secs(30),
        async || {
            let due: Vec<i64> = sqlx::query_scalar(
            "SELECT (extract(epoch FROM due_at) * 1000)::bigint FROM jobs WHERE kind = 'publish'",
        )
        .fetch_all(&mut db)
        .await
        .unwrap();
            match due.as_slice() {
                [due] if (midnight.ms()..midnight.ms() + 60_000).contains(due) => Ok(()),
                other => Err(format!("{other:?}, midnight is {}", midnight.ms())),
            }
        },
    )
    .await;
    let log = scene.sim.log_of("youtube");
    let requests = log.iter().filter_map(|line| line.get("request"));
    let is_open =
        |one: &&Value| one["method"] == "POST" && one["path"] == "/upload/youtube/v3/videos";
    assert_eq!(requests.filter(is_open).count(), 4, "and nothing was asked of the platform");
}
