//! What the simulated X takes: every documented key, and no other.

use serde::Deserialize;
use serde_json::Value;

/// The body of `POST /2/tweets`, OpenAPI 2.167 `CreatePostsRequest`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    #[serde(default)]
    pub text: String,
    pub reply: Option<ReplyTo>,
    pub media: Option<Media>,
    pub poll: Option<Poll>,
    #[serde(rename = "reply_settings")]
    pub _reply_settings: Option<ReplySettings>,
    pub quote_tweet_id: Option<String>,
    pub card_uri: Option<String>,
    pub direct_message_deep_link: Option<String>,
    #[serde(rename = "geo")]
    pub _geo: Option<Value>,
    #[serde(rename = "community_id")]
    pub _community_id: Option<String>,
    #[serde(rename = "share_with_followers")]
    pub _share_with_followers: Option<bool>,
    #[serde(rename = "made_with_ai")]
    pub _made_with_ai: Option<bool>,
    #[serde(rename = "paid_partnership")]
    pub _paid_partnership: Option<bool>,
    #[serde(rename = "nullcast")]
    pub _nullcast: Option<bool>,
    #[serde(rename = "for_super_followers_only")]
    pub _for_super_followers_only: Option<bool>,
    #[serde(rename = "edit_options")]
    pub _edit_options: Option<Value>,
}

/// The post that is answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplyTo {
    pub in_reply_to_tweet_id: String,
    #[serde(rename = "exclude_reply_user_ids")]
    pub _exclude_reply_user_ids: Option<Vec<String>>,
    #[serde(rename = "auto_populate_reply_metadata")]
    pub _auto_populate_reply_metadata: Option<bool>,
}

/// The files of a post.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Media {
    pub media_ids: Vec<String>,
    #[serde(rename = "tagged_user_ids")]
    pub _tagged_user_ids: Option<Vec<String>>,
    #[serde(rename = "title")]
    pub _title: Option<String>,
    #[serde(rename = "description")]
    pub _description: Option<String>,
    #[serde(rename = "preview_media_id")]
    pub _preview_media_id: Option<String>,
    #[serde(rename = "embeddable")]
    pub _embeddable: Option<bool>,
    #[serde(rename = "call_to_actions")]
    pub _call_to_actions: Option<Value>,
}

/// A poll.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Poll {
    pub options: Vec<String>,
    pub duration_minutes: u32,
    #[serde(rename = "reply_settings")]
    pub _reply_settings: Option<ReplySettings>,
}

/// Who may answer.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ReplySettings {
    Following,
    MentionedUsers,
    Subscribers,
    Verified,
}

/// The body of `POST /2/media/upload/initialize`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Initialize {
    pub media_type: String,
    pub total_bytes: u64,
    pub media_category: Category,
    #[serde(rename = "shared")]
    pub _shared: Option<bool>,
    #[serde(rename = "additional_owners")]
    pub _additional_owners: Option<Vec<String>>,
}

/// What a file is for; the categories of messages and subtitles are left out here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Category {
    TweetImage,
    TweetGif,
    TweetVideo,
    AmplifyVideo,
}

/// The JSON form of a chunk.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Append {
    /// In base64.
    pub media: String,
    pub segment_index: u64,
}

/// The body of `POST /2/media/metadata`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Describe {
    pub id: String,
    pub metadata: Metadata,
}

/// What is said of a file; the members we never send are left out here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metadata {
    pub alt_text: AltText,
}

/// What a screen reader says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AltText {
    pub text: String,
}
