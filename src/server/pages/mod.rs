//! The pages that a person sees while an account is connected.
//!
//! Invariant: everything shown is escaped, and the browser may load, run, frame and remember
//! nothing; whatever leads on is a plain link or a form of this very server.

pub(crate) mod connecting;
mod markup;

pub(crate) use markup::Markup;

use axum::response::{Html, IntoResponse, Response};
use base::digest::sha256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS};
use http::{HeaderValue, StatusCode};
use std::sync::LazyLock;

const STYLE: &str = include_str!("style.css");

/// Names the one style sheet by its digest, so that no other can be slipped in.
static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| policy(STYLE));

/// What a page with this style sheet may do.
pub(crate) fn policy(style: &str) -> Option<HeaderValue> {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
        STANDARD.encode(sha256(style.as_bytes()))
    );
    policy.parse().ok()
}

const LOGO: &str = "<svg viewBox=\"0 0 32 32\" aria-hidden=\"true\">\
                    <rect width=\"32\" height=\"32\" rx=\"8\" fill=\"#1d57b5\"/>\
                    <path d=\"M7 10.5h9l-3 4H7zM7 17h14l-3 4H7z\" fill=\"#fff\" opacity=\".75\"/>\
                    <path d=\"M19 10.5h6.5l-3 4H16z\" fill=\"#fff\"/></svg>";

/// What a person has to know before they trust us with anything.
const PROMISE: &str = "You sign in with the platform itself, so your password never reaches us. \
                       You can take the permission back there at any time.";

/// A page.
#[derive(Debug)]
pub(crate) struct Page {
    pub status: StatusCode,
    /// What the window is called; the heading is a part of the body.
    pub title: String,
    pub body: Markup,
    /// Where the browser goes by itself, without a form having sent it there.
    pub onward: Option<String>,
}

impl Page {
    /// A page with this heading and body.
    pub fn new(status: StatusCode, title: &str, body: &Markup) -> Self {
        let body = Markup::of("<h1>{}</h1>", &[title]).then(body);
        Self { status, title: title.to_owned(), body, onward: None }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let onward = self.onward.as_deref().map_or_else(Markup::default, |url| {
            Markup::of("<meta http-equiv=\"refresh\" content=\"0; url={}\">", &[url])
        });
        let title = Markup::of("<title>{} – postfleet</title>", &[&self.title]);
        // The style stands as it is hashed.
        let html = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"robots\" content=\"noindex\">{}{}<style>{STYLE}</style></head>\
             <body><header>{LOGO}postfleet</header><main>{}</main>\
             <footer><p>{PROMISE}</p></footer></body></html>\n",
            onward.into_string(),
            title.into_string(),
            self.body.into_string(),
        );
        let mut response = (self.status, Html(html)).into_response();
        guard(&mut response);
        response
    }
}

/// Says to the browser what a page of this story may do: nothing, and tell nobody where it was.
pub(crate) fn guard(response: &mut Response) {
    let headers = response.headers_mut();
    if let Some(policy) = POLICY.as_ref() {
        headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

#[cfg(test)]
pub(crate) async fn shown(page: Page) -> (http::HeaderMap, String) {
    let (parts, body) = page.into_response().into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_browser_may_load_run_frame_and_remember_nothing() {
        let page = Page::new(StatusCode::OK, "<b>", &Markup::of("<p>{}</p>", &["<i>"]));
        let (headers, html) = shown(page).await;
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(headers[REFERRER_POLICY], "no-referrer");
        assert_eq!(headers[X_FRAME_OPTIONS], "DENY");
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert!(html.contains("<h1>&lt;b&gt;</h1>") && html.contains("<p>&lt;i&gt;</p>"), "{html}");
        assert!(html.contains("<title>&lt;b&gt; – postfleet</title>"));
        let (_, rest) = html.split_once("<style>").unwrap();
        let (style, _) = rest.split_once("</style>").unwrap();
        let hash = STANDARD.encode(sha256(style.as_bytes()));
        assert!(policy.contains(&format!("'sha256-{hash}'")), "the style is the one that is named");
    }

    #[tokio::test]
    async fn a_page_that_leads_on_names_the_way_as_text() {
        let mut page = Page::new(StatusCode::OK, "On", &Markup::default());
        page.onward = Some("https://a.example/?a=1&b=\"2\"".to_owned());
        let (_, html) = shown(page).await;
        let way = "content=\"0; url=https://a.example/?a=1&amp;b=&quot;2&quot;\">";
        assert!(html.contains(way), "{html}");
    }
}
