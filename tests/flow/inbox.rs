//! Upstream apps add posts to a Redis stream, and read the answers from another.

mod access;
mod killed;
mod starved;

use crate::support::inbox::{DEFAULT, Inbox};
use crate::support::{Account, Scene};
use base::rng;
use serde_json::{Value, json};

/// What an entry holds, whatever that is.
type Fields<'a> = &'a [(&'a str, &'a [u8])];

/// A key of its own.
fn key() -> String {
    rng::uuid().to_string()
}

/// A post on an account.
fn post(scene: &Scene<'_>, account: &Account, text: &str) -> Value {
    scene.draft(json!({"text": text, "accounts": [account.id]}))
}

// case: I-story
#[tokio::test]
async fn what_is_added_to_an_inbox_is_posted_and_answered_as_the_api_would() {
    let (scene, account) = Scene::with_account("inbox").await;
    let inbox = Inbox::of(scene.fleet, DEFAULT).await;
    let (key, body) = (key(), post(&scene, &account, "Through the inbox"));
    let told = inbox.answer(&inbox.add(&key, &body).await).await;
    assert_eq!((told.outcome.as_str(), &told.key), ("accepted", &key), "{told:?}");
    let data = &told.answer["data"];
    assert_eq!((&told.answer["success"], &data["isAgain"]), (&json!(true), &json!(false)));
    let shown = scene.published(data).await;
    assert_eq!(shown["text"], "Through the inbox");
    assert_eq!(data["deliveries"][0]["id"], shown["deliveries"][0]["id"]);
    assert_eq!(data["deliveries"][0]["accountId"], account.id.as_str());

    // Once more, here and by HTTP: it is the same post, and out once.
    let again = inbox.answer(&inbox.add(&key, &body).await).await;
    assert_eq!(again.answer["data"]["id"], data["id"]);
    assert_eq!(again.answer["data"]["isAgain"], true);
    let by_http = scene.api.post_once("/v1/posts", &body, &key).await;
    assert_eq!(by_http.data()["id"], data["id"]);
    assert_eq!(scene.texts(&account).await, ["Through the inbox"]);

    // What is refused, is refused in the words of the API.
    let taken = post(&scene, &account, "Something else");
    let broken = scene.draft(json!({"text": "a".repeat(300), "accounts": [account.id], "x": 1}));
    for (key, body) in [(key.clone(), taken), (self::key(), broken)] {
        let told = inbox.answer(&inbox.add(&key, &body).await).await;
        assert_eq!(told.outcome, "refused");
        let by_http = scene.api.post_once("/v1/posts", &body, &key).await;
        assert_eq!(told.answer, by_http.body);
    }
}

// case: I-poison
#[tokio::test]
async fn whatever_is_added_is_answered_and_holds_up_nothing() {
    let (scene, account) = Scene::with_account("poison").await;
    let inbox = Inbox::of(scene.fleet, DEFAULT).await;
    let good = post(&scene, &account, "Behind the poison").to_string();
    let (large, deep) = (vec![b'a'; 3 * 1024 * 1024], "[".repeat(200_000));
    let key = key();
    let key = key.as_bytes();
    let poison: [(Fields<'_>, &str); 12] = [
        (&[("post", good.as_bytes())], "key"),
        (&[("key", key)], "post"),
        (&[("key", b""), ("post", good.as_bytes())], "key"),
        (&[("key", b"\xff\0\x01"), ("post", good.as_bytes())], "key"),
        (&[("key", &large), ("post", good.as_bytes())], "key"),
        (&[("key", key), ("post", b"\xfe\xff\0")], "post"),
        (&[("key", key), ("post", b"{\"text\": ")], "post"),
        (&[("key", key), ("post", &large)], "post"),
        (&[("key", key), ("post", deep.as_bytes())], "post"),
        (&[("key", key), ("post", good.as_bytes()), ("tenant", b"another")], "tenant"),
        (&[("key", key), ("post", b"[]")], "body"),
        (&[("key", key), ("post", br#"{"brandSlug": "none", "txt": "a"}"#)], "brandSlug"),
    ];
    let mut entries = Vec::new();
    for (fields, field) in poison {
        entries.push((inbox.add_fields(fields).await.unwrap(), field));
    }
    let behind = inbox.try_add(&self::key(), &good).await.unwrap();
    assert_eq!(inbox.answer(&behind).await.outcome, "accepted");
    for (entry, field) in entries {
        let told = inbox.answer(&entry).await;
        assert_eq!((told.outcome.as_str(), &told.answer["success"]), ("refused", &json!(false)));
        let details = told.answer["details"].as_array().unwrap();
        let named = details.iter().any(|one| one["field"] == field && one["resolution"] != "");
        assert!(named, "{field}: {told:?}");
    }
}
