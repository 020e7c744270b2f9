//! What goes out, and what is done when it does not.

use super::{connected, timeline};
use crate::grant::Grant;
use crate::port::{Auth, Publish, Step};
use crate::rig::{Kept, Rig, VERIFIER, post, segment};
use crate::sim::Control;
use crate::x::{X, auth, errors};
use domain::content::{Content, MediaKind, Segment};
use domain::failure::{Effect, Failure, Scope};
use http::StatusCode;
use serde_json::json;
use std::time::Duration;

fn create_body(rig: &Rig) -> serde_json::Value {
    let kept = rig.log.iter().filter_map(|(kept, _)| match kept {
        Kept::Request(request) => Some(request),
        Kept::Fetched(..) => None,
    });
    let mut posts = kept.filter(|request| request.path == "/2/tweets");
    let request = posts.next_back().unwrap();
    serde_json::from_slice(&request.body).unwrap()
}

#[test]
fn a_text_goes_out_in_one_call() {
    let mut rig = connected("acme");
    assert_eq!(rig.facts.kind, "standard");
    let receipt = rig.publish(&post("Hello & good morning")).unwrap();
    assert_eq!(receipt.permalink, format!("https://x.com/acme/status/{}", receipt.remote_id));
    assert_eq!(rig.sim.accepted().len(), 1);
    assert_eq!(rig.sim.accepted()[0].text, "Hello & good morning");
    assert_eq!(rig.calls, ["oauth.token", "users.me", "tweets.create"]);
}

#[test]
fn four_images_are_described_and_attached_in_order() {
    let mut rig = connected("acme");
    let media = (0..4_u8)
        .map(|n| rig.file(MediaKind::Image, vec![n; 5_000], Some(&format!("picture {n}"))))
        .collect();
    let content =
        Content { segments: vec![Segment { text: "Look".into(), media }], ..Content::default() };
    rig.publish(&content).unwrap();
    let listed = timeline(&mut rig);
    assert_eq!(listed[0]["attachments"]["media_keys"].as_array().unwrap().len(), 4);
    let described = rig.calls.iter().filter(|call| **call == "media.metadata").count();
    assert_eq!(described, 4);
    assert_eq!(rig.calls.iter().filter(|call| **call == "media.status").count(), 0);
}

#[test]
fn a_gif_and_a_film_wait_for_their_processing() {
    for (kind, size) in [(MediaKind::Gif, 9_000), (MediaKind::Video, 9 * 1024 * 1024)] {
        let mut rig = connected("acme");
        let film = rig.file(kind, vec![7; size], None);
        let content = Content {
            segments: vec![Segment { text: "Watch".into(), media: vec![film] }],
            ..Content::default()
        };
        let started = rig.now;
        rig.publish(&content).unwrap();
        assert!(rig.now.since(started) >= Duration::from_secs(1));
        assert!(rig.calls.contains(&"media.status"));
        let chunks = rig.calls.iter().filter(|call| **call == "media.append").count();
        assert_eq!(chunks, size.div_ceil(4 * 1024 * 1024));
    }
}

#[test]
fn a_film_that_x_cannot_read_is_a_media_failure() {
    let mut rig = connected("acme");
    let film = rig.file(MediaKind::Video, b"UNSUPPORTED film".to_vec(), None);
    let content = Content {
        segments: vec![Segment { text: "Watch".into(), media: vec![film] }],
        ..Content::default()
    };
    let failure = rig.publish(&content).unwrap_err();
    assert!(matches!(failure, Failure::Media { asset: Some(0), .. }), "{failure:?}");
}

#[test]
fn a_chain_answers_itself_and_its_files_stand_where_they_belong() {
    let mut rig = connected("acme");
    let image = rig.file(MediaKind::Image, vec![1; 100], None);
    let mut segments: Vec<Segment> = (1..=5).map(|n| segment(&format!("part {n}"))).collect();
    segments[3].media.push(image);
    let content = Content { segments, ..Content::default() };
    let receipt = rig.publish(&content).unwrap();
    let listed = timeline(&mut rig);
    assert_eq!(listed.len(), 5);
    for (newer, older) in listed.iter().zip(&listed[1..]) {
        assert_eq!(newer["referenced_tweets"][0]["id"], older["id"]);
    }
    assert_eq!(listed[4]["id"], receipt.remote_id.as_str());
    assert!(listed[1]["attachments"].is_object() && listed[0]["attachments"].is_null());
}

#[test]
fn a_chain_goes_on_after_the_last_segment_that_is_out() {
    let mut rig = connected("acme");
    let content = Content { segments: vec![segment("one"), segment("two")], ..post("") };
    let at = X.start(&rig.view(&content));
    let at = rig.step(&at, &content).unwrap().unwrap();
    rig.wait(3_600);
    rig.publish_from(at, &content).unwrap();
    let texts: Vec<&str> = rig.sim.accepted().iter().map(|a| a.text.as_str()).collect();
    assert_eq!(texts, ["one", "two"]);
}

#[test]
fn a_poll_and_the_circle_of_answers_travel_in_the_body() {
    let mut rig = connected("acme");
    let options = json!({
        "poll": { "options": ["yes", "no"], "durationMinutes": 60 },
        "replySettings": "following",
    });
    let content = Content { options: options.as_object().cloned().unwrap(), ..post("Well?") };
    rig.publish(&content).unwrap();
    let body = create_body(&rig);
    assert_eq!(body["poll"], json!({ "options": ["yes", "no"], "duration_minutes": 60 }));
    assert_eq!(body["reply_settings"], "following");
}

#[test]
fn an_expired_file_goes_up_again_before_the_post() {
    let mut rig = connected("acme");
    let image = rig.file(MediaKind::Image, vec![1; 100], None);
    let content = Content {
        segments: vec![Segment { text: "Late".into(), media: vec![image] }],
        ..Content::default()
    };
    let at = rig.until("tweets.create", &content);
    rig.wait(25 * 3_600);
    let grant = rig.grant.clone().unwrap();
    let reply = rig.carry_ready(&X.refresh(&rig.app, &grant).unwrap());
    rig.grant = X.read_grant(&reply, Some(&grant)).ok();
    rig.publish_from(at, &content).unwrap();
    assert_eq!(rig.calls.iter().filter(|call| **call == "media.initialize").count(), 2);
}

#[test]
fn an_upload_that_x_forgot_begins_anew() {
    let mut rig = connected("acme");
    let image = rig.file(MediaKind::Image, vec![1; 100], None);
    let content = Content {
        segments: vec![Segment { text: "Again".into(), media: vec![image] }],
        ..Content::default()
    };
    let at = rig.until("media.finalize", &content);
    let other = connected("acme");
    (rig.sim, rig.grant, rig.log) = (other.sim, other.grant, other.log);
    let (recovered, why) = rig.step(&at, &content).unwrap_err();
    assert!(matches!(why, Failure::Transient { .. }), "{why:?}");
    rig.publish_from(recovered, &content).unwrap();
}

#[test]
fn a_refused_file_goes_up_again_when_a_user_asks_for_another_try() {
    let mut rig = connected("acme");
    let image = rig.file(MediaKind::Image, vec![1; 100], None);
    let content = Content {
        segments: vec![Segment { text: "Again".into(), media: vec![image] }],
        ..Content::default()
    };
    let at = rig.until("tweets.create", &content);
    let why = Failure::Media { asset: None, detail: "Your media IDs are invalid.".into() };
    let at = X.recover(&at, &why, &rig.view(&content));
    rig.publish_from(at, &content).unwrap();
    assert_eq!(rig.calls.iter().filter(|call| **call == "media.initialize").count(), 2);
}

#[test]
fn silence_changes_nothing_about_a_create() {
    let rig = connected("acme");
    let content = post("Hello");
    let at = X.start(&rig.view(&content));
    let why = Failure::Unknown { detail: "no reply".into() };
    assert_eq!(X.recover(&at, &why, &rig.view(&content)), at);
}

#[test]
fn a_chunk_that_is_too_large_is_cut_smaller() {
    let mut rig = connected("acme");
    let film = rig.file(MediaKind::Video, vec![7; 3 * 1024 * 1024], None);
    let content = Content {
        segments: vec![Segment { text: "Watch".into(), media: vec![film] }],
        ..Content::default()
    };
    let at = rig.until("media.append", &content);
    let mut reply = rig.carry(&auth::whoami());
    reply.status = StatusCode::PAYLOAD_TOO_LARGE;
    let why = errors::classify(Effect::Repeatable, &reply).unwrap();
    let at = X.recover(&at, &why, &rig.view(&content));
    let before = rig.calls.len();
    rig.publish_from(at, &content).unwrap();
    let chunks = rig.calls[before..].iter().filter(|call| **call == "media.append").count();
    assert_eq!(chunks, 3);
}

#[test]
fn a_spent_refresh_token_kills_its_family() {
    let mut rig = connected("acme");
    let first = rig.grant.clone().unwrap();
    let reply = rig.carry_ready(&X.refresh(&rig.app, &first).unwrap());
    let Ok(second) = X.read_grant(&reply, Some(&first)) else {
        panic!("a fresh refresh token works");
    };
    assert!(second.refresh_token != first.refresh_token);
    assert_eq!(rig.carry(&auth::whoami()).status, StatusCode::OK, "the old access token serves on");
    let reply = rig.carry_ready(&X.refresh(&rig.app, &first).unwrap());
    let refused = X.read_grant(&reply, Some(&first)).err();
    assert!(matches!(refused, Some(Failure::Auth { revoked: true, .. })), "{refused:?}");
    rig.grant = Some(second);
    assert_eq!(rig.carry(&auth::whoami()).status, StatusCode::UNAUTHORIZED);
}

#[test]
fn a_code_works_once_for_thirty_seconds_and_for_its_verifier() {
    let mut rig = Rig::new(&X, "default");
    let exchanged = |rig: &mut Rig, code: &str, verifier: &str| {
        let call = X.exchange(&rig.app, code, Some(verifier));
        rig.carry_ready(&call).status
    };
    let code = rig.consent("acme");
    assert_eq!(exchanged(&mut rig, &code, VERIFIER), StatusCode::OK);
    assert_eq!(exchanged(&mut rig, &code, VERIFIER), StatusCode::BAD_REQUEST);
    let code = rig.consent("acme");
    rig.wait(31);
    assert_eq!(exchanged(&mut rig, &code, VERIFIER), StatusCode::BAD_REQUEST);
    let code = rig.consent("acme");
    assert_eq!(exchanged(&mut rig, &code, "another"), StatusCode::BAD_REQUEST);
}

#[test]
fn a_premium_account_writes_long_posts_and_a_standard_one_does_not() {
    let long = "word ".repeat(100);
    let mut rig = connected("premium_acme");
    assert_eq!(rig.facts.kind, "premium");
    rig.publish(&post(&long)).unwrap();
    let failure = connected("acme").publish(&post(&long)).unwrap_err();
    let field = Some("text".to_owned());
    assert!(matches!(failure, Failure::Content { field: f, .. } if f == field));
}

#[test]
fn a_limit_opens_when_the_headers_say() {
    let mut rig = connected("acme");
    let limits = json!({ "account": { "tweets.create": { "callsMax": 2, "windowS": 900 } } });
    assert!(rig.sim.control(&Control::Limits { limits }, rig.now));
    rig.publish(&post("one")).unwrap();
    rig.wait(60);
    rig.publish(&post("two")).unwrap();
    let failure = rig.publish(&post("three")).unwrap_err();
    let Failure::RateLimit { scope: Scope::Account, retry_at, .. } = failure else {
        panic!("{failure:?}");
    };
    let wait = retry_at.since(rig.now);
    assert!(wait >= Duration::from_secs(840) && wait <= Duration::from_secs(842), "{wait:?}");
    rig.now = retry_at;
    rig.publish(&post("three")).unwrap();
}

#[test]
fn controls_do_what_they_say() {
    let mut rig = connected("acme");
    let minute = 60;
    rig.sim.control(&Control::UnauthorizedAll { s: minute }, rig.now);
    let failure = rig.publish(&post("one")).unwrap_err();
    assert!(matches!(failure, Failure::Auth { revoked: false, .. }), "{failure:?}");
    rig.wait(minute);
    rig.publish(&post("one")).unwrap();
    let account = Some("@acme".to_owned());
    let route = Some("tweets.create".to_owned());
    rig.sim.control(&Control::Limit { account: account.clone(), route, reset_in_s: 30 }, rig.now);
    assert!(matches!(rig.publish(&post("two")), Err(Failure::RateLimit { .. })));
    rig.wait(31);
    rig.publish(&post("two")).unwrap();
    rig.sim.control(&Control::ExpireToken { account: account.clone() }, rig.now);
    assert!(matches!(rig.publish(&post("three")), Err(Failure::Auth { .. })));
    let grant = rig.grant.clone().unwrap();
    let reply = rig.carry_ready(&X.refresh(&rig.app, &grant).unwrap());
    rig.grant = X.read_grant(&reply, Some(&grant)).ok();
    rig.publish(&post("three")).unwrap();
    rig.sim.control(&Control::Revoke { account }, rig.now);
    let grant: Grant = rig.grant.clone().unwrap();
    let reply = rig.carry_ready(&X.refresh(&rig.app, &grant).unwrap());
    assert!(matches!(X.read_grant(&reply, None).err(), Some(Failure::Auth { revoked: true, .. })));
}

#[test]
fn stuck_processing_is_waited_for() {
    let mut rig = connected("acme");
    rig.sim.control(&Control::StuckProcessing { s: 300 }, rig.now);
    let film = rig.file(MediaKind::Video, vec![7; 5_000], None);
    let content = Content {
        segments: vec![Segment { text: "Watch".into(), media: vec![film] }],
        ..Content::default()
    };
    let started = rig.now;
    let at = rig.until("media.status", &content);
    assert!(matches!(X.next(&at, &rig.view(&content)), Step::Call(_)));
    rig.publish_from(at, &content).unwrap();
    assert!(rig.now.since(started) >= Duration::from_secs(300));
}

#[test]
fn the_kept_requests_restore_the_state() {
    let mut rig = connected("acme");
    let film = rig.file(MediaKind::Video, vec![7; 5_000], Some("a film"));
    let media = vec![film];
    let content = Content {
        segments: vec![Segment { text: "One https://example.com".into(), media }, segment("two")],
        ..Content::default()
    };
    rig.publish(&content).unwrap();
    rig.publish(&post("two")).unwrap_err();
    timeline(&mut rig);
    let mut restored = rig.restored();
    assert_eq!(restored.accepted(), rig.sim.accepted());
    assert_eq!(restored.accounts(), rig.sim.accounts());
    let feed = rig.page("/feed");
    std::mem::swap(&mut rig.sim, &mut restored);
    assert_eq!(rig.page("/feed"), feed);
}
