//! Images and documents of the simulated LinkedIn: an address, bytes to it, processing over time.
//! Films, which come in parts, are in `films.rs`.

use super::films::Parts;
use super::refusal::Refusal;
use super::state::{Author, Caller, Kind, State};
use super::wire::{Initialize, Owner};
use super::{Outcome, decoded, films, json_body};
use crate::sim::Inbound;
use crate::sim::http::{empty, field, json};
use domain::time::Timestamp;
use http::StatusCode;
use serde_json::json;

/// A file whose bytes begin so cannot be processed.
const BROKEN: &[u8] = b"UNSUPPORTED";

/// The API that a file goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Images,
    Videos,
    Documents,
}

impl Api {
    /// The API of this name in a path.
    pub fn of(collection: &str) -> Option<Self> {
        [Self::Images, Self::Videos, Self::Documents]
            .into_iter()
            .find(|api| api.collection() == collection)
    }

    pub fn collection(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Videos => "videos",
            Self::Documents => "documents",
        }
    }

    /// What one of its files is called in a URN.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Images => "image",
            Self::Videos => "video",
            Self::Documents => "document",
        }
    }

    /// The names of its calls: to open, to send, to look.
    pub fn calls(self) -> [&'static str; 3] {
        match self {
            Self::Images => ["images.initialize", "images.upload", "images.status"],
            Self::Videos => ["videos.initialize", "videos.upload", "videos.status"],
            Self::Documents => ["documents.initialize", "documents.upload", "documents.status"],
        }
    }

    /// Images: 8 MB by third parties. Documents: 100 MB (Documents API).
    fn bytes_max(self) -> usize {
        match self {
            Self::Images => 8 * 1024 * 1024,
            Self::Videos => usize::MAX,
            Self::Documents => 100 * 1024 * 1024,
        }
    }
}

/// A file, or the room for one.
#[derive(Debug, PartialEq)]
pub(super) struct File {
    pub api: Api,
    pub owner: Author,
    /// Whole, once it is there.
    pub bytes: Vec<u8>,
    pub address_ends_at: Timestamp,
    /// When it was whole.
    pub arrived_at: Option<Timestamp>,
    /// A film's.
    pub parts: Parts,
}

/// How far a file is.
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

impl File {
    /// What the bytes are, for a browser.
    pub fn mime(&self) -> &'static str {
        match (self.api, self.bytes.as_slice()) {
            (Api::Videos, _) => "video/mp4",
            (Api::Documents, [b'P', b'K', ..]) => "application/zip",
            (Api::Documents, _) => "application/pdf",
            (Api::Images, [0x89, b'P', b'N', b'G', ..]) => "image/png",
            (Api::Images, [b'G', b'I', b'F', ..]) => "image/gif",
            (Api::Images, _) => "image/jpeg",
        }
    }
}

impl State {
    /// The file of this URN.
    pub fn file(&self, urn: &str) -> Option<&File> {
        let (noun, key) = urn.strip_prefix("urn:li:")?.split_once(':')?;
        self.files.get(key).filter(|file| file.api.noun() == noun)
    }

    pub fn progress(&self, file: &File, now: Timestamp) -> Progress {
        let Some(arrived_at) = file.arrived_at else {
            return Progress::Waiting;
        };
        if now < (arrived_at + self.limits.processing()).max(self.stuck_until) {
            Progress::Processing
        } else if file.bytes.starts_with(BROKEN) {
            Progress::Failed
        } else {
            Progress::Available
        }
    }

    /// Makes room for a file, and tells its key and until when its addresses serve.
    pub fn open(&mut self, api: Api, owner: Author, now: Timestamp) -> (String, Timestamp) {
        let key = self.token(api.noun());
        let end = now + self.limits.upload_life();
        let (bytes, parts) = (vec![], Parts::default());
        let file = File { api, owner, bytes, address_ends_at: end, arrived_at: None, parts };
        self.files.insert(key.clone(), file);
        (key, end)
    }

    /// The file behind an address, while that serves; it serves whoever acts for its owner alone.
    pub fn opened(
        &mut self,
        key: &str,
        caller: Caller,
        now: Timestamp,
    ) -> Result<&mut File, Refusal> {
        let authors: Vec<_> = self.authors(caller).collect();
        let file = self.files.get_mut(key).filter(|file| authors.contains(&file.owner));
        let file = file.ok_or_else(Refusal::not_found)?;
        if file.address_ends_at <= now {
            return Err(Refusal::address_over());
        }
        Ok(file)
    }
}

/// `POST /rest/{images,documents,videos}?action=…`.
pub(super) fn act(
    state: &mut State,
    caller: Caller,
    (api, request): (Api, &Inbound),
    now: Timestamp,
) -> Outcome {
    match (api, field(&request.query, "action").as_deref()) {
        (Api::Videos, Some("initializeUpload")) => films::initialize(state, caller, request, now),
        (Api::Videos, Some("finalizeUpload")) => films::finalize(state, caller, request, now),
        (_, Some("initializeUpload")) => initialize(state, caller, (api, request), now),
        _ => Err(Refusal::illegal("action has to be initializeUpload")),
    }
}

fn initialize(
    state: &mut State,
    caller: Caller,
    (api, request): (Api, &Inbound),
    now: Timestamp,
) -> Outcome {
    let body: Initialize<Owner> = json_body(request)?;
    let owner = state.acting(caller, &body.initialize_upload_request.owner);
    let owner = owner.ok_or_else(|| Refusal::not_permitted(api.calls()[0]))?;
    let (key, end) = state.open(api, owner, now);
    let mut value = json!({
        "uploadUrlExpiresAt": end.ms(),
        "uploadUrl": address(request, api, &key, end),
    });
    value[api.noun()] = format!("urn:li:{}:{key}", api.noun()).into();
    Ok(json(StatusCode::OK, &json!({ "value": value })))
}

/// Where bytes go.
pub(super) fn address(request: &Inbound, api: Api, key: &str, end: Timestamp) -> String {
    let (base, seconds) = (&request.base, end.ms() / 1000);
    format!("{base}/dms-uploads/{}/{key}?e={seconds}", api.collection())
}

/// `PUT` to an address that was given out. Bytes that come again take the place of the first.
pub(super) fn upload(
    state: &mut State,
    caller: Caller,
    (api, key, bytes): (Api, &str, &[u8]),
    now: Timestamp,
) -> Outcome {
    if bytes.is_empty() {
        let status = StatusCode::LENGTH_REQUIRED;
        return Err(Refusal::api(status, None, "LENGTH_REQUIRED", "The body is empty"));
    }
    if api == Api::Videos {
        return films::part(state, caller, (key, bytes), now);
    }
    let file = state.opened(key, caller, now)?;
    if bytes.len() > api.bytes_max() {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Err(Refusal::api(status, None, "TOO_LARGE", "The file is too large"));
    }
    bytes.clone_into(&mut file.bytes);
    file.arrived_at = Some(now);
    Ok(empty(StatusCode::CREATED))
}

/// `GET /rest/{images,documents,videos}/{urn}`.
pub(super) fn status(
    state: &State,
    caller: Caller,
    (api, urn): (Api, &str),
    now: Timestamp,
) -> Outcome {
    // Grants of people that may only write can look at films all the same.
    let is_hidden = state.limits.hides_image_status && api != Api::Videos;
    if is_hidden && caller.author.kind == Kind::Person {
        return Err(Refusal::not_permitted(api.calls()[2]));
    }
    let urn = decoded(urn)?;
    let is_theirs = |file: &&File| file.api == api && state.may_act(caller, file.owner);
    let file = state.file(&urn).filter(is_theirs);
    let file = file.ok_or_else(Refusal::not_found)?;
    let progress = state.progress(file, now);
    let mut told = json!({
        "id": urn,
        "owner": state.account(file.owner).id,
        "status": progress.name(),
    });
    match progress {
        Progress::Available => {
            let key = urn.rsplit(':').next().unwrap_or_default();
            told["downloadUrl"] = format!("https://media.licdn.com/sim/{key}").into();
        }
        Progress::Failed => told["processingFailureReason"] = "The format is not known".into(),
        Progress::Waiting | Progress::Processing => {}
    }
    Ok(json(StatusCode::OK, &told))
}
