//! Lists of posts and deliveries by what they have in common.

use crate::support::Scene;
use crate::support::scene::Account;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The ids of all pages of a list.
async fn all(scene: &Scene<'_>, path: &str) -> Vec<String> {
    let (mut ids, mut before) = (Vec::new(), String::new());
    loop {
        let page = scene.api.get(&format!("{path}&limit=3{before}")).await;
        let entries = page.data().as_array().unwrap();
        ids.extend(entries.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        match page.body["nextCursor"].as_str() {
            Some(cursor) => before = format!("&before={cursor}"),
            None => return ids,
        }
    }
}

fn id(post: &Value) -> String {
    post["id"].as_str().unwrap().to_owned()
}

/// Posts that stand in many places: `[published, failed, scheduled, draft, held, cancelled]`.
async fn posts(scene: &Scene<'_>, account: &Account, failing: &Account) -> Vec<Value> {
    let of = |text: &str, more: Value| {
        let mut body = json!({"text": text, "accounts": [account.id]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let far = json!({"scheduledAt": "2099-06-01T10:00:00Z"});
    let out = scene.post(of("A morning in Köln", json!({}))).await;
    scene.published(&out).await;
    let refused = json!({"kind": "serverError", "route": "tweets.create", "status": 403,
        "body": {"title": "Forbidden", "type": "about:blank", "status": 403,
            "detail": "You must be subscribed to X Premium to publish an article."}});
    scene.sim.fault(&failing.handle, refused).await;
    let failed = scene.post(json!({"text": "It fails", "accounts": [failing.id]})).await;
    let scheduled = scene.post(of("Launch day one", far.clone())).await;
    scene.scheduled(&scheduled).await;
    let draft = scene.post(of("Launch notes", json!({"draft": true}))).await;
    let held = scene.post(of("Launch, held", json!({"hold": "approval"}))).await;
    let cancelled = scene.post(of("Never mind", far)).await;
    assert_eq!(scene.order(&cancelled, "cancel").await.status, 200);
    vec![out, failed, scheduled, draft, held, cancelled]
}

// case: S-filters
#[tokio::test]
async fn posts_are_found_by_where_they_stand_and_what_they_say() {
    let (scene, account) = Scene::with_account("filters").await;
    let failing = scene.connect("failing").await;
    let posts = posts(&scene, &account, &failing).await;
    let failed = scene.settled(&posts[1]).await;
    let brand = format!("/v1/posts?brand={}", scene.brand);
    let whole: Vec<String> = all(&scene, &brand).await;
    let newest: Vec<String> = posts.iter().rev().map(id).collect();
    assert_eq!(whole, newest);

    // Each post stands in one place: the lists of all places are the whole list, and each shows
    // the place that it was asked for.
    let mut seen = BTreeSet::new();
    for status in domain::post::Status::ALL {
        for found in all(&scene, &format!("{brand}&status={}", status.as_str())).await {
            let shown = scene.api.get(&format!("/v1/posts/{found}")).await;
            assert_eq!(shown.data()["status"], status.as_str(), "{found}");
            assert!(seen.insert(found), "one post is in two lists");
        }
    }
    assert_eq!(seen, whole.iter().cloned().collect());

    let find = async |more: &str| all(&scene, &format!("{brand}{more}")).await;
    assert_eq!(find("&q=launch").await, [id(&posts[4]), id(&posts[3]), id(&posts[2])]);
    assert_eq!(find("&q=%22launch+day%22").await, [id(&posts[2])]);
    assert_eq!(find("&q=launch+-held").await, [id(&posts[3]), id(&posts[2])]);
    assert_eq!(find("&q=K%C3%B6ln&status=published").await, [id(&posts[0])]);
    assert!(find("&q=laun").await.is_empty());
    assert_eq!(find(&format!("&account={}", failing.id)).await, [id(&failed)]);
    assert!(find("&platform=youtube").await.is_empty());
    let due = "&dueFrom=2099-06-01T00:00:00Z&dueTo=2099-06-02T00:00:00Z";
    assert_eq!(find(due).await, [id(&posts[5]), id(&posts[2])]);
    assert!(find("&createdTo=2020-01-01T00:00:00Z").await.is_empty());
    assert_eq!(find("&createdFrom=2020-01-01T00:00:00Z&status=draft").await, [id(&posts[3])]);

    // A draft of more words than an index holds is a draft like any other.
    let long: String = (0..120_000).map(|n| format!("w{n} ")).collect();
    let long = scene.post(json!({"text": long, "accounts": [account.id], "draft": true})).await;
    assert_eq!(find("&q=w77").await, [id(&long)]);

    // Another tenant finds none of it, whatever it asks for.
    let stranger = scene.fleet.another_tenant("spec").await;
    let theirs = stranger.get(&format!("{brand}&q=launch")).await;
    assert_eq!(theirs.data(), &json!([]));
    assert_eq!(stranger.get("/v1/posts?q=launch").await.data(), &json!([]));
    let unknown = scene.api.get("/v1/posts?state=draft").await;
    assert_eq!(unknown.details(422)[0]["field"], "state");
}

// case: S-deliveries
#[tokio::test]
async fn deliveries_are_found_by_what_they_failed_of() {
    let (scene, account) = Scene::with_account("found").await;
    let failing = scene.connect("found-failing").await;
    let posts = posts(&scene, &account, &failing).await;
    let failed = scene.settled(&posts[1]).await;
    let error = failed["deliveries"][0]["error"]["type"].as_str().unwrap().to_owned();
    let brand = format!("/v1/deliveries?brand={}", scene.brand);
    let whole = all(&scene, &brand).await;
    assert_eq!(whole.len(), 5, "a draft has none");
    let of = async |more: &str| all(&scene, &format!("{brand}{more}")).await;
    let delivery = id(&failed["deliveries"][0]);
    assert_eq!(of("&status=failed").await, std::slice::from_ref(&delivery));
    assert_eq!(of(&format!("&errorType={error}")).await, std::slice::from_ref(&delivery));
    assert_eq!(of(&format!("&account={}&platform=x", failing.id)).await, [delivery]);
    assert_eq!(of("&status=published").await.len(), 1);
    assert!(of("&errorType=PlatformOutcomeUnknown").await.is_empty());
    let page = scene.api.get(&format!("{brand}&status=failed")).await;
    let one = &page.data()[0];
    assert_eq!((&one["postId"], &one["brandSlug"]), (&failed["id"], &json!(scene.brand)));
    let stranger = scene.fleet.another_tenant("spec").await;
    assert_eq!(stranger.get("/v1/deliveries?limit=100").await.data(), &json!([]));
    let foreign = format!("/v1/deliveries?before={}", one["id"].as_str().unwrap());
    assert_eq!(stranger.get(&foreign).await.data(), &json!([]));
}
