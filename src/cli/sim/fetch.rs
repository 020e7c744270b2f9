//! The fetching of a simulated platform: the files of posts, from wherever their links point.

use super::World;
use base::clock;
use base::http::{Body, Bounds};
use bytes::Bytes;
use http::{Request, header};
use platforms::sim::{Fetch, Fetched};
use std::sync::Arc;
use std::time::Duration;

/// A platform gives up on a slow server.
const WITHIN: Duration = Duration::from_secs(60);
/// A server that does not answer at all is tried again so often, this long apart.
const AGAIN_MAX: u32 = 40;
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// The largest file of any platform that fetches: a film of 1 GB on Threads. What is kept here is
/// in memory, so it is less.
const SIZE_BYTES_MAX: usize = 512 << 20;

/// Fetches a file and hands it to the simulator that wanted it.
pub async fn perform(world: Arc<World>, name: &'static str, fetch: Fetch) {
    let mut fetched = fetched(&world, &fetch.url).await;
    // Whoever serves the file may be starting, as everything here after a death.
    for _ in 0..AGAIN_MAX {
        if fetched.status != 0 {
            break;
        }
        clock::pause(AGAIN_AFTER).await;
        fetched = self::fetched(&world, &fetch.url).await;
    }
    let Some(hosted) = world.hosted.iter().find(|hosted| hosted.name == name) else { return };
    if let Err(fault) = hosted.fetched(&fetch.key, &fetched, &world) {
        tracing::error!(%fault, "a simulator could not keep a file");
    }
}

async fn fetched(world: &World, url: &str) -> Fetched {
    let nothing = Fetched { status: 0, content_type: String::new(), body: Vec::new() };
    let Ok(request) = Request::get(url).body(Body::Bytes(Bytes::new())) else { return nothing };
    let bounds = Bounds { deadline: WITHIN, reply_size_bytes_max: SIZE_BYTES_MAX, fence: None };
    let Ok(response) = world.http.send(request, bounds).await else { return nothing };
    let claimed = response.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    Fetched {
        status: response.status.as_u16(),
        content_type: claimed.unwrap_or_default().to_owned(),
        body: response.body.to_vec(),
    }
}
