//! What goes out, piece by piece, and what is done when a piece does not.

use super::{GRAIN, call, connected, count, elsewhere, film, illustrated, kept, set_limits};
use crate::port::{Auth, Publish, Step};
use crate::rig::{Rig, VERIFIER};
use crate::sim::Control;
use crate::youtube::publish::Stage;
use crate::youtube::{YouTube, auth};
use domain::failure::{Effect, Failure};
use http::StatusCode;
use serde_json::{Value, json};

#[test]
fn a_small_film_is_one_last_piece() {
    let mut rig = connected("acme");
    assert_eq!((rig.facts.handle.as_str(), rig.facts.kind.as_str()), ("@acme", "standard"));
    let content = film(&mut rig, GRAIN);
    let receipt = rig.publish(&content).unwrap();
    let link = format!("https://www.youtube.com/watch?v={}", receipt.remote_id);
    assert_eq!(receipt.permalink, link);
    assert_eq!(rig.calls, ["oauth.token", "channels.list", "videos.open", "videos.finish"]);
    let accepted = rig.sim.accepted();
    assert_eq!((accepted.len(), accepted[0].text.as_str()), (1, "What it is about"));
    let whole = String::from_utf8_lossy(&rig.files[0]).into_owned();
    assert_eq!(rig.page(&format!("/media/{}", receipt.remote_id)), whole);
}

#[test]
fn the_metadata_travels_as_it_was_given() {
    let mut rig = connected("acme");
    let mut content = film(&mut rig, 100);
    content.options.insert("tags".into(), json!(["one", "two words"]));
    content.options.insert("madeForKids".into(), json!(true));
    rig.publish(&content).unwrap();
    let requests = kept(&rig);
    let opened = requests.iter().find(|request| request.query.starts_with("uploadType")).unwrap();
    let body: Value = serde_json::from_slice(&opened.body).unwrap();
    let expected = json!({
        "snippet": {
            "title": "A film", "description": "What it is about",
            "tags": ["one", "two words"], "categoryId": "22",
        },
        "status": { "privacyStatus": "unlisted", "selfDeclaredMadeForKids": true },
    });
    assert_eq!(body, expected);
    assert_eq!(opened.headers["x-upload-content-length"], "100");
    assert_eq!(opened.headers["x-upload-content-type"], "video/mp4");
}

#[test]
fn what_a_session_keeps_only_in_part_is_sent_from_there() {
    let mut rig = connected("acme");
    set_limits(&mut rig, json!({ "keptBytesMax": 100_000 }));
    let content = film(&mut rig, 3 * GRAIN + 77);
    let receipt = rig.publish(&content).unwrap();
    assert_eq!(count(&rig, "videos.chunk") + count(&rig, "videos.finish"), 8);
    let whole = String::from_utf8_lossy(&rig.files[0]).into_owned();
    assert_eq!(rig.page(&format!("/media/{}", receipt.remote_id)), whole);
}

#[test]
fn a_last_piece_that_is_kept_in_part_is_not_published() {
    let mut rig = connected("acme");
    set_limits(&mut rig, json!({ "keptBytesMax": 4_000 }));
    let content = film(&mut rig, 5_000);
    let at = rig.until_irreversible(&content);
    let at = rig.step(&at, &content).unwrap().unwrap();
    assert!(rig.sim.accepted().is_empty());
    let next = call(&rig, &at, &content);
    assert_eq!((next.endpoint, next.request.body().len()), ("videos.finish", 1_000));
    rig.publish_from(at, &content).unwrap();
    assert_eq!(rig.sim.accepted().len(), 1);
}

#[test]
fn a_session_that_keeps_nothing_costs_an_attempt() {
    let mut rig = connected("acme");
    set_limits(&mut rig, json!({ "keptBytesMax": 0 }));
    let content = film(&mut rig, 2 * GRAIN);
    let at = rig.until("videos.chunk", &content);
    let (at, why) = rig.step(&at, &content).unwrap_err();
    assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
    assert_eq!(call(&rig, &at, &content).endpoint, "videos.session");
    set_limits(&mut rig, json!({ "keptBytesMax": GRAIN }));
    rig.publish_from(at, &content).unwrap();
}

#[test]
fn after_a_broken_piece_the_session_is_asked_and_goes_on() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 40 * GRAIN);
    let at = rig.until("videos.chunk", &content);
    let lost = call(&rig, &at, &content);
    rig.carry(&lost);
    let why = Failure::Transient { detail: "no reply".into() };
    let at = YouTube.recover(&at, &why, &rig.view(&content));
    assert_eq!(call(&rig, &at, &content).endpoint, "videos.session");
    let at = rig.step(&at, &content).unwrap().unwrap();
    let Stage::Send { offset, .. } = Stage::load(&at) else { panic!("{at:?}") };
    assert_eq!(offset, 32 * GRAIN as u64);
    rig.publish_from(at, &content).unwrap();
}

#[test]
fn a_piece_that_is_sent_twice_counts_once() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 70 * GRAIN + 3);
    let at = rig.until("videos.chunk", &content);
    let lost = call(&rig, &at, &content);
    rig.carry(&lost);
    let receipt = rig.publish_from(at, &content).unwrap();
    assert_eq!(count(&rig, "videos.chunk"), 4);
    let whole = String::from_utf8_lossy(&rig.files[0]).into_owned();
    assert_eq!(rig.page(&format!("/media/{}", receipt.remote_id)), whole);
}

#[test]
fn a_session_that_lost_bytes_is_asked_again() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 70 * GRAIN);
    let at = rig.until("videos.chunk", &content);
    let at = rig.step(&at, &content).unwrap().unwrap();
    let chunk = call(&rig, &at, &content);
    let mut reply = rig.carry(&chunk);
    reply.headers.insert("range", "bytes=0-99".parse().unwrap());
    let why = YouTube.read(&at, &reply, &rig.view(&content)).unwrap_err();
    assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
    let at = YouTube.recover(&at, &why, &rig.view(&content));
    assert_eq!(call(&rig, &at, &content).endpoint, "videos.session");
    rig.publish_from(at, &content).unwrap();
}

#[test]
fn a_token_that_ends_between_the_pieces_costs_no_session() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 2 * GRAIN);
    let at = rig.until_irreversible(&content);
    rig.sim.control(&Control::ExpireToken { account: None }, rig.now);
    let (at, why) = rig.step(&at, &content).unwrap_err();
    assert!(matches!(why, Failure::Auth { revoked: false, .. }), "{why:?}");
    rig.refresh().unwrap();
    rig.publish_from(at, &content).unwrap();
    assert_eq!((count(&rig, "videos.open"), rig.sim.accepted().len()), (1, 1));
}

#[test]
fn a_session_that_moves_is_followed() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 2 * GRAIN);
    let at = rig.until("videos.chunk", &content);
    let chunk = call(&rig, &at, &content);
    let mut reply = rig.carry(&chunk);
    let moved = "https://www.googleapis.com/upload/youtube/v3/videos?upload_id=moved";
    reply.headers.insert("location", moved.parse().unwrap());
    let at = YouTube.read(&at, &reply, &rig.view(&content)).unwrap();
    assert_eq!(call(&rig, &at, &content).request.uri(), moved);
}

#[test]
fn a_dead_session_begins_anew_while_nothing_was_intended() {
    for endpoint in ["videos.chunk", "videos.session"] {
        let mut rig = connected("acme");
        let content = film(&mut rig, 2 * GRAIN);
        let mut at = elsewhere(&rig.until("videos.chunk", &content));
        if endpoint == "videos.session" {
            let why = Failure::Transient { detail: "HTTP 503".into() };
            at = YouTube.recover(&at, &why, &rig.view(&content));
        }
        assert_eq!(call(&rig, &at, &content).endpoint, endpoint);
        let at = rig.step(&at, &content).unwrap().unwrap();
        assert_eq!(Stage::load(&at), Stage::Open);
        rig.publish_from(at, &content).unwrap();
        assert_eq!(rig.sim.accepted().len(), 1);
    }
}

#[test]
fn a_dead_session_is_a_doubt_once_a_last_piece_was_intended() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 3 * GRAIN);
    let at = elsewhere(&rig.until("videos.chunk", &content));
    rig.intended_at = Some(rig.now);
    let at = rig.step(&at, &content).unwrap().unwrap();
    let next = call(&rig, &at, &content);
    assert_eq!((next.endpoint, next.effect), ("videos.finish", Effect::Irreversible));
    let (at, why) = rig.step(&at, &content).unwrap_err();
    assert!(matches!(why, Failure::Unknown { .. }), "{why:?}");
    assert!(matches!(Stage::load(&at), Stage::Send { .. }), "{at:?}");
    assert_eq!(count(&rig, "videos.open"), 1);
}

#[test]
fn a_week_old_session_has_ended() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 3 * GRAIN);
    let at = rig.until("videos.chunk", &content);
    rig.wait(7 * 86_400);
    rig.refresh().unwrap();
    rig.publish_from(at, &content).unwrap();
    assert_eq!(count(&rig, "videos.open"), 2);
}

#[test]
fn a_thumbnail_follows_its_video() {
    let mut rig = connected("acme");
    let content = illustrated(&mut rig, vec![b'p'; 300]);
    let receipt = rig.publish(&content).unwrap();
    assert_eq!(rig.calls.last(), Some(&"thumbnails.set"));
    assert_eq!(rig.page(&format!("/thumbnails/{}", receipt.remote_id)), "p".repeat(300));
    assert!(rig.page("/feed").contains(&format!("thumbnails/{}", receipt.remote_id)));
}

#[test]
fn a_video_is_published_whatever_becomes_of_its_thumbnail() {
    for (handle, bytes) in [("unverified-acme", vec![1; 9]), ("acme", b"UNSUPPORTED".to_vec())] {
        let mut rig = connected(handle);
        let content = illustrated(&mut rig, bytes);
        let at = rig.until("thumbnails.set", &content);
        let (recovered, why) = rig.step(&at, &content).unwrap_err();
        assert!(matches!(why, Failure::Media { .. }), "{why:?}");
        let failures = [
            why,
            Failure::Auth { revoked: true, detail: String::new() },
            Failure::Transient { detail: String::new() },
            Failure::Unknown { detail: String::new() },
        ];
        for why in failures {
            let after = YouTube.recover(&at, &why, &rig.view(&content));
            assert_eq!(YouTube.warnings(&recovered).len(), 1);
            assert!(YouTube.warnings(&after)[0].ends_with(why.detail()), "{after:?}");
            let Step::Published(receipt) = rig.next(&after, &content) else { panic!("{after:?}") };
            assert_eq!(receipt.remote_id, rig.sim.accepted()[0].remote_id);
        }
    }
}

#[test]
fn refused_metadata_needs_a_session_of_its_own() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 100);
    let at = rig.until_irreversible(&content);
    let why = Failure::Content { field: None, detail: "refused".into() };
    let at = YouTube.recover(&at, &why, &rig.view(&content));
    assert_eq!(Stage::load(&at), Stage::Open);
}

#[test]
fn silence_changes_nothing_about_a_last_piece() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 100);
    let at = rig.until_irreversible(&content);
    let why = Failure::Unknown { detail: "no reply".into() };
    assert_eq!(YouTube.recover(&at, &why, &rig.view(&content)), at);
}

#[test]
fn a_success_that_names_no_video_is_a_doubt() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 100);
    let at = rig.until_irreversible(&content);
    let finish = call(&rig, &at, &content);
    let mut reply = rig.carry(&finish);
    reply.body = b"<html>".to_vec();
    let why = YouTube.read(&at, &reply, &rig.view(&content)).unwrap_err();
    assert!(matches!(why, Failure::Unknown { .. }), "{why:?}");
}

#[test]
fn a_refresh_token_serves_again_and_again() {
    let mut rig = connected("acme");
    let first = rig.grant.clone().unwrap();
    assert_eq!(first.expires_at.since(rig.now).as_secs(), 3_599);
    for _ in 0..3 {
        rig.wait(3_600);
        assert_eq!(rig.carry(&auth::channels()).status, StatusCode::UNAUTHORIZED);
        rig.refresh().unwrap();
        assert!(rig.grant.as_ref().unwrap().refresh_token == first.refresh_token);
        assert_eq!(rig.carry(&auth::channels()).status, StatusCode::OK);
    }
}

#[test]
fn a_code_works_once_in_time_and_for_its_verifier() {
    let mut rig = Rig::new(&YouTube, "default");
    let exchanged = |rig: &mut Rig, code: &str, verifier: Option<&str>| {
        let call = YouTube.exchange(&rig.app, code, verifier);
        rig.carry_ready(&call).status
    };
    let code = rig.consent("acme");
    assert_eq!(exchanged(&mut rig, &code, Some(VERIFIER)), StatusCode::OK);
    assert_eq!(exchanged(&mut rig, &code, Some(VERIFIER)), StatusCode::BAD_REQUEST);
    let code = rig.consent("acme");
    rig.wait(601);
    assert_eq!(exchanged(&mut rig, &code, Some(VERIFIER)), StatusCode::BAD_REQUEST);
    for verifier in [Some("another"), None] {
        let code = rig.consent("acme");
        assert_eq!(exchanged(&mut rig, &code, verifier), StatusCode::BAD_REQUEST);
    }
}

#[test]
fn an_account_without_a_channel_is_refused_in_words() {
    let Err(failure) = Rig::new(&YouTube, "default").connect("nochannel-acme") else {
        panic!("there is no channel to publish on");
    };
    assert!(matches!(failure, Failure::Auth { revoked: true, .. }), "{failure:?}");
    assert!(failure.detail().contains("no YouTube channel"), "{failure:?}");
}

#[test]
fn controls_do_what_they_say() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 100);
    rig.sim.control(&Control::UnauthorizedAll { s: 60 }, rig.now);
    let failure = rig.publish(&content).unwrap_err();
    assert!(matches!(failure, Failure::Auth { revoked: false, .. }), "{failure:?}");
    rig.wait(60);
    let account = Some("@acme".to_owned());
    let route = Some("videos.finish".to_owned());
    rig.sim.control(&Control::Limit { account: account.clone(), route, reset_in_s: 30 }, rig.now);
    let at = rig.until_irreversible(&content);
    let (at, failure) = rig.step(&at, &content).unwrap_err();
    assert!(matches!(failure, Failure::RateLimit { .. }), "{failure:?}");
    rig.wait(31);
    rig.publish_from(at, &content).unwrap();
    rig.sim.control(&Control::ExpireToken { account: account.clone() }, rig.now);
    assert!(matches!(rig.publish(&content), Err(Failure::Auth { revoked: false, .. })));
    rig.refresh().unwrap();
    rig.publish(&content).unwrap();
    rig.sim.control(&Control::Revoke { account }, rig.now);
    assert!(matches!(rig.publish(&content), Err(Failure::Auth { revoked: false, .. })));
    assert!(matches!(rig.refresh(), Err(Failure::Auth { revoked: true, .. })));
    let limits = json!({ "colour": 1 });
    assert!(!rig.sim.control(&Control::Limits { limits }, rig.now));
}

#[test]
fn an_upload_under_way_survives_the_death_of_the_simulator() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 3 * GRAIN);
    let at = rig.until_irreversible(&content);
    rig.sim = rig.restored();
    let receipt = rig.publish_from(at, &content).unwrap();
    assert_eq!(rig.sim.accepted().len(), 1);
    assert_eq!(rig.restored().accepted(), rig.sim.accepted());
    let whole = String::from_utf8_lossy(&rig.files[0]).into_owned();
    assert_eq!(rig.page(&format!("/media/{}", receipt.remote_id)), whole);
}
