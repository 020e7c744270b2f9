//! What is done for a video that is out: its thumbnail, then its playlists. What fails here is told
//! and passed over.
//!
//! Invariant: every way through here leads to the receipt, and no call here makes a video.

use super::super::options::Options;
use super::super::wire::{InsertItem, ItemSnippet, Playlist, ResourceRef, Video, Videos};
use super::super::{API, errors};
use super::{Stage, receipt, word};
use crate::oauth;
use crate::port::{Body, Call, Followed, Part, Reply, Step, View};
use domain::failure::{Effect, Failure};
use domain::time::Timestamp;
use http::Method;
use std::time::Duration;

/// 60 s: assumed; a thumbnail has up to 50 MB.
const THUMBNAIL_DEADLINE: Duration = Duration::from_secs(60);
/// 30 s: assumed for calls without a file, which take below one.
const DEADLINE: Duration = Duration::from_secs(30);
/// docs/thumbnails/set: the media types that it takes.
const THUMBNAIL_TYPES: [&str; 2] = ["image/jpeg", "image/png"];
/// A playlist takes the same video twice. So it is looked through before a video is put into it,
/// and a look is good for less than any lease: whoever takes over from a dead worker looks again.
const LOOK: Duration = Duration::from_secs(2);

/// The stage after a video came into being, with what became of it other than asked.
pub(super) fn begin(video: Video, view: &View<'_>) -> Stage {
    let warnings = surprises(&video, view);
    match thumbnail(view) {
        Some(_) => Stage::Illustrate { id: video.id, warnings },
        None => collect(video.id, 0, warnings, view),
    }
}

/// What is left to do.
pub(super) fn next(stage: Stage, view: &View<'_>) -> Step {
    let call = match stage {
        Stage::Illustrate { id, warnings } => match thumbnail(view) {
            Some(asset) => illustrate(&id, asset, view),
            None => return next(collect(id, 0, warnings, view), view),
        },
        Stage::Collect { id, list, looked_at, .. } => {
            let lists = Options::read(view.content).playlist_ids;
            let Some(playlist) = lists.get(list) else { return Step::Published(receipt(id)) };
            match looked_at {
                Some(at) if is_fresh(at, view.now) => insert(&id, playlist),
                _ => look(&id, playlist),
            }
        }
        Stage::Done { id, .. } => return Step::Published(receipt(id)),
        Stage::Open | Stage::Send { .. } | Stage::Ask { .. } | Stage::Search { .. } => {
            panic!("a video that is not out has no aftercare")
        }
    };
    Step::Call(Box::new(call))
}

/// The stage after an answer.
pub(super) fn read(stage: Stage, reply: &Reply, view: &View<'_>) -> Stage {
    // A missing resource answers 404, which is no failure of a session.
    if !reply.status.is_success() {
        return failed(stage, &format!("HTTP {}", reply.status.as_u16()), view);
    }
    match stage {
        Stage::Illustrate { id, warnings } => collect(id, 0, warnings, view),
        Stage::Collect { id, list, looked_at: Some(at), warnings } if is_fresh(at, view.now) => {
            collect(id, list + 1, warnings, view)
        }
        Stage::Collect { id, list, warnings, looked_at: _ } => {
            match serde_json::from_slice::<Playlist>(&reply.body) {
                Ok(found) if found.items.is_empty() => {
                    Stage::Collect { id, list, looked_at: Some(reply.at), warnings }
                }
                Ok(_) => collect(id, list + 1, warnings, view),
                Err(_) => {
                    let why = errors::unreadable(Effect::Repeatable, reply);
                    let stage = Stage::Collect { id, list, looked_at: None, warnings };
                    failed(stage, why.detail(), view)
                }
            }
        }
        other => other,
    }
}

/// The stage after a failure of any class.
pub(super) fn recovered(stage: Stage, why: &Failure, view: &View<'_>) -> Stage {
    match (stage, why) {
        // It is in the playlist, which is what was asked for.
        (Stage::Collect { id, list, warnings, .. }, Failure::Duplicate { .. }) => {
            collect(id, list + 1, warnings, view)
        }
        (stage, why) => failed(stage, why.detail(), view),
    }
}

/// The stage after a failure: it is told, and what else is left goes on.
fn failed(stage: Stage, why: &str, view: &View<'_>) -> Stage {
    match stage {
        Stage::Illustrate { id, mut warnings } => {
            warnings.push(format!("The video is out without its thumbnail: {why}"));
            collect(id, 0, warnings, view)
        }
        Stage::Collect { id, list, mut warnings, .. } => {
            let lists = Options::read(view.content).playlist_ids;
            if let Some(playlist) = lists.get(list) {
                warnings.push(format!("The video is out, but not in {playlist}: {why}"));
            }
            collect(id, list + 1, warnings, view)
        }
        other => other,
    }
}

/// What a person should know of a video that is out; `None` when it is not.
pub(super) fn warnings(stage: &Stage) -> Option<&[String]> {
    match stage {
        Stage::Illustrate { warnings, .. }
        | Stage::Collect { warnings, .. }
        | Stage::Done { warnings, .. } => Some(warnings),
        Stage::Open | Stage::Send { .. } | Stage::Ask { .. } | Stage::Search { .. } => None,
    }
}

/// The stage before a playlist, or the end where there is no further one.
fn collect(id: String, list: usize, warnings: Vec<String>, view: &View<'_>) -> Stage {
    if list < Options::read(view.content).playlist_ids.len() {
        Stage::Collect { id, list, looked_at: None, warnings }
    } else {
        Stage::Done { id, warnings }
    }
}

fn is_fresh(looked_at: Timestamp, now: Timestamp) -> bool {
    now.since(looked_at) < LOOK
}

/// What YouTube made of a video other than it was asked to, as the end of its upload tells.
fn surprises(video: &Video, view: &View<'_>) -> Vec<String> {
    let mut told = Vec::new();
    let (status, asked) = (&video.status, Options::read(view.content).privacy_status.as_str());
    if !status.privacy_status.is_empty() && status.privacy_status != asked {
        let actual = &status.privacy_status;
        told.push(format!("YouTube made the video {actual}, though {asked} was asked for"));
    }
    match status.upload_status.as_str() {
        "rejected" => told.push(format!("YouTube rejected the video: {}", status.rejection_reason)),
        "failed" => told.push(format!("YouTube cannot use the file: {}", status.failure_reason)),
        _ => {}
    }
    told
}

/// `videos.list` of a video that is out: what YouTube makes of it takes up to hours.
pub(super) fn look_at(id: &str) -> Call {
    let query = format!("part=status,processingDetails&id={}", word(id));
    let uri = format!("{API}/youtube/v3/videos?{query}");
    let request = oauth::request(Method::GET, &uri, None, Body::empty());
    let (endpoint, effect) = ("videos.list", Effect::Repeatable);
    Call { endpoint, effect, request, deadline: DEADLINE }
}

/// What that look shows. What was told with the receipt is not told again.
pub(super) fn seen(stage: &Stage, reply: &Reply, view: &View<'_>) -> Followed {
    let Ok(Videos { items }) = serde_json::from_slice(&reply.body) else {
        return Followed::Working;
    };
    let Some(video) = items.into_iter().next() else {
        return Followed::Over(vec!["The video is not on YouTube any more".to_owned()]);
    };
    let is_over = match video.status.upload_status.as_str() {
        "failed" | "rejected" | "deleted" => true,
        // Until YouTube says so, it may still find something.
        "processed" => video.processing_details.processing_status != "processing",
        _ => false,
    };
    if !is_over {
        return Followed::Working;
    }
    let mut told = surprises(&video, view);
    if video.status.upload_status == "deleted" {
        told.push("The video is not on YouTube any more".to_owned());
    }
    told.retain(|warning| warnings(stage).is_none_or(|known| !known.contains(warning)));
    Followed::Over(told)
}

/// The position of the thumbnail in [`View::assets`].
fn thumbnail(view: &View<'_>) -> Option<usize> {
    let wanted = Options::read(view.content).thumbnail_media_id?;
    let is_it = |facts: &domain::content::AssetFacts| {
        facts.id == wanted && THUMBNAIL_TYPES.contains(&facts.mime.as_str())
    };
    view.assets.iter().position(is_it)
}

/// `thumbnails.set`: setting the same picture again changes nothing.
fn illustrate(id: &str, asset: usize, view: &View<'_>) -> Call {
    let uri =
        format!("{API}/upload/youtube/v3/thumbnails/set?uploadType=media&videoId={}", word(id));
    let facts = view.assets.get(asset);
    let (mime, end) = facts.map_or(("image/jpeg", 0), |facts| (&facts.mime, facts.size_bytes));
    let body = Body(vec![Part::Asset { asset, start: 0, end }]);
    let request = oauth::request(Method::POST, &uri, Some(mime), body);
    let (endpoint, effect) = ("thumbnails.set", Effect::Repeatable);
    Call { endpoint, effect, request, deadline: THUMBNAIL_DEADLINE }
}

/// `playlistItems.list`, of one video: is it in the playlist?
fn look(id: &str, playlist: &str) -> Call {
    let (playlist, video) = (word(playlist), word(id));
    let query = format!("part=snippet&maxResults=1&playlistId={playlist}&videoId={video}");
    let uri = format!("{API}/youtube/v3/playlistItems?{query}");
    let request = oauth::request(Method::GET, &uri, None, Body::empty());
    let (endpoint, effect) = ("playlistItems.list", Effect::Repeatable);
    Call { endpoint, effect, request, deadline: DEADLINE }
}

/// `playlistItems.insert`: sent only right after a look that did not find the video.
fn insert(id: &str, playlist: &str) -> Call {
    let resource_id = ResourceRef { kind: "youtube#video", video_id: id };
    let body = InsertItem { snippet: ItemSnippet { playlist_id: playlist, resource_id } };
    // The structs of `wire` hold strings and flags only, which always serialize.
    let json = serde_json::to_vec(&body).unwrap_or_default();
    let uri = format!("{API}/youtube/v3/playlistItems?part=snippet");
    let json_type = Some("application/json; charset=UTF-8");
    let request = oauth::request(Method::POST, &uri, json_type, Body::inline(json));
    let (endpoint, effect) = ("playlistItems.insert", Effect::Repeatable);
    Call { endpoint, effect, request, deadline: DEADLINE }
}
