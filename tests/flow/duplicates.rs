//! The same content on the same account again: told, refused or taken, as the brand has it.

use crate::support::Scene;
use futures::future::join_all;
use serde_json::{Value, json};

const FAR: &str = "2099-01-01T00:00:00Z";

async fn guard(scene: &Scene<'_>, body: Value) {
    let path = format!("/v1/brands/{}/duplicates", scene.brand);
    assert_eq!(
        scene.api.put(&path, &body).await.data()["duplicateContent"],
        body["duplicateContent"]
    );
}

// case: G-warn
#[tokio::test]
async fn the_same_again_is_accepted_with_a_word_that_names_the_other() {
    let (scene, account) = Scene::with_account("twice").await;
    let body =
        |text: &str, at: &str| json!({"text": text, "accounts": [account.id], "scheduledAt": at});
    let first = scene.post(body("We are live", FAR)).await;
    assert_eq!(first["warnings"], Value::Null);
    let second = scene.post(body(" we ARE  live", "2099-01-01T20:00:00Z")).await;
    let warning = &second["warnings"][0];
    assert_eq!((&warning["actual"], &warning["field"]), (&first["id"], &json!("text")), "{second}");
    // A day apart, other words, or a word of its own: nothing is to be said.
    for other in [
        body("We are live", "2099-01-03T00:00:00Z"),
        body("We are alive", FAR),
        json!({"text": "We are live", "accounts": [account.id], "scheduledAt": FAR,
            "duplicateContent": "allow"}),
    ] {
        assert_eq!(scene.post(other).await["warnings"], Value::Null);
    }
}

// case: G-refuse
#[tokio::test]
async fn of_many_at_once_one_is_accepted_and_the_others_name_it() {
    let (scene, account) = Scene::with_account("once").await;
    let elsewhere = scene.connect("elsewhere").await;
    guard(&scene, json!({"duplicateContent": "refuse", "duplicateWithinHours": 48})).await;
    let body = json!({"text": "Only once", "accounts": [account.id], "scheduledAt": FAR});
    let answers = join_all((0..24).map(|_| scene.try_post(body.clone()))).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|one| one.status == 201);
    assert_eq!(made.len(), 1, "{answers:?}");
    for answer in &refused {
        assert_eq!(answer.body["error"], "duplicate_content", "{answer:?}");
        assert_eq!(answer.details(409)[0]["actual"], made[0].data()["id"]);
    }
    // On purpose, on another account, or when the first is taken back, it goes.
    let mut meant = body.clone();
    meant["duplicateContent"] = json!("allow");
    let meant = scene.post(meant).await;
    scene.post(json!({"text": "Only once", "accounts": [elsewhere.id], "scheduledAt": FAR})).await;
    for post in [made[0].data(), &meant] {
        assert_eq!(scene.order(post, "cancel").await.status, 200);
    }
    let again = scene.post(body.clone()).await;

    // A draft is not compared until it is released.
    let mut draft = body.clone();
    draft["draft"] = json!(true);
    let draft = scene.post(draft).await;
    let release = scene.order(&draft, "release").await;
    assert_eq!((release.status, &release.body["error"]), (409, &json!("duplicate_content")));
    assert_eq!(scene.order(&again, "cancel").await.status, 200);
    assert_eq!(scene.order(&draft, "release").await.status, 200);
}

// case: G-edit
#[tokio::test]
async fn what_is_written_anew_is_compared_by_its_new_words() {
    let (scene, account) = Scene::with_account("anew").await;
    guard(&scene, json!({"duplicateContent": "refuse"})).await;
    let body = |text: &str| json!({"text": text, "accounts": [account.id], "scheduledAt": FAR});
    let post = scene.post(body("Old words")).await;
    let post = scene.scheduled(&post).await;
    let path = format!("/v1/posts/{}", post["id"].as_str().unwrap());
    let change = json!({"text": "New words", "revision": post["revision"]});
    let edit = async |change: &Value| {
        let request = scene.api.request(reqwest::Method::PATCH, &path).json(change);
        crate::support::api::send(request).await
    };
    let edited = edit(&change).await;
    assert_eq!(edited.status, 200, "{edited:?}");
    let other = scene.post(body("Old words")).await;
    // Nor is it given words that another has by now; a change that leaves the words alone goes.
    let revision = scene.show(&post).await["revision"].clone();
    let back = edit(&json!({"text": "Old words", "revision": revision})).await;
    assert_eq!(back.details(409)[0]["actual"], other["id"], "{back:?}");
    let later = edit(&json!({"scheduledAt": "2099-01-01T01:00:00Z", "revision": revision})).await;
    assert_eq!(later.status, 200, "{later:?}");
    assert_eq!(scene.try_post(body("New words")).await.status, 409);

    // In one request too, none beside its like.
    let row = |text: &str| scene.draft(body(text)).to_string();
    let text = format!("{}\n{}\n{}\n", row("Row"), row("Other"), row("ROW"));
    let request = scene.api.request(reqwest::Method::POST, "/v1/posts/bulk");
    let request = request.header("content-type", "application/x-ndjson").body(text);
    let told = crate::support::api::send(request).await;
    assert_eq!(told.details(422)[0]["line"], 3, "{told:?}");
    assert_eq!(told.details(422)[0]["actual"], "line 1");
}
