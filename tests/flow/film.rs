//! A film that is sent over a line which breaks.

use crate::support::{Fleet, Scene, files};
use serde_json::{Value, json};

// case: IG-film
#[tokio::test]
async fn a_film_goes_on_where_its_line_broke_and_is_out_once() {
    // The figures of a simulator are those of all its accounts, so this fleet is not shared.
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "film").await;
    let account = scene.connect_on(("instagram", None), "film").await;
    let film = files::film(10);
    let piece = film.len() / 3 + 1;
    scene.sim.limits("instagram", &json!({"uploadBytesMax": piece})).await;
    // The answer to the first piece is lost on top.
    let lost = json!({"kind": "acceptThenReset", "route": "media.upload", "count": 1});
    scene.fault(&account, lost).await;
    let film = scene.api.upload(film, "a.mp4").await;
    let text = format!("A film, {}", scene.brand);
    let post = json!({"text": text, "media": [{"id": film}], "accounts": [account.id]});
    let post = scene.post(post).await;
    scene.published(&post).await;
    assert_eq!(scene.texts(&account).await, [text]);
    let is_upload = |request: &&Value| {
        request["path"].as_str().is_some_and(|path| path.contains("/ig-api-upload/"))
    };
    let log = scene.sim.log_of("instagram");
    let uploads = log.iter().filter_map(|line| line.get("request")).filter(is_upload);
    let offsets: Vec<&str> = uploads.filter_map(|one| one["headers"]["offset"].as_str()).collect();
    let expected = [0, piece, 2 * piece].map(|offset| offset.to_string());
    assert_eq!(offsets, expected, "each byte went up once");
}
