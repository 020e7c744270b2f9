//! What every adapter reads from a refusal in the same way.
//!
//! Invariant: nothing that a user wrote decides here, and none of it comes out.

use crate::port::Reply;
use domain::failure::{Effect, Failure, Scope, server_error};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::time::Duration;

/// A shorter `Retry-After` is no wait: the growing delays of a retry do better.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// The longest word of a platform that a fingerprint keeps.
const WORD_CHARS_MAX: usize = 96;
/// Words of a fingerprint at most, the status apart.
const WORDS_MAX: usize = 6;

/// The failure of a status of 500 or above, or of one that tells as little. A server that is away
/// and says until when is a limit: no attempt is spent, and nobody comes early. After an
/// irreversible call it is the question whether anything happened that comes first.
pub(crate) fn server_failure(effect: Effect, reply: &Reply) -> Failure {
    let named = reply.retry_after().filter(|at| at.since(reply.at) >= WAIT_MIN);
    match (effect, reply.status.as_u16(), named) {
        (Effect::Repeatable, status @ 503, Some(retry_at)) => {
            let detail = format!("the platform is away (HTTP {status}) and says until when");
            Failure::RateLimit { scope: Scope::Account, retry_at, detail }
        }
        (_, status, _) => server_error(effect, status),
    }
}

/// A member of a refusal; its default where it is of another type than documented. One odd member
/// must not hide the others.
pub(crate) fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// The platform's own part of its words, in lower case: what stands in quotation marks or square
/// brackets may be what it was sent. A post can hold such marks itself, so everything from the
/// first to the last of them is left out.
pub(crate) fn own_words(text: &str) -> String {
    own_part(text).to_lowercase()
}

/// The same, as it is written.
pub(crate) fn own_part(text: &str) -> String {
    const MARKS: [char; 9] = ['[', ']', '"', '`', '“', '”', '„', '«', '»'];
    match (text.find(MARKS), text.rfind(MARKS)) {
        (Some(first), Some(last)) => {
            format!("{} {}", &text[..first], text[last..].trim_start_matches(MARKS))
        }
        _ => text.to_owned(),
    }
}

/// A refusal that no row knows, in words that can be counted and shown: its status and the
/// platform's own codes, types and titles. Whatever else stands in such a member is left out.
pub(crate) fn fingerprint<'w>(reply: &Reply, words: impl IntoIterator<Item = &'w str>) -> String {
    let is_code = |word: &&str| {
        let length = word.len();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
        (1..=WORD_CHARS_MAX).contains(&length) && word.chars().all(is_plain) && !is_id(word)
    };
    let words = words.into_iter().flat_map(str::split_whitespace).filter(is_code);
    let words: Vec<&str> = words.take(WORDS_MAX).collect();
    match words[..] {
        [] => reply.status.as_u16().to_string(),
        _ => format!("{} {}", reply.status.as_u16(), words.join(" ")),
    }
}

/// A number so long names one thing, not a kind of things.
fn is_id(word: &str) -> bool {
    word.chars().filter(char::is_ascii_digit).count() > 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::reply;
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
}
