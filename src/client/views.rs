//! What the API shows. Fields that this version does not know are passed over.

use serde::{Deserialize, Serialize};
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
    /// The zone by whose clocks it lives, as `Europe/Berlin`.
    #[serde(default, rename = "timeZone")]
    pub time_zone: String,
}

/// The weekly slots of a brand or an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slots {
    /// The account, where they are not the brand's.
    pub account_id: Option<String>,
    /// The zone of the brand.
    pub time_zone: String,
    /// Raised by every change.
    pub revision: i32,
    /// In the order of a week.
    pub slots: Vec<Slot>,
    /// The next ones that are free.
    pub next: Vec<SlotAt>,
}

/// A slot of a week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// As `mon`.
    pub day: String,
    /// As `09:30`.
    pub time: String,
}

/// A slot on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotAt {
    /// When it is.
    pub at: String,
    /// As the clocks of the brand show it.
    pub local: String,
}

/// A page of a calendar.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    /// In the order of their times.
    pub entries: Vec<CalendarEntry>,
    /// What the next page begins behind; none on the last.
    pub next_cursor: Option<String>,
}

/// A post, or a free slot, in a calendar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarEntry {
    /// `post` or `slot`.
    pub kind: String,
    /// When it is.
    pub at: String,
    /// As the clocks of the brand show it, with their offset.
    pub local: String,
    /// Of a slot: the account it belongs to, if not to the brand.
    #[serde(default)]
    pub account_id: Option<String>,
    /// The post, whole.
    #[serde(default)]
    pub post: Option<Value>,
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
    /// `connected`, `needs_reconnect`, `disconnected` or `damaged`.
    pub status: String,
    /// The slug of its brand.
    #[serde(default)]
    pub brand_slug: String,
    /// Why, where it is not connected.
    #[serde(default)]
    pub status_reason: Option<String>,
    /// When its token ends.
    #[serde(default)]
    pub token_expires_at: Option<String>,
    /// When its token is renewed next.
    #[serde(default)]
    pub next_refresh_at: Option<String>,
    /// How it is.
    #[serde(default)]
    pub health: Health,
    /// What goes out on it.
    #[serde(default)]
    pub deliveries: Counts,
}

/// How an account is, in a word and in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Health {
    /// `healthy`, `expiring`, `limited`, `paused`, `needs_reconnect`, `damaged`, `disconnected`.
    pub word: String,
    /// For people.
    pub sentence: String,
}

/// How many deliveries of an account wait, or failed because it was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct Counts {
    /// They wait for their time or are under way.
    pub waiting: u64,
    /// They can be sent again in one action.
    pub failed: u64,
}

/// What taking an account away came to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Disconnected {
    /// The account, as it stands now.
    pub account: Account,
    /// What the platform said to the revocation.
    pub revoked: Revoked,
    /// Deliveries that failed with it.
    pub failed: u64,
    /// Deliveries that may be out.
    pub under_way: u64,
}

/// What became of a token at its platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Revoked {
    /// `revoked`, `refused`, `not_offered` or `nothing_left`.
    pub outcome: String,
    /// For people.
    pub message: String,
}

/// What is, or would be, sent again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Amends {
    /// Nothing was done.
    pub is_preview: bool,
    /// Deliveries that go out again, or would.
    pub count: u64,
    /// Deliveries that failed for the account and are left.
    pub left: u64,
    /// The first of those that go out again.
    pub deliveries: Vec<String>,
    /// Of a preview: sent back as `before`, exactly these are retried.
    pub as_of: Option<String>,
}

/// What of a cause is, or would be, sent again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retried {
    /// Nothing was done.
    pub is_preview: bool,
    /// Deliveries that go out again, or would.
    pub count: u64,
    /// Deliveries that would go out again if it were asked for once more.
    pub remaining: u64,
    /// What was found, by platform and type.
    pub causes: Vec<Kind>,
    /// The first of those that go out again.
    pub deliveries: Vec<String>,
    /// Sent back as `failedBefore`, exactly what was looked at is retried.
    pub as_of: String,
}

/// Failed deliveries of one platform and type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kind {
    /// On which platform.
    pub platform: String,
    /// The type of their failures.
    pub error_type: String,
    /// How many were found.
    pub count: u64,
    /// Why they are left alone; absent where they go out again.
    #[serde(default)]
    pub left_alone: Option<String>,
}

/// A file that was uploaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asset {
    /// Which one; posts name it in `media`.
    pub id: String,
    /// `image`, `gif`, `video` or `document`.
    #[serde(default)]
    pub kind: String,
    /// The media type, as `image/png`.
    #[serde(default)]
    pub mime: String,
    /// The length of the file.
    #[serde(default)]
    pub size_bytes: u64,
    /// The SHA-256 of the bytes, in hexadecimal digits.
    #[serde(default)]
    pub sha256: String,
    /// What each platform says of it, alone in a post: `platform`, `accountKind`, `accepts`,
    /// `problems`.
    #[serde(default)]
    pub verdicts: Vec<Value>,
}

/// A page of files.
#[derive(Debug, Clone, PartialEq)]
pub struct Assets {
    /// Newest first.
    pub assets: Vec<Asset>,
    /// What the next page begins behind; none on the last.
    pub next_cursor: Option<String>,
}

/// An address where a file can be put.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// What the file will be called.
    pub id: String,
    /// How it is put there, as `PUT`.
    pub method: String,
    /// Where; whoever has it needs no key.
    pub url: String,
    /// Until when.
    pub expires_at: String,
    /// A larger file is refused.
    pub size_bytes_max: u64,
}

/// A page of posts.
#[derive(Debug, Clone, PartialEq)]
pub struct Posts {
    /// Newest first.
    pub posts: Vec<Post>,
    /// What the next page begins behind; none on the last.
    pub next_cursor: Option<String>,
}

/// A post.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    /// Which one.
    pub id: String,
    /// Where it stands.
    pub status: String,
    /// Raised by every change.
    #[serde(default)]
    pub revision: i64,
    /// The slug of its brand.
    #[serde(default)]
    pub brand_slug: String,
    /// What was written.
    #[serde(default)]
    pub text: String,
    /// When it is due, unless at once.
    #[serde(default)]
    pub scheduled_at: Option<String>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// What may keep it from going out in time: `risk`, `message`, `resolution`, `since`.
    #[serde(default)]
    pub risks: Vec<Value>,
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
