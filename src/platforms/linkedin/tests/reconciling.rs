//! What is found out about a create call that went unanswered.

use super::{gallery, limit, page, person};
use crate::linkedin::{LinkedIn, auth};
use crate::port::{Call, Checkpoint, Reconcile, Verdict};
use crate::rig::{Rig, post};
use domain::content::Content;
use domain::failure::{Effect, Failure};
use http::Method;
use serde_json::json;
use std::time::Duration;

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

/// Sends what LinkedIn has already; the checkpoint to ask from, and the post that it names.
fn refused(rig: &mut Rig, at: &Checkpoint, content: &Content) -> (Checkpoint, String) {
    let (at, why) = rig.step(at, content).unwrap_err();
    let Failure::Duplicate { named: Some(urn), .. } = why else { panic!("{why:?}") };
    let clue = LinkedIn.clue(&at).unwrap();
    assert!(clue.ends_with(&format!("https://www.linkedin.com/feed/update/{urn}")), "{clue}");
    (at, urn)
}

/// Deletes a post of the page.
fn delete(rig: &mut Rig, urn: &str) {
    let request = auth::rest(Method::DELETE, &format!("posts/{}", auth::encoded(urn)), None);
    let (endpoint, effect) = ("posts.delete", Effect::Repeatable);
    rig.carry(&Call { endpoint, effect, request, deadline: Duration::from_secs(1) });
}

// case: U-05
#[test]
fn a_duplicate_that_is_our_own_post_is_adopted() {
    let mut rig = page("acme");
    for content in [post("Words alone"), gallery(&mut rig, "With a picture", 1)] {
        let out = rig.sim.accepted().len();
        rig.intended_at = None;
        let at = rig.until_irreversible(&content);
        rig.lose(&at, &content);
        rig.wait(5);
        let (at, urn) = refused(&mut rig, &at, &content);
        let before = rig.calls.len();
        let Verdict::Found { checkpoint, remote_id } = rig.ask(&at, &content) else {
            panic!("it is the named one");
        };
        assert_eq!((&remote_id, &rig.calls[before..]), (&urn, ["posts.get"].as_slice()));
        let receipt = rig.publish_from(checkpoint, &content).unwrap();
        assert_eq!(receipt.remote_id, urn);
        assert_eq!(rig.sim.accepted().len(), out + 1);
    }
}

// case: U-05
#[test]
fn a_duplicate_of_a_ghost_is_left_to_a_person() {
    let mut rig = page("acme");
    let content = post("Gone again");
    let at = rig.start(&content);
    rig.lose(&at, &content);
    let urn = rig.sim.accepted()[0].remote_id.clone();
    delete(&mut rig, &urn);
    let (at, named) = refused(&mut rig, &at, &content);
    assert_eq!(named, urn);
    // A post that was just made may be missing for a moment.
    let verdict = rig.ask(&at, &content);
    assert!(matches!(verdict, Verdict::Stale(_)), "{verdict:?}");
    rig.wait(90);
    let verdict = rig.ask(&at, &content);
    let Verdict::Undecided(why) = verdict else { panic!("{verdict:?}") };
    assert!(why.contains(&urn) && why.contains("does not exist"), "{why}");
}

// case: U-05
#[test]
fn a_duplicate_of_another_post_is_not_adopted() {
    // The one is older than our call, the other the receipt of another delivery.
    for age in [3_600, 10] {
        let mut rig = page("acme");
        publish_also(&mut rig, "Good morning");
        let theirs = rig.sim.accepted()[0].remote_id.clone();
        rig.wait(age);
        let content = post("Good morning");
        let at = rig.start(&content);
        rig.intended_at = Some(rig.now);
        let (at, named) = refused(&mut rig, &at, &content);
        assert_eq!(named, theirs);
        rig.wait(120);
        let verdict = rig.ask(&at, &content);
        match verdict {
            Verdict::Undecided(why) if age > 60 => {
                assert!(why.contains(&theirs) && why.contains("another"), "{why}");
            }
            // In the list it cannot be told from ours, and its receipt is taken.
            Verdict::Found { remote_id, .. } if age < 60 => assert_eq!(remote_id, theirs),
            verdict => panic!("{verdict:?}"),
        }
        assert_eq!(rig.sim.accepted().len(), 1);
    }
}

// case: U-05
#[test]
fn of_a_person_the_named_post_is_told_to_whoever_looks() {
    let mut rig = person("acme");
    let content = post("Hello");
    let at = rig.start(&content);
    rig.lose(&at, &content);
    assert_eq!(LinkedIn.clue(&at), None);
    let (at, urn) = refused(&mut rig, &at, &content);
    assert_eq!(urn, rig.sim.accepted()[0].remote_id);
    assert!(LinkedIn.ask(&at, 0, &rig.view(&content)).is_none());
    let page = format!("/feed/update/{urn}?utm_source=share");
    assert_eq!(LinkedIn.id_in_page(&page), Some(urn));
}

#[test]
fn a_post_that_linkedin_has_still_to_put_out_is_waited_for() {
    let mut rig = page("acme");
    let content = gallery(&mut rig, "Soon", 1);
    let at = rig.until_irreversible(&content);
    rig.lose(&at, &content);
    let call = LinkedIn.ask(&at, 0, &rig.view(&content)).unwrap();
    let mut reply = rig.carry(&call);
    let told = String::from_utf8(reply.body.clone()).unwrap();
    for (state, is_waited_for) in [("PUBLISH_REQUESTED", true), ("PUBLISH_FAILED", false)] {
        reply.body = told.replace("\"PUBLISHED\"", &format!("\"{state}\"")).into_bytes();
        let verdict = LinkedIn.judge(&at, 0, &reply, &rig.view(&content));
        assert_eq!(matches!(verdict, Verdict::Stale(_)), is_waited_for, "{verdict:?}");
        assert!(!matches!(verdict, Verdict::Found { .. } | Verdict::Absent(_)));
    }
}

// case: L-stale
#[test]
fn a_list_that_lacks_our_newest_post_is_of_the_past() {
    let mut rig = page("acme");
    publish_also(&mut rig, "older");
    publish_also(&mut rig, "newest");
    let newest = rig.known[0].clone();
    rig.wait(600);
    let content = post("Ours");
    let at = rig.start(&content);
    rig.intended_at = Some(rig.now);
    rig.wait(120);
    let call = LinkedIn.ask(&at, 0, &rig.view(&content)).unwrap();
    let mut reply = rig.carry(&call);
    let mut list = reply.json();
    list["elements"].as_array_mut().unwrap().remove(0);
    reply.body = list.to_string().into_bytes();
    let verdict = LinkedIn.judge(&at, 0, &reply, &rig.view(&content));
    let Verdict::More(asking) = verdict else { panic!("{verdict:?}") };
    // It exists, so the list proves nothing.
    let call = LinkedIn.ask(&asking, 1, &rig.view(&content)).unwrap();
    assert_eq!(call.endpoint, "posts.get");
    let there = rig.carry(&call);
    let verdict = LinkedIn.judge(&asking, 1, &there, &rig.view(&content));
    assert!(matches!(&verdict, Verdict::Stale(why) if why.contains(&newest)), "{verdict:?}");
    // A person deleted it, so the list is whole without it.
    delete(&mut rig, &newest);
    let before = rig.calls.len();
    let verdict = rig.ask(&at, &content);
    let Verdict::Absent(at) = verdict else { panic!("{verdict:?}") };
    assert_eq!(rig.calls[before..], ["posts.finder", "posts.get", "posts.finder"]);
    rig.publish_from(at, &content).unwrap();
}
