//! The adapter against the simulator, in virtual time.

mod connecting;
mod document;
mod limits;
mod publishing;
mod reconciling;
mod sending;

use super::Instagram;
use super::auth::INSTAGRAM_LOGIN;
use crate::port::{Adapter, Checkpoint, Reply, Step};
use crate::rig::{Kept, Rig};
use crate::sim::Control;
use crate::sim::http::field;
use domain::content::{Content, MediaKind, Segment};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// A simulator with this account connected by Instagram Login.
pub(super) fn connected(handle: &str) -> Rig {
    Rig::connected(&Instagram, INSTAGRAM_LOGIN, handle)
}

/// A post with files of these kinds.
pub(super) fn with_files(rig: &mut Rig, text: &str, kinds: &[MediaKind]) -> Content {
    let media = kinds.iter().enumerate().map(|(number, kind)| {
        let alt_text = format!("file {number}");
        rig.file(*kind, vec![7; 2_000 + number], Some(&alt_text))
    });
    let segment = Segment { text: text.into(), media: media.collect() };
    Content { segments: vec![segment], ..Content::default() }
}

/// A post with one image.
pub(super) fn image(rig: &mut Rig, text: &str) -> Content {
    with_files(rig, text, &[MediaKind::Image])
}

/// Sets figures of the simulator.
pub(super) fn limit(rig: &mut Rig, limits: Value) {
    assert!(rig.sim.control(&Control::Limits { limits }, rig.now));
}

/// The values that one parameter had in the kept requests whose path ends so.
fn told(rig: &Rig, path: &str, name: &str) -> Vec<Option<String>> {
    let requests = rig.log.iter().filter_map(|(kept, _)| match kept {
        Kept::Request(request) => Some(request),
        Kept::Fetched(..) => None,
    });
    let wanted = requests.filter(|request| request.path.ends_with(path));
    wanted.map(|request| field(&String::from_utf8_lossy(&request.body), name)).collect()
}

/// How often an endpoint was called.
fn count(rig: &Rig, endpoint: &str) -> usize {
    rig.calls.iter().filter(|call| **call == endpoint).count()
}

/// A reply with this error, as the platform words it.
fn refusal(rig: &Rig, code: i64, subcode: i64) -> Reply {
    let error = json!({ "code": code, "error_subcode": subcode, "message": "No." });
    let body = json!({ "error": error }).to_string().into_bytes();
    Reply { status: StatusCode::BAD_REQUEST, headers: HeaderMap::new(), body, at: rig.now }
}

/// The checkpoint after the call that is due was refused so.
fn refused(
    rig: &Rig,
    at: &Checkpoint,
    content: &Content,
    (code, subcode): (i64, i64),
) -> Checkpoint {
    let Step::Call(call) = rig.next(at, content) else {
        panic!("a call is due");
    };
    let why = Instagram.classify(call.effect, &refusal(rig, code, subcode)).unwrap();
    Instagram.publish().recover(at, &why, &rig.view(content))
}
