//! A film that is sent, not fetched: to the address that its container came with, from a byte on.
//!
//! docs, instagram-platform/content-publishing/resumable-uploads, 2026-03: only for Facebook
//! Login, for reels and for the films of a carousel. Everything from the byte on goes in one call:
//! a shorter piece is kept, but answered as a broken request.
//! Invariant: where an upload goes on is asked of the container, never assumed.

use super::{Container, Position, containers, node};
use crate::instagram::auth::flavour;
use crate::instagram::version::VERSION;
use crate::instagram::wire::{Sent, Status};
use crate::meta;
use crate::port::{Body, Call, Part, Reply, View};
use domain::failure::{Effect, Failure};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Request, Uri};
use std::time::Duration;

/// Uploads of one film without a byte more, before everything is begun anew (assumed).
pub(super) const TRIES_MAX: u32 = 3;
/// 60 s: no call may hold a worker for longer. What a slow line does not bring in by then is cut
/// off, and goes on where the container says; 300 MB want 40 Mbit/s to go at once.
const DEADLINE: Duration = Duration::from_secs(60);

/// How much of a film has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrived {
    Whole,
    Part(u64),
    /// The container does not tell.
    Untold,
}

/// The file of this position is sent; all others are fetched.
pub(super) fn is_sent(asset: usize, view: &View<'_>) -> bool {
    flavour(view.app).sends_films && containers::is_film(asset, view)
}

/// Sends the film of the newest container, from `offset` on.
pub(super) fn send(position: &Position, offset: u64, view: &View<'_>) -> Call {
    let (asset, size) = (position.newest_asset(), size(position, view));
    let address = position.newest().map(address).unwrap_or_default();
    let body = Body(vec![Part::Asset { asset, start: offset, end: size }]);
    let mut request = Request::post(address)
        .header(CONTENT_TYPE, "application/octet-stream")
        .body(body)
        .unwrap_or_default();
    let numbers = [("offset", offset), ("file_size", size)];
    for (name, number) in numbers {
        request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(number));
    }
    Call { endpoint: "media.upload", effect: Effect::Repeatable, request, deadline: DEADLINE }
}

/// Asks the newest container how much of its film it has.
pub(super) fn ask(container: &Container, view: &View<'_>) -> Call {
    let url = node(view, &meta::digits(container.id()));
    meta::get("media.status", &url, &[("fields", "status_code,status,video_status")])
}

/// Did the whole film arrive? An answer that says less is no failure: the container tells more.
///
/// # Errors
/// When the answer is none of an upload.
pub(super) fn read(reply: &Reply) -> Result<bool, Failure> {
    // 206 answers a piece that ended early, without the member.
    let told: Sent = serde_json::from_slice(&reply.body)
        .map_err(|_| meta::unreadable(Effect::Repeatable, reply))?;
    Ok(told.success)
}

/// How much of the film the container has by its own words.
pub(super) fn arrived(told: &Status, size: u64) -> Arrived {
    let phase = told.video_status.as_ref().map(|status| &status.uploading_phase);
    match phase {
        // Both spellings were seen.
        Some(phase) if ["complete", "completed"].contains(&phase.status.as_str()) => Arrived::Whole,
        Some(phase) => match phase.bytes_transferred {
            Some(bytes) if bytes >= size => Arrived::Whole,
            Some(bytes) => Arrived::Part(bytes),
            None => Arrived::Untold,
        },
        None => Arrived::Untold,
    }
}

/// The length of the newest container's film.
pub(super) fn size(position: &Position, view: &View<'_>) -> u64 {
    view.assets.get(position.newest_asset()).map_or(0, |facts| facts.size_bytes)
}

/// Where the film of a container goes. The docs show the same form as the answers do.
fn address(container: &Container) -> Uri {
    let told = container.uri.as_deref().and_then(|uri| uri.parse().ok());
    told.unwrap_or_else(|| {
        let id = meta::digits(container.id());
        let uri = format!("https://rupload.facebook.com/ig-api-upload/{VERSION}/{id}");
        uri.parse().unwrap_or_default()
    })
}
