//! What goes out, and what is done when it does not.

use super::{connected, count, image, refused, told, with_files};
use crate::instagram::Instagram;
use crate::port::{Adapter, Publish, Step};
use crate::rig::Rig;
use crate::sim::Control;
use domain::content::{Content, MediaKind};
use domain::failure::{Failure, Scope};
use serde_json::{Map, Value, json};
use std::time::Duration;

fn options(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

#[test]
fn an_image_goes_out_with_its_words() {
    for app in ["default", "instagram_login"] {
        let mut rig = Rig::connected(&Instagram, app, "acme");
        let content = image(&mut rig, "Hello & good morning #tag");
        let receipt = rig.publish(&content).unwrap();
        assert!(receipt.permalink.starts_with("https://www.instagram.com/p/"), "{receipt:?}");
        assert_eq!(rig.sim.accepted()[0].text, "Hello & good morning #tag");
        let steps =
            ["publishing_limit", "media.create", "media.status", "media.publish", "media.get"];
        assert_eq!(rig.calls[3..], steps, "{app}");
        assert_eq!(told(&rig, "/media", "alt_text"), [Some("file 0".to_owned())]);
    }
}

#[test]
fn the_items_of_a_carousel_are_made_before_the_post() {
    let mut rig = connected("acme");
    let kinds = [MediaKind::Image, MediaKind::Video, MediaKind::Image];
    let content = with_files(&mut rig, "Look", &kinds);
    rig.publish(&content).unwrap();
    let types = told(&rig, "/media", "media_type");
    let types: Vec<_> = types.iter().map(|value| value.as_deref()).collect();
    assert_eq!(types, [None, Some("VIDEO"), None, Some("CAROUSEL")]);
    let captions = told(&rig, "/media", "caption");
    assert_eq!(captions, [None, None, None, Some("Look".to_owned())]);
    let page = rig.page("/feed");
    assert_eq!(page.matches("<img").count() + page.matches("<video").count(), 3, "{page}");
}

#[test]
fn a_reel_has_its_cover_and_its_other_authors() {
    let mut rig = connected("acme");
    let mut content = with_files(&mut rig, "Watch", &[MediaKind::Video]);
    let cover = rig.file(MediaKind::Image, vec![9; 500], None);
    content.options = options(&json!({
        "kind": "reel", "coverMediaId": cover.id, "shareToFeed": false,
        "collaborators": ["beta", "gamma"],
    }));
    let receipt = rig.publish(&content).unwrap();
    assert!(receipt.permalink.contains("/reel/"), "{receipt:?}");
    assert_eq!(told(&rig, "/media", "cover_url"), [Some(rig.asset_urls[1].clone())]);
    let names = Some(r#"["beta","gamma"]"#.to_owned());
    assert_eq!(told(&rig, "/media", "collaborators"), [names]);
    let page = rig.page("/feed");
    assert!(page.contains("@beta, @gamma") && page.contains("reels only"), "{page}");

    let mut content = with_files(&mut connected("acme"), "Watch", &[MediaKind::Video]);
    content.options = options(&json!({ "kind": "reel", "thumbOffsetMs": 1500 }));
    rig.assets.truncate(1);
    rig.asset_urls.truncate(1);
    rig.publish(&content).unwrap();
    assert_eq!(told(&rig, "/media", "thumb_offset")[1], Some("1500".to_owned()));
}

#[test]
fn a_film_is_waited_for_and_given_up_after_a_quarter_of_an_hour() {
    let mut rig = connected("acme");
    let content = with_files(&mut rig, "Watch", &[MediaKind::Video]);
    rig.sim.control(&Control::StuckProcessing { s: 300 }, rig.now);
    let started = rig.now;
    rig.publish(&content).unwrap();
    assert!(rig.now.since(started) >= Duration::from_secs(300));
    assert!(count(&rig, "media.status") < 15, "a minute lies between later looks");

    rig.sim.control(&Control::StuckProcessing { s: 1_200 }, rig.now);
    let (mut at, made) = (rig.start(&content), count(&rig, "media.create"));
    let why = loop {
        match rig.step(&at, &content) {
            Ok(next) => at = next.unwrap(),
            Err((next, why)) => {
                at = next;
                break why;
            }
        }
    };
    assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
    rig.wait(400);
    rig.publish_from(at, &content).unwrap();
    assert_eq!(count(&rig, "media.create"), made + 2);
}

#[test]
fn a_file_that_is_not_taken_is_named() {
    let mut rig = connected("acme");
    let content = with_files(&mut rig, "Look", &[MediaKind::Image, MediaKind::Image]);
    rig.files[1] = vec![0x89, b'P', b'N', b'G', 0];
    let failure = rig.publish(&content).unwrap_err();
    assert!(matches!(failure, Failure::Media { asset: Some(1), .. }), "{failure:?}");
}

#[test]
fn what_cannot_be_fetched_is_tried_thrice_before_the_file_is_to_blame() {
    let mut rig = connected("acme");
    let content = image(&mut rig, "Look");
    rig.asset_urls[0] = "https://media.example/gone".into();
    let mut at = rig.start(&content);
    let mut classes = Vec::new();
    while classes.len() < 3 {
        match rig.step(&at, &content) {
            Ok(next) => at = next.unwrap(),
            Err((next, why)) => {
                at = next;
                classes.push(why.public_type());
            }
        }
    }
    let passing = "PlatformTransientError";
    assert_eq!(classes, [passing, passing, "PlatformMediaError"]);
    assert!(rig.sim.accepted().is_empty());
}

#[test]
fn an_old_container_is_looked_at_and_replaced() {
    for endpoint in ["media.create", "media.publish"] {
        let mut rig = connected("acme");
        let content = with_files(&mut rig, "Late", &[MediaKind::Image, MediaKind::Image]);
        let first = rig.until("media.status", &content);
        let at = match endpoint {
            "media.publish" => rig.until(endpoint, &content),
            // Both items are there, the post's own container is not.
            _ => {
                let at = rig.step(&first, &content).unwrap().unwrap();
                rig.step(&at, &content).unwrap().unwrap()
            }
        };
        rig.wait(23 * 3_600 + 1);
        let before = rig.calls.len();
        rig.publish_from(at, &content).unwrap();
        assert_eq!(rig.calls[before..before + 2], ["media.status", "media.create"], "{endpoint}");
        assert_eq!(rig.sim.accepted().len(), 1);
    }
}

#[test]
fn a_refusal_that_asks_for_patience_keeps_the_container_thrice() {
    let mut rig = connected("acme");
    let content = image(&mut rig, "Soon");
    let mut at = rig.until("media.publish", &content);
    let made = count(&rig, "media.create");
    for refusals in 1..=3 {
        at = refused(&rig, &at, &content, (9_007, 2_207_027));
        assert!(matches!(rig.next(&at, &content), Step::Wait(_)));
        if refusals < 3 {
            for _ in 0..2 {
                at = rig.step(&at, &content).unwrap().unwrap();
            }
            let Step::Call(call) = rig.next(&at, &content) else { panic!("a call is due") };
            assert_eq!(call.endpoint, "media.publish");
        }
    }
    rig.publish_from(at, &content).unwrap();
    assert_eq!(count(&rig, "media.create"), made + 1);
}

#[test]
fn a_refused_container_that_turns_out_to_be_published_is_not_made_again() {
    for no in [(24, 2_207_006), (100, 0), (352, 2_207_026), (9_007, 2_207_027)] {
        let mut rig = connected("acme");
        let content = image(&mut rig, "Once");
        let at = rig.until("media.publish", &content);
        rig.lose(&at, &content);
        let at = refused(&rig, &at, &content, no);
        let receipt = rig.publish_from(at, &content).unwrap();
        assert_eq!(rig.sim.accepted().len(), 1, "{no:?}");
        assert_eq!(rig.sim.accepted()[0].remote_id, receipt.remote_id);
    }
}

#[test]
fn a_look_that_is_owed_stays_owed_when_it_is_refused() {
    let mut rig = connected("acme");
    let content = image(&mut rig, "Once");
    let at = rig.until("media.publish", &content);
    rig.lose(&at, &content);
    let owed = refused(&rig, &at, &content, (100, 0));
    let again = refused(&rig, &owed, &content, (100, 0));
    assert_eq!(again, owed);
    rig.publish_from(again, &content).unwrap();
    assert_eq!(rig.sim.accepted().len(), 1);
}

#[test]
fn a_refused_wording_is_told_anew() {
    let mut rig = connected("acme");
    let content = image(&mut rig, &"a".repeat(2_201));
    let at = rig.until("media.create", &content);
    let (at, why) = rig.step(&at, &content).unwrap_err();
    let field = Some("text".to_owned());
    assert!(matches!(&why, Failure::Content { field: f, .. } if *f == field), "{why:?}");
    let mut edited = content.clone();
    edited.segments[0].text = "short".into();
    rig.publish_from(at, &edited).unwrap();
    assert_eq!(rig.sim.accepted()[0].text, "short");
}

#[test]
fn nothing_that_fails_after_the_publication_undoes_it() {
    let rig = &mut connected("acme");
    let content = image(rig, "Out");
    let at = rig.until("media.get", &content);
    let failures = [
        Failure::Auth { revoked: true, detail: String::new() },
        Failure::Content { field: None, detail: String::new() },
        Failure::Transient { detail: String::new() },
        Failure::RateLimit { scope: Scope::App, retry_at: rig.now, detail: String::new() },
    ];
    for why in failures {
        let after = Instagram.recover(&at, &why, &rig.view(&content));
        let Step::Published(receipt) = rig.next(&after, &content) else {
            panic!("{why:?}");
        };
        assert_eq!(receipt.permalink, "https://www.instagram.com/acme/");
        assert_eq!(receipt.remote_id, rig.sim.accepted()[0].remote_id);
    }
}

#[test]
fn silence_changes_nothing_about_a_publication() {
    let mut rig = connected("acme");
    let content = image(&mut rig, "Hello");
    let at = rig.until("media.publish", &content);
    let why = Failure::Unknown { detail: "no reply".into() };
    assert_eq!(Instagram.recover(&at, &why, &rig.view(&content)), at);
}

#[test]
fn controls_do_what_they_say() {
    let mut rig = connected("acme");
    let content = image(&mut rig, "one");
    rig.sim.control(&Control::UnauthorizedAll { s: 60 }, rig.now);
    assert!(matches!(rig.publish(&content), Err(Failure::Auth { .. })));
    rig.wait(60);
    rig.publish(&content).unwrap();
    let account = Some("@acme".to_owned());
    rig.sim.control(&Control::ExpireToken { account: account.clone() }, rig.now);
    assert!(matches!(rig.publish(&content), Err(Failure::Auth { revoked: true, .. })));
    let other = rig.connect("acme").unwrap_or_default().remove(0);
    rig.grant = Some(other.grant);
    rig.publish(&content).unwrap();
    rig.sim.control(&Control::Revoke { account }, rig.now);
    rig.wait(86_401);
    assert!(matches!(rig.refresh(), Err(Failure::Auth { revoked: true, .. })));
    let unknown = Control::Limits { limits: json!({ "colour": 1 }) };
    assert!(!rig.sim.control(&unknown, rig.now));
    assert_eq!(Instagram.visibility_delay(), Duration::from_secs(30));
}

#[test]
fn the_options_of_a_post_read_back() {
    let options = options(&json!({ "kind": "reel", "thumbOffsetMs": 5 }));
    let content = Content { options, ..Content::default() };
    let read = crate::instagram::options::Options::read(&content);
    assert_eq!(read.thumb_offset_ms, Some(5));
    assert_eq!(read.kind, Some(crate::instagram::options::Kind::Reel));
}
