//! The pages of the simulated LinkedIn that a person looks at: feed, one post.
//!
//! Links are relative, so that the pages work under any prefix.

use super::posts::{self, Post};
use super::state::State;
use super::wire::Visibility;
use crate::sim::http::{field, typed};
use crate::sim::page::{self, Article, FEED_MAX, escaped, missing, page};
use domain::time::Timestamp;
use http::{Response, StatusCode};
use std::fmt::Write as _;

/// `GET /feed`: what is out, newest first.
pub(super) fn feed(state: &State, now: Timestamp) -> Response<Vec<u8>> {
    let living = (0..state.posts.len()).rev().filter(|at| !state.posts[*at].is_deleted);
    let mut articles = String::new();
    for at in living.take(FEED_MAX) {
        show(&mut articles, state, at, "");
    }
    page::feed("LinkedIn", now, &articles)
}

/// `GET /feed/update/{urn}`: one post.
pub(super) fn post(state: &State, urn: &str) -> Response<Vec<u8>> {
    // A browser may encode the colons.
    let urn = field(&format!("urn={urn}"), "urn").unwrap_or_default();
    let Some(at) = posts::find(state, &urn) else {
        return missing();
    };
    let mut body = String::from("<p><a href=\"../../feed\">Feed</a></p>");
    show(&mut body, state, at, "../../");
    page(StatusCode::OK, "Post", &body)
}

/// `GET /media/{key}`: the bytes of a file.
pub(super) fn file(state: &State, key: &str) -> Response<Vec<u8>> {
    let Some(file) = state.files.get(key).filter(|file| !file.bytes.is_empty()) else {
        return page(StatusCode::NOT_FOUND, "Not found", "<h1>Not found</h1>");
    };
    typed(StatusCode::OK, file.mime(), file.bytes.clone())
}

fn show(out: &mut String, state: &State, at: usize, base: &str) {
    let post = &state.posts[at];
    let link = format!("{base}feed/update/{}", posts::urn(state, at));
    let key = |urn: &str| urn.rsplit(':').next().unwrap_or_default().to_owned();
    let sources: Vec<String> =
        post.pictures.iter().map(|picture| format!("{base}media/{}", key(&picture.id))).collect();
    let files = post.pictures.iter().zip(&sources).map(|(picture, source)| {
        let mime = state.file(&picture.id).map_or("image/jpeg", |file| file.mime());
        [source.as_str(), mime, picture.alt_text.as_deref().unwrap_or_default()]
    });
    let article = Article {
        by: &state.account(post.author).handle,
        at: post.created_at,
        link: &link,
        text: &post.text,
        files: files.collect(),
        title: post.title.as_deref().unwrap_or_default(),
        notes: vec![seen_by(post)],
    };
    article.write(out);
    if let Some(poll) = &post.poll {
        out.push_str("<div class=poll>");
        let lines = poll.options.iter().map(|option| &option.text);
        for line in std::iter::once(&poll.question).chain(lines) {
            let _ = write!(out, "<div>{}</div>", escaped(line));
        }
        out.push_str("</div>");
    }
    out.push_str("</article>");
}

fn seen_by(post: &Post) -> String {
    let who = match post.visibility {
        Visibility::Public => "anyone",
        Visibility::Connections => "connections",
        Visibility::LoggedIn => "anyone who is signed in",
    };
    format!("Who sees it: {who}")
}
