//! The pages of the simulated Threads that a person looks at: feed, one post.
//!
//! Links are relative, so that the pages work under any prefix.

use super::containers;
use super::posts::{self, code, files};
use super::state::State;
use crate::sim::http::typed;
use crate::sim::page::{self, Article, FEED_MAX, missing, page};
use domain::time::Timestamp;
use http::{Response, StatusCode};

/// `GET /feed`: what is out, newest first.
pub(super) fn feed(state: &State, now: Timestamp) -> Response<Vec<u8>> {
    let mut articles = String::new();
    let out = (0..state.posts.len()).rev().filter(|at| !state.posts[*at].is_deleted);
    for at in out.take(FEED_MAX) {
        show(&mut articles, state, at, "");
    }
    page::feed("Threads", now, &articles)
}

/// `GET /@{handle}/post/{code}`: one post.
pub(super) fn post(state: &State, handle: &str, wanted: &str) -> Response<Vec<u8>> {
    let is_theirs = |post: &posts::Post| {
        let by = &state.accounts.at(post.account).handle;
        by.eq_ignore_ascii_case(handle) && !post.is_deleted
    };
    let found = state.posts.iter().enumerate();
    let found = found.filter(|(_, post)| is_theirs(post)).find(|(at, _)| code(*at) == wanted);
    let Some((at, _)) = found else {
        return missing();
    };
    let mut body = String::from("<p><a href=\"../../feed\">Feed</a></p>");
    show(&mut body, state, at, "../../");
    page(StatusCode::OK, "Post", &body)
}

/// `GET /media/{container}`: the bytes of a published file.
pub(super) fn file(state: &State, id: &str) -> Response<Vec<u8>> {
    let container = containers::find(state, id).map(|at| &state.containers[at]);
    match container.and_then(|container| container.file.as_ref()) {
        Some(file) => typed(StatusCode::OK, &file.mime, file.bytes.clone()),
        None => page(StatusCode::NOT_FOUND, "Not found", "<h1>Not found</h1>"),
    }
}

fn show(out: &mut String, state: &State, at: usize, base: &str) {
    let post = &state.posts[at];
    let container = &state.containers[post.container];
    let by = format!("@{}", state.accounts.at(post.account).handle);
    let link = format!("{base}{by}/post/{}", code(at));
    let files = files(state, post);
    let sources: Vec<String> = files.iter().map(|(id, _)| format!("{base}media/{id}")).collect();
    let shown = files.iter().zip(&sources).map(|((_, container), source)| {
        let mime = container.file.as_ref().map_or("", |file| file.mime.as_str());
        [source.as_str(), mime, container.alt_text.as_str()]
    });
    let mut notes: Vec<String> = container.poll.iter().map(|word| format!("○ {word}")).collect();
    notes.extend(container.reply_control.iter().map(|word| format!("Who may reply: {word}")));
    notes.extend(container.reply_to.map(|at| format!("In reply to {}", posts::id(at))));
    notes.push(format!("Id {}", posts::id(at)));
    let article = Article {
        by: &by,
        at: post.created_at,
        link: &link,
        text: &container.text,
        files: shown.collect(),
        notes,
        ..Article::default()
    };
    article.write(out);
    out.push_str("</article>");
}
