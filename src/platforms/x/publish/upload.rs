//! Bringing one file to X: initialize, append, finalize, wait, describe.
//!
//! Every call here may be repeated: at worst X keeps a file that nobody attaches, and drops it.
//! A description that X refuses for good fails the delivery before anything is out: whoever wrote
//! it would not notice that their post went without it, and nobody can add it to a post later.

use super::super::wire::{AltText, Answer, Describe, Initialize, Metadata, Upload};
use super::super::{API, auth, capabilities, errors};
use super::{Position, Stage, Uploaded, Uploading, post};
use crate::oauth;
use crate::port::{Body, Call, Part, Reply, View};
use domain::capability::Profile;
use domain::content::{AssetFacts, MediaKind};
use domain::failure::{Effect, Failure};
use domain::time::Timestamp;
use http::Method;
use std::time::Duration;

/// The size of a chunk: what X's own command-line client sends.
pub(super) const CHUNK_BYTES: u64 = 4 * 1024 * 1024;
/// The size after X found a chunk too large.
pub(super) const CHUNK_BYTES_SMALL: u64 = 1024 * 1024;
/// docs.x.com: a file has at most so many chunks; a very large one gets larger ones.
const CHUNKS_MAX: u64 = 1_000;
/// A file this close to its expiry is not relied upon any more.
pub(super) const EXPIRY_MARGIN: Duration = Duration::from_secs(60);

/// How long the small calls may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long a chunk may take.
const CHUNK_DEADLINE: Duration = Duration::from_secs(60);
/// An upload that is not closed: the life of an initialized one, docs.x.com.
const OPEN_LIFE: Duration = Duration::from_secs(1_295_999);
/// A file that is not attached: its life after finalize, docs.x.com.
const CLOSED_LIFE: Duration = Duration::from_secs(86_400);
/// The wait between two looks where X names none.
const CHECK_AFTER: Duration = Duration::from_secs(2);
/// Processing that takes longer counts as a failed try, and no wait that X names is longer; X is
/// done in minutes.
const PROCESSING_MAX: Duration = Duration::from_secs(30 * 60);
/// No file of a user holds it by chance, and every request may use the same.
const BOUNDARY: &str = "postfleet-9f1c5d0e7b3a4c68";

/// The call of an upload's stage.
pub(super) fn call(position: &Position, view: &View<'_>) -> Call {
    let asset = position.asset(view);
    let Some(facts) = view.assets.get(asset) else {
        panic!("file {asset} is used by the post, so its facts are in the view");
    };
    match &position.stage {
        Stage::Append { file, chunk } => {
            let size = chunk_bytes(position, facts.size_bytes);
            append(file, *chunk, size, asset, facts)
        }
        Stage::Finalize { file } => {
            let uri = format!("{API}/2/media/upload/{}/finalize", digits(&file.id));
            repeatable("media.finalize", Method::POST, &uri)
        }
        Stage::Process { file, .. } => {
            let id = digits(&file.id);
            let uri = format!("{API}/2/media/upload?command=STATUS&media_id={id}");
            repeatable("media.status", Method::GET, &uri)
        }
        Stage::Describe { file } => {
            let text = alt_text(position, view).unwrap_or_default();
            let metadata = Metadata { alt_text: AltText { text } };
            let body = Describe { id: &file.id, metadata };
            post("media.metadata", Effect::Repeatable, "/2/media/metadata", &body, DEADLINE)
        }
        Stage::Initialize | Stage::Subscription | Stage::Create { .. } | Stage::Done => {
            let body = Initialize {
                media_type: &facts.mime,
                total_bytes: facts.size_bytes,
                media_category: match facts.kind {
                    // Documents are refused before anything is scheduled.
                    MediaKind::Image | MediaKind::Document => "tweet_image",
                    MediaKind::Gif => "tweet_gif",
                    MediaKind::Video if is_long(facts) => "amplify_video",
                    MediaKind::Video => "tweet_video",
                },
            };
            let path = "/2/media/upload/initialize";
            post("media.initialize", Effect::Repeatable, path, &body, DEADLINE)
        }
    }
}

/// Only a subscriber may send it, and under a category of its own (x.md section 5).
fn is_long(facts: &AssetFacts) -> bool {
    let rule = capabilities::of(Profile::Spec, auth::STANDARD).video;
    let is_too_long = facts.duration_ms.is_some_and(|ms| ms > rule.duration_ms_max);
    is_too_long || facts.size_bytes > rule.size_bytes_max
}

/// The size of each chunk but the last of a file of so many bytes.
fn chunk_bytes(position: &Position, size_bytes: u64) -> u64 {
    position.chunk_bytes.max(size_bytes.div_ceil(CHUNKS_MAX))
}

/// The position after a stage's success.
pub(super) fn read(
    mut position: Position,
    reply: &Reply,
    view: &View<'_>,
) -> Result<Position, Failure> {
    match position.stage.clone() {
        Stage::Initialize => {
            let upload = upload(reply)?;
            let expires_at = reply.at + life(&upload, OPEN_LIFE);
            let file = Uploading { id: upload.id, expires_at };
            position.stage = Stage::Append { file, chunk: 0 };
        }
        Stage::Append { file, chunk } => {
            let asset = view.assets.get(position.asset(view));
            let size = asset.map_or(0, |facts| facts.size_bytes);
            let is_last = (chunk + 1).saturating_mul(chunk_bytes(&position, size)) >= size;
            position.stage = if is_last {
                Stage::Finalize { file }
            } else {
                Stage::Append { file, chunk: chunk + 1 }
            };
        }
        Stage::Finalize { .. } => {
            let upload = upload(reply)?;
            let expires_at = reply.at + life(&upload, CLOSED_LIFE);
            let file = Uploading { id: upload.id.clone(), expires_at };
            processed(&mut position, file, &upload, reply.at, reply, view)?;
        }
        Stage::Process { file, since, .. } => {
            processed(&mut position, file, &upload(reply)?, since, reply, view)?;
        }
        Stage::Describe { file } => ready(&mut position, file, view),
        Stage::Subscription | Stage::Create { .. } | Stage::Done => {}
    }
    Ok(position)
}

/// Goes on from what X says of its work on the file.
fn processed(
    position: &mut Position,
    file: Uploading,
    upload: &Upload,
    since: Timestamp,
    reply: &Reply,
    view: &View<'_>,
) -> Result<(), Failure> {
    // Without the member the file is ready.
    let Some(processing) = &upload.processing_info else {
        described(position, file, view);
        return Ok(());
    };
    match processing.state.as_str() {
        "succeeded" => described(position, file, view),
        "failed" => {
            let asset = Some(position.asset(view));
            let told = processing.error.as_ref().map(|e| format!("{}: {}", e.name, e.message));
            let detail = told.unwrap_or_else(|| "X could not process the file".into());
            return Err(Failure::Media { asset, detail });
        }
        _ if reply.at.since(since) > PROCESSING_MAX => {
            let detail = format!("X still processes the file after {PROCESSING_MAX:?}");
            return Err(Failure::Transient { detail });
        }
        _ => {
            let named = processing.check_after_secs.map_or(CHECK_AFTER, Duration::from_secs);
            let wait = named.clamp(Duration::from_secs(1), PROCESSING_MAX);
            position.stage = Stage::Process { file, since, check_at: reply.at + wait };
        }
    }
    Ok(())
}

/// The file is whole; what is left is what a screen reader says of it, where anything is given.
fn described(position: &mut Position, file: Uploading, view: &View<'_>) {
    if alt_text(position, view).is_some() {
        position.stage = Stage::Describe { file };
    } else {
        ready(position, file, view);
    }
}

fn ready(position: &mut Position, file: Uploading, view: &View<'_>) {
    position.media.push(Uploaded { id: file.id, expires_at: file.expires_at });
    position.advance(view);
}

/// The alt text of the file under way.
fn alt_text<'a>(position: &Position, view: &View<'a>) -> Option<&'a str> {
    let used = position.segment(view)?.media.get(position.media.len())?;
    used.alt_text.as_deref().filter(|text| !text.is_empty())
}

fn upload(reply: &Reply) -> Result<Upload, Failure> {
    serde_json::from_slice::<Answer<Upload>>(&reply.body)
        .map(|answer| answer.data)
        .map_err(|_| errors::unreadable(Effect::Repeatable, reply))
}

fn life(upload: &Upload, documented: Duration) -> Duration {
    upload.expires_after_secs.map_or(documented, Duration::from_secs)
}

/// One chunk as multipart form data, its bytes streamed from the user's file.
fn append(file: &Uploading, chunk: u64, size: u64, asset: usize, facts: &AssetFacts) -> Call {
    let start = chunk.saturating_mul(size);
    let end = start.saturating_add(size).min(facts.size_bytes);
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"segment_index\"\r\n\r\n{chunk}\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"media\"; filename=\"media\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    let tail = format!("\r\n--{BOUNDARY}--\r\n");
    let body = Body(vec![
        Part::Inline(head.into_bytes()),
        Part::Asset { asset, start, end },
        Part::Inline(tail.into_bytes()),
    ]);
    let uri = format!("{API}/2/media/upload/{}/append", digits(&file.id));
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let request = oauth::request(Method::POST, &uri, Some(&content_type), body);
    let (endpoint, effect) = ("media.append", Effect::Repeatable);
    Call { endpoint, effect, request, deadline: CHUNK_DEADLINE }
}

fn repeatable(endpoint: &'static str, method: Method, uri: &str) -> Call {
    let request = oauth::request(method, uri, None, Body::empty());
    Call { endpoint, effect: Effect::Repeatable, request, deadline: DEADLINE }
}

/// An id as X documents it: digits. Anything else in it must not bend the path.
pub(in super::super) fn digits(id: &str) -> String {
    id.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_file_fits_into_the_chunks_that_x_counts() {
        let media = Vec::new();
        let (posts, stage) = (Vec::new(), Stage::Initialize);
        let position = Position { posts, media, chunk_bytes: CHUNK_BYTES, stage };
        assert_eq!(chunk_bytes(&position, 9_000_000), CHUNK_BYTES);
        let largest = 17_179_869_184_u64;
        assert!(largest.div_ceil(chunk_bytes(&position, largest)) <= CHUNKS_MAX);
    }
}
