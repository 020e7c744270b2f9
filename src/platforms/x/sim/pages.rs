//! The pages of the simulated X that a person looks at: consent, feed, one post.
//!
//! Links are relative, so that the pages work under any prefix.

use super::links::escaped;
use super::state::State;
use super::tweets::{self, Tweet};
use domain::time::Timestamp;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use std::collections::HashMap;
use std::fmt::Write as _;

/// Posts on the feed, threads counted by their first.
const FEED_MAX: usize = 100;
/// Answers shown below each other, deeper ones on the post's own page.
const DEPTH_MAX: usize = 50;
/// Accounts that the consent page offers before anybody signed up.
const OFFERED: [&str; 3] = ["acme", "beta", "gamma"];
/// Accounts on the consent page.
const OFFERED_MAX: usize = 50;

const STYLE: &str = "body{margin:0;background:#f5f6f8;color:#0f1419;font:16px/1.45 system-ui,\
sans-serif}main{max-width:600px;margin:0 auto;padding:24px 16px}h1{font-size:20px}article{\
background:#fff;border:1px solid #dfe3e8;border-radius:14px;padding:14px 16px;margin:12px 0}\
article article{border-width:0 0 0 3px;border-radius:0;margin:12px 0 0 6px;padding:2px 0 2px 14px}\
p{margin:6px 0;white-space:pre-wrap;overflow-wrap:anywhere}.by{font-weight:600}a{color:#1668b8;\
text-decoration:none}.at{color:#5b6670;font-size:14px}img,video{max-width:100%;border-radius:10px;\
margin-top:8px}.poll div{background:#e8eef5;border-radius:8px;padding:6px 10px;margin:6px 0}button{\
font:inherit;font-weight:600;border:0;border-radius:20px;padding:9px 18px;margin:4px 0;width:100%;\
background:#0f1419;color:#fff;cursor:pointer}.no{background:#dfe3e8;color:#0f1419}input{\
font:inherit;padding:8px 10px;border:1px solid #c4ccd4;border-radius:10px;\
width:100%;box-sizing:border-box}";

/// The page that asks which account a registration may use.
pub(super) fn consent(state: &State, fields: &[(&str, String)]) -> Response<Vec<u8>> {
    let mut hidden = String::new();
    for (name, value) in fields {
        let value = attribute(value);
        let _ = write!(hidden, "<input type=hidden name=\"{name}\" value=\"{value}\">");
    }
    let value = |name: &str| fields.iter().find(|(key, _)| *key == name).map_or("", |(_, v)| v);
    let mut body = format!(
        "<h1>Connect an account</h1><p>{} asks to post, upload files and stay signed in.\n\
         <span class=at>{}</span></p>",
        escaped(value("client_id")),
        escaped(value("scope"))
    );
    let known = state.handles().take(OFFERED_MAX);
    let offered = OFFERED.into_iter().filter(|name| state.handles().all(|handle| handle != *name));
    for handle in offered.chain(known) {
        let _ = write!(
            body,
            "<form method=post action=authorize>{hidden}<button name=account value=\"{handle}\">\
             Connect @{handle}</button></form>"
        );
    }
    let _ = write!(
        body,
        "<form method=post action=authorize>{hidden}<p><input name=account required maxlength=30 \
         placeholder=\"another handle\" aria-label=\"another handle\"></p>\
         <button>Connect this one</button></form>\
         <form method=post action=authorize>{hidden}<button class=no name=deny value=1>Cancel\
         </button></form>"
    );
    page(StatusCode::OK, "Connect an account", &body)
}

/// The page for a request that cannot be asked.
pub(super) fn refused(why: &str) -> Response<Vec<u8>> {
    let body = format!("<h1>Something went wrong</h1><p>{}</p>", escaped(why));
    page(StatusCode::BAD_REQUEST, "Something went wrong", &body)
}

/// `GET /feed`: what is out, newest first, answers below what they answer.
pub(super) fn feed(state: &State, now: Timestamp) -> Response<Vec<u8>> {
    let answers = answers(state);
    let living = |at: &usize| state.tweets.get(*at).is_some_and(|tweet| !tweet.is_deleted);
    let roots = (0..state.tweets.len()).rev().filter(living);
    let roots = roots.filter(|at| state.tweets[*at].parent.is_none_or(|parent| !living(&parent)));
    let mut body = format!("<h1>Simulated X</h1><p class=at>as of {now}</p>");
    let mut is_empty = true;
    for at in roots.take(FEED_MAX) {
        is_empty = false;
        show(&mut body, state, &answers, at, "");
    }
    if is_empty {
        body.push_str("<p>Nothing has been posted yet.</p>");
    }
    page(StatusCode::OK, "Simulated X", &body)
}

/// `GET /{handle}/status/{id}`: one post with its answers.
pub(super) fn post(state: &State, handle: &str, id: &str) -> Response<Vec<u8>> {
    let found = tweets::find(state, id).filter(|at| {
        let author = &state.account(state.tweets[*at].account).handle;
        author.eq_ignore_ascii_case(handle)
    });
    let Some(at) = found else {
        let body = "<h1>This post does not exist</h1>";
        return page(StatusCode::NOT_FOUND, "This post does not exist", body);
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
    let mut response = Response::new(file.bytes.clone());
    if let Ok(mime) = HeaderValue::from_str(&file.mime) {
        response.headers_mut().insert(CONTENT_TYPE, mime);
    }
    response
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
        out.push_str("<article>");
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
    let id = tweets::id(at);
    let handle = &state.account(tweet.account).handle;
    let _ = write!(
        out,
        "<span class=by>@{handle}</span> <a class=at href=\"{base}{handle}/status/{id}\">{}</a>\
         <p>{}</p>",
        tweet.created_at,
        escaped(&tweet.text)
    );
    for id in &tweet.files {
        let Some(file) = state.files.get(id) else {
            continue;
        };
        let told = attribute(file.alt_text.as_deref().unwrap_or_default());
        let _ = if file.mime.starts_with("video/") {
            write!(out, "<video controls src=\"{base}media/{id}\" aria-label=\"{told}\"></video>")
        } else {
            write!(out, "<img src=\"{base}media/{id}\" alt=\"{told}\">")
        };
    }
    if let Some(poll) = &tweet.poll {
        out.push_str("<div class=poll>");
        for option in &poll.options {
            let _ = write!(out, "<div>{}</div>", escaped(option));
        }
        let _ = write!(out, "<span class=at>{} minutes</span></div>", poll.duration_minutes);
    }
}

fn attribute(text: &str) -> String {
    escaped(text).replace('"', "&quot;")
}

fn page(status: StatusCode, title: &str, body: &str) -> Response<Vec<u8>> {
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport \
         content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style><main>{body}</main></html>"
    );
    let mut response = Response::new(html.into_bytes());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
