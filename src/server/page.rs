//! The page that a person sees at the end of a consent.
//!
//! Invariant: everything shown is escaped, and the browser may load, run, frame and remember
//! nothing; the page's own address holds a code.

use axum::response::{Html, IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS};
use http::{HeaderValue, StatusCode};

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "body{font:1.05rem/1.5 system-ui,sans-serif;color:#1b1f24;background:#f4f5f7;\
                     display:grid;place-items:center;min-height:100vh;margin:0}\
                     main{background:#fff;border-top:4px solid var(--tone);border-radius:8px;\
                     box-shadow:0 1px 4px #0002;max-width:32rem;padding:1.5rem 2rem;margin:1rem;\
                     overflow-wrap:anywhere}h1{font-size:1.3rem;margin:0 0 .5rem}";

/// A page with one message.
#[derive(Debug)]
pub(crate) struct Page {
    pub status: StatusCode,
    pub title: &'static str,
    pub story: String,
    entries: Vec<String>,
}

impl Page {
    /// These accounts are connected.
    pub fn connected(accounts: Vec<String>) -> Self {
        let story = "You can close this window.".to_owned();
        Self { status: StatusCode::OK, title: "Connected", story, entries: accounts }
    }

    /// It did not come to a connection.
    pub fn failure(status: StatusCode, title: &'static str, story: String) -> Self {
        Self { status, title, story, entries: Vec::new() }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let tone = if self.status.is_success() { "#1a7f37" } else { "#bc4c00" };
        let entry = |entry: &String| format!("<li>{}</li>", escape(entry));
        let list = match self.entries.as_slice() {
            [] => String::new(),
            entries => format!("<ul>{}</ul>", entries.iter().map(entry).collect::<String>()),
        };
        let html = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <title>{title} – postfleet</title><style>:root{{--tone:{tone}}}{STYLE}</style></head>\
             <body><main><h1>{title}</h1>{list}<p>{story}</p></main></body></html>\n",
            title = escape(self.title),
            story = escape(&self.story),
        );
        let headers = [
            (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        ];
        (self.status, headers, Html(html)).into_response()
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shown(page: Page) -> (Response<()>, String) {
        let (parts, body) = page.into_response().into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn what_comes_from_outside_is_escaped_everywhere() {
        let evil = "<script>alert('1')</script>\"&";
        let escaped = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;";
        let (_, html) = shown(Page::connected(vec![evil.to_owned()])).await;
        assert!(html.contains(escaped) && !html.contains("<script"), "{html}");
        let page = Page::failure(StatusCode::CONFLICT, "No", evil.to_owned());
        let (response, html) = shown(page).await;
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert!(html.contains(escaped) && !html.contains("<script"), "{html}");
    }

    #[tokio::test]
    async fn the_browser_may_load_frame_and_refer_nothing() {
        let (response, _) = shown(Page::connected(Vec::new())).await;
        let headers = response.headers();
        assert!(headers["content-type"].to_str().unwrap().starts_with("text/html"));
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors"));
        assert_eq!(headers["referrer-policy"], "no-referrer");
    }
}
