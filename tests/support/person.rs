//! A person who was sent a link, with a browser of their own.

use super::scene::{Scene, Way};
use base::digest::sha256;
use client::Browser;
use serde_json::{Value, json};
use url::Url;

/// A person who has consented at the platform, and is on the way back.
pub struct Person {
    /// Where they are let in, and what they are known by.
    pub browser: Browser,
    /// The platform's page that asked for consent.
    pub page: Url,
    /// The address that the platform sends them back to, with code and state.
    pub back: Url,
}

impl Person {
    /// What the address on the way back says under this name.
    pub fn brings(&self, name: &str) -> String {
        value(&self.back, name)
    }

    /// What is stored of the state.
    pub fn state_sha256(&self) -> Vec<u8> {
        sha256(value(&self.page, "state").as_bytes()).to_vec()
    }
}

/// A value in the query of an address; empty where it is not there.
pub fn value(url: &Url, name: &str) -> String {
    let mut pairs = url.query_pairs();
    pairs.find(|(key, _)| key == name).map_or_else(String::new, |(_, value)| value.into_owned())
}

/// The address with another value in its query.
pub fn with(url: &Url, name: &str, other: &str) -> Url {
    let mut changed = url.clone();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let pairs = pairs.into_iter().filter(|(key, _)| key != name);
    changed.query_pairs_mut().clear().extend_pairs(pairs).append_pair(name, other);
    changed
}

impl Scene<'_> {
    /// A person with a link to connect in this way, who consents as `handle`.
    pub async fn person(&self, way: Way, handle: &str) -> Person {
        self.person_with(way, &[handle], json!({})).await
    }

    /// The same with more in the link, and several accounts in the consent.
    pub async fn person_with(&self, way: Way, handles: &[&str], mut wish: Value) -> Person {
        wish["brandSlug"] = self.brand.clone().into();
        if let Some(app) = way.1 {
            wish["app"] = app.into();
        }
        let link = self.api.client.authorize_with(way.0, &wish).await.unwrap();
        let mut browser = Browser::new().unwrap();
        let page = browser.enter(&link).await.unwrap();
        let back = browser.allow(&page, handles).await.unwrap();
        Person { browser, page, back }
    }

    /// How often a code was shown to the simulated platform.
    pub fn exchanges(&self, platform: &str, code: &str) -> usize {
        let log = self.sim.log_of(platform);
        let requests = log.iter().filter_map(|line| line.get("request"));
        let form = |request: &Value| request["body"].as_str().unwrap_or_default().to_owned();
        let shows = |form: &String| {
            url::form_urlencoded::parse(form.as_bytes()).any(|(n, v)| n == "code" && v == code)
        };
        requests.map(form).filter(shows).count()
    }

    /// The accounts of the brand.
    pub async fn connected(&self) -> Vec<client::Account> {
        self.api.client.accounts(&self.brand).await.unwrap()
    }
}
