//! The adapter against the simulator, in virtual time.

mod connecting;
mod failing;
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

/// Replaces figures of the simulator.
fn limit(rig: &mut Rig, limits: Value) {
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
