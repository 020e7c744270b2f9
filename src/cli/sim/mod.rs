//! The listening shell of the simulated platforms: sockets, clock, log and faults around pure
//! state machines.
//!
//! Invariant: names no platform and nothing of the rest of the executable. What the simulators
//! keep is on disk before an answer leaves, so that they survive their own death.

mod control;
mod faults;
mod fetch;
mod grants;
mod host;
mod listen;
mod log;
mod page;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use base::{Context, Fault, clock};
use bytes::Bytes;
use futures::stream;
use host::{Hosted, Outcome};
use http::{HeaderMap, StatusCode, header};
use listen::{Listening, Switch};
use platforms::sim::{Inbound, Simulator};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

// The largest single request of any platform: Instagram takes a film of 300 MB at once.
const BODY_MAX_BYTES: usize = 320 << 20;

/// The simulated platforms to serve, and how.
pub struct Simulation {
    /// Each platform's name, which is its prefix, and its state machine.
    pub simulators: Vec<(&'static str, Box<dyn Simulator>)>,
    /// The directory under which `sim/<platform>.ndjson` is kept.
    pub data: PathBuf,
    /// There is one simulator, and it is served without its prefix.
    pub is_at_root: bool,
    /// How long every answer takes, as a network would.
    pub delay: Duration,
}

/// Everything the handlers share.
pub(crate) struct World {
    hosted: Vec<Hosted>,
    faults: Mutex<faults::Faults>,
    clock: control::Clock,
    is_at_root: bool,
    delay: Duration,
    http: base::http::Http,
}

/// Restores the simulators from their logs.
///
/// # Errors
/// A log cannot be read or belongs to another process.
pub fn open(simulation: Simulation) -> Result<Arc<World>, Fault> {
    let folder = simulation.data.join("sim");
    std::fs::create_dir_all(&folder).context(format!("making {}", folder.display()))?;
    let clock = control::Clock::open(&folder)?;
    let hosted = simulation
        .simulators
        .into_iter()
        .map(|(name, simulator)| Hosted::open(name, simulator, &folder))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(World {
        hosted,
        faults: Mutex::default(),
        clock,
        is_at_root: simulation.is_at_root,
        delay: simulation.delay,
        http: base::http::Http::new()?,
    }))
}

/// Serves restored simulators until `shutdown`.
///
/// # Errors
/// The socket fails.
pub async fn serve(
    world: Arc<World>,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), Fault> {
    for hosted in &world.hosted {
        for fetch in hosted.take_owed() {
            tokio::spawn(fetch::perform(Arc::clone(&world), hosted.name, fetch));
        }
    }
    let service = Router::new()
        .merge(control::routes())
        .fallback(answer)
        .with_state(world)
        .into_make_service_with_connect_info::<Switch>();
    axum::serve(Listening(listener), service)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
        .context("serving the simulators")
}

/// Any request that is not a control: finds its simulator and plays what happens to it.
async fn answer(
    State(world): State<Arc<World>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let Some((hosted, path)) = find(&world, path) else {
        return if path == "/" {
            page::index(&world).into_response()
        } else {
            (StatusCode::NOT_FOUND, "no simulated platform here; see /\n").into_response()
        };
    };
    let path = path.to_owned();
    let Ok(body) = axum::body::to_bytes(body, BODY_MAX_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let inbound = Inbound {
        base: base(&world, hosted, &head.headers),
        method: head.method,
        path,
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: body.into(),
    };
    let outcome = hosted.handle(&inbound, &world);
    let (Outcome::Answer { fetches, .. } | Outcome::Reset { fetches }) = &outcome;
    for fetch in fetches.clone() {
        tokio::spawn(fetch::perform(Arc::clone(&world), hosted.name, fetch));
    }
    perform(outcome, world.delay, &switch).await
}

/// Where this simulator is reached, as the caller said in its `Host` header.
fn base(world: &World, hosted: &Hosted, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or("127.0.0.1");
    if world.is_at_root {
        format!("http://{host}")
    } else {
        format!("http://{host}/{}", hosted.name)
    }
}

/// The simulator that a path belongs to, and the path as the platform knows it.
fn find<'a>(world: &'a World, path: &'a str) -> Option<(&'a Hosted, &'a str)> {
    if world.is_at_root {
        return world.hosted.first().map(|hosted| (hosted, path));
    }
    let rest = path.strip_prefix('/')?;
    let (name, _) = rest.split_once('/').unwrap_or((rest, ""));
    let hosted = world.hosted.iter().find(|hosted| hosted.name == name)?;
    let path = &rest[name.len()..];
    Some((hosted, if path.is_empty() { "/" } else { path }))
}

async fn perform(outcome: Outcome, delay: Duration, switch: &Switch) -> Response {
    match outcome {
        Outcome::Reset { .. } => {
            switch.reset();
            StatusCode::OK.into_response()
        }
        Outcome::Answer { response, slow, cut, .. } => {
            let wait = delay + slow;
            if !wait.is_zero() {
                clock::pause(wait).await;
            }
            match cut {
                None => response.map(Body::from),
                Some(bytes) => truncated(response, bytes),
            }
        }
    }
}

/// Announces the whole body and breaks off after its first bytes.
fn truncated(response: http::Response<Vec<u8>>, bytes: usize) -> Response {
    let (mut head, body) = response.into_parts();
    // One more than there is, when the cut lies behind the end: an answer that never completes.
    let length = body.len().max(bytes.saturating_add(1));
    head.headers.insert(header::CONTENT_LENGTH, length.into());
    let mut first = Bytes::from(body);
    first.truncate(bytes);
    let parts = stream::unfold(Some(first), |part| async move {
        if let Some(part) = part {
            return Some((Ok(part), None));
        }
        // The first bytes have to be on the wire before the connection breaks.
        clock::pause(Duration::from_millis(50)).await;
        Some((Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)), None))
    });
    Response::from_parts(head, Body::from_stream(parts))
}

#[cfg(test)]
mod tests;
