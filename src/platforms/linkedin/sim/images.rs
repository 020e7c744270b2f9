//! Images of the simulated LinkedIn: an address, bytes to it, processing over time.

use super::refusal::Refusal;
use super::state::{Author, Caller, Kind, State};
use super::wire::Initialize;
use super::{Outcome, decoded, json_body};
use crate::sim::Inbound;
use crate::sim::http::{empty, field, json};
use domain::time::Timestamp;
use http::StatusCode;
use serde_json::json;

/// How the URN of an image begins.
const URN: &str = "urn:li:image:";
/// 8 MB by third parties.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// An image whose bytes begin so cannot be processed.
const BROKEN: &[u8] = b"UNSUPPORTED";

/// An image, or the room for one.
#[derive(Debug, PartialEq)]
pub(super) struct Image {
    pub owner: Author,
    pub bytes: Vec<u8>,
    address_ends_at: Timestamp,
    arrived_at: Option<Timestamp>,
}

/// How far an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Waiting,
    Processing,
    Available,
    Failed,
}

impl Progress {
    fn name(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING_UPLOAD",
            Self::Processing => "PROCESSING",
            Self::Available => "AVAILABLE",
            Self::Failed => "PROCESSING_FAILED",
        }
    }
}

impl Image {
    /// What the bytes are, for a browser.
    pub fn mime(&self) -> &'static str {
        match self.bytes.as_slice() {
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            [b'G', b'I', b'F', ..] => "image/gif",
            _ => "image/jpeg",
        }
    }
}

impl State {
    /// The image of this URN.
    pub fn image(&self, urn: &str) -> Option<&Image> {
        self.images.get(urn.strip_prefix(URN)?)
    }

    pub fn progress(&self, image: &Image, now: Timestamp) -> Progress {
        let Some(arrived_at) = image.arrived_at else {
            return Progress::Waiting;
        };
        if now < (arrived_at + self.limits.processing()).max(self.stuck_until) {
            Progress::Processing
        } else if image.bytes.starts_with(BROKEN) {
            Progress::Failed
        } else {
            Progress::Available
        }
    }
}

/// `POST /rest/images?action=initializeUpload`.
pub(super) fn initialize(
    state: &mut State,
    caller: Caller,
    request: &Inbound,
    now: Timestamp,
) -> Outcome {
    if field(&request.query, "action").as_deref() != Some("initializeUpload") {
        return Err(Refusal::illegal("action has to be initializeUpload"));
    }
    let body: Initialize = json_body(request)?;
    if body.initialize_upload_request.owner != state.account(caller.author).id {
        return Err(Refusal::not_permitted("images.initialize"));
    }
    let key = state.token("image");
    let end = now + state.limits.upload_life();
    let image =
        Image { owner: caller.author, bytes: vec![], address_ends_at: end, arrived_at: None };
    state.images.insert(key.clone(), image);
    let value = json!({
        "uploadUrlExpiresAt": end.ms(),
        "uploadUrl": format!("{}/dms-uploads/{key}?e={}", request.base, end.ms() / 1000),
        "image": format!("{URN}{key}"),
    });
    Ok(json(StatusCode::OK, &json!({ "value": value })))
}

/// `PUT` to an address that was given out. Bytes that come again take the place of the first.
pub(super) fn upload(
    state: &mut State,
    caller: Caller,
    (key, bytes): (&str, &[u8]),
    now: Timestamp,
) -> Outcome {
    let image = state.images.get_mut(key).filter(|image| image.owner == caller.author);
    let image = image.ok_or_else(Refusal::not_found)?;
    if image.address_ends_at <= now {
        return Err(Refusal::address_over());
    }
    if bytes.is_empty() {
        let status = StatusCode::LENGTH_REQUIRED;
        return Err(Refusal::api(status, None, "LENGTH_REQUIRED", "The body is empty"));
    }
    if bytes.len() > BYTES_MAX {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Err(Refusal::api(status, None, "TOO_LARGE", "The image is too large"));
    }
    bytes.clone_into(&mut image.bytes);
    image.arrived_at = Some(now);
    Ok(empty(StatusCode::CREATED))
}

/// `GET /rest/images/{urn}`.
pub(super) fn status(state: &State, caller: Caller, urn: &str, now: Timestamp) -> Outcome {
    if state.limits.hides_image_status && caller.author.kind == Kind::Person {
        return Err(Refusal::not_permitted("images.status"));
    }
    let urn = decoded(urn)?;
    let image = state.image(&urn).filter(|image| image.owner == caller.author);
    let image = image.ok_or_else(Refusal::not_found)?;
    let progress = state.progress(image, now);
    let mut told = json!({
        "id": urn,
        "owner": state.account(image.owner).id,
        "status": progress.name(),
    });
    match progress {
        Progress::Available => {
            let key = urn.trim_start_matches(URN);
            told["downloadUrl"] = format!("https://media.licdn.com/sim/{key}").into();
        }
        Progress::Failed => told["processingFailureReason"] = "The format is not known".into(),
        Progress::Waiting | Progress::Processing => {}
    }
    Ok(json(StatusCode::OK, &told))
}
