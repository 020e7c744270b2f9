//! What is due far ahead waits in Postgres alone, and times at the edges are what they say.

use crate::support::fleet::SWIFT;
use crate::support::scene::deliveries;
use crate::support::{Fleet, Scene, eventually, say};
use base::clock;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use std::time::Duration;

const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// Posts that are due next week.
const FAR: usize = 300;
/// Calls of the API at once.
const AT_ONCE: usize = 16;
const WITHIN: Duration = Duration::from_secs(60);
/// Walks of relay and sweep that are looked at.
const WALKS: i64 = 6;

/// The keys of Redis, with how much each of them holds.
async fn keys(fleet: &Fleet) -> BTreeMap<String, u64> {
    let mut redis = fleet.redis().await;
    let names: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    let mut keys = BTreeMap::new();
    for name in names {
        let kind: String = redis::cmd("TYPE").arg(&name).query_async(&mut redis).await.unwrap();
        let count = match kind.as_str() {
            "zset" => "ZCARD",
            "hash" => "HLEN",
            "set" => "SCARD",
            "list" => "LLEN",
            // What counts alone, as a cursor and an epoch.
            _ => {
                keys.insert(name, 1);
                continue;
            }
        };
        let held = redis::cmd(count).arg(&name).query_async(&mut redis).await.unwrap();
        keys.insert(name, held);
    }
    keys
}

async fn scheduled(fleet: &Fleet) -> i64 {
    let counted = "SELECT count(*) FROM deliveries WHERE status = 'scheduled'";
    sqlx::query_scalar(counted).fetch_one(&mut fleet.postgres().await).await.unwrap()
}

/// Walks along the index of due times so far, and the entries that they have read.
async fn walks(db: &mut PgConnection) -> (i64, i64) {
    let counted = "SELECT idx_scan, idx_tup_read FROM pg_stat_user_indexes
         WHERE indexrelname = 'jobs_by_due'";
    sqlx::query_as(counted).fetch_one(db).await.unwrap()
}

// case: S-far
#[tokio::test]
async fn hundreds_of_posts_of_next_week_cost_redis_nothing_and_no_walk_reads_them() {
    let fleet = Fleet::start(&[], &SWIFT).await;
    let scene = Scene::on(&fleet, "far").await;
    let account = scene.connect("far").await;
    let due = clock::now() + WEEK;
    let post = async |number: usize| {
        let text = format!("Far {number}, {}", scene.brand);
        let body = json!({"text": text, "accounts": [account.id], "scheduledAt": due});
        scene.post(body).await;
    };
    // The first ones leave behind what is there once: the keys of the queues that they went through.
    for number in 0..20 {
        post(number).await;
    }
    let all = async |count: i64| {
        eventually("all are scheduled", WITHIN, async || {
            let seen = scheduled(&fleet).await;
            if seen == count { Ok(()) } else { Err(seen.to_string()) }
        })
        .await;
    };
    all(20).await;
    // Long enough that a busy machine has not paused with the last of them in hand.
    let (mut before, mut same) = (BTreeMap::new(), 0);
    eventually("the first ones are acknowledged", WITHIN, async || {
        let seen = keys(&fleet).await;
        same = if seen == before { same + 1 } else { 0 };
        before = seen;
        if same >= 50 { Ok(()) } else { Err(format!("{before:?}")) }
    })
    .await;

    stream::iter(20..FAR).for_each_concurrent(AT_ONCE, post).await;
    all(i64::try_from(FAR).unwrap()).await;
    eventually("Redis holds what it held before", WITHIN, async || {
        let seen = keys(&fleet).await;
        if seen == before { Ok(()) } else { Err(format!("{seen:?}\nbefore {before:?}")) }
    })
    .await;

    // Nothing is due within the horizon, so a walk ends where it begins.
    let mut db = fleet.postgres().await;
    let (from, read) = walks(&mut db).await;
    let (walked, read) = eventually("the relay and the sweep walk", WITHIN, async || {
        let (upto, now_read) = walks(&mut db).await;
        let walked = upto - from;
        if walked >= WALKS { Ok((walked, now_read - read)) } else { Err(walked.to_string()) }
    })
    .await;
    let keys = before.len();
    say(format_args!("{FAR} posts next week: {keys} keys as before, {walked} walks read {read}"));
    assert!(read < walked * 100, "{walked} walks read {read} entries of what is due next week");
}

// case: S-edges
#[tokio::test]
async fn times_at_the_edges_are_kept_to_the_millisecond_or_refused() {
    let (scene, account) = Scene::with_account("edges").await;
    let body = |at: &Value| {
        let text = format!("At {at}, {}", scene.brand);
        json!({"text": text, "accounts": [account.id], "scheduledAt": at})
    };
    // Far, and written in other ways: shown back as the same instant, and nothing leaves.
    for (written, shown) in [
        ("2028-02-29T23:59:59.999+14:00", "2028-02-29T09:59:59.999Z"),
        ("9999-12-30T22:00:00Z", "9999-12-30T22:00:00.000Z"),
        ("2100-01-01t00:00:60z", "2100-01-01T00:01:00.000Z"),
    ] {
        let post = scene.post(body(&json!(written))).await;
        assert_eq!(post["scheduledAt"], shown);
        let post = scene.scheduled(&post).await;
        assert_eq!(deliveries(&post).next().unwrap()["dueAt"], shown, "{post}");
    }
    let now = clock::now();
    let ago = |s: u64| json!(now - Duration::from_secs(s));
    for no_time in [
        json!("9999-12-31T23:59:59Z"),
        json!("2027-02-29T09:00:00Z"),
        json!("2028-02-29T24:00:00Z"),
        ago(61),
    ] {
        let refused = scene.try_post(body(&no_time)).await;
        let [one] = refused.details(422) else { panic!("one violation: {refused:?}") };
        assert_eq!((&one["field"], &one["actual"]), (&json!("scheduledAt"), &no_time));
        assert!(!one["resolution"].as_str().unwrap().is_empty(), "{one}");
    }
    assert_eq!(scene.try_post(body(&json!(4_102_444_800_u64))).await.status, 400);

    // A little past is now; a part of a millisecond is waited for.
    let past = scene.post(body(&json!(clock::now() - Duration::from_secs(30)))).await;
    assert_eq!(past["scheduledAt"], Value::Null);
    let soon = (clock::now() + Duration::from_secs(8)).to_string().replace('Z', "1Z");
    let post = scene.post(body(&json!(soon))).await;
    let due: domain::time::Timestamp = serde_json::from_value(post["scheduledAt"].clone()).unwrap();
    for post in [&past, &post] {
        scene.published(post).await;
    }
    let accepted = scene.accepted(&account).await;
    assert_eq!(accepted.len(), 2, "each is out once, and what is far is not");
    assert!(accepted[1].at >= due, "{} is before {due}", accepted[1].at);
}
