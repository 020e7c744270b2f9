//! One resumable upload: the session, its pieces, and what it answers.
//!
//! Invariant: the piece that holds the file's last byte is the only irreversible call here, and
//! as small as the protocol lets it be.

use super::super::options::Options;
use super::super::wire::{InsertVideo, Snippet, Status, Video};
use super::super::{API, errors};
use super::Stage;
use crate::oauth;
use crate::port::{Body, Call, Part, Reply, View};
use domain::content::AssetFacts;
use domain::failure::{Effect, Failure};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderName, LOCATION, RANGE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use std::time::Duration;

/// guides/using_resumable_upload_protocol: every piece but the last is a multiple of it.
const GRAIN_BYTES: u64 = 262_144;
/// 8 MiB: what other schedulers send, and half a minute on a slow line.
const CHUNK_BYTES: u64 = 32 * GRAIN_BYTES;
/// The video is the one file of the one segment.
const VIDEO: usize = 0;

/// 30 s: assumed for calls without a file, which take below one.
const DEADLINE: Duration = Duration::from_secs(30);
/// 60 s: assumed for a piece of the file; the last one includes what YouTube does at the end.
const PIECE_DEADLINE: Duration = Duration::from_secs(60);

/// What a session says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Answer {
    /// The file is whole, and this is the video.
    Complete(Video),
    /// So many bytes are kept; the session may have moved.
    Open { offset: u64, session: Option<String> },
    /// Nobody knows it any more.
    Gone,
    /// None of these.
    Unreadable,
}

/// `videos.insert`: a session that nobody sends to is dropped, so it may be opened again.
pub(super) fn open(view: &View<'_>) -> Call {
    let options = Options::read(view.content);
    let body = InsertVideo {
        snippet: Snippet {
            title: &options.title,
            description: view.content.segments.first().map_or("", |segment| &segment.text),
            tags: &options.tags,
            category_id: &options.category_id,
        },
        status: Status {
            privacy_status: options.privacy_status,
            publish_at: options.publish_at.as_deref(),
            self_declared_made_for_kids: options.made_for_kids,
        },
    };
    // The structs of `wire` hold strings and flags only, which always serialize.
    let json = serde_json::to_vec(&body).unwrap_or_default();
    let uri = format!("{API}/upload/youtube/v3/videos?uploadType=resumable&part=snippet%2Cstatus");
    let json_type = Some("application/json; charset=UTF-8");
    let mut request = oauth::request(Method::POST, &uri, json_type, Body::inline(json));
    let facts = video(view);
    let size = facts.size_bytes.to_string();
    set(&mut request, HeaderName::from_static("x-upload-content-length"), &size);
    set(&mut request, HeaderName::from_static("x-upload-content-type"), &facts.mime);
    Call { endpoint: "videos.open", effect: Effect::Repeatable, request, deadline: DEADLINE }
}

/// The piece that begins at `offset`.
pub(super) fn send(session: &str, offset: u64, view: &View<'_>) -> Call {
    let facts = video(view);
    let size = facts.size_bytes;
    let end = piece_end(offset, size);
    let body = Body(vec![Part::Asset { asset: VIDEO, start: offset, end }]);
    let mut request = oauth::request(Method::PUT, session, Some(&facts.mime), body);
    let range = format!("bytes {offset}-{}/{size}", end.saturating_sub(1));
    set(&mut request, CONTENT_RANGE, &range);
    let (endpoint, effect) = if end == size {
        ("videos.finish", Effect::Irreversible)
    } else {
        ("videos.chunk", Effect::Repeatable)
    };
    Call { endpoint, effect, request, deadline: PIECE_DEADLINE }
}

/// Asks a session how far it is.
pub(in super::super) fn ask(session: &str, view: &View<'_>) -> Call {
    let mut request = oauth::request(Method::PUT, session, None, Body::empty());
    set(&mut request, CONTENT_RANGE, &format!("bytes */{}", video(view).size_bytes));
    set(&mut request, CONTENT_LENGTH, "0");
    Call { endpoint: "videos.session", effect: Effect::Repeatable, request, deadline: DEADLINE }
}

/// The stage after a session's answer; `sent` is where the piece began that it answers.
pub(super) fn read(
    sent: Option<u64>,
    session: &str,
    reply: &Reply,
    view: &View<'_>,
) -> Result<Stage, Failure> {
    match read_answer(reply, video(view).size_bytes) {
        Answer::Complete(video) => Ok(Stage::published(video, view)),
        // An answer without progress is a failed try, or it would go on for ever. That no video
        // has been made is certain all the same.
        Answer::Open { offset, .. } if sent.is_some_and(|sent| offset <= sent) => {
            let detail = format!("the session kept nothing beyond byte {offset}");
            Err(Failure::Transient { detail })
        }
        Answer::Open { offset, session: moved } => {
            Ok(Stage::Send { session: moved.unwrap_or_else(|| session.to_owned()), offset })
        }
        Answer::Gone => Ok(Stage::lost(session.to_owned(), view)),
        // A success that does not name its video: what became of it has to be asked.
        Answer::Unreadable if reply.status.is_success() => {
            Err(errors::unreadable(Effect::Irreversible, reply))
        }
        Answer::Unreadable => Err(errors::unreadable(Effect::Repeatable, reply)),
    }
}

/// What a session says of itself, given the size of the file.
pub(in super::super) fn read_answer(reply: &Reply, size: u64) -> Answer {
    match reply.status {
        StatusCode::OK | StatusCode::CREATED => match serde_json::from_slice(&reply.body) {
            Ok::<Video, _>(video) if !video.id.is_empty() => Answer::Complete(video),
            _ => Answer::Unreadable,
        },
        StatusCode::PERMANENT_REDIRECT => match kept(reply) {
            // A session that has every byte answers with the video.
            Some(offset) if offset < size => Answer::Open { offset, session: session(reply) },
            _ => Answer::Unreadable,
        },
        StatusCode::NOT_FOUND | StatusCode::GONE => Answer::Gone,
        _ => Answer::Unreadable,
    }
}

/// The address of the session that an answer names.
pub(super) fn session(reply: &Reply) -> Option<String> {
    let location = reply.header(LOCATION.as_str())?;
    let uri: Uri = location.parse().ok()?;
    (uri.scheme().is_some() && uri.host().is_some()).then(|| location.to_owned())
}

/// Where the smallest last piece begins.
pub(super) fn last_piece(view: &View<'_>) -> u64 {
    let size = video(view).size_bytes;
    size - last_bytes(size)
}

/// How many bytes are kept: `bytes=0-K` means K + 1, no header means none.
fn kept(reply: &Reply) -> Option<u64> {
    let Some(value) = reply.headers.get(RANGE) else {
        return Some(0);
    };
    let (first, last) = value.to_str().ok()?.trim().strip_prefix("bytes=")?.split_once('-')?;
    let last: u64 = last.parse().ok().filter(|_| first == "0")?;
    last.checked_add(1)
}

/// One past the last byte of the piece that begins at `offset`.
fn piece_end(offset: u64, size: u64) -> u64 {
    let left = size.saturating_sub(offset);
    let ahead = left - last_bytes(left);
    if ahead == 0 { size } else { offset + ahead.min(CHUNK_BYTES) }
}

/// The smallest last piece of so many bytes that leaves a multiple of the grain before it.
fn last_bytes(left: u64) -> u64 {
    if left == 0 { 0 } else { (left - 1) % GRAIN_BYTES + 1 }
}

fn video<'a>(view: &View<'a>) -> &'a AssetFacts {
    let Some(facts) = view.assets.get(VIDEO) else {
        panic!("a post to YouTube holds its video, so the facts of it are in the view");
    };
    facts
}

/// Writes a header. Numbers always fit; a media type was found in the file, never in a claim.
fn set(request: &mut Request<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        request.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;
    use http::HeaderMap;

    #[test]
    fn all_but_the_smallest_last_piece_can_be_sent_ahead() {
        let pieces = |mut offset: u64, size: u64| {
            let mut pieces = Vec::new();
            while offset < size {
                let end = piece_end(offset, size);
                pieces.push(end - offset);
                offset = end;
            }
            pieces
        };
        assert_eq!(pieces(0, 1), [1]);
        assert_eq!(pieces(0, GRAIN_BYTES), [GRAIN_BYTES]);
        assert_eq!(pieces(0, GRAIN_BYTES + 1), [GRAIN_BYTES, 1]);
        assert_eq!(pieces(0, CHUNK_BYTES), [31 * GRAIN_BYTES, GRAIN_BYTES]);
        assert_eq!(pieces(0, CHUNK_BYTES + 9), [CHUNK_BYTES, 9]);
        assert_eq!(pieces(7, CHUNK_BYTES + 9), [CHUNK_BYTES, 2], "from an odd place");
        for (offset, size) in [(0, 274_877_906_944), (13, 99_999_999)] {
            let mut all = pieces(offset, size);
            assert!(all.pop().is_some_and(|last| last <= GRAIN_BYTES));
            assert!(all.iter().all(|piece| piece % GRAIN_BYTES == 0 && *piece <= CHUNK_BYTES));
        }
    }

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        let at = Timestamp::default();
        read_answer(&Reply { status, headers: map, body: body.into(), at }, 1_000)
    }

    #[test]
    fn a_session_is_read_strictly() {
        let open = |offset| Answer::Open { offset, session: None };
        assert_eq!(answer(308, &[], ""), open(0));
        assert_eq!(answer(308, &[("range", "bytes=0-41")], ""), open(42));
        for odd in ["bytes=1-41", "0-41", "bytes=0-", "bytes=0-999", "bytes=0-18446744073709551615"]
        {
            assert_eq!(answer(308, &[("range", odd)], ""), Answer::Unreadable, "{odd}");
        }
        let moved = "https://www.googleapis.com/upload/youtube/v3/videos?upload_id=2";
        let session = Some(moved.to_owned());
        assert_eq!(answer(308, &[("location", moved)], ""), Answer::Open { offset: 0, session });
        assert_eq!(answer(308, &[("location", "/elsewhere")], ""), open(0));
        assert_eq!(
            answer(201, &[], r#"{"id":"v1"}"#),
            Answer::Complete(Video { id: "v1".into(), ..Video::default() })
        );
        assert_eq!(answer(200, &[], r#"{"id":""}"#), Answer::Unreadable);
        assert_eq!(answer(200, &[], "<html>"), Answer::Unreadable);
        assert_eq!(answer(410, &[], ""), Answer::Gone);
        assert_eq!(answer(503, &[], ""), Answer::Unreadable);
    }
}
