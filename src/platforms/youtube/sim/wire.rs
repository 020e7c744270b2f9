//! What the simulated YouTube takes: every documented key that can be written, and no other.

use serde::Deserialize;
use serde_json::Value;

/// The body of `videos.insert`, discovery revision 20261104, `Video`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Insert {
    #[serde(rename = "kind")]
    pub _kind: Option<String>,
    pub snippet: Option<Snippet>,
    pub status: Option<Status>,
    pub recording_details: Option<Value>,
    pub localizations: Option<Value>,
    pub paid_product_placement_details: Option<Value>,
}

/// What is told of a video.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct Snippet {
    pub title: String,
    pub description: String,
    pub tags: Vec<String>,
    pub category_id: Option<String>,
    pub default_language: Option<String>,
    pub default_audio_language: Option<String>,
}

/// Who sees a video, and what its owner declares.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct Status {
    pub privacy_status: Privacy,
    pub publish_at: Option<String>,
    pub self_declared_made_for_kids: bool,
    pub embeddable: Option<bool>,
    pub license: License,
    pub public_stats_viewable: Option<bool>,
    pub contains_synthetic_media: Option<bool>,
}

/// The body of `playlistItems.insert`, discovery revision 20261104, `PlaylistItem`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct InsertItem {
    #[serde(rename = "kind")]
    pub _kind: Option<String>,
    pub snippet: ItemSnippet,
}

/// What is put where.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ItemSnippet {
    #[serde(default)]
    pub playlist_id: String,
    #[serde(rename = "position")]
    pub _position: Option<u64>,
    #[serde(default)]
    pub resource_id: ResourceId,
}

/// A resource, named.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct ResourceId {
    pub kind: String,
    pub video_id: String,
}

/// Who sees a video; without a word of it everybody, since 2026-11-02.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Privacy {
    #[default]
    Public,
    Unlisted,
    Private,
}

/// On which terms.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum License {
    #[default]
    Youtube,
    CreativeCommon,
}

impl Privacy {
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Unlisted => "unlisted",
            Self::Private => "private",
        }
    }
}

impl License {
    pub fn name(self) -> &'static str {
        match self {
            Self::Youtube => "youtube",
            Self::CreativeCommon => "creativeCommon",
        }
    }
}
