//! Carries one HTTP request out and its reply back.
//!
//! Invariant: nothing is ever sent twice. No redirect, no retry and no proxy is followed; a
//! request whose body was not read has certainly not left, and a closed fence stops it there. No
//! error shows a URL, for some platforms put tokens in the query.

mod gate;
#[cfg(test)]
mod tests;

use crate::fault::{Context, Fault};
use crate::text;
use ::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use ::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use bytes::{Bytes, BytesMut};
use domain::failure::Sent;
use futures::stream::{self, BoxStream};
use gate::{Gate, Handle};
use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// A connection that rested longer may be closed by the other side just as we write to it, which
/// would leave the outcome unknown (anchors/races.md, S6); it is not used again.
const IDLE_MAX: Duration = Duration::from_secs(4);
/// Resting connections kept for one host.
const IDLE_PER_HOST_MAX: usize = 256;
/// How long a connection may take to come about, TLS included.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// What a request carries.
pub enum Body {
    /// Bytes at hand; empty means no body.
    Bytes(Bytes),
    /// Bytes that are read while they are sent.
    Stream {
        /// How many there are; a stream that ends early breaks the request off.
        size_bytes: u64,
        /// The bytes.
        chunks: BoxStream<'static, Result<Bytes, Fault>>,
    },
}

impl Body {
    /// No body.
    pub const fn empty() -> Self {
        Self::Bytes(Bytes::new())
    }

    fn size_bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Stream { size_bytes, .. } => *size_bytes,
        }
    }

    fn into_chunks(self) -> BoxStream<'static, Result<Bytes, Fault>> {
        match self {
            Self::Bytes(bytes) => Box::pin(stream::iter([Ok(bytes)])),
            Self::Stream { chunks, .. } => chunks,
        }
    }
}

/// Asked the moment before the first byte leaves: may it still?
pub type Fence = Box<dyn Fn() -> bool + Send + Sync>;

/// How far a call may go.
pub struct Bounds {
    /// How long the whole exchange may take.
    pub deadline: Duration,
    /// A longer reply counts as unreadable.
    pub reply_size_bytes_max: usize,
    /// The last look before the bytes. A request without body is looked at when it is handed over.
    pub fence: Option<Fence>,
}

/// A reply, whole.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why there is no reply that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoReply {
    /// The fence was closed: not one byte of the request left.
    Fenced,
    /// The exchange broke off.
    Lost {
        /// Had the request left?
        sent: Sent,
        /// What was seen, without URL.
        detail: String,
    },
}

impl NoReply {
    /// Had the request left?
    pub const fn sent(&self) -> Sent {
        match self {
            Self::Fenced => Sent::No,
            Self::Lost { sent, .. } => *sent,
        }
    }

    /// What was seen, without URL.
    pub fn detail(&self) -> &str {
        match self {
            Self::Fenced => "the right to send ended before the first byte left",
            Self::Lost { detail, .. } => detail,
        }
    }
}

/// The one HTTP client of a process.
#[derive(Clone)]
pub struct Http(reqwest::Client);

impl Http {
    /// A client with no connection yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new() -> Result<Self, Fault> {
        client(&builder).map(Self)
    }

    /// Sends a request once and reads its reply. Dropping the future before the body is read
    /// keeps the request from leaving.
    ///
    /// # Errors
    /// When no readable reply came; it says whether the request may have left.
    pub async fn send(&self, request: Request<Body>, bounds: Bounds) -> Result<Response, NoReply> {
        let Bounds { deadline, reply_size_bytes_max, fence } = bounds;
        let has_body = request.body().size_bytes() > 0;
        if !has_body && fence.as_ref().is_some_and(|is_open| !is_open()) {
            return Err(NoReply::Fenced);
        }
        let gate = Handle::new(fence);
        let request = prepared(request, &gate)?;
        let exchange = exchange(&self.0, request, reply_size_bytes_max);
        let broken = match tokio::time::timeout(deadline, exchange).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(broken)) => broken,
            Err(_) => Broken::new(format!("no whole reply within {} ms", deadline.as_millis())),
        };
        // Closed now, a body that was not read yet can never be; only then was nothing sent.
        let unread = gate.close();
        if gate.was_fenced() {
            return Err(NoReply::Fenced);
        }
        let sent = if broken.unconnected || has_body && unread { Sent::No } else { Sent::Maybe };
        Err(NoReply::Lost { sent, detail: text::clean(&broken.detail) })
    }
}

/// Chooses what TLS is made of, for every client of the process that is set up from now on.
pub fn choose_cryptography() {
    // A second installation is refused, and the first serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client with what is known of certificates.
pub(crate) fn client(
    builder: &dyn Fn() -> reqwest::ClientBuilder,
) -> Result<reqwest::Client, Fault> {
    choose_cryptography();
    let client = builder().build().or_else(|error| {
        // A bare container has no certificates, and simulators on the loopback need none.
        let error = error.without_url();
        tracing::warn!(%error, "no certificate authority is known: every https call will fail");
        builder().tls_certs_only([]).build()
    });
    client.map_err(reqwest::Error::without_url).context("setting up the HTTP client")
}

#[expect(clippy::disallowed_methods, reason = "the one place that sets a client up")]
pub(crate) fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .http1_only()
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_MAX)
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
        .user_agent(concat!("postfleet/", env!("CARGO_PKG_VERSION")))
}

pub(crate) struct Broken {
    /// No connection came about.
    unconnected: bool,
    /// What was seen, without URL.
    pub(crate) detail: String,
}

impl Broken {
    const fn new(detail: String) -> Self {
        Self { unconnected: false, detail }
    }
}

impl From<reqwest::Error> for Broken {
    fn from(error: reqwest::Error) -> Self {
        let unconnected = error.is_connect();
        let error = error.without_url();
        let mut detail = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            // Writing to a string cannot fail.
            let _ = write!(detail, ": {error}");
            cause = error.source();
        }
        Self { unconnected, detail }
    }
}

fn prepared(request: Request<Body>, gate: &Arc<Gate>) -> Result<reqwest::Request, NoReply> {
    let (mut parts, body) = request.into_parts();
    let size_bytes = body.size_bytes();
    parts.headers.remove(TRANSFER_ENCODING);
    parts.headers.remove(CONTENT_LENGTH);
    // RFC 9110 8.6: a method that expects content says that there is none.
    if size_bytes > 0 || [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method) {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(size_bytes));
    }
    let body = match size_bytes {
        0 => reqwest::Body::from(Bytes::new()),
        _ => reqwest::Body::wrap_stream(Arc::clone(gate).guard(body.into_chunks())),
    };
    let request = reqwest::Request::try_from(Request::from_parts(parts, body));
    request.map_err(|_| NoReply::Lost {
        sent: Sent::No,
        detail: "the call's URL cannot be read".to_owned(),
    })
}

async fn exchange(
    client: &reqwest::Client,
    request: reqwest::Request,
    reply_size_bytes_max: usize,
) -> Result<Response, Broken> {
    let mut response = client.execute(request).await?;
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > reply_size_bytes_max {
            let detail = format!(
                "HTTP {} with a reply over {reply_size_bytes_max} bytes",
                response.status().as_u16()
            );
            return Err(Broken::new(detail));
        }
        body.extend_from_slice(&chunk);
    }
    let headers = std::mem::take(response.headers_mut());
    Ok(Response { status: response.status(), headers, body: body.freeze() })
}
