//! Reads an entry of the inbox: a key and the JSON of a post, or what is wrong with it.
//!
//! Invariant: whatever bytes somebody adds, reading them ends with a post or with a refusal.

use crate::accept::KEY_MAX;
use domain::rejection::{Rejection, Rule, excerpt};
use queue::inbox::Entry;
use serde_json::{Value, json};

/// The largest post, as by HTTP.
const POST_SIZE_BYTES_MAX: usize = 1024 * 1024;
/// The fields that an entry has.
const FIELDS: [&str; 2] = ["key", "post"];
/// A further one, of a caller who traces what it does.
const TRACEPARENT: &str = "traceparent";
/// Strange fields that are told of, at most.
const TOLD_MAX: usize = 20;

/// What is in an entry.
#[derive(Debug, PartialEq)]
pub(super) enum Read {
    /// A post, to be checked.
    Post {
        /// Makes it safe to add it again.
        key: String,
        /// Its JSON.
        body: Value,
    },
    /// Nothing that could be a post.
    Refused {
        /// As much of the key as can be shown.
        key: String,
        /// Why.
        refusal: Refusal,
    },
}

/// Why there is no post in an entry.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    /// Stable; programs read it.
    pub code: &'static str,
    /// Everything that is wrong.
    pub details: Vec<Rejection>,
}

impl Refusal {
    /// The story in a sentence.
    pub fn message(&self) -> String {
        match self.details.as_slice() {
            [only] => only.message.clone(),
            many => format!("{} rules are broken; the details name each.", many.len()),
        }
    }
}

/// Reads an entry.
pub(super) fn read(entry: &Entry) -> Read {
    let mut details = strange_fields(entry);
    let key = match one(entry, "key").and_then(key_of) {
        Ok(key) => Some(key),
        Err(rejection) => {
            details.push(*rejection);
            None
        }
    };
    let post = one(entry, "post").map_err(|rejection| details.push(*rejection)).ok();
    let shown = || key.clone().unwrap_or_else(|| shown_key(entry));
    if !details.is_empty() {
        let refusal = Refusal { code: "validation_failed", details };
        return Read::Refused { key: shown(), refusal };
    }
    match (&key, post.map(post_of)) {
        (Some(key), Some(Ok(body))) => Read::Post { key: key.clone(), body },
        (_, Some(Err(refusal))) => Read::Refused { key: shown(), refusal },
        _ => Read::Refused {
            key: shown(),
            refusal: Refusal { code: "validation_failed", details: vec![missing("post")] },
        },
    }
}

/// The span of its caller that an entry belongs to; what is none is told by nobody.
pub(super) fn traceparent(entry: &Entry) -> Option<String> {
    let (_, value) = entry.fields.iter().find(|(name, _)| name == TRACEPARENT.as_bytes())?;
    String::from_utf8(value.clone()).ok()
}

/// The one value of a field.
fn one<'e>(entry: &'e Entry, name: &'static str) -> Result<&'e [u8], Box<Rejection>> {
    let mut found = entry.fields.iter().filter(|(field, _)| field == name.as_bytes());
    let first = found.next().ok_or_else(|| Box::new(missing(name)))?;
    match found.count() {
        0 => Ok(&first.1),
        more => {
            let message = format!("The field `{name}` stands in the entry {} times.", more + 1);
            let rejection = Rejection::request(Rule::Conflict, name, message)
                .bounds(1, more + 1)
                .resolve("Give each field once.");
            Err(Box::new(rejection))
        }
    }
}

fn missing(name: &str) -> Rejection {
    Rejection::request(Rule::Required, name, format!("The entry has no field `{name}`."))
        .bounds(json!(FIELDS), Value::Null)
        .resolve("XADD <inbox> * key <a key of your own for each post> post <the post as JSON>.")
}

fn strange_fields(entry: &Entry) -> Vec<Rejection> {
    let names = entry.fields.iter().map(|(name, _)| String::from_utf8_lossy(name));
    let strange = names.filter(|name| !FIELDS.contains(&name.as_ref()) && name != TRACEPARENT);
    strange
        .take(TOLD_MAX)
        .map(|name| {
            let field = excerpt(&name);
            let message = format!("An entry has no field `{field}`.");
            Rejection::request(Rule::UnknownField, field, message)
                .bounds(json!(FIELDS), name.as_ref())
                .resolve("Leave it out; what belongs to the post stands in the JSON of `post`.")
        })
        .collect()
}

/// A key as the header of the API takes it.
fn key_of(bytes: &[u8]) -> Result<String, Box<Rejection>> {
    let rejected = |rule, message: String, actual: Value| {
        let rejection = Rejection::request(rule, "key", message)
            .bounds(KEY_MAX, actual)
            .resolve("Use a short key of your own for each post, as a UUID.");
        Err(Box::new(rejection))
    };
    match bytes.len() {
        0 => rejected(Rule::Required, "The key is empty.".to_owned(), json!(0)),
        1..=KEY_MAX => match str::from_utf8(bytes) {
            Ok(key) if key.bytes().all(|byte| (0x20..0x7f).contains(&byte)) => Ok(key.to_owned()),
            _ => {
                let message = "A key consists of visible ASCII characters.".to_owned();
                rejected(Rule::OutOfRange, message, json!("other characters"))
            }
        },
        long => {
            let message = format!("A key has at most {KEY_MAX} characters; this one has {long}.");
            rejected(Rule::TooMuch, message, json!(long))
        }
    }
}

/// As much of a key that cannot be taken as its sender needs to know it again.
fn shown_key(entry: &Entry) -> String {
    let key = entry.fields.iter().find(|(name, _)| name == b"key");
    let bytes = key.map_or(&[][..], |(_, key)| &key[..key.len().min(KEY_MAX)]);
    String::from_utf8_lossy(bytes).into_owned()
}

fn post_of(bytes: &[u8]) -> Result<Value, Refusal> {
    let size = bytes.len();
    if size > POST_SIZE_BYTES_MAX {
        let message = format!("The post has {size} bytes; at most {POST_SIZE_BYTES_MAX} are read.");
        let rejection = Rejection::request(Rule::TooMuch, "post", message)
            .bounds(POST_SIZE_BYTES_MAX, size)
            .resolve("Upload files with POST /v1/media and name them by id.");
        return Err(Refusal { code: "too_large", details: vec![rejection] });
    }
    serde_json::from_slice(bytes).map_err(|why| {
        let message = format!("The post is not JSON: {why}.");
        let rejection = Rejection::request(Rule::WrongType, "post", message)
            .bounds("one JSON object in UTF-8", why.to_string())
            .resolve("Correct it at that place and add it again.");
        Refusal { code: "malformed_json", details: vec![rejection] }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fields: &[(&str, &[u8])]) -> Entry {
        let owned = |(name, value): &(&str, &[u8])| (name.as_bytes().to_vec(), value.to_vec());
        Entry { id: "1-0".into(), fields: fields.iter().map(owned).collect() }
    }

    fn refused(fields: &[(&str, &[u8])]) -> (String, &'static str, Vec<String>) {
        match read(&entry(fields)) {
            Read::Refused { key, refusal } => {
                let fields = refusal.details.iter().map(|detail| detail.field.clone()).collect();
                (key, refusal.code, fields)
            }
            Read::Post { .. } => panic!("it was taken: {fields:?}"),
        }
    }

    #[test]
    fn a_key_and_the_json_of_a_post_are_read() {
        let read = read(&entry(&[("post", br#"{"text": "a"}"#), ("key", b"k 1")]));
        assert_eq!(read, Read::Post { key: "k 1".into(), body: json!({"text": "a"}) });
    }

    #[test]
    fn whoever_traces_what_he_does_may_say_so() {
        let above = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let traced: [(&str, &[u8]); 3] =
            [("key", b"k"), ("post", b"{}"), ("traceparent", above.as_bytes())];
        assert!(matches!(read(&entry(&traced)), Read::Post { .. }));
        assert_eq!(traceparent(&entry(&traced)).as_deref(), Some(above));
        assert_eq!(traceparent(&entry(&traced[..2])), None);
    }

    #[test]
    fn whatever_else_is_in_an_entry_is_refused_by_name() {
        let none = "validation_failed";
        assert_eq!(refused(&[]), (String::new(), none, vec!["key".into(), "post".into()]));
        assert_eq!(refused(&[("post", b"{}")]), (String::new(), none, vec!["key".into()]));
        assert_eq!(refused(&[("key", b"k")]), ("k".into(), none, vec!["post".into()]));
        let both: [(&str, &[u8]); 3] = [("key", b"k"), ("post", b"{}"), ("text", b"hello")];
        assert_eq!(refused(&both), ("k".into(), none, vec!["text".into()]));
        let twice: [(&str, &[u8]); 3] = [("key", b"k"), ("post", b"{}"), ("post", b"{}")];
        assert_eq!(refused(&twice), ("k".into(), none, vec!["post".into()]));
    }

    #[test]
    fn a_key_is_visible_and_not_long() {
        let longest = "k".repeat(KEY_MAX);
        let taken = read(&entry(&[("key", longest.as_bytes()), ("post", b"{}")]));
        assert!(matches!(taken, Read::Post { .. }));
        for key in [&b""[..], b"\xff\xfe", b"a\nb", "ü".as_bytes(), &[b'k'; KEY_MAX + 1]] {
            let (shown, _, fields) = refused(&[("key", key), ("post", b"{}")]);
            assert_eq!(fields, ["key"], "{key:?}");
            assert!(shown.len() <= KEY_MAX * 3, "{key:?}");
        }
    }

    #[test]
    fn what_is_no_json_or_too_large_has_the_codes_of_the_api() {
        let deep = "[".repeat(100_000);
        for post in [&b""[..], b"\xff", b"{\"a\": }", b"{} {}", b"\0", deep.as_bytes()] {
            let (key, code, fields) = refused(&[("key", b"k"), ("post", post)]);
            assert_eq!((key.as_str(), code), ("k", "malformed_json"));
            assert_eq!(fields, ["post"]);
        }
        let large = format!("\"{}\"", "a".repeat(POST_SIZE_BYTES_MAX));
        assert_eq!(refused(&[("key", b"k"), ("post", large.as_bytes())]).1, "too_large");
    }
}
