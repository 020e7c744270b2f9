//! The JSON of X, as far as we write and read it. Invariant: no decision is made here.
//!
//! Whatever is read is optional where X's own specification leaves it out of `required`: a reply
//! with a field less than usual must not turn a success into a failure.

use crate::refusal::lenient;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The body of `POST /2/tweets`; X refuses unknown keys.
#[derive(Debug, Serialize)]
pub(super) struct CreatePost<'a> {
    pub text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<ReplyTo<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<AttachedMedia<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll: Option<PollBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_settings: Option<&'a str>,
}

/// The post that a segment continues.
#[derive(Debug, Serialize)]
pub(super) struct ReplyTo<'a> {
    pub in_reply_to_tweet_id: &'a str,
}

/// The uploaded files of a segment.
#[derive(Debug, Serialize)]
pub(super) struct AttachedMedia<'a> {
    pub media_ids: Vec<&'a str>,
}

/// The poll of a post.
#[derive(Debug, Serialize)]
pub(super) struct PollBody<'a> {
    pub options: &'a [String],
    pub duration_minutes: u32,
}

/// The body of `POST /2/media/upload/initialize`.
#[derive(Debug, Serialize)]
pub(super) struct Initialize<'a> {
    pub media_type: &'a str,
    pub total_bytes: u64,
    pub media_category: &'static str,
}

/// The body of `POST /2/media/metadata`.
#[derive(Debug, Serialize)]
pub(super) struct Describe<'a> {
    pub id: &'a str,
    pub metadata: Metadata<'a>,
}

/// What can be said of a file.
#[derive(Debug, Serialize)]
pub(super) struct Metadata<'a> {
    pub alt_text: AltText<'a>,
}

/// What a screen reader says.
#[derive(Debug, Serialize)]
pub(super) struct AltText<'a> {
    pub text: &'a str,
}

/// The body of `POST /2/users/{id}/retweets`.
#[derive(Debug, Serialize)]
pub(super) struct Repost<'a> {
    pub tweet_id: &'a str,
}

/// Any success: what was asked for stands under `data`.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<T> {
    pub data: T,
}

/// The answer to `POST /2/tweets`. Its text is what tells it from the answer to an upload.
#[derive(Debug, Deserialize)]
pub(super) struct Created {
    pub id: String,
    #[serde(rename = "text")]
    pub _text: String,
}

/// The answer to `DELETE /2/tweets/{id}`.
#[derive(Debug, Deserialize)]
pub(super) struct Deleted {
    pub deleted: bool,
}

/// The answer to a repost and to its undoing: whether the post is reposted now.
#[derive(Debug, Deserialize)]
pub(super) struct Reposted {
    pub retweeted: bool,
}

/// The answer to each step of an upload.
#[derive(Debug, Deserialize)]
pub(super) struct Upload {
    pub id: String,
    #[serde(default)]
    pub expires_after_secs: Option<u64>,
    #[serde(default)]
    pub processing_info: Option<Processing>,
}

/// How far X is with a file.
#[derive(Debug, Deserialize)]
pub(super) struct Processing {
    pub state: String,
    #[serde(default)]
    pub check_after_secs: Option<u64>,
    #[serde(default)]
    pub error: Option<ProcessingError>,
}

/// Why X will not take a file. Observed in the field; the specification has no such member.
#[derive(Debug, Deserialize)]
pub(super) struct ProcessingError {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub message: String,
}

/// The answer of `GET /2/users/me`.
#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub id: String,
    pub username: String,
    #[serde(default)]
    pub subscription_type: Option<String>,
}

/// The answer of `GET /2/users/{id}/tweets`. A user without posts has no `data`.
#[derive(Debug, Deserialize)]
pub(super) struct Timeline {
    #[serde(default)]
    pub data: Vec<Listed>,
    pub meta: TimelineMeta,
}

/// Where a page of the timeline ends.
#[derive(Debug, Deserialize)]
pub(super) struct TimelineMeta {
    #[serde(default)]
    pub next_token: Option<String>,
}

/// The answer of `GET /2/tweets`: what exists, and what does not.
#[derive(Debug, Deserialize)]
pub(super) struct LookedUp {
    #[serde(default)]
    pub data: Vec<Existing>,
    #[serde(default)]
    pub errors: Vec<Missing>,
}

/// A post that exists.
#[derive(Debug, Deserialize)]
pub(super) struct Existing {
    pub id: String,
    /// Every id that the post had: an edit gives it a new one.
    #[serde(default, alias = "edit_history_post_ids")]
    pub edit_history_tweet_ids: Vec<String>,
}

/// Why an id that was asked for brought no post.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Missing {
    #[serde(rename = "type")]
    pub kind: String,
    pub value: String,
    pub resource_id: String,
}

/// One post of the timeline.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    pub id: String,
    /// Every id that the post had: an edit gives it a new one.
    #[serde(default, alias = "edit_history_post_ids")]
    pub edit_history_tweet_ids: Vec<String>,
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub created_at: Option<String>,
    #[serde(default)]
    pub entities: Entities,
    #[serde(default)]
    pub attachments: Attachments,
    #[serde(default)]
    pub referenced_tweets: Vec<Referenced>,
    /// The whole wording, where `text` is cut off at 280.
    #[serde(default)]
    pub note_tweet: Option<Note>,
}

/// A long wording.
#[derive(Debug, Deserialize)]
pub(super) struct Note {
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub entities: Entities,
}

/// What X recognised in a wording.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Entities {
    #[serde(default)]
    pub urls: Vec<Link>,
}

/// A link that X shortened.
#[derive(Debug, Deserialize)]
pub(super) struct Link {
    pub url: String,
    #[serde(default)]
    pub expanded_url: String,
    /// Set where the link stands for an attached file.
    #[serde(default)]
    pub media_key: Option<String>,
}

/// What hangs on a post.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Attachments {
    #[serde(default)]
    pub media_keys: Vec<String>,
}

/// A post that another one refers to.
#[derive(Debug, Deserialize)]
pub(super) struct Referenced {
    #[serde(rename = "type")]
    pub kind: String,
    pub id: String,
}

/// An error in the manner of RFC 7807, or of OAuth at the token endpoint.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub kind: String,
    #[serde(deserialize_with = "lenient")]
    pub title: String,
    #[serde(deserialize_with = "lenient")]
    pub detail: String,
    #[serde(deserialize_with = "lenient")]
    pub period: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub errors: Vec<ProblemPart>,
    pub error: Option<Value>,
    #[serde(deserialize_with = "lenient")]
    pub error_description: Option<String>,
}

/// One of the errors inside an error. What X repeats of the request, under `parameters`, is not
/// read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ProblemPart {
    #[serde(deserialize_with = "lenient")]
    pub message: String,
    #[serde(deserialize_with = "lenient")]
    pub detail: String,
    #[serde(deserialize_with = "lenient")]
    pub code: Option<i64>,
}
