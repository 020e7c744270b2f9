//! What goes out beyond the product's table: documents, polls, GIFs, and each of them after a
//! lost answer.

use super::films::film;
use super::{body, calls, limit, page, person};
use crate::linkedin::LinkedIn;
use crate::port::{Reconcile, Step, Verdict};
use crate::rig::{Rig, post};
use domain::content::{Content, MediaKind, Segment};
use domain::failure::Effect;
use serde_json::json;

/// A post with one file.
fn with(rig: &mut Rig, kind: MediaKind, text: &str) -> Content {
    let media = vec![rig.file(kind, vec![7; 100_000], None)];
    Content { segments: vec![Segment { text: text.into(), media }], ..Content::default() }
}

fn options(content: Content, options: serde_json::Value) -> Content {
    Content { options: options.as_object().cloned().unwrap(), ..content }
}

fn poll(text: &str, answers: &[&str]) -> Content {
    let poll = json!({ "question": "Which?", "options": answers, "durationMinutes": 4_320 });
    options(post(text), json!({ "poll": poll }))
}

// case: L-document
#[test]
fn a_document_has_a_title() {
    for (text, title, shown) in [
        ("\n Our report \nand more", None, "Our report"),
        ("Look", Some(" The year "), "The year"),
        ("", None, "Document"),
    ] {
        let mut rig = person("acme");
        let mut content = with(&mut rig, MediaKind::Document, text);
        if let Some(title) = title {
            content = options(content, json!({ "documentTitle": title }));
        }
        rig.publish(&content).unwrap();
        let sent = body(&rig, "/rest/posts");
        assert_eq!(sent["content"]["media"]["title"], shown);
        assert!(sent["content"]["media"]["id"].as_str().unwrap().starts_with("urn:li:document:"));
        assert_eq!(calls(&rig, "documents.upload"), 1);
        assert!(rig.page("/feed").contains(&format!("<h1>{shown}</h1>")));
    }
}

#[test]
fn the_state_of_a_document_may_be_hidden_and_that_of_a_film_is_not() {
    let mut rig = person("acme");
    limit(&mut rig, json!({ "hidesImageStatus": true }));
    let content = with(&mut rig, MediaKind::Document, "Blind");
    let at = rig.until("documents.status", &content);
    let (at, _) = rig.step(&at, &content).unwrap_err();
    rig.publish_from(at, &content).unwrap();
    assert_eq!(calls(&rig, "documents.status"), 1);

    let (mut rig, content) = film(person("acme"), "Seen");
    limit(&mut rig, json!({ "hidesImageStatus": true }));
    rig.publish(&content).unwrap();
    assert_eq!(calls(&rig, "videos.status"), 2);
}

// case: L-poll
#[test]
fn a_poll_asks_what_it_was_told_to() {
    let mut rig = page("acme");
    rig.publish(&poll("Vote!", &["a", "b", "c"])).unwrap();
    let sent = body(&rig, "/rest/posts");
    let options = json!([{ "text": "a" }, { "text": "b" }, { "text": "c" }]);
    let settings = json!({ "duration": "THREE_DAYS" });
    let wanted = json!({ "question": "Which?", "options": options, "settings": settings });
    assert_eq!(sent["content"], json!({ "poll": wanted }));
    assert!(rig.page("/feed").contains("<div>Which?</div><div>a</div>"));
}

#[test]
fn another_poll_of_the_same_words_is_no_proof() {
    let mut rig = page("acme");
    let content = poll("Vote!", &["a", "b"]);
    let at = rig.start(&content);
    rig.intended_at = Some(rig.now);
    let intended_at = rig.intended_at;
    rig.publish(&poll("Vote!", &["a", "c"])).unwrap();
    rig.intended_at = intended_at;
    rig.wait(120);
    let verdict = rig.ask(&at, &content);
    assert!(matches!(verdict, Verdict::Undecided(_)), "{verdict:?}");
}

/// One of each kind, on a simulator of its own.
fn each() -> Vec<(&'static str, Rig, Content)> {
    let mut all = Vec::new();
    for connect in [person, page] {
        let (rig, content) = film(connect("acme"), "A film");
        all.push(("a film", rig, content));
        let mut rig = connect("acme");
        let content = with(&mut rig, MediaKind::Document, "A document");
        all.push(("a document", rig, content));
        let mut rig = connect("acme");
        let content = with(&mut rig, MediaKind::Gif, "A GIF");
        all.push(("a GIF", rig, content));
        all.push(("a poll", connect("acme"), poll("A poll", &["a", "b"])));
        all.push(("a long text", connect("acme"), post(&"long ".repeat(600))));
    }
    all
}

fn is_out(name: &str, rig: &mut Rig, content: &Content) {
    let accepted = rig.sim.accepted();
    assert_eq!(accepted.len(), 1, "{name}: {accepted:?}");
    assert_eq!(accepted[0].text, content.segments[0].text, "{name}");
}

// case: L-lost
#[test]
fn what_goes_beyond_the_table_survives_every_lost_answer() {
    for lost in 0.. {
        let mut is_any = false;
        for (name, mut rig, content) in each() {
            let mut at = rig.start(&content);
            let mut steps = 0;
            while steps < lost && !matches!(rig.next(&at, &content), Step::Published(_)) {
                at = rig.step(&at, &content).unwrap().unwrap();
                steps += 1;
            }
            match rig.next(&at, &content) {
                Step::Published(_) => continue,
                Step::Wait(_) => {}
                Step::Call(call) if call.effect == Effect::Repeatable => drop(rig.carry(&call)),
                Step::Call(_) => {
                    rig.lose(&at, &content);
                    rig.wait(120);
                    if LinkedIn.ask(&at, 0, &rig.view(&content)).is_none() {
                        assert_eq!(rig.facts.kind, "personal", "{name}");
                        continue;
                    }
                    let verdict = rig.ask(&at, &content);
                    let Verdict::Found { checkpoint, .. } = verdict else {
                        panic!("{name}: {verdict:?}");
                    };
                    at = checkpoint;
                }
            }
            is_any = true;
            rig.publish_from(at, &content).unwrap();
            is_out(&format!("{name}, step {lost}"), &mut rig, &content);
        }
        if !is_any {
            assert!(lost > 8, "a film has more steps");
            return;
        }
    }
}

#[test]
fn what_a_simulator_kept_of_them_restores_it() {
    for (name, mut rig, content) in each() {
        // The size of parts that a test orders is no request: here it is LinkedIn's own.
        limit(&mut rig, json!({ "partBytes": 4 * 1024 * 1024 }));
        rig.publish(&content).unwrap();
        let mut restored = rig.restored();
        assert_eq!(restored.accepted(), rig.sim.accepted(), "{name}");
        let feed = rig.page("/feed");
        std::mem::swap(&mut rig.sim, &mut restored);
        assert_eq!(rig.page("/feed"), feed, "{name}");
    }
}

// case: L-lost
#[test]
fn what_never_arrived_is_absent_and_goes_out() {
    for (name, mut rig, content) in each() {
        if rig.facts.kind == "personal" {
            continue;
        }
        let at = rig.until_irreversible(&content);
        rig.intended_at = Some(rig.now);
        rig.wait(120);
        let verdict = rig.ask(&at, &content);
        let Verdict::Absent(at) = verdict else { panic!("{name}: {verdict:?}") };
        rig.publish_from(at, &content).unwrap();
        is_out(name, &mut rig, &content);
    }
}
