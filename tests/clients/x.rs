//! X's own client for Python.

use super::{Python, file, told};
use crate::support::{Alone, files};
use serde_json::{Value, json};

// case: C-client-x
#[tokio::test]
async fn xs_own_client_signs_in_attaches_posts_answers_and_deletes() {
    let Some(python) = Python::find() else { return };
    let sim = Alone::start(&["--only", "x"]).await;
    let picture = files::picture();
    let path = file(&sim, "picture.png", &picture);
    let shown = python.run("x.py", &[&sim.platforms["x"], &path]);

    // The one that was chosen on the consent page.
    let grant = sim.grant(&json!({"account": "acme"})).await;
    let account = told(&grant, "accountId");
    assert_eq!(shown["me"]["data"]["id"], account);
    let id = |name: &str| shown[name]["data"]["id"].as_str().unwrap().to_owned();
    let by = |route: &str, text: &str| [route, account, text].map(str::to_owned);
    let accepted = [
        by("tweets.create", "A walk"),
        by("tweets.create", "By the sea"),
        by("tweets.create", "On second thoughts"),
        by("tweets.delete", "On second thoughts"),
    ];
    assert_eq!(sim.accepted("x").await, accepted);
    let bodies: Vec<Value> = sim
        .requests("x")
        .into_iter()
        .filter(|request| request["method"] == "POST" && request["path"] == "/2/tweets")
        .map(|request| serde_json::from_str(request["body"].as_str().unwrap()).unwrap())
        .collect();
    let sent = [
        json!({"text": "A walk", "media": {"media_ids": [id("upload")]}}),
        json!({"text": "By the sea", "reply": {"in_reply_to_tweet_id": id("root")}}),
        json!({"text": "On second thoughts"}),
    ];
    assert_eq!(bodies, sent);
    assert_eq!(sim.bytes(&format!("/media/{}", id("upload"))).await, picture);

    let found = &shown["found"];
    assert!(found["data"][0]["text"].as_str().unwrap().starts_with("A walk https://t.co/"));
    assert_eq!(found["data"][0]["author_id"], account);
    let parent = &found["data"][1]["referenced_tweets"][0];
    assert_eq!((&parent["type"], &parent["id"]), (&json!("replied_to"), &json!(id("root"))));
    assert_eq!(found["data"][1]["conversation_id"], id("root"));
    assert_eq!(found["data"].as_array().unwrap().len(), 2, "{found}");
    assert_eq!(found["errors"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(shown["one"]["data"]["text"], "By the sea");
    assert_eq!(shown["deleted"]["data"]["deleted"], true);
}
