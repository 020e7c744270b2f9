//! From containers to receipts, and on from what goes wrong between them.

use super::{calls, connected, forms, limit, pictures, stage};
use crate::port::{Checkpoint, Publish, Step};
use crate::rig::{Rig, post, segment};
use crate::sim::Control;
use crate::sim::http::field;
use crate::threads::Threads;
use domain::content::{Content, MediaKind, Segment};
use domain::failure::{Failure, Scope};
use serde_json::json;
use std::time::Duration;

/// Carries the call of this checkpoint, and recovers from its failure.
fn failed(rig: &mut Rig, at: &Checkpoint, content: &Content) -> (Checkpoint, Failure) {
    rig.step(at, content).unwrap_err()
}

#[test]
fn a_text_is_one_container_and_is_shown_at_its_permalink() {
    let mut rig = connected("acme");
    let options = json!({ "replyControl": "mentioned_only" });
    let content =
        Content { options: options.as_object().cloned().unwrap(), ..post("R&D <now> 😀") };
    let receipt = rig.publish(&content).unwrap();
    let steps =
        ["threads.quota", "threads.create", "threads.status", "threads.publish", "threads.get"];
    assert_eq!(rig.calls[3..], steps);
    let form = &forms(&rig)[0];
    assert_eq!(field(form, "media_type").as_deref(), Some("TEXT"));
    assert_eq!(field(form, "reply_control").as_deref(), Some("mentioned_only"));
    assert_eq!(rig.sim.accepted()[0].text, "R&D <now> 😀");
    let path = receipt.permalink.strip_prefix("https://www.threads.net").unwrap();
    assert!(path.starts_with("/@acme/post/"), "{path}");
    let page = rig.page(path);
    assert!(page.contains("R&amp;D &lt;now&gt;"), "{page}");
    assert!(page.contains("Who may reply: mentioned_only"), "{page}");
}

#[test]
fn a_carousel_keeps_the_order_and_the_words_of_its_files() {
    let mut rig = connected("acme");
    let content = pictures(&mut rig, 3);
    let receipt = rig.publish(&content).unwrap();
    let forms = forms(&rig);
    assert_eq!(forms.len(), 4);
    for (n, form) in forms[..3].iter().enumerate() {
        assert_eq!(field(form, "alt_text"), Some(format!("picture {n}")));
        assert_eq!(field(form, "is_carousel_item").as_deref(), Some("true"));
        assert_eq!(field(form, "text"), None);
    }
    assert_eq!(field(&forms[3], "media_type").as_deref(), Some("CAROUSEL"));
    assert_eq!(field(&forms[3], "text").as_deref(), Some("Look"));
    let page = rig.page(receipt.permalink.strip_prefix("https://www.threads.net").unwrap());
    let shown: Vec<_> = (0..3).map(|n| page.find(&format!("alt=\"picture {n}\""))).collect();
    assert!(shown.is_sorted() && shown[0].is_some(), "{page}");
    assert!(page.contains("src=\"../../media/179"), "{page}");
}

#[test]
fn a_picture_and_a_film_go_together_and_a_single_film_alone() {
    let mut rig = connected("acme");
    let mut content = pictures(&mut rig, 1);
    content.segments[0].media.push(rig.file(MediaKind::Video, vec![7; 900], None));
    rig.publish(&content).unwrap();
    let mut rig = connected("acme");
    let media = vec![rig.file(MediaKind::Video, vec![7; 900], Some("a film"))];
    let content =
        Content { segments: vec![Segment { media, ..segment("") }], ..Content::default() };
    rig.publish(&content).unwrap();
    assert_eq!(field(&forms(&rig)[0], "media_type").as_deref(), Some("VIDEO"));
    assert!(rig.page("/feed").contains("<video controls src=\"media/179"));
}

#[test]
fn a_carousel_of_twenty_pictures_and_films_goes_out() {
    let mut rig = connected("acme");
    let mut content = pictures(&mut rig, 10);
    for n in 0..10 {
        content.segments[0].media.push(rig.file(MediaKind::Video, vec![n + 50; 900], None));
    }
    rig.publish(&content).unwrap();
    let children = field(&forms(&rig)[20], "children").unwrap();
    assert_eq!(children.split(',').count(), 20);
}

#[test]
fn a_container_in_processing_is_waited_for_and_given_up_after_a_quarter_of_an_hour() {
    let mut rig = connected("acme");
    let content = pictures(&mut rig, 1);
    rig.sim.control(&Control::StuckProcessing { s: 400 }, rig.now);
    let started = rig.now;
    rig.publish(&content).unwrap();
    assert!(rig.now.since(started) >= Duration::from_secs(400));
    assert!(calls(&rig, "threads.status") < 15);

    rig.sim.control(&Control::StuckProcessing { s: 1_800 }, rig.now);
    let mut at = rig.start(&content);
    let made = calls(&rig, "threads.create");
    let why = loop {
        match rig.step(&at, &content) {
            Ok(next) => at = next.unwrap(),
            Err((recovered, why)) => {
                at = recovered;
                break why;
            }
        }
    };
    assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
    assert_eq!(stage(&at), "create");
    rig.wait(1_800);
    rig.publish_from(at, &content).unwrap();
    assert_eq!(calls(&rig, "threads.create") - made, 2);
}

#[test]
fn a_file_that_is_not_taken_is_named_and_made_anew_for_another_try() {
    let mut rig = connected("acme");
    let mut content = pictures(&mut rig, 2);
    let bad = rig.file(MediaKind::Image, b"GIF89a.....".to_vec(), None);
    content.segments[0].media.push(bad);
    let mut at = rig.start(&content);
    let (recovered, why) = loop {
        match rig.step(&at, &content) {
            Ok(next) => at = next.unwrap(),
            Err(failed) => break failed,
        }
    };
    // The platform says UNKNOWN, which helps nobody.
    assert!(
        matches!(&why, Failure::Media { asset: Some(2), detail }
        if detail == "Threads could not take the media, without a reason"),
        "{why:?}"
    );
    rig.files[2] = vec![9; 100];
    rig.publish_from(recovered, &content).unwrap();
    assert_eq!(rig.sim.accepted().len(), 1);
}

#[test]
fn a_film_that_cannot_be_fetched_has_the_documented_word() {
    let mut rig = connected("acme");
    let media = vec![rig.file(MediaKind::Video, vec![7; 900], None)];
    rig.asset_urls[0] = "https://media.example/gone".into();
    let content = Content { segments: vec![Segment { media, ..segment("x") }], ..post("") };
    let why = rig.publish(&content).unwrap_err();
    assert!(matches!(&why, Failure::Media { asset: Some(0), detail }
        if detail == "FAILED_DOWNLOADING_VIDEO"));
}

#[test]
fn a_container_that_is_not_visible_is_tried_again_and_after_two_minutes_made_anew() {
    let mut rig = connected("acme");
    limit(&mut rig, json!({ "visibleAfterMs": 70_000 }));
    let content = post("Hello");
    let started = rig.now;
    // No failure: the same container goes out half a minute later, and again.
    rig.publish(&content).unwrap();
    assert_eq!(calls(&rig, "threads.create"), 1);
    assert_eq!(calls(&rig, "threads.publish"), 4);
    assert!(rig.now.since(started) >= Duration::from_secs(90));

    limit(&mut rig, json!({ "visibleAfterMs": 1_000_000 }));
    let at = rig.until("threads.publish", &content);
    rig.wait(121);
    let (at, why) = failed(&mut rig, &at, &content);
    assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
    assert_eq!(stage(&at), "create");
}

#[test]
fn an_old_container_is_not_relied_upon() {
    let mut rig = connected("acme");
    let content = pictures(&mut rig, 2);
    for endpoint in ["threads.publish", "threads.status"] {
        let made = calls(&rig, "threads.create");
        let at = rig.until(endpoint, &content);
        rig.wait(23 * 3_600);
        rig.publish_from(at, &content).unwrap();
        assert!(calls(&rig, "threads.create") - made > 3);
    }
    // The files of a carousel that was never made.
    let mut at = rig.start(&content);
    while at.0["children"].as_array().map_or(0, Vec::len) < 2 {
        at = rig.step(&at, &content).unwrap().unwrap();
    }
    rig.wait(25 * 3_600);
    rig.publish_from(at, &content).unwrap();
    assert_eq!(rig.sim.accepted().len(), 3);
}

#[test]
fn an_expired_container_is_made_anew() {
    let mut rig = connected("acme");
    let content = pictures(&mut rig, 1);
    let at = rig.until("threads.status", &content);
    rig.wait(24 * 3_600);
    let at = rig.step(&at, &content).unwrap().unwrap();
    assert_eq!(stage(&at), "create");
    rig.publish_from(at, &content).unwrap();
}

#[test]
fn a_refused_publication_is_preceded_by_a_question_and_a_look_when_it_is_made_again() {
    let mut rig = connected("acme");
    let content = post("two");
    let at = rig.until("threads.publish", &content);
    limit(&mut rig, json!({ "postsPerDay": 1 }));
    // Another tool of the same owner was faster.
    rig.publish(&post("one")).unwrap();
    let (at, why) = failed(&mut rig, &at, &content);
    let Failure::RateLimit { retry_at, .. } = why else { panic!("{why:?}") };
    assert_eq!(retry_at, rig.now + Duration::from_secs(3_600));
    assert_eq!(stage(&at), "quota");
    rig.now = retry_at;
    let (at, why) = failed(&mut rig, &at, &content);
    let Failure::RateLimit { scope: Scope::Account, retry_at, detail } = why else {
        panic!("{why:?}")
    };
    assert_eq!(retry_at, rig.now + Duration::from_secs(900));
    assert_eq!(detail, "1 of 1 posts of a day are used, and 1 are needed");
    assert_eq!(calls(&rig, "threads.publish"), 2, "asked, and not tried");
    rig.wait(20 * 3_600);
    limit(&mut rig, json!({ "postsPerDay": 2 }));
    let before = rig.calls.len();
    rig.publish_from(at, &content).unwrap();
    assert_eq!(rig.calls[before..][..3], ["threads.quota", "threads.status", "threads.publish"]);
    assert_eq!((rig.sim.accepted().len(), calls(&rig, "threads.create")), (2, 2));
}

#[test]
fn a_post_that_is_out_stays_out_whatever_fails_afterwards() {
    let mut rig = connected("acme");
    let content = post("Hello");
    let at = rig.until("threads.get", &content);
    let account = Some("@acme".to_owned());
    rig.sim.control(&Control::Revoke { account }, rig.now);
    let (at, why) = failed(&mut rig, &at, &content);
    assert!(matches!(why, Failure::Auth { .. }), "{why:?}");
    let Step::Published(receipt) = rig.next(&at, &content) else {
        panic!("it is out");
    };
    assert_eq!(receipt.permalink, "https://www.threads.net/@acme");
    assert_eq!(receipt.remote_id, rig.sim.accepted()[0].remote_id);
}

#[test]
fn silence_changes_nothing_about_a_publication() {
    let mut rig = connected("acme");
    let content = post("Hello");
    let at = rig.until("threads.publish", &content);
    let why = Failure::Unknown { detail: "no reply".into() };
    assert_eq!(Threads.recover(&at, &why, &rig.view(&content)), at);
}

#[test]
fn the_kept_requests_restore_the_state() {
    let mut rig = connected("acme");
    let content = pictures(&mut rig, 2);
    rig.publish(&content).unwrap();
    rig.publish(&post("two")).unwrap();
    let mut restored = rig.restored();
    assert_eq!(restored.accepted(), rig.sim.accepted());
    let feed = rig.page("/feed");
    std::mem::swap(&mut rig.sim, &mut restored);
    assert_eq!(rig.page("/feed"), feed);
}
