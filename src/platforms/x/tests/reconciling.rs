//! Finding out what became of a create call that nobody answered.

use super::{connected, timeline};
use crate::oauth;
use crate::port::{Body, Call, Checkpoint, Publish, Reconcile, Verdict};
use crate::rig::{Rig, post, segment};
use crate::sim::Control;
use crate::x::X;
use domain::content::{Content, MediaKind, Segment};
use domain::failure::Effect;
use http::Method;
use serde_json::json;
use std::time::Duration;

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

/// A delivery whose create call was intended now and never arrived.
fn never_sent(rig: &mut Rig) -> (Checkpoint, Content) {
    let content = post("the one in question");
    let at = rig.until("tweets.create", &content);
    rig.intended_at = Some(rig.now);
    rig.wait(100);
    (at, content)
}

fn delete(rig: &mut Rig, id: &str) {
    let uri = format!("https://api.x.com/2/tweets/{id}");
    let request = oauth::request(Method::DELETE, &uri, None, Body::empty());
    let (endpoint, effect) = ("tweets.delete", Effect::Repeatable);
    let call = Call { endpoint, effect, request, deadline: Duration::ZERO };
    assert_eq!(rig.carry(&call).status, http::StatusCode::OK);
}

/// Posts so many, and has them forgotten by the ledger.
fn by_hand(rig: &mut Rig, count: usize) {
    let known = rig.known.clone();
    for n in 0..count {
        if n % 90 == 0 {
            rig.wait(901);
        }
        rig.publish(&post(&format!("by hand {n} {}", rig.requests.len()))).unwrap();
    }
    rig.known = known;
}

/// The endpoints of a look-up, with its verdict.
fn look_up(rig: &mut Rig, at: &Checkpoint, content: &Content) -> (Verdict, Vec<&'static str>) {
    let before = rig.calls.len();
    let verdict = rig.ask(at, content);
    (verdict, rig.calls[before..].to_vec())
}

#[test]
fn an_account_that_never_posted_proves_an_absence_by_its_beginning() {
    let mut rig = connected("acme");
    let (at, content) = never_sent(&mut rig);
    let (verdict, asked) = look_up(&mut rig, &at, &content);
    assert!(matches!(verdict, Verdict::Absent(_)), "{verdict:?}");
    assert_eq!(asked, ["users.tweets"]);
}

#[test]
fn without_a_known_post_the_list_is_read_to_the_accounts_beginning() {
    let mut rig = connected("acme");
    by_hand(&mut rig, 250);
    rig.wait(3_600);
    let (at, content) = never_sent(&mut rig);
    let (verdict, asked) = look_up(&mut rig, &at, &content);
    assert!(matches!(verdict, Verdict::Absent(_)), "{verdict:?}");
    assert_eq!(asked, ["users.tweets"; 3]);
}

#[test]
fn a_list_without_a_post_that_exists_is_stale() {
    let mut rig = connected("acme");
    rig.publish(&post("long ago")).unwrap();
    rig.wait(86_400);
    rig.refresh().unwrap();
    rig.publish(&post("known and not shown")).unwrap();
    let (at, content) = never_sent(&mut rig);
    let limits = json!({ "timelineDelayMs": 3_600_000 });
    assert!(rig.sim.control(&Control::Limits { limits }, rig.now));
    let (verdict, asked) = look_up(&mut rig, &at, &content);
    let Verdict::Stale(why) = verdict else { panic!("{verdict:?}") };
    assert!(why.contains(&rig.known[0]), "{why}");
    assert_eq!(asked, ["users.tweets", "tweets.lookup"]);

    let limits = json!({ "timelineDelayMs": 0 });
    assert!(rig.sim.control(&Control::Limits { limits }, rig.now));
    let (verdict, asked) = look_up(&mut rig, &at, &content);
    assert!(matches!(verdict, Verdict::Absent(_)), "{verdict:?}");
    assert_eq!(asked, ["users.tweets"]);
}

#[test]
fn a_stale_list_does_not_hide_a_post_that_was_made() {
    let mut rig = connected("acme");
    rig.publish(&post("known")).unwrap();
    rig.wait(600);
    let content = post("made, and not yet shown");
    let at = rig.until("tweets.create", &content);
    rig.lose(&at, &content);
    let limits = json!({ "timelineDelayMs": 900_000 });
    assert!(rig.sim.control(&Control::Limits { limits }, rig.now));
    rig.wait(100);
    assert!(matches!(rig.ask(&at, &content), Verdict::Stale(_)));
    rig.wait(900);
    assert!(matches!(rig.ask(&at, &content), Verdict::Found { .. }));
}

#[test]
fn known_posts_that_were_deleted_are_no_control() {
    let mut rig = connected("acme");
    for text in ["oldest", "older", "old"] {
        rig.publish(&post(text)).unwrap();
        rig.wait(200);
    }
    let newest = rig.known[0].clone();
    delete(&mut rig, &newest);
    let (at, content) = never_sent(&mut rig);
    let (verdict, asked) = look_up(&mut rig, &at, &content);
    assert!(matches!(verdict, Verdict::Absent(_)), "{verdict:?}");
    assert_eq!(asked, ["users.tweets", "tweets.lookup"]);
    let ids = &rig.requests.last().unwrap().query;
    assert_eq!(ids, &format!("ids={newest}"), "what the list showed needs no question");

    for id in rig.known.clone().iter().skip(1) {
        delete(&mut rig, id);
    }
    let (verdict, asked) = look_up(&mut rig, &at, &content);
    assert!(
        matches!(verdict, Verdict::Absent(_)),
        "an empty account has its beginning: {verdict:?}"
    );
    assert_eq!(asked, ["users.tweets", "tweets.lookup"]);
}

#[test]
fn with_all_known_posts_deleted_the_list_is_read_to_the_accounts_beginning() {
    let mut rig = connected("acme");
    by_hand(&mut rig, 150);
    rig.publish(&post("known")).unwrap();
    let id = rig.known[0].clone();
    delete(&mut rig, &id);
    rig.wait(3_600);
    let (at, content) = never_sent(&mut rig);
    let (verdict, asked) = look_up(&mut rig, &at, &content);
    assert!(matches!(verdict, Verdict::Absent(_)), "{verdict:?}");
    assert_eq!(asked, ["users.tweets", "tweets.lookup", "users.tweets"]);
}

#[test]
fn a_known_post_behind_the_first_page_is_looked_for_there() {
    let mut rig = connected("acme");
    rig.publish(&post("known")).unwrap();
    by_hand(&mut rig, 150);
    rig.wait(3_600);
    let (at, content) = never_sent(&mut rig);
    let (verdict, asked) = look_up(&mut rig, &at, &content);
    assert!(matches!(verdict, Verdict::Absent(_)), "{verdict:?}");
    assert_eq!(asked, ["users.tweets", "tweets.lookup", "users.tweets"]);
}

#[test]
fn the_parts_of_a_chain_that_are_out_are_the_newest_control() {
    let mut rig = connected("acme");
    rig.publish(&post("known")).unwrap();
    rig.wait(600);
    let content = Content { segments: vec![segment("one"), segment("two")], ..post("") };
    rig.intended_at = Some(rig.now);
    let at = rig.step(&rig.start(&content), &content).unwrap().unwrap();
    rig.wait(100);
    let limits = json!({ "timelineDelayMs": 300_000 });
    assert!(rig.sim.control(&Control::Limits { limits }, rig.now));
    let (verdict, asked) = look_up(&mut rig, &at, &content);
    assert!(matches!(verdict, Verdict::Stale(_)), "part one is not shown: {verdict:?}");
    assert_eq!(asked, ["users.tweets", "tweets.lookup"]);
    rig.wait(300);
    let (verdict, asked) = look_up(&mut rig, &at, &content);
    assert!(matches!(verdict, Verdict::Absent(_)), "{verdict:?}");
    assert_eq!(asked, ["users.tweets"]);
}

#[test]
fn an_edited_post_is_shown_under_its_newest_id() {
    let mut rig = connected("acme");
    rig.publish(&post("known")).unwrap();
    rig.wait(600);
    let (at, content) = never_sent(&mut rig);
    let call = X.ask(&at, 0, &rig.view(&content)).unwrap();
    let mut reply = rig.carry(&call);
    let mut list = reply.json();
    list["data"][0]["id"] = "1999999999999999999".into();
    reply.body = list.to_string().into_bytes();
    let verdict = X.judge(&at, 0, &reply, &rig.view(&content));
    assert!(matches!(verdict, Verdict::Absent(_)), "{verdict:?}");
}

#[test]
fn an_id_of_which_x_says_nothing_proves_nothing() {
    let mut rig = connected("acme");
    rig.publish(&post("known")).unwrap();
    rig.wait(600);
    let (at, content) = never_sent(&mut rig);
    let limits = json!({ "timelineDelayMs": 3_600_000 });
    assert!(rig.sim.control(&Control::Limits { limits }, rig.now));
    let call = X.ask(&at, 0, &rig.view(&content)).unwrap();
    let reply = rig.carry(&call);
    let Verdict::More(at) = X.judge(&at, 0, &reply, &rig.view(&content)) else {
        panic!("ids are asked for");
    };
    let call = X.ask(&at, 1, &rig.view(&content)).unwrap();
    let mut reply = rig.carry(&call);
    let denied = json!({ "errors": [{
        "value": rig.known[0], "type": "https://api.x.com/2/problems/not-authorized-for-resource",
    }] });
    for body in [json!({}), denied] {
        reply.body = body.to_string().into_bytes();
        let verdict = X.judge(&at, 1, &reply, &rig.view(&content));
        assert!(matches!(verdict, Verdict::Stale(_)), "{body}: {verdict:?}");
    }
    reply.body = b"<html>".to_vec();
    let verdict = X.judge(&at, 1, &reply, &rig.view(&content));
    assert!(matches!(verdict, Verdict::Undecided(_)), "{verdict:?}");
}

#[test]
fn what_another_delivery_holds_is_not_taken_for_ours() {
    let mut rig = connected("acme");
    let content = post("the same words");
    let at = rig.until("tweets.create", &content);
    rig.intended_at = Some(rig.now);
    let intended_at = rig.intended_at;
    rig.publish(&content).unwrap();
    rig.intended_at = intended_at;
    let verdict = rig.ask(&at, &content);
    assert!(matches!(verdict, Verdict::Absent(_)), "{verdict:?}");
}
