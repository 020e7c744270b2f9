//! The reference library of Standard Webhooks for Python.

use super::Python;
use crate::support::{Fleet, Receiver, Scene};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

// case: C-client-webhooks
#[tokio::test]
async fn the_reference_library_takes_every_message_and_none_with_a_changed_byte() {
    let Some(python) = Python::find() else { return };
    let fleet = Fleet::shared().await;
    let scene = Scene::of(fleet, fleet.another_tenant("spec").await, "verified").await;
    let account = scene.connect("verified").await;
    let receiver = Receiver::willing().await;
    let hook = scene.api.post("/v1/webhooks", &json!({"url": receiver.url("/")})).await;
    let (id, first) = (&hook.data()["id"], &hook.data()["secret"]);
    let path = format!("/v1/webhooks/{}/secret", id.as_str().unwrap());
    let renewed = scene.api.post(&path, &json!({})).await;
    let second = &renewed.data()["secret"];
    let text = format!("Grüße an alle 🎉, {}", scene.brand);
    let post = scene.say(&account, &text).await;
    scene.published(&post).await;
    let got = receiver.until("it is told of", |got| got.len() >= 2).await;
    let messages: Vec<Value> = got
        .iter()
        .map(|one| {
            json!({"body": STANDARD.encode(&one.body), "headers": {"webhook-id": one.id,
                "webhook-timestamp": one.timestamp, "webhook-signature": one.signature}})
        })
        .collect();
    let file = fleet.root().join("messages.json");
    std::fs::write(&file, json!(messages).to_string()).unwrap();
    let secrets = json!([first, second]).to_string();
    let shown = python.run("webhooks.py", &[&secrets, file.to_str().unwrap()]);
    assert_eq!(shown["accepted"], got.len(), "{shown}");
    assert_eq!(shown["refused"], shown["changed"], "{shown}");
    assert!(shown["changed"].as_u64().unwrap() > 400, "{shown}");
}
