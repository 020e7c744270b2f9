//! The cookie that binds a visit to one browser, and the guard against forms of other sites.
//!
//! Invariant: what the cookie holds goes to the verbs and nowhere else.

use crate::pages::Page;
use crate::pages::connecting::{self, Ways};
use app::App;
use axum::extract::{FromRef, FromRequestParts};
use domain::secret::Secret;
use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use std::convert::Infallible;

/// The browser itself then holds it to this host, all of it, and to https.
const SECURE_NAME: &str = "__Host-postfleet-visit";
/// Where nothing is encrypted, as on a developer's machine, no browser would take that.
const PLAIN_NAME: &str = "postfleet-visit";
/// A session is 64 digits; what is longer is not looked up.
const SESSION_SIZE_BYTES_MAX: usize = 128;

/// A browser, and its visit where it has one.
pub(crate) struct Visitor(pub Option<Secret>);

impl Visitor {
    /// The session of the visit.
    pub fn session(&self) -> Result<&Secret, Page> {
        self.0.as_ref().ok_or_else(|| {
            let story = "This page belongs to a visit that begins with a link. Open the link that \
                         you were sent in this browser, or ask for a new one; cookies have to be \
                         allowed.";
            let (status, title) = (StatusCode::FORBIDDEN, "Open your link first");
            connecting::refused(status, title, story, &Ways::default())
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor
where
    App: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let name = name(App::from_ref(state).public_url());
        Ok(Self(session(&parts.headers, name).map(Secret::from)))
    }
}

fn session(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|one| one.split_once('='));
    let (_, value) = pairs.find(|(key, _)| key.trim() == name)?;
    let value = value.trim();
    ((1..=SESSION_SIZE_BYTES_MAX).contains(&value.len())).then(|| value.to_owned())
}

/// The header that gives a browser its session. It lives as long as the window, and the visit
/// ends by itself.
pub(crate) fn keep(public_url: &str, session: &Secret) -> Option<HeaderValue> {
    let (name, session) = (name(public_url), session.expose());
    let secure = if is_https(public_url) { "; Secure" } else { "" };
    let cookie = format!("{name}={session}; Path=/; HttpOnly; SameSite=Lax{secure}");
    let mut cookie = HeaderValue::from_str(&cookie).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

fn name(public_url: &str) -> &'static str {
    if is_https(public_url) { SECURE_NAME } else { PLAIN_NAME }
}

fn is_https(url: &str) -> bool {
    url.starts_with("https://")
}

/// The request comes from a page of ours, as far as the browser tells.
pub(crate) struct SameOrigin;

impl<S: Send + Sync> FromRequestParts<S> for SameOrigin {
    type Rejection = Page;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Page> {
        // `Origin` tells nothing here: our pages are without a referrer, which makes it `null`.
        match parts.headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
            None | Some(b"same-origin" | b"none") => Ok(Self),
            Some(_) => {
                let story = "This form was sent from a page that is not ours, so nothing was done. \
                             Open the link that you were sent, and go on from there.";
                let title = "This came from somewhere else";
                Err(connecting::refused(StatusCode::FORBIDDEN, title, story, &Ways::default()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&'static str]) -> HeaderMap {
        let name = http::HeaderName::from_static(name);
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_session_is_read_among_other_cookies_by_its_whole_name() {
        let among = headers("cookie", &["a=1; postfleet-visit=abc ; b=2", "postfleet-visit=late"]);
        assert_eq!(session(&among, PLAIN_NAME).as_deref(), Some("abc"));
        for none in ["xpostfleet-visit=abc", "postfleet-visit=", "postfleet-visit", ""] {
            assert_eq!(session(&headers("cookie", &[none]), PLAIN_NAME), None, "{none}");
        }
        // A browser lets nobody but this host set the name that stands here under https.
        assert_eq!(name("https://posts.example"), "__Host-postfleet-visit");
        assert_eq!(session(&among, SECURE_NAME), None);
    }

    #[test]
    fn under_https_the_cookie_never_travels_in_clear() {
        let kept = |url| keep(url, &"abc".into()).unwrap();
        let secure = kept("https://posts.example");
        let words = "__Host-postfleet-visit=abc; Path=/; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(secure, words);
        assert!(secure.is_sensitive());
        let plain = kept("http://127.0.0.1:8080");
        assert_eq!(plain, "postfleet-visit=abc; Path=/; HttpOnly; SameSite=Lax");
    }

    #[tokio::test]
    async fn a_form_of_another_site_is_turned_away() {
        async fn passes(sites: &[&'static str]) -> bool {
            let mut request = http::Request::new(());
            *request.headers_mut() = headers("sec-fetch-site", sites);
            let (mut parts, ()) = request.into_parts();
            SameOrigin::from_request_parts(&mut parts, &()).await.is_ok()
        }
        assert!(passes(&[]).await && passes(&["same-origin"]).await && passes(&["none"]).await);
        assert!(!passes(&["cross-site"]).await && !passes(&["same-site"]).await);
    }
}
