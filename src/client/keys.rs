//! The calls about keys.

use crate::calls::Client;
use crate::error::Error;
use crate::http::send;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A key to the API. It has no `Debug`: fresh from its making it holds the key itself.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Which one; no secret.
    pub id: String,
    /// The key itself, in the answer to whoever had it made.
    pub key: Option<String>,
    /// Its last characters.
    pub hint: String,
    /// `live`, or `test` where nothing that it does leaves to a platform.
    #[serde(default)]
    pub mode: String,
    /// What it is for.
    pub label: String,
    /// Its role on all brands.
    pub role: Option<String>,
    /// Its roles on some brands, by slug.
    pub brands: BTreeMap<String, String>,
    /// What it was narrowed to.
    pub scopes: Option<Vec<String>>,
    /// `live`, `expired` or `revoked`.
    pub status: String,
    /// Requests in a minute, 0 without a limit.
    pub requests_per_minute: u32,
    /// When it was made.
    pub created_at: String,
    /// When it ends.
    pub expires_at: Option<String>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<String>,
    /// The key whose place it took.
    pub replaces: Option<String>,
    /// It is the one that asks.
    pub is_yours: bool,
}

impl Client {
    /// Lists the keys of the tenant.
    ///
    /// # Errors
    /// As every call.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, Error> {
        send(self.request(Method::GET, &["v1", "keys"])?).await
    }

    /// Gives out a key: `label`, and `role` or `brands`; `scopes`, `expiresAt`, `mode` and
    /// `requestsPerMinute` where they are wanted. The answer alone holds the key.
    ///
    /// # Errors
    /// As every call.
    pub async fn create_key(&self, wanted: &Value) -> Result<ApiKey, Error> {
        send(self.request(Method::POST, &["v1", "keys"])?.json(wanted)).await
    }

    /// Gives out a key in the place of another, which serves on for a day or so many seconds.
    ///
    /// # Errors
    /// As every call.
    pub async fn rotate_key(
        &self,
        key_id: &str,
        grace_seconds: Option<u64>,
    ) -> Result<ApiKey, Error> {
        let body = match grace_seconds {
            Some(seconds) => json!({ "graceSeconds": seconds }),
            None => json!({}),
        };
        send(self.request(Method::POST, &["v1", "keys", key_id, "rotate"])?.json(&body)).await
    }

    /// Takes a key away, at once.
    ///
    /// # Errors
    /// As every call.
    pub async fn revoke_key(&self, key_id: &str) -> Result<ApiKey, Error> {
        send(self.request(Method::DELETE, &["v1", "keys", key_id])?).await
    }
}
