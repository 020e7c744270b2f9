//! Bringing one image to LinkedIn: ask where, send it there, wait until it can be used.
//!
//! Every call here may be repeated: at worst LinkedIn keeps an image that no post uses.

use super::super::wire::{Image as Shown, Initialize, Opened, Owner, Value};
use super::super::{auth, errors};
use super::{Image, Position, Stage, Uploading, post};
use crate::port::{Body, Call, Part, Reply, View};
use domain::content::MediaKind;
use domain::failure::{Effect, Failure};
use domain::time::Timestamp;
use http::{Method, Uri};
use std::time::Duration;

/// 20 s: what a peer gives the images of grants that may not look at them.
pub(super) const BLIND_WAIT: Duration = Duration::from_secs(20);

/// How long the small calls may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long a file may take.
const UPLOAD_DEADLINE: Duration = Duration::from_secs(60);
/// An address this close to its end is not used any more.
const EXPIRY_MARGIN: Duration = Duration::from_secs(60);
/// Seconds between the looks; the last stands for all that follow. Assumed: LinkedIn names none.
const WAITS_S: [u64; 5] = [1, 2, 5, 10, 30];
/// Processing that takes longer counts as a failed try; assumed, peers wait 5 to 180 s.
const PROCESSING_MAX: Duration = Duration::from_secs(10 * 60);

impl Uploading {
    /// The address ends, or is about to.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now + EXPIRY_MARGIN)
    }
}

/// The call of an image's stage.
pub(super) fn call(position: &Position, view: &View<'_>) -> Call {
    let (endpoint, request, deadline) = match &position.stage {
        Stage::Upload { file } => {
            let request = auth::put(&address(file), whole(position.images.len(), view));
            ("images.upload", request, UPLOAD_DEADLINE)
        }
        Stage::Process { .. } => {
            let image = unready(position).and_then(|at| position.images.get(at));
            let urn = image.map_or("", |image| image.urn.as_str());
            let path = format!("images/{}", auth::encoded(urn));
            ("images.status", auth::rest(Method::GET, &path, None), DEADLINE)
        }
        Stage::Initialize | Stage::Create { .. } | Stage::Done { .. } => {
            let owner = view.account.remote_id.as_str();
            let body = Initialize { initialize_upload_request: Owner { owner } };
            ("images.initialize", post("images?action=initializeUpload", &body), DEADLINE)
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
            let asset = position.images.len();
            if view.assets.get(asset).is_some_and(|facts| facts.kind == MediaKind::Video) {
                // The Videos API is a dialect of its own that is not spoken here.
                let detail = "films are not carried to LinkedIn".to_owned();
                return Err(Failure::Media { asset: Some(asset), detail });
            }
            position.stage = Stage::Upload { file: opened(reply)? };
        }
        // An address can end between the call and its reply. What was answered tells which call
        // it was, not the clock: only the one that asks for an address is answered with one.
        Stage::Upload { file } => match opened(reply) {
            Ok(file) => position.stage = Stage::Upload { file },
            Err(_) => {
                position.images.push(Image { urn: file.urn, is_ready: false });
                position.advance(reply.at, view);
            }
        },
        Stage::Process { since, checks, .. } => {
            processed(&mut position, (since, checks), reply, view)?;
        }
        Stage::Create { .. } | Stage::Done { .. } => {}
    }
    Ok(position)
}

/// Goes on from what LinkedIn says of its work on the first image that is not ready, which was
/// looked at `checks` times since it went up.
fn processed(
    position: &mut Position,
    (since, checks): (Timestamp, usize),
    reply: &Reply,
    view: &View<'_>,
) -> Result<(), Failure> {
    let shown: Shown = serde_json::from_slice(&reply.body)
        .map_err(|_| errors::unreadable(Effect::Repeatable, reply))?;
    let asset = unready(position);
    match shown.status.as_str() {
        "AVAILABLE" => {
            if let Some(image) = asset.and_then(|at| position.images.get_mut(at)) {
                image.is_ready = true;
            }
            position.advance(reply.at, view);
        }
        "PROCESSING_FAILED" => {
            let told = shown.processing_failure_reason.as_deref();
            let detail = errors::cut(told.unwrap_or("LinkedIn could not process the image"));
            return Err(Failure::Media { asset, detail });
        }
        // `PROCESSING`, `WAITING_UPLOAD`, or a state that a later version adds.
        waiting if reply.at.since(since) > PROCESSING_MAX => {
            let why = format!("it is {waiting} after {} s", PROCESSING_MAX.as_secs());
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

/// The position of the first image that is not ready.
fn unready(position: &Position) -> Option<usize> {
    position.images.iter().position(|image| !image.is_ready)
}

/// Where the next image may go.
fn opened(reply: &Reply) -> Result<Uploading, Failure> {
    let unreadable = || errors::unreadable(Effect::Repeatable, reply);
    let opened: Value<Opened> = serde_json::from_slice(&reply.body).map_err(|_| unreadable())?;
    let opened = opened.value;
    // What does not name a host cannot be called, so it does not become a checkpoint.
    let address = opened.upload_url.parse::<Uri>().ok().filter(|uri| uri.authority().is_some());
    if address.is_none() || opened.image.is_empty() {
        return Err(unreadable());
    }
    let expires_at = opened.upload_url_expires_at.map(Timestamp::from_ms);
    Ok(Uploading { urn: opened.image, address: opened.upload_url, expires_at })
}

/// The address that was seen to be one before it was stored.
fn address(file: &Uploading) -> Uri {
    match file.address.parse() {
        Ok(uri) => uri,
        Err(refused) => panic!("the address of an upload was read before: {refused}"),
    }
}

/// The whole file, streamed.
fn whole(asset: usize, view: &View<'_>) -> Body {
    let Some(facts) = view.assets.get(asset) else {
        panic!("file {asset} is used by the post, so its facts are in the view");
    };
    Body(vec![Part::Asset { asset, start: 0, end: facts.size_bytes }])
}
