//! `/m/{signed}`: the files of posts, for the platforms that fetch them by themselves; and where a
//! file is put that was promised.
//!
//! Invariant: the link is the only key that is asked for, and a link is never logged.

use crate::envelope::{Answered, Denied, success};
use crate::extract::{Named, drain};
use crate::media::{blame, pieces};
use app::origin::linked;
use app::{App, media};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use futures::{StreamExt, TryStreamExt};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;
use std::io;
use std::ops::Range;

/// `GET /m/{signed}`, whole or one range of it.
pub(crate) async fn fetch(
    State(app): State<App>,
    Named(token): Named,
    headers: HeaderMap,
) -> Result<Response, Denied> {
    let file = linked(&app, &token).await??;
    let size_bytes = file.facts.size_bytes;
    let asked = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let range = match asked.map(|text| range(text, size_bytes)) {
        Some(Asked::Range(range)) => Some(range),
        Some(Asked::Beyond) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            set(&mut response, CONTENT_RANGE, &format!("bytes */{size_bytes}"));
            return Ok(response);
        }
        // A form we do not read is no reason to refuse: RFC 9110 lets the whole answer.
        Some(Asked::Whole) | None => None,
    };
    let bounds = range.clone().unwrap_or(0..size_bytes);
    let length = bounds.end - bounds.start;
    // A fault on the way can only break the answer off; it is logged where the stream ends.
    let pieces = file.read(&app, bounds.clone()).await?;
    let pieces = pieces.map_err(|fault| {
        tracing::error!(%fault, "a media file broke off while it was fetched");
        io::Error::other("the file broke off")
    });
    let mut response = Response::new(Body::from_stream(pieces));
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let told = format!("bytes {}-{}/{size_bytes}", bounds.start, bounds.end - 1);
        set(&mut response, CONTENT_RANGE, &told);
    }
    set(&mut response, CONTENT_TYPE, &file.facts.mime);
    set(&mut response, CONTENT_LENGTH, &length.to_string());
    set(&mut response, ACCEPT_RANGES, "bytes");
    set(&mut response, CACHE_CONTROL, "private, max-age=3600");
    Ok(response)
}

/// `PUT /m/{signed}`: a file is put at an address that was given out for it.
pub(crate) async fn lay(State(app): State<App>, Named(token): Named, body: Body) -> Answered {
    let mut chunks = pieces(body);
    let laid = media::lay(&app, &token, (&mut chunks).boxed()).await.map_err(blame)?;
    if laid.is_err() {
        drain(&mut chunks).await;
    }
    laid?;
    Ok(success(StatusCode::OK, json!({})))
}

fn set(response: &mut Response, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// What a header `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Range(Range<u64>),
    Whole,
    Beyond,
}

/// Reads one range of bytes (RFC 9110 14.1.2); several at once are answered whole.
fn range(text: &str, size_bytes: u64) -> Asked {
    let bounds = text.strip_prefix("bytes=").and_then(|list| list.split_once('-'));
    let Some((first, last)) = bounds.filter(|(_, last)| !last.contains(',')) else {
        return Asked::Whole;
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size_bytes),
        (Ok(first), _) if last.is_empty() => first..size_bytes,
        (_, Ok(suffix)) if first.is_empty() => size_bytes.saturating_sub(suffix)..size_bytes,
        _ => return Asked::Whole,
    };
    if range.is_empty() { Asked::Beyond } else { Asked::Range(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_read_and_everything_else_is_whole() {
        assert_eq!(range("bytes=0-9", 100), Asked::Range(0..10));
        assert_eq!(range("bytes=90-", 100), Asked::Range(90..100));
        assert_eq!(range("bytes=-5", 100), Asked::Range(95..100));
        assert_eq!(range("bytes=0-999", 100), Asked::Range(0..100));
        assert_eq!(range("bytes=100-", 100), Asked::Beyond);
        for odd in ["bytes=5-1", "bytes=0-1,4-5", "items=0-1", "bytes=a-b", "bytes=-"] {
            assert_eq!(range(odd, 100), Asked::Whole, "{odd}");
        }
    }
}
