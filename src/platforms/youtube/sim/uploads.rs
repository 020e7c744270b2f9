//! Upload sessions of the simulated YouTube: opened with metadata, filled piece by piece, asked,
//! and forgotten after a week.

use super::quota::FILE_BYTES_MAX;
use super::refusal::Refusal;
use super::state::{Caller, State};
use super::videos::{self, Video};
use super::wire::{Insert, Privacy, Snippet, Status};
use super::{Outcome, found, parameter};
use crate::sim::http::{empty, header, set};
use crate::sim::{Accepted, Inbound};
use domain::capability::Counting;
use domain::text;
use domain::time::Timestamp;
use http::StatusCode;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use std::time::Duration;

/// guides/using_resumable_upload_protocol: every piece but the last is a multiple of it.
const GRAIN_BYTES: u64 = 262_144;
/// docs/videos: the longest title, in characters.
const TITLE_MAX: usize = 100;
/// docs/videos: the longest description, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 5_000;
/// docs/videos: the longest list of tags, in characters.
const TAGS_MAX: usize = 500;
/// The categories that videos can be assigned to in the United States (videoCategories.list).
const CATEGORIES: [&str; 15] =
    ["1", "2", "10", "15", "17", "19", "20", "22", "23", "24", "25", "26", "27", "28", "29"];
/// The parts that can be written.
const PARTS: [&str; 5] =
    ["snippet", "status", "recordingDetails", "localizations", "paidProductPlacementDetails"];
/// The parameters of the request that opens a session; those behind them go with every request
/// (discovery document, `parameters`), and Google's own clients send them.
const PARAMETERS: [&str; 7] =
    ["uploadType", "part", "notifySubscribers", "alt", "key", "prettyPrint", "quotaUser"];

/// An upload under way, or done.
#[derive(Debug, PartialEq)]
pub(super) struct Session {
    owner: usize,
    snippet: Snippet,
    status: Status,
    mime: String,
    total: u64,
    bytes: Vec<u8>,
    expires_at: Timestamp,
    /// The position of what became of it.
    video: Option<usize>,
}

/// What the header `Content-Range` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// `bytes */N`.
    Ask { total: u64 },
    /// `bytes a-b/N`.
    Bytes { first: u64, last: u64, total: u64 },
}

impl Piece {
    pub fn read(range: &str) -> Option<Self> {
        let (range, total) = range.strip_prefix("bytes ")?.split_once('/')?;
        let total = total.parse().ok()?;
        if range == "*" {
            return Some(Self::Ask { total });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last && last < total).then_some(Self::Bytes { first, last, total })
    }
}

/// `POST /upload/youtube/v3/videos?uploadType=resumable`.
pub(super) fn open(
    state: &mut State,
    caller: Caller,
    request: &Inbound,
    now: Timestamp,
) -> Outcome {
    check_query(request)?;
    let (mime, total) = announced(request)?;
    let insert = body(request)?;
    if !state.account(caller.account).has_channel() {
        return Err(Refusal::no_channel());
    }
    let snippet = insert.snippet.unwrap_or_default();
    let status = insert.status.unwrap_or_default();
    check_snippet(&snippet)?;
    check_status(&status, now)?;
    let day = now - Duration::from_secs(24 * 3_600);
    let videos = &state.account(caller.account).own.videos;
    let recent = videos.iter().filter(|at| state.videos[**at].created_at > day).count();
    if recent >= state.limits.channel_videos_max {
        let told = "The user has exceeded the number of videos they may upload.";
        let cause = ["youtube.video", "uploadLimitExceeded"];
        return Err(Refusal::api(StatusCode::BAD_REQUEST, cause, told));
    }
    let id = state.token("upload");
    let expires_at = now + Duration::from_secs(state.limits.session_life_s);
    let owner = caller.account;
    let (bytes, video) = (Vec::new(), None);
    let session = Session { owner, snippet, status, mime, total, bytes, expires_at, video };
    state.sessions.insert(id.clone(), session);
    let mut response = empty(StatusCode::OK);
    let address = format!("{}{}?{}&upload_id={id}", request.base, request.path, request.query);
    set(&mut response, LOCATION.as_str(), &address);
    Ok(response)
}

/// `PUT` to a session: a piece, or the question how far it is.
pub(super) fn put(state: &mut State, caller: Caller, request: &Inbound, now: Timestamp) -> Outcome {
    let id = parameter(request, "upload_id").ok_or_else(Refusal::not_found)?;
    let kept_max = state.limits.kept_bytes_max;
    let session = state.sessions.get_mut(&id).filter(|s| s.owner == caller.account);
    let session = session.ok_or_else(Refusal::not_found)?;
    // Which of the two a session that has ended answers with is not documented; both are seen.
    if session.expires_at <= now {
        return Err(Refusal::gone());
    }
    if let Some(at) = session.video {
        return done(state, at, now);
    }
    if let Some((first, bytes)) = piece(request, session)? {
        // What is kept already is passed over, and of the rest not everything may be kept.
        let kept = session.bytes.len() as u64;
        let known = usize::try_from(kept - first).unwrap_or(usize::MAX);
        let fresh = bytes.get(known..).unwrap_or_default();
        let room = usize::try_from(kept_max).unwrap_or(usize::MAX);
        session.bytes.extend_from_slice(&fresh[..fresh.len().min(room)]);
    }
    if session.bytes.len() as u64 == session.total {
        let at = finish(state, &id, caller, now);
        return done(state, at, now);
    }
    let mut response = empty(StatusCode::PERMANENT_REDIRECT);
    let kept = session.bytes.len();
    if state.limits.moves_sessions {
        let moved = state.token("upload");
        let address = format!("{}{}?upload_id={moved}", request.base, request.path);
        set(&mut response, LOCATION.as_str(), &address);
        if let Some(session) = state.sessions.remove(&id) {
            state.sessions.insert(moved, session);
        }
    }
    if let Some(last) = kept.checked_sub(1) {
        set(&mut response, RANGE.as_str(), &format!("bytes=0-{last}"));
    }
    Ok(response)
}

/// The first byte and the bytes of a piece; `None` for a question.
fn piece<'a>(request: &'a Inbound, session: &Session) -> Result<Option<(u64, &'a [u8])>, Refusal> {
    let length = request.body.len() as u64;
    let refused = |told: &str| Err(Refusal::unreadable(told));
    let range = match header(&request.headers, CONTENT_RANGE.as_str()) {
        Some(range) => Piece::read(range),
        None => Some(Piece::Bytes { first: 0, last: length.saturating_sub(1), total: length }),
    };
    let (first, last, total) = match range {
        Some(Piece::Ask { total }) if total == session.total && length == 0 => return Ok(None),
        Some(Piece::Bytes { first, last, total }) => (first, last, total),
        Some(Piece::Ask { .. }) | None => return refused("Failed to parse Content-Range header."),
    };
    if total != session.total || last - first + 1 != length {
        return refused("The Content-Range header does not match the bytes that were sent.");
    }
    let kind = header(&request.headers, CONTENT_TYPE.as_str());
    if kind.is_some_and(|kind| kind != session.mime) {
        return refused("Content-Type does not match X-Upload-Content-Type.");
    }
    if last + 1 < total && !length.is_multiple_of(GRAIN_BYTES) {
        return refused("The number of bytes uploaded has to be a multiple of 262144.");
    }
    // Assumed: the guide does not say what becomes of a piece behind a gap.
    if first > session.bytes.len() as u64 {
        return refused("The piece does not begin where the bytes that were kept end.");
    }
    Ok(Some((first, &request.body)))
}

/// The file is whole: this is the moment in which the video comes into being.
fn finish(state: &mut State, id: &str, caller: Caller, now: Timestamp) -> usize {
    let at = state.videos.len();
    let video_id = state.video_id();
    let Some(session) = state.sessions.get_mut(id) else {
        return at;
    };
    session.video = Some(at);
    let mut status = session.status.clone();
    if state.limits.only_private {
        status.privacy_status = Privacy::Private;
    }
    let video = Video {
        id: video_id,
        account: caller.account,
        snippet: session.snippet.clone(),
        status,
        mime: session.mime.clone(),
        bytes: std::mem::take(&mut session.bytes),
        thumbnail: None,
        created_at: now,
        is_deleted: false,
    };
    let ids = [state.account(caller.account).id.as_str(), &video.id];
    let names = [super::super::options::NAME, "videos.finish"];
    let accepted = Accepted::new(names, ids, &video.snippet.description, now);
    state.videos.push(video);
    state.account_mut(caller.account).own.videos.push(at);
    state.accepted.push(accepted);
    at
}

fn done(state: &State, at: usize, now: Timestamp) -> Outcome {
    match state.videos.get(at).filter(|video| !video.is_deleted) {
        Some(video) => found(&videos::show(state, video, &["snippet", "status"], now)),
        None => Err(Refusal::not_found()),
    }
}

fn check_query(request: &Inbound) -> Result<(), Refusal> {
    for (name, _) in url::form_urlencoded::parse(request.query.as_bytes()) {
        if !PARAMETERS.contains(&&*name) {
            let told = format!("Unknown parameter: {name}");
            return Err(Refusal::parameter("unknownParameter", &name, &told));
        }
    }
    if parameter(request, "uploadType").as_deref() != Some("resumable") {
        let told = "uploadType has to be resumable here.";
        return Err(Refusal::parameter("invalidParameter", "uploadType", told));
    }
    let parts = parameter(request, "part").unwrap_or_default();
    if parts.is_empty() {
        let told = "No filter selected. Expected: part";
        return Err(Refusal::parameter("missingRequiredParameter", "part", told));
    }
    match parts.split(',').find(|part| !PARTS.contains(part)) {
        Some(part) => {
            let told = format!("'{part}'");
            Err(Refusal::parameter("unknownPart", "part", &told))
        }
        None => Ok(()),
    }
}

/// The media type and the length of the file to come. The guide sends both headers always; that
/// a request without them is refused, and how, is assumed.
fn announced(request: &Inbound) -> Result<(String, u64), Refusal> {
    let told = |name| header(&request.headers, name).unwrap_or_default();
    let mime = told("x-upload-content-type");
    let is_video = mime.starts_with("video/") || mime == "application/octet-stream";
    let total = told("x-upload-content-length").parse::<u64>().ok().filter(|total| *total > 0);
    match total {
        Some(total) if total > FILE_BYTES_MAX => {
            let told = "The file is too large.";
            Err(Refusal::api(StatusCode::PAYLOAD_TOO_LARGE, ["global", "uploadTooLarge"], told))
        }
        Some(total) if is_video => Ok((mime.to_owned(), total)),
        _ => {
            let told = "The request does not include the video content.";
            let cause = ["youtube.video", "mediaBodyRequired"];
            Err(Refusal::api(StatusCode::BAD_REQUEST, cause, told))
        }
    }
}

/// The metadata; a part that stands in it has to be named in the query.
fn body(request: &Inbound) -> Result<Insert, Refusal> {
    let kind = header(&request.headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(Refusal::unreadable("The metadata has to be application/json."));
    }
    let insert: Insert = serde_json::from_slice(&request.body).map_err(|refused| {
        Refusal::unreadable(&format!("Invalid JSON payload received. {refused}"))
    })?;
    let named = parameter(request, "part").unwrap_or_default();
    let given = [
        insert.snippet.is_some(),
        insert.status.is_some(),
        insert.recording_details.is_some(),
        insert.localizations.is_some(),
        insert.paid_product_placement_details.is_some(),
    ];
    let is_named = |part: &str| named.split(',').any(|name| name == part);
    match PARTS.iter().zip(given).find(|(part, is_given)| *is_given && !is_named(part)) {
        Some((part, _)) => {
            Err(Refusal::parameter("unexpectedPart", "part", &format!("Unexpected part: {part}")))
        }
        None => Ok(insert),
    }
}

fn check_snippet(snippet: &Snippet) -> Result<(), Refusal> {
    let has_angles = |text: &str| text.contains(['<', '>']);
    let title = &snippet.title;
    let length = text::count(Counting::Utf16, title);
    if title.trim().is_empty() || length > TITLE_MAX || has_angles(title) {
        let told = "The request metadata specifies an invalid or empty video title.";
        return Err(Refusal::metadata("invalidTitle", "body.snippet.title", told));
    }
    let description = &snippet.description;
    if description.len() > DESCRIPTION_BYTES_MAX || has_angles(description) {
        let told = "The request metadata specifies an invalid video description.";
        return Err(Refusal::metadata("invalidDescription", "body.snippet.description", told));
    }
    let is_odd = |tag: &String| tag.trim().is_empty() || has_angles(tag);
    if tags_length(&snippet.tags) > TAGS_MAX || snippet.tags.iter().any(is_odd) {
        let told = "The request metadata specifies invalid video keywords.";
        return Err(Refusal::metadata("invalidTags", "body.snippet.tags", told));
    }
    let category = snippet.category_id.as_deref();
    if category.is_some_and(|id| !CATEGORIES.contains(&id)) {
        let told = "The snippet.categoryId property specifies an invalid category ID.";
        return Err(Refusal::metadata("invalidCategoryId", "body.snippet.categoryId", told));
    }
    Ok(())
}

/// docs/videos: the commas between the tags count, and a tag with a blank counts its quotes.
fn tags_length(tags: &[String]) -> usize {
    let quotes = |tag: &str| if tag.contains(' ') { 2 } else { 0 };
    let lengths = tags.iter().map(|tag| text::count(Counting::Utf16, tag) + quotes(tag));
    lengths.sum::<usize>() + tags.len().saturating_sub(1)
}

fn check_status(status: &Status, now: Timestamp) -> Result<(), Refusal> {
    let Some(publish_at) = &status.publish_at else {
        return Ok(());
    };
    let is_later = Timestamp::parse(publish_at).is_some_and(|at| at > now);
    if status.privacy_status == Privacy::Private && is_later {
        return Ok(());
    }
    let told = "The request metadata specifies an invalid scheduled publishing time.";
    Err(Refusal::metadata("invalidPublishAt", "body.status.publishAt", told))
}
