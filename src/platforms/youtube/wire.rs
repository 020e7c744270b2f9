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
    pub status: Status<'a>,
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
pub(super) struct Status<'a> {
    pub privacy_status: PrivacyStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_at: Option<&'a str>,
    pub self_declared_made_for_kids: bool,
}

/// The body of `playlistItems.insert`.
#[derive(Debug, Serialize)]
pub(super) struct InsertItem<'a> {
    pub snippet: ItemSnippet<'a>,
}

/// What is put where.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemSnippet<'a> {
    pub playlist_id: &'a str,
    pub resource_id: ResourceRef<'a>,
}

/// A video, named.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResourceRef<'a> {
    pub kind: &'static str,
    pub video_id: &'a str,
}

/// A video, as an upload that is complete answers.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Video {
    pub id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub status: VideoStatus,
    #[serde(default, deserialize_with = "lenient")]
    pub processing_details: ProcessingDetails,
}

/// How far YouTube is with a video; for its owner alone.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ProcessingDetails {
    /// `processing`, `succeeded`, `failed`, `terminated`.
    #[serde(deserialize_with = "lenient")]
    pub processing_status: String,
}

/// The answer of `videos.list`.
#[derive(Debug, Deserialize)]
pub(super) struct Videos {
    /// Required here: an answer without it says nothing.
    pub items: Vec<Video>,
}

/// What YouTube makes of a video.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct VideoStatus {
    #[serde(deserialize_with = "lenient")]
    pub privacy_status: String,
    /// `uploaded`, `processed`, `failed`, `rejected`, `deleted`.
    #[serde(deserialize_with = "lenient")]
    pub upload_status: String,
    #[serde(deserialize_with = "lenient")]
    pub failure_reason: String,
    #[serde(deserialize_with = "lenient")]
    pub rejection_reason: String,
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
