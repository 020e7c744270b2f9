//! Pictures, GIFs and films go up first, and are attached to the post.

use crate::support::scene::delivery;
use crate::support::{Account, Scene, files};
use domain::time::Timestamp;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, from_value, json};
use std::time::Duration;

/// The create request that X kept for this wording.
fn created(scene: &Scene<'_>, wording: &str) -> Value {
    let mut all = scene.sim.bodies("/2/tweets");
    all.retain(|body| body["text"] == wording);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

async fn publish(scene: &Scene<'_>, account: &Account, media: Value) -> Value {
    let wording = format!("Look, {}", scene.brand);
    let post = json!({"text": wording, "media": media, "accounts": [account.id]});
    let post = scene.post(post).await;
    let shown = scene.published(&post).await;
    assert_eq!(scene.texts(account).await, [wording.as_str()]);
    assert_eq!(delivery(&shown, account)["attempts"], 0);
    created(scene, &wording)
}

// case: S-images
#[tokio::test]
async fn four_images_are_attached_in_order_with_their_words() {
    let (scene, account) = Scene::with_account("images").await;
    let mut media = Vec::new();
    for number in 0..4 {
        let id = scene.api.upload(files::png(640, 480 + number, 300), "a.png").await;
        media.push(json!({"id": id, "altText": format!("Number {number} of {}", scene.brand)}));
    }
    let body = publish(&scene, &account, json!(media)).await;
    let attached = body["media"]["media_ids"].as_array().unwrap();
    assert_eq!(attached.len(), 4);
    let described = scene.sim.bodies("/2/media/metadata");
    for (number, id) in attached.iter().enumerate() {
        let words = described.iter().find(|body| body["id"] == *id).expect("it is described");
        let expected = format!("Number {number} of {}", scene.brand);
        assert_eq!(words["metadata"]["alt_text"]["text"], expected);
    }
}

// case: S-gif
#[tokio::test]
async fn an_animated_gif_is_attached() {
    let (scene, account) = Scene::with_account("gif").await;
    let id = scene.api.upload(files::gif(), "a.gif").await;
    let body = publish(&scene, &account, json!([{"id": id}])).await;
    assert_eq!(body["media"]["media_ids"].as_array().unwrap().len(), 1);
}

// case: S-video
#[tokio::test]
async fn a_film_is_attached_once_the_platform_has_processed_it() {
    let (scene, account) = Scene::with_account("film").await;
    let id = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
    let body = publish(&scene, &account, json!([{"id": id}])).await;
    let [attached] = &body["media"]["media_ids"].as_array().unwrap()[..] else { panic!("{body}") };

    // The simulator takes three seconds over a film and says so: nobody asks sooner.
    let file = attached.as_str().unwrap();
    let log = scene.sim.log();
    let at = |path: &str, inside: &str| -> Vec<Timestamp> {
        let is_it = |line: &&Value| {
            let request = &line["request"];
            let has = |part: &str| request[part].as_str().is_some_and(|text| text.contains(inside));
            request["path"] == path && (has("query") || has("body"))
        };
        log.iter().filter(is_it).map(|line| from_value(line["at"].clone()).unwrap()).collect()
    };
    let upload = format!("/2/media/upload/{file}");
    assert_eq!(at(&format!("{upload}/append"), "").len(), 1);
    let [closed] = at(&format!("{upload}/finalize"), "")[..] else { panic!("{log:#?}") };
    let [asked] = at("/2/media/upload", file)[..] else { panic!("{log:#?}") };
    let [created] = at("/2/tweets", file)[..] else { panic!("{log:#?}") };
    assert!(asked >= closed + Duration::from_secs(3) && created >= asked, "{log:#?}");
}

// case: S-probe
#[tokio::test]
async fn a_file_is_known_by_its_content_not_by_its_name() {
    let scene = Scene::open("probe").await;
    for (bytes, name) in [
        (b"#!/bin/sh\nexit 0\n".to_vec(), "photo.png"),
        (files::picture()[..40].to_vec(), "cut.png"),
        (files::FILM[..2_000].to_vec(), "cut.mp4"),
    ] {
        let form = Form::new().part("file", Part::bytes(bytes).file_name(name));
        let request = scene.api.request(Method::POST, "/v1/media").multipart(form);
        let answer = crate::support::api::send(request).await;
        let [detail] = answer.details(422) else { panic!("{answer:?}") };
        assert_eq!(detail["type"], "PlatformMediaError", "{name}");
        assert!(!detail["resolution"].as_str().unwrap().is_empty());
    }
}
