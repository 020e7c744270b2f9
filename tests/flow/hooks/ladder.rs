//! An endpoint that does not take a message is asked again by the ladder, and holds up nobody.

use super::{WITHIN, alone, hook, id, log, path};
use crate::support::{Fleet, Receiver, eventually};
use domain::webhook::LADDER;
use serde_json::json;
use std::time::Duration;

/// The wake-up of the one message of an endpoint that waits.
async fn due(fleet: &Fleet, hook: &serde_json::Value) -> Option<(i32, f64)> {
    // From the last answer to the next attempt.
    sqlx::query_as(
        "SELECT m.attempts, extract(epoch FROM j.due_at - j.armed_at)::float8
         FROM webhook_messages m JOIN jobs j ON j.kind = 'webhook' AND j.subject = m.id
         WHERE m.webhook_id = $1 AND m.status = 'waiting'",
    )
    .bind(id(hook).uuid())
    .fetch_optional(&mut fleet.postgres().await)
    .await
    .unwrap()
}

async fn hurry(fleet: &Fleet, hook: &serde_json::Value) {
    sqlx::query(
        "UPDATE jobs j SET due_at = clock_timestamp(), armed_at = clock_timestamp(),
             generation = nextval('job_generation')
         FROM webhook_messages m
         WHERE m.webhook_id = $1 AND j.kind = 'webhook' AND j.subject = m.id",
    )
    .bind(id(hook).uuid())
    .execute(&mut fleet.postgres().await)
    .await
    .unwrap();
}

// case: W-ladder
#[tokio::test]
async fn a_message_that_nobody_takes_is_sent_ten_times_by_the_ladder_and_then_shown_as_failed() {
    let scene = alone("ladder").await;
    let receiver = Receiver::start(|_, _| (500, None)).await;
    let hook = hook(&scene.api, &receiver.url("/"), &["post.*"]).await;
    scene.api.post(&path(&hook, "/test"), &json!({})).await.data();
    for (step, delay) in LADDER.iter().enumerate() {
        let attempt = i32::try_from(step).unwrap() + 1;
        let waits_s = eventually("it is tried, and owed again", WITHIN, async || {
            match due(scene.fleet, &hook).await {
                Some((attempts, waits_s)) if attempts == attempt => Ok(waits_s),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        let off = waits_s / delay.as_secs_f64() - 1.0;
        assert!(off.abs() <= 0.1 + 1e-3, "attempt {attempt}: {waits_s} s");
        hurry(scene.fleet, &hook).await;
    }
    let message = eventually("it is given up", WITHIN, async || {
        let log = log(&scene.api, &hook).await;
        if log[0]["status"] == "failed" { Ok(log[0].clone()) } else { Err(log[0].to_string()) }
    })
    .await;
    assert_eq!(message["attempts"], 10);
    assert_eq!(message["answers"].as_array().unwrap().len(), 10, "{message}");
    assert_eq!(message["answers"][9]["excerpt"], "thank you");
    let got = receiver.got();
    assert_eq!(got.len(), 10);
    assert!(got.iter().all(|one| one.id == got[0].id && one.body == got[0].body));
    let shown = scene.api.get(&path(&hook, "")).await.data().clone();
    assert!(shown["failingSince"].is_string() && shown["enabled"] == true, "{shown}");
}

// case: W-holdback
#[tokio::test]
async fn a_message_that_is_refused_holds_up_its_post_alone_and_comes_again_in_time() {
    let scene = alone("holds").await;
    let account = scene.connect("holds").await;
    // The first message of the first post is refused once, and asks for eight seconds.
    let receiver = Receiver::start(|one, before| {
        let of_first = before.first().is_none_or(|first| first.id == one.id);
        let is_second = before.iter().any(|known| known.id == one.id);
        if of_first && !is_second { (503, Some(8)) } else { (200, None) }
    })
    .await;
    hook(&scene.api, &receiver.url("/"), &["post.*", "delivery.*"]).await;
    let first = scene.say(&account, &format!("First, {}", scene.brand)).await;
    scene.published(&first).await;
    receiver.until("it is refused", |got| got.len() == 1).await;
    let second = scene.say(&account, &format!("Second, {}", scene.brand)).await;
    let got = receiver.until("all have come", |got| got.len() == 5).await;
    let line = |one: &crate::support::Got| {
        let post = one.json["data"]["postId"].as_str().or(one.json["subject"].as_str()).unwrap();
        let is_first = post == first["id"].as_str().unwrap();
        (is_first, one.json["type"].as_str().unwrap().to_owned(), one.status)
    };
    let lines: Vec<_> = got.iter().map(line).collect();
    let expected = [
        (true, "delivery.published", 503),
        (false, "delivery.published", 200),
        (false, "post.published", 200),
        (true, "delivery.published", 200),
        (true, "post.published", 200),
    ];
    let expected = expected.map(|(first, kind, status)| (first, kind.to_owned(), status));
    assert_eq!(lines, expected, "{}", second["id"]);
    let waited = got[3].at - got[0].at;
    assert!(waited >= Duration::from_secs(8), "never earlier than asked for: {waited:?}");
    assert!(waited <= Duration::from_secs(11), "{waited:?}");
}
