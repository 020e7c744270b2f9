//! Requests to addresses that users named: webhooks, and whatever else a stranger has us call.
//!
//! Invariant: a connection is made only to an address that was looked at, by the resolver of that
//! connection itself, so an answer that changes in between changes nothing. No redirect and no
//! proxy is followed, and of a reply no more is read than asked for.

pub mod address;
pub mod pull;
#[cfg(test)]
mod tests;

use crate::fault::{Context, Fault};
use crate::http::{self, Broken};
use ::http::{HeaderMap, StatusCode};
use address::{Network, is_public};
use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde::Deserialize;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// How long a connection may take to come about, TLS included.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Where https is spoken in the open internet.
const PORTS: [u16; 2] = [443, 8443];
/// The longest address.
pub const URL_CHARS_MAX: usize = 2_000;

/// The `[outbound]` section of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Networks that users may have us call though they are not public; there without https, and
    /// on any port, as well. In the environment with blanks between them.
    #[serde(deserialize_with = "crate::config::list_or_text")]
    pub allow: Vec<String>,
}

/// Why an address is not called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed(String);

impl Closed {
    /// The reason is a sentence for whoever named the address. Operators see that it was refused.
    fn new(kind: Kind, why: String) -> Self {
        metrics::counter!("postfleet_outbound_refused_total", "reason" => kind.as_str())
            .increment(1);
        Self(why)
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What speaks against an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is no URL of a host, or one with a name and a password.
    Form,
    /// Not https.
    Scheme,
    /// A port that https is not spoken on.
    Port,
    /// It is a host that is none of the open internet.
    Address,
    /// A name that leads to such a host.
    Name,
}

impl Kind {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Form, Self::Scheme, Self::Port, Self::Address, Self::Name];

    /// The word of metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Scheme => "scheme",
            Self::Port => "port",
            Self::Address => "address",
            Self::Name => "name",
        }
    }
}

impl std::error::Error for Closed {}

/// What came back.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The beginning of the body.
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unseen {
    /// The address is none that we call: nothing was sent.
    Closed(Closed),
    /// The exchange broke off; what was seen, without the address.
    Broken(String),
}

/// Looks names up; the system's resolver but in tests.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The one way to addresses that users named.
#[derive(Clone)]
pub struct Outbound {
    allow: Arc<[Network]>,
    /// To public addresses and those that the operator opened.
    open: reqwest::Client,
    /// To those that the operator opened alone.
    inside: reqwest::Client,
}

impl Outbound {
    /// A way with no connection yet.
    ///
    /// # Errors
    /// When a network cannot be read, or TLS cannot be set up.
    pub fn new(config: &Config) -> Result<Self, Fault> {
        Self::with(config, Arc::new(|name| Box::pin(system(name))))
    }

    fn with(config: &Config, lookup: Lookup) -> Result<Self, Fault> {
        let read = |text: &String| {
            Network::parse(text).context(format!("[outbound] allow: {text:?} is no network"))
        };
        let allow: Arc<[Network]> = config.allow.iter().map(read).collect::<Result<_, _>>()?;
        let client = |is_inside| {
            let checked = Checked { allow: allow.clone(), is_inside, lookup: lookup.clone() };
            let checked = Arc::new(checked);
            http::client(&|| {
                http::builder().connect_timeout(CONNECT_MAX).dns_resolver(checked.clone())
            })
        };
        Ok(Self { open: client(false)?, inside: client(true)?, allow })
    }

    /// Looks at an address before anything is looked up: its form, scheme, port, and its host
    /// where that is a number.
    ///
    /// # Errors
    /// When it is none that we call; the reason is a sentence for whoever named it.
    pub fn check(&self, text: &str) -> Result<Url, Closed> {
        self.judge(text).map(|(url, _)| url)
    }

    /// The address, and whether it may lead inside alone.
    fn judge(&self, text: &str) -> Result<(Url, bool), Closed> {
        let closed = |kind, why: String| Err(Closed::new(kind, why));
        let misread = |why: &str| closed(Kind::Form, why.to_owned());
        if text.chars().count() > URL_CHARS_MAX {
            return misread(&format!("an address has at most {URL_CHARS_MAX} characters"));
        }
        let Ok(url) = Url::parse(text) else { return misread("it is no URL") };
        if !url.username().is_empty() || url.password().is_some() {
            return misread("a URL that is called holds no user name and no password");
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return misread("it names no host that https knows");
        };
        let is_https = url.scheme() == "https";
        let is_inside = !is_https || !PORTS.contains(&port);
        if !is_https && (url.scheme() != "http" || self.allow.is_empty()) {
            return closed(Kind::Scheme, format!("only https is called, not {}", url.scheme()));
        }
        if is_inside && self.allow.is_empty() {
            let ports = PORTS.map(|port| port.to_string()).join(" and ");
            return closed(Kind::Port, format!("only the ports {ports} are called, not {port}"));
        }
        let address = match host {
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
            Host::Domain(_) => None,
        };
        if let Some(address) = address {
            look(&self.allow, is_inside, address).map_err(|why| Closed::new(Kind::Address, why))?;
        }
        Ok((url, is_inside))
    }

    /// Posts a body once and reads the beginning of the reply.
    ///
    /// # Errors
    /// When the address is closed, or nothing readable came back in time.
    pub async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        bounds: Bounds,
    ) -> Result<Seen, Unseen> {
        let (url, is_inside) = self.judge(url).map_err(Unseen::Closed)?;
        let client = if is_inside { &self.inside } else { &self.open };
        let request = client.post(url).headers(headers).body(body);
        let exchange = exchange(request, bounds.reply_size_bytes_max);
        match tokio::time::timeout(bounds.deadline, exchange).await {
            Ok(ended) => ended,
            Err(_) => {
                let ms = bounds.deadline.as_millis();
                Err(Unseen::Broken(format!("no answer within {ms} ms")))
            }
        }
    }
}

/// How far a request may go.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How long the whole exchange may take.
    pub deadline: Duration,
    /// So much of a reply is read.
    pub reply_size_bytes_max: usize,
}

async fn exchange(request: reqwest::RequestBuilder, most: usize) -> Result<Seen, Unseen> {
    let mut response = request.send().await.map_err(unseen)?;
    let mut body = BytesMut::new();
    while body.len() < most {
        // A reply that breaks off behind its head was an answer all the same.
        let Ok(Some(chunk)) = response.chunk().await else { break };
        body.extend_from_slice(&chunk[..chunk.len().min(most - body.len())]);
    }
    let headers = std::mem::take(response.headers_mut());
    Ok(Seen { status: response.status(), headers, body: body.freeze() })
}

fn unseen(error: reqwest::Error) -> Unseen {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if let Some(closed) = error.downcast_ref::<Closed>() {
            return Unseen::Closed(closed.clone());
        }
        cause = error.source();
    }
    Unseen::Broken(crate::text::clean(&Broken::from(error).detail))
}

/// The resolver of the connections: whoever is not looked at here is not connected to.
struct Checked {
    allow: Arc<[Network]>,
    is_inside: bool,
    lookup: Lookup,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.lookup)(name.as_str().to_owned());
        let (allow, is_inside) = (self.allow.clone(), self.is_inside);
        Box::pin(async move {
            let found = found.await?;
            // One bad answer spoils all: who mixes them does so on purpose.
            for address in &found {
                look(&allow, is_inside, *address).map_err(|why| Closed::new(Kind::Name, why))?;
            }
            let sockets = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(sockets.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

fn look(allow: &[Network], is_inside: bool, address: IpAddr) -> Result<(), String> {
    let is_allowed = allow.iter().any(|network| network.holds(address));
    if is_allowed || !is_inside && is_public(address) {
        return Ok(());
    }
    Err(match is_public(address) {
        true => format!("{address} is called by https on the ports {PORTS:?} alone"),
        false => format!("{address} is no address of the open internet"),
    })
}

async fn system(name: String) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
    Ok(found.map(|socket| socket.ip()).collect())
}
