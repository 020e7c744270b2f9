//! Google's own client for Python.

use super::{Python, file, told};
use crate::support::{Alone, files};
use serde_json::json;

/// What the client sends in one piece.
const PIECE_BYTES: usize = 256 * 1024;

// case: C-client-youtube
#[tokio::test]
async fn googles_own_client_uploads_a_film_in_pieces_and_sets_its_thumbnail() {
    let Some(python) = Python::find() else { return };
    let sim = Alone::start(&[]).await;
    let grant = sim.grant(&json!({"platform": "youtube", "account": "acme"})).await;
    let mut film = files::FILM.to_vec();
    film.resize(2 * PIECE_BYTES + 1, 0);
    let picture = files::picture();
    let paths = [file(&sim, "film.mp4", &film), file(&sim, "picture.png", &picture)];
    let base = sim.platforms["youtube"].as_str();
    let arguments = [base, told(&grant, "refreshToken"), &paths[0], &paths[1]];
    let shown = python.run("youtube.py", &arguments);

    let id = shown["video"]["id"].as_str().unwrap();
    assert_eq!(shown["progress"], json!([PIECE_BYTES, 2 * PIECE_BYTES]));
    let account = told(&grant, "accountId");
    let accepted = ["videos.finish", account, "By the sea"].map(str::to_owned);
    assert_eq!(sim.accepted("youtube").await, [accepted]);
    assert_eq!(sim.bytes(&format!("/youtube/media/{id}")).await, film);
    assert_eq!(sim.bytes(&format!("/youtube/thumbnails/{id}")).await, picture);
    let ranges: Vec<String> = sim
        .requests("youtube")
        .iter()
        .filter_map(|request| request["headers"]["content-range"].as_str().map(str::to_owned))
        .collect();
    let total = film.len();
    let sent = [(0, PIECE_BYTES - 1), (PIECE_BYTES, 2 * PIECE_BYTES - 1), (total - 1, total - 1)];
    assert_eq!(ranges, sent.map(|(first, last)| format!("bytes {first}-{last}/{total}")));

    let listed = &shown["listed"]["items"][0];
    assert_eq!(listed["id"], id);
    let snippet = &listed["snippet"];
    assert_eq!((&snippet["title"], &snippet["tags"]), (&json!("A walk"), &json!(["sea", "walk"])));
    assert_eq!(snippet["description"], "By the sea");
    assert_eq!(listed["status"]["privacyStatus"], "unlisted");
    assert_eq!(shown["channel"]["items"][0]["id"], account);
    assert!(shown["thumbnail"]["items"][0]["default"]["url"].is_string(), "{shown}");
}
