//! Finding out what became of a create call that nobody answered.

use super::{connected, timeline};
use crate::port::{Publish, Reconcile, Verdict};
use crate::rig::{post, segment};
use crate::x::X;
use domain::content::{Content, MediaKind, Segment};

#[test]
fn a_lost_answer_is_found_again_behind_links_and_escapes() {
    let mut rig = connected("acme");
    let image = rig.file(MediaKind::Image, vec![1; 100], None);
    let text = "R&D <news>: https://example.com/a?b=1&c=2 and https://example.org";
    let content = Content {
        segments: vec![Segment { text: text.into(), media: vec![image] }],
        ..Content::default()
    };
    let at = rig.until("tweets.create", &content);
    rig.lose(&at, &content);
    let shown = timeline(&mut rig);
    let shown = shown[0]["text"].as_str().unwrap();
    assert!(shown.starts_with("R&amp;D &lt;news&gt;: https://t.co/"), "{shown}");
    let Verdict::Found { checkpoint, remote_id } = rig.ask(&at, &content) else {
        panic!("it is there");
    };
    let receipt = rig.publish_from(checkpoint, &content).unwrap();
    assert_eq!(receipt.remote_id, remote_id);
    assert_eq!(rig.sim.accepted().len(), 1);
}

#[test]
fn what_never_arrived_is_absent_and_can_be_sent() {
    let mut rig = connected("acme");
    rig.publish(&post("an older one")).unwrap();
    rig.wait(600);
    let content = post("the one in question");
    let at = rig.until("tweets.create", &content);
    rig.intended_at = Some(rig.now);
    let Verdict::Absent(at) = rig.ask(&at, &content) else {
        panic!("it is not there");
    };
    rig.publish_from(at, &content).unwrap();
}

#[test]
fn an_older_post_of_the_same_wording_is_not_taken_for_ours() {
    let mut rig = connected("acme");
    let content = post("every day");
    rig.publish(&content).unwrap();
    rig.wait(3_600);
    let at = X.start(&rig.view(&content));
    rig.intended_at = Some(rig.now);
    assert!(matches!(rig.ask(&at, &content), Verdict::Absent(_)));
}

#[test]
fn a_segment_is_recognised_by_its_parent() {
    let mut rig = connected("acme");
    let content = Content { segments: vec![segment("one"), segment("two")], ..post("") };
    let start = X.start(&rig.view(&content));
    rig.intended_at = Some(rig.now);
    let at = rig.step(&start, &content).unwrap().unwrap();
    // The same wording, but no answer to the first segment.
    rig.publish(&post("two")).unwrap();
    assert!(matches!(rig.ask(&at, &content), Verdict::Absent(_)));
}

#[test]
fn a_long_list_is_read_to_the_intent() {
    let mut rig = connected("acme");
    let content = post("the one in question");
    let at = rig.until("tweets.create", &content);
    rig.lose(&at, &content);
    let intended_at = rig.intended_at;
    for quarter in 0..3 {
        for n in 0..50 {
            rig.publish(&post(&format!("later {quarter}.{n}"))).unwrap();
        }
        rig.wait(901);
    }
    rig.intended_at = intended_at;
    let before = rig.calls.len();
    let verdict = rig.ask(&at, &content);
    assert!(matches!(verdict, Verdict::Found { .. }), "{verdict:?}");
    assert_eq!(rig.calls.len() - before, 2);
}

#[test]
fn a_list_that_cannot_be_read_settles_nothing() {
    let mut rig = connected("acme");
    let content = post("the one in question");
    let at = rig.until("tweets.create", &content);
    rig.intended_at = Some(rig.now);
    let call = X.ask(&at, 0, &rig.view(&content)).unwrap();
    let mut reply = rig.carry(&call);
    reply.status = http::StatusCode::BAD_GATEWAY;
    let view = rig.view(&content);
    assert!(matches!(X.judge(&at, 0, &reply, &view), Verdict::Undecided(_)));
    reply.status = http::StatusCode::OK;
    reply.body = b"{}".to_vec();
    assert!(matches!(X.judge(&at, 0, &reply, &view), Verdict::Undecided(_)));
    rig.intended_at = None;
    assert!(X.ask(&at, 0, &rig.view(&content)).is_none(), "nothing was intended");
}
