//! Finding out what became of a publication that nobody answered.

use super::{connected, count, image, limit, refused};
use crate::instagram::Instagram;
use crate::port::{Adapter, Checkpoint, Publish, Reconcile, Reply, Step, Verdict, View};
use crate::rig::Rig;
use domain::content::Content;
use domain::failure::Failure;
use domain::time::Timestamp;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// An account with an older post, and another post whose publication is due.
fn due(rig: &mut Rig) -> (Checkpoint, Content) {
    let older = image(rig, "an older one");
    rig.publish(&older).unwrap();
    rig.wait(600);
    (rig.assets, rig.asset_urls, rig.files) = (vec![], vec![], vec![]);
    let content = image(rig, "the one in question");
    rig.intended_at = None;
    (rig.until("media.publish", &content), content)
}

/// What is said when the container tells this state and the list then shows these posts.
fn told(rig: &Rig, at: &Checkpoint, content: &Content, [state, list]: [Value; 2]) -> Verdict {
    let reply = |body: &Value| Reply {
        status: if body["error"].is_null() { StatusCode::OK } else { StatusCode::BAD_REQUEST },
        headers: HeaderMap::new(),
        body: body.to_string().into_bytes(),
        at: rig.now,
    };
    let view = rig.view(content);
    match Instagram.judge(at, 0, &reply(&state), &view) {
        Verdict::More(at) => {
            assert!(Instagram.ask(&at, 1, &view).is_some());
            Instagram.judge(&at, 1, &reply(&list), &view)
        }
        verdict => verdict,
    }
}

fn listed(id: &str, caption: &str, at: Timestamp) -> Value {
    let timestamp = Timestamp::from_seconds(at.ms() / 1_000).to_string();
    json!({
        "id": id, "caption": caption, "media_type": "IMAGE",
        "timestamp": timestamp.replace(".000Z", "+0000"),
    })
}

#[test]
fn what_was_published_is_found_by_its_words() {
    let mut rig = connected("acme");
    let (at, content) = due(&mut rig);
    rig.lose(&at, &content);
    rig.wait(60);
    let Verdict::Found { checkpoint, remote_id } = rig.ask(&at, &content) else {
        panic!("it is there");
    };
    let receipt = rig.publish_from(checkpoint, &content).unwrap();
    assert_eq!(receipt.remote_id, remote_id);
    assert_eq!(rig.sim.accepted().len(), 2);
}

#[test]
fn what_the_list_does_not_show_yet_is_proven_by_its_container() {
    let mut rig = connected("acme");
    let (at, content) = due(&mut rig);
    limit(&mut rig, json!({ "listDelayMs": 90_000 }));
    rig.lose(&at, &content);
    rig.wait(30);
    let Verdict::Found { checkpoint, remote_id } = rig.ask(&at, &content) else {
        panic!("its container says so");
    };
    assert!(remote_id.starts_with("17889"), "the container's id stands for it: {remote_id}");
    let receipt = rig.publish_from(checkpoint.clone(), &content).unwrap();
    assert_eq!(rig.sim.accepted()[1].remote_id, receipt.remote_id);

    let why = Failure::Transient { detail: "no reply".into() };
    let after = Instagram.recover(&checkpoint, &why, &rig.view(&content));
    let Step::Published(receipt) = rig.next(&after, &content) else {
        panic!("it is out, whatever fails");
    };
    assert_eq!(receipt.remote_id, remote_id);
    assert_eq!(receipt.permalink, "https://www.instagram.com/acme/");
}

#[test]
fn a_post_that_never_shows_in_the_list_ends_after_ten_looks() {
    let mut rig = connected("acme");
    let (at, content) = due(&mut rig);
    limit(&mut rig, json!({ "listDelayMs": 86_400_000 }));
    rig.lose(&at, &content);
    let Verdict::Found { checkpoint, remote_id } = rig.ask(&at, &content) else {
        panic!("its container says so");
    };
    let before = count(&rig, "media.list");
    let receipt = rig.publish_from(checkpoint, &content).unwrap();
    assert_eq!(receipt.remote_id, remote_id);
    assert_eq!(count(&rig, "media.list") - before, 10);
}

#[test]
fn what_never_arrived_goes_out_from_the_same_container() {
    let mut rig = connected("acme");
    let (at, content) = due(&mut rig);
    rig.intended_at = Some(rig.now);
    let made = count(&rig, "media.create");
    let Verdict::Absent(at) = rig.ask(&at, &content) else {
        panic!("it is not there");
    };
    rig.publish_from(at, &content).unwrap();
    assert_eq!(count(&rig, "media.create"), made);
}

#[test]
fn an_older_post_of_the_same_wording_is_not_taken_for_ours() {
    let mut rig = connected("acme");
    let content = image(&mut rig, "every day");
    rig.publish(&content).unwrap();
    rig.wait(3_600);
    let at = rig.until("media.publish", &content);
    rig.intended_at = Some(rig.now);
    let list = json!({ "data": [listed("1", "every day", rig.now - Duration::from_secs(3_600))] });
    let state = json!({ "status_code": "ERROR", "status": "Error" });
    let verdict = told(&rig, &at, &content, [state, list]);
    assert!(matches!(verdict, Verdict::Absent(_)), "{verdict:?}");
}

#[test]
fn each_state_of_the_container_has_its_verdict() {
    let mut rig = connected("acme");
    let (at, content) = due(&mut rig);
    rig.intended_at = Some(rig.now);
    let words = "the one in question";
    let before = rig.now - Duration::from_secs(600);
    let ours = json!({ "data": [listed("5", &format!("{words}\n"), rig.now)] });
    let twice = json!({ "data": [listed("6", words, rig.now), listed("5", words, rig.now)] });
    let older = json!({ "data": [listed("4", words, before)] });
    let broken = json!({ "error": { "code": 2, "message": "No." } });
    let state = |code: &str| json!({ "status_code": code, "status": code });
    let unknown = json!({ "error": { "code": 24, "error_subcode": 2_207_006, "message": "No." } });
    let named = |verdict: &Verdict| match verdict {
        Verdict::Found { remote_id, .. } if remote_id.starts_with("178") => "container",
        Verdict::Found { .. } => "found",
        Verdict::Absent(_) => "absent",
        Verdict::More(_) => "more",
        Verdict::Stale(_) => "stale",
        Verdict::Undecided(_) => "undecided",
    };
    let table = [
        (state("FINISHED"), &ours, "absent"),
        (state("IN_PROGRESS"), &ours, "absent"),
        (state("PUBLISHED"), &ours, "found"),
        (state("PUBLISHED"), &twice, "found"),
        (state("PUBLISHED"), &older, "container"),
        (state("PUBLISHED"), &broken, "container"),
        (state("ERROR"), &ours, "found"),
        (state("ERROR"), &older, "absent"),
        (state("ERROR"), &broken, "undecided"),
        (state("ERROR"), &twice, "undecided"),
        (state("EXPIRED"), &ours, "found"),
        (state("EXPIRED"), &older, "undecided"),
        (unknown.clone(), &ours, "found"),
        (unknown, &older, "undecided"),
        (broken.clone(), &ours, "undecided"),
        (state("ODD"), &ours, "undecided"),
        (json!([]), &ours, "undecided"),
    ];
    for (state, list, expected) in table {
        let verdict = told(&rig, &at, &content, [state.clone(), list.clone()]);
        assert_eq!(named(&verdict), expected, "{state} {list}: {verdict:?}");
    }
}

#[test]
fn a_broken_container_is_made_anew_once_the_list_is_read_to_the_intent() {
    let mut rig = connected("acme");
    let (at, content) = due(&mut rig);
    rig.intended_at = Some(rig.now);
    let page = json!({
        "data": [listed("9", "another", rig.now)],
        "paging": { "cursors": { "after": "9" }, "next": "https://graph.instagram.com/next" },
    });
    let state = json!({ "status_code": "ERROR", "status": "Error" });
    let Verdict::More(more) = told(&rig, &at, &content, [state, page]) else {
        panic!("the list goes on");
    };
    let view = rig.view(&content);
    let call = Instagram.ask(&more, 2, &view).unwrap();
    assert!(call.request.uri().query().unwrap().contains("after=9"));
    let again = Instagram.ask(&more, 0, &view).unwrap();
    assert_eq!(again.endpoint, "media.status", "a look-up that was broken off begins anew");
}

#[test]
fn without_an_intent_there_is_nothing_to_ask() {
    let mut rig = connected("acme");
    let (at, content) = due(&mut rig);
    assert!(Instagram.ask(&at, 0, &rig.view(&content)).is_none());
    rig.intended_at = Some(rig.now);
    let start = rig.start(&content);
    assert!(Instagram.ask(&start, 0, &rig.view(&content)).is_none());
}

#[test]
fn a_post_without_words_is_adopted_only_when_its_container_says_that_it_is_out() {
    let mut rig = connected("acme");
    let content = image(&mut rig, "");
    let at = rig.until("media.publish", &content);
    rig.intended_at = Some(rig.now);
    let list = json!({ "data": [listed("5", "", rig.now)] });
    let state = |code: &str| json!({ "status_code": code });
    let verdict = told(&rig, &at, &content, [state("PUBLISHED"), list.clone()]);
    assert!(matches!(verdict, Verdict::Found { .. }), "{verdict:?}");
    let verdict = told(&rig, &at, &content, [state("ERROR"), list]);
    assert!(matches!(verdict, Verdict::Undecided(_)), "{verdict:?}");
}

/// The position after a refused publication whose container then tells `state`, and the list
/// `posts`.
fn sought(rig: &mut Rig, [state, posts]: [&Value; 2]) -> (Result<Checkpoint, Failure>, Checkpoint) {
    let (at, content) = due(rig);
    rig.intended_at = Some(rig.now);
    let at = refused(rig, &at, &content, (24, 2_207_006));
    let view = rig.view(&content);
    let answer = |body: &Value| Reply {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: body.to_string().into_bytes(),
        at: rig.now,
    };
    let at = Instagram.read(&at, &answer(state), &view).unwrap();
    let Step::Wait(until) = Instagram.next(&at, &view) else { panic!("the list lags") };
    assert_eq!(until.since(rig.now), Instagram.visibility_delay());
    let later = View { now: until, ..view };
    let Step::Call(call) = Instagram.next(&at, &later) else { panic!("the list is due") };
    assert_eq!(call.endpoint, "media.list");
    let read = Instagram.read(&at, &answer(posts), &later);
    let next = match &read {
        Ok(next) => next.clone(),
        Err(why) => Instagram.recover(&at, why, &later),
    };
    (read, next)
}

// case: IG-seek
#[test]
fn a_lost_container_whose_publication_was_refused_is_replaced_only_after_a_look_in_the_list() {
    let now = connected("acme").now + Duration::from_secs(600);
    let more = json!({ "cursors": { "after": "9" }, "next": "https://graph.instagram.com/next" });
    let ours = json!({ "data": [listed("5", "the one in question", now)] });
    let none = json!({ "data": [listed("4", "another", now)] });
    let short = json!({ "data": [listed("9", "another", now)], "paging": more });
    let back = now - Duration::from_secs(600);
    let long = json!({ "data": [listed("3", "another", back)], "paging": more });
    for code in ["EXPIRED", "ERROR", "ODD"] {
        let state = json!({ "status_code": code, "status": code });
        for (posts, is_replaced) in [(&ours, false), (&none, true), (&short, false), (&long, true)]
        {
            let mut rig = connected("acme");
            let (read, next) = sought(&mut rig, [&state, posts]);
            assert_eq!(read.is_ok(), is_replaced, "{code} {posts}: {read:?}");
            let content = Content::default();
            let view = View { content: &content, ..rig.view(&content) };
            let Step::Call(call) = Instagram.next(&next, &view) else { panic!("a call is due") };
            if is_replaced {
                assert_eq!(call.endpoint, "media.create");
            } else {
                assert!(matches!(read, Err(Failure::Unknown { .. })), "{read:?}");
                let asked = Instagram.ask(&next, 0, &view).unwrap();
                assert_eq!(asked.endpoint, "media.status", "it is asked as after silence");
            }
        }
    }
}

// case: IG-seek
#[test]
fn a_look_that_finds_no_container_leads_to_the_list() {
    for (code, subcode) in [(100, 33), (24, 2_207_006), (24, 2_207_020)] {
        let mut rig = connected("acme");
        let (at, content) = due(&mut rig);
        rig.lose(&at, &content);
        let at = refused(&rig, &at, &content, (24, 2_207_006));
        let at = refused(&rig, &at, &content, (code, subcode));
        rig.wait(60);
        let (at, why) = rig.step(&at, &content).unwrap_err();
        assert!(matches!(why, Failure::Unknown { .. }), "{why:?}");
        let Verdict::Found { checkpoint, .. } = rig.ask(&at, &content) else {
            panic!("it is out in spite of the refusal");
        };
        rig.publish_from(checkpoint, &content).unwrap();
        assert_eq!(rig.sim.accepted().len(), 2);
    }
}
