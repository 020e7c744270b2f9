//! The extended table and the options beyond it, at each limit and one past it.

use crate::rules_tests::judge;
use domain::capability::Profile;
use domain::content::{AssetFacts, MediaKind};
use domain::rejection::{Rejection, Rule};
use serde_json::{Value, json};

const MB: u64 = 1024 * 1024;
const SLIDES: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";

fn file(kind: MediaKind, mime: &str, size_bytes: u64) -> AssetFacts {
    AssetFacts {
        id: format!("med_{:032x}", 0).parse().unwrap(),
        kind,
        mime: mime.to_owned(),
        size_bytes,
        width: 1_080,
        height: 1_080,
        duration_ms: (kind == MediaKind::Video).then_some(10_000),
        codec: None,
        frame_rate: None,
        frames: None,
        sha256: String::new(),
    }
}

fn film(size_bytes: u64) -> AssetFacts {
    file(MediaKind::Video, "video/mp4", size_bytes)
}

fn lasting(ms: u64) -> AssetFacts {
    AssetFacts { duration_ms: Some(ms), ..film(MB) }
}

fn shaped(width: u32, height: u32) -> AssetFacts {
    AssetFacts { width, height, ..film(MB) }
}

fn pdf(size_bytes: u64) -> AssetFacts {
    let facts = file(MediaKind::Document, "application/pdf", size_bytes);
    AssetFacts { width: 0, height: 0, ..facts }
}

fn told(profile: Profile, own: &Value, files: &[AssetFacts]) -> Vec<Rejection> {
    ["personal", "organization"].map(|kind| judge(profile, "linkedin", kind, own, files).1).concat()
}

fn poll(question: usize, options: &[usize], minutes: u64) -> Value {
    let options: Vec<String> = options.iter().map(|length| "é".repeat(*length)).collect();
    let question = "é".repeat(question);
    json!({ "poll": { "question": question, "options": options, "durationMinutes": minutes } })
}

// case: L-rules
#[test]
fn what_lies_at_the_limits_of_linkedin_is_taken() {
    let none = json!({});
    let taken = [
        (json!({ "text": "a".repeat(3_000) }), vec![]),
        (none.clone(), vec![film(75 * 1024)]),
        (none.clone(), vec![film(500 * MB)]),
        (none.clone(), vec![lasting(3_000)]),
        (none.clone(), vec![lasting(1_800_000)]),
        (none.clone(), vec![shaped(240, 100)]),
        (none.clone(), vec![pdf(100 * MB)]),
        (none.clone(), vec![file(MediaKind::Document, SLIDES, 1)]),
        (none, vec![file(MediaKind::Gif, "image/gif", 8 * MB)]),
        (json!({ "documentTitle": "é".repeat(400) }), vec![pdf(1)]),
        (poll(140, &[30, 30], 1_440), vec![]),
        (poll(1, &[1, 1, 1, 1], 20_160), vec![]),
        (json!({ "text": "@[Acme](urn:li:organization:1) @[Ann](urn:li:person:a)" }), vec![]),
    ];
    for (own, files) in taken {
        assert_eq!(told(Profile::Extended, &own, &files), [], "{own}");
    }
}

// case: L-rules
#[test]
fn what_lies_past_them_is_told() {
    use Rule::{Conflict, OutOfRange, Required, TooMuch};
    let none = json!({});
    let refused = [
        (none.clone(), vec![film(75 * 1024 - 1)], "media[0]", OutOfRange, json!(76_800)),
        (none.clone(), vec![film(500 * MB + 1)], "media[0]", TooMuch, json!(500 * MB)),
        (none.clone(), vec![lasting(2_999)], "media[0]", OutOfRange, json!(3_000)),
        (none.clone(), vec![lasting(1_800_001)], "media[0]", TooMuch, json!(1_800_000)),
        (none.clone(), vec![shaped(241, 100)], "media[0]", TooMuch, json!(240)),
        (none.clone(), vec![shaped(100, 250)], "media[0]", OutOfRange, json!(41)),
        (none.clone(), vec![film(MB); 2], "media", TooMuch, json!(1)),
        (none.clone(), vec![pdf(100 * MB + 1)], "media[0]", TooMuch, json!(100 * MB)),
        (none.clone(), vec![pdf(1); 2], "media", TooMuch, json!(1)),
        (none, vec![pdf(1), film(MB)], "media", Conflict, json!(1)),
        (
            json!({ "documentTitle": "é".repeat(401) }),
            vec![],
            "documentTitle",
            OutOfRange,
            json!([1, 400]),
        ),
        (json!({ "documentTitle": " " }), vec![], "documentTitle", OutOfRange, json!([1, 400])),
        (poll(141, &[1, 1], 1_440), vec![], "poll.question", OutOfRange, json!([1, 140])),
        (poll(1, &[31, 1], 1_440), vec![], "poll.options[0]", OutOfRange, json!([1, 30])),
        (poll(1, &[1], 1_440), vec![], "poll.options", OutOfRange, json!([2, 4])),
        (poll(1, &[1; 5], 1_440), vec![], "poll.options", OutOfRange, json!([2, 4])),
        (
            poll(1, &[1, 1], 60),
            vec![],
            "poll.durationMinutes",
            OutOfRange,
            json!([1_440, 4_320, 10_080, 20_160]),
        ),
        (poll(1, &[1, 1], 1_440), vec![pdf(1)], "poll", Conflict, json!(0)),
        (json!({ "text": "a".repeat(3_001) }), vec![], "text", TooMuch, json!(3_000)),
        (json!({ "text": "" }), vec![], "text", Required, json!(1)),
    ];
    for (own, files, field, rule, limit) in refused {
        let found = told(Profile::Extended, &own, &files);
        assert_eq!(found.len(), 2, "{own}: {found:#?}");
        for one in found {
            let actual = (one.field.as_str(), one.rule, &one.limit);
            assert_eq!(actual, (format!("linkedin.{field}").as_str(), rule, &limit), "{own}");
            assert!(!one.resolution.is_empty());
        }
    }
}

// case: L-mentions
#[test]
fn a_mention_of_nobody_is_refused_in_both_profiles() {
    let own = json!({ "text": "Hi @[Acme](urn:li:company:12) and @[b](https://b.co)" });
    for profile in [Profile::Spec, Profile::Extended] {
        let found = told(profile, &own, &[]);
        assert_eq!(found.len(), 2, "{found:#?}");
        assert_eq!((found[0].field.as_str(), found[0].rule), ("linkedin.text", Rule::OutOfRange));
        assert_eq!(found[0].actual, "urn:li:company:12");
    }
}

// case: spec-L1
#[test]
fn a_repost_is_refused_under_every_name_and_documents_belong_to_the_wider_profile() {
    let names = ["repost", "reshare", "repostOf", "reshareOf", "reshareContext", "autoRepost"];
    for name in names {
        for profile in [Profile::Spec, Profile::Extended] {
            let found = told(profile, &json!({ name: "urn:li:share:1" }), &[]);
            assert_eq!(found.len(), 2, "{name}: {found:#?}");
            assert!(found[0].message.contains("no programmatic repost"), "{found:?}");
            assert_eq!(found[0].rule, Rule::NotSupported);
        }
    }
    for own in [json!({ "documentTitle": "a" }), poll(1, &[1, 1], 1_440)] {
        let found = told(Profile::Spec, &own, &[]);
        assert_eq!((found.len(), found[0].rule), (2, Rule::NotSupported), "{found:#?}");
    }
}
