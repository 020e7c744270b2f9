//! Films: parts, their marks, and what becomes of both when something fails.

use super::{body, calls, limit, page, person};
use crate::linkedin::{LinkedIn, errors};
use crate::port::{Adapter, Checkpoint, Publish, Step};
use crate::rig::Rig;
use crate::sim::Control;
use domain::content::{Content, MediaKind, Segment};
use domain::failure::Failure;
use serde_json::json;
use std::time::Duration;

/// A page and a film of three parts, the last of them short.
pub(super) fn film(mut rig: Rig, text: &str) -> (Rig, Content) {
    limit(&mut rig, json!({ "partBytes": 40_000 }));
    let bytes = (0..100_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let used = rig.file(MediaKind::Video, bytes, Some("not for films"));
    let segments = vec![Segment { text: text.into(), media: vec![used] }];
    (rig, Content { segments, ..Content::default() })
}

/// The checkpoint with `sent` parts at LinkedIn.
fn after_parts(rig: &mut Rig, content: &Content, sent: usize) -> Checkpoint {
    let mut at = rig.until("videos.upload", content);
    for _ in 0..sent {
        at = rig.step(&at, content).unwrap().unwrap();
    }
    at
}

// case: L-film
#[test]
fn a_film_goes_up_in_parts_and_is_joined_by_their_marks() {
    let (mut rig, content) = film(page("acme"), "Watch");
    let connected = rig.calls.len();
    let receipt = rig.publish(&content).unwrap();
    assert!(receipt.remote_id.starts_with("urn:li:ugcPost:"));
    let calls = &rig.calls[connected..];
    let upload = ["videos.upload"; 3];
    assert_eq!(calls[0], "videos.initialize");
    assert_eq!(calls[1..4], upload);
    let rest = ["videos.finalize", "videos.status", "videos.status", "posts.create"];
    assert_eq!(calls[4..], rest);
    let parts = rig.requests[connected + 1..connected + 4].iter();
    let sent: Vec<u8> = parts.flat_map(|part| part.body.clone()).collect();
    assert!(sent == rig.files[0], "the parts are the film");
    let opened = body(&rig, "/rest/posts");
    assert!(opened["content"]["media"]["id"].as_str().unwrap().starts_with("urn:li:video:"));
    assert!(opened["content"]["media"].get("altText").is_none());
    assert!(rig.page("/feed").contains("<video controls"));
}

// case: L-film
#[test]
fn a_part_that_is_there_is_not_sent_again() {
    for sent in 0..3 {
        let (mut rig, content) = film(person("acme"), "Watch");
        let at = after_parts(&mut rig, &content, sent);
        // The process dies with the answer to the next part: that part alone goes again.
        let Step::Call(call) = rig.next(&at, &content) else { panic!("a part is due") };
        rig.carry(&call);
        rig.publish_from(at, &content).unwrap();
        assert_eq!(calls(&rig, "videos.initialize"), 1);
        assert_eq!(calls(&rig, "videos.upload"), 4, "after {sent} parts");
    }
}

#[test]
fn a_join_whose_answer_is_lost_is_asked_for_again() {
    let (mut rig, content) = film(page("acme"), "Watch");
    let at = rig.until("videos.finalize", &content);
    let Step::Call(call) = rig.next(&at, &content) else { panic!("a call is due") };
    assert_eq!(rig.carry(&call).status.as_u16(), 200);
    rig.publish_from(at, &content).unwrap();
    assert_eq!(calls(&rig, "videos.finalize"), 2);
    assert_eq!(calls(&rig, "videos.upload"), 3);
}

#[test]
fn a_join_that_is_refused_begins_the_film_anew() {
    let (mut rig, content) = film(page("acme"), "Watch");
    let at = after_parts(&mut rig, &content, 2);
    let Step::Call(last) = rig.next(&at, &content) else { panic!("a part is due") };
    let at = rig.step(&at, &content).unwrap().unwrap();
    // A late copy of the last part changes its mark.
    rig.carry(&last);
    let (at, why) = rig.step(&at, &content).unwrap_err();
    assert!(errors::is_upload_gone(&why), "{why:?}");
    rig.publish_from(at, &content).unwrap();
    assert_eq!(calls(&rig, "videos.initialize"), 2);
}

#[test]
fn addresses_that_end_begin_the_film_anew() {
    let (mut rig, content) = film(page("acme"), "Late");
    limit(&mut rig, json!({ "uploadLifeS": 600 }));
    let at = after_parts(&mut rig, &content, 1);
    rig.wait(541);
    rig.publish_from(at, &content).unwrap();
    assert_eq!((calls(&rig, "videos.initialize"), calls(&rig, "videos.upload")), (2, 4));

    // LinkedIn ends them between the look at the clock and the call.
    let (mut rig, content) = film(page("acme"), "Late");
    let at = after_parts(&mut rig, &content, 1);
    let Step::Call(call) = rig.next(&at, &content) else { panic!("a part is due") };
    rig.wait(86_400);
    let reply = rig.carry(&call);
    let why = LinkedIn.classify(call.effect, &reply).unwrap();
    assert!(errors::is_upload_gone(&why), "{why:?}");
    let at = LinkedIn.recover(&at, &why, &rig.view(&content));
    rig.publish_from(at, &content).unwrap();
    assert_eq!((calls(&rig, "videos.initialize"), calls(&rig, "videos.upload")), (2, 5));
}

#[test]
fn an_answer_about_addresses_counts_after_the_end_of_the_old_ones() {
    let (mut rig, content) = film(page("acme"), "Late");
    limit(&mut rig, json!({ "uploadLifeS": 600 }));
    let at = after_parts(&mut rig, &content, 1);
    rig.wait(541);
    // The checkpoint still holds the old addresses when the answer with the new ones is read.
    let at = rig.step(&at, &content).unwrap().unwrap();
    assert!(
        matches!(rig.next(&at, &content), Step::Call(call) if call.endpoint == "videos.upload")
    );
    rig.publish_from(at, &content).unwrap();
    assert_eq!(calls(&rig, "videos.initialize"), 2);
}

#[test]
fn a_part_without_its_mark_is_sent_again() {
    let (mut rig, content) = film(page("acme"), "Watch");
    let at = after_parts(&mut rig, &content, 1);
    let Step::Call(call) = rig.next(&at, &content) else { panic!("a part is due") };
    let mut reply = rig.carry(&call);
    reply.headers.remove("etag");
    let why = LinkedIn.read(&at, &reply, &rig.view(&content)).unwrap_err();
    assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
    let at = LinkedIn.recover(&at, &why, &rig.view(&content));
    rig.publish_from(at, &content).unwrap();
    assert_eq!((calls(&rig, "videos.initialize"), calls(&rig, "videos.upload")), (1, 4));
}

// case: L-film
#[test]
fn a_film_that_linkedin_cannot_read_is_a_media_failure() {
    let mut rig = page("acme");
    let bytes = [b"UNSUPPORTED".to_vec(), vec![1; 100_000]].concat();
    let media = vec![rig.file(MediaKind::Video, bytes, None)];
    let segments = vec![Segment { text: "Look".into(), media }];
    let content = Content { segments, ..Content::default() };
    let failure = rig.publish(&content).unwrap_err();
    assert!(matches!(failure, Failure::Media { asset: Some(0), .. }), "{failure:?}");
    assert_eq!(calls(&rig, "posts.create"), 0);
}

#[test]
fn a_film_is_given_half_an_hour_and_a_state_that_is_not_told_none() {
    let (mut rig, content) = film(page("acme"), "Slow");
    let started = rig.now;
    assert!(rig.sim.control(&Control::StuckProcessing { s: 1_700 }, started));
    rig.publish(&content).unwrap();
    assert!(rig.now.since(started) >= Duration::from_secs(1_700));
    assert_eq!(calls(&rig, "videos.initialize"), 1);

    let (mut rig, content) = film(page("acme"), "Stuck");
    let now = rig.now;
    assert!(rig.sim.control(&Control::StuckProcessing { s: 2_000 }, now));
    let failure = rig.publish(&content).unwrap_err();
    assert!(errors::is_upload_gone(&failure), "{failure:?}");

    let (mut rig, content) = film(page("acme"), "Silent");
    let at = rig.until("videos.status", &content);
    let Step::Call(call) = rig.next(&at, &content) else { panic!("a call is due") };
    let mut reply = rig.carry(&call);
    reply.body = b"{\"id\":\"urn:li:video:1\"}".to_vec();
    let why = LinkedIn.read(&at, &reply, &rig.view(&content)).unwrap_err();
    assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
}
