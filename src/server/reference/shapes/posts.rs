//! Of posts, deliveries and files.

use domain::duplicate::Policy;
use domain::id::{AccountId, AssetId};
use domain::lateness::Late;
use domain::post::Hold;
use domain::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A post to be: the wording, where it goes, and when.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct PostRequest {
    /// The brand, by its slug.
    #[schema(min_length = 1)]
    brand_slug: String,
    /// The wording for every platform that has none of its own.
    text: Option<String>,
    /// The files for every platform that has none of its own.
    #[schema(max_items = 100)]
    media: Option<Vec<PostMedia>>,
    /// Every account of these platforms on the brand.
    platforms: Option<Vec<String>>,
    /// These accounts.
    #[schema(max_items = 100)]
    accounts: Option<Vec<AccountId>>,
    /// When it is due; at once without it. Without an offset, by the clocks of the zone.
    #[schema(example = "2026-12-01T09:00:00Z")]
    scheduled_at: Option<String>,
    /// The zone of times without an offset; the brand's without it.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
    /// The latest time at which it goes out by itself.
    not_after: Option<String>,
    /// What becomes of it after that; needs `notAfter`.
    late: Option<Late>,
    /// In the place of a time: in the next free slot.
    schedule: Option<NextSlot>,
    /// It is stored as a draft, and goes nowhere until it is released.
    draft: Option<bool>,
    /// It waits for this, until it is released.
    hold: Option<Hold>,
    /// What you call it; no other post of the tenant may be called so, for ever.
    #[schema(min_length = 1, max_length = 200)]
    client_ref: Option<String>,
    /// What becomes of it where an account has the same content already.
    duplicate_content: Option<Policy>,
    /// By which rule it is published anew, as posts of their own.
    republish: Option<Republish>,
}

/// Another way to say when.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) enum NextSlot {
    /// In the next free slot of its account, or of its brand.
    NextSlot,
}

/// A change of a post, as a JSON Merge Patch (RFC 7396): what is named changes, `null` takes away.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct PostChange {
    /// The revision that you have seen; needed beside any change.
    revision: Option<u32>,
    /// `remaining` lets what has left keep its wording.
    scope: Option<ChangeScope>,
    /// The wording.
    text: Option<String>,
    /// The files.
    #[schema(max_items = 100)]
    media: Option<Vec<PostMedia>>,
    /// Every account of these platforms on the brand.
    platforms: Option<Vec<String>>,
    /// These accounts.
    #[schema(max_items = 100)]
    accounts: Option<Vec<AccountId>>,
    /// When it is due.
    scheduled_at: Option<String>,
    /// The zone of times without an offset.
    time_zone: Option<String>,
    /// What becomes of it where an account has the same content already.
    duplicate_content: Option<Policy>,
    /// The latest time at which it goes out by itself.
    not_after: Option<String>,
    /// What becomes of it after that.
    late: Option<Late>,
    /// In the place of a time.
    schedule: Option<NextSlot>,
    /// By which rule it is published anew.
    republish: Option<Map<String, Value>>,
}

/// What a change reaches.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) enum ChangeScope {
    /// Everything, or nothing is changed.
    All,
    /// What has not left yet.
    Remaining,
}

/// A file of a post.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostMedia {
    /// The id that its upload gave.
    id: AssetId,
    /// What it shows, for whoever cannot see it.
    alt_text: Option<String>,
}

/// A part of a chain: its text, or text and files.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ThreadItem {
    /// Its text.
    Text(String),
    /// Text and files.
    Whole {
        /// The text.
        text: Option<String>,
        /// The files.
        media: Option<Vec<PostMedia>>,
    },
}

/// A question with answers to choose from.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Poll {
    /// What it asks, where that is not the text of the post.
    question: Option<String>,
    /// The answers.
    #[schema(min_items = 2, max_items = 4)]
    options: Vec<String>,
    /// How long it is open.
    #[schema(minimum = 5, maximum = 20_160)]
    duration_minutes: u32,
}

/// When a post that is out is shown anew: one of `after`, `at` and `every`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct AutoRepost {
    /// So long after it is out, and after each repost: an ISO 8601 duration from PT15M to P30D.
    after: Option<String>,
    /// At these instants.
    at: Option<Vec<Timestamp>>,
    /// In this beat.
    every: Option<String>,
    /// How often.
    #[schema(minimum = 1, maximum = 10)]
    times: Option<u32>,
    /// None after that.
    until: Option<Timestamp>,
    /// None within these hours.
    quiet_hours: Option<QuietHours>,
    /// No two closer together.
    min_gap: Option<String>,
    /// So long after a repost it is taken back.
    undo_after: Option<String>,
}

/// How a post is published anew, as posts of their own: one of `after`, `at` and `every`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Republish {
    /// So long after it is out, and after each copy: an ISO 8601 duration from P1D to P366D.
    after: Option<String>,
    /// At these instants.
    at: Option<Vec<Timestamp>>,
    /// In this beat.
    every: Option<String>,
    /// How often.
    #[schema(minimum = 1, maximum = 52)]
    times: Option<u32>,
    /// None after that.
    until: Option<Timestamp>,
    /// None within these hours.
    quiet_hours: Option<QuietHours>,
    /// No two closer together.
    min_gap: Option<String>,
    /// The wordings of the copies: `text`, `media` and an object of a platform, as a post has them.
    #[schema(max_items = 52)]
    variations: Option<Vec<Map<String, Value>>>,
}

/// Hours of the day in which nothing is shown anew.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct QuietHours {
    /// The first minute, as `22:00`.
    from: String,
    /// The first minute behind them.
    to: String,
    /// By the clocks of this zone.
    time_zone: String,
}

/// What a post would come to.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ValidPost {
    /// It would be taken.
    valid: bool,
    /// When it would be due; at once without it.
    scheduled_at: Option<Timestamp>,
    /// The same by the clocks of the zone.
    scheduled_local: Option<String>,
    /// That zone.
    time_zone: Option<String>,
    /// What is to be known where the clocks skip that time or show it twice.
    scheduled_at_note: Option<String>,
    /// Where it would go.
    targets: Vec<Target>,
}

/// An account that a post would go to.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Target {
    /// Which one.
    account_id: AccountId,
    /// On which platform.
    platform: String,
}

/// What a post is held for.
#[derive(ToSchema)]
pub(crate) struct HoldRequest {
    /// For programs.
    reason: Hold,
}

/// What a person states about a delivery under review.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ReviewRequest {
    /// It is out, or it is not.
    outcome: ReviewOutcome,
    /// Of what is out: where it can be seen.
    #[schema(max_length = 500)]
    permalink: Option<String>,
    /// Of what is out: the platform's id, where the link does not tell it.
    #[schema(min_length = 1, max_length = 200)]
    remote_id: Option<String>,
    /// Of what is not out: what is done with it.
    then: Option<ReviewThen>,
    /// How you know.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Is it out?
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) enum ReviewOutcome {
    /// Yes.
    Published,
    /// No.
    NotPublished,
}

/// What is done with what is not out.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) enum ReviewThen {
    /// It is sent again.
    Send,
    /// It is left.
    Drop,
}

/// What the deliveries that are sent again have in common; at least one of it is said.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct CauseRequest {
    /// On this platform.
    platform: Option<String>,
    /// With an error of this type.
    error_type: Option<String>,
    /// On this account.
    account_id: Option<AccountId>,
    /// Of posts of this brand.
    brand_slug: Option<String>,
    /// Failed then or later.
    failed_after: Option<Timestamp>,
    /// Failed before.
    failed_before: Option<Timestamp>,
    /// Only count them.
    preview: Option<bool>,
}

/// A file.
#[derive(ToSchema)]
pub(crate) struct Upload {
    /// Its bytes; what it is shows in them.
    #[schema(content_media_type = "application/octet-stream")]
    file: String,
}

/// Where a file is.
#[derive(ToSchema)]
pub(crate) struct ImportedFrom {
    /// An https address of the open internet.
    #[schema(min_length = 1)]
    url: String,
}

/// An upload that is begun.
#[derive(ToSchema)]
pub(crate) struct Uploaded {
    /// Of the file that it becomes.
    id: AssetId,
}

/// How far an upload is.
#[derive(ToSchema)]
#[schema(as = UploadStanding, rename_all = "camelCase")]
pub(crate) struct UploadStanding {
    /// Of the file that it becomes.
    id: AssetId,
    /// Bytes that have come.
    offset: u64,
    /// Bytes of the whole.
    length: Option<u64>,
    /// Until when the rest is waited for.
    expires_at: Timestamp,
    /// It is a file.
    complete: bool,
}
