//! What is found out about a create call that went unanswered.

use super::{gallery, limit, page, person};
use crate::linkedin::LinkedIn;
use crate::port::{Reconcile, Verdict};
use crate::rig::{Rig, post};
use domain::content::Content;
use serde_json::json;

/// Publishes something else of the page, as a person would.
fn publish_also(rig: &mut Rig, text: &str) {
    let intended_at = rig.intended_at;
    rig.publish(&post(text)).unwrap();
    rig.intended_at = intended_at;
}

fn found(rig: &mut Rig, content: &Content) -> Verdict {
    let at = rig.until_irreversible(content);
    rig.lose(&at, content);
    rig.wait(120);
    rig.ask(&at, content)
}

#[test]
fn a_lost_answer_is_found_behind_the_escapes() {
    let mut rig = page("acme");
    publish_also(&mut rig, "before");
    let content = post("50% off (today) #sale_now @all");
    let Verdict::Found { checkpoint, remote_id } = found(&mut rig, &content) else {
        panic!("it is in the list");
    };
    let receipt = rig.publish_from(checkpoint, &content).unwrap();
    assert_eq!(receipt.remote_id, remote_id);
    assert_eq!(rig.sim.accepted().len(), 2);
}

#[test]
fn images_prove_a_post_whatever_its_words() {
    let mut rig = page("acme");
    let content = gallery(&mut rig, "", 2);
    let verdict = found(&mut rig, &content);
    assert!(matches!(verdict, Verdict::Found { .. }), "{verdict:?}");
}

#[test]
fn words_with_other_content_are_no_proof_of_either() {
    let mut rig = page("acme");
    let content = gallery(&mut rig, "Look", 1);
    let at = rig.until_irreversible(&content);
    rig.intended_at = Some(rig.now);
    rig.wait(5);
    publish_also(&mut rig, "Look");
    rig.wait(120);
    let verdict = rig.ask(&at, &content);
    assert!(matches!(verdict, Verdict::Undecided(_)), "{verdict:?}");
}

#[test]
fn an_older_post_of_the_same_words_is_not_taken_for_ours() {
    let mut rig = page("acme");
    publish_also(&mut rig, "Good morning");
    rig.wait(86_400);
    let content = post("Good morning");
    let at = rig.start(&content);
    rig.intended_at = Some(rig.now);
    rig.wait(120);
    let verdict = rig.ask(&at, &content);
    let Verdict::Absent(at) = verdict else { panic!("{verdict:?}") };
    rig.publish_from(at, &content).unwrap();
}

#[test]
fn two_posts_that_fit_are_left_to_a_person() {
    let mut rig = page("acme");
    limit(&mut rig, json!({ "duplicateWindowS": 1 }));
    let content = post("Twice");
    let at = rig.start(&content);
    rig.lose(&at, &content);
    rig.wait(30);
    publish_also(&mut rig, "Twice");
    let verdict = rig.ask(&at, &content);
    assert!(matches!(verdict, Verdict::Undecided(_)), "{verdict:?}");
}

#[test]
fn a_long_list_is_read_to_the_intent() {
    let mut rig = page("acme");
    limit(&mut rig, json!({ "memberDay": { "posts.create": 2_000 } }));
    publish_also(&mut rig, "long before");
    rig.wait(3_600);
    let content = post("Ours");
    let at = rig.start(&content);
    rig.lose(&at, &content);
    for n in 0..250 {
        rig.wait(1);
        publish_also(&mut rig, &format!("other {n}"));
    }
    let before = rig.calls.len();
    let verdict = rig.ask(&at, &content);
    assert!(matches!(verdict, Verdict::Found { .. }), "{verdict:?}");
    assert_eq!(rig.calls[before..], ["posts.finder"; 3]);

    let other = post("Never sent");
    let at = rig.start(&other);
    let verdict = rig.ask(&at, &other);
    assert!(matches!(verdict, Verdict::Absent(_)), "{verdict:?}");

    for n in 0..800 {
        rig.wait(1);
        publish_also(&mut rig, &format!("more {n}"));
    }
    let verdict = rig.ask(&at, &other);
    assert!(matches!(verdict, Verdict::Undecided(_)), "{verdict:?}");
}

#[test]
fn a_list_that_cannot_be_read_settles_nothing() {
    let mut rig = page("acme");
    let content = post("Hello");
    let at = rig.start(&content);
    rig.intended_at = Some(rig.now);
    let call = LinkedIn.ask(&at, 0, &rig.view(&content)).unwrap();
    let mut reply = rig.carry(&call);
    for (status, body) in [(500, "{}"), (200, "<html>"), (403, "{}"), (200, "{}")] {
        reply.status = http::StatusCode::from_u16(status).unwrap();
        reply.body = body.into();
        let verdict = LinkedIn.judge(&at, 0, &reply, &rig.view(&content));
        assert!(matches!(verdict, Verdict::Undecided(_)), "{body}: {verdict:?}");
    }
}

#[test]
fn of_a_person_nothing_can_be_asked() {
    let mut rig = person("acme");
    let content = post("Hello");
    let at = rig.start(&content);
    rig.lose(&at, &content);
    assert!(LinkedIn.ask(&at, 0, &rig.view(&content)).is_none());
}
