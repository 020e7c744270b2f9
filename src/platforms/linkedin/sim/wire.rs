//! What the simulated LinkedIn takes: every documented member that it plays, and no other.

use serde::{Deserialize, Serialize};

/// The body of `POST /rest/posts`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Create {
    pub author: String,
    pub commentary: String,
    pub visibility: Visibility,
    pub distribution: Distribution,
    pub content: Option<Content>,
    #[serde(rename = "lifecycleState")]
    pub _lifecycle_state: LifecycleState,
    #[serde(default)]
    pub is_reshare_disabled_by_author: bool,
}

/// Who sees a post. `CONTAINER` is for groups, which are not simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Visibility {
    Public,
    Connections,
    LoggedIn,
}

/// The only state that a post may be made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum LifecycleState {
    Published,
}

/// Where a post is shown.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Distribution {
    pub feed_distribution: Feed,
    /// Targeting is not simulated.
    #[serde(default, rename = "targetEntities")]
    pub _target_entities: [(); 0],
    #[serde(default, rename = "thirdPartyDistributionChannels")]
    pub _third_party_distribution_channels: [(); 0],
}

/// The feed it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Feed {
    MainFeed,
    None,
}

/// What a post holds: one of them, or nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Content {
    pub media: Option<Media>,
    pub multi_image: Option<MultiImage>,
    pub poll: Option<Poll>,
}

/// The only file of a post.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Media {
    pub id: String,
    pub title: Option<String>,
    pub alt_text: Option<String>,
}

/// Several images of a post.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MultiImage {
    pub images: Vec<Picture>,
}

/// One of several images.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Picture {
    pub id: String,
    pub alt_text: Option<String>,
}

/// A question with answers to choose from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Poll {
    pub question: String,
    pub options: Vec<PollOption>,
    pub settings: PollSettings,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PollOption {
    pub text: String,
}

/// How long it is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PollSettings {
    pub duration: PollDuration,
}

/// The four that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum PollDuration {
    OneDay,
    ThreeDays,
    SevenDays,
    FourteenDays,
}

/// The body of `POST /rest/{images,documents,videos}?action=initializeUpload`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Initialize<T> {
    pub initialize_upload_request: T,
}

/// What a film will be.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct InitializeFilm {
    pub owner: String,
    pub file_size_bytes: u64,
    #[serde(default)]
    pub upload_captions: bool,
    #[serde(default)]
    pub upload_thumbnail: bool,
}

/// The body of `POST /rest/videos?action=finalizeUpload`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Finalize {
    pub finalize_upload_request: FinalizeUpload,
}

/// Which parts make up a film.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FinalizeUpload {
    pub video: String,
    pub upload_token: String,
    pub uploaded_part_ids: Vec<String>,
}

/// Whose file it will be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Owner {
    pub owner: String,
}
