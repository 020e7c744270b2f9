//! The adapter against the simulator, in virtual time.

mod caring;
mod document;
mod options;
mod publishing;
mod reconciling;
mod refusing;

use super::YouTube;
use super::publish::Stage;
use crate::port::{Call, Checkpoint, Step};
use crate::rig::{Kept, Rig};
use crate::sim::{Control, Inbound};
use domain::content::{Content, MediaKind, Segment};
use domain::failure::Effect;
use serde_json::{Value, json};

/// What every piece but the last is a multiple of.
pub(super) const GRAIN: usize = 262_144;

/// A simulator with this account connected.
pub(super) fn connected(handle: &str) -> Rig {
    Rig::connected(&YouTube, "default", handle)
}

/// A post with a film of so many bytes.
fn film(rig: &mut Rig, size: usize) -> Content {
    let bytes = (0..size).map(|at| u8::try_from(at / 1_000 % 251).unwrap()).collect();
    let used = rig.file(MediaKind::Video, bytes, None);
    let segments = vec![Segment { text: "What it is about".into(), media: vec![used] }];
    let mut content = Content { segments, ..Content::default() };
    let options = json!({
        "title": "A film",
        "privacyStatus": "unlisted",
        "madeForKids": false,
        "categoryId": "22",
    });
    content.options = options.as_object().cloned().unwrap();
    content
}

/// The same with a thumbnail.
fn illustrated(rig: &mut Rig, thumbnail: Vec<u8>) -> Content {
    let mut content = film(rig, 5_000);
    let picture = rig.file(MediaKind::Image, thumbnail, None);
    content.options.insert("thumbnailMediaId".into(), json!(picture.id));
    content
}

fn set_limits(rig: &mut Rig, limits: Value) {
    assert!(rig.sim.control(&Control::Limits { limits }, rig.now));
}

/// The requests that the simulator kept, oldest first.
fn kept(rig: &Rig) -> Vec<&Inbound> {
    let kept = rig.log.iter().filter_map(|(kept, _)| match kept {
        Kept::Request(request) => Some(request),
        Kept::Fetched(..) => None,
    });
    kept.collect()
}

fn call(rig: &Rig, at: &Checkpoint, content: &Content) -> Call {
    match rig.next(at, content) {
        Step::Call(call) => *call,
        other => panic!("a call is due, not {other:?}"),
    }
}

fn count(rig: &Rig, endpoint: &str) -> usize {
    rig.calls.iter().filter(|call| **call == endpoint).count()
}

/// The checkpoint with another address of its session, which nobody knows.
fn elsewhere(at: &Checkpoint) -> Checkpoint {
    let session = "https://www.googleapis.com/upload/youtube/v3/videos?upload_id=gone".to_owned();
    match Stage::load(at) {
        Stage::Send { offset, .. } => Stage::Send { session, offset }.save(),
        Stage::Ask { .. } => Stage::Ask { session }.save(),
        other => panic!("{other:?} has no session"),
    }
}

#[test]
fn the_effects_of_an_upload_are_as_small_as_they_can_be() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 9 * 1024 * 1024 + 5);
    let mut at = rig.start(&content);
    let mut effects = Vec::new();
    while let Step::Call(call) = rig.next(&at, &content) {
        effects.push((call.endpoint, call.effect, call.request.body().len()));
        at = rig.step(&at, &content).unwrap().unwrap();
    }
    let sent: Vec<_> = effects.iter().map(|(endpoint, ..)| *endpoint).collect();
    assert_eq!(sent, ["videos.open", "videos.chunk", "videos.chunk", "videos.finish"]);
    let irreversible = effects.iter().filter(|(_, effect, _)| *effect == Effect::Irreversible);
    assert_eq!(irreversible.map(|(.., size)| *size).collect::<Vec<_>>(), [5]);
}
