//! The JSON of LinkedIn, as far as we write and read it. Invariant: no decision is made here.
//!
//! Whatever is read is optional where a reply without it still says what is needed: a field less
//! than usual must not turn a success into a failure.

use crate::refusal::lenient;
use serde::{Deserialize, Serialize};

/// The body of `POST /rest/posts`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatePost<'a> {
    pub author: &'a str,
    pub commentary: String,
    pub visibility: super::options::Visibility,
    pub distribution: Distribution,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<PostContent<'a>>,
    pub lifecycle_state: &'static str,
    pub is_reshare_disabled_by_author: bool,
}

/// Where a post is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Distribution {
    pub feed_distribution: &'static str,
    pub target_entities: [(); 0],
    pub third_party_distribution_channels: [(); 0],
}

/// What a post holds besides its words.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum PostContent<'a> {
    Media(Attached<'a>),
    MultiImage { images: Vec<Attached<'a>> },
    Poll(PollContent<'a>),
}

/// One file of a post.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attached<'a> {
    pub id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt_text: Option<&'a str>,
}

/// A poll of a post.
#[derive(Debug, Serialize)]
pub(super) struct PollContent<'a> {
    pub question: &'a str,
    pub options: Vec<PollOption<'a>>,
    pub settings: PollSettings,
}

/// One answer to choose from.
#[derive(Debug, Serialize)]
pub(super) struct PollOption<'a> {
    pub text: &'a str,
}

/// How long a poll is open.
#[derive(Debug, Serialize)]
pub(super) struct PollSettings {
    pub duration: &'static str,
}

/// The body of `POST /rest/{images,documents,videos}?action=initializeUpload`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Initialize<T> {
    pub initialize_upload_request: T,
}

/// What a film will be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InitializeFilm<'a> {
    pub owner: &'a str,
    pub file_size_bytes: u64,
    pub upload_captions: bool,
    pub upload_thumbnail: bool,
}

/// The body of `POST /rest/videos?action=finalizeUpload`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finalize<'a> {
    pub finalize_upload_request: FinalizeUpload<'a>,
}

/// Which parts make up a film.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FinalizeUpload<'a> {
    pub video: &'a str,
    pub upload_token: &'a str,
    pub uploaded_part_ids: &'a [String],
}

/// Whose file it will be.
#[derive(Debug, Serialize)]
pub(super) struct Owner<'a> {
    pub owner: &'a str,
}

/// The answer of an action: what was asked for stands under `value`.
#[derive(Debug, Deserialize)]
pub(super) struct Value<T> {
    pub value: T,
}

/// The upload of an image or a document that was opened.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Opened {
    pub upload_url: String,
    #[serde(alias = "image", alias = "document")]
    pub urn: String,
    /// In milliseconds since the epoch.
    #[serde(default)]
    pub upload_url_expires_at: Option<i64>,
}

/// The upload of a film that was opened.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilmOpened {
    pub video: String,
    #[serde(default)]
    pub upload_token: String,
    /// In milliseconds since the epoch.
    #[serde(default)]
    pub upload_urls_expire_at: Option<i64>,
    pub upload_instructions: Vec<FilmPart>,
}

/// Where one part of a film goes, and which bytes it is; the last one is named, not the end.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilmPart {
    pub upload_url: String,
    #[serde(default)]
    pub first_byte: Option<u64>,
    #[serde(default)]
    pub last_byte: Option<u64>,
}

/// The answer to `GET /rest/{images,documents,videos}/{urn}`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub status: String,
    /// Seen in the field beside `PROCESSING_FAILED`.
    #[serde(default)]
    pub processing_failure_reason: Option<String>,
}

/// The answer to `GET /v2/userinfo`.
#[derive(Debug, Deserialize)]
pub(super) struct Member {
    pub sub: String,
    #[serde(default)]
    pub name: String,
}

/// A list as a finder answers it.
#[derive(Debug, Deserialize)]
pub(super) struct Elements<T> {
    pub elements: Vec<T>,
}

/// One role of the member at an organization.
#[derive(Debug, Deserialize)]
pub(super) struct Acl {
    pub organization: String,
    #[serde(default)]
    pub role: String,
    #[serde(default)]
    pub state: String,
}

/// The answer to `GET /rest/organizations/{id}`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Organization {
    #[serde(default)]
    pub localized_name: String,
    #[serde(default)]
    pub vanity_name: String,
}

/// One post, of the authors finder or by itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    pub id: String,
    #[serde(default)]
    pub author: String,
    #[serde(default)]
    pub commentary: String,
    /// In milliseconds since the epoch.
    #[serde(default)]
    pub created_at: Option<i64>,
    #[serde(default)]
    pub lifecycle_state: Option<String>,
    #[serde(default)]
    pub content: Option<ListedContent>,
}

/// What a listed post holds besides its words.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedContent {
    #[serde(default)]
    pub media: Option<ListedMedia>,
    #[serde(default)]
    pub multi_image: Option<ListedImages>,
    #[serde(default)]
    pub poll: Option<ListedPoll>,
    /// Kinds that we never post, as articles.
    #[serde(flatten)]
    pub others: serde_json::Map<String, serde_json::Value>,
}

/// The poll of a listed post.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListedPoll {
    pub question: String,
    pub options: Vec<ListedOption>,
}

/// One answer to choose from.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListedOption {
    pub text: String,
}

/// The images of a listed post.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ListedImages {
    #[serde(default)]
    pub images: Vec<ListedMedia>,
}

/// One file of a listed post.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ListedMedia {
    #[serde(default)]
    pub id: String,
}

/// A refusal: of the API in its old or new envelope, or of the token endpoint.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Problem {
    #[serde(deserialize_with = "lenient")]
    pub message: String,
    pub code: Option<serde_json::Value>,
    #[serde(deserialize_with = "lenient")]
    pub service_error_code: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    pub error_details: Option<ErrorDetails>,
    pub error: Option<serde_json::Value>,
    #[serde(rename = "error_description", deserialize_with = "lenient")]
    pub error_description: Option<String>,
}

/// Where the new envelope says what is wrong with the input.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ErrorDetails {
    #[serde(deserialize_with = "lenient")]
    pub input_errors: Vec<InputError>,
}

/// One thing that is wrong with the input.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct InputError {
    #[serde(deserialize_with = "lenient")]
    pub code: String,
    #[serde(deserialize_with = "lenient")]
    pub description: String,
    /// Its `inputPath.fieldPath` is the place; the rest differs from case to case.
    pub input: serde_json::Value,
}
