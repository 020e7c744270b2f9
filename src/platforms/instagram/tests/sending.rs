//! Films that are sent, under Facebook Login, and what is done when the line breaks.

use super::{connected, count, limit, told, with_files};
use crate::instagram::Instagram;
use crate::port::{Checkpoint, Publish, Step};
use crate::rig::Rig;
use crate::sim::http::header;
use crate::sim::{Control, Inbound};
use domain::content::{Content, MediaKind};
use domain::failure::Failure;
use serde_json::json;

/// An account connected by Facebook Login, and a reel of 2,000 bytes.
fn with_film() -> (Rig, Content) {
    let mut rig = Rig::connected(&Instagram, "default", "acme");
    let content = with_files(&mut rig, "Watch", &[MediaKind::Video]);
    (rig, content)
}

/// The uploads so far.
fn uploads(rig: &Rig) -> Vec<&Inbound> {
    rig.requests.iter().filter(|request| request.path.contains("ig-api-upload")).collect()
}

/// Where each upload began.
fn offsets(rig: &Rig) -> Vec<String> {
    let offset = |request: &&Inbound| header(&request.headers, "offset").unwrap().to_owned();
    uploads(rig).iter().map(offset).collect()
}

/// The position after the call that is due was made and its answer lost.
fn cut(rig: &mut Rig, at: &Checkpoint, content: &Content) -> Checkpoint {
    let Step::Call(call) = rig.next(at, content) else { panic!("a call is due") };
    rig.carry(&call);
    let why = Failure::Transient { detail: "no reply".into() };
    Instagram.recover(at, &why, &rig.view(content))
}

// case: IG-send
#[test]
fn a_reel_needs_no_address_of_its_film() {
    let (mut rig, content) = with_film();
    rig.asset_urls.clear();
    rig.publish(&content).unwrap();
    assert_eq!(told(&rig, "/media", "upload_type"), [Some("resumable".to_owned())]);
    assert_eq!(told(&rig, "/media", "video_url"), [None]);
    let [upload] = uploads(&rig)[..] else { panic!("one upload") };
    let of = |name| header(&upload.headers, name).unwrap_or_default();
    let token = &rig.grant.as_ref().unwrap().access_token;
    assert_eq!(of("authorization"), format!("OAuth {}", token.expose()));
    assert_eq!((of("offset"), of("file_size")), ("0", "2000"));
    assert_eq!((upload.body.len(), upload.query.as_str()), (2_000, ""));
    assert!(rig.page("/feed").contains("<video"));
}

// case: IG-send
#[test]
fn under_instagram_login_a_film_is_fetched() {
    let mut rig = connected("acme");
    let content = with_files(&mut rig, "Watch", &[MediaKind::Video]);
    rig.publish(&content).unwrap();
    assert_eq!(told(&rig, "/media", "video_url"), [Some(rig.asset_urls[0].clone())]);
    assert_eq!(uploads(&rig).len(), 0);
}

#[test]
fn each_film_of_a_carousel_is_sent_to_its_own_container() {
    let mut rig = Rig::connected(&Instagram, "default", "acme");
    let kinds = [MediaKind::Video, MediaKind::Image, MediaKind::Video];
    let content = with_files(&mut rig, "Look", &kinds);
    rig.publish(&content).unwrap();
    let lengths: Vec<usize> = uploads(&rig).iter().map(|request| request.body.len()).collect();
    assert_eq!(lengths, [2_000, 2_002]);
    let page = rig.page("/feed");
    assert_eq!((page.matches("<video").count(), page.matches("<img").count()), (2, 1), "{page}");
}

#[test]
fn the_cover_of_a_film_that_is_sent_is_fetched() {
    let (mut rig, mut content) = with_film();
    let cover = rig.file(MediaKind::Image, vec![9; 500], None);
    let options = json!({ "kind": "reel", "coverMediaId": cover.id });
    content.options = options.as_object().cloned().unwrap();
    rig.publish(&content).unwrap();
    assert_eq!(told(&rig, "/media", "cover_url"), [Some(rig.asset_urls[1].clone())]);
    let page = rig.page("/feed");
    assert!(page.contains("<video") && page.contains("<img"), "{page}");
}

// case: IG-resume
#[test]
fn an_upload_that_breaks_off_goes_on_where_the_container_says() {
    let (mut rig, content) = with_film();
    rig.files[0] = (0..2_000_u32).map(|n| b'a' + u8::try_from(n % 26).unwrap()).collect();
    limit(&mut rig, json!({ "uploadBytesMax": 900 }));
    rig.publish(&content).unwrap();
    assert_eq!(offsets(&rig), ["0", "900", "1800"]);
    assert_eq!((count(&rig, "media.create"), rig.sim.accepted().len()), (1, 1));
    let feed = rig.page("/feed");
    let key = feed.split("file/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let film = rig.page(&format!("/file/{key}"));
    assert_eq!(film.as_bytes(), rig.files[0], "every byte stands once, in its place");
}

// case: IG-resume
#[test]
fn an_upload_without_an_answer_is_asked_about() {
    let (mut rig, content) = with_film();
    let at = rig.until("media.upload", &content);
    let at = cut(&mut rig, &at, &content);
    let Step::Call(call) = rig.next(&at, &content) else { panic!("a call is due") };
    assert_eq!(call.endpoint, "media.status");
    assert!(call.request.uri().query().unwrap().contains("video_status"));
    rig.publish_from(at, &content).unwrap();
    assert_eq!(offsets(&rig), ["0"], "it had arrived");

    let (mut rig, content) = with_film();
    let at = rig.until("media.upload", &content);
    limit(&mut rig, json!({ "uploadBytesMax": 700 }));
    let at = cut(&mut rig, &at, &content);
    limit(&mut rig, json!({ "uploadBytesMax": 5_000 }));
    rig.publish_from(at, &content).unwrap();
    assert_eq!(offsets(&rig), ["0", "700"]);
    assert_eq!(count(&rig, "media.create"), 1);
}

// case: IG-resume
#[test]
fn a_line_on_which_nothing_arrives_costs_attempts_and_new_containers() {
    let (mut rig, content) = with_film();
    limit(&mut rig, json!({ "uploadBytesMax": 0 }));
    let mut at = rig.start(&content);
    for failures in 1..=3 {
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
        assert_eq!(count(&rig, "media.create"), failures);
        assert_eq!(offsets(&rig).len(), failures * 3, "three uploads to each container");
    }
    limit(&mut rig, json!({ "uploadBytesMax": 5_000 }));
    rig.publish_from(at, &content).unwrap();
    assert_eq!(rig.sim.accepted().len(), 1);
}

#[test]
fn a_container_that_does_not_tell_how_much_it_has_is_made_anew() {
    let (mut rig, content) = with_film();
    let at = rig.until("media.upload", &content);
    limit(&mut rig, json!({ "uploadBytesMax": 700 }));
    let at = cut(&mut rig, &at, &content);
    let Step::Call(call) = rig.next(&at, &content) else { panic!("a call is due") };
    let mut reply = rig.carry(&call);
    reply.body = json!({ "status_code": "IN_PROGRESS", "id": "1" }).to_string().into_bytes();
    let why = Instagram.read(&at, &reply, &rig.view(&content)).unwrap_err();
    let at = Instagram.recover(&at, &why, &rig.view(&content));
    let Step::Call(call) = rig.next(&at, &content) else { panic!("a call is due") };
    assert_eq!(call.endpoint, "media.create");
}

#[test]
fn a_film_that_is_refused_after_it_was_sent_is_named() {
    let mut rig = Rig::connected(&Instagram, "default", "acme");
    let content = with_files(&mut rig, "Look", &[MediaKind::Image, MediaKind::Video]);
    rig.files[1] = [b"GIF89a".to_vec(), vec![7; 1_995]].concat();
    let failure = rig.publish(&content).unwrap_err();
    assert!(matches!(failure, Failure::Media { asset: Some(1), .. }), "{failure:?}");
}

#[test]
fn an_upload_with_a_dead_token_keeps_its_place() {
    let (mut rig, content) = with_film();
    let at = rig.until("media.upload", &content);
    rig.sim.control(&Control::Revoke { account: None }, rig.now);
    let (after, why) = rig.step(&at, &content).unwrap_err();
    assert!(matches!(why, Failure::Auth { .. }), "{why:?}");
    assert_eq!(after, at);
}

#[test]
fn an_old_upload_is_looked_at_before_it_is_given_up() {
    let (mut rig, content) = with_film();
    let at = rig.until("media.upload", &content);
    rig.wait(23 * 3_600 + 1);
    let before = rig.calls.len();
    rig.publish_from(at, &content).unwrap();
    assert_eq!(rig.calls[before..before + 3], ["media.status", "media.create", "media.upload"]);
}
