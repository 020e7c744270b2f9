//! The calls of the API.

use crate::browser::Browser;
use crate::error::Error;
use crate::http::{plain, send, send_for_page};
use crate::place::Place;
use crate::views::{Account, Amends, Brand, Calendar, Disconnected, Post, Retried, Slots, Whole};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use url::Url;

/// The way to one fleet with one key. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    base: Url,
    key: String,
    http: reqwest::Client,
}

impl Client {
    /// The way to the fleet at `place`.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the address is no HTTP URL.
    pub fn new(place: &Place) -> Result<Self, Error> {
        let base = Url::parse(&place.api_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| Error::Unusable(format!("{:?} is no HTTP URL", place.api_url)))?;
        Ok(Self { base, key: place.api_key.clone(), http: plain()? })
    }

    /// Enqueues a post. With the same `idempotency_key` it can be sent again without harm.
    ///
    /// # Errors
    /// All violations in [`Error::Refused`]; after [`Error::Silent`] it may have been accepted.
    pub async fn post(&self, post: &Value, idempotency_key: Option<&str>) -> Result<Post, Error> {
        let request = self.request(Method::POST, &["v1", "posts"])?.json(post);
        send(match idempotency_key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        })
        .await
    }

    /// Checks a post without enqueuing it.
    ///
    /// # Errors
    /// All violations in [`Error::Refused`].
    pub async fn validate(&self, post: &Value) -> Result<Value, Error> {
        send(self.request(Method::POST, &["v1", "posts", "validate"])?.json(post)).await
    }

    /// Shows a post.
    ///
    /// # Errors
    /// As every call.
    pub async fn show(&self, post_id: &str) -> Result<Post, Error> {
        send(self.request(Method::GET, &["v1", "posts", post_id])?).await
    }

    /// Shows a delivery with its sentence and its timeline.
    ///
    /// # Errors
    /// As every call.
    pub async fn delivery(&self, delivery_id: &str) -> Result<Whole, Error> {
        send(self.request(Method::GET, &["v1", "deliveries", delivery_id])?).await
    }

    /// Settles a delivery that is under review: `outcome`, `reason`, and what belongs to them.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not under review, or the statement cannot be true.
    pub async fn review(&self, delivery_id: &str, statement: &Value) -> Result<Whole, Error> {
        let path = ["v1", "deliveries", delivery_id, "review"];
        send(self.request(Method::POST, &path)?.json(statement)).await
    }

    /// Sends again what failed of one cause, or with `preview` only counts it: `platform`,
    /// `errorType`, `accountId`, `brandSlug`, `failedAfter`, `failedBefore`, at least one of them.
    ///
    /// # Errors
    /// As every call.
    pub async fn retry_by_cause(&self, cause: &Value) -> Result<Retried, Error> {
        let path = ["v1", "deliveries", "retry"];
        send(self.request(Method::POST, &path)?.json(cause)).await
    }

    /// Takes back what has not gone out yet.
    ///
    /// # Errors
    /// As every call.
    pub async fn cancel(&self, post_id: &str) -> Result<Post, Error> {
        send(self.request(Method::POST, &["v1", "posts", post_id, "cancel"])?).await
    }

    /// Sends the failed deliveries of a post again.
    ///
    /// # Errors
    /// As every call.
    pub async fn retry(&self, post_id: &str) -> Result<Post, Error> {
        send(self.request(Method::POST, &["v1", "posts", post_id, "retry"])?).await
    }

    /// Creates a brand, or renames the one with this slug.
    ///
    /// # Errors
    /// As every call.
    pub async fn ensure_brand(&self, slug: &str, name: &str) -> Result<Brand, Error> {
        let body = json!({"slug": slug, "name": name});
        send(self.request(Method::POST, &["v1", "brands"])?.json(&body)).await
    }

    /// Shows the weekly slots of an owner: `["brands", slug]` or `["accounts", id]`.
    ///
    /// # Errors
    /// As every call.
    pub async fn slots(&self, owner: [&str; 2]) -> Result<Slots, Error> {
        send(self.request(Method::GET, &["v1", owner[0], owner[1], "slots"])?).await
    }

    /// Sets the weekly slots of an owner, each as `{"day": "mon", "time": "09:30"}`.
    ///
    /// # Errors
    /// All violations in [`Error::Refused`].
    pub async fn put_slots(&self, owner: [&str; 2], slots: &[Value]) -> Result<Slots, Error> {
        let request = self.request(Method::PUT, &["v1", owner[0], owner[1], "slots"])?;
        send(request.json(&json!({ "slots": slots }))).await
    }

    /// Shows what a brand plans from one day or time to another, and its free slots, behind the
    /// `next_cursor` of a page.
    ///
    /// # Errors
    /// As every call.
    pub async fn calendar(
        &self,
        brand_slug: &str,
        (from, to): (&str, &str),
        after: Option<&str>,
    ) -> Result<Calendar, Error> {
        let request = self.request(Method::GET, &["v1", "calendar"])?;
        let request = request.query(&[("brand", brand_slug), ("from", from), ("to", to)]);
        let (entries, next_cursor) = send_for_page(match after {
            Some(after) => request.query(&[("after", after)]),
            None => request,
        })
        .await?;
        Ok(Calendar { entries, next_cursor })
    }

    /// Shows the accounts of a brand.
    ///
    /// # Errors
    /// As every call.
    pub async fn accounts(&self, brand_slug: &str) -> Result<Vec<Account>, Error> {
        send(self.request(Method::GET, &["v1", "brands", brand_slug, "accounts"])?).await
    }

    /// Shows accounts, newest first: those for which the pairs hold, as `brand`, `platform`,
    /// `status`, `limit` and `before`.
    ///
    /// # Errors
    /// As every call.
    pub async fn list_accounts(&self, sought: &[(&str, &str)]) -> Result<Vec<Account>, Error> {
        send(self.request(Method::GET, &["v1", "accounts"])?.query(sought)).await
    }

    /// Shows an account.
    ///
    /// # Errors
    /// As every call.
    pub async fn account(&self, account_id: &str) -> Result<Account, Error> {
        send(self.request(Method::GET, &["v1", "accounts", account_id])?).await
    }

    /// Has the token of an account renewed now.
    ///
    /// # Errors
    /// [`Error::Refused`] when nothing renews it, or its owner has to connect it again.
    pub async fn refresh_account(&self, account_id: &str) -> Result<Account, Error> {
        send(self.request(Method::POST, &["v1", "accounts", account_id, "refresh"])?).await
    }

    /// Puts an account to rest until it is resumed.
    ///
    /// # Errors
    /// As every call.
    pub async fn pause_account(&self, account_id: &str, reason: &str) -> Result<Account, Error> {
        let path = ["v1", "accounts", account_id, "pause"];
        send(self.request(Method::POST, &path)?.json(&json!({"reason": reason}))).await
    }

    /// Wakes an account.
    ///
    /// # Errors
    /// As every call.
    pub async fn resume_account(&self, account_id: &str) -> Result<Account, Error> {
        send(self.request(Method::POST, &["v1", "accounts", account_id, "resume"])?).await
    }

    /// Puts a brand to rest until it is resumed, with the accounts that it has or will have.
    ///
    /// # Errors
    /// As every call.
    pub async fn pause_brand(&self, slug: &str, reason: &str) -> Result<Brand, Error> {
        let path = ["v1", "brands", slug, "pause"];
        send(self.request(Method::POST, &path)?.json(&json!({"reason": reason}))).await
    }

    /// Wakes a brand; accounts that were paused for themselves rest on.
    ///
    /// # Errors
    /// As every call.
    pub async fn resume_brand(&self, slug: &str) -> Result<Brand, Error> {
        send(self.request(Method::POST, &["v1", "brands", slug, "resume"])?).await
    }

    /// Sets the limits of an account: posts a day (UTC) and seconds between two; `None` is none.
    ///
    /// # Errors
    /// As every call.
    pub async fn limit_account(
        &self,
        account_id: &str,
        posts_per_day: Option<u32>,
        min_gap_s: Option<u32>,
    ) -> Result<Account, Error> {
        let path = ["v1", "accounts", account_id, "limits"];
        let body = json!({"postsPerDay": posts_per_day, "minGapS": min_gap_s});
        send(self.request(Method::PUT, &path)?.json(&body)).await
    }

    /// Takes an account away: its token is revoked where that can be, and erased.
    ///
    /// # Errors
    /// As every call.
    pub async fn disconnect_account(&self, account_id: &str) -> Result<Disconnected, Error> {
        send(self.request(Method::DELETE, &["v1", "accounts", account_id])?).await
    }

    /// Sends again what failed because an account was broken, or with `is_preview` only counts it.
    /// `before` is the `as_of` of a preview, so that exactly what it counted is sent.
    ///
    /// # Errors
    /// [`Error::Refused`] while the account has to be connected again.
    pub async fn retry_account(
        &self,
        account_id: &str,
        before: Option<&str>,
        is_preview: bool,
    ) -> Result<Amends, Error> {
        let mut request = self.request(Method::POST, &["v1", "accounts", account_id, "retry"])?;
        if let Some(before) = before {
            request = request.query(&[("before", before)]);
        }
        if is_preview {
            request = request.query(&[("preview", "true")]);
        }
        send(request).await
    }

    /// A link that works once, to send a person to who is to connect an account on a platform.
    /// `app` chooses among the registrations of a platform that has several.
    ///
    /// # Errors
    /// As every call.
    pub async fn authorize(
        &self,
        platform: &str,
        brand_slug: &str,
        app: Option<&str>,
    ) -> Result<Url, Error> {
        let mut body = json!({"brandSlug": brand_slug});
        if let Some(app) = app {
            body["app"] = app.into();
        }
        self.authorize_with(platform, &body).await
    }

    /// Where to send a person who is to connect an account: `brandSlug`, `app`, `accountId`,
    /// `returnUrl`, or `redirectUri` for an app that brings code and state to
    /// [`Client::exchange`].
    ///
    /// # Errors
    /// As every call.
    pub async fn authorize_with(&self, platform: &str, wish: &Value) -> Result<Url, Error> {
        let path = ["v1", "oauth", platform, "authorize"];
        let data: Value = send(self.request(Method::POST, &path)?.json(wish)).await?;
        url_of(&data)
    }

    /// A link that works once, to a page with the ways to connect; `wish` may hold `platform`,
    /// `app`, `accountId` and `returnUrl`.
    ///
    /// # Errors
    /// As every call.
    pub async fn connect_link(&self, brand_slug: &str, wish: &Value) -> Result<Url, Error> {
        let path = ["v1", "brands", brand_slug, "connect-links"];
        let data: Value = send(self.request(Method::POST, &path)?.json(wish)).await?;
        url_of(&data)
    }

    /// Brings code and state of a consent that was begun with a `redirectUri`: `accounts`, or
    /// `open` with an `exchange` and its `choices`.
    ///
    /// # Errors
    /// As every call.
    pub async fn exchange(&self, platform: &str, code: &str, state: &str) -> Result<Value, Error> {
        let body = json!({"platform": platform, "code": code, "state": state});
        send(self.request(Method::POST, &["v1", "oauth", "exchange"])?.json(&body)).await
    }

    /// Connects those of an exchange's choices that are named.
    ///
    /// # Errors
    /// As every call.
    pub async fn choose(&self, exchange: &str, ids: &[&str]) -> Result<Value, Error> {
        let body = json!({"exchange": exchange, "ids": ids});
        send(self.request(Method::POST, &["v1", "oauth", "choose"])?.json(&body)).await
    }

    /// Takes over a grant that was obtained elsewhere: `brandSlug`, `platform`, `app`,
    /// `accessToken`, `refreshToken`, `expiresAt`.
    ///
    /// # Errors
    /// As every call.
    pub async fn import(&self, grant: &Value) -> Result<Value, Error> {
        send(self.request(Method::POST, &["v1", "accounts", "import"])?.json(grant)).await
    }

    /// Goes the way of a person behind a link, as far as the platform is simulated: grants
    /// `handle` (the page's own choice without one), and comes back to the fleet.
    ///
    /// # Errors
    /// [`Error::Unusable`] when a page is not on this machine or tells of a refusal.
    pub async fn consent(&self, link: &Url, handle: Option<&str>) -> Result<(), Error> {
        let mut browser = Browser::new()?;
        let page = browser.enter(link).await?;
        let back = browser.allow(&page, handle.as_slice()).await?;
        browser.finish(&back).await.map(|_| ())
    }

    pub(crate) fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, Error> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Error::Unusable(format!("{} is no base", self.base)))?
            .pop_if_empty()
            .extend(path);
        Ok(self.http.request(method, url).bearer_auth(&self.key))
    }
}

fn url_of(data: &Value) -> Result<Url, Error> {
    let url = data["url"].as_str().and_then(|url| Url::parse(url).ok());
    url.ok_or_else(|| Error::Unreadable { status: 200, why: "there is no data.url".into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        let place = Place {
            api_url: "http://127.0.0.1:8080/base/".into(),
            api_key: "k".into(),
            sim_url: None,
        };
        let client = Client::new(&place).unwrap();
        let path = ["v1", "posts", "../keys?a=b"];
        let request = client.request(Method::GET, &path).unwrap().build().unwrap();
        assert_eq!(request.url().path(), "/base/v1/posts/..%2Fkeys%3Fa=b");
        assert_eq!(request.headers()["authorization"], "Bearer k");
    }
}
