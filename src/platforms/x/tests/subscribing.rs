//! Whether an account may still write long posts is asked before anything else.

use super::connected;
use crate::port::{Publish, Step};
use crate::rig::{Rig, post, segment};
use crate::sim::Control;
use crate::x::X;
use domain::content::{Content, MediaKind, Segment};
use domain::failure::Failure;
use serde_json::json;

fn subscribe(rig: &mut Rig, handle: &str, kind: &str) {
    let limits = json!({ "subscriptions": { handle: kind } });
    assert!(rig.sim.control(&Control::Limits { limits }, rig.now));
}

fn long() -> String {
    "word ".repeat(100)
}

#[test]
fn a_long_post_asks_for_the_subscription_first() {
    let mut rig = connected("premium_acme");
    let film = rig.file(MediaKind::Image, vec![1; 100], None);
    let content = Content {
        segments: vec![segment("short"), Segment { text: long(), media: vec![film] }],
        ..Content::default()
    };
    let before = rig.calls.len();
    rig.publish(&content).unwrap();
    assert_eq!(rig.calls[before], "users.me");
    let asked = rig.calls[before..].iter().filter(|call| **call == "users.me").count();
    assert_eq!(asked, 1);

    let before = rig.calls.len();
    rig.publish(&post("as short as anybody's")).unwrap();
    assert_eq!(rig.calls[before..], ["tweets.create"]);
}

#[test]
fn a_lapsed_subscription_is_told_before_any_file_goes_up() {
    let mut rig = connected("premium_acme");
    subscribe(&mut rig, "@premium_acme", "None");
    let film = rig.file(MediaKind::Video, vec![1; 100], None);
    let content = Content {
        segments: vec![segment("short"), Segment { text: long(), media: vec![film] }],
        ..Content::default()
    };
    let before = rig.calls.len();
    let failure = rig.publish(&content).unwrap_err();
    let Failure::Content { field: Some(field), detail } = failure else { panic!("{failure:?}") };
    assert_eq!(field, "text");
    assert!(detail.contains("280") && detail.contains("500"), "{detail}");
    assert_eq!(rig.calls[before..], ["users.me"]);
    assert!(rig.sim.accepted().is_empty());
}

#[test]
fn what_was_read_of_the_account_is_learned_and_a_retry_asks_again() {
    let mut rig = connected("premium_acme");
    subscribe(&mut rig, "premium_acme", "Basic");
    let content = post(&long());
    let at = rig.start(&content);
    let Step::Call(call) = rig.next(&at, &content) else { panic!("a call is due") };
    let reply = rig.carry(&call);
    let learned = X.learned(&at, &reply).expect("the profile tells");
    assert_eq!((learned.kind.as_str(), &learned.remote_id), ("standard", &rig.facts.remote_id));
    let why = X.read(&at, &reply, &rig.view(&content)).unwrap_err();
    let again = X.recover(&at, &why, &rig.view(&content));
    assert_eq!(again, at);

    subscribe(&mut rig, "premium_acme", "PremiumPlus");
    let reply = rig.carry(&call);
    assert_eq!(X.learned(&at, &reply).unwrap().kind, "premium");
    rig.publish_from(again, &content).unwrap();
    let created = rig.ended.clone().unwrap();
    assert!(X.learned(&created, &reply).is_none(), "no other reply tells of the account");
}

#[test]
fn a_profile_that_cannot_be_read_settles_nothing() {
    let mut rig = connected("premium_acme");
    let content = post(&long());
    let at = rig.start(&content);
    let Step::Call(call) = rig.next(&at, &content) else { panic!("a call is due") };
    let mut reply = rig.carry(&call);
    reply.body = b"{}".to_vec();
    assert!(X.learned(&at, &reply).is_none());
    let why = X.read(&at, &reply, &rig.view(&content)).unwrap_err();
    assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
}

#[test]
fn a_long_film_of_a_subscriber_has_a_category_of_its_own() {
    let mut rig = connected("premium_acme");
    let film = rig.file(MediaKind::Video, vec![1; 100], None);
    rig.assets[0].duration_ms = Some(200_000);
    let media = vec![film];
    let content =
        Content { segments: vec![Segment { text: "Watch".into(), media }], ..Content::default() };
    rig.publish(&content).unwrap();
    let began = rig.requests.iter().find(|r| r.path == "/2/media/upload/initialize").unwrap();
    let body: serde_json::Value = serde_json::from_slice(&began.body).unwrap();
    assert_eq!(body["media_category"], "amplify_video");
}
