//! What breaks a rule is refused with every rule that it breaks, before anything is stored.

use crate::support::{Account, Answer, Fleet, Scene, files};
use serde_json::{Value, json};
use sqlx::PgConnection;

/// The type of the product's error, the field, the limit and what was found instead.
type Broken = (&'static str, String, Value, Value);

/// A post that is refused.
struct Bad {
    post: Value,
    status: u16,
    breaks: Vec<Broken>,
}

const CONTENT: &str = "PlatformContentError";
const MEDIA: &str = "PlatformMediaError";
const REQUEST: &str = "ValidationError";

/// Files to be attached, by kind.
struct Files {
    pngs: Vec<Value>,
    jpegs: Vec<Value>,
    gifs: Vec<Value>,
    films: Vec<Value>,
    heavy: Value,
    wide_gif: Value,
    long: Value,
}

impl Files {
    async fn upload(scene: &Scene<'_>) -> Self {
        let put = async |bytes: Vec<u8>| json!({"id": scene.api.upload(bytes, "file").await});
        let many = async |count: usize, bytes: Vec<u8>| {
            let mut all = Vec::new();
            for _ in 0..count {
                all.push(put(bytes.clone()).await);
            }
            all
        };
        Self {
            pngs: many(21, files::picture()).await,
            jpegs: many(11, files::jpeg(800, 800)).await,
            gifs: many(2, files::gif()).await,
            films: many(2, files::FILM.to_vec()).await,
            heavy: put(files::png(640, 480, 5 * 1024 * 1024)).await,
            wide_gif: put(files::wide_gif(1281)).await,
            long: put(files::film(141)).await,
        }
    }
}

/// A post for one platform with a text, further fields, and the one rule that it breaks.
fn on(platform: &str, text: &str, more: Value, broken: (&'static str, &str, Value, Value)) -> Bad {
    let mut post = json!({"text": text, "platforms": [platform]});
    for (name, value) in more.as_object().unwrap() {
        post[name] = value.clone();
    }
    let (kind, field, limit, actual) = broken;
    let field = if field.is_empty() { platform.to_owned() } else { format!("{platform}.{field}") };
    Bad { post, status: 422, breaks: vec![(kind, field, limit, actual)] }
}

fn of_x(files: &Files) -> Vec<Bad> {
    let Files { pngs, gifs, films, heavy, wide_gif, long, .. } = files;
    let x = |text: &str, more: Value, broken| on("x", text, more, broken);
    let poll = |poll: Value, broken| x("Which?", json!({"x": {"poll": poll}}), broken);
    let media = |media: Value, broken| x("Look", json!({"media": media}), broken);
    let thread = |thread: Value, broken| x("One", json!({"x": {"thread": thread}}), broken);
    let (ab, between) = (json!(["a", "b"]), json!([2, 4]));
    let minutes = json!([5, 10_080]);
    let alt = json!({"id": pngs[0]["id"], "altText": "a".repeat(1_001)});
    let heavy_bytes = json!(files::png(640, 480, 5 * 1024 * 1024).len());
    vec![
        x(&"a".repeat(281), json!({}), (CONTENT, "text", json!(280), json!(281))),
        x(&"語".repeat(141), json!({}), (CONTENT, "text", json!(280), json!(282))),
        x("", json!({}), (CONTENT, "text", json!(1), json!(0))),
        x(" \n ", json!({}), (CONTENT, "text", json!(1), json!(0))),
        x("$ONE and $TWO", json!({}), (CONTENT, "text", json!(1), json!(2))),
        media(json!(pngs[..5]), (MEDIA, "media", json!(4), json!(5))),
        media(json!(gifs), (MEDIA, "media", json!(1), json!(2))),
        media(json!(films), (MEDIA, "media", json!(1), json!(2))),
        media(json!([pngs[0], films[0]]), (MEDIA, "media", json!(1), json!(["images", "videos"]))),
        media(json!([heavy]), (MEDIA, "media[0]", json!(5 * 1024 * 1024), heavy_bytes)),
        media(json!([wide_gif]), (MEDIA, "media[0]", json!(1280), json!(1281))),
        media(json!([long]), (MEDIA, "media[0]", json!(140_000), json!(141_000))),
        media(json!([alt]), (MEDIA, "media[0].altText", json!(1_000), json!(1_001))),
        poll(
            json!({"options": ["a", "b", "c", "d", "e"], "durationMinutes": 60}),
            (CONTENT, "poll.options", between.clone(), json!(5)),
        ),
        poll(
            json!({"options": ["a"], "durationMinutes": 60}),
            (CONTENT, "poll.options", between, json!(1)),
        ),
        poll(
            json!({"options": ["a", "b".repeat(26)], "durationMinutes": 60}),
            (CONTENT, "poll.options[1]", json!([1, 25]), json!(26)),
        ),
        poll(
            json!({"options": ab, "durationMinutes": 4}),
            (CONTENT, "poll.durationMinutes", minutes.clone(), json!(4)),
        ),
        poll(
            json!({"options": ab, "durationMinutes": 10_081}),
            (CONTENT, "poll.durationMinutes", minutes, json!(10_081)),
        ),
        poll(json!({"options": ab}), (CONTENT, "poll.durationMinutes", json!(1), json!(0))),
        x(
            "Which?",
            json!({"media": [pngs[0]], "x": {"poll": {"options": ab, "durationMinutes": 5}}}),
            (CONTENT, "poll", json!(0), json!(1)),
        ),
        thread(json!(vec!["more"; 25]), (CONTENT, "thread", json!(25), json!(26))),
        thread(json!(["a".repeat(281)]), (CONTENT, "thread[0].text", json!(280), json!(281))),
        thread(json!(["two", ""]), (CONTENT, "thread[1].text", json!(1), json!(0))),
        x(
            "Hi",
            json!({"x": {"replySettings": "nobody"}}),
            (
                CONTENT,
                "replySettings",
                json!(["following", "mentionedUsers", "subscribers", "verified"]),
                json!("nobody"),
            ),
        ),
    ]
}

fn of_linkedin(files: &Files) -> Vec<Bad> {
    let Files { pngs, gifs, films, .. } = files;
    let on = |text: &str, more: Value, broken| on("linkedin", text, more, broken);
    let none = Value::Null;
    vec![
        on(&"a".repeat(3_001), json!({}), (CONTENT, "text", json!(3_000), json!(3_001))),
        on(
            &"a".repeat(701),
            json!({"linkedin": {"app": "organization"}}),
            (CONTENT, "text", json!(700), json!(701)),
        ),
        on("", json!({}), (CONTENT, "text", json!(1), json!(0))),
        on("Look", json!({"media": pngs[..21]}), (MEDIA, "media", json!(20), json!(21))),
        on("Look", json!({"media": [films[0]]}), (MEDIA, "media[0]", json!(0), json!(1))),
        on("Look", json!({"media": [gifs[0]]}), (MEDIA, "media[0]", json!(0), json!(1))),
        on(
            "One",
            json!({"linkedin": {"thread": ["two"]}}),
            (CONTENT, "thread", none.clone(), json!("a list")),
        ),
        on(
            "Again",
            json!({"linkedin": {"repost": "urn:li:share:1"}}),
            (CONTENT, "repost", none, json!("urn:li:share:1")),
        ),
        on(
            "Hi",
            json!({"linkedin": {"visibility": "FRIENDS"}}),
            (
                CONTENT,
                "visibility",
                json!(["PUBLIC", "CONNECTIONS", "LOGGED_IN"]),
                json!("FRIENDS"),
            ),
        ),
    ]
}

fn of_instagram(files: &Files) -> Vec<Bad> {
    let Files { pngs, jpegs, gifs, films, .. } = files;
    let on = |text: &str, more: Value, broken| on("instagram", text, more, broken);
    let with = |option: Value, broken| {
        on("Look", json!({"media": [films[0]], "instagram": option}), broken)
    };
    let one = json!([jpegs[0]]);
    let tags: String = (0..31).map(|n| format!("#tag{n} ")).collect();
    let mut cover = with(
        json!({"coverMediaId": jpegs[0]["id"], "thumbOffsetMs": 5}),
        (CONTENT, "thumbOffsetMs", json!(1), json!(2)),
    );
    // The sample film is shorter than a reel may be; here that rule is beside the point.
    cover.post["media"] = json!([files.long]);
    vec![
        on(
            &"a".repeat(2_201),
            json!({"media": one}),
            (CONTENT, "text", json!(2_200), json!(2_201)),
        ),
        on("Look", json!({}), (MEDIA, "media", json!(1), json!(0))),
        on("Look", json!({"media": jpegs[..11]}), (MEDIA, "media", json!(10), json!(11))),
        on(
            "Look",
            json!({"media": [pngs[0]]}),
            (MEDIA, "media[0]", json!(["image/jpeg"]), json!("image/png")),
        ),
        on("Look", json!({"media": [gifs[0]]}), (MEDIA, "media[0]", json!(0), json!(1))),
        on("Look", json!({"media": [films[0]]}), (MEDIA, "media[0]", json!(3_000), json!(2_000))),
        on(&tags, json!({"media": one}), (CONTENT, "text", json!(30), json!(31))),
        on(
            "Look",
            json!({"media": one, "instagram": {"kind": "story"}}),
            (CONTENT, "kind", json!(["feed", "reel"]), json!("story")),
        ),
        on(
            "Look",
            json!({"media": one, "instagram": {"collaborators": ["a", "b", "c", "d"]}}),
            (CONTENT, "collaborators", json!(3), json!(4)),
        ),
        on(
            "Look",
            json!({"media": one, "instagram": {"kind": "reel"}}),
            (MEDIA, "media[0]", json!(["videos"]), json!("images")),
        ),
        cover,
    ]
}

fn of_threads(files: &Files) -> Vec<Bad> {
    let Files { pngs, gifs, films, .. } = files;
    let on = |text: &str, more: Value, broken| on("threads", text, more, broken);
    let links: String = (0..6).map(|n| format!("https://example.com/{n} ")).collect();
    vec![
        on(&"a".repeat(501), json!({}), (CONTENT, "text", json!(500), json!(501))),
        on(&"😀".repeat(126), json!({}), (CONTENT, "text", json!(500), json!(504))),
        on("Look", json!({"media": pngs[..11]}), (MEDIA, "media", json!(10), json!(11))),
        on("Look", json!({"media": [films[0]]}), (MEDIA, "media[0]", json!(0), json!(1))),
        on("Look", json!({"media": [gifs[0]]}), (MEDIA, "media[0]", json!(0), json!(1))),
        on(&links, json!({}), (CONTENT, "text", json!(5), json!(6))),
        on(
            "Hi",
            json!({"threads": {"replyControl": "nobody"}}),
            (
                CONTENT,
                "replyControl",
                json!(["everyone", "accounts_you_follow", "mentioned_only"]),
                json!("nobody"),
            ),
        ),
        on(
            "One",
            json!({"threads": {"thread": ["two"]}}),
            (CONTENT, "thread", Value::Null, json!("a list")),
        ),
    ]
}

fn of_youtube(files: &Files) -> Vec<Bad> {
    let Files { pngs, films, .. } = files;
    let with = |options: Value, broken| {
        on("youtube", "Look", json!({"media": [films[0]], "youtube": options}), broken)
    };
    let media = |media: Value, broken| {
        on("youtube", "Look", json!({"media": media, "youtube": {"title": "A film"}}), broken)
    };
    vec![
        with(json!({}), (CONTENT, "title", json!(1), json!(0))),
        with(json!({"title": "a".repeat(101)}), (CONTENT, "title", json!(100), json!(101))),
        with(
            json!({"title": "a", "description": "é".repeat(2_501)}),
            (CONTENT, "description", json!(5_000), json!(5_002)),
        ),
        with(
            json!({"title": "a", "privacyStatus": "secret"}),
            (CONTENT, "privacyStatus", json!(["public", "unlisted", "private"]), json!("secret")),
        ),
        with(
            json!({"title": "a", "tags": ["a".repeat(250), "b".repeat(250)]}),
            (CONTENT, "tags", json!(500), json!(501)),
        ),
        media(json!([]), (MEDIA, "media", json!(1), json!(0))),
        media(json!(films), (MEDIA, "media", json!(1), json!(2))),
        media(json!([pngs[0]]), (MEDIA, "media[0]", json!(0), json!(1))),
    ]
}

/// Posts that are wrong before any platform is asked for its rules.
fn of_any(account: &Account) -> Vec<Bad> {
    let bad = |status: u16, post: Value, (field, limit, actual): (&str, Value, Value)| Bad {
        post,
        status,
        breaks: vec![(REQUEST, field.to_owned(), limit, actual)],
    };
    let nobody = "acc_00000000000000000000000000000000";
    let nothing = "med_00000000000000000000000000000000";
    let names = json!(["x", "linkedin", "instagram", "threads", "youtube"]);
    let to = json!([account.id]);
    let none = Value::Null;
    let form = |prefix: &str| json!(format!("{prefix}_ and 32 hexadecimal digits"));
    let instant =
        json!("an RFC 3339 date and time, with or without an offset, up to 9999-12-30T22:00:00Z");
    let mut missing = bad(
        422,
        json!({"text": "Look", "accounts": to, "media": [{"id": nothing}]}),
        ("x.media[0].id", none.clone(), json!(nothing)),
    );
    missing.breaks[0].0 = MEDIA;
    vec![
        missing,
        bad(
            422,
            json!({"text": "Hi", "accounts": [nobody]}),
            ("accounts[0]", none.clone(), json!(nobody)),
        ),
        bad(
            422,
            json!({"text": "Hi", "accounts": ["7"]}),
            ("accounts[0]", form("acc"), json!("7")),
        ),
        bad(
            422,
            json!({"text": "Hi", "platforms": ["linkedn"]}),
            ("platforms[0]", names, json!("linkedn")),
        ),
        bad(422, json!({"text": "Hi"}), ("platforms", json!(1), json!(0))),
        bad(422, json!({"text": "Hi", "accounts": []}), ("platforms", json!(1), json!(0))),
        bad(
            422,
            json!({"text": "Hi", "accounts": to, "scheduledAt": "tomorrow"}),
            ("scheduledAt", instant, json!("tomorrow")),
        ),
        bad(
            422,
            json!({"text": "Hi", "accounts": to, "repostOf": "1"}),
            ("repostOf", none, json!("1")),
        ),
        bad(
            422,
            json!({"text": "Hi", "accounts": to, "threads": {"replyControl": "everyone"}}),
            ("threads", json!(["x"]), json!("threads")),
        ),
        bad(
            422,
            json!({"text": "a\u{0}b", "accounts": to}),
            ("text", json!("any character but U+0000"), json!("U+0000")),
        ),
        bad(400, json!({"text": 7, "accounts": to}), ("text", json!("a text"), json!("a number"))),
        bad(
            400,
            json!({"text": "Hi", "platforms": "x"}),
            ("platforms", json!("a list"), json!("a text")),
        ),
        bad(
            400,
            json!({"text": "Hi", "accounts": to, "x": []}),
            ("x", json!("an object"), json!("a list")),
        ),
        bad(
            400,
            json!({"text": "Hi", "accounts": to, "x": {"poll": {"options": [1, "b"], "durationMinutes": 5}}}),
            ("x.poll.options[0]", json!("a text"), json!("a number")),
        ),
    ]
}

/// What there is, and how often a platform was called.
#[derive(Debug, PartialEq)]
struct Traces {
    rows: Vec<i64>,
    log_lines: usize,
    calls: String,
}

impl Traces {
    async fn of(scene: &Scene<'_>, db: &mut PgConnection) -> Self {
        let mut rows = Vec::new();
        for table in ["posts", "deliveries", "jobs", "idempotency_keys", "attempts", "events"] {
            let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            rows.push(sqlx::query_scalar(count).fetch_one(&mut *db).await.unwrap());
        }
        let metrics = scene.api.metrics().await;
        let calls = metrics.lines().filter(|line| line.starts_with("postfleet_call_seconds_count"));
        Self { rows, log_lines: scene.sim.log().len(), calls: calls.collect() }
    }
}

/// The violations of an answer, without those that say that a platform is not connected here.
fn told(answer: &Answer, status: u16) -> Vec<Broken> {
    let mut told = Vec::new();
    for detail in answer.details(status) {
        let words = |name: &str| detail[name].as_str().unwrap_or_default();
        assert!(!words("resolution").is_empty() && !words("message").is_empty(), "{detail}");
        for name in ["limit", "actual"] {
            assert!(detail.as_object().unwrap().contains_key(name), "{detail}");
        }
        let is_unconnected =
            words("field").starts_with("platforms[") && words("rule") == "not_found";
        let kind = [CONTENT, MEDIA, REQUEST].into_iter().find(|kind| *kind == words("type"));
        if !is_unconnected {
            let kind = kind.unwrap_or_else(|| panic!("{detail}"));
            let (limit, actual) = (detail["limit"].clone(), detail["actual"].clone());
            told.push((kind, words("field").to_owned(), limit, actual));
        }
    }
    told
}

// case: spec-C1
// case: spec-L1
// case: spec-I1
// case: spec-T1
// case: spec-Y1
#[tokio::test]
async fn every_cell_of_the_table_is_enforced_before_anything_is_stored_or_called() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "refused").await;
    let account = scene.connect("refused").await;
    let files = Files::upload(&scene).await;
    let mut bad = of_any(&account);
    for of_platform in [of_x, of_linkedin, of_instagram, of_threads, of_youtube] {
        bad.extend(of_platform(&files));
    }
    assert!(bad.len() >= 60, "{}", bad.len());
    let mut db = fleet.postgres().await;
    let before = Traces::of(&scene, &mut db).await;

    let mut wrong = Vec::new();
    for (number, Bad { post, status, breaks }) in bad.into_iter().enumerate() {
        let post = scene.draft(post);
        let key = format!("{}-{number}", scene.brand);
        let refused = scene.api.post_once("/v1/posts", &post, &key).await;
        let checked = scene.api.post("/v1/posts/validate", &post).await;
        assert_eq!(refused.body, checked.body, "both ways say the same");
        if refused.status != status || told(&refused, status) != breaks {
            wrong.push(format!("{post:.300}\n  expected {status} {breaks:?}\n  got {refused:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} answers:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(Traces::of(&scene, &mut db).await, before);
}

// case: S-all-at-once
#[tokio::test]
async fn all_violations_of_a_post_are_told_at_once() {
    let (scene, account) = Scene::with_account("at-once").await;
    let post = json!({
        "text": "a".repeat(281),
        "accounts": [account.id],
        "platforms": ["youtube"],
        "scheduledAt": "2020-01-01T00:00:00Z",
        "colour": "red",
        "x": {"poll": {"options": ["a"], "durationMinutes": 1}, "tread": []},
        "youtube": {"title": "a<b"},
    });
    let refused = scene.try_post(post).await;
    let mut fields: Vec<&str> =
        refused.details(422).iter().filter_map(|detail| detail["field"].as_str()).collect();
    fields.sort_unstable();
    let expected = [
        "colour",
        "platforms[0]",
        "scheduledAt",
        "x.poll.durationMinutes",
        "x.poll.options",
        "x.text",
        "x.tread",
        "youtube.media",
        "youtube.title",
    ];
    assert_eq!(fields, expected, "{refused:?}");
}

// case: S-names
#[tokio::test]
async fn an_unknown_field_is_refused_by_name_with_the_nearest_one() {
    let (scene, account) = Scene::with_account("names").await;
    let post =
        json!({"text": "Hi", "accounts": [account.id], "scheduleAt": "2030-01-01T00:00:00Z"});
    let refused = scene.try_post(post).await;
    let [detail] = refused.details(422) else { panic!("{refused:?}") };
    assert_eq!(detail["field"], "scheduleAt");
    assert_eq!(detail["resolution"], "Did you mean `scheduledAt`?");

    let post = json!({"text": "Hi", "platforms": ["x"], "brandSlug": "nobody-s"});
    let refused = scene.api.post("/v1/posts", &post).await;
    let [detail] = refused.details(422) else { panic!("{refused:?}") };
    assert_eq!((&detail["field"], &detail["actual"]), (&json!("brandSlug"), &json!("nobody-s")));
}

// case: S-times
#[tokio::test]
async fn a_past_time_is_refused_and_one_just_passed_means_now() {
    use base::clock;
    use std::time::Duration;
    let (scene, account) = Scene::with_account("times").await;
    let at = |back: u64| clock::now() - Duration::from_secs(back);
    let old = json!({"text": "Old", "accounts": [account.id], "scheduledAt": at(90)});
    let refused = scene.try_post(old).await;
    let [detail] = refused.details(422) else { panic!("{refused:?}") };
    assert_eq!(detail["field"], "scheduledAt");
    let ends = json!({
        "text": "Ends", "accounts": [account.id],
        "scheduledAt": "2090-01-01T00:00:00Z", "notAfter": "2089-01-01T00:00:00Z",
    });
    let refused = scene.try_post(ends).await;
    assert_eq!(refused.details(422)[0]["field"], "notAfter");

    let text = format!("Just now, {}", scene.brand);
    let fresh = json!({"text": text, "accounts": [account.id], "scheduledAt": at(30)});
    let post = scene.post(fresh).await;
    scene.published(&post).await;
}

// case: S-malformed
#[tokio::test]
async fn what_is_no_json_no_text_or_too_large_is_refused_with_its_own_status() {
    let scene = Scene::open("malformed").await;
    let brand = &scene.brand;
    let large = format!("{{\"brandSlug\":\"{brand}\",\"text\":\"{}\"}}", "a".repeat(1 << 20));
    let invalid = [b"{\"text\":\"".as_slice(), &[0xff, 0xfe], b"\"}"].concat();
    let deep = "[".repeat(100_000);
    for path in ["/v1/posts", "/v1/posts/validate"] {
        let answer = scene.api.post_bytes(path, large.clone().into_bytes()).await;
        assert_eq!((answer.status, &answer.body["success"]), (413, &json!(false)), "{answer:?}");
        for body in [invalid.clone(), b"{\"text\":".to_vec(), vec![], deep.clone().into_bytes()] {
            let answer = scene.api.post_bytes(path, body).await;
            assert_eq!(
                (answer.status, &answer.body["success"]),
                (400, &json!(false)),
                "{answer:?}"
            );
            assert!(!answer.body["message"].as_str().unwrap().is_empty());
        }
        let answer = scene.api.post_bytes(path, b"[]".to_vec()).await;
        assert_eq!(answer.details(400)[0]["field"], "body", "{answer:?}");
    }
}
