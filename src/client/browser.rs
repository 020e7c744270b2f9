//! The part of a consent that a person's browser does, for simulated platforms.
//!
//! Invariant: it goes nowhere but to this machine, so nobody's consent is ever given by a program.

use crate::error::{Error, silent};
use crate::http::plain;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response};
use url::Url;

/// Pages that lead on by themselves, at most.
const HOPS_MAX: usize = 8;

/// A browser with one cookie and no screen.
pub struct Browser {
    http: Client,
    cookie: Option<String>,
}

impl Browser {
    /// A browser that has been nowhere.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { http: plain()?, cookie: None })
    }

    /// What the fleet has this browser say with every request.
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// Opens a link of the fleet, which uses it up; where the page behind it leads.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the fleet refuses.
    pub async fn enter(&mut self, link: &Url) -> Result<Url, Error> {
        let response = self.send(self.http.post(link.clone()), link).await?;
        let cookies = response.headers().get_all(SET_COOKIE).iter();
        let cookie = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next()).next();
        self.cookie = cookie.map(str::to_owned).or(self.cookie.take());
        onward(link, response).await
    }

    /// Begins a consent in this one of the ways that the fleet offers; the platform's page.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the fleet refuses.
    pub async fn begin(&self, lobby: &Url, way: &str) -> Result<Url, Error> {
        let request = self.http.post(lobby.clone()).form(&[("way", way)]);
        onward(lobby, self.send(request, lobby).await?).await
    }

    /// Answers the consent page of a simulated platform: grants these accounts by their handles
    /// (the page's own choice without any). Where the platform sends the browser back to.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the page is not on this machine or does not send us back.
    pub async fn allow(&self, page: &Url, handles: &[&str]) -> Result<Url, Error> {
        let shown = self.send(self.http.get(page.clone()), page).await?;
        if !shown.status().is_success() {
            let text = shown.text().await.map_err(silent)?;
            return Err(Error::Unusable(format!("the consent page refuses: {text}")));
        }
        let mut action = page.clone();
        action.set_query(None);
        let mut fields: Vec<(String, String)> = page.query_pairs().into_owned().collect();
        fields.extend(handles.iter().map(|handle| ("account".to_owned(), (*handle).to_owned())));
        let granted = self.send(self.http.post(action).form(&fields), page).await?;
        if let Some(back) = location(page, &granted) {
            return Ok(back);
        }
        let text = granted.text().await.map_err(silent)?;
        Err(Error::Unusable(format!("the consent page does not send us back: {text}")))
    }

    /// Brings code and state back to the fleet, ticks whatever there is to choose from, and looks
    /// at the page in the end.
    ///
    /// # Errors
    /// [`Error::Unusable`] with the page when it tells of a refusal.
    pub async fn finish(&self, back: &Url) -> Result<String, Error> {
        let mut at = back.clone();
        let mut response = self.send(self.http.get(at.clone()), &at).await?;
        for _ in 0..HOPS_MAX {
            let status = response.status();
            if let Some(next) = location(&at, &response) {
                response = self.send(self.http.get(next.clone()), &next).await?;
                at = next;
                continue;
            }
            let text = response.text().await.map_err(silent)?;
            let ticked: Vec<_> = boxes(&text).map(|id| ("id", id)).collect();
            if !status.is_success() {
                return Err(Error::Unusable(format!("the fleet refuses (HTTP {status}): {text}")));
            }
            if ticked.is_empty() {
                return Ok(text);
            }
            response = self.send(self.http.post(at.clone()).form(&ticked), &at).await?;
        }
        Err(Error::Unusable("the fleet sends the browser round in circles".into()))
    }

    async fn send(&self, request: RequestBuilder, to: &Url) -> Result<Response, Error> {
        if !is_loopback(to) {
            return Err(Error::Unusable("only a simulated platform is answered for you".into()));
        }
        let request = match &self.cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        };
        request.send().await.map_err(silent)
    }
}

/// Where a page leads by itself: a redirect, or a refresh in its head.
async fn onward(from: &Url, response: Response) -> Result<Url, Error> {
    if let Some(next) = location(from, &response) {
        return Ok(next);
    }
    let status = response.status();
    let text = response.text().await.map_err(silent)?;
    refresh(&text).and_then(|next| from.join(&next).ok()).ok_or_else(|| {
        Error::Unusable(format!("the fleet does not lead on (HTTP {status}): {text}"))
    })
}

fn location(from: &Url, response: &Response) -> Option<Url> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    response.status().is_redirection().then(|| from.join(location).ok())?
}

/// The address in `<meta http-equiv="refresh" content="0; url=…">`.
fn refresh(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("http-equiv=\"refresh\"")?;
    let (_, rest) = rest.split_once("url=")?;
    rest.split_once('"').map(|(url, _)| plain_text(url))
}

/// What the boxes of a choice stand for.
fn boxes(page: &str) -> impl Iterator<Item = String> + '_ {
    let starts = page.split("name=\"id\" value=\"").skip(1);
    starts.filter_map(|rest| rest.split_once('"').map(|(id, _)| plain_text(id)))
}

fn plain_text(html: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    pairs.iter().fold(html.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The address is one of this machine's own.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_a_loopback() {
        let is = |text: &str| is_loopback(&Url::parse(text).unwrap());
        assert!(is("http://127.0.0.1:1/x") && is("http://localhost/") && is("http://[::1]/"));
        assert!(!is("http://127.0.0.1.example.com/") && !is("https://x.com/i/oauth2/authorize"));
    }

    #[test]
    fn a_page_is_read_as_far_as_it_leads_on() {
        let page = "<meta http-equiv=\"refresh\" content=\"0; url=http://a/b?c=d&amp;e=f\">";
        assert_eq!(refresh(page).as_deref(), Some("http://a/b?c=d&e=f"));
        let page = "<input type=checkbox name=\"id\" value=\"urn:1\"> <input name=\"id\" value=\"2\" \
                    checked>";
        assert_eq!(boxes(page).collect::<Vec<_>>(), ["urn:1", "2"]);
    }
}
