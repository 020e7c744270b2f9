//! What a platform says is shown in the product's words, with a way out.

use crate::support::scene::{deliveries, delivery};
use crate::support::{Account, Scene};
use serde_json::{Value, json};
use std::path::Path;

/// A create call, as it was answered in the field.
struct Reply {
    name: String,
    status: u64,
    body: Value,
    class: String,
}

fn replies() -> Vec<Reply> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/platforms/x/replies");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let reply: Value = serde_json::from_str(&text).unwrap();
        let class = reply["failure"]["class"].as_str().unwrap_or_default().to_owned();
        let is_final = ["content", "media", "duplicate"].contains(&class.as_str());
        if is_final && reply["effect"] == "irreversible" {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let status = reply["status"].as_u64().unwrap();
            found.push(Reply { name, status, body: reply["body"].clone(), class });
        }
    }
    assert!(found.len() >= 5, "{}", found.len());
    found
}

// case: spec-E3
// case: spec-E4
#[tokio::test]
async fn every_known_refusal_of_a_post_fails_it_with_type_words_and_way_out() {
    let scene = Scene::open("refusals").await;
    let mut sent: Vec<(Reply, Account, Value)> = Vec::new();
    for (number, reply) in replies().into_iter().enumerate() {
        let account = scene.connect(&format!("reply-{number}")).await;
        let fault = json!({
            "kind": "serverError", "route": "tweets.create",
            "status": reply.status, "body": reply.body,
        });
        scene.sim.fault(&account.handle, fault).await;
        let post = scene.say(&account, &format!("{} {}", reply.name, scene.brand)).await;
        sent.push((reply, account, post));
    }
    for (Reply { name, class, .. }, account, post) in sent {
        let shown = scene.settled(&post).await;
        let failed = delivery(&shown, &account);
        assert_eq!((&shown["status"], &failed["status"]), (&json!("failed"), &json!("failed")));
        let kind = if class == "media" { "PlatformMediaError" } else { "PlatformContentError" };
        assert_eq!(failed["error"]["type"], kind, "{name}: {failed}");
        for words in ["message", "resolution"] {
            assert!(!failed["error"][words].as_str().unwrap().is_empty(), "{name}: {failed}");
        }
        assert!(scene.texts(&account).await.is_empty(), "{name}");
    }
}

/// Two posts with the same text, under misfortunes of their create calls, once both are settled.
async fn twins(name: &str, faults: &[Value]) -> (Scene<'static>, Account, [Value; 2]) {
    let (scene, account) = Scene::with_account(name).await;
    for fault in faults {
        let mut fault = fault.clone();
        fault["route"] = "tweets.create".into();
        scene.sim.fault(&account.handle, fault).await;
    }
    let wording = format!("Twins, {}", scene.brand);
    let first = scene.say(&account, &wording).await;
    let second = scene.say(&account, &wording).await;
    let shown = [scene.settled(&first).await, scene.settled(&second).await];
    (scene, account, shown)
}

/// One of the two is out with the one remote post, and nobody claims it twice.
async fn is_out_once(scene: &Scene<'_>, account: &Account, shown: &[Value; 2]) {
    let accepted = scene.accepted(account).await;
    let [only] = &accepted[..] else { panic!("not one remote post: {accepted:?} {shown:#?}") };
    let claims: Vec<&Value> = shown
        .iter()
        .flat_map(deliveries)
        .map(|delivery| &delivery["remoteId"])
        .filter(|id| !id.is_null())
        .collect();
    assert_eq!(claims, [&json!(only.remote_id)], "{shown:#?}");
    let published = shown.iter().filter(|post| post["status"] == "published").count();
    assert_eq!(published, 1, "{shown:#?}");
}

// case: U-duplicate
#[tokio::test]
async fn the_same_text_twice_is_refused_by_the_platform_and_not_taken_for_a_success() {
    let (scene, account, shown) = twins("twins", &[]).await;
    is_out_once(&scene, &account, &shown).await;
    let failed = shown.iter().find(|post| post["status"] == "failed").unwrap();
    let failed = delivery(failed, &account);
    assert_eq!(failed["error"]["type"], "PlatformContentError", "{failed}");
}

// case: U-duplicate
#[tokio::test]
async fn an_equal_post_is_not_mistaken_for_one_whose_outcome_is_unknown() {
    for (name, kind) in [("taken", "acceptThenReset"), ("lost", "resetBeforeAccept")] {
        let (scene, account, shown) = twins(name, &[json!({"kind": kind})]).await;
        is_out_once(&scene, &account, &shown).await;
    }
}

// case: U-duplicate
#[tokio::test]
async fn an_equal_post_that_is_under_way_while_the_platform_is_asked_keeps_its_own_receipt() {
    // The first never arrives. The second is taken, but its answer is still under way when the
    // platform is asked about the first, and shows a post with just that text.
    let lost = json!({"kind": "resetBeforeAccept", "count": 1});
    let slow = json!({"kind": "delay", "ms": 1_800, "after": 1, "count": 1});
    let (scene, account, shown) = twins("under-way", &[lost, slow]).await;
    is_out_once(&scene, &account, &shown).await;
}
