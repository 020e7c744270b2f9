//! What the simulated YouTube lists: one's own channel, and the uploads of a channel.

use super::refusal::Refusal;
use super::state::{Caller, State};
use super::wire::InsertItem;
use super::{Outcome, found, parameter};
use crate::sim::Inbound;
use domain::time::Timestamp;
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// docs/playlistItems/list: the items of a page where nothing is said, and the most of them.
const PAGE_DEFAULT: usize = 5;
const PAGE_MAX: usize = 50;

/// `GET /youtube/v3/channels?part=…&mine=true`.
pub(super) fn channels(state: &State, caller: Caller, request: &Inbound) -> Outcome {
    let parts = parts(request, &["id", "snippet", "contentDetails", "status"])?;
    if parameter(request, "mine").as_deref() != Some("true") {
        let told = "No filter selected. Expected one of: mine, id, forHandle, managedByMe";
        return Err(Refusal::parameter("missingRequiredParameter", "mine", told));
    }
    let mut answer = json!({
        "kind": "youtube#channelListResponse",
        "pageInfo": { "totalResults": 0, "resultsPerPage": 5 },
    });
    let account = state.account(caller.account);
    // Without a channel the list has no items at all.
    if !account.has_channel() {
        return found(&answer);
    }
    let mut channel = Map::new();
    channel.insert("kind".into(), "youtube#channel".into());
    channel.insert("id".into(), account.id.clone().into());
    for part in parts {
        let value = match part.as_str() {
            "snippet" => json!({
                "title": account.handle,
                "customUrl": format!("@{}", account.handle),
                "country": "US",
            }),
            "contentDetails" => json!({ "relatedPlaylists": {
                "likes": "", "uploads": account.uploads(),
            }}),
            "status" => json!({
                "privacyStatus": "public",
                "isLinked": true,
                "longUploadsStatus": if account.is_verified() { "allowed" } else { "eligible" },
                "madeForKids": false,
            }),
            _ => continue,
        };
        channel.insert(part, value);
    }
    answer["items"] = json!([channel]);
    answer["pageInfo"]["totalResults"] = 1.into();
    found(&answer)
}

/// `GET /youtube/v3/playlistItems?part=…&playlistId=…`: a channel's uploads, newest first, or what
/// was put into another of its playlists.
pub(super) fn playlist(
    state: &State,
    caller: Caller,
    request: &Inbound,
    now: Timestamp,
) -> Outcome {
    let parts = parts(request, &["id", "snippet", "contentDetails", "status"])?;
    let Some(id) = parameter(request, "playlistId") else {
        let told = "No filter selected. Expected one of: playlistId, id";
        return Err(Refusal::parameter("missingRequiredParameter", "playlistId", told));
    };
    let Some((owner, listed)) = videos_in(state, &id) else { return Err(no_playlist()) };
    let delay = Duration::from_millis(state.limits.visibility_delay_ms);
    let only = parameter(request, "videoId");
    let videos = listed.into_iter().map(|at| &state.videos[at]);
    let videos: Vec<_> = videos
        .filter(|video| video.is_seen_by(caller.account) && video.created_at + delay <= now)
        .filter(|video| only.as_ref().is_none_or(|id| video.id == *id))
        .collect();
    let size = page_size(request)?;
    let start = page_start(request)?;
    let mut items = Vec::new();
    for (position, video) in videos.iter().enumerate().skip(start).take(size) {
        let mut item = Map::new();
        item.insert("kind".into(), "youtube#playlistItem".into());
        item.insert("id".into(), format!("{id}.{}", video.id).into());
        for part in &parts {
            let value = match part.as_str() {
                "snippet" => json!({
                    "publishedAt": video.created_at,
                    "channelId": state.account(owner).id,
                    "title": video.snippet.title,
                    "description": video.snippet.description,
                    "playlistId": id,
                    "position": position,
                    "resourceId": { "kind": "youtube#video", "videoId": video.id },
                }),
                "contentDetails" => {
                    json!({ "videoId": video.id, "videoPublishedAt": video.created_at })
                }
                "status" => json!({ "privacyStatus": video.status.privacy_status.name() }),
                _ => continue,
            };
            item.insert(part.clone(), value);
        }
        items.push(Value::Object(item));
    }
    let end = start + items.len();
    let mut answer = json!({
        "kind": "youtube#playlistItemListResponse",
        "items": items,
        "pageInfo": { "totalResults": videos.len(), "resultsPerPage": size },
    });
    if end < videos.len() {
        answer["nextPageToken"] = format!("from-{end}").into();
    }
    found(&answer)
}

/// `POST /youtube/v3/playlistItems?part=snippet`: the same video may be in a playlist twice.
pub(super) fn insert(state: &mut State, caller: Caller, request: &Inbound) -> Outcome {
    if parts(request, &["id", "snippet", "contentDetails", "status"])?
        .iter()
        .all(|p| p != "snippet")
    {
        return Err(Refusal::parameter("unexpectedPart", "part", "Unexpected part: snippet"));
    }
    let item: InsertItem = serde_json::from_slice(&request.body).map_err(|refused| {
        Refusal::unreadable(&format!("Invalid JSON payload received. {refused}"))
    })?;
    let domain = "youtube.playlistItem";
    let bad = |reason, told: &str| Refusal::api(StatusCode::BAD_REQUEST, [domain, reason], told);
    let list = item.snippet.playlist_id;
    let named = item.snippet.resource_id;
    if list.is_empty() {
        return Err(bad("playlistIdRequired", "The playlist ID is missing."));
    }
    if named.kind != "youtube#video" {
        return Err(bad("invalidResourceType", "The resource type is not supported."));
    }
    if named.video_id.is_empty() {
        return Err(bad("resourceIdRequired", "The resource ID is missing."));
    }
    let Some((owner, listed)) = videos_in(state, &list).filter(|_| !list.starts_with("UU")) else {
        return Err(no_playlist());
    };
    let forbidden = |reason, told: &str| Err(Refusal::forbidden([domain, reason], told));
    if owner != caller.account {
        let told = "The request is not properly authorized to insert the playlist item.";
        return forbidden("playlistItemsNotAccessible", told);
    }
    if listed.len() >= state.limits.playlist_videos_max {
        let told = "The playlist already contains the maximum allowed number of items.";
        return forbidden("playlistContainsMaximumNumberOfVideos", told);
    }
    let seen = state.video(&named.video_id);
    let Some(at) = seen.filter(|at| state.videos[*at].is_seen_by(caller.account)) else {
        let told = "The video that you are trying to add cannot be found.";
        return Err(Refusal::api(StatusCode::NOT_FOUND, [domain, "videoNotFound"], told));
    };
    let position = listed.len();
    state.account_mut(owner).own.lists.entry(list.clone()).or_default().push(at);
    found(&json!({
        "kind": "youtube#playlistItem",
        "id": format!("{list}.{position}"),
        "snippet": {
            "playlistId": list,
            "position": position,
            "resourceId": { "kind": "youtube#video", "videoId": named.video_id },
        },
    }))
}

/// Whose playlist it is, and its videos: the uploads newest first, others as they were put there.
fn videos_in(state: &State, playlist: &str) -> Option<(usize, Vec<usize>)> {
    if let Some(owner) = state.account_by_uploads(playlist) {
        return Some((owner, state.account(owner).own.videos.iter().rev().copied().collect()));
    }
    let owner = state.account_by_playlist(playlist)?;
    let listed = state.account(owner).own.lists.get(playlist).cloned().unwrap_or_default();
    Some((owner, listed.into_iter().filter(|at| !state.videos[*at].is_deleted).collect()))
}

fn no_playlist() -> Refusal {
    let told = "The playlist identified with the request's playlistId parameter cannot be found.";
    Refusal::api(StatusCode::NOT_FOUND, ["youtube.playlistItem", "playlistNotFound"], told)
}

fn parts(request: &Inbound, known: &[&str]) -> Result<Vec<String>, Refusal> {
    let part = parameter(request, "part").unwrap_or_default();
    if part.is_empty() {
        let told = "No filter selected. Expected: part";
        return Err(Refusal::parameter("missingRequiredParameter", "part", told));
    }
    match part.split(',').find(|part| !known.contains(part)) {
        Some(part) => Err(Refusal::parameter("unknownPart", "part", &format!("'{part}'"))),
        None => Ok(part.split(',').map(str::to_owned).collect()),
    }
}

fn page_size(request: &Inbound) -> Result<usize, Refusal> {
    let Some(asked) = parameter(request, "maxResults") else {
        return Ok(PAGE_DEFAULT);
    };
    let size = asked.parse().ok().filter(|size| *size <= PAGE_MAX);
    let told = "Invalid value. Values must be within the range: [0, 50]";
    size.ok_or_else(|| Refusal::parameter("invalidParameter", "maxResults", told))
}

fn page_start(request: &Inbound) -> Result<usize, Refusal> {
    let Some(token) = parameter(request, "pageToken") else {
        return Ok(0);
    };
    let start = token.strip_prefix("from-").and_then(|start| start.parse().ok());
    let told = "The request specifies an invalid page token.";
    start.ok_or_else(|| Refusal::parameter("invalidPageToken", "pageToken", told))
}
