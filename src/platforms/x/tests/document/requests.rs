//! What the adapter sends, for every kind of post and operation, is what the document takes.

use super::super::connected;
use super::Document;
use crate::port::{Operation, Publish, Verdict};
use crate::rig::{Rig, post, segment};
use crate::sim::Control;
use crate::x::X;
use domain::content::{Content, MediaKind, Segment};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A post with options of X.
fn with(options: &Value, text: &str) -> Content {
    Content { options: options.as_object().cloned().unwrap(), ..post(text) }
}

/// One kind of post; files are told by kind and size.
fn kinds(rig: &mut Rig) -> Vec<Content> {
    let mut kinds = vec![
        post("A text & a link https://example.com"),
        Content { segments: (1..=3).map(|n| segment(&format!("part {n}"))).collect(), ..post("") },
        with(&json!({ "poll": { "options": ["yes", "no"], "durationMinutes": 60 } }), "Well?"),
    ];
    for who in ["following", "mentionedUsers", "subscribers", "verified"] {
        kinds.push(with(&json!({ "replySettings": who }), &format!("For {who}")));
    }
    let mut film = |kind, size: usize, count: usize, alt: Option<&str>| {
        // A post names its own files, so each kind gets a rig's worth of them at its end.
        let media = (0..count).map(|_| rig.file(kind, vec![7; size], alt)).collect();
        let text = format!("{kind:?} {count} {alt:?}");
        Content { segments: vec![Segment { text, media }], ..Content::default() }
    };
    kinds.push(film(MediaKind::Image, 100, 4, Some("words for who does not see")));
    kinds.push(film(MediaKind::Image, 100, 1, None));
    kinds.push(film(MediaKind::Gif, 100, 1, Some("it moves")));
    kinds.push(film(MediaKind::Video, 5 * 1024 * 1024, 1, None));
    kinds.push(post(&"word ".repeat(100)));
    kinds
}

/// The files that a content uses, in its order.
fn keep_files_of(rig: &mut Rig, content: &Content) -> (Vec<Vec<u8>>, usize) {
    let all = rig.files.clone();
    let first = content.media().next().map(|used| used.id);
    let at = rig.assets.iter().position(|facts| Some(facts.id) == first).unwrap_or(0);
    (all, at)
}

/// Publishes every kind of post, and does everything else that can be done.
fn everything(rig: &mut Rig) {
    for content in kinds(rig) {
        let (files, at) = keep_files_of(rig, &content);
        let assets = rig.assets.clone();
        let count = content.media().count();
        rig.files = files[at..at + count].to_vec();
        rig.assets = assets[at..at + count].to_vec();
        rig.publish(&content).unwrap_or_else(|why| panic!("{content:?}: {why:?}"));
        (rig.files, rig.assets) = (files, assets);
    }
    let content = post("to be reposted");
    rig.publish(&content).unwrap();
    for operation in [Operation::Repost, Operation::Undo, Operation::Delete] {
        rig.operate(operation, &content).unwrap();
    }
    let content = post("looked for");
    let at = X.start(&rig.view(&content));
    rig.intended_at = Some(rig.now);
    assert!(matches!(rig.ask(&at, &content), Verdict::Absent(_)));
    let limits = json!({ "timelineDelayMs": 86_400_000 });
    assert!(rig.sim.control(&Control::Limits { limits }, rig.now));
    assert!(matches!(rig.ask(&at, &content), Verdict::Stale(_)));
}

// case: C-document-x
#[test]
fn every_request_is_as_documented() {
    let Some(document) = Document::open("every_request_is_as_documented") else { return };
    let mut rig = connected("premium_acme");
    everything(&mut rig);
    let mut seen = BTreeSet::new();
    for request in &rig.requests {
        // The document leaves OAuth's own endpoints out.
        if request.path.starts_with("/2/oauth2/") {
            continue;
        }
        let found = document.problems(request);
        let body = String::from_utf8_lossy(&request.body[..request.body.len().min(500)]);
        assert!(found.is_empty(), "{} {}\n{body}\n{found:#?}", request.method, request.path);
        let path = document.operation(request).unwrap().path.to_owned();
        seen.insert(format!("{} {path}", request.method));
    }
    let expected = [
        "DELETE /2/tweets/{id}",
        "DELETE /2/users/{id}/retweets/{source_tweet_id}",
        "GET /2/media/upload",
        "GET /2/tweets",
        "GET /2/users/me",
        "GET /2/users/{id}/tweets",
        "POST /2/media/metadata",
        "POST /2/media/upload/initialize",
        "POST /2/media/upload/{id}/append",
        "POST /2/media/upload/{id}/finalize",
        "POST /2/tweets",
        "POST /2/users/{id}/retweets",
    ];
    assert_eq!(seen, expected.map(str::to_owned).into());
}
