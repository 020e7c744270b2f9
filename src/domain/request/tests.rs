//! What the reader of posts refuses, and what it takes.

use super::*;
use crate::rejection::RejectionType;
use serde_json::json;

const PLATFORMS: [&str; 3] = ["x", "linkedin", "youtube"];

fn now() -> Timestamp {
    Timestamp::parse("2026-12-01T09:00:00Z").unwrap()
}

fn good() -> Value {
    json!({"brandSlug": "acme", "text": "We are live", "platforms": ["x"]})
}

/// The good post with some fields exchanged.
fn with(changes: &Value) -> Value {
    let mut body = good();
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn account(n: u8) -> String {
    format!("acc_{n:032x}")
}

// case: spec-C1
#[test]
fn every_bad_field_is_named_with_limit_and_actual() {
    let names = json!(PLATFORMS);
    let instant =
        "an RFC 3339 date and time, with or without an offset, up to 9999-12-30T22:00:00Z";
    let id_form = "acc_ and 32 hexadecimal digits";
    let media_form = "med_ and 32 hexadecimal digits";
    let object = "an object with `id` and `altText`";
    let many = vec![account(1); 101];
    let table = [
        (json!({"brandSlug": null}), "brandSlug", Rule::Required, json!(1), json!(0)),
        (json!({"brandSlug": " "}), "brandSlug", Rule::Required, json!(1), json!(0)),
        (json!({"brandSlug": 7}), "brandSlug", Rule::WrongType, json!("a text"), json!("a number")),
        (json!({"text": ["a"]}), "text", Rule::WrongType, json!("a text"), json!("a list")),
        (json!({"platforms": []}), "platforms", Rule::Required, json!(1), json!(0)),
        (json!({"platforms": "x"}), "platforms", Rule::WrongType, json!("a list"), json!("a text")),
        (json!({"platforms": ["X"]}), "platforms[0]", Rule::OutOfRange, names, json!("X")),
        (json!({"accounts": ["a"]}), "accounts[0]", Rule::OutOfRange, json!(id_form), json!("a")),
        (json!({"accounts": many}), "accounts", Rule::TooMuch, json!(100), json!(101)),
        (
            json!({"media": [{"id": "a"}]}),
            "media[0].id",
            Rule::OutOfRange,
            json!(media_form),
            json!("a"),
        ),
        (json!({"media": [{}]}), "media[0].id", Rule::Required, json!(1), json!(0)),
        (json!({"media": ["a"]}), "media[0]", Rule::WrongType, json!(object), json!("a text")),
        (json!({"media": vec![1; 101]}), "media", Rule::TooMuch, json!(100), json!(101)),
        (
            json!({"scheduledAt": "noon"}),
            "scheduledAt",
            Rule::OutOfRange,
            json!(instant),
            json!("noon"),
        ),
        (
            json!({"scheduledAt": "2026-12-01T08:58:59Z"}),
            "scheduledAt",
            Rule::OutOfRange,
            json!("2026-12-01T09:00:00.000Z"),
            json!("2026-12-01T08:58:59.000Z"),
        ),
        (
            json!({"scheduledAt": "2026-12-02T09:00:00Z", "notAfter": "2026-12-02T08:00:00Z"}),
            "notAfter",
            Rule::Conflict,
            json!("2026-12-02T09:00:00.000Z"),
            json!("2026-12-02T08:00:00.000Z"),
        ),
        (
            json!({"notAfter": "2026-12-01T08:00:00Z"}),
            "notAfter",
            Rule::OutOfRange,
            json!("2026-12-01T09:00:00.000Z"),
            json!("2026-12-01T08:00:00.000Z"),
        ),
        (json!({"repostOf": "pst_1"}), "repostOf", Rule::NotSupported, json!(null), json!("pst_1")),
        (json!({"youtube": {}}), "youtube", Rule::Conflict, json!(["x"]), json!("youtube")),
        (json!({"x": 1}), "x", Rule::WrongType, json!("an object"), json!("a number")),
        (
            json!({"text": "a\0"}),
            "text",
            Rule::OutOfRange,
            json!("any character but U+0000"),
            json!("U+0000"),
        ),
    ];
    for (changes, field, rule, limit, actual) in table {
        let found = parse(&with(&changes), &PLATFORMS, now()).unwrap_err();
        let [one] = found.as_slice() else { panic!("{changes}: {found:?}") };
        let expected = (field, rule, &limit, &actual);
        assert_eq!((one.field.as_str(), one.rule, &one.limit, &one.actual), expected);
        assert_eq!(one.kind, RejectionType::ValidationError);
        assert!(one.message.ends_with('.') && !one.resolution.is_empty(), "{one:?}");
    }
}

#[test]
fn an_unknown_field_is_refused_with_the_nearest_known_one() {
    let changes =
        json!({"schedulledAt": 1, "media": [{"id": format!("med_{:032x}", 1), "alt": 1}]});
    let found = parse(&with(&changes), &PLATFORMS, now()).unwrap_err();
    let told: Vec<_> = found.iter().map(|r| (r.field.as_str(), r.resolution.as_str())).collect();
    let expected = [
        ("media[0].alt", "Leave it out; the fields here are id, altText."),
        ("schedulledAt", "Did you mean `scheduledAt`?"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn everything_wrong_is_told_at_once() {
    let found = parse(&json!({"text": 1, "scheduledAt": 2, "x": 3, "y": 4}), &PLATFORMS, now());
    let fields: Vec<_> = found.unwrap_err().into_iter().map(|r| r.field).collect();
    assert_eq!(fields, ["brandSlug", "text", "platforms", "scheduledAt", "x", "y"]);
    let found = parse(&json!([]), &PLATFORMS, now()).unwrap_err();
    assert_eq!((found[0].field.as_str(), found[0].rule), ("body", Rule::WrongType));
}

#[test]
fn a_whole_post_is_read_and_doubles_are_merged() {
    let changes = json!({
        "platforms": ["x", "youtube", "x"], "accounts": [account(1), account(2), account(1)],
        "scheduledAt": "2026-12-01T08:59:30Z", "notAfter": "2026-12-01T10:00:00Z",
        "x": {"text": "own", "media": [], "thread": ["b"]}, "youtube": {}, "linkedin": null,
    });
    let draft = parse(&with(&changes), &PLATFORMS, now()).unwrap();
    assert_eq!(draft.platforms, ["x", "youtube"]);
    assert_eq!(draft.accounts.len(), 2);
    assert_eq!(draft.scheduled_at, None, "half a minute ago means now");
    assert_eq!(draft.texts["x"], "own");
    assert_eq!(draft.medias["x"], []);
    assert_eq!(Value::from(draft.options["x"].clone()), json!({"thread": ["b"]}));
    assert!(draft.options["youtube"].is_empty() && !draft.options.contains_key("linkedin"));
}

#[test]
fn with_accounts_the_unaddressed_options_are_told_later() {
    let body = with(&json!({"platforms": null, "accounts": [account(1)], "youtube": {}}));
    let draft = parse(&body, &PLATFORMS, now()).unwrap();
    assert_eq!(unaddressed(&draft, &["youtube"]), []);
    assert_eq!(unaddressed(&draft, &["x"])[0].field, "youtube");
}

// case: LT-request
#[test]
fn what_is_wanted_of_a_late_post_is_one_of_three_words_and_needs_an_end() {
    use crate::lateness::Late;
    let end = json!("2026-12-01T10:00:00Z");
    for (word, late) in Late::WORDS {
        let draft =
            parse(&with(&json!({"late": word, "notAfter": end})), &PLATFORMS, now()).unwrap();
        assert_eq!((draft.late, draft.late.as_str()), (late, word));
    }
    let plain = parse(&with(&json!({})), &PLATFORMS, now()).unwrap();
    assert_eq!(plain.late, Late::Publish);
    // What was stored before there were rules reads as ever.
    let mut stored = serde_json::to_value(&plain).unwrap();
    stored.as_object_mut().unwrap().remove("late");
    assert_eq!(serde_json::from_value::<Draft>(stored).unwrap(), plain);

    for (body, field, rule) in [
        (json!({"late": "hold"}), "notAfter", Rule::Required),
        (json!({"late": "skip", "notAfter": null}), "notAfter", Rule::Required),
        (json!({"late": "drop", "notAfter": end}), "late", Rule::OutOfRange),
        (json!({"late": "skip", "notAfter": "soon"}), "notAfter", Rule::OutOfRange),
        (json!({"late": 1}), "late", Rule::WrongType),
    ] {
        let found = parse(&with(&body), &PLATFORMS, now()).unwrap_err();
        let [one] = found.as_slice() else { panic!("{body}: {found:?}") };
        assert_eq!((one.field.as_str(), one.rule), (field, rule));
        assert!(!one.resolution.is_empty());
    }
}
