//! Bringing one file to LinkedIn: ask where, send it there, wait until it can be used.
//!
//! Images and documents go up whole, films in parts (`film.rs`). Every call here may be repeated:
//! at worst LinkedIn keeps a file that no post uses.

use super::super::wire::{Initialize, Opened, Owner, Status, Value};
use super::super::{auth, errors};
use super::{Position, Stage, film, post};
use crate::port::{Body, Call, Part, Reply, View};
use domain::content::{AssetFacts, MediaKind};
use domain::failure::{Effect, Failure};
use domain::time::Timestamp;
use http::{Method, Uri};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long the small calls may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
/// How long a file, or a part of a film, may take at least and at most: a worker lets go of a
/// delivery after 120 s, and may have worked on it for 30 s before. So the largest document, which
/// cannot be cut, needs a line of 1.3 MB a second.
const UPLOAD_DEADLINES_S: [u64; 2] = [60, 80];
/// The line that a deadline between them allows for.
const UPLOAD_BYTES_PER_S: u64 = 256 * 1024;
/// An address this close to its end is not used any more.
const EXPIRY_MARGIN: Duration = Duration::from_secs(60);
/// Seconds between the looks; the last stands for all that follow. Assumed: LinkedIn names none.
const WAITS_S: [u64; 5] = [1, 2, 5, 10, 30];

/// The API that a file goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Images,
    Videos,
    Documents,
}

impl Api {
    /// The API for the file at a position.
    pub fn of(asset: usize, view: &View<'_>) -> Self {
        match view.assets.get(asset).map(|facts| facts.kind) {
            Some(MediaKind::Video) => Self::Videos,
            Some(MediaKind::Document) => Self::Documents,
            Some(MediaKind::Image | MediaKind::Gif) | None => Self::Images,
        }
    }

    fn collection(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Videos => "videos",
            Self::Documents => "documents",
        }
    }

    /// The names of its calls: to open, to send, to look.
    fn endpoints(self) -> [&'static str; 3] {
        match self {
            Self::Images => ["images.initialize", "images.upload", "images.status"],
            Self::Videos => ["videos.initialize", "videos.upload", "videos.status"],
            Self::Documents => ["documents.initialize", "documents.upload", "documents.status"],
        }
    }

    /// How long a file of a grant that may not look at it is waited for. A peer gives images 20 s;
    /// more for films is assumed. A post that comes too early all the same is told so.
    pub fn blind_wait(self) -> Duration {
        match self {
            Self::Images | Self::Documents => Duration::from_secs(20),
            Self::Videos => Duration::from_secs(60),
        }
    }

    /// Processing that takes longer counts as a failed try; assumed, peers wait 5 to 180 s.
    fn processing_max(self) -> Duration {
        match self {
            Self::Images | Self::Documents => Duration::from_secs(10 * 60),
            Self::Videos => Duration::from_secs(30 * 60),
        }
    }
}

/// A file on its way. The address is signed, so it is as good as a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Uploading {
    urn: String,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    expires_at: Option<Timestamp>,
}

impl Uploading {
    /// The address ends, or is about to.
    pub fn is_over(&self, now: Timestamp) -> bool {
        is_over(self.expires_at, now)
    }
}

/// What was given out until `end` is not begun with any more.
pub(super) fn is_over(end: Option<Timestamp>, now: Timestamp) -> bool {
    end.is_some_and(|end| end <= now + EXPIRY_MARGIN)
}

/// The call of a file's stage.
pub(super) fn call(position: &Position, view: &View<'_>) -> Call {
    let asset = position.unready().unwrap_or(position.files.len());
    let api = Api::of(asset, view);
    let [initialize, upload, status] = api.endpoints();
    let (endpoint, request, deadline) = match &position.stage {
        Stage::Upload { file } => {
            let bytes = facts(asset, view).size_bytes;
            let request = auth::put(&address(&file.address), slice(asset, (0, bytes)));
            (upload, request, upload_deadline(bytes))
        }
        Stage::Part { film } => {
            let (request, bytes) = film.part(asset);
            (upload, request, upload_deadline(bytes))
        }
        Stage::Finalize { film } => ("videos.finalize", film.finalize(), DEADLINE),
        Stage::Process { .. } => {
            let urn = position.files.get(asset).map_or("", |file| file.urn.as_str());
            let path = format!("{}/{}", api.collection(), auth::encoded(urn));
            (status, auth::rest(Method::GET, &path, None), DEADLINE)
        }
        Stage::Initialize | Stage::Create { .. } | Stage::Done { .. } | Stage::Delete { .. } => {
            let owner = view.account.remote_id.as_str();
            let path = format!("{}?action=initializeUpload", api.collection());
            let request = match api {
                Api::Videos => film::initialize(&path, owner, facts(asset, view)),
                Api::Images | Api::Documents => {
                    let body = Initialize { initialize_upload_request: Owner { owner } };
                    post(&path, &body)
                }
            };
            (initialize, request, DEADLINE)
        }
    };
    Call { endpoint, effect: Effect::Repeatable, request, deadline }
}

/// The position after a stage's success.
pub(super) fn read(
    mut position: Position,
    reply: &Reply,
    view: &View<'_>,
) -> Result<Position, Failure> {
    match position.stage.clone() {
        Stage::Initialize => {
            let asset = position.files.len();
            position.stage = match Api::of(asset, view) {
                Api::Videos => Stage::Part { film: film::opened(reply, facts(asset, view))? },
                Api::Images | Api::Documents => Stage::Upload { file: opened(reply)? },
            };
        }
        // An address can end between the call and its reply. What was answered tells which call
        // it was, not the clock: only the one that asks for an address is answered with one.
        Stage::Upload { file } => match opened(reply) {
            Ok(file) => position.stage = Stage::Upload { file },
            Err(_) => position.hold(file.urn, reply.at, view),
        },
        Stage::Part { film } => {
            let asset = position.files.len();
            position.stage = match film::opened(reply, facts(asset, view)) {
                Ok(film) => Stage::Part { film },
                Err(_) => film.sent(reply)?,
            };
        }
        Stage::Finalize { film } => position.hold(film.urn, reply.at, view),
        Stage::Process { since, checks, .. } => {
            processed(&mut position, (since, checks), reply, view)?;
        }
        Stage::Create { .. } | Stage::Done { .. } | Stage::Delete { .. } => {}
    }
    Ok(position)
}

/// Goes on from what LinkedIn says of its work on the first file that is not ready, which was
/// looked at `checks` times since it went up.
fn processed(
    position: &mut Position,
    (since, checks): (Timestamp, usize),
    reply: &Reply,
    view: &View<'_>,
) -> Result<(), Failure> {
    let shown: Status = serde_json::from_slice(&reply.body)
        .map_err(|_| errors::unreadable(Effect::Repeatable, reply))?;
    let asset = position.unready();
    let patience = Api::of(asset.unwrap_or_default(), view).processing_max();
    match shown.status.as_str() {
        "AVAILABLE" => {
            if let Some(file) = asset.and_then(|at| position.files.get_mut(at)) {
                file.is_ready = true;
            }
            position.advance(reply.at, view);
        }
        "PROCESSING_FAILED" => {
            let told = shown.processing_failure_reason.as_deref();
            let detail = errors::cut(told.unwrap_or("LinkedIn could not process the file"));
            return Err(Failure::Media { asset, detail });
        }
        // `PROCESSING`, `WAITING_UPLOAD`, or a state that a later version adds.
        waiting if reply.at.since(since) > patience => {
            let why = format!("it is {waiting} after {} s", patience.as_secs());
            return Err(errors::gone(&why));
        }
        _ => {
            let wait = WAITS_S.get(checks).or(WAITS_S.last()).copied().unwrap_or_default();
            let check_at = reply.at + Duration::from_secs(wait);
            position.stage = Stage::Process { since, check_at, checks: checks + 1 };
        }
    }
    Ok(())
}

/// Where the next image or document may go.
fn opened(reply: &Reply) -> Result<Uploading, Failure> {
    let unreadable = || errors::unreadable(Effect::Repeatable, reply);
    let opened: Value<Opened> = serde_json::from_slice(&reply.body).map_err(|_| unreadable())?;
    let opened = opened.value;
    if !is_address(&opened.upload_url) || opened.urn.is_empty() {
        return Err(unreadable());
    }
    let expires_at = opened.upload_url_expires_at.map(Timestamp::from_ms);
    Ok(Uploading { urn: opened.urn, address: opened.upload_url, expires_at })
}

/// What does not name a host cannot be called, so it does not become a checkpoint.
pub(super) fn is_address(words: &str) -> bool {
    words.parse::<Uri>().is_ok_and(|uri| uri.authority().is_some())
}

/// The address that was seen to be one before it was stored.
pub(super) fn address(words: &str) -> Uri {
    match words.parse() {
        Ok(uri) => uri,
        Err(refused) => panic!("the address of an upload was read before: {refused}"),
    }
}

/// Bytes of a file, streamed.
pub(super) fn slice(asset: usize, (start, end): (u64, u64)) -> Body {
    Body(vec![Part::Asset { asset, start, end }])
}

fn upload_deadline(bytes: u64) -> Duration {
    let [least, most] = UPLOAD_DEADLINES_S;
    Duration::from_secs((bytes / UPLOAD_BYTES_PER_S).clamp(least, most))
}

fn facts<'a>(asset: usize, view: &View<'a>) -> &'a AssetFacts {
    match view.assets.get(asset) {
        Some(facts) => facts,
        None => panic!("file {asset} is used by the post, so its facts are in the view"),
    }
}
