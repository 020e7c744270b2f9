//! Finding out what became of a last piece that nobody answered for.

use super::{GRAIN, call, connected, count, elsewhere, film, illustrated, set_limits};
use crate::port::{Checkpoint, Publish, Reconcile, Reply, Verdict};
use crate::rig::Rig;
use crate::youtube::YouTube;
use crate::youtube::publish::Stage;
use domain::content::Content;
use http::StatusCode;
use serde_json::{Value, json};

/// A film whose last piece arrived without an answer, and whose session is gone.
fn orphan(rig: &mut Rig) -> (Content, Checkpoint) {
    let content = film(rig, 5_000);
    let at = rig.until_irreversible(&content);
    rig.lose(&at, &content);
    (content, elsewhere(&at))
}

#[test]
fn the_session_names_the_video_that_came_of_it() {
    let mut rig = connected("acme");
    let content = illustrated(&mut rig, vec![1; 50]);
    let at = rig.until_irreversible(&content);
    rig.lose(&at, &content);
    let Verdict::Found { checkpoint, remote_id } = rig.ask(&at, &content) else {
        panic!("it is there");
    };
    assert_eq!(rig.calls.last(), Some(&"videos.session"));
    assert_eq!(call(&rig, &checkpoint, &content).endpoint, "thumbnails.set");
    let receipt = rig.publish_from(checkpoint, &content).unwrap();
    assert_eq!(receipt.remote_id, remote_id);
    assert_eq!(rig.sim.accepted().len(), 1);
}

#[test]
fn the_session_names_the_byte_to_go_on_from() {
    let mut rig = connected("acme");
    set_limits(&mut rig, json!({ "keptBytesMax": 1_000 }));
    let content = film(&mut rig, 5_000);
    let at = rig.until_irreversible(&content);
    rig.lose(&at, &content);
    let Verdict::Absent(at) = rig.ask(&at, &content) else { panic!("it is not whole") };
    assert!(matches!(Stage::load(&at), Stage::Send { offset: 1_000, .. }), "{at:?}");
    rig.publish_from(at, &content).unwrap();
    assert_eq!((count(&rig, "videos.open"), rig.sim.accepted().len()), (1, 1));
}

#[test]
fn without_its_session_a_video_is_found_among_the_uploads() {
    let mut rig = connected("acme");
    let (content, at) = orphan(&mut rig);
    rig.wait(120);
    let before = rig.calls.len();
    let Verdict::Found { checkpoint, remote_id } = rig.ask(&at, &content) else {
        panic!("it is listed");
    };
    assert_eq!(rig.calls[before..], ["videos.session", "channels.list", "playlistItems.list"]);
    assert_eq!(remote_id, rig.sim.accepted()[0].remote_id);
    rig.publish_from(checkpoint, &content).unwrap();
    assert_eq!(rig.sim.accepted().len(), 1);
}

#[test]
fn a_piece_for_a_dead_session_is_absent_after_a_complete_look() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 5_000);
    // The same title an hour ago is another video.
    rig.publish(&content).unwrap();
    rig.wait(3_000);
    let at = elsewhere(&rig.until_irreversible(&content));
    rig.intended_at = Some(rig.now);
    let early = rig.ask(&at, &content);
    assert!(matches!(early, Verdict::Undecided(_)), "a list may lag: {early:?}");
    rig.wait(120);
    let Verdict::Absent(at) = rig.ask(&at, &content) else { panic!("it is not there") };
    assert_eq!(Stage::load(&at), Stage::Open);
    rig.publish_from(at, &content).unwrap();
    assert_eq!(rig.sim.accepted().len(), 2);
}

#[test]
fn a_look_through_the_uploads_goes_back_to_the_intent() {
    let mut rig = connected("acme");
    let (content, at) = orphan(&mut rig);
    let intended_at = rig.intended_at;
    let mut other = content.clone();
    other.options.insert("title".into(), json!("Another film"));
    for _ in 0..60 {
        rig.publish(&other).unwrap();
    }
    rig.intended_at = intended_at;
    rig.wait(120);
    assert!(matches!(rig.ask(&at, &content), Verdict::Found { .. }));
    assert_eq!(count(&rig, "playlistItems.list"), 2);
}

#[test]
fn two_uploads_that_look_the_same_are_for_a_person() {
    let mut rig = connected("acme");
    let (content, at) = orphan(&mut rig);
    let intended_at = rig.intended_at;
    rig.publish(&content).unwrap();
    rig.intended_at = intended_at;
    assert!(matches!(rig.ask(&at, &content), Verdict::Undecided(_)));
}

#[test]
fn a_look_that_was_broken_off_never_publishes() {
    let mut rig = connected("acme");
    let (content, at) = orphan(&mut rig);
    let ask = YouTube.ask(&at, 0, &rig.view(&content)).unwrap();
    let reply = rig.carry(&ask);
    let Verdict::More(at) = YouTube.judge(&at, 0, &reply, &rig.view(&content)) else {
        panic!("the session is gone");
    };
    let next = call(&rig, &at, &content);
    assert_eq!(next.endpoint, "videos.finish");
    assert_eq!(rig.carry(&next).status, StatusCode::NOT_FOUND);
    assert_eq!(rig.sim.accepted().len(), 1);
}

/// What is judged of a changed answer of the list of uploads.
fn judged(rig: &mut Rig, content: &Content, change: impl Fn(&mut Value, &mut Reply)) -> Verdict {
    let session = "https://www.googleapis.com/gone".to_owned();
    let uploads = Some(rig.facts.remote_id.replacen("UC", "UU", 1));
    let at = Stage::Search { session, uploads, page: None }.save();
    let ask = YouTube.ask(&at, 2, &rig.view(content)).unwrap();
    let mut reply = rig.carry(&ask);
    let mut body = reply.json();
    change(&mut body, &mut reply);
    reply.body = body.to_string().into_bytes();
    YouTube.judge(&at, 2, &reply, &rig.view(content))
}

#[test]
fn a_list_that_cannot_be_relied_on_settles_nothing() {
    let mut rig = connected("acme");
    let (content, _) = orphan(&mut rig);
    rig.wait(120);
    let is_open = |verdict: Verdict| matches!(verdict, Verdict::Undecided(_));
    assert!(!is_open(judged(&mut rig, &content, |_, _| ())));
    let status = |_: &mut Value, reply: &mut Reply| reply.status = StatusCode::NOT_FOUND;
    assert!(is_open(judged(&mut rig, &content, status)));
    assert!(is_open(judged(&mut rig, &content, |body, _| *body = json!({}))));
    let timeless = |body: &mut Value, _: &mut Reply| {
        body["items"][0]["snippet"]["publishedAt"] = Value::Null;
    };
    assert!(is_open(judged(&mut rig, &content, timeless)));
    let nameless = |body: &mut Value, _: &mut Reply| {
        body["items"][0]["snippet"]["resourceId"] = json!({});
    };
    assert!(is_open(judged(&mut rig, &content, nameless)));
}

#[test]
fn a_session_that_answers_oddly_settles_nothing() {
    let mut rig = connected("acme");
    let content = film(&mut rig, GRAIN);
    let at = rig.until_irreversible(&content);
    assert!(YouTube.ask(&at, 0, &rig.view(&content)).is_none(), "nothing was intended");
    rig.intended_at = Some(rig.now);
    let ask = YouTube.ask(&at, 0, &rig.view(&content)).unwrap();
    let mut reply = rig.carry(&ask);
    reply.headers.insert("range", format!("bytes=0-{}", GRAIN - 1).parse().unwrap());
    let verdict = YouTube.judge(&at, 0, &reply, &rig.view(&content));
    assert!(matches!(verdict, Verdict::Undecided(_)), "whole, but no video: {verdict:?}");
    reply.status = StatusCode::BAD_GATEWAY;
    let verdict = YouTube.judge(&at, 0, &reply, &rig.view(&content));
    assert!(matches!(verdict, Verdict::Undecided(_)), "{verdict:?}");
    let start = YouTube.start(&rig.view(&content));
    assert!(YouTube.ask(&start, 0, &rig.view(&content)).is_none(), "no piece was sent");
}
