//! A post is drafted, held, changed, put back, put away and told of, until it leaves.

mod changing;
mod parts;
mod racing;
mod staged;
mod telling;

use crate::support::api::send;
use crate::support::{Answer, Scene};
use domain::id::PostId;
use domain::time::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

fn path(post: &Value, what: &str) -> String {
    format!("/v1/posts/{}{what}", post["id"].as_str().unwrap())
}

/// Changes a post as it was last seen.
pub(super) async fn patch(scene: &Scene<'_>, post: &Value, mut change: Value) -> Answer {
    if change.get("revision").is_none() {
        change["revision"] = scene.show(post).await["revision"].clone();
    }
    send(scene.api.request(Method::PATCH, &path(post, "")).json(&change)).await
}

async fn hold(scene: &Scene<'_>, post: &Value, reason: &str) -> Answer {
    scene.api.post(&path(post, "/hold"), &json!({"reason": reason})).await
}

pub(super) fn uuid(post: &Value) -> uuid::Uuid {
    post["id"].as_str().unwrap().parse::<PostId>().unwrap().uuid()
}

/// The events of a post, oldest first.
pub(super) async fn events(scene: &Scene<'_>, post: &Value) -> Vec<String> {
    let asked = sqlx::query_scalar(
        "SELECT kind FROM events WHERE subject = $1 AND kind NOT LIKE '%at_risk' ORDER BY id",
    );
    let mut db = scene.fleet.postgres().await;
    asked.bind(post["id"].as_str().unwrap()).fetch_all(&mut db).await.unwrap()
}

/// What the audit holds about a post, oldest first.
async fn audit(scene: &Scene<'_>, post: &Value) -> Vec<String> {
    let asked = sqlx::query_scalar("SELECT action FROM audit WHERE subject = $1 ORDER BY id");
    let mut db = scene.fleet.postgres().await;
    asked.bind(post["id"].as_str().unwrap()).fetch_all(&mut db).await.unwrap()
}

fn later(s: u64) -> Timestamp {
    base::clock::now() + Duration::from_secs(s)
}

// case: T-draft
#[tokio::test]
async fn a_draft_may_lack_something_and_goes_out_once_it_is_released() {
    let (scene, account) = Scene::with_account("drafted").await;
    let long = "x".repeat(300);
    let draft = scene.post(json!({"draft": true, "text": long, "platforms": ["x"]})).await;
    assert_eq!((&draft["status"], &draft["deliveries"]), (&json!("draft"), &json!([])));
    assert_eq!(draft["warnings"][0]["limit"], 280, "{draft}");
    let bare = scene.post(json!({"draft": true})).await;
    assert_eq!(bare["warnings"][0]["field"], "platforms", "{bare}");
    let malformed = scene.try_post(json!({"draft": true, "txt": "a"})).await;
    assert_eq!(malformed.details(422).last().unwrap()["field"], "txt");

    let refused = scene.order(&draft, "release").await;
    assert_eq!(refused.details(422)[0]["limit"], 280);
    assert_eq!(scene.show(&draft).await["status"], "draft");
    let wording = format!("Short, {}", scene.brand);
    let changed = patch(&scene, &draft, json!({"text": wording})).await;
    assert_eq!(changed.data()["text"], wording.as_str());
    assert!(changed.data()["warnings"].is_null(), "{changed:?}");
    let released = scene.order(&draft, "release").await;
    assert_eq!(released.data()["deliveries"][0]["accountId"], account.id.as_str());
    scene.published(&draft).await;
    assert_eq!(scene.texts(&account).await, [wording]);
    let again = scene.order(&draft, "release").await;
    assert_eq!((again.status, &again.body["error"]), (409, &json!("wrong_stage")));
    assert_eq!(
        events(&scene, &draft).await,
        ["post.drafted", "post.edited", "post.released", "post.published"]
    );
    assert_eq!(audit(&scene, &draft).await, ["post.edit", "post.release"]);
}

// case: T-hold
#[tokio::test]
async fn a_held_post_leaves_when_it_is_released_and_not_before() {
    let (scene, account) = Scene::with_account("held").await;
    let body = json!({"text": "Held", "accounts": [account.id], "hold": "render_pending"});
    let born = scene.post(body).await;
    assert_eq!(
        (&born["status"], &born["hold"]["reason"]),
        (&json!("held"), &json!("render_pending"))
    );
    let body = json!({"text": "Due", "accounts": [account.id], "scheduledAt": later(3_600)});
    let due = scene.post(body).await;
    scene.scheduled(&due).await;
    for reason in ["approval", "billing_hold", "billing_hold"] {
        let held = hold(&scene, &due, reason).await;
        assert_eq!(held.data()["hold"]["reason"], reason);
        assert!(held.data()["hold"]["since"].is_string());
    }
    let retried = scene.order(&due, "retry").await;
    assert_eq!((retried.status, &retried.body["error"]), (409, &json!("wrong_stage")));
    let why = scene.whole(&due).await["why"].to_string();
    assert!(why.contains("held back"), "{why}");
    // Its time passes, of which its owner is told; what is due after it goes out.
    patch(&scene, &due, json!({"scheduledAt": later(1)})).await.data();
    let body = json!({"text": "After", "accounts": [account.id], "scheduledAt": later(2)});
    scene.published(&scene.post(body).await).await;
    assert_eq!(scene.texts(&account).await, ["After"]);
    let told = ["post.scheduled", "post.held", "post.edited", "post.waiting"];
    crate::support::eventually("its owner is told", Duration::from_secs(30), async || {
        let events = events(&scene, &due).await;
        if events == told { Ok(()) } else { Err(format!("{events:?}")) }
    })
    .await;
    for post in [&born, &due] {
        let released = scene.order(post, "release").await;
        assert!(released.data()["hold"].is_null(), "{released:?}");
        scene.published(post).await;
    }
    let mut texts = scene.texts(&account).await;
    texts.sort_unstable();
    assert_eq!(texts, ["After", "Due", "Held"]);
    assert_eq!(events(&scene, &born).await, ["post.held", "post.released", "post.published"]);
    let order = ["post.hold", "post.hold", "post.edit", "post.release"];
    assert_eq!(audit(&scene, &due).await, order);
    let late = hold(&scene, &due, "approval").await;
    assert_eq!((late.status, &late.body["error"]), (409, &json!("too_late")));
}

// case: T-hold-late
#[tokio::test]
async fn what_is_released_after_its_last_moment_does_not_go_out() {
    let (scene, account) = Scene::with_account("over").await;
    let body = json!({
        "text": "Over", "accounts": [account.id], "hold": "approval",
        "notAfter": base::clock::now() + Duration::from_secs(8),
    });
    let post = scene.post(body).await;
    let refused = crate::support::eventually("it is over", Duration::from_secs(40), async || {
        let passed = "SELECT not_after < clock_timestamp() FROM posts WHERE id = $1";
        let asked = sqlx::query_scalar::<_, bool>(passed).bind(uuid(&post));
        match asked.fetch_one(&mut scene.fleet.postgres().await).await.unwrap() {
            true => Ok(scene.order(&post, "release").await),
            false => Err("not yet".to_owned()),
        }
    })
    .await;
    assert_eq!((refused.status, &refused.body["error"]), (409, &json!("over")));
    patch(&scene, &post, json!({"notAfter": null})).await.data();
    scene.order(&post, "release").await.data();
    scene.published(&post).await;
}

// case: T-unschedule
#[tokio::test]
async fn a_post_goes_back_to_a_draft_and_on_again_is_put_away_and_duplicated() {
    let (scene, account) = Scene::with_account("back").await;
    let text = format!("Back, {}", scene.brand);
    let body = json!({"text": text, "platforms": ["x"], "scheduledAt": later(3_600)});
    let post = scene.post(body).await;
    scene.scheduled(&post).await;
    let early = scene.order(&post, "archive").await;
    assert_eq!((early.status, &early.body["error"]), (409, &json!("not_ended")));
    let draft = scene.order(&post, "unschedule").await;
    assert_eq!(
        (&draft.data()["status"], &draft.data()["scheduledAt"]),
        (&json!("draft"), &Value::Null)
    );
    scene.order(&post, "release").await.data();
    scene.published(&post).await;
    assert_eq!(scene.texts(&account).await, [text.as_str()]);
    for _ in 0..2 {
        assert_eq!(scene.order(&post, "archive").await.data()["status"], "archived");
    }
    let late = scene.order(&post, "unschedule").await;
    assert_eq!((late.status, &late.body["error"]), (409, &json!("wrong_stage")));
    assert_eq!(patch(&scene, &post, json!({"text": "a"})).await.status, 409);

    let copies = [
        scene.api.post_once(&path(&post, "/duplicate"), &json!({}), &scene.brand).await,
        scene.api.post_once(&path(&post, "/duplicate"), &json!({}), &scene.brand).await,
    ];
    assert_eq!([copies[0].status, copies[1].status], [201, 200]);
    let copy = copies[0].data().clone();
    assert_eq!(copy["id"], copies[1].data()["id"]);
    assert_eq!((&copy["status"], &copy["text"]), (&json!("draft"), &json!(text)));
    assert_eq!(scene.order(&copy, "cancel").await.data()["status"], "cancelled");
    assert_eq!(
        events(&scene, &post).await,
        ["post.scheduled", "post.unscheduled", "post.released", "post.published", "post.archived"]
    );
    assert_eq!(events(&scene, &copy).await, ["post.drafted", "post.cancelled"]);
}

// case: T-foreign
#[tokio::test]
async fn nobody_changes_the_posts_of_others() {
    let (scene, account) = Scene::with_account("mine").await;
    let body = json!({"text": "Mine", "accounts": [account.id], "scheduledAt": later(3_600)});
    let post = scene.post(body).await;
    let stranger = scene.fleet.another_tenant("spec").await;
    let before = scene.scheduled(&post).await;
    for what in ["hold", "release", "unschedule", "archive", "duplicate", "retry"] {
        let body = json!({"reason": "approval"});
        let body = if what == "hold" { body } else { json!({}) };
        let refused = stranger.post(&path(&post, &format!("/{what}")), &body).await;
        assert_eq!(refused.status, 404, "{what}: {refused:?}");
    }
    let change = json!({"revision": before["revision"], "text": "Yours"});
    let refused = send(stranger.request(Method::PATCH, &path(&post, "")).json(&change)).await;
    assert_eq!(refused.status, 404);
    assert_eq!(scene.show(&post).await, before);
}
