//! What can be switched on the simulated X, and what the adapter makes of it.

use super::{connected, timeline};
use crate::oauth;
use crate::port::{Adapter, Body, Call, Publish, Reply, Step};
use crate::rig::{Rig, post};
use crate::sim::Control;
use crate::x::X;
use domain::content::{Content, MediaKind, Segment};
use domain::failure::{Effect, Failure, Scope};
use domain::limit::Told;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

fn switch(rig: &mut Rig, limits: Value) {
    assert!(rig.sim.control(&Control::Limits { limits }, rig.now));
}

fn with_file(rig: &mut Rig, kind: MediaKind, alt_text: Option<&str>) -> Content {
    let media = vec![rig.file(kind, vec![7; 5_000], alt_text)];
    Content { segments: vec![Segment { text: "Look".into(), media }], ..Content::default() }
}

/// The answer to the call that is due.
fn answer(rig: &mut Rig, content: &Content) -> Reply {
    let at = rig.start(content);
    let Step::Call(call) = rig.next(&at, content) else { panic!("a call is due") };
    rig.carry(&call)
}

#[test]
fn without_credits_the_operator_is_called_and_nothing_fails() {
    let mut rig = connected("acme");
    switch(&mut rig, json!({ "creditsDepleted": true }));
    let failure = rig.publish(&post("unpaid")).unwrap_err();
    assert!(matches!(failure, Failure::Operator { scope: Scope::App, .. }), "{failure:?}");
    assert!(rig.sim.accepted().is_empty());
    switch(&mut rig, json!({ "creditsDepleted": false }));
    rig.publish(&post("unpaid")).unwrap();
}

#[test]
fn the_headers_of_a_day_can_be_there_or_not() {
    let mut rig = connected("acme");
    let scopes = |rig: &mut Rig, text: &str| -> Vec<(Scope, u64)> {
        let reply = answer(rig, &post(text));
        let told = X.told("tweets.create", &reply);
        told.iter().map(|Told { scope, window, .. }| (*scope, window.as_secs())).collect()
    };
    let quarter = (Scope::Account, 900);
    assert_eq!(scopes(&mut rig, "1"), [quarter, (Scope::App, 86_400)]);
    switch(&mut rig, json!({ "dayHeaders": false }));
    assert_eq!(scopes(&mut rig, "2"), [quarter]);
    let day = json!({ "tweets.create": { "callsMax": 4, "windowS": 86_400 } });
    switch(&mut rig, json!({ "dayHeaders": true, "accountDay": day }));
    let all = [quarter, (Scope::Account, 86_400), (Scope::App, 86_400)];
    assert_eq!(scopes(&mut rig, "3"), all);
}

#[test]
fn a_day_that_is_used_up_decides_over_the_quarter() {
    let mut rig = connected("acme");
    let day = json!({ "tweets.create": { "callsMax": 1, "windowS": 86_400 } });
    switch(&mut rig, json!({ "accountDay": day }));
    rig.publish(&post("one")).unwrap();
    rig.wait(60);
    let failure = rig.publish(&post("two")).unwrap_err();
    let Failure::RateLimit { scope: Scope::Account, retry_at, .. } = failure else {
        panic!("{failure:?}");
    };
    let wait = retry_at.since(rig.now).as_secs();
    assert!((86_339..=86_342).contains(&wait), "{wait}");
}

#[test]
fn an_account_reads_of_its_own_limits_in_another_family_than_its_app() {
    let mut rig = connected("acme");
    let uri = format!("https://api.x.com/2/users/{}/tweets", rig.facts.remote_id);
    let request = oauth::request(Method::GET, &uri, None, Body::empty());
    let (endpoint, effect) = ("users.tweets", Effect::Repeatable);
    let reply = rig.carry(&Call { endpoint, effect, request, deadline: Duration::ZERO });
    assert_eq!(reply.header("x-rate-limit-limit"), Some("900"));
    assert_eq!(reply.header("x-app-limit-24hour-limit"), None, "its app's window is a quarter");
}

#[test]
fn the_wait_that_x_names_is_kept_to_the_second() {
    let mut rig = connected("acme");
    let content = with_file(&mut rig, MediaKind::Video, None);
    let at = rig.until("media.finalize", &content);
    for (named, waited) in [(json!(1), 1), (json!(600), 600), (json!(0), 1), (Value::Null, 2)] {
        let Step::Call(call) = rig.next(&at, &content) else { panic!("a call is due") };
        let mut reply = rig.carry(&call);
        let mut body = reply.json();
        body["data"]["processing_info"]["check_after_secs"] = named;
        reply.body = body.to_string().into_bytes();
        let waiting = X.read(&at, &reply, &rig.view(&content)).unwrap();
        let Step::Wait(until) = rig.next(&waiting, &content) else { panic!("it waits") };
        assert_eq!(until, rig.now + Duration::from_secs(waited));
    }
}

#[test]
fn a_description_that_x_refuses_keeps_the_post_back_and_says_so() {
    let mut rig = connected("acme");
    let content = with_file(&mut rig, MediaKind::Image, Some("words for who does not see"));
    let at = rig.until("media.metadata", &content);
    let Step::Call(call) = rig.next(&at, &content) else { panic!("a call is due") };
    let mut reply = rig.carry(&call);
    reply.status = StatusCode::BAD_REQUEST;
    reply.body = json!({
        "title": "Invalid Request", "detail": "The alt text cannot be saved.",
        "type": "https://api.x.com/2/problems/invalid-request",
    })
    .to_string()
    .into_bytes();
    let why = X.classify(call.effect, &reply).expect("it is a refusal");
    assert!(
        matches!(&why, Failure::Media { detail, .. } if detail.contains("alt text")),
        "{why:?}"
    );
    assert!(rig.sim.accepted().is_empty(), "nothing is out without its words");

    // When a person asks for another try, the file goes up and is described anew.
    let again = X.recover(&at, &why, &rig.view(&content));
    let before = rig.calls.len();
    rig.publish_from(again, &content).unwrap();
    let described = rig.calls[before..].iter().filter(|call| **call == "media.metadata").count();
    assert_eq!(described, 1);
}

#[test]
fn a_post_that_is_kept_out_of_timelines_exists_by_its_id() {
    let mut rig = connected("acme");
    let at = rig.start(&post("quiet"));
    let Step::Call(mut call) = rig.next(&at, &post("quiet")) else { panic!("a call is due") };
    *call.request.body_mut() = Body::inline(r#"{"text":"quiet","nullcast":true}"#);
    let id = rig.carry(&call).json()["data"]["id"].as_str().unwrap().to_owned();
    assert!(timeline(&mut rig).is_empty());
    let uri = format!("https://api.x.com/2/tweets?ids={id},7");
    let request = oauth::request(Method::GET, &uri, None, Body::empty());
    let (endpoint, effect) = ("tweets.lookup", Effect::Repeatable);
    let told = rig.carry(&Call { endpoint, effect, request, deadline: Duration::ZERO }).json();
    assert_eq!((&told["data"][0]["id"], &told["errors"][0]["value"]), (&json!(id), &json!("7")));
}

#[test]
fn a_long_wording_is_cut_off_in_the_list_and_stands_whole_beside() {
    let mut rig = connected("premium_acme");
    let content = post(&format!("{} https://example.com/a", "word ".repeat(100)));
    let at = rig.until("tweets.create", &content);
    rig.lose(&at, &content);
    let listed = timeline(&mut rig);
    assert!(listed[0]["text"].as_str().unwrap().ends_with('…'), "{listed:?}");
    let verdict = rig.ask(&at, &content);
    assert!(matches!(verdict, crate::port::Verdict::Found { .. }), "{verdict:?}");
}

#[test]
fn files_of_different_kinds_do_not_go_together() {
    let mut rig = connected("acme");
    let (image, film) = (
        rig.file(MediaKind::Image, vec![1; 100], None),
        rig.file(MediaKind::Video, vec![1; 100], None),
    );
    let media = vec![image, film];
    let content =
        Content { segments: vec![Segment { text: "Look".into(), media }], ..Content::default() };
    let failure = rig.publish(&content).unwrap_err();
    assert!(matches!(failure, Failure::Media { .. }), "{failure:?}");
}

#[test]
fn a_bare_domain_is_shortened_and_recognised() {
    let mut rig = connected("acme");
    let content = post("See example.com and www.example.org/a?b=c now");
    let at = rig.until("tweets.create", &content);
    rig.lose(&at, &content);
    let listed = timeline(&mut rig);
    assert_eq!(listed[0]["text"].as_str().unwrap().matches("https://t.co/").count(), 2);
    let verdict = rig.ask(&at, &content);
    assert!(matches!(verdict, crate::port::Verdict::Found { .. }), "{verdict:?}");
}
