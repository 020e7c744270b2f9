//! The JSON of YouTube and of Google's token endpoint, as far as we write and read it. Invariant:
//! no decision is made here.
//!
//! Whatever is read is optional where a reply can do without it: a field less than usual must not
//! turn a success into a failure.

use super::options::PrivacyStatus;
use crate::refusal::lenient;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The body of `videos.insert`.
#[derive(Debug, Serialize)]
pub(super) struct InsertVideo<'a> {
    pub snippet: Snippet<'a>,
    pub status: Status,
}

/// What is told of a video.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Snippet<'a> {
    pub title: &'a str,
    pub description: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub tags: &'a [String],
    pub category_id: &'a str,
}

/// Who sees a video.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub privacy_status: PrivacyStatus,
    pub self_declared_made_for_kids: bool,
}

/// A video, as an upload that is complete answers.
#[derive(Debug, Deserialize)]
pub(super) struct Video {
    pub id: String,
}

/// The answer of `channels.list`. An account without a channel has no `items`.
#[derive(Debug, Deserialize)]
pub(super) struct Channels {
    #[serde(default)]
    pub items: Vec<Channel>,
}

/// A channel.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Channel {
    pub id: String,
    #[serde(default)]
    pub snippet: ChannelSnippet,
    #[serde(default)]
    pub content_details: ChannelContent,
}

/// How a channel is called.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ChannelSnippet {
    pub title: String,
    /// As `@acme`; channels without a handle have none.
    pub custom_url: String,
}

/// What a channel holds.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ChannelContent {
    pub related_playlists: RelatedPlaylists,
}

/// The playlists that every channel has.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RelatedPlaylists {
    pub uploads: String,
}

/// The answer of `playlistItems.list`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Playlist {
    /// Required here: a list without it says nothing about what is in it.
    pub items: Vec<Listed>,
    #[serde(default)]
    pub next_page_token: Option<String>,
}

/// A video in a playlist.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    #[serde(default)]
    pub snippet: ListedSnippet,
}

/// What a playlist tells of a video.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ListedSnippet {
    pub title: String,
    pub published_at: Option<String>,
    pub resource_id: ResourceId,
}

/// What an item of a playlist stands for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ResourceId {
    pub video_id: String,
}

/// A refusal: of the API an object under `error`, of OAuth a word.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    pub error: Value,
    #[serde(deserialize_with = "lenient")]
    pub error_description: Option<String>,
}

/// The API's refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ApiError {
    #[serde(deserialize_with = "lenient")]
    pub message: String,
    #[serde(deserialize_with = "lenient")]
    pub errors: Vec<Cause>,
}

/// One cause of a refusal; the first decides.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cause {
    #[serde(deserialize_with = "lenient")]
    pub message: String,
    #[serde(deserialize_with = "lenient")]
    pub domain: String,
    #[serde(deserialize_with = "lenient")]
    pub reason: String,
}
