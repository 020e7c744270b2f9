//! What every adapter reads from a refusal in the same way.
//!
//! Invariant: nothing that a user wrote decides here, and none of it comes out.

#[cfg(test)]
pub(crate) mod tests;

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
