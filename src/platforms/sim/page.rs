//! The pages of a simulated platform that a person looks at. Links are relative, so that they
//! work under any prefix.

use super::http::typed;
use domain::time::Timestamp;
use http::{Response, StatusCode};
use std::fmt::Write as _;

/// Posts on a feed.
pub(crate) const FEED_MAX: usize = 100;

const STYLE: &str = include_str!("page.css");

/// A whole page; the body is HTML already.
pub(crate) fn page(status: StatusCode, title: &str, body: &str) -> Response<Vec<u8>> {
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport \
         content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style><main>{body}</main></html>"
    );
    typed(status, "text/html; charset=utf-8", html.into_bytes())
}

/// The page for a request that cannot be asked.
pub(crate) fn refused(why: &str) -> Response<Vec<u8>> {
    let body = format!("<h1>Something went wrong</h1><p>{}</p>", escaped(why));
    page(StatusCode::BAD_REQUEST, "Something went wrong", &body)
}

/// The page for a post that is not there.
pub(crate) fn missing() -> Response<Vec<u8>> {
    let body = "<h1>This post does not exist</h1>";
    page(StatusCode::NOT_FOUND, "This post does not exist", body)
}

/// One post on a page.
#[derive(Debug, Default)]
pub(crate) struct Article<'a> {
    /// Who wrote it, as `@acme`.
    pub by: &'a str,
    /// When.
    pub at: Timestamp,
    /// Its own page, relative to the page it is shown on; empty on that page itself.
    pub link: &'a str,
    /// A heading, where the platform has one.
    pub title: &'a str,
    /// The wording.
    pub text: &'a str,
    /// Its files: address relative to the page, media type, what a screen reader says.
    pub files: Vec<[&'a str; 3]>,
    /// What else a person would see, as "Who may reply: everyone".
    pub notes: Vec<String>,
}

impl Article<'_> {
    /// Writes it; the last element is left open for what answers it.
    pub fn write(&self, out: &mut String) {
        let (by, link, at) = (escaped(self.by), attribute(self.link), self.at);
        let _ = write!(out, "<article><span class=by>{by}</span> ");
        let _ = match link.as_str() {
            "" => write!(out, "<span class=at>{at}</span>"),
            link => write!(out, "<a class=at href=\"{link}\">{at}</a>"),
        };
        if !self.title.is_empty() {
            let _ = write!(out, "<h1>{}</h1>", escaped(self.title));
        }
        let _ = write!(out, "<p>{}</p>", escaped(self.text));
        for [source, mime, told] in &self.files {
            let (source, told) = (attribute(source), attribute(told));
            let _ = if mime.starts_with("video/") {
                write!(out, "<video controls src=\"{source}\" aria-label=\"{told}\"></video>")
            } else {
                write!(out, "<img src=\"{source}\" alt=\"{told}\">")
            };
        }
        for note in &self.notes {
            let _ = write!(out, "<p class=at>{}</p>", escaped(note));
        }
    }
}

/// A feed: the articles as they are written already, newest first.
pub(crate) fn feed(platform: &str, now: Timestamp, articles: &str) -> Response<Vec<u8>> {
    let title = format!("Simulated {platform}");
    let nothing = "<p>Nothing has been posted yet.</p>";
    let articles = if articles.is_empty() { nothing } else { articles };
    let body = format!("<h1>{title}</h1><p class=at>as of {now}</p>{articles}");
    page(StatusCode::OK, &title, &body)
}

/// Text as HTML shows it.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Text inside a quoted attribute.
pub(crate) fn attribute(text: &str) -> String {
    escaped(text).replace('"', "&quot;")
}
