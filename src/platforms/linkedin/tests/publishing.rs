//! What goes out, and what is done when it does not.

use super::connecting::reply;
use super::{body, calls, gallery, limit, page, person};
use crate::linkedin::{LinkedIn, errors};
use crate::port::{Adapter, Operation, Publish, Step};
use crate::rig::post;
use crate::sim::Control;
use domain::content::{Content, MediaKind, Segment};
use domain::failure::{Effect, Failure, Scope};
use domain::time::Timestamp;
use serde_json::json;
use std::time::Duration;

#[test]
fn a_text_goes_out_in_one_call() {
    let mut rig = person("acme");
    let receipt = rig.publish(&post("Hello & (good) #morning @all")).unwrap();
    let link = format!("https://www.linkedin.com/feed/update/{}", receipt.remote_id);
    assert_eq!(receipt.permalink, link);
    assert!(receipt.remote_id.starts_with("urn:li:share:"));
    assert_eq!(rig.calls, ["oauth.token", "userinfo", "posts.create"]);
    assert_eq!(rig.sim.accepted()[0].text, "Hello & (good) #morning @all");
    let sent = body(&rig, "/rest/posts");
    assert_eq!(sent["commentary"], "Hello & \\(good\\) #morning \\@all");
    assert_eq!(sent["author"], rig.facts.remote_id.as_str());
    assert_eq!(sent["visibility"], "PUBLIC");
    assert!(sent.get("content").is_none());
}

#[test]
fn the_visibility_travels_and_the_app_does_not() {
    let mut rig = person("acme");
    let options = json!({ "visibility": "CONNECTIONS", "app": "personal" });
    let content = Content { options: options.as_object().cloned().unwrap(), ..post("Psst") };
    rig.publish(&content).unwrap();
    let sent = body(&rig, "/rest/posts");
    assert_eq!(sent["visibility"], "CONNECTIONS");
    assert!(sent.get("app").is_none());
    assert!(rig.page("/feed").contains("Who sees it: connections"));
}

#[test]
fn one_image_is_media_and_several_are_a_gallery() {
    let mut rig = page("acme");
    let one = gallery(&mut rig, "One", 1);
    rig.publish(&one).unwrap();
    let sent = body(&rig, "/rest/posts");
    assert_eq!(sent["content"]["media"]["altText"], "picture 0");

    let mut rig = page("acme");
    let several = gallery(&mut rig, "Several", 20);
    let receipt = rig.publish(&several).unwrap();
    assert!(receipt.remote_id.starts_with("urn:li:ugcPost:"));
    let sent = body(&rig, "/rest/posts");
    let images = sent["content"]["multiImage"]["images"].as_array().unwrap();
    let told: Vec<_> = images.iter().map(|image| image["altText"].as_str().unwrap()).collect();
    let wanted: Vec<String> = (0..20).map(|n| format!("picture {n}")).collect();
    assert_eq!(told, wanted);
    assert_eq!(calls(&rig, "images.upload"), 20);
    let feed = rig.page("/feed");
    assert_eq!(feed.matches("<img src=\"media/").count(), 20);
    // Once at once, and once more after a second.
    assert_eq!(calls(&rig, "images.status"), 40);
}

#[test]
fn looks_at_an_image_become_rarer_and_end() {
    let mut rig = page("acme");
    let content = gallery(&mut rig, "Slow", 1);
    let now = rig.now;
    assert!(rig.sim.control(&Control::StuckProcessing { s: 100 }, now));
    rig.publish(&content).unwrap();
    // At 0, 1, 3, 8, 18, 48, 78 and 108 s.
    assert_eq!(rig.now.since(now), Duration::from_secs(108));
    assert_eq!(calls(&rig, "images.status"), 8);

    let mut rig = page("acme");
    let content = gallery(&mut rig, "Stuck", 1);
    assert!(rig.sim.control(&Control::StuckProcessing { s: 900 }, now));
    let at = rig.until("images.status", &content);
    let mut at = at;
    let recovered = loop {
        match rig.step(&at, &content) {
            Ok(next) => at = next.unwrap(),
            Err((recovered, why)) => {
                assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
                break recovered;
            }
        }
    };
    assert!(rig.now.since(now) > Duration::from_secs(600));
    rig.wait(600);
    rig.publish_from(recovered, &content).unwrap();
    assert_eq!(calls(&rig, "images.upload"), 2);
}

#[test]
fn an_image_that_linkedin_cannot_read_is_a_media_failure() {
    let mut rig = person("acme");
    let good = rig.file(MediaKind::Image, vec![1; 100], None);
    let bad = rig.file(MediaKind::Image, b"UNSUPPORTED image".to_vec(), None);
    let content = Content {
        segments: vec![Segment { text: "Look".into(), media: vec![good, bad] }],
        ..Content::default()
    };
    let failure = rig.publish(&content).unwrap_err();
    assert!(matches!(failure, Failure::Media { asset: Some(1), .. }), "{failure:?}");
    assert_eq!(calls(&rig, "posts.create"), 0);
}

#[test]
fn a_grant_that_may_not_look_gives_its_images_time() {
    let mut rig = person("acme");
    limit(&mut rig, json!({ "hidesImageStatus": true }));
    let content = gallery(&mut rig, "Blind", 3);
    let started = rig.now;
    let at = rig.until("images.status", &content);
    let (at, why) = rig.step(&at, &content).unwrap_err();
    assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
    rig.publish_from(at, &content).unwrap();
    assert_eq!(calls(&rig, "images.status"), 1);
    assert_eq!(calls(&rig, "images.upload"), 3);
    assert_eq!(rig.now.since(started), Duration::from_secs(60));
}

#[test]
fn an_address_that_ended_is_asked_for_again() {
    let mut rig = page("acme");
    limit(&mut rig, json!({ "uploadLifeS": 600 }));
    let content = gallery(&mut rig, "Late", 1);
    let at = rig.until("images.upload", &content);
    rig.wait(541);
    rig.publish_from(at, &content).unwrap();
    assert_eq!((calls(&rig, "images.initialize"), calls(&rig, "images.upload")), (2, 1));
}

#[test]
fn an_address_that_linkedin_ended_early_is_asked_for_again() {
    let mut rig = page("acme");
    let content = gallery(&mut rig, "Gone", 1);
    let at = rig.until("images.upload", &content);
    let Step::Call(mut call) = rig.next(&at, &content) else { panic!("an upload is due") };
    rig.wait(86_400);
    let reply = rig.carry(&call);
    assert_eq!(reply.status.as_u16(), 403);
    let why = LinkedIn.classify(call.effect, &reply).unwrap();
    assert!(errors::is_upload_gone(&why), "{why:?}");
    let at = LinkedIn.recover(&at, &why, &rig.view(&content));
    call.endpoint = "images.initialize";
    assert!(matches!(rig.next(&at, &content), Step::Call(next) if next.endpoint == call.endpoint));
}

#[test]
fn an_answer_that_comes_after_the_end_of_its_address_counts() {
    let mut rig = page("acme");
    limit(&mut rig, json!({ "uploadLifeS": 600 }));
    let content = gallery(&mut rig, "Slow line", 1);
    let at = rig.until("images.upload", &content);
    let Step::Call(call) = rig.next(&at, &content) else { panic!("an upload is due") };
    let mut reply = rig.carry(&call);
    rig.wait(580);
    reply.at = rig.now;
    let at = LinkedIn.read(&at, &reply, &rig.view(&content)).unwrap();
    rig.publish_from(at, &content).unwrap();
    assert_eq!(calls(&rig, "images.upload"), 1);
}

#[test]
fn a_post_that_came_before_its_images_looks_at_them_again() {
    let mut rig = page("acme");
    let content = gallery(&mut rig, "Early", 2);
    let at = rig.until("posts.create", &content);
    let now = rig.now;
    assert!(rig.sim.control(&Control::StuckProcessing { s: 5 }, now));
    let (at, why) = rig.step(&at, &content).unwrap_err();
    assert!(errors::is_early(&why), "{why:?}");
    rig.publish_from(at, &content).unwrap();
    assert_eq!(calls(&rig, "images.upload"), 2);
    assert_eq!(calls(&rig, "posts.create"), 2);
}

#[test]
fn refused_images_go_up_again_when_a_user_asks_for_another_try() {
    let mut rig = page("acme");
    let content = gallery(&mut rig, "Again", 2);
    let at = rig.until("posts.create", &content);
    let why = Failure::Media { asset: None, detail: "not of this author".into() };
    let at = LinkedIn.recover(&at, &why, &rig.view(&content));
    rig.publish_from(at, &content).unwrap();
    assert_eq!(calls(&rig, "images.upload"), 4);
}

#[test]
fn silence_changes_nothing_and_what_is_out_stays_out() {
    let mut rig = person("acme");
    let content = post("Hello");
    let at = rig.start(&content);
    let unknown = Failure::Unknown { detail: "no reply".into() };
    assert_eq!(LinkedIn.recover(&at, &unknown, &rig.view(&content)), at);
    let at = rig.step(&at, &content).unwrap().unwrap();
    let others = [
        unknown,
        Failure::Media { asset: None, detail: String::new() },
        Failure::Auth { revoked: true, detail: String::new() },
    ];
    for why in others {
        let after = LinkedIn.recover(&at, &why, &rig.view(&content));
        assert!(matches!(rig.next(&after, &content), Step::Published(_)), "{why:?}");
    }
}

#[test]
fn a_created_post_without_its_id_is_unknown() {
    let mut rig = person("acme");
    let content = post("Hello");
    let at = rig.start(&content);
    let Step::Call(call) = rig.next(&at, &content) else { panic!("a call is due") };
    assert_eq!((call.endpoint, call.effect), ("posts.create", Effect::Irreversible));
    for id in [None, Some(""), Some("12"), Some("urn:li:person:12"), Some("urn:li:share:1/../2")] {
        let mut reply = rig.carry(&call);
        reply.status = http::StatusCode::CREATED;
        reply.headers.remove("x-restli-id");
        if let Some(id) = id {
            reply.headers.insert("x-restli-id", id.parse().unwrap());
        }
        let read = LinkedIn.read(&at, &reply, &rig.view(&content));
        assert!(matches!(read, Err(Failure::Unknown { .. })), "{id:?}: {read:?}");
    }
}

#[test]
fn the_same_words_are_refused_with_the_name_of_the_first() {
    let mut rig = person("acme");
    let first = rig.publish(&post("Again!")).unwrap();
    rig.wait(3_600);
    let failure = rig.publish(&post("Again!")).unwrap_err();
    let Failure::Duplicate { named, .. } = failure else { panic!("{failure:?}") };
    assert_eq!(named, Some(first.remote_id));
    rig.wait(86_400);
    rig.publish(&post("Again!")).unwrap();
}

#[test]
fn a_day_that_is_used_up_ends_at_midnight() {
    let mut rig = page("acme");
    limit(&mut rig, json!({ "memberDay": { "posts.create": 2 } }));
    rig.publish(&post("one")).unwrap();
    rig.publish(&post("two")).unwrap();
    let failure = rig.publish(&post("three")).unwrap_err();
    let Failure::RateLimit { scope: Scope::Account, retry_at, .. } = failure else {
        panic!("{failure:?}");
    };
    let midnight = Timestamp::parse("2026-11-25T00:00:00Z").unwrap();
    assert!(retry_at >= midnight && retry_at.since(midnight) < Duration::from_secs(1));
    rig.now = retry_at;
    rig.publish(&post("three")).unwrap();

    let limits =
        json!({ "memberDay": { "posts.create": 9 }, "applicationDay": { "posts.create": 1 } });
    limit(&mut rig, limits);
    rig.publish(&post("four")).unwrap();
    let failure = rig.publish(&post("five")).unwrap_err();
    assert!(matches!(failure, Failure::RateLimit { scope: Scope::App, .. }), "{failure:?}");
}

#[test]
fn an_ordered_limit_holds_its_account_alone() {
    let mut rig = page("acme");
    let order = |account: &str, reset_in_s| Control::Limit {
        account: Some(account.into()),
        route: Some("posts.create".into()),
        reset_in_s,
    };
    let now = rig.now;
    assert!(rig.sim.control(&order("somebody", 600), now));
    rig.publish(&post("one")).unwrap();
    assert!(rig.sim.control(&order("acme", 600), now));
    let failure = rig.publish(&post("two")).unwrap_err();
    let Failure::RateLimit { scope: Scope::Account, retry_at, .. } = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(retry_at, now + Duration::from_secs(900));
    rig.wait(600);
    rig.publish(&post("two")).unwrap();
}

#[test]
fn a_version_that_is_gone_stops_the_platform() {
    let mut rig = page("acme");
    limit(&mut rig, json!({ "versionOldest": 202_609, "versionNewest": 202_612 }));
    let failure = rig.publish(&post("one")).unwrap_err();
    assert!(matches!(failure, Failure::Operator { scope: Scope::Platform, .. }), "{failure:?}");
}

#[test]
fn a_post_is_taken_back_and_one_that_is_gone_counts_as_taken_back() {
    let mut rig = page("acme");
    let several = gallery(&mut rig, "Several", 2);
    let receipt = rig.publish(&several).unwrap();
    assert_eq!(rig.operate(Operation::Delete, &several).unwrap(), receipt);
    let last = rig.requests.last().unwrap();
    assert_eq!(last.method, "DELETE");
    assert_eq!(last.path, format!("/rest/posts/{}", receipt.remote_id.replace(':', "%3A")));
    assert_eq!(last.headers["x-restli-method"], "DELETE");
    assert!(!rig.page("/feed").contains("Several"));

    rig.operation = Operation::Delete;
    let at = rig.start(&several);
    rig.operation = Operation::Publish;
    let (refused, again) = ([404, 410], [403, 500]);
    for (status, is_done) in refused.map(|s| (s, true)).into_iter().chain(again.map(|s| (s, false)))
    {
        let reply = reply(status, &json!({ "status": status, "message": "No" }));
        let why = errors::classify(Effect::Repeatable, &reply).unwrap();
        let recovered = LinkedIn.publish().recover(&at, &why, &rig.view(&several));
        assert_eq!(recovered != at, is_done, "{status}: {why:?}");
    }
}
