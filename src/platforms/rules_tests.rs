//! The whole capability table from outside: a post is read, made into content and checked, and
//! each bad one is told with field, rule, limit and actual value.

mod cells;

use crate::find;
use domain::capability::{Profile, assets_named, check};
use domain::content::{AssetFacts, Content, MediaKind};
use domain::id::AssetId;
use domain::rejection::{Rejection, RejectionType, Rule};
use domain::request;
use domain::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const MB: u64 = 1024 * 1024;

/// Platform, kind of account, what is said to the platform, files; field, rule, limit, actual.
type Bad = (&'static str, &'static str, Value, Vec<AssetFacts>, &'static str, Rule, Value, Value);
/// Platform, kind of account, what is said to the platform, files.
type Good = (&'static str, &'static str, Value, Vec<AssetFacts>);

fn id(n: usize) -> String {
    format!("med_{n:032x}")
}

fn file(kind: MediaKind, mime: &str) -> AssetFacts {
    AssetFacts {
        id: id(0).parse().unwrap(),
        kind,
        mime: mime.to_owned(),
        size_bytes: 1_000,
        width: 1_080,
        height: 1_080,
        duration_ms: (kind == MediaKind::Video).then_some(10_000),
        codec: None,
        frame_rate: None,
        frames: None,
        sha256: String::new(),
    }
}

fn jpeg() -> AssetFacts {
    file(MediaKind::Image, "image/jpeg")
}

fn gif() -> AssetFacts {
    file(MediaKind::Gif, "image/gif")
}

fn video() -> AssetFacts {
    file(MediaKind::Video, "video/mp4")
}

fn document() -> AssetFacts {
    AssetFacts { width: 0, height: 0, ..file(MediaKind::Document, "application/pdf") }
}

fn sized(size_bytes: u64, facts: AssetFacts) -> Vec<AssetFacts> {
    vec![AssetFacts { size_bytes, ..facts }]
}

fn lasting(ms: u64) -> Vec<AssetFacts> {
    vec![AssetFacts { duration_ms: Some(ms), ..video() }]
}

fn shaped(width: u32, height: u32, facts: AssetFacts) -> Vec<AssetFacts> {
    vec![AssetFacts { width, height, ..facts }]
}

/// Reads and checks a post that is good but for `own` and `files`.
pub(crate) fn judge(
    profile: Profile,
    name: &str,
    kind: &str,
    own: &Value,
    files: &[AssetFacts],
) -> (Content, Vec<Rejection>) {
    let numbered = files.iter().enumerate().map(|(n, facts)| {
        let id: AssetId = id(n + 1).parse().unwrap();
        (id, AssetFacts { id, ..facts.clone() })
    });
    let assets: BTreeMap<AssetId, AssetFacts> = numbered.collect();
    let media: Vec<Value> = assets.keys().map(|id| json!({"id": id})).collect();
    let mut object = if name == "youtube" { json!({"title": "Live"}) } else { json!({}) };
    for (field, value) in own.as_object().unwrap() {
        object[field] = value.clone();
    }
    let mut body =
        json!({"brandSlug": "acme", "text": "We are live", "platforms": [name], "media": media});
    body[name] = object;
    let platform = find(name).unwrap();
    let now = Timestamp::from_seconds(1_800_000_000);
    let draft = match request::parse(&body, &crate::names(), now) {
        Ok(draft) => draft,
        Err(found) => return (Content::default(), found),
    };
    let mut found = Vec::new();
    let content = platform.content(profile, &draft, &mut found);
    found.extend(check(platform.name(), platform.capabilities(profile, kind), &content, &assets));
    (content, found)
}

#[rustfmt::skip]
fn bad_texts() -> Vec<Bad> {
    use Rule::{NotSupported, OutOfRange, Required, TooMuch, WrongType};
    let long = |n: usize| json!({"text": "a".repeat(n)});
    let one = || vec![jpeg()];
    let film = || vec![video()];
    vec![
        ("x", "standard", long(281), vec![], "x.text", TooMuch, json!(280), json!(281)),
        ("x", "premium", long(25_001), vec![], "x.text", TooMuch, json!(25_000), json!(25_001)),
        ("x", "standard", json!({"text": "日".repeat(141)}), vec![],
            "x.text", TooMuch, json!(280), json!(282)),
        ("x", "standard", json!({"text": format!("{} a.co", "a".repeat(257))}), vec![],
            "x.text", TooMuch, json!(280), json!(281)),
        ("x", "standard", json!({"text": ""}), vec![], "x.text", Required, json!(1), json!(0)),
        ("x", "standard", json!({"text": " \n"}), vec![], "x.text", Required, json!(1), json!(0)),
        ("x", "standard", json!({"text": "$ACME and $ACNE"}), vec![],
            "x.text", TooMuch, json!(1), json!(2)),
        ("x", "standard", json!({"text": 7}), vec![],
            "x.text", WrongType, json!("a text"), json!("a number")),
        ("x", "standard", json!({"thread": ["a".repeat(281)]}), vec![],
            "x.thread[0].text", TooMuch, json!(280), json!(281)),
        ("x", "standard", json!({"thread": ["b", {"text": ""}]}), vec![],
            "x.thread[1].text", Required, json!(1), json!(0)),
        ("x", "standard", json!({"thread": vec!["b"; 25]}), vec![],
            "x.thread", TooMuch, json!(25), json!(26)),
        ("linkedin", "personal", long(3_001), vec![],
            "linkedin.text", TooMuch, json!(3_000), json!(3_001)),
        ("linkedin", "organization", long(701), vec![],
            "linkedin.text", TooMuch, json!(700), json!(701)),
        ("linkedin", "personal", json!({"text": ""}), vec![],
            "linkedin.text", Required, json!(1), json!(0)),
        ("instagram", "business", long(2_201), one(),
            "instagram.text", TooMuch, json!(2_200), json!(2_201)),
        ("instagram", "business", json!({"text": "#a ".repeat(31)}), one(),
            "instagram.text", TooMuch, json!(30), json!(31)),
        ("instagram", "business", json!({"text": "@a ".repeat(21)}), one(),
            "instagram.text", TooMuch, json!(20), json!(21)),
        ("threads", "standard", long(501), vec![],
            "threads.text", TooMuch, json!(500), json!(501)),
        ("threads", "standard", json!({"text": format!("{}😀", "a".repeat(497))}), vec![],
            "threads.text", TooMuch, json!(500), json!(501)),
        ("threads", "standard",
            json!({"text": (0..6).map(|n| format!("https://a.co/{n} ")).collect::<String>()}),
            vec![], "threads.text", TooMuch, json!(5), json!(6)),
        ("threads", "standard", json!({"text": ""}), vec![],
            "threads.text", Required, json!(1), json!(0)),
        ("youtube", "standard", long(5_001), film(),
            "youtube.text", TooMuch, json!(5_000), json!(5_001)),
        ("youtube", "standard", json!({"description": "é".repeat(2_501)}), film(),
            "youtube.description", TooMuch, json!(5_000), json!(5_002)),
        ("youtube", "standard", json!({"text": "a < b"}), film(), "youtube.text", OutOfRange,
            json!("any character but < and >"), json!("<")),
        ("linkedin", "personal", json!({"thread": ["b"]}), vec![],
            "linkedin.thread", NotSupported, json!(null), json!("a list")),
        ("instagram", "business", json!({"thread": ["b"]}), one(),
            "instagram.thread", NotSupported, json!(null), json!("a list")),
        ("threads", "standard", json!({"thread": ["b"]}), vec![],
            "threads.thread", NotSupported, json!(null), json!("a list")),
        ("youtube", "standard", json!({"thread": ["b"]}), film(),
            "youtube.thread", NotSupported, json!(null), json!("a list")),
    ]
}

#[rustfmt::skip]
fn bad_media() -> Vec<Bad> {
    use Rule::{Conflict, NotFound, NotSupported, OutOfRange, Required, TooMuch};
    let none = || json!({});
    let png = || file(MediaKind::Image, "image/png");
    let (x, li, ig) = ("x", "linkedin", "instagram");
    let (std, own, biz) = ("standard", "personal", "business");
    let cover = id(2);
    vec![
        (x, std, none(), vec![jpeg(); 5], "x.media", TooMuch, json!(4), json!(5)),
        (x, std, none(), vec![gif(); 2], "x.media", TooMuch, json!(1), json!(2)),
        (x, std, none(), vec![video(); 2], "x.media", TooMuch, json!(1), json!(2)),
        (x, std, none(), vec![jpeg(), video()],
            "x.media", Conflict, json!(1), json!(["images", "videos"])),
        (x, std, none(), sized(5 * MB + 1, jpeg()),
            "x.media[0]", TooMuch, json!(5 * MB), json!(5 * MB + 1)),
        (x, std, none(), sized(15 * MB + 1, gif()),
            "x.media[0]", TooMuch, json!(15 * MB), json!(15 * MB + 1)),
        (x, std, none(), sized(512 * MB + 1, video()),
            "x.media[0]", TooMuch, json!(512 * MB), json!(512 * MB + 1)),
        (x, std, none(), lasting(140_001), "x.media[0]", TooMuch, json!(140_000), json!(140_001)),
        (x, std, none(), lasting(499), "x.media[0]", OutOfRange, json!(500), json!(499)),
        (x, std, none(), shaped(1_281, 720, video()),
            "x.media[0]", TooMuch, json!(1_280), json!(1_281)),
        (x, std, none(), shaped(301, 100, video()), "x.media[0]", TooMuch, json!(300), json!(301)),
        (x, std, none(), vec![file(MediaKind::Image, "image/bmp")], "x.media[0]", OutOfRange,
            json!(["image/jpeg", "image/png", "image/webp"]), json!("image/bmp")),
        (x, std, json!({"media": [{"id": id(9)}]}), vec![],
            "x.media[0].id", NotFound, json!(null), json!(id(9))),
        (x, std, json!({"media": [{"id": id(1), "altText": "a".repeat(1_001)}]}), vec![jpeg()],
            "x.media[0].altText", TooMuch, json!(1_000), json!(1_001)),
        (li, own, none(), vec![jpeg(); 21], "linkedin.media", TooMuch, json!(20), json!(21)),
        (li, own, none(), vec![video()], "linkedin.media[0]", NotSupported, json!(0), json!(1)),
        (li, own, none(), vec![gif()], "linkedin.media[0]", NotSupported, json!(0), json!(1)),
        (x, std, none(), vec![document()], "x.media[0]", NotSupported, json!(0), json!(1)),
        (li, own, none(), vec![document()], "linkedin.media[0]", NotSupported, json!(0), json!(1)),
        (ig, biz, none(), vec![document()], "instagram.media[0]", NotSupported, json!(0), json!(1)),
        ("threads", std, none(), vec![document()],
            "threads.media[0]", NotSupported, json!(0), json!(1)),
        ("youtube", std, none(), vec![document()],
            "youtube.media[0]", NotSupported, json!(0), json!(1)),
        (li, own, none(), sized(8 * MB + 1, jpeg()),
            "linkedin.media[0]", TooMuch, json!(8 * MB), json!(8 * MB + 1)),
        (ig, biz, none(), vec![], "instagram.media", Required, json!(1), json!(0)),
        (ig, biz, none(), vec![jpeg(); 11], "instagram.media", TooMuch, json!(10), json!(11)),
        (ig, biz, none(), vec![video(); 2], "instagram.media", TooMuch, json!(1), json!(2)),
        (ig, biz, none(), vec![gif()], "instagram.media[0]", NotSupported, json!(0), json!(1)),
        (ig, biz, none(), vec![png()],
            "instagram.media[0]", OutOfRange, json!(["image/jpeg"]), json!("image/png")),
        (ig, biz, none(), shaped(192, 100, jpeg()),
            "instagram.media[0]", TooMuch, json!(191), json!(192)),
        (ig, biz, none(), shaped(79, 100, jpeg()),
            "instagram.media[0]", OutOfRange, json!(80), json!(79)),
        (ig, biz, none(), lasting(900_001),
            "instagram.media[0]", TooMuch, json!(900_000), json!(900_001)),
        (ig, biz, json!({"kind": "reel"}), vec![jpeg()],
            "instagram.media[0]", Conflict, json!(["videos"]), json!("images")),
        (ig, biz, json!({"kind": "feed"}), vec![video()],
            "instagram.media[0]", Conflict, json!(["images"]), json!("videos")),
        (ig, biz, json!({"media": [{"id": id(1)}], "coverMediaId": cover}), vec![video(), png()],
            "instagram.coverMediaId", OutOfRange, json!(["image/jpeg"]), json!("image/png")),
        (ig, biz, json!({"coverMediaId": id(9)}), vec![video()],
            "instagram.coverMediaId", NotFound, json!(null), json!(id(9))),
        ("threads", std, none(), vec![jpeg(); 11], "threads.media", TooMuch, json!(10), json!(11)),
        ("threads", std, none(), vec![video()],
            "threads.media[0]", NotSupported, json!(0), json!(1)),
        ("threads", std, none(), vec![gif()], "threads.media[0]", NotSupported, json!(0), json!(1)),
        ("youtube", std, none(), vec![], "youtube.media", Required, json!(1), json!(0)),
        ("youtube", std, none(), vec![video(); 2], "youtube.media", TooMuch, json!(1), json!(2)),
        ("youtube", std, none(), vec![jpeg()],
            "youtube.media[0]", NotSupported, json!(0), json!(1)),
        ("youtube", std, none(), vec![gif()], "youtube.media[0]", NotSupported, json!(0), json!(1)),
    ]
}

#[rustfmt::skip]
fn bad_options() -> Vec<Bad> {
    use Rule::{Conflict, NotSupported, OutOfRange, Required, TooMuch, UnknownField, WrongType};
    let (x, li, ig, th, yt) = ("x", "linkedin", "instagram", "threads", "youtube");
    let (std, own, biz) = ("standard", "personal", "business");
    let poll = |options: &[&str], minutes: u64| {
        json!({"poll": {"options": options, "durationMinutes": minutes}})
    };
    let one = || vec![jpeg()];
    let film = || vec![video()];
    let long = "a".repeat(26);
    let angles = json!("any character but < and >");
    let repost = json!({"after": "PT8H", "times": 3});
    let later = json!({"after": "PT1M", "times": 3});
    vec![
        (x, std, poll(&["a", "b", "c", "d", "e"], 60), vec![],
            "x.poll.options", OutOfRange, json!([2, 4]), json!(5)),
        (x, std, poll(&["a"], 60), vec![], "x.poll.options", OutOfRange, json!([2, 4]), json!(1)),
        (x, std, poll(&["a", &long], 60), vec![],
            "x.poll.options[1]", OutOfRange, json!([1, 25]), json!(26)),
        (x, std, poll(&["a", "b"], 4), vec![],
            "x.poll.durationMinutes", OutOfRange, json!([5, 10_080]), json!(4)),
        (x, std, poll(&["a", "b"], 10_081), vec![],
            "x.poll.durationMinutes", OutOfRange, json!([5, 10_080]), json!(10_081)),
        (x, std, json!({"poll": {"options": ["a", "b"]}}), vec![],
            "x.poll.durationMinutes", Required, json!(1), json!(0)),
        (x, std, json!({"poll": {"options": ["a", 2], "durationMinutes": 60}}), vec![],
            "x.poll.options[1]", WrongType, json!("a text"), json!("a number")),
        (x, std, poll(&["a", "b"], 60), one(), "x.poll", Conflict, json!(0), json!(1)),
        (x, std, json!({"replySettings": "nobody"}), vec![], "x.replySettings", OutOfRange,
            json!(["following", "mentionedUsers", "subscribers", "verified"]), json!("nobody")),
        (li, own, json!({"autoRepost": repost}), vec![],
            "linkedin.autoRepost", NotSupported, json!(null), json!("an object")),
        (x, std, json!({"autoRepost": later}), vec![],
            "x.autoRepost.after", OutOfRange, json!(["PT15M", "P30D"]), json!("PT1M")),
        (x, std, json!({"thread": [7]}), vec![], "x.thread[0]", WrongType,
            json!("a text or an object with `text` and `media`"), json!("a number")),
        (x, std, json!({"tread": []}), vec![], "x.tread", UnknownField,
            json!(["text", "media", "thread", "poll", "replySettings", "autoRepost"]),
            json!("tread")),
        (li, own, json!({"repost": "urn:li:share:1"}), vec![],
            "linkedin.repost", NotSupported, json!(null), json!("urn:li:share:1")),
        (li, own, json!({"visibility": "public"}), vec![], "linkedin.visibility", OutOfRange,
            json!(["PUBLIC", "CONNECTIONS", "LOGGED_IN"]), json!("public")),
        (li, own, json!({"app": "page"}), vec![],
            "linkedin.app", OutOfRange, json!(["personal", "organization"]), json!("page")),
        (li, own, json!({"poll": {}}), vec![],
            "linkedin.poll", NotSupported, json!(null), json!("an object")),
        (ig, biz, json!({"kind": "story"}), one(),
            "instagram.kind", NotSupported, json!(["feed", "reel"]), json!("story")),
        (ig, biz, json!({"kind": "dm"}), one(),
            "instagram.kind", NotSupported, json!(["feed", "reel"]), json!("dm")),
        (ig, biz, json!({"collaborators": ["a", "b", "c", "d"]}), one(),
            "instagram.collaborators", TooMuch, json!(3), json!(4)),
        (ig, biz, json!({"kind": "feed", "thumbOffsetMs": 1}), one(),
            "instagram.thumbOffsetMs", Conflict, json!("reel"), json!("feed")),
        (ig, biz, json!({"thumbOffsetMs": "1"}), film(), "instagram.thumbOffsetMs", WrongType,
            json!("a whole number from 0"), json!("a text")),
        (th, std, json!({"replyControl": "nobody"}), vec![], "threads.replyControl", OutOfRange,
            json!(["everyone", "accounts_you_follow", "mentioned_only"]), json!("nobody")),
        (th, std, json!({"poll": {}}), vec![],
            "threads.poll", NotSupported, json!(null), json!("an object")),
        (yt, std, json!({"title": null}), film(), "youtube.title", Required, json!(1), json!(0)),
        (yt, std, json!({"title": " "}), film(), "youtube.title", Required, json!(1), json!(0)),
        (yt, std, json!({"title": "a".repeat(101)}), film(),
            "youtube.title", TooMuch, json!(100), json!(101)),
        (yt, std, json!({"title": "a > b"}), film(),
            "youtube.title", OutOfRange, angles, json!(">")),
        (yt, std, json!({"tags": ["a".repeat(249), "b".repeat(251)]}), film(),
            "youtube.tags", TooMuch, json!(500), json!(501)),
        (yt, std, json!({"privacyStatus": "hidden"}), film(), "youtube.privacyStatus", OutOfRange,
            json!(["public", "unlisted", "private"]), json!("hidden")),
        (yt, std, json!({"madeForKids": "no"}), film(),
            "youtube.madeForKids", WrongType, json!("true or false"), json!("a text")),
        (yt, std, json!({"categoryId": "music"}), film(),
            "youtube.categoryId", OutOfRange, json!("one to three digits"), json!("music")),
        (yt, std, json!({"thumbnailMediaId": "a"}), film(), "youtube.thumbnailMediaId", OutOfRange,
            json!("med_ and 32 hexadecimal digits"), json!("a")),
    ]
}

// case: spec-C1
#[test]
fn each_bad_post_is_told_with_field_rule_limit_and_actual() {
    for table in [bad_texts(), bad_media(), bad_options()] {
        for (platform, kind, own, files, field, rule, limit, actual) in table {
            let (_, found) = judge(Profile::Spec, platform, kind, &own, &files);
            let [one] = found.as_slice() else { panic!("{platform} {own}: {found:#?}") };
            let told = (one.field.as_str(), one.rule, &one.limit, &one.actual);
            assert_eq!(told, (field, rule, &limit, &actual), "{own}");
            assert_eq!(one.platform.as_deref(), Some(platform));
            assert!(one.message.ends_with('.') && !one.resolution.is_empty(), "{one:?}");
            let is_of_request = matches!(rule, Rule::WrongType | Rule::UnknownField)
                || field.ends_with("MediaId") && limit.as_str().is_some();
            let is_of_media = field.contains(".media") || field.ends_with("MediaId");
            let expected = match (is_of_request, is_of_media) {
                (true, _) => RejectionType::ValidationError,
                (false, true) => RejectionType::PlatformMediaError,
                (false, false) => RejectionType::PlatformContentError,
            };
            assert_eq!(one.kind, expected, "{field}");
        }
    }
}

#[rustfmt::skip]
fn good_posts() -> Vec<Good> {
    let long = |n: usize| json!({"text": "a".repeat(n)});
    let poll = json!({"replySettings": "following",
        "poll": {"options": ["a".repeat(25), "b", "c", "d"], "durationMinutes": 10_080}});
    let reel = json!({"kind": "reel", "collaborators": ["@a", "b", "c"], "shareToFeed": true,
        "media": [{"id": id(1)}], "coverMediaId": id(2)});
    let film = json!({"title": "a".repeat(100), "description": "é".repeat(2_500), "tags": ["a b"],
        "privacyStatus": "private", "madeForKids": true, "categoryId": "22",
        "media": [{"id": id(1), "altText": "for others"}], "thumbnailMediaId": id(2)});
    vec![
        ("x", "standard", long(280), vec![jpeg(); 4]),
        ("x", "premium", long(25_000), vec![]),
        ("x", "standard", json!({"text": "日".repeat(140)}), sized(5 * MB, jpeg())),
        ("x", "standard", json!({"text": "", "media": [{"id": id(1)}]}), vec![gif()]),
        ("x", "standard", json!({"thread": vec!["b $ACME"; 24]}), lasting(140_000)),
        ("x", "standard", json!({}), shaped(720, 1_280, video())),
        ("x", "standard", poll, vec![]),
        ("linkedin", "personal", long(3_000), vec![jpeg(); 20]),
        ("linkedin", "organization", long(700), vec![]),
        ("instagram", "business", long(2_200), vec![jpeg(); 10]),
        ("instagram", "business", json!({"text": ""}), vec![video()]),
        ("instagram", "business", reel, vec![video(), jpeg()]),
        ("threads", "standard", json!({"text": "😀".repeat(125)}), vec![jpeg(); 10]),
        ("threads", "standard", json!({"replyControl": "mentioned_only"}), vec![]),
        ("youtube", "standard", film, vec![video(), jpeg()]),
        ("youtube", "standard", long(5_000), vec![video()]),
    ]
}

// case: spec-C1
#[test]
fn a_post_at_its_limits_passes_and_its_options_read_back() {
    for (platform, kind, own, files) in good_posts() {
        let (content, found) = judge(Profile::Spec, platform, kind, &own, &files);
        assert_eq!(found, [], "{platform} {own}");
        assert_eq!(assets_named(&content).len(), files.len());
        let options = Value::Object(content.options);
        let back = match platform {
            "x" => json!(
                serde_json::from_value::<crate::x::options::Options>(options.clone()).unwrap()
            ),
            "linkedin" => json!(
                serde_json::from_value::<crate::linkedin::options::Options>(options.clone())
                    .unwrap()
            ),
            "instagram" => json!(
                serde_json::from_value::<crate::instagram::options::Options>(options.clone())
                    .unwrap()
            ),
            "threads" => json!(
                serde_json::from_value::<crate::threads::options::Options>(options.clone())
                    .unwrap()
            ),
            _ => json!(
                serde_json::from_value::<crate::youtube::options::Options>(options.clone())
                    .unwrap()
            ),
        };
        assert_eq!(back, options);
    }
}

#[test]
fn the_extended_profile_takes_what_the_platforms_take() {
    let mixed = [vec![jpeg(); 5], vec![video(); 5]].concat();
    let extended = [
        ("linkedin", "organization", json!({"text": "a".repeat(3_000)}), sized(80_000, video())),
        ("linkedin", "personal", json!({}), vec![gif()]),
        ("instagram", "business", json!({"kind": "feed"}), mixed.clone()),
        ("threads", "standard", json!({}), [mixed.clone(), mixed].concat()),
    ];
    for (platform, kind, own, files) in extended {
        let (_, found) = judge(Profile::Extended, platform, kind, &own, &files);
        assert_eq!(found, [], "{platform} {own}");
        let (_, found) = judge(Profile::Spec, platform, kind, &own, &files);
        assert!(!found.is_empty(), "{platform} {own}");
    }
    let eleven = [vec![jpeg(); 6], vec![video(); 5]].concat();
    let (_, found) = judge(Profile::Extended, "instagram", "business", &json!({}), &eleven);
    assert_eq!((&found[0].limit, &found[0].actual), (&json!(10), &json!(11)));
}

#[test]
fn the_list_of_platforms_is_found_by_name() {
    assert_eq!(crate::names()[..5], ["x", "linkedin", "instagram", "threads", "youtube"]);
    assert!(crate::names().iter().all(|name| find(name).unwrap().name() == *name));
    assert!(find("twitter").is_none());
}
