//! What can be done with a post that is out.

use super::{connected, timeline};
use crate::port::{Body, Operation, Publish, Step, View};
use crate::rig::{Rig, post, segment};
use crate::x::X;
use domain::content::Content;
use domain::failure::Failure;
use domain::repost::End;
use serde_json::json;

/// What was asked of X: method and path of each call.
fn asked(rig: &Rig, from: usize) -> Vec<String> {
    rig.requests[from..].iter().map(|r| format!("{} {}", r.method, r.path)).collect()
}

fn chain() -> Content {
    Content { segments: vec![segment("one"), segment("two"), segment("three")], ..post("") }
}

#[test]
fn a_chain_is_deleted_from_its_end() {
    let mut rig = connected("acme");
    let content = chain();
    let receipt = rig.publish(&content).unwrap();
    let listed = timeline(&mut rig);
    let before = rig.requests.len();
    assert_eq!(rig.operate(Operation::Delete, &content).unwrap(), receipt);
    let newest_first =
        listed.iter().map(|p| format!("DELETE /2/tweets/{}", p["id"].as_str().unwrap()));
    assert_eq!(asked(&rig, before), newest_first.collect::<Vec<_>>());
    assert!(timeline(&mut rig).is_empty());
}

#[test]
fn what_a_person_deleted_already_is_done() {
    let mut rig = connected("acme");
    let content = chain();
    rig.publish(&content).unwrap();
    let id = timeline(&mut rig)[1]["id"].as_str().unwrap().to_owned();
    let Step::Call(mut call) = ({
        rig.operation = Operation::Delete;
        rig.next(&rig.start(&content), &content)
    }) else {
        panic!("a call is due");
    };
    *call.request.uri_mut() = format!("https://api.x.com/2/tweets/{id}").parse().unwrap();
    assert_eq!(rig.carry(&call).status, 200);

    let mut at = rig.start(&content);
    let mut gone = 0;
    loop {
        at = match rig.step(&at, &content) {
            Ok(Ok(next)) => next,
            Ok(Err(_)) => break,
            Err((next, why)) => {
                assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
                gone += 1;
                next
            }
        };
    }
    assert_eq!(gone, 1);
    assert!(timeline(&mut rig).is_empty());
}

#[test]
fn a_thread_that_broke_off_is_deleted_as_far_as_it_is_out() {
    let mut rig = connected("acme");
    let content = chain();
    let at = rig.step(&rig.start(&content), &content).unwrap().unwrap();
    rig.ended = Some(at);
    let before = rig.requests.len();
    rig.operate(Operation::Delete, &content).unwrap();
    assert_eq!(rig.requests.len() - before, 1);
    rig.ended = Some(rig.start(&content));
    rig.operate(Operation::Delete, &content).unwrap();
    assert_eq!(rig.requests.len() - before, 1, "nothing was out, so nothing is asked");
}

#[test]
fn a_repost_takes_an_earlier_one_back_and_stands_first() {
    let mut rig = connected("acme");
    let content = post("again and again");
    let receipt = rig.publish(&content).unwrap();
    let ended = rig.ended.clone();
    for _ in 0..2 {
        rig.publish(&post(&format!("in between {}", rig.requests.len()))).unwrap();
        rig.ended = ended.clone();
        let before = rig.requests.len();
        assert_eq!(rig.operate(Operation::Repost, &content).unwrap(), receipt);
        let path = format!("/2/users/{}/retweets", rig.facts.remote_id);
        let undo = format!("DELETE {path}/{}", receipt.remote_id);
        let calls = ["GET /2/tweets".to_owned(), undo, format!("POST {path}")];
        assert_eq!(asked(&rig, before), calls);
        let listed = timeline(&mut rig);
        let reposts: Vec<_> =
            listed.iter().filter(|p| p["referenced_tweets"][0]["type"] == "retweeted").collect();
        assert_eq!(reposts.len(), 1);
        assert_eq!(listed[0]["id"], reposts[0]["id"], "it stands first");
        assert_eq!(reposts[0]["referenced_tweets"][0]["id"], receipt.remote_id.as_str());
    }
    rig.operate(Operation::Undo, &content).unwrap();
    let listed = timeline(&mut rig);
    assert!(listed.iter().all(|p| p["referenced_tweets"].is_null()));
    assert!(listed.iter().any(|p| p["id"] == receipt.remote_id.as_str()), "the post stays");
}

#[test]
fn a_repost_of_what_is_gone_is_not_done() {
    let mut rig = connected("acme");
    let content = post("here and gone");
    rig.publish(&content).unwrap();
    rig.operate(Operation::Delete, &content).unwrap();
    let failure = rig.operate(Operation::Undo, &content);
    assert!(failure.is_ok(), "{failure:?}");
    let (end, calls) = refused(&mut rig, &content);
    assert_eq!((end, calls), (Some(End::OriginGone), 1));

    // It goes between the look and the repost.
    let mut rig = connected("other");
    let content = post("here and gone soon");
    let receipt = rig.publish(&content).unwrap();
    rig.operation = Operation::Repost;
    let mut at = rig.start(&content);
    for _ in 0..2 {
        at = rig.step(&at, &content).unwrap().unwrap();
    }
    delete(&mut rig, &receipt.remote_id, &content);
    let (_, why) = rig.step(&at, &content).unwrap_err();
    assert_eq!(X.stops(&at, &why), Some(End::OriginGone), "{why:?}");
}

/// Tries to repost: why it never will be, and after how many calls.
fn refused(rig: &mut Rig, content: &Content) -> (Option<End>, usize) {
    let before = rig.requests.len();
    rig.operation = Operation::Repost;
    let at = rig.start(content);
    let (next, why) = rig.step(&at, content).unwrap_err();
    assert_eq!(next, at);
    rig.operation = Operation::Publish;
    (X.stops(&at, &why), rig.requests.len() - before)
}

/// A person deletes a post.
fn delete(rig: &mut Rig, id: &str, content: &Content) {
    let before = std::mem::replace(&mut rig.operation, Operation::Delete);
    let Step::Call(mut call) = rig.next(&rig.start(content), content) else {
        panic!("a call is due");
    };
    *call.request.uri_mut() = format!("https://api.x.com/2/tweets/{id}").parse().unwrap();
    assert_eq!(rig.carry(&call).status, 200);
    rig.operation = before;
}

// case: X-repost-edited
#[test]
fn a_post_that_was_edited_is_not_shown_anew() {
    let mut rig = connected("acme");
    let content = post("with a tpyo");
    let receipt = rig.publish(&content).unwrap();
    let ended = rig.ended.clone();
    let first = rig.until_irreversible(&post("with a typo"));
    let Step::Call(mut call) = rig.next(&first, &post("with a typo")) else { panic!("a create") };
    let body = json!({
        "text": "with a typo", "edit_options": {"previous_post_id": receipt.remote_id},
    });
    *call.request.body_mut() = Body::inline(body.to_string());
    assert_eq!(rig.carry(&call).status, 201);
    assert_eq!(timeline(&mut rig).len(), 1, "the newest version stands for all");
    rig.ended = ended;
    assert_eq!(refused(&mut rig, &content), (Some(End::OriginEdited), 1));
}

#[test]
fn a_post_that_only_its_receipt_tells_of_is_found() {
    let mut rig = connected("acme");
    let content = post("stated by hand");
    let receipt = rig.publish(&content).unwrap();
    rig.ended = None;
    rig.operation = Operation::Delete;
    let view = View { receipt: Some(&receipt.remote_id), ..rig.view(&content) };
    let Step::Call(call) = X.next(&X.start(&view), &view) else { panic!("a call is due") };
    assert_eq!(call.request.uri().path(), format!("/2/tweets/{}", receipt.remote_id));
}

#[test]
fn what_is_reposted_already_is_reposted() {
    let mut rig = connected("acme");
    let content = post("twice");
    rig.publish(&content).unwrap();
    rig.operation = Operation::Repost;
    let mut at = rig.start(&content);
    for _ in 0..2 {
        at = rig.step(&at, &content).unwrap().unwrap();
    }
    let why = Failure::Duplicate { named: None, detail: "already retweeted".into() };
    let done = X.recover(&at, &why, &rig.view(&content));
    assert!(matches!(rig.next(&done, &content), Step::Published(_)));
}

#[test]
fn a_limit_of_reposts_is_one_of_its_own() {
    let mut rig = connected("acme");
    let content = post("often");
    rig.publish(&content).unwrap();
    for _ in 0..50 {
        rig.operate(Operation::Repost, &content).unwrap();
    }
    let failure = rig.operate(Operation::Repost, &content).unwrap_err();
    assert!(matches!(failure, Failure::RateLimit { .. }), "{failure:?}");
    rig.operate(Operation::Delete, &content).unwrap();
}

#[test]
fn a_success_that_does_not_say_what_it_did_is_asked_again() {
    let mut rig = connected("acme");
    let content = post("quiet");
    rig.publish(&content).unwrap();
    rig.operation = Operation::Delete;
    let at = rig.start(&content);
    let Step::Call(call) = rig.next(&at, &content) else { panic!("a call is due") };
    let mut reply = rig.carry(&call);
    for body in ["{}", r#"{"data":{"deleted":false}}"#] {
        reply.body = body.into();
        let why = X.read(&at, &reply, &rig.view(&content)).unwrap_err();
        assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
        assert_eq!(X.recover(&at, &why, &rig.view(&content)), at);
    }
}
