//! Videos of the simulated YouTube: what the API shows of them, deletion, thumbnails.

use super::refusal::Refusal;
use super::state::{Caller, State};
use super::wire::{Privacy, Snippet, Status};
use super::{Outcome, found, parameter};
use crate::sim::Inbound;
use crate::sim::http::{empty, header};
use domain::time::Timestamp;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// docs/thumbnails/set: 50 MB since 2026-09-14.
const THUMBNAIL_BYTES_MAX: usize = 50 * 1024 * 1024;
/// docs/videos/list: the ids of one call.
const IDS_MAX: usize = 50;
/// The parts that anybody can read, and those of the owner.
const PARTS: [&str; 6] =
    ["id", "snippet", "status", "contentDetails", "processingDetails", "fileDetails"];
/// A file whose bytes begin so cannot be processed.
const BROKEN: &[u8] = b"UNSUPPORTED";
/// A file whose bytes begin so is longer than a channel without verification may have.
const LONG: &[u8] = b"OVERLONG";

/// A video.
#[derive(Debug, PartialEq)]
pub(super) struct Video {
    pub id: String,
    pub account: usize,
    pub snippet: Snippet,
    pub status: Status,
    pub mime: String,
    pub bytes: Vec<u8>,
    pub thumbnail: Option<Picture>,
    pub created_at: Timestamp,
    pub is_deleted: bool,
}

/// A custom thumbnail.
#[derive(Debug, PartialEq)]
pub(super) struct Picture {
    pub mime: String,
    pub bytes: Vec<u8>,
}

/// How far YouTube is with a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Working,
    Ready,
    Failed,
    /// For this reason (docs/videos, `status.rejectionReason`).
    Rejected(&'static str),
}

impl Video {
    fn progress(&self, state: &State, now: Timestamp) -> Progress {
        let work = Duration::from_secs(state.limits.processing_s);
        if now < (self.created_at + work).max(state.stuck_until) {
            Progress::Working
        } else if self.bytes.starts_with(BROKEN) {
            Progress::Failed
        } else if self.bytes.starts_with(LONG) && !state.account(self.account).is_verified() {
            Progress::Rejected("length")
        } else if self.is_second(state) {
            Progress::Rejected("duplicate")
        } else {
            Progress::Ready
        }
    }

    /// The channel has an older living video of the same bytes.
    fn is_second(&self, state: &State) -> bool {
        let videos = state.account(self.account).own.videos.iter().map(|at| &state.videos[*at]);
        let mut older = videos.take_while(|video| video.id != self.id);
        older.any(|video| !video.is_deleted && video.bytes == self.bytes)
    }

    /// Others see everything but private videos.
    pub fn is_seen_by(&self, account: usize) -> bool {
        !self.is_deleted
            && (self.account == account || self.status.privacy_status != Privacy::Private)
    }
}

/// `GET /youtube/v3/videos?part=…&id=…`.
pub(super) fn list(state: &State, caller: Caller, request: &Inbound, now: Timestamp) -> Outcome {
    let part = parameter(request, "part").unwrap_or_default();
    let parts: Vec<&str> = part.split(',').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        let told = "No filter selected. Expected: part";
        return Err(Refusal::parameter("missingRequiredParameter", "part", told));
    }
    if let Some(part) = parts.iter().find(|part| !PARTS.contains(part)) {
        return Err(Refusal::parameter("unknownPart", "part", &format!("'{part}'")));
    }
    let ids = parameter(request, "id").unwrap_or_default();
    let ids: Vec<&str> = ids.split(',').filter(|id| !id.is_empty()).collect();
    if ids.is_empty() || ids.len() > IDS_MAX {
        let told = "No filter selected. Expected one of: id, chart, myRating";
        return Err(Refusal::parameter("missingRequiredParameter", "id", told));
    }
    let videos = ids.iter().filter_map(|id| state.videos.get(state.video(id)?));
    let videos: Vec<&Video> = videos.filter(|video| video.is_seen_by(caller.account)).collect();
    let is_private = |part: &&str| ["processingDetails", "fileDetails"].contains(part);
    if parts.iter().any(is_private) && videos.iter().any(|v| v.account != caller.account) {
        let told = "The request cannot access user rating or processing information.";
        return Err(Refusal::forbidden(["youtube.video", "forbidden"], told));
    }
    let items: Vec<Value> = videos.iter().map(|video| show(state, video, &parts, now)).collect();
    found(&json!({
        "kind": "youtube#videoListResponse",
        "items": items,
        "pageInfo": { "totalResults": items.len(), "resultsPerPage": items.len() },
    }))
}

/// `DELETE /youtube/v3/videos?id=…`.
pub(super) fn delete(state: &mut State, caller: Caller, request: &Inbound) -> Outcome {
    let at = named(state, request, "id")?;
    let video = &mut state.videos[at];
    if video.account != caller.account {
        let told = "The video that you are trying to delete cannot be deleted.";
        return Err(Refusal::forbidden(["youtube.video", "forbidden"], told));
    }
    video.is_deleted = true;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `POST /upload/youtube/v3/thumbnails/set?videoId=…`.
pub(super) fn set_thumbnail(state: &mut State, caller: Caller, request: &Inbound) -> Outcome {
    let domain = "youtube.thumbnail";
    let at = named(state, request, "videoId")?;
    let account = state.account(caller.account);
    if state.videos[at].account != caller.account || !account.is_verified() {
        let told = "The authenticated user doesnt have permissions to upload and set custom \
                    video thumbnails.";
        return Err(Refusal::forbidden([domain, "forbidden"], told));
    }
    let mime = header(&request.headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let bad =
        |reason, told: &str| Err(Refusal::api(StatusCode::BAD_REQUEST, [domain, reason], told));
    if request.body.is_empty() {
        return bad("mediaBodyRequired", "The request does not include the image content.");
    }
    if request.body.len() > THUMBNAIL_BYTES_MAX {
        let told = "The image is too large.";
        let cause = ["global", "uploadTooLarge"];
        return Err(Refusal::api(StatusCode::PAYLOAD_TOO_LARGE, cause, told));
    }
    let is_picture = ["image/jpeg", "image/png", "application/octet-stream"].contains(&mime);
    if !is_picture || request.body.starts_with(BROKEN) {
        return bad("invalidImage", "The provided image content is invalid.");
    }
    let picture = Picture { mime: mime.to_owned(), bytes: request.body.clone() };
    state.videos[at].thumbnail = Some(picture);
    let url = format!("https://i.ytimg.com/vi/{}/default.jpg", state.videos[at].id);
    let sizes = json!({ "default": { "url": url, "width": 120, "height": 90 } });
    found(&json!({ "kind": "youtube#thumbnailSetResponse", "items": [sizes] }))
}

/// The position of the video that a query names.
fn named(state: &State, request: &Inbound, name: &str) -> Result<usize, Refusal> {
    let Some(id) = parameter(request, name) else {
        let told = format!("Required parameter: {name}");
        return Err(Refusal::parameter("missingRequiredParameter", name, &told));
    };
    state.video(&id).ok_or_else(|| {
        let told = "The video that you are trying to use cannot be found. Check the value of the \
                    request's id parameter to ensure that it is correct.";
        Refusal::api(StatusCode::NOT_FOUND, ["youtube.video", "videoNotFound"], told)
    })
}

/// A video as the API shows it.
pub(super) fn show(state: &State, video: &Video, parts: &[&str], now: Timestamp) -> Value {
    let mut shown = Map::new();
    shown.insert("kind".into(), "youtube#video".into());
    shown.insert("id".into(), video.id.clone().into());
    for part in parts {
        let value = match *part {
            "snippet" => snippet(state, video),
            "status" => status(state, video, now),
            "contentDetails" => json!({ "dimension": "2d", "definition": "hd" }),
            "processingDetails" => processing(state, video, now),
            "fileDetails" => {
                json!({ "fileSize": video.bytes.len().to_string(), "fileType": "video" })
            }
            _ => continue,
        };
        shown.insert((*part).into(), value);
    }
    Value::Object(shown)
}

fn snippet(state: &State, video: &Video) -> Value {
    let channel = state.account(video.account);
    let told = &video.snippet;
    let mut shown = json!({
        "publishedAt": video.created_at,
        "channelId": channel.id,
        "channelTitle": channel.handle,
        "title": told.title,
        "description": told.description,
        "categoryId": told.category_id.as_deref().unwrap_or("22"),
        "liveBroadcastContent": "none",
    });
    if !told.tags.is_empty() {
        shown["tags"] = json!(told.tags);
    }
    for (name, value) in [
        ("defaultLanguage", &told.default_language),
        ("defaultAudioLanguage", &told.default_audio_language),
    ] {
        if let Some(value) = value {
            shown[name] = value.as_str().into();
        }
    }
    shown
}

fn status(state: &State, video: &Video, now: Timestamp) -> Value {
    let told = &video.status;
    let mut shown = json!({
        "uploadStatus": match video.progress(state, now) {
            Progress::Working => "uploaded",
            Progress::Ready => "processed",
            Progress::Failed => "failed",
            Progress::Rejected(_) => "rejected",
        },
        "privacyStatus": told.privacy_status.name(),
        "license": told.license.name(),
        "embeddable": told.embeddable.unwrap_or(true),
        "publicStatsViewable": told.public_stats_viewable.unwrap_or(true),
        "madeForKids": told.self_declared_made_for_kids,
        "selfDeclaredMadeForKids": told.self_declared_made_for_kids,
        "containsSyntheticMedia": told.contains_synthetic_media.unwrap_or(false),
    });
    match video.progress(state, now) {
        Progress::Failed => shown["failureReason"] = "codec".into(),
        Progress::Rejected(reason) => shown["rejectionReason"] = reason.into(),
        Progress::Working | Progress::Ready => {}
    }
    if let Some(publish_at) = &told.publish_at {
        shown["publishAt"] = publish_at.as_str().into();
    }
    shown
}

/// The numbers of the progress are strings, as everything of 64 bits in this API.
fn processing(state: &State, video: &Video, now: Timestamp) -> Value {
    match video.progress(state, now) {
        Progress::Working => {
            let work = Duration::from_secs(state.limits.processing_s);
            let left = (video.created_at + work).max(state.stuck_until).since(now).as_millis();
            json!({
                "processingStatus": "processing",
                "processingProgress": {
                    "partsTotal": "100", "partsProcessed": "50", "timeLeftMs": left.to_string(),
                },
            })
        }
        Progress::Ready => json!({ "processingStatus": "succeeded" }),
        Progress::Rejected(_) => json!({ "processingStatus": "terminated" }),
        Progress::Failed => {
            json!({ "processingStatus": "failed", "processingFailureReason": "transcodeFailed" })
        }
    }
}
