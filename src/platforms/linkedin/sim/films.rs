//! Films of the simulated LinkedIn: parts to addresses of their own, each answered with a mark,
//! and a finalize that wants the mark of every part in order.

use super::media::{Api, address};
use super::refusal::Refusal;
use super::state::{Caller, State};
use super::wire::{Finalize, FinalizeUpload, Initialize, InitializeFilm};
use super::{Outcome, json_body};
use crate::sim::Inbound;
use crate::sim::http::{empty, json, set};
use domain::time::Timestamp;
use http::StatusCode;
use serde_json::{Value, json};

/// 75 KB to 500 MB (Videos API).
const BYTES: std::ops::RangeInclusive<u64> = 75 * 1024..=500 * 1024 * 1024;

/// The parts of a film; none of any other file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parts {
    size_bytes: u64,
    part_bytes: u64,
    token: String,
    /// The bytes and the mark of each, once it is there. One that comes again gets a new mark.
    held: Vec<Option<(Vec<u8>, String)>>,
}

impl Parts {
    /// First byte and the one behind the last of a part.
    fn range(&self, at: usize) -> (u64, u64) {
        let start = at as u64 * self.part_bytes;
        (start, (start + self.part_bytes).min(self.size_bytes))
    }
}

/// `POST /rest/videos?action=initializeUpload`.
pub(super) fn initialize(
    state: &mut State,
    caller: Caller,
    request: &Inbound,
    now: Timestamp,
) -> Outcome {
    let body: Initialize<InitializeFilm> = json_body(request)?;
    let asked = body.initialize_upload_request;
    let owner = state.acting(caller, &asked.owner);
    let owner = owner.ok_or_else(|| Refusal::not_permitted(Api::Videos.calls()[0]))?;
    if !BYTES.contains(&asked.file_size_bytes) {
        let told = "A film has 75 KB to 500 MB";
        let member = "initializeUploadRequest/fileSizeBytes";
        return Err(Refusal::input("INVALID_VALUE", member, told));
    }
    if asked.upload_captions || asked.upload_thumbnail {
        return Err(Refusal::illegal("Captions and thumbnails are not simulated"));
    }
    let (size_bytes, part_bytes) = (asked.file_size_bytes, state.limits.part_bytes());
    let token = state.token("upload");
    let (key, end) = state.open(Api::Videos, owner, now);
    let count = size_bytes.div_ceil(part_bytes);
    let mut parts = Parts { size_bytes, part_bytes, token, held: Vec::new() };
    parts.held.resize_with(usize::try_from(count).unwrap_or(usize::MAX), || None);
    let instructions: Vec<Value> = (0..parts.held.len())
        .map(|at| {
            let (start, end_byte) = parts.range(at);
            json!({
                "uploadUrl": address(request, Api::Videos, &format!("{key}.{at}"), end),
                "firstByte": start,
                "lastByte": end_byte - 1,
            })
        })
        .collect();
    let value = json!({
        "uploadUrlsExpireAt": end.ms(),
        "video": format!("urn:li:video:{key}"),
        "uploadInstructions": instructions,
        "uploadToken": parts.token,
    });
    if let Some(file) = state.files.get_mut(&key) {
        file.parts = parts;
    }
    Ok(json(StatusCode::OK, &json!({ "value": value })))
}

/// `PUT` of one part: 200, its mark in `ETag`.
pub(super) fn part(
    state: &mut State,
    caller: Caller,
    (key, bytes): (&str, &[u8]),
    now: Timestamp,
) -> Outcome {
    let (key, number) = key.rsplit_once('.').ok_or_else(Refusal::not_found)?;
    let at: usize = number.parse().map_err(|_| Refusal::not_found())?;
    let mark = format!("/sim-video/{}", state.token("part"));
    let file = state.opened(key, caller, now)?;
    let (start, end) = file.parts.range(at);
    let held = file.parts.held.get_mut(at).ok_or_else(Refusal::not_found)?;
    if bytes.len() as u64 != end - start {
        return Err(Refusal::illegal("The part has another length than its instruction"));
    }
    *held = Some((bytes.to_vec(), mark.clone()));
    let mut response = empty(StatusCode::OK);
    set(&mut response, "etag", &mark);
    Ok(response)
}

/// `POST /rest/videos?action=finalizeUpload`. Again with the same marks, it answers as before:
/// assumed, the documentation does not say.
pub(super) fn finalize(
    state: &mut State,
    caller: Caller,
    request: &Inbound,
    now: Timestamp,
) -> Outcome {
    let body: Finalize = json_body(request)?;
    let FinalizeUpload { video, upload_token, uploaded_part_ids } = body.finalize_upload_request;
    let key = video.strip_prefix("urn:li:video:").unwrap_or_default();
    let authors: Vec<_> = state.authors(caller).collect();
    let file = state.files.get_mut(key).filter(|file| authors.contains(&file.owner));
    let file = file.ok_or_else(Refusal::not_found)?;
    let invalid = |member: &str, told: &str| {
        let member = format!("finalizeUploadRequest/{member}");
        Err(Refusal::input("INVALID_VALUE", &member, told))
    };
    if upload_token != file.parts.token {
        return invalid("uploadToken", "It is not that of the upload");
    }
    let marks = file.parts.held.iter().map(|part| part.as_ref().map(|(_, mark)| mark.as_str()));
    if !marks.eq(uploaded_part_ids.iter().map(|mark| Some(mark.as_str()))) {
        return invalid("uploadedPartIds", "They are not the ETags of all parts in order");
    }
    if file.arrived_at.is_none() {
        file.bytes =
            file.parts.held.iter().flatten().flat_map(|(bytes, _)| bytes).copied().collect();
        file.arrived_at = Some(now);
    }
    Ok(empty(StatusCode::OK))
}
