//! What the API shows. Fields that this version does not know are passed over.

use serde::Deserialize;
use serde_json::Value;

/// A brand.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Brand {
    /// Which one.
    pub id: String,
    /// The name in requests.
    pub slug: String,
    /// The name people know.
    pub name: String,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Which one.
    pub id: String,
    /// On which platform.
    pub platform: String,
    /// Through which of the fleet's registrations; `default` where there is one.
    pub app: String,
    /// The name a person knows it by.
    pub handle: String,
    /// `connected` or `needs_reconnect`.
    pub status: String,
}

/// A file that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Asset {
    /// Which one; posts name it in `media`.
    pub id: String,
}

/// A post.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Post {
    /// Which one.
    pub id: String,
    /// Where it stands.
    pub status: String,
    /// One per account.
    pub deliveries: Vec<Delivery>,
}

impl Post {
    /// Nothing will happen any more without a person.
    pub fn is_settled(&self) -> bool {
        self.deliveries.iter().all(Delivery::is_settled)
    }
}

/// One post on one account.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Which one.
    pub id: String,
    /// On which account.
    pub account_id: String,
    /// The name a person knows the account by.
    #[serde(default)]
    pub account: String,
    /// Through which of the fleet's registrations it is connected; `default` where there is one.
    #[serde(default)]
    pub app: String,
    /// On which platform.
    pub platform: String,
    /// Where it stands.
    pub status: String,
    /// The platform's id.
    pub remote_id: Option<String>,
    /// Where a person can see it.
    pub permalink: Option<String>,
    /// Seconds until a limit opens.
    pub retry_after: Option<u64>,
    /// Why it failed or waits: `type`, `message`, `resolution`.
    pub error: Option<Value>,
}

/// A delivery whole: with its sentence and what was tried for it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Whole {
    /// As posts show it.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// Of which post.
    pub post_id: String,
    /// Why it is not out (or that it is, and where), and what comes next.
    pub why: String,
    /// What was tried, oldest first: `epoch`, `role`, `lines`.
    #[serde(default)]
    pub timeline: Vec<Value>,
}

impl Delivery {
    /// Nothing will happen any more without a person.
    pub fn is_settled(&self) -> bool {
        matches!(self.status.as_str(), "published" | "failed" | "cancelled" | "review")
    }
}
