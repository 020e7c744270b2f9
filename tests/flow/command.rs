//! Posts on the command line, and in the hands of the Rust client.

use crate::support::{Fleet, Lossy, Scene, files};
use base::digest::sha256_hex;
use base::{clock, rng};
use client::{Client, Error, Place};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

// case: P-command
#[tokio::test]
async fn the_command_line_moves_edits_holds_releases_and_takes_back() {
    let (scene, account) = Scene::with_account("command").await;
    let place = scene.fleet.place();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postfleet"));
        command.env("POSTFLEET_URL", &place.api_url).env("POSTFLEET_API_KEY", &place.api_key);
        let output = command.arg("posts").args(arguments).arg("--json").output().unwrap();
        let told = if output.status.success() { output.stdout } else { output.stderr };
        let text = String::from_utf8(told).unwrap();
        let shown = serde_json::from_str::<Value>(&text).unwrap_or(Value::String(text));
        (output.status.code(), shown)
    };
    let due = clock::now() + Duration::from_secs(86_400);
    let body = json!({"text": "First words", "accounts": [account.id], "scheduledAt": due});
    let post = scene.post(body).await;
    let id = post["id"].as_str().unwrap();

    let later = (due + Duration::from_secs(3_600)).to_string();
    let (code, shown) = run(&["reschedule", id, "--at", &later]);
    assert_eq!((code, shown["scheduledAt"].as_str()), (Some(0), Some(later.as_str())), "{shown}");
    let (_, shown) = run(&["edit", id, "--set", "text=Other words"]);
    assert_eq!(shown["text"], "Other words");
    let (code, told) = run(&["edit", id, "--set", "text=Late", "--revision", "1"]);
    assert_eq!(code, Some(1), "{told}");
    let (_, shown) = run(&["hold", id, "--reason", "approval"]);
    assert_eq!(scene.show(&post).await["hold"]["reason"], "approval", "{shown}");
    run(&["release", id]);
    assert_eq!(scene.show(&post).await["hold"], Value::Null);
    let (_, shown) = run(&["unschedule", id]);
    assert_eq!(shown["status"], "draft");
    let (_, copy) = run(&["duplicate", id, "--key", id]);
    assert_ne!(copy["id"], id);
    assert_eq!(run(&["duplicate", id, "--key", id]).1["id"], copy["id"]);
    let (_, shown) = run(&["cancel", id]);
    assert_eq!(shown["status"], "cancelled");
    let (_, shown) = run(&["archive", id]);
    assert_eq!(shown["status"], "archived");
    let (_, listed) = run(&["list", "--limit", "100"]);
    let listed = listed["posts"].as_array().unwrap();
    assert!(listed.iter().any(|one| one["id"] == id && one["text"] == "Other words"));
}

// case: P-surely
#[tokio::test]
async fn the_rust_client_asks_again_for_a_reply_that_was_lost_and_it_is_one_post() {
    let (scene, account) = Scene::with_account("surely").await;
    let url = url::Url::parse(&scene.fleet.place().api_url).unwrap();
    let lossy = Lossy::to(url.port().unwrap(), "POST /v1/posts").await;
    let place = Place {
        api_url: format!("http://127.0.0.1:{}", lossy.port),
        api_key: scene.fleet.place().api_key.clone(),
        sim_url: None,
    };
    let fleet = Client::new(&place).unwrap();
    let body = scene.draft(json!({"text": "Surely", "accounts": [account.id]}));
    let post = fleet.post_surely(&body, &rng::uuid().to_string()).await.unwrap();
    assert!(lossy.has_lost());
    scene.published(&json!({"id": post.id})).await;
    assert_eq!(scene.texts(&account).await, ["Surely"]);
}

// case: P-parts
#[tokio::test]
async fn the_rust_client_sends_a_large_file_in_parts_and_a_lost_one_again() {
    let fleet = Fleet::shared().await;
    let url = url::Url::parse(&fleet.place().api_url).unwrap();
    let lossy = Lossy::to(url.port().unwrap(), "PATCH /v1/uploads").await;
    let place = Place {
        api_url: format!("http://127.0.0.1:{}", lossy.port),
        api_key: fleet.place().api_key.clone(),
        sim_url: None,
    };
    let client = Client::new(&place).unwrap();
    let film = files::large_film(20_000_000);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &film).unwrap();
    let asset = client.upload(file.path()).await.unwrap();
    assert!(lossy.has_lost(), "nothing was lost");
    assert_eq!((asset.size_bytes, asset.kind.as_str()), (20_000_000, "video"));
    assert_eq!(asset.sha256, sha256_hex(&film));
    let x = asset.verdicts.iter().find(|verdict| verdict["platform"] == "x").unwrap();
    assert_eq!(x["accepts"], true, "{x}");

    let offer = client.presign().await.unwrap();
    let unput = client.complete(&offer.id).await.unwrap_err();
    assert!(matches!(unput, Error::Refused { status: 400..=499, .. }), "{unput}");
    let listed = client.assets(&[("kind", "video"), ("limit", "100")]).await.unwrap();
    assert!(listed.assets.iter().any(|one| one.id == asset.id));
    client.delete_media(&asset.id).await.unwrap();
    let gone = client.asset(&asset.id).await.unwrap_err();
    assert!(matches!(gone, Error::Refused { status: 404, .. }), "{gone}");
    let inside = client.import_media("http://127.0.0.1/a.png").await.unwrap_err();
    assert!(matches!(inside, Error::Refused { status: 422, .. }), "{inside}");
}
