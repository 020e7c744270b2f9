//! What is done for a video that is out, and what is told where it does not go as asked.

use super::{call, connected, count, film, illustrated, kept, set_limits};
use crate::port::{Checkpoint, Followed, Publish, Receipt, Step};
use crate::rig::Rig;
use crate::sim::Control;
use crate::youtube::YouTube;
use domain::content::Content;
use domain::failure::{Effect, Failure};
use serde_json::{Value, json};

/// The id of a playlist of the account.
pub(super) fn list(rig: &Rig, name: &str) -> String {
    format!("{}{name}", rig.facts.remote_id.replacen("UC", "PL", 1))
}

pub(super) fn listed(mut content: Content, lists: &[&str]) -> Content {
    content.options.insert("playlistIds".into(), json!(lists));
    content
}

/// The videos of a playlist.
fn inside(rig: &mut Rig, playlist: &str) -> Vec<String> {
    let query = format!("part=snippet&maxResults=50&playlistId={playlist}");
    let uri = format!("https://www.googleapis.com/youtube/v3/playlistItems?{query}");
    let request = crate::oauth::request(http::Method::GET, &uri, None, crate::port::Body::empty());
    let deadline = std::time::Duration::from_secs(1);
    let endpoint = "playlistItems.list";
    let call = crate::port::Call { endpoint, effect: Effect::Repeatable, request, deadline };
    let body = rig.carry(&call).json();
    let items = body["items"].as_array().cloned().unwrap_or_default();
    let id = |item: &Value| item["snippet"]["resourceId"]["videoId"].as_str().unwrap().to_owned();
    items.iter().map(id).collect()
}

/// To the end, past failures, as the worker goes.
fn cared(rig: &mut Rig, content: &Content) -> (Receipt, Vec<String>) {
    let at = rig.start(content);
    cared_from(rig, content, at)
}

fn cared_from(rig: &mut Rig, content: &Content, mut at: Checkpoint) -> (Receipt, Vec<String>) {
    for _ in 0..40 {
        at = match rig.step(&at, content) {
            Ok(Ok(next)) => next,
            Ok(Err(receipt)) => return (receipt, YouTube.warnings(&at)),
            Err((recovered, why)) => {
                assert!(YouTube.is_out(&recovered), "{why:?}");
                recovered
            }
        };
    }
    panic!("it never ends: {at:?}");
}

// case: Y-playlist
#[test]
fn a_video_is_put_into_each_playlist_once() {
    let mut rig = connected("acme");
    let lists = [list(&rig, ""), list(&rig, "-b")];
    let content = listed(illustrated(&mut rig, vec![1; 50]), &[&lists[0], &lists[1]]);
    let at = rig.until("playlistItems.insert", &content);
    let lost = call(&rig, &at, &content);
    rig.carry(&lost);
    // Whoever takes over from a dead worker comes after its lease.
    rig.wait(3);
    assert_eq!(call(&rig, &at, &content).endpoint, "playlistItems.list");
    let (receipt, warnings) = cared_from(&mut rig, &content, at);
    assert_eq!(warnings, Vec::<String>::new());
    for playlist in &lists {
        assert_eq!(inside(&mut rig, playlist), [receipt.remote_id.as_str()], "{playlist}");
    }
    assert_eq!((count(&rig, "playlistItems.insert"), rig.sim.accepted().len()), (2, 1));
    let mut sent = kept(&rig)
        .into_iter()
        .filter(|one| one.method == http::Method::POST && one.path.ends_with("playlistItems"));
    let body: Value = serde_json::from_slice(&sent.next_back().unwrap().body).unwrap();
    let expected = json!({ "snippet": { "playlistId": lists[1], "resourceId": {
        "kind": "youtube#video", "videoId": receipt.remote_id,
    } } });
    assert_eq!(body, expected);
}

// case: Y-warning
#[test]
fn each_thing_that_fails_for_a_video_that_is_out_is_told_and_the_rest_is_done() {
    let mut rig = connected("unverified-acme");
    let lists = [list(&rig, ""), "PLnobody".to_owned(), list(&rig, "-b")];
    let lists = lists.each_ref().map(String::as_str);
    let content = listed(illustrated(&mut rig, vec![1; 50]), &lists);
    let (receipt, warnings) = cared(&mut rig, &content);
    let [thumbnail, playlist] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert!(thumbnail.contains("without its thumbnail: forbidden"), "{thumbnail}");
    assert!(playlist.contains("not in PLnobody: playlistNotFound"), "{playlist}");
    for playlist in [lists[0], lists[2]] {
        assert_eq!(inside(&mut rig, playlist), [receipt.remote_id.as_str()], "{playlist}");
    }
    set_limits(&mut rig, json!({ "playlistVideosMax": 1 }));
    let content = listed(film(&mut rig, 50), &lists[..1]);
    let (_, warnings) = cared(&mut rig, &content);
    assert!(warnings[0].contains("playlistContainsMaximumNumberOfVideos"), "{warnings:?}");
}

#[test]
fn whatever_fails_behind_the_receipt_the_next_step_is_tried() {
    let mut rig = connected("acme");
    let lists = [list(&rig, ""), list(&rig, "-b")];
    let content = listed(film(&mut rig, 50), &[&lists[0], &lists[1]]);
    for endpoint in ["playlistItems.list", "playlistItems.insert"] {
        let at = rig.until(endpoint, &content);
        let failures = [
            Failure::Auth { revoked: true, detail: "no".into() },
            Failure::Transient { detail: "no".into() },
            Failure::Content { field: None, detail: "no".into() },
        ];
        for why in failures {
            let after = YouTube.recover(&at, &why, &rig.view(&content));
            let words = format!("The video is out, but not in {}: no", lists[0]);
            assert_eq!(YouTube.warnings(&after), [words]);
            let next = call(&rig, &after, &content);
            assert_eq!(next.endpoint, "playlistItems.list");
            assert!(next.request.uri().to_string().contains(&lists[1]));
        }
        let already = Failure::Duplicate { named: None, detail: "it is there".into() };
        let after = YouTube.recover(&at, &already, &rig.view(&content));
        assert_eq!(YouTube.warnings(&after), Vec::<String>::new());
    }
}

// case: Y-asked
#[test]
fn a_video_that_is_not_as_it_was_asked_for_is_told() {
    let mut rig = connected("acme");
    set_limits(&mut rig, json!({ "onlyPrivate": true }));
    let content = film(&mut rig, 50);
    let (_, warnings) = cared(&mut rig, &content);
    let expected = "YouTube made the video private, though unlisted was asked for";
    assert_eq!(warnings, [expected]);
    // The same where the answer was lost and the session is asked.
    let at = rig.until_irreversible(&content);
    rig.lose(&at, &content);
    let crate::port::Verdict::Found { checkpoint, .. } = rig.ask(&at, &content) else {
        panic!("it is there");
    };
    assert_eq!(YouTube.warnings(&checkpoint), [expected]);
}

#[test]
fn a_verdict_that_comes_with_the_upload_is_told() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 50);
    let at = rig.until_irreversible(&content);
    let finish = call(&rig, &at, &content);
    let mut reply = rig.carry(&finish);
    let told = |mut reply: crate::port::Reply, status: Value| {
        reply.body = json!({ "id": "v1", "status": status }).to_string().into_bytes();
        let after = YouTube.read(&at, &reply, &rig.view(&content)).unwrap();
        let Step::Published(receipt) = rig.next(&after, &content) else { panic!("{after:?}") };
        assert_eq!(receipt.remote_id, "v1");
        YouTube.warnings(&after)
    };
    let rejected = json!({ "uploadStatus": "rejected", "rejectionReason": "duplicate" });
    assert_eq!(told(reply.clone(), rejected), ["YouTube rejected the video: duplicate"]);
    let failed = json!({ "uploadStatus": "failed", "failureReason": "codec" });
    assert_eq!(told(reply.clone(), failed), ["YouTube cannot use the file: codec"]);
    for fine in [json!(null), json!("odd"), json!({ "uploadStatus": 7 })] {
        assert_eq!(told(reply.clone(), fine), Vec::<String>::new());
    }
    reply.body = b"{}".to_vec();
    assert!(YouTube.read(&at, &reply, &rig.view(&content)).is_err());
}

#[test]
fn a_limit_behind_the_receipt_costs_the_playlist_alone() {
    let mut rig = connected("acme");
    let lists = [list(&rig, "")];
    let content = listed(film(&mut rig, 50), &[&lists[0]]);
    let account = Some("@acme".to_owned());
    let route = Some("playlistItems.insert".to_owned());
    rig.sim.control(&Control::Limit { account, route, reset_in_s: 30 }, rig.now);
    let (_, warnings) = cared(&mut rig, &content);
    assert!(warnings[0].contains("rateLimitExceeded"), "{warnings:?}");
    assert_eq!(rig.sim.accepted().len(), 1);
}

/// What a look at the video shows.
fn seen(rig: &mut Rig, at: &Checkpoint, content: &Content) -> Followed {
    let reply = rig.carry(&YouTube.follow(at).expect("it is out"));
    YouTube.followed(at, &reply, &rig.view(content))
}

/// The checkpoint of a film that is out.
fn out(rig: &mut Rig, content: &Content) -> Checkpoint {
    let mut at = rig.start(content);
    while let Ok(Ok(next)) = rig.step(&at, content) {
        assert_eq!(YouTube.follow(&at).map(|call| call.endpoint), None);
        at = next;
    }
    at
}

// case: Y-follow
#[test]
fn what_youtube_makes_of_a_video_later_is_seen() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 5_000);
    let first = out(&mut rig, &content);
    let second = out(&mut rig, &content);
    assert_eq!(seen(&mut rig, &first, &content), Followed::Working);
    rig.wait(20);
    assert_eq!(seen(&mut rig, &first, &content), Followed::Over(vec![]));
    let Followed::Over(told) = seen(&mut rig, &second, &content) else { panic!("it is over") };
    assert_eq!(told, ["YouTube rejected the video: duplicate"]);
    // What was told with the receipt is not told again.
    let mut known = second.clone();
    known.0["warnings"] = json!(told);
    assert_eq!(seen(&mut rig, &known, &content), Followed::Over(vec![]));
}
