//! The pages of the simulated YouTube that a person looks at: feed, one video, its files.
//!
//! Links are relative, so that the pages work under any prefix.

use super::parameter;
use super::state::State;
use super::videos::Video;
use crate::sim::Inbound;
use crate::sim::http::typed;
use crate::sim::page::{self, Article, FEED_MAX, missing, page};
use domain::time::Timestamp;
use http::{Response, StatusCode};

/// `GET /feed`: what is out, newest first.
pub(super) fn feed(state: &State, now: Timestamp) -> Response<Vec<u8>> {
    let mut articles = String::new();
    for video in state.videos.iter().rev().filter(|video| !video.is_deleted).take(FEED_MAX) {
        write(&mut articles, state, video, &format!("watch?v={}", video.id));
    }
    page::feed("YouTube", now, &articles)
}

/// `GET /watch?v={id}`: one video.
pub(super) fn watch(state: &State, request: &Inbound) -> Response<Vec<u8>> {
    let id = parameter(request, "v").unwrap_or_default();
    let Some(at) = state.video(&id) else {
        return missing();
    };
    let mut body = String::from("<p><a href=\"feed\">Feed</a></p>");
    write(&mut body, state, &state.videos[at], "");
    page(StatusCode::OK, "Video", &body)
}

/// `GET /media/{id}`: the file of a video.
pub(super) fn file(state: &State, id: &str) -> Response<Vec<u8>> {
    match state.video(id) {
        Some(at) => {
            let video = &state.videos[at];
            typed(StatusCode::OK, &video.mime, video.bytes.clone())
        }
        None => page(StatusCode::NOT_FOUND, "Not found", "<h1>Not found</h1>"),
    }
}

/// `GET /thumbnails/{id}`: the thumbnail of a video.
pub(super) fn picture(state: &State, id: &str) -> Response<Vec<u8>> {
    let video = state.video(id).map(|at| &state.videos[at]);
    match video.and_then(|video| video.thumbnail.as_ref()) {
        Some(picture) => typed(StatusCode::OK, &picture.mime, picture.bytes.clone()),
        None => page(StatusCode::NOT_FOUND, "Not found", "<h1>Not found</h1>"),
    }
}

fn write(out: &mut String, state: &State, video: &Video, link: &str) {
    let by = format!("@{}", state.account(video.account).handle);
    let film = format!("media/{}", video.id);
    let picture = format!("thumbnails/{}", video.id);
    let mut files = vec![[film.as_str(), "video/mp4", video.snippet.title.as_str()]];
    if let Some(thumbnail) = &video.thumbnail {
        files.push([picture.as_str(), &thumbnail.mime, "Thumbnail"]);
    }
    let status = &video.status;
    let mut notes = vec![format!("Who sees it: {}", status.privacy_status.name())];
    if status.self_declared_made_for_kids {
        notes.push("Made for kids".into());
    }
    if let Some(category) = &video.snippet.category_id {
        notes.push(format!("Category: {category}"));
    }
    if !video.snippet.tags.is_empty() {
        notes.push(format!("Tags: {}", video.snippet.tags.join(", ")));
    }
    let article = Article {
        by: &by,
        at: video.created_at,
        link,
        title: &video.snippet.title,
        text: &video.snippet.description,
        files,
        notes,
    };
    article.write(out);
    out.push_str("</article>");
}
