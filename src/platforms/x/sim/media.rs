//! Media of the simulated X: chunks in, processing over time, expiry.

use super::state::{Caller, State};
use super::wire::{AltText, Append, Category, Describe, Initialize};
use super::{Outcome, Refusal, json_body};
use crate::sim::Inbound;
use crate::sim::http::field;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::time::Timestamp;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// docs.x.com: the life of an upload that is not closed, in seconds.
const OPEN_LIFE_S: u64 = 1_295_999;
/// docs.x.com: the life of a closed file that is not attached, in seconds.
const CLOSED_LIFE_S: u64 = 86_400;
/// The largest chunk taken; X asks for small ones and names no number. 1 000 of them hold the
/// largest file of all.
const CHUNK_BYTES_MAX: usize = 32 * 1024 * 1024;
/// OpenAPI 2.167, `total_bytes`: the largest file of all, which subscribers may send.
const FILE_BYTES_MAX: u64 = 17_179_869_184;
/// docs.x.com: the largest index of a chunk.
const SEGMENT_MAX: u64 = 999;
/// docs.x.com: the longest alt text.
const ALT_CHARS_MAX: usize = 1_000;
/// docs.x.com: the types of films.
const FILMS: &[&str] = &["video/mp4", "video/quicktime", "video/webm", "video/mp2t"];
/// The longest wait between two looks that is asked for.
const CHECK_AFTER_S_MAX: u64 = 10;
/// A file whose bytes begin so cannot be processed.
const BROKEN: &[u8] = b"UNSUPPORTED";

/// An upload or a file.
#[derive(Debug, PartialEq)]
pub(super) struct File {
    pub owner: usize,
    pub mime: String,
    pub category: Category,
    pub alt_text: Option<String>,
    pub bytes: Vec<u8>,
    total_bytes: u64,
    chunks: BTreeMap<u64, Vec<u8>>,
    expires_at: Timestamp,
    closed_at: Option<Timestamp>,
}

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Ready,
    Pending,
    Working,
    Failed,
}

impl File {
    /// The prefix tells what a file is, as on X.
    pub fn key(&self, id: &str) -> String {
        let kind = match self.category {
            Category::TweetImage => 3,
            Category::TweetGif => 16,
            Category::TweetVideo => 7,
            Category::AmplifyVideo => 13,
        };
        format!("{kind}_{id}")
    }

    pub fn is_image(&self) -> bool {
        self.category == Category::TweetImage
    }

    /// Films and GIFs take a while, images none.
    fn work(&self) -> Duration {
        Duration::from_secs(match self.category {
            Category::TweetImage => 0,
            Category::TweetGif => 1,
            Category::TweetVideo | Category::AmplifyVideo => 3,
        })
    }

    fn progress(&self, stuck_until: Timestamp, now: Timestamp) -> Option<Progress> {
        let closed_at = self.closed_at?;
        if self.work().is_zero() {
            return Some(Progress::Ready);
        }
        Some(if now < (closed_at + self.work()).max(stuck_until) {
            let is_young = now < closed_at + self.work() / 2;
            if is_young { Progress::Pending } else { Progress::Working }
        } else if self.bytes.starts_with(BROKEN) {
            Progress::Failed
        } else {
            Progress::Ready
        })
    }

    /// It can be attached by this account.
    pub fn is_usable(&self, owner: usize, stuck_until: Timestamp, now: Timestamp) -> bool {
        self.owner == owner
            && self.expires_at > now
            && self.progress(stuck_until, now) == Some(Progress::Ready)
    }

    fn show(&self, id: &str, stuck_until: Timestamp, now: Timestamp) -> Value {
        let left = self.expires_at.since(now).as_secs();
        let mut data = json!({
            "id": id,
            "media_key": self.key(id),
            "size": self.bytes.len(),
            "expires_after_secs": left,
        });
        let ready_at = (self.closed_at.unwrap_or(now) + self.work()).max(stuck_until);
        let wait = ready_at.since(now).as_secs().clamp(1, CHECK_AFTER_S_MAX);
        let progress = self.progress(stuck_until, now).filter(|_| !self.work().is_zero());
        let info = match progress {
            None => return json!({ "data": data }),
            Some(Progress::Pending) => json!({ "state": "pending", "check_after_secs": wait }),
            Some(Progress::Working) => {
                json!({ "state": "in_progress", "check_after_secs": wait, "progress_percent": 50 })
            }
            Some(Progress::Ready) => json!({ "state": "succeeded", "progress_percent": 100 }),
            Some(Progress::Failed) => json!({
                "state": "failed",
                "progress_percent": 100,
                "error": {
                    "code": 3, "name": "UnsupportedMedia", "message": "Unsupported codec format",
                },
            }),
        };
        data["processing_info"] = info;
        json!({ "data": data })
    }
}

/// `POST /2/media/upload/initialize`.
pub(super) fn initialize(
    state: &mut State,
    caller: Caller,
    request: &Inbound,
    now: Timestamp,
) -> Outcome {
    let body: Initialize = json_body(request)?;
    let (mimes, size_max): (&[&str], u64) = match body.media_category {
        Category::TweetImage => {
            (&["image/jpeg", "image/png", "image/webp", "image/gif"], 5 * 1024 * 1024)
        }
        Category::TweetGif => (&["image/gif"], 15 * 1024 * 1024),
        Category::TweetVideo => (FILMS, 512 * 1024 * 1024),
        Category::AmplifyVideo if state.is_premium(caller.account) => (FILMS, FILE_BYTES_MAX),
        Category::AmplifyVideo => {
            let told = "You are not permitted to perform this action.";
            return Err(Refusal::forbidden(told));
        }
    };
    if !mimes.contains(&body.media_type.as_str()) {
        return Err(Refusal::invalid("media_type", "The media type does not fit the category."));
    }
    if body.total_bytes == 0 || body.total_bytes > size_max {
        let told = format!("total_bytes has to lie between 1 and {size_max}.");
        return Err(Refusal::invalid("total_bytes", &told));
    }
    let id = state.file_id();
    let file = File {
        owner: caller.account,
        mime: body.media_type,
        category: body.media_category,
        alt_text: None,
        bytes: Vec::new(),
        total_bytes: body.total_bytes,
        chunks: BTreeMap::new(),
        expires_at: now + Duration::from_secs(OPEN_LIFE_S),
        closed_at: None,
    };
    let data = json!({
        "id": id, "media_key": file.key(&id), "expires_after_secs": OPEN_LIFE_S,
    });
    state.files.insert(id, file);
    Ok((StatusCode::OK, json!({ "data": data })))
}

/// `POST /2/media/upload/{id}/append`. A chunk that comes again takes its own place.
pub(super) fn append(
    state: &mut State,
    caller: Caller,
    id: &str,
    request: &Inbound,
    now: Timestamp,
) -> Outcome {
    let file = file(state, caller, id, now)?;
    let (index, bytes) = chunk(request)?;
    if index > SEGMENT_MAX {
        return Err(Refusal::invalid("segment_index", "segment_index is at most 999."));
    }
    if bytes.len() > CHUNK_BYTES_MAX {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Err(Refusal::blank(status, "Payload Too Large", "The chunk is too large."));
    }
    if file.closed_at.is_some() {
        return Err(Refusal::invalid("id", "The upload is finalized."));
    }
    let others = file.chunks.iter().filter(|(at, _)| **at != index).map(|(_, b)| b.len());
    let sum = others.sum::<usize>() + bytes.len();
    if u64::try_from(sum).unwrap_or(u64::MAX) > file.total_bytes {
        return Err(Refusal::invalid("media", "More bytes than total_bytes."));
    }
    file.chunks.insert(index, bytes);
    let expires_at = file.expires_at.ms() / 1000;
    Ok((StatusCode::OK, json!({ "data": { "expires_at": expires_at } })))
}

/// `POST /2/media/upload/{id}/finalize`; again, it answers as before.
pub(super) fn finalize(state: &mut State, caller: Caller, id: &str, now: Timestamp) -> Outcome {
    let stuck_until = state.stuck_until;
    let file = file(state, caller, id, now)?;
    if file.closed_at.is_none() {
        let is_gapless = file.chunks.keys().copied().eq(0..file.chunks.len() as u64);
        let sum = file.chunks.values().map(Vec::len).sum::<usize>() as u64;
        if !is_gapless || sum != file.total_bytes {
            let told = format!("Got {sum} of {} bytes without gaps.", file.total_bytes);
            return Err(Refusal::invalid("total_bytes", &told));
        }
        file.bytes = std::mem::take(&mut file.chunks).into_values().flatten().collect();
        file.closed_at = Some(now);
        file.expires_at = now + Duration::from_secs(CLOSED_LIFE_S);
    }
    Ok((StatusCode::OK, file.show(id, stuck_until, now)))
}

/// `GET /2/media/upload?command=STATUS&media_id=…`.
pub(super) fn status(
    state: &mut State,
    caller: Caller,
    request: &Inbound,
    now: Timestamp,
) -> Outcome {
    if field(&request.query, "command").as_deref() != Some("STATUS") {
        return Err(Refusal::invalid("command", "command has to be STATUS."));
    }
    let id = field(&request.query, "media_id").unwrap_or_default();
    let stuck_until = state.stuck_until;
    let file = file(state, caller, &id, now)?;
    Ok((StatusCode::OK, file.show(&id, stuck_until, now)))
}

/// `POST /2/media/metadata`.
pub(super) fn metadata(
    state: &mut State,
    caller: Caller,
    request: &Inbound,
    now: Timestamp,
) -> Outcome {
    let Describe { id, metadata } = json_body(request)?;
    let id = id.0;
    let alt_text = metadata.and_then(|metadata| metadata.alt_text);
    let Some(AltText { text }) = alt_text else {
        return Err(Refusal::invalid("metadata", "There is nothing to say of the media."));
    };
    if text.chars().count() > ALT_CHARS_MAX {
        return Err(Refusal::invalid("metadata.alt_text.text", "At most 1000 characters."));
    }
    let file = file(state, caller, &id, now)?;
    file.alt_text = Some(text.clone());
    let told = json!({ "id": id, "associated_metadata": { "alt_text": { "text": text } } });
    Ok((StatusCode::OK, json!({ "data": told })))
}

/// The account's own file, as long as it lives.
fn file<'a>(
    state: &'a mut State,
    caller: Caller,
    id: &str,
    now: Timestamp,
) -> Result<&'a mut File, Refusal> {
    let file = state.files.get_mut(id);
    let file = file.filter(|file| file.owner == caller.account && file.expires_at > now);
    file.ok_or_else(|| Refusal::not_found(&format!("Could not find media with id: [{id}].")))
}

/// The index and the bytes of a chunk, from multipart form data or from JSON.
fn chunk(request: &Inbound) -> Result<(u64, Vec<u8>), Refusal> {
    let kind = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = kind
        .filter(|kind| kind.starts_with("multipart/form-data"))
        .and_then(|kind| kind.split_once("boundary="))
        .map(|(_, boundary)| boundary.trim_matches('"'));
    let Some(boundary) = boundary else {
        let body: Append = json_body(request)?;
        let bytes = STANDARD.decode(body.media);
        let bytes = bytes.map_err(|_| Refusal::invalid("media", "media is not base64."))?;
        return Ok((body.segment_index, bytes));
    };
    let (mut index, mut media) = (None, None);
    for (name, content) in parts(&request.body, boundary) {
        match name.as_str() {
            "segment_index" => {
                let digits = std::str::from_utf8(content).ok();
                index = digits.and_then(|digits| digits.trim().parse().ok());
            }
            "media" => media = Some(content.to_vec()),
            _ => return Err(Refusal::invalid(&name, "This part is not known.")),
        }
    }
    let index = index.ok_or_else(|| Refusal::invalid("segment_index", "It is missing."))?;
    Ok((index, media.ok_or_else(|| Refusal::invalid("media", "It is missing."))?))
}

/// The parts of multipart form data, by name.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<(String, &'a [u8])> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some(start) = find(rest, delimiter.as_bytes()) {
        let after = &rest[start + delimiter.len()..];
        let Some(after) = after.strip_prefix(b"\r\n") else {
            break;
        };
        let end = find(after, format!("\r\n{delimiter}").as_bytes()).unwrap_or(after.len());
        let part = &after[..end];
        if let Some(head) = find(part, b"\r\n\r\n") {
            let headers = String::from_utf8_lossy(&part[..head]);
            let name = headers.split_once("name=\"").and_then(|(_, rest)| rest.split_once('"'));
            let name = name.map(|(name, _)| name.to_owned()).unwrap_or_default();
            parts.push((name, &part[head + 4..]));
        }
        rest = after.get(end + 2..).unwrap_or_default();
    }
    parts
}

/// Where `wanted` begins; the first byte is looked for alone, which is what makes it quick.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|byte| *byte == first)?;
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
}
