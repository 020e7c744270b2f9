//! Finding out what became of a publication that nobody answered.

use super::{calls, connected, limit, pictures, stage};
use crate::port::{Checkpoint, Publish, Reconcile, Reply, Step, Verdict};
use crate::rig::{Rig, post};
use crate::sim::Control;
use crate::threads::Threads;
use domain::content::Content;
use domain::failure::Failure;
use domain::time::Timestamp;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

fn reply(rig: &Rig, status: u16, body: &Value) -> Reply {
    Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: body.to_string().into_bytes(),
        at: rig.now,
    }
}

/// The verdict on a container that answers so, at the publication that was intended just now.
fn judged(rig: &mut Rig, content: &Content, status: u16, body: &Value) -> Verdict {
    let at = rig.until("threads.publish", content);
    rig.intended_at = Some(rig.now);
    let reply = reply(rig, status, body);
    Threads.judge(&at, 0, &reply, &rig.view(content))
}

/// Goes on with the list, as it is.
fn listed(rig: &mut Rig, verdict: Verdict, content: &Content) -> Verdict {
    let Verdict::More(at) = verdict else { panic!("{verdict:?}") };
    let call = Threads.ask(&at, 1, &rig.view(content)).unwrap();
    assert_eq!(call.endpoint, "threads.list");
    let reply = rig.carry(&call);
    Threads.judge(&at, 1, &reply, &rig.view(content))
}

fn with_status(status: &str) -> Value {
    json!({ "id": "17900000000000000", "status": status })
}

#[test]
fn a_post_that_the_list_does_not_show_yet_is_found_by_its_container() {
    let mut rig = connected("acme");
    limit(&mut rig, json!({ "listDelayMs": 60_000 }));
    let content = pictures(&mut rig, 2);
    let at = rig.until("threads.publish", &content);
    rig.lose(&at, &content);
    let Verdict::Found { checkpoint, remote_id } = rig.ask(&at, &content) else {
        panic!("the container says that it is out");
    };
    let container = at.0["stage"]["container"]["id"].as_str().unwrap();
    assert_eq!(remote_id, container);
    assert!(matches!(rig.next(&checkpoint, &content), Step::Wait(_)));
    let receipt = rig.publish_from(checkpoint, &content).unwrap();
    assert_eq!(receipt.remote_id, rig.sim.accepted()[0].remote_id);
    assert!(receipt.permalink.contains("/post/"));
    assert_eq!(rig.sim.accepted().len(), 1);
}

#[test]
fn a_post_that_is_never_listed_is_settled_with_its_container() {
    let mut rig = connected("acme");
    limit(&mut rig, json!({ "listDelayMs": 86_400_000 }));
    let content = post("Hello");
    let at = rig.until("threads.publish", &content);
    rig.lose(&at, &content);
    let Verdict::Found { checkpoint, remote_id } = rig.ask(&at, &content) else {
        panic!("the container says that it is out");
    };
    let before = calls(&rig, "threads.list");
    let receipt = rig.publish_from(checkpoint.clone(), &content).unwrap();
    assert_eq!(receipt.remote_id, remote_id);
    assert_eq!(receipt.permalink, "https://www.threads.net/@acme");
    assert_eq!(calls(&rig, "threads.list") - before, 10);
    // A look that fails does not change it either.
    rig.wait(5);
    rig.sim.control(&Control::UnauthorizedAll { s: 60 }, rig.now);
    let (at, _) = rig.step(&checkpoint, &content).unwrap_err();
    assert!(matches!(rig.next(&at, &content), Step::Published(_)));
}

#[test]
fn what_never_arrived_goes_out_in_the_same_container() {
    let mut rig = connected("acme");
    let content = post("Hello");
    let at = rig.until("threads.publish", &content);
    rig.intended_at = Some(rig.now);
    let Verdict::Absent(at) = rig.ask(&at, &content) else {
        panic!("the container is not published");
    };
    rig.publish_from(at, &content).unwrap();
    assert_eq!(calls(&rig, "threads.create"), 1);
}

#[test]
fn a_container_in_processing_is_absent_and_kept() {
    let mut rig = connected("acme");
    let verdict = judged(&mut rig, &post("Hello"), 200, &with_status("IN_PROGRESS"));
    let Verdict::Absent(at) = verdict else { panic!("{verdict:?}") };
    assert_eq!(stage(&at), "check");
    rig.publish_from(at, &post("Hello")).unwrap();
    assert_eq!(calls(&rig, "threads.create"), 1);
}

#[test]
fn a_broken_container_is_replaced_when_the_list_does_not_show_the_post() {
    let mut rig = connected("acme");
    let content = post("Hello");
    rig.publish(&content).unwrap();
    rig.wait(3_600);
    let verdict = judged(&mut rig, &content, 200, &with_status("ERROR"));
    let verdict = listed(&mut rig, verdict, &content);
    let Verdict::Absent(at) = verdict else { panic!("{verdict:?}") };
    assert_eq!(stage(&at), "create");

    // One that is known for another delivery is not it; else one of this wording and time is it,
    // and two are a riddle.
    rig.publish(&content).unwrap();
    let verdict = judged(&mut rig, &content, 200, &with_status("ERROR"));
    let verdict = listed(&mut rig, verdict, &content);
    assert!(matches!(verdict, Verdict::Absent(_)), "{verdict:?}");
    rig.known.remove(0);
    let verdict = judged(&mut rig, &content, 200, &with_status("ERROR"));
    let verdict = listed(&mut rig, verdict, &content);
    assert!(matches!(verdict, Verdict::Found { .. }), "{verdict:?}");
    rig.publish(&content).unwrap();
    rig.known.remove(0);
    let verdict = judged(&mut rig, &content, 200, &with_status("ERROR"));
    let verdict = listed(&mut rig, verdict, &content);
    assert!(matches!(verdict, Verdict::Undecided(_)), "{verdict:?}");
}

#[test]
fn a_list_that_lacks_what_is_out_is_no_proof_about_a_broken_container() {
    let mut rig = connected("acme");
    rig.publish(&post("earlier")).unwrap();
    rig.wait(3_600);
    rig.publish(&post("just before")).unwrap();
    let content = post("Hello");
    rig.wait(120);
    let verdict = judged(&mut rig, &content, 200, &with_status("ERROR"));
    limit(&mut rig, json!({ "listDelayMs": 600_000 }));
    let Verdict::More(at) = listed(&mut rig, verdict, &content) else {
        panic!("the list goes on");
    };
    let call = Threads.ask(&at, 2, &rig.view(&content)).unwrap();
    let reply = rig.carry(&call);
    let verdict = Threads.judge(&at, 2, &reply, &rig.view(&content));
    assert!(matches!(verdict, Verdict::Stale(_)), "{verdict:?}");
    // As long as nothing of ours is known, the whole list has to be read.
    rig.known.clear();
    limit(&mut rig, json!({ "listDelayMs": 0 }));
    let verdict = judged(&mut rig, &content, 200, &with_status("ERROR"));
    assert!(matches!(listed(&mut rig, verdict, &content), Verdict::More(_)));
}

#[test]
fn an_expired_or_unknown_container_is_no_proof_of_absence() {
    let unknown =
        json!({ "error": { "message": "Unsupported", "code": 100, "error_subcode": 33 } });
    for (status, body) in [(200, with_status("EXPIRED")), (400, unknown)] {
        let mut rig = connected("acme");
        let content = post("Hello");
        let verdict = judged(&mut rig, &content, status, &body);
        let verdict = listed(&mut rig, verdict, &content);
        assert!(matches!(verdict, Verdict::Undecided(_)), "{verdict:?}");
        rig.publish(&content).unwrap();
        rig.known.clear();
        let verdict = judged(&mut rig, &content, status, &body);
        let verdict = listed(&mut rig, verdict, &content);
        assert!(matches!(verdict, Verdict::Found { .. }), "{verdict:?}");
    }
}

#[test]
fn a_container_without_a_status_is_a_post() {
    let told = "(#100) Tried accessing nonexisting field (status) on node type (ThreadsMedia)";
    let body = json!({ "error": { "message": told, "code": 100 } });
    let mut rig = connected("acme");
    let content = post("Hello");
    let verdict = judged(&mut rig, &content, 400, &body);
    let verdict = listed(&mut rig, verdict, &content);
    assert!(matches!(verdict, Verdict::Found { .. }), "{verdict:?}");
}

#[test]
fn what_cannot_be_read_settles_nothing() {
    let mut rig = connected("acme");
    let content = post("Hello");
    for (status, body) in [(503, json!("")), (200, json!({})), (200, with_status("NEW"))] {
        let verdict = judged(&mut rig, &content, status, &body);
        assert!(matches!(verdict, Verdict::Undecided(_)), "{verdict:?}");
    }
    let verdict = judged(&mut rig, &content, 200, &with_status("ERROR"));
    let Verdict::More(at) = verdict else { panic!("{verdict:?}") };
    let reply = reply(&rig, 200, &json!({}));
    let verdict = Threads.judge(&at, 1, &reply, &rig.view(&content));
    assert!(matches!(verdict, Verdict::Undecided(_)), "{verdict:?}");
    rig.intended_at = None;
    assert!(Threads.ask(&at, 0, &rig.view(&content)).is_none(), "nothing was intended");
}

#[test]
fn a_long_list_is_read_back_to_the_intent() {
    let mut rig = connected("acme");
    let content = post("the one in question");
    let at = rig.until("threads.publish", &content);
    rig.lose(&at, &content);
    let intended_at = rig.intended_at;
    for n in 0..120 {
        rig.publish(&post(&format!("later {n}"))).unwrap();
    }
    rig.intended_at = intended_at;
    let before = calls(&rig, "threads.list");
    let verdict = rig.ask(&at, &content);
    assert!(matches!(verdict, Verdict::Found { .. }), "{verdict:?}");
    assert_eq!(calls(&rig, "threads.list") - before, 2);
    assert_eq!(stage(&Threads.start(&rig.view(&content))), "quota");
}

/// A publication was in doubt and proven absent, and is due again.
fn doubted(rig: &mut Rig, content: &Content) -> Checkpoint {
    let verdict = judged(rig, content, 200, &with_status("FINISHED"));
    let Verdict::Absent(at) = verdict else { panic!("{verdict:?}") };
    assert_eq!(stage(&at), "check");
    rig.step(&at, content).unwrap().unwrap()
}

#[test]
fn a_lost_publication_that_comes_through_late_is_seen_at_the_last_look() {
    let mut rig = connected("acme");
    let content = post("Hello");
    let at = rig.until("threads.publish", &content);
    let verdict = judged(&mut rig, &content, 200, &with_status("FINISHED"));
    let Verdict::Absent(recovered) = verdict else { panic!("{verdict:?}") };
    let made = calls(&rig, "threads.create");
    // `judged` made a container of its own; its publication arrives only now.
    let Step::Call(look) = rig.next(&recovered, &content) else { panic!("a look is due") };
    assert_eq!(look.endpoint, "threads.status");
    let id = recovered.0["stage"]["container"]["id"].clone();
    let mut late = at.clone();
    late.0["stage"]["container"]["id"] = id;
    rig.lose(&late, &content);
    let receipt = rig.publish_from(recovered, &content).unwrap();
    assert_eq!(receipt.remote_id, rig.sim.accepted()[0].remote_id);
    assert_eq!((rig.sim.accepted().len(), calls(&rig, "threads.create")), (1, made));
}

#[test]
fn a_container_in_doubt_is_never_replaced_on_the_way() {
    let mut rig = connected("acme");
    let content = post("Hello");
    let at = doubted(&mut rig, &content);
    rig.wait(25 * 3_600);
    let (at, _) = rig.step(&at, &content).unwrap_err();
    assert_eq!(stage(&at), "find", "it expired, and the list may show the post");
    let (at, why) = rig.step(&at, &content).unwrap_err();
    assert!(matches!(why, Failure::Unknown { .. }), "{why:?}");
    assert_eq!(stage(&at), "check");
    let (at, why) = rig.step(&at, &content).unwrap_err();
    assert!(matches!(why, Failure::Unknown { .. }), "{why:?}");
    let verdict = rig.ask(&at, &content);
    assert!(matches!(verdict, Verdict::Undecided(_)), "{verdict:?}");
    assert_eq!(calls(&rig, "threads.create"), 1);
}

#[test]
fn a_container_in_doubt_that_is_gone_is_looked_for_in_the_list() {
    let mut rig = connected("acme");
    let content = post("Hello");
    let at = doubted(&mut rig, &content);
    rig.lose(&at, &content);
    let gone = Failure::Transient { detail: String::new() };
    let view = rig.view(&content);
    assert_eq!(stage(&Threads.recover(&at, &gone, &view)), "check");
    let gone = crate::meta::gone("no trace of it");
    let at = Threads.recover(&at, &gone, &view);
    assert_eq!(stage(&at), "find");
    let receipt = rig.publish_from(at, &content).unwrap();
    assert_eq!(receipt.remote_id, rig.sim.accepted()[0].remote_id);
}

#[test]
fn an_older_post_of_the_same_wording_is_not_taken_for_ours() {
    let mut rig = connected("acme");
    let content = post("every day");
    rig.publish(&content).unwrap();
    rig.wait(86_400);
    let at = rig.until("threads.publish", &content);
    rig.lose(&at, &content);
    let Verdict::Found { remote_id, .. } = rig.ask(&at, &content) else {
        panic!("it is out");
    };
    assert_eq!(remote_id, rig.sim.accepted()[1].remote_id);
    assert!(rig.intended_at > Some(Timestamp::default()));
}
