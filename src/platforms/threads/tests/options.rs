//! What may be said to Threads, in both profiles.

use super::{connected, forms};
use crate::port::Platform;
use crate::rig::post;
use crate::sim::http::field;
use crate::threads::Threads;
use domain::capability::{Profile, check};
use domain::content::{AssetFacts, Content, MediaKind};
use domain::rejection::{Rejection, Rule};
use domain::request;
use domain::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Files of a post: how many pictures, how many films.
type Files = (usize, usize);

fn id(number: usize) -> String {
    format!("med_{:032x}", number + 1)
}

fn facts((pictures, films): Files) -> Vec<AssetFacts> {
    let kinds =
        [(MediaKind::Image, "image/jpeg", pictures), (MediaKind::Video, "video/mp4", films)];
    let kinds = kinds.into_iter().flat_map(|(kind, mime, count)| vec![(kind, mime); count]);
    let made = kinds.enumerate().map(|(number, (kind, mime))| AssetFacts {
        id: id(number).parse().unwrap(),
        kind,
        mime: mime.into(),
        size_bytes: 1_000,
        width: 1_080,
        height: 1_080,
        duration_ms: (kind == MediaKind::Video).then_some(300_000),
        codec: None,
        frame_rate: None,
        frames: None,
        sha256: String::new(),
    });
    made.collect()
}

fn judge(profile: Profile, own: &Value, files: &[AssetFacts]) -> (Content, Vec<Rejection>) {
    let media: Vec<Value> = files.iter().map(|facts| json!({ "id": facts.id })).collect();
    let body = json!({
        "brandSlug": "acme", "text": "Well?", "platforms": ["threads"], "media": media,
        "threads": own,
    });
    let now = Timestamp::from_seconds(1_800_000_000);
    let draft = request::parse(&body, &crate::names(), now).unwrap();
    let mut found = Vec::new();
    let content = Threads.content(profile, &draft, &mut found);
    let assets: BTreeMap<_, _> = files.iter().map(|facts| (facts.id, facts.clone())).collect();
    found.extend(check("threads", Threads.capabilities(profile, "standard"), &content, &assets));
    (content, found)
}

fn poll(options: &[&str], minutes: u64) -> Value {
    json!({ "poll": { "options": options, "durationMinutes": minutes } })
}

/// What the extended profile takes at its limits, and the product's table does not.
fn extended_only() -> Vec<(Value, Files)> {
    let longest = "a".repeat(25);
    vec![
        (json!({}), (0, 1)),
        (json!({}), (10, 10)),
        (json!({}), (11, 0)),
        (json!({ "thread": vec!["b"; 24] }), (0, 0)),
        (
            json!({ "thread": ["\u{e9}".repeat(500), { "text": "", "media": [{ "id": id(0) }] }] }),
            (1, 0),
        ),
        (poll(&[&longest, "b"], 1_440), (0, 0)),
        (poll(&["a", "b", "c", "d"], 1_440), (0, 0)),
        (json!({ "replyControl": "parent_post_author_only" }), (0, 0)),
        (json!({ "replyControl": "followers_only" }), (0, 0)),
    ]
}

// case: spec-T1
#[test]
fn the_extended_profile_takes_more_and_the_products_table_does_not() {
    for (own, files) in extended_only() {
        let files = facts(files);
        let (content, found) = judge(Profile::Extended, &own, &files);
        assert_eq!(found, [], "{own}");
        let options = Value::Object(content.options.clone());
        let back: crate::threads::options::Options =
            serde_json::from_value(options.clone()).unwrap();
        assert_eq!(json!(back), options);
        let (_, found) = judge(Profile::Spec, &own, &files);
        assert!(!found.is_empty(), "{own}");
    }
}

// case: spec-T1
#[test]
fn the_extended_profile_ends_where_the_platform_does() {
    use Rule::{Conflict, NotSupported, OutOfRange, Required, TooMuch};
    let links: String = (0..6).map(|n| format!("https://a.co/{n} ")).collect();
    let long = "a".repeat(501);
    let wide = "a".repeat(26);
    let table: Vec<(Value, Files, &str, Rule, Value, Value)> = vec![
        (json!({}), (11, 10), "threads.media", TooMuch, json!(20), json!(21)),
        (
            json!({ "thread": vec!["b"; 25] }),
            (0, 0),
            "threads.thread",
            TooMuch,
            json!(25),
            json!(26),
        ),
        (
            json!({ "thread": ["b", long] }),
            (0, 0),
            "threads.thread[1].text",
            TooMuch,
            json!(500),
            json!(501),
        ),
        (
            json!({ "thread": [links] }),
            (0, 0),
            "threads.thread[0].text",
            TooMuch,
            json!(5),
            json!(6),
        ),
        (
            json!({ "thread": [" "] }),
            (0, 0),
            "threads.thread[0].text",
            Required,
            json!(1),
            json!(0),
        ),
        (poll(&["a"], 1_440), (0, 0), "threads.poll.options", OutOfRange, json!([2, 4]), json!(1)),
        (
            poll(&["a"; 5], 1_440),
            (0, 0),
            "threads.poll.options",
            OutOfRange,
            json!([2, 4]),
            json!(5),
        ),
        (
            poll(&["a", &wide], 1_440),
            (0, 0),
            "threads.poll.options[1]",
            OutOfRange,
            json!([1, 25]),
            json!(26),
        ),
        (
            poll(&["a", "b"], 1_439),
            (0, 0),
            "threads.poll.durationMinutes",
            OutOfRange,
            json!([1_440]),
            json!(1_439),
        ),
        (poll(&["a", "b"], 1_440), (1, 0), "threads.poll", Conflict, json!(0), json!(1)),
        (
            json!({ "replyControl": "nobody" }),
            (0, 0),
            "threads.replyControl",
            OutOfRange,
            json!([
                "everyone",
                "accounts_you_follow",
                "mentioned_only",
                "parent_post_author_only",
                "followers_only"
            ]),
            json!("nobody"),
        ),
    ];
    for (own, files, field, rule, limit, actual) in table {
        let (_, found) = judge(Profile::Extended, &own, &facts(files));
        let [one] = found.as_slice() else { panic!("{own}: {found:#?}") };
        let told = (one.field.as_str(), one.rule, &one.limit, &one.actual);
        assert_eq!(told, (field, rule, &limit, &actual), "{own}");
        assert!(!one.resolution.is_empty());
    }
    let mut film = facts((0, 1));
    film[0].duration_ms = Some(300_001);
    let (_, found) = judge(Profile::Extended, &json!({}), &film);
    assert_eq!((&found[0].limit, &found[0].actual), (&json!(300_000), &json!(300_001)));
    let mut gif = facts((1, 0));
    (gif[0].kind, gif[0].mime) = (MediaKind::Gif, "image/gif".into());
    let (_, found) = judge(Profile::Extended, &json!({}), &gif);
    assert_eq!(found[0].rule, NotSupported);
}

#[test]
fn what_the_products_table_takes_reads_alike_in_the_extended_profile() {
    let all = [("everyone", 10), ("accounts_you_follow", 1), ("mentioned_only", 0)];
    for (control, pictures) in all {
        let (own, files) = (json!({ "replyControl": control }), facts((pictures, 0)));
        let (narrow, found) = judge(Profile::Spec, &own, &files);
        assert_eq!(found, []);
        let (wide, found) = judge(Profile::Extended, &own, &files);
        assert_eq!((wide, found.len()), (narrow, 0), "{own}");
    }
}

#[test]
fn a_poll_and_who_may_reply_travel_with_the_first_part_alone() {
    let own = json!({
        "poll": { "options": ["yes", "n\"o", "c"], "durationMinutes": 1_440 },
        "replyControl": "followers_only", "thread": ["two"],
    });
    let (content, found) = judge(Profile::Extended, &own, &[]);
    assert_eq!(found, []);
    let mut rig = connected("acme");
    rig.publish(&content).unwrap();
    let forms = forms(&rig);
    let asked: Value = serde_json::from_str(&field(&forms[0], "poll_attachment").unwrap()).unwrap();
    assert_eq!(asked, json!({ "option_a": "yes", "option_b": "n\"o", "option_c": "c" }));
    assert_eq!(field(&forms[0], "reply_control").as_deref(), Some("followers_only"));
    assert_eq!(field(&forms[1], "poll_attachment"), None);
    assert_eq!(field(&forms[1], "reply_control"), None);
    let page = rig.page("/feed");
    assert!(page.contains("yes") && page.contains("In reply to 18"), "{page}");
    rig.publish(&post("without any")).unwrap();
}
