//! What is the platform's own in a refusal, what is counted of it, and how long it lasts.

use crate::conformance::reply;
use crate::refusal::{WORD_CHARS_MAX, fingerprint, own_words, server_failure};
use domain::failure::{Effect, Failure, Scope};
use serde_json::json;

#[test]
fn what_may_be_an_echo_is_no_word_of_the_platform() {
    assert_eq!(own_words("The value [duplicate] is Odd"), "the value   is odd");
    let table = [
        "odd: [\"a\"] duplicate [b]",
        "odd: `duplicate`",
        "odd: “duplicate”",
        "odd: \"a\" duplicate \"b\" c",
    ];
    for text in table {
        assert!(!own_words(text).contains("duplicate"), "{text}");
    }
    assert_eq!(own_words("Status is a Duplicate."), "status is a duplicate.");
}

#[test]
fn a_fingerprint_holds_codes_and_neither_text_nor_ids() {
    let odd = reply(&json!({ "status": 418, "headers": {}, "body": "secret words" }));
    let words = ["odd-type", "Invalid Request", "a/b", "naïve", "1346889436626259968", "ok"];
    assert_eq!(fingerprint(&odd, words), "418 odd-type Invalid Request ok");
    assert_eq!(fingerprint(&odd, [""]), "418");
    let long = "a".repeat(WORD_CHARS_MAX + 1);
    assert_eq!(fingerprint(&odd, [long.as_str()]), "418");
    assert_eq!(fingerprint(&odd, ["a b c d e f g h"]), "418 a b c d e f");
}

#[test]
fn a_server_that_says_until_when_is_not_asked_before() {
    let away = |after: &str, status: u16| {
        reply(&json!({ "status": status, "headers": { "retry-after": after }, "body": "" }))
    };
    let failure = server_failure(Effect::Repeatable, &away("120", 503));
    let Failure::RateLimit { scope: Scope::Account, retry_at, .. } = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(retry_at.to_string(), "2026-11-23T12:02:00.000Z");
    for (after, status) in [("0", 503), ("soon", 503), ("120", 500), ("120", 408)] {
        let failure = server_failure(Effect::Repeatable, &away(after, status));
        assert!(matches!(failure, Failure::Transient { .. }), "{after} {failure:?}");
    }
    let failure = server_failure(Effect::Irreversible, &away("120", 503));
    assert!(matches!(failure, Failure::Unknown { .. }), "{failure:?}");
}
