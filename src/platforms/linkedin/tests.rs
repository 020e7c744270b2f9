//! The adapter against the simulator, in virtual time.

mod connecting;
mod extended;
mod films;
mod publishing;
mod reconciling;
mod rules;

use super::LinkedIn;
use super::capabilities::{ORGANIZATION, PERSONAL};
use crate::rig::{Kept, Rig};
use crate::sim::Control;
use domain::content::{Content, MediaKind, Segment};
use serde_json::Value;

/// A simulator with this person connected.
pub(super) fn person(handle: &str) -> Rig {
    Rig::connected(&LinkedIn, PERSONAL, handle)
}

/// A simulator with the page of this organization connected.
pub(super) fn page(handle: &str) -> Rig {
    Rig::connected(&LinkedIn, ORGANIZATION, handle)
}

/// Changes figures of the simulator.
pub(super) fn limit(rig: &mut Rig, limits: Value) {
    assert!(rig.sim.control(&Control::Limits { limits }, rig.now));
}

/// A post with so many images.
fn gallery(rig: &mut Rig, text: &str, count: u8) -> Content {
    let media = (0..count)
        .map(|n| rig.file(MediaKind::Image, vec![n + 1; 3_000], Some(&format!("picture {n}"))))
        .collect();
    Content { segments: vec![Segment { text: text.into(), media }], ..Content::default() }
}

/// The body of the last request to a path.
fn body(rig: &Rig, path: &str) -> Value {
    let mut kept = rig.log.iter().filter_map(|(kept, _)| match kept {
        Kept::Request(request) => Some(request),
        Kept::Fetched(..) => None,
    });
    let request = kept.rfind(|request| request.path == path).unwrap();
    serde_json::from_slice(&request.body).unwrap()
}

fn calls(rig: &Rig, endpoint: &str) -> usize {
    rig.calls.iter().filter(|call| **call == endpoint).count()
}
