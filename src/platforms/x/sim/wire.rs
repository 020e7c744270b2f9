//! What the simulated X takes: every documented key, no other, and each only as documented
//! (OpenAPI 2.167). `tests/document.rs` compares it with that document.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// An id as the document wants it: 1 to 19 digits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Id(pub String);

impl Id {
    /// The text is an id.
    pub fn is_one(text: &str) -> bool {
        (1..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    }
}

impl TryFrom<String> for Id {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if Self::is_one(&text) { Ok(Self(text)) } else { Err("an id is 1 to 19 digits") }
    }
}

/// A member that may be missing, but not be `null`.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// The same of an object. Serde would also take a list for one, its items as the members in order.
fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    let members = Map::<String, Value>::deserialize(from)?;
    T::deserialize(Value::Object(members)).map(Some).map_err(D::Error::custom)
}

/// The body of `POST /2/tweets`, `CreatePostsRequest`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    #[serde(default)]
    pub text: String,
    #[serde(default, deserialize_with = "object")]
    pub reply: Option<ReplyTo>,
    #[serde(default, deserialize_with = "object")]
    pub media: Option<Media>,
    #[serde(default, deserialize_with = "object")]
    pub poll: Option<Poll>,
    #[serde(default, deserialize_with = "given", rename = "reply_settings")]
    pub _reply_settings: Option<ReplySettings>,
    #[serde(default, deserialize_with = "given")]
    pub quote_tweet_id: Option<Id>,
    #[serde(default, deserialize_with = "given")]
    pub card_uri: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub direct_message_deep_link: Option<String>,
    /// It stays out of timelines.
    #[serde(default)]
    pub nullcast: bool,
    #[serde(default, deserialize_with = "object", rename = "geo")]
    pub _geo: Option<Geo>,
    #[serde(default, deserialize_with = "given", rename = "community_id")]
    pub _community_id: Option<Id>,
    #[serde(default, rename = "share_with_followers")]
    pub _share_with_followers: bool,
    #[serde(default, rename = "made_with_ai")]
    pub _made_with_ai: bool,
    #[serde(default, rename = "paid_partnership")]
    pub _paid_partnership: bool,
    #[serde(default, rename = "for_super_followers_only")]
    pub _for_super_followers_only: bool,
    #[serde(default, deserialize_with = "object")]
    pub edit_options: Option<EditOptions>,
}

/// Where a post was written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Geo {
    #[serde(rename = "place_id")]
    pub _place_id: String,
}

/// The post that is replaced.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EditOptions {
    pub previous_post_id: Id,
}

/// The post that is answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplyTo {
    pub in_reply_to_tweet_id: Id,
    #[serde(default, rename = "exclude_reply_user_ids")]
    pub _exclude_reply_user_ids: Vec<String>,
    #[serde(default, rename = "auto_populate_reply_metadata")]
    pub _auto_populate_reply_metadata: bool,
}

/// The files of a post.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Media {
    pub media_ids: Vec<Id>,
    #[serde(default)]
    pub tagged_user_ids: Vec<Id>,
    #[serde(default, rename = "title")]
    pub _title: String,
    #[serde(default, rename = "description")]
    pub _description: String,
    #[serde(default, deserialize_with = "given", rename = "preview_media_id")]
    pub _preview_media_id: Option<Id>,
    #[serde(default, rename = "embeddable")]
    pub _embeddable: bool,
    #[serde(default, deserialize_with = "object", rename = "call_to_actions")]
    pub _call_to_actions: Option<CallToActions>,
}

/// The buttons on a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallToActions {
    #[serde(default, deserialize_with = "object", rename = "app_install")]
    pub _app_install: Option<AppInstall>,
    #[serde(default, deserialize_with = "object", rename = "visit_site")]
    pub _visit_site: Option<Site>,
    #[serde(default, deserialize_with = "object", rename = "watch_now")]
    pub _watch_now: Option<Site>,
}

/// The button that installs an app.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AppInstall {
    #[serde(default, rename = "app_store_id")]
    pub _app_store_id: String,
    #[serde(default, rename = "ipad_app_store_id")]
    pub _ipad_app_store_id: String,
    #[serde(default, rename = "play_store_id")]
    pub _play_store_id: String,
}

/// The button that leads to a site.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Site {
    #[serde(rename = "url")]
    pub _url: String,
}

/// A poll.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Poll {
    pub options: Vec<String>,
    pub duration_minutes: u32,
    #[serde(default, deserialize_with = "given", rename = "reply_settings")]
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

/// The body of `POST /2/users/{id}/retweets`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repost {
    pub tweet_id: Id,
}

/// The body of `POST /2/media/upload/initialize`. The document requires no member; without one of
/// these X has nothing to begin with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Initialize {
    pub media_type: String,
    pub total_bytes: u64,
    pub media_category: Category,
    #[serde(default, rename = "shared")]
    pub _shared: bool,
    #[serde(default, rename = "additional_owners")]
    pub _additional_owners: Vec<Id>,
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

/// The body of `POST /2/media/metadata`. Stricter than the document, which leaves it open: a member
/// that we do not know would be a mistake of ours.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Describe {
    pub id: Id,
    #[serde(default, deserialize_with = "object")]
    pub metadata: Option<Metadata>,
}

/// What is said of a file; the members that we never send are left out here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metadata {
    #[serde(default, deserialize_with = "object")]
    pub alt_text: Option<AltText>,
}

/// What a screen reader says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AltText {
    pub text: String,
}
