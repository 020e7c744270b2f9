//! The pages of the simulated X that a person looks at: feed, one post.
//!
//! Links are relative, so that the pages work under any prefix.

use super::state::State;
use super::tweets::{self, Tweet};
use crate::sim::http::typed;
use crate::sim::page::{self, Article, FEED_MAX, escaped, missing, page};
use domain::time::Timestamp;
use http::{Response, StatusCode};
use std::collections::HashMap;
use std::fmt::Write as _;

/// Answers shown below each other, deeper ones on the post's own page.
const DEPTH_MAX: usize = 50;
/// `GET /feed`: what is out, newest first, answers below what they answer.
pub(super) fn feed(state: &State, now: Timestamp) -> Response<Vec<u8>> {
    let answers = answers(state);
    let living = |at: &usize| state.tweets.get(*at).is_some_and(|tweet| !tweet.is_deleted);
    let roots = (0..state.tweets.len()).rev().filter(living);
    let roots = roots.filter(|at| state.tweets[*at].parent.is_none_or(|parent| !living(&parent)));
    let mut articles = String::new();
    for at in roots.take(FEED_MAX) {
        show(&mut articles, state, &answers, at, "");
    }
    page::feed("X", now, &articles)
}

/// `GET /{handle}/status/{id}`: one post with its answers.
pub(super) fn post(state: &State, handle: &str, id: &str) -> Response<Vec<u8>> {
    let found = tweets::find(state, id).filter(|at| {
        let author = &state.account(state.tweets[*at].account).handle;
        author.eq_ignore_ascii_case(handle)
    });
    let Some(at) = found else {
        return missing();
    };
    let mut body = String::from("<p><a href=\"../../feed\">Feed</a></p>");
    show(&mut body, state, &answers(state), at, "../../");
    page(StatusCode::OK, "Post", &body)
}

/// `GET /media/{id}`: the bytes of an attached file.
pub(super) fn file(state: &State, id: &str) -> Response<Vec<u8>> {
    let Some(file) = state.files.get(id) else {
        return page(StatusCode::NOT_FOUND, "Not found", "<h1>Not found</h1>");
    };
    typed(StatusCode::OK, &file.mime, file.bytes.clone())
}

/// The living answers of every post, oldest first.
fn answers(state: &State) -> HashMap<usize, Vec<usize>> {
    let mut answers: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, tweet) in state.tweets.iter().enumerate().filter(|(_, tweet)| !tweet.is_deleted) {
        if let Some(parent) = tweet.parent {
            answers.entry(parent).or_default().push(at);
        }
    }
    answers
}

/// Writes a post and what answers it, without recursion: a chain may be long.
fn show(
    out: &mut String,
    state: &State,
    answers: &HashMap<usize, Vec<usize>>,
    root: usize,
    base: &str,
) {
    let mut open = vec![(root, 0)];
    let mut depth = 0;
    while let Some((at, wanted)) = open.pop() {
        while depth > wanted {
            out.push_str("</article>");
            depth -= 1;
        }
        depth += 1;
        inside(out, state, &state.tweets[at], at, base);
        if depth < DEPTH_MAX {
            let below = answers.get(&at).into_iter().flatten().rev();
            open.extend(below.map(|answer| (*answer, depth)));
        }
    }
    out.push_str(&"</article>".repeat(depth));
}

fn inside(out: &mut String, state: &State, tweet: &Tweet, at: usize, base: &str) {
    let author = &state.account(tweet.account).handle;
    let (by, link) = (format!("@{author}"), format!("{base}{author}/status/{}", tweets::id(at)));
    let files: Vec<_> =
        tweet.files.iter().filter_map(|id| Some((id, state.files.get(id)?))).collect();
    let sources: Vec<String> = files.iter().map(|(id, _)| format!("{base}media/{id}")).collect();
    let shown = files.iter().zip(&sources).map(|((_, file), source)| {
        [source.as_str(), &file.mime, file.alt_text.as_deref().unwrap_or_default()]
    });
    let article = Article {
        by: &by,
        at: tweet.created_at,
        link: &link,
        text: &tweet.text,
        files: shown.collect(),
        ..Article::default()
    };
    article.write(out);
    if let Some(poll) = &tweet.poll {
        out.push_str("<div class=poll>");
        for option in &poll.options {
            let _ = write!(out, "<div>{}</div>", escaped(option));
        }
        let _ = write!(out, "<span class=at>{} minutes</span></div>", poll.duration_minutes);
    }
}
