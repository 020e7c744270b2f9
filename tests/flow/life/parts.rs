//! What is out, or a part of it, is under way between two calls too: no order reaches it.

use super::{audit, hold, patch};
use crate::support::scene::{deliveries, delivery};
use crate::support::{Account, Answer, Scene, eventually};
use domain::id::DeliveryId;
use serde_json::{Value, json};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(20);

/// A thread of two parts on some accounts, each of which is limited for seconds behind so many of
/// them; every one of them waits.
async fn limited(scene: &Scene<'_>, on: &[(&Account, u64)]) -> Value {
    for (account, out) in on {
        let limit = json!({
            "kind": "limit", "route": "tweets.create", "after": out, "resetInS": 12,
        });
        scene.fault(account, limit).await;
    }
    let ids: Vec<&str> = on.iter().map(|(account, _)| account.id.as_str()).collect();
    let [first, second] = words(scene);
    let post = scene.post(json!({"text": first, "accounts": ids, "x": {"thread": [second]}})).await;
    let waits = |shown: &Value| deliveries(shown).all(|one| one["status"] == "parked");
    scene.until(&post, "it waits for the limit", waits).await
}

fn words(scene: &Scene<'_>) -> [String; 2] {
    [1, 2].map(|part| format!("{part} of 2, {}", scene.brand))
}

/// It is too late, and the answer names the delivery and where it stands.
fn is_refused(answer: &Answer, delivery: &Value) {
    assert_eq!((answer.status, &answer.body["error"]), (409, &json!("too_late")), "{answer:?}");
    let told = answer.body["message"].as_str().unwrap();
    let id = delivery["id"].as_str().unwrap();
    assert!(told.contains(&format!("delivery {id} is ready, and a part of it is out")), "{told}");
}

// case: T-part-out
#[tokio::test]
async fn a_thread_whose_first_part_is_out_goes_on_whatever_is_ordered() {
    let scene = Scene::open("part").await;
    let account = scene.connect("part").await;
    let post = limited(&scene, &[(&account, 1)]).await;
    let one = delivery(&post, &account);
    for order in ["cancel", "unschedule"] {
        is_refused(&scene.order(&post, order).await, one);
    }
    is_refused(&hold(&scene, &post, "approval").await, one);
    is_refused(&patch(&scene, &post, json!({"text": "Other words"})).await, one);
    is_refused(&patch(&scene, &post, json!({"scheduledAt": super::later(3_600)})).await, one);
    scene.published(&post).await;
    assert_eq!(scene.texts(&account).await, words(&scene));
    assert!(audit(&scene, &post).await.is_empty());
}

// case: T-part-held
#[tokio::test]
async fn a_hold_stops_what_has_not_begun_and_names_what_goes_on() {
    let scene = Scene::open("begun").await;
    let (begun, waiting) = (scene.connect("begun").await, scene.connect("waiting").await);
    let post = limited(&scene, &[(&begun, 1), (&waiting, 0)]).await;
    let held = hold(&scene, &post, "approval").await;
    let unreached = json!([{"id": delivery(&post, &begun)["id"], "status": "ready"}]);
    assert_eq!(held.data()["unreached"], unreached, "{held:?}");
    let is_out = |shown: &Value| delivery(shown, &begun)["status"] == "published";
    let shown = scene.until(&post, "what had begun is out", is_out).await;
    assert_eq!(shown["status"], "held");
    assert_eq!(scene.texts(&begun).await, words(&scene));
    // Its limit is over too.
    let later = format!("Later, {}", scene.brand);
    scene.published(&scene.say(&waiting, &later).await).await;
    assert_eq!(scene.texts(&waiting).await, [later.as_str()]);
    scene.order(&post, "release").await.data();
    scene.published(&post).await;
    assert_eq!(scene.texts(&begun).await, words(&scene));
    let [first, second] = words(&scene);
    assert_eq!(scene.texts(&waiting).await, [later, first, second]);
}

// case: T-part-link
#[tokio::test]
async fn a_post_that_is_out_is_not_taken_back_while_its_link_is_asked_for() {
    let scene = Scene::open("linked").await;
    let account = scene.connect_on(("threads", None), "linked").await;
    let slow = json!({"kind": "delay", "route": "threads.get", "ms": 1_500, "count": 1});
    scene.fault(&account, slow).await;
    let text = format!("Linked, {}", scene.brand);
    let post = scene.say(&account, &text).await;
    let id: DeliveryId = post["deliveries"][0]["id"].as_str().unwrap().parse().unwrap();
    let mut db = scene.fleet.postgres().await;
    eventually("its link is asked for", WITHIN, async || {
        let asked = "SELECT status IN ('ready', 'published') AND EXISTS (SELECT FROM attempts t
             WHERE t.delivery_id = d.id AND t.http_status = 200) FROM deliveries d WHERE d.id = $1";
        let asked = sqlx::query_scalar::<_, bool>(asked).bind(id.uuid());
        let is_out = asked.fetch_one(&mut db).await.unwrap();
        if is_out { Ok(()) } else { Err("it is not out".to_owned()) }
    })
    .await;
    let refused = scene.order(&post, "cancel").await;
    assert_eq!((refused.status, &refused.body["error"]), (409, &json!("too_late")), "{refused:?}");
    let told = refused.body["message"].as_str().unwrap();
    // A busy machine may have asked for the link by now.
    let words = ["is ready, and a part of it is out", "is published"];
    assert!(words.iter().any(|words| told.contains(words)), "{told}");
    let shown = scene.published(&post).await;
    assert!(shown["deliveries"][0]["permalink"].as_str().unwrap().contains("threads"), "{shown}");
    assert_eq!(scene.texts(&account).await, [text]);
}
