//! The pages of the simulated Instagram that a person looks at: feed, one post, its files.

use super::containers::{Container, Kind};
use super::files::{self, File};
use super::posts;
use super::state::State;
use crate::sim::http::typed;
use crate::sim::page::{self, Article, FEED_MAX, missing, page};
use domain::time::Timestamp;
use http::{Response, StatusCode};

/// `GET /feed`: what is out, newest first.
pub(super) fn feed(state: &State, now: Timestamp) -> Response<Vec<u8>> {
    let mut articles = String::new();
    for at in (0..state.posts.len()).rev().take(FEED_MAX) {
        show(&mut articles, state, at, "");
    }
    page::feed("Instagram", now, &articles)
}

/// `GET /p/{code}/` and `GET /reel/{code}/`.
pub(super) fn post(state: &State, code: &str, base: &str) -> Response<Vec<u8>> {
    let Some(at) = posts::by_code(state, code) else {
        return missing();
    };
    let mut body = format!("<p><a href=\"{base}feed\">Feed</a></p>");
    show(&mut body, state, at, base);
    page(StatusCode::OK, "Post", &body)
}

/// `GET /file/{container}` and `GET /file/{container}-cover`: the bytes of a file.
pub(super) fn file(state: &State, key: &str) -> Response<Vec<u8>> {
    let (id, index) = files::of_key(key);
    match state.containers.get(id).and_then(|container| container.files.get(index)) {
        Some(File::Here { mime, bytes, .. }) => typed(StatusCode::OK, mime, bytes.clone()),
        _ => page(StatusCode::NOT_FOUND, "Not found", "<h1>Not found</h1>"),
    }
}

fn show(out: &mut String, state: &State, at: usize, base: &str) {
    let post = &state.posts[at];
    let Some(container) = state.containers.get(&post.container) else {
        return;
    };
    let mut shown = Vec::new();
    let whole = [post.container.clone()];
    let ids = if container.kind == Kind::Carousel { &container.children[..] } else { &whole };
    for id in ids {
        let Some(part) = state.containers.get(id) else { continue };
        for (index, stored) in part.files.iter().enumerate() {
            if let File::Here { mime, .. } = stored {
                let key = files::key(id, index);
                shown.push((format!("{base}file/{key}"), mime, &part.alt_text));
            }
        }
    }
    let parts = shown.iter().map(|(source, mime, told)| [source.as_str(), mime, told]);
    let by = format!("@{}", state.account(post.account).handle);
    let link = format!("{base}{}", posts::path(at, container));
    let article = Article {
        by: &by,
        at: post.at,
        link: &link,
        text: &container.caption,
        files: parts.collect(),
        notes: notes(container),
        ..Article::default()
    };
    article.write(out);
    out.push_str("</article>");
}

/// What else a person would see.
fn notes(container: &Container) -> Vec<String> {
    let mut notes = Vec::new();
    if !container.collaborators.is_empty() {
        notes.push(format!("Invited as authors: @{}", container.collaborators.join(", @")));
    }
    if container.kind == Kind::Reel {
        let place = if container.is_shared_to_feed { "and in the feed" } else { "only" };
        notes.push(format!("Shown among the reels {place}"));
    }
    if let Some(offset) = container.thumb_offset_ms {
        notes.push(format!("Cover: the film at {offset} ms"));
    }
    notes
}
