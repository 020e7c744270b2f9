//! Fetches a file from an address that a user named.
//!
//! Invariant: each redirect is looked at like the address itself, and nothing that the other side
//! says of a file is believed: whoever reads it counts the bytes.

use super::{Closed, Kind, Outbound, Unseen, unseen};
use crate::clock;
use ::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, LOCATION};
use ::http::{HeaderMap, HeaderValue, StatusCode};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use reqwest::Response;
use std::fmt;
use std::time::{Duration, Instant};
use url::Url;

/// How patient a fetch is.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long each address may take to begin its answer.
    pub head_within: Duration,
    /// How long the next piece may take.
    pub piece_within: Duration,
    /// Up to here a slow sender is borne with; from then on so many bytes come in a second.
    pub grace: Duration,
    /// As many as that, on average.
    pub bytes_per_second_min: u64,
    /// How long all of it may take.
    pub whole_within: Duration,
    /// Redirects that are followed.
    pub redirects_max: usize,
}

/// Why there is no file, or no more of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spoilt {
    /// The address, or one that it leads to, is none that we call.
    Closed(Closed),
    /// It leads on and on.
    Redirects(usize),
    /// It answers with something else than a file.
    Status(StatusCode),
    /// It packs the file, though it was asked not to.
    Packed,
    /// It says itself that the file has so many bytes.
    Announced(u64),
    /// It is too slow; this is what was waited for.
    Slow(&'static str),
    /// The exchange broke off; what was seen, without the address.
    Broken(String),
}

impl fmt::Display for Spoilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(why) => write!(f, "{why}"),
            Self::Redirects(most) => write!(f, "it leads on more than {most} times"),
            Self::Status(status) => write!(f, "it answers {}", status.as_u16()),
            Self::Packed => f.write_str("it sends the file packed, though it was asked not to"),
            Self::Announced(size_bytes) => write!(f, "it announces {size_bytes} bytes"),
            Self::Slow(what) => write!(f, "{what}"),
            Self::Broken(detail) => write!(f, "the connection broke: {detail}"),
        }
    }
}

impl std::error::Error for Spoilt {}

impl Spoilt {
    /// The word of metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Closed(_) => "closed",
            Self::Redirects(_) => "redirects",
            Self::Status(_) => "status",
            Self::Packed => "packed",
            Self::Announced(_) => "too_large",
            Self::Slow(_) => "slow",
            Self::Broken(_) => "broken",
        }
    }
}

impl Outbound {
    /// Begins to fetch a file; the pieces come one after the other, each as it is asked for. One
    /// that announces more than `size_bytes_max` is not begun.
    ///
    /// # Errors
    /// When the address is closed, or answers with no file in time.
    pub async fn pull(
        &self,
        url: &str,
        size_bytes_max: u64,
        pace: Pace,
    ) -> Result<BoxStream<'static, Result<Bytes, Spoilt>>, Spoilt> {
        let began = clock::stopwatch();
        let response = self.follow(url, pace).await?;
        if !response.status().is_success() {
            return Err(Spoilt::Status(response.status()));
        }
        if is_packed(response.headers()) {
            return Err(Spoilt::Packed);
        }
        if let Some(size_bytes) = response.content_length().filter(|size| *size > size_bytes_max) {
            return Err(Spoilt::Announced(size_bytes));
        }
        let fetch = Fetch { response, began, came: 0, pace };
        let pieces = stream::try_unfold(fetch, |mut fetch| async move {
            Ok(fetch.next().await?.map(|piece| (piece, fetch)))
        });
        Ok(pieces.boxed())
    }

    /// Asks the address, and those that it leads to.
    async fn follow(&self, url: &str, pace: Pace) -> Result<Response, Spoilt> {
        let mut url = url.to_owned();
        for _ in 0..=pace.redirects_max {
            let response = self.ask(&url, pace).await?;
            let Some(next) = leads_to(&response) else { return Ok(response) };
            url = next?;
        }
        Err(Spoilt::Redirects(pace.redirects_max))
    }

    async fn ask(&self, url: &str, pace: Pace) -> Result<Response, Spoilt> {
        let (url, is_inside) = self.judge(url).map_err(Spoilt::Closed)?;
        let client = if is_inside { &self.inside } else { &self.open };
        let request = client
            .get(url)
            .header(ACCEPT, "*/*")
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            .send();
        match tokio::time::timeout(pace.head_within, request).await {
            Ok(answered) => answered.map_err(broken),
            Err(_) => Err(Spoilt::Slow("no answer came in time")),
        }
    }
}

/// Where a redirect leads; `None` when it is none.
fn leads_to(response: &Response) -> Option<Result<String, Spoilt>> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let place = response.headers().get(LOCATION).filter(|_| is_redirect)?;
    let next = place.to_str().ok().and_then(|place| response.url().join(place).ok());
    let closed = || Closed::new(Kind::Form, "it leads to what is no URL".to_owned());
    Some(next.map(Url::into).ok_or_else(|| Spoilt::Closed(closed())))
}

fn is_packed(headers: &HeaderMap) -> bool {
    let packed = headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
    packed.is_some_and(|how| !how.eq_ignore_ascii_case(b"identity"))
}

fn broken(error: reqwest::Error) -> Spoilt {
    match unseen(error) {
        Unseen::Closed(why) => Spoilt::Closed(why),
        Unseen::Broken(detail) => Spoilt::Broken(detail),
    }
}

/// A file that is coming.
struct Fetch {
    response: Response,
    began: Instant,
    came: u64,
    pace: Pace,
}

impl Fetch {
    async fn next(&mut self) -> Result<Option<Bytes>, Spoilt> {
        let Pace { piece_within, whole_within, .. } = self.pace;
        let left = whole_within.saturating_sub(self.began.elapsed());
        let piece = tokio::time::timeout(piece_within.min(left), self.response.chunk()).await;
        let Ok(piece) = piece else {
            return Err(Spoilt::Slow("the next piece of the file did not come in time"));
        };
        let piece = piece.map_err(broken)?;
        self.came += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        if piece.is_some() && self.is_slow() {
            return Err(Spoilt::Slow("the file comes too slowly"));
        }
        Ok(piece)
    }

    /// It trickles: each piece comes in time, and the whole never would.
    fn is_slow(&self) -> bool {
        let beyond = self.began.elapsed().saturating_sub(self.pace.grace).as_millis();
        let least = u128::from(self.pace.bytes_per_second_min) * beyond / 1_000;
        u128::from(self.came) < least
    }
}
