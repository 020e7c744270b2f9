//! The adapter against the simulator, in virtual time.

mod chains;
mod connecting;
mod document;
mod failing;
mod options;
mod publishing;
mod reconciling;

use super::Threads;
use crate::port::Checkpoint;
use crate::rig::{Rig, segment};
use crate::sim::Control;
use domain::content::{Content, MediaKind, Segment};
use serde_json::Value;

/// A simulator with this account connected.
pub(super) fn connected(handle: &str) -> Rig {
    Rig::connected(&Threads, "default", handle)
}

/// A post with so many pictures.
fn pictures(rig: &mut Rig, count: u8) -> Content {
    let media = (0..count).map(|n| {
        let told = format!("picture {n}");
        rig.file(MediaKind::Image, vec![n + 1; 500], Some(&told))
    });
    let media = media.collect();
    Content { segments: vec![Segment { media, ..segment("Look") }], ..Content::default() }
}

/// A chain with these wordings.
fn chain(words: &[&str]) -> Content {
    Content { segments: words.iter().map(|words| segment(words)).collect(), ..Content::default() }
}

/// What is out, in the order in which it went out.
fn texts(rig: &Rig) -> Vec<&str> {
    rig.sim.accepted().iter().map(|accepted| accepted.text.as_str()).collect()
}

/// The forms of the containers that were made, in order.
fn forms(rig: &Rig) -> Vec<String> {
    let made = rig.requests.iter().filter(|request| {
        request.method == http::Method::POST && request.path.ends_with("/threads")
    });
    made.map(|request| String::from_utf8(request.body.clone()).unwrap()).collect()
}

/// Replaces figures of the simulator.
pub(super) fn limit(rig: &mut Rig, limits: Value) {
    assert!(rig.sim.control(&Control::Limits { limits }, rig.now));
}

/// How often an endpoint was called.
fn calls(rig: &Rig, endpoint: &str) -> usize {
    rig.calls.iter().filter(|call| **call == endpoint).count()
}

/// The stage that a checkpoint is at.
fn stage(at: &Checkpoint) -> &str {
    at.0["stage"]["stage"].as_str().unwrap()
}
