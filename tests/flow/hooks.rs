//! Upstream apps are told of what happens, in order, signed, and until they have taken it.

mod ends;
mod feed;
mod ladder;

use crate::support::{Api, Fleet, Got, Receiver, Scene, eventually};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::id::{TenantId, WebhookId};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(30);

/// A brand of a tenant of its own, so that nobody else's events come along.
async fn alone(name: &str) -> Scene<'static> {
    let fleet = Fleet::shared().await;
    Scene::of(fleet, fleet.another_tenant("spec").await, name).await
}

/// Names an endpoint; what the API shows of it, with its secret.
async fn hook(api: &Api, url: &str, events: &[&str]) -> Value {
    let answer = api.post("/v1/webhooks", &json!({"url": url, "events": events})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.data().clone()
}

async fn patch(api: &Api, hook: &Value, body: &Value) -> crate::support::Answer {
    crate::support::api::send(api.request(Method::PATCH, &path(hook, "")).json(body)).await
}

fn path(hook: &Value, rest: &str) -> String {
    format!("/v1/webhooks/{}{rest}", hook["id"].as_str().unwrap())
}

fn id(hook: &Value) -> WebhookId {
    hook["id"].as_str().unwrap().parse().unwrap()
}

/// The tenant of an endpoint.
async fn tenant(fleet: &Fleet, hook: &Value) -> TenantId {
    let uuid = sqlx::query_scalar("SELECT tenant_id FROM webhooks WHERE id = $1")
        .bind(id(hook).uuid())
        .fetch_one(&mut fleet.postgres().await)
        .await
        .unwrap();
    TenantId::new(uuid)
}

/// The signatures that a message should carry, by these secrets.
fn signatures(got: &Got, secrets: &[&str]) -> String {
    let sign = |secret: &&str| {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let head = format!("{}.{}.", got.id, got.timestamp);
        format!("v1,{}", STANDARD.encode(vault::mac(&key, &[head.as_bytes(), &got.body])))
    };
    secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
}

/// The messages of an endpoint, as its log shows them.
async fn log(api: &Api, hook: &Value) -> Vec<Value> {
    api.get(&path(hook, "/messages")).await.data().as_array().unwrap().clone()
}

/// The kinds that came of each post, in the order of their first coming.
fn by_post(got: &[Got]) -> BTreeMap<String, Vec<(String, String)>> {
    let mut all: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for one in got {
        let subject = &one.json["subject"];
        let post = one.json["data"]["postId"].as_str().or(subject.as_str()).unwrap();
        let line = (one.id.clone(), one.json["type"].as_str().unwrap().to_owned());
        let known = all.entry(post.to_owned()).or_default();
        if !known.contains(&line) {
            known.push(line);
        }
    }
    all
}

// case: W-order
#[tokio::test]
async fn an_endpoint_is_told_of_every_transition_in_order_signed_and_the_feed_has_the_same() {
    const POSTS: usize = 6;
    let scene = alone("told").await;
    let account = scene.connect("told").await;
    let receiver = Receiver::willing().await;
    let all = hook(&scene.api, &receiver.url("/all"), &[]).await;
    let few = hook(&scene.api, &receiver.url("/few"), &["delivery.*", "post.failed"]).await;
    let mut posts = Vec::new();
    for number in 0..POSTS {
        posts.push(scene.say(&account, &format!("Told {number}, {}", scene.brand)).await);
    }
    for post in &posts {
        scene.published(post).await;
    }
    let got = receiver
        .until("both endpoints hear of all", |got| {
            let of = |path| got.iter().filter(|one| one.path == path).count();
            of("/all") >= 2 * POSTS && of("/few") >= POSTS
        })
        .await;
    let (of_all, of_few): (Vec<Got>, Vec<Got>) =
        got.into_iter().partition(|one| one.path == "/all");
    for one in &of_all {
        assert_eq!(one.signature, signatures(one, &[all["secret"].as_str().unwrap()]));
        assert_eq!(one.json["id"], one.id);
    }
    let mut told = BTreeMap::new();
    for (post, lines) in by_post(&of_all) {
        let (ids, kinds): (Vec<String>, Vec<String>) = lines.into_iter().unzip();
        assert_eq!(kinds, ["delivery.published", "post.published"], "{post}");
        assert!(ids.is_sorted(), "{ids:?}");
        told.insert(post, ids);
    }
    let wanted: Vec<&str> = posts.iter().map(|post| post["id"].as_str().unwrap()).collect();
    assert_eq!(told.len(), POSTS);
    assert!(wanted.iter().all(|post| told.contains_key(*post)));
    assert!(of_few.iter().all(|one| one.json["type"] == "delivery.published"));
    assert_ne!(all["secret"], few["secret"]);

    // The feed shows them under the same ids, word for word.
    let feed = scene.api.get("/v1/events?type=delivery.*").await;
    let shown: Vec<Value> = feed.data().as_array().unwrap().clone();
    assert_eq!(shown.len(), POSTS);
    for one in &of_few {
        assert!(shown.contains(&one.json), "{}", one.json);
    }
    let one = scene.api.get(&format!("/v1/events/{}", of_few[0].id)).await;
    assert_eq!(one.data(), &of_few[0].json);

    let log = eventually("the log has their ends", WITHIN, async || {
        let log = log(&scene.api, &all).await;
        let is_over = log.iter().all(|message| message["status"] == "delivered");
        if is_over { Ok(log) } else { Err(format!("{log:?}")) }
    })
    .await;
    assert_eq!(log.len(), 2 * POSTS);
    let answer = &log[0]["answers"][0];
    assert_eq!((&answer["status"], &log[0]["attempts"]), (&json!(204), &json!(1)));
    assert!(answer["latencyMs"].is_u64(), "{answer}");
    // What is shown of an endpoint holds no secret.
    for path in ["/v1/webhooks".to_owned(), path(&all, "")] {
        let shown = scene.api.get(&path).await.body.to_string();
        assert!(!shown.contains("whsec_"), "{shown}");
    }
}
