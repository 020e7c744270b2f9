//! What was written changes for whatever has not left, and for nothing else.

use super::{audit, events, later, patch, path};
use crate::support::scene::{WAYS, delivery};
use crate::support::{Account, Scene, eventually, files};
use serde_json::{Value, json};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(30);

// case: T-edit
#[tokio::test]
async fn a_post_goes_out_as_it_was_written_last_when_and_where_it_says() {
    let scene = Scene::open("edit").await;
    let (one, two) = (scene.connect("one").await, scene.connect("two").await);
    let body = json!({"text": "First", "accounts": [one.id], "scheduledAt": later(3_600)});
    let post = scene.post(body).await;
    let seen = scene.scheduled(&post).await;
    let text = format!("Last, {}", scene.brand);
    let change = json!({"text": text, "accounts": [two.id]});
    let changed = patch(&scene, &post, change).await;
    assert_eq!(delivery(changed.data(), &one)["status"], "cancelled");
    let begun = delivery(changed.data(), &two)["status"].as_str();
    assert!(matches!(begun, Some("validating" | "scheduled")), "{changed:?}");
    let stale = json!({"text": "Stale", "revision": seen["revision"]});
    let refused = patch(&scene, &post, stale).await;
    assert_eq!((refused.status, &refused.body["error"]), (409, &json!("revision_conflict")));
    let told = refused.body["message"].as_str().unwrap();
    assert!(told.contains("revision 2") && told.contains("revision 1"), "{told}");
    let wrong = patch(&scene, &post, json!({"text": "x".repeat(300), "txt": 1})).await;
    assert_eq!(wrong.details(422).len(), 2, "{wrong:?}");

    // Both again, and now.
    scene.scheduled(&post).await;
    let both = json!({"accounts": [one.id, two.id], "scheduledAt": null});
    patch(&scene, &post, both).await.data();
    scene.published(&post).await;
    for account in [&one, &two] {
        assert_eq!(scene.texts(account).await, [text.as_str()]);
    }
    let refused = patch(&scene, &post, json!({"text": "Too late"})).await;
    assert_eq!((refused.status, &refused.body["error"]), (409, &json!("too_late")));
    let told = refused.body["message"].as_str().unwrap();
    assert!(told.contains("is published") && told.contains("remaining"), "{told}");
    let events = events(&scene, &post).await;
    assert_eq!(events.first().unwrap(), "post.scheduled");
    assert_eq!(events.last().unwrap(), "post.published");
    assert_eq!(events.iter().filter(|kind| *kind == "post.edited").count(), 2);
    assert_eq!(audit(&scene, &post).await, ["post.edit", "post.edit"]);
}

// case: T-edit-rest
#[tokio::test]
async fn what_is_out_keeps_its_wording_and_the_rest_takes_the_new_one() {
    let scene = Scene::open("rest").await;
    let (good, bad) = (scene.connect("good").await, scene.connect("bad").await);
    refuse_once(&scene, &bad).await;
    let old = format!("Old, {}", scene.brand);
    let post = scene.post(json!({"text": old, "platforms": ["x"]})).await;
    assert_eq!(scene.settled(&post).await["status"], "partial");
    let text = format!("New, {}", scene.brand);
    let refused = patch(&scene, &post, json!({"text": text})).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    let changed = patch(&scene, &post, json!({"text": text, "scope": "remaining"})).await;
    let spared = &changed.data()["unreached"];
    assert_eq!(spared[0]["id"], delivery(changed.data(), &good)["id"], "{changed:?}");
    assert_eq!(delivery(changed.data(), &bad)["status"], "failed");
    scene.order(&post, "retry").await.data();
    scene.published(&post).await;
    assert_eq!(scene.texts(&good).await, [old]);
    assert_eq!(scene.texts(&bad).await, [text]);
    assert_eq!(
        events(&scene, &post).await,
        ["post.partial", "post.edited", "post.reopened", "post.published"]
    );
}

// case: T-retry-edited
#[tokio::test]
async fn what_failed_is_tried_again_with_other_words_once_however_often_it_is_pressed() {
    let scene = Scene::open("again").await;
    let (good, bad) = (scene.connect("good").await, scene.connect("bad").await);
    refuse_once(&scene, &bad).await;
    let old = format!("Old, {}", scene.brand);
    let post = scene.post(json!({"text": old, "platforms": ["x"]})).await;
    let partial = scene.settled(&post).await;
    assert_eq!(partial["status"], "partial");
    let text = format!("New, {}", scene.brand);
    let change = json!({"revision": partial["revision"], "text": text});
    let order = path(&post, "/retry");
    let pressed = (0..20).map(|_| scene.api.post(&order, &change));
    let answers = futures::future::join_all(pressed).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(done, 1, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 409)), "{answers:?}");
    scene.published(&post).await;
    assert_eq!(scene.texts(&good).await, [old]);
    assert_eq!(scene.texts(&bad).await, [text]);
    assert_eq!(audit(&scene, &post).await, ["post.retry"]);
    let nothing = scene.api.post(&order, &json!({})).await;
    assert_eq!((nothing.status, &nothing.body["error"]), (409, &json!("nothing_failed")));
}

// case: T-edit-staged
#[tokio::test]
async fn what_was_made_ready_is_dropped_with_its_wording_and_kept_when_only_the_time_moves() {
    let scene = Scene::open("staged").await;
    let account = scene.connect("staged").await;
    let id = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
    let text = format!("Staged, {}", scene.brand);
    let body = json!({
        "text": text, "media": [{"id": id}], "accounts": [account.id], "scheduledAt": later(400),
    });
    let post = scene.post(body).await;
    let staged = async |what: &str| {
        eventually(what, WITHIN, async || match checkpoint(&scene, &post).await {
            Some(at) if at["stage"]["stage"] == "create" => Ok(at["media"][0]["id"].clone()),
            other => Err(format!("{other:?}")),
        })
        .await
    };
    let first = staged("its film is up").await;
    patch(&scene, &post, json!({"scheduledAt": later(500)})).await.data();
    assert_eq!(checkpoint(&scene, &post).await.unwrap()["media"][0]["id"], first);
    scene.until(&post, "it is checked anew", |shown| shown["status"] == "scheduled").await;
    // X keeps a film for a day.
    patch(&scene, &post, json!({"scheduledAt": later(90_000)})).await.data();
    assert_eq!(checkpoint(&scene, &post).await, None);
    scene.scheduled(&post).await;
    patch(&scene, &post, json!({"scheduledAt": later(400)})).await.data();
    let second = staged("its film is up again").await;
    assert_ne!(first, second);
    let text = format!("Other, {}", scene.brand);
    patch(&scene, &post, json!({"text": text, "scheduledAt": null})).await.data();
    scene.published(&post).await;
    assert_eq!(scene.texts(&account).await, [text]);
}

// case: T-edit-everywhere
#[tokio::test]
async fn a_change_reaches_every_platform_after_its_media_are_up() {
    let scene = Scene::open("changed").await;
    let mut accounts = Vec::new();
    for way in WAYS.into_iter().filter(|way| way.0 != "youtube") {
        accounts.push(scene.connect_on(way, "changed").await);
    }
    let image = scene.api.upload(files::jpeg(400, 400), "a.jpg").await;
    let body = json!({
        "text": format!("Old, {}", scene.brand), "media": [{"id": image}],
        "platforms": ["x", "linkedin", "instagram", "threads"], "scheduledAt": later(300),
    });
    let post = scene.post(body).await;
    scene
        .until(&post, "all are made ready", |shown| {
            accounts.iter().all(|account| delivery(shown, account)["status"] == "ready")
        })
        .await;
    let text = format!("New, {}", scene.brand);
    patch(&scene, &post, json!({"text": text, "scheduledAt": null})).await.data();
    scene.published(&post).await;
    for account in &accounts {
        assert_eq!(scene.texts(account).await, [text.as_str()], "{:?}", account.way);
    }
}

/// The platform takes the next post of the account for one that breaks a rule.
async fn refuse_once(scene: &Scene<'_>, account: &Account) {
    let refusal = json!({
        "title": "Forbidden", "status": 403, "type": "about:blank",
        "detail": "You can include a maximum of one cashtag in a post.",
    });
    let fault = json!({
        "kind": "serverError", "route": "tweets.create", "status": 403, "body": refusal,
    });
    scene.fault(account, fault).await;
}

/// What is stored of the progress of the post's delivery.
async fn checkpoint(scene: &Scene<'_>, post: &Value) -> Option<Value> {
    let asked = sqlx::query_scalar("SELECT checkpoint FROM deliveries WHERE post_id = $1");
    let mut db = scene.fleet.postgres().await;
    asked.bind(super::uuid(post)).fetch_one(&mut db).await.unwrap()
}
