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

/// The files of a post.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum PostContent<'a> {
    Media(Picture<'a>),
    MultiImage { images: Vec<Picture<'a>> },
}

/// One image of a post.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Picture<'a> {
    pub id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt_text: Option<&'a str>,
}

/// The body of `POST /rest/images?action=initializeUpload`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Initialize<'a> {
    pub initialize_upload_request: Owner<'a>,
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

/// An upload that was opened.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Opened {
    pub upload_url: String,
    pub image: String,
    /// In milliseconds since the epoch.
    #[serde(default)]
    pub upload_url_expires_at: Option<i64>,
}

/// The answer to `GET /rest/images/{urn}`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Image {
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

/// One post of the authors finder.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    pub id: String,
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
    /// Kinds that we never post, as polls.
    #[serde(flatten)]
    pub others: serde_json::Map<String, serde_json::Value>,
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
