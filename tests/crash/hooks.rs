//! A process that dies between a commit and its webhooks, or between a webhook and its commit.

use crate::support::{Fleet, Receiver, Scene, eventually, say};
use base::clock;
use domain::id::WebhookId;
use domain::webhook::EventId;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

const POSTS: usize = 12;
/// Each passage ends a process; where there are two of a point, by two processes.
const ORDERS: [&str; 6] = [
    "publish.after_settle:3",
    "webhook.after_send:2",
    "webhook.after_send:9",
    "webhook.after_commit:4",
    "webhook.after_commit:11",
    "publish.after_settle:8",
];
const TURN_WITHIN: Duration = Duration::from_secs(60);

/// What is not over: deliveries, and messages that wait.
async fn open(fleet: &Fleet, hook: WebhookId) -> (i64, i64) {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM deliveries WHERE status <> 'published'),
             (SELECT count(*) FROM webhook_messages WHERE webhook_id = $1 AND status = 'waiting')",
    )
    .bind(hook.uuid())
    .fetch_one(&mut fleet.postgres().await)
    .await
    .unwrap()
}

// case: W-kill
#[tokio::test]
async fn whoever_dies_around_a_message_leaves_it_owed_and_no_post_is_told_of_out_of_order() {
    let mut fleet = Fleet::start(&[], &[]).await;
    let receiver = Receiver::willing().await;
    let hook = {
        let scene = Scene::on(&fleet, "hooks").await;
        let account = scene.connect("hooks").await;
        let body = json!({"url": receiver.url("/"), "events": ["post.*", "delivery.*"]});
        let hook = scene.api.post("/v1/webhooks", &body).await.data()["id"].clone();
        let due = clock::now() + Duration::from_secs(12);
        for number in 0..POSTS {
            let text = format!("{number}, {}", scene.brand);
            let post = json!({"text": text, "accounts": [account.id], "scheduledAt": due});
            scene.post(post).await;
        }
        hook.as_str().unwrap().parse::<WebhookId>().unwrap()
    };
    receiver.until("all are planned", |got| got.len() == POSTS).await;
    fleet.kill();
    let folder = fleet.root().join("passages");
    std::fs::create_dir(&folder).unwrap();
    let orders = ORDERS.join(",");
    let armed = [
        ("POSTFLEET_CRASH_AT", orders.as_str()),
        ("POSTFLEET_CRASH_DIR", folder.to_str().unwrap()),
    ];
    let mut deaths = 0;
    loop {
        let has_died = fleet.try_restart(&armed).await.is_err()
            || eventually("it dies, or all is told", TURN_WITHIN, async || {
                if fleet.ended().is_some() {
                    return Ok(true);
                }
                let open = open(&fleet, hook).await;
                if open == (0, 0) { Ok(false) } else { Err(format!("{open:?}")) }
            })
            .await;
        if !has_died {
            break;
        }
        deaths += 1;
        assert!(deaths <= ORDERS.len(), "nobody ordered that many deaths");
    }
    // Two passages may be met by one process at once.
    assert!(deaths >= 4, "{deaths} deaths");
    let got = receiver.got();
    let events: Vec<(i64, String, String)> = sqlx::query_as(
        "SELECT id, kind, coalesce(data->>'postId', subject) FROM events
         WHERE kind LIKE 'post.%' OR kind LIKE 'delivery.%' ORDER BY id",
    )
    .fetch_all(&mut fleet.postgres().await)
    .await
    .unwrap();
    assert!(events.len() >= 3 * POSTS, "{events:?}");
    let mut expected: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (id, _, post) in &events {
        expected.entry(post).or_default().push(EventId(*id).to_string());
    }
    let mut first: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for one in &got {
        let (data, subject) = (&one.json["data"]["postId"], &one.json["subject"]);
        let known = first.entry(data.as_str().or(subject.as_str()).unwrap()).or_default();
        if !known.contains(&one.id) {
            known.push(one.id.clone());
        }
    }
    assert_eq!(first, expected, "each of them, and in order");
    let twice = got.len() - events.len();
    say(format_args!("webhooks: {deaths} deaths, {} messages, {twice} once more", got.len()));
}
