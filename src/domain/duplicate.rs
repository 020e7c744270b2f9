//! The same content on the same account again: when two wordings are one, and what is done then.

use crate::content::{AssetFacts, Content};
use crate::id::AssetId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

/// What is done with a post whose content an account has already, or is about to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = DuplicatePolicy)]
#[serde(rename_all = "camelCase")]
pub enum Policy {
    /// It is accepted like any other.
    Allow,
    /// It is accepted, and its answer names the other post.
    #[default]
    Warn,
    /// It is refused, and the refusal names the other post.
    Refuse,
}

impl Policy {
    /// Every policy by its word.
    pub const WORDS: [(&'static str, Self); 3] =
        [("warn", Self::Warn), ("refuse", Self::Refuse), ("allow", Self::Allow)];

    /// The word in SQL and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Refuse => "refuse",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(one, _)| *one == word).map(|(_, policy)| policy)
    }
}

/// What is done, and how far apart the same content may stand without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DuplicateGuard)]
#[serde(rename_all = "camelCase")]
pub struct Guard {
    /// What is done.
    #[serde(rename = "duplicateContent")]
    pub policy: Policy,
    /// Two due times that lie less than so many hours apart are close.
    #[serde(rename = "duplicateWithinHours")]
    pub within_hours: u32,
}

impl Guard {
    /// The longest distance, in hours: thirty days.
    pub const WITHIN_HOURS_MAX: u32 = 720;
}

impl Default for Guard {
    /// A day: X, the strictest, publishes no figure, and people report hours (x.md section 7).
    fn default() -> Self {
        Self { policy: Policy::Warn, within_hours: 24 }
    }
}

/// What makes a content the one it is: its words without regard to case, blanks and invisible
/// characters, and the bytes of its files, in order. `None` of a content that has neither.
pub fn essence(content: &Content, assets: &BTreeMap<AssetId, AssetFacts>) -> Option<String> {
    let mut essence = String::new();
    let mut is_empty = true;
    for segment in &content.segments {
        let words = normal(&segment.text);
        is_empty &= words.is_empty() && segment.media.is_empty();
        essence.push_str(&words);
        for media in &segment.media {
            essence.push('\u{1}');
            match assets.get(&media.id) {
                // The same picture brought twice is the same picture.
                Some(facts) => essence.push_str(&facts.sha256),
                None => essence.push_str(&media.id.to_string()),
            }
        }
        essence.push('\u{2}');
    }
    (!is_empty).then_some(essence)
}

/// Words as a reader hears them.
fn normal(text: &str) -> String {
    let seen: String =
        text.nfkc().filter(|c| !is_invisible(*c)).flat_map(char::to_lowercase).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Characters that change nothing of what is seen, by which a text is told apart from its copy.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{MediaUse, Segment};

    fn of(parts: &[(&str, &[u128])]) -> Content {
        let media =
            |id: &u128| MediaUse { id: AssetId::new(uuid::Uuid::from_u128(*id)), alt_text: None };
        let segment = |(text, files): &(&str, &[u128])| Segment {
            text: (*text).to_owned(),
            media: files.iter().map(media).collect(),
        };
        Content { segments: parts.iter().map(segment).collect(), ..Content::default() }
    }

    fn facts(id: u128, sha256: &str) -> (AssetId, AssetFacts) {
        let id = AssetId::new(uuid::Uuid::from_u128(id));
        let facts = serde_json::json!({
            "id": id, "kind": "image", "mime": "image/png", "sizeBytes": 1, "width": 1, "height": 1,
            "sha256": sha256,
        });
        (id, serde_json::from_value(facts).unwrap())
    }

    // case: G-essence
    #[test]
    fn what_a_reader_cannot_tell_apart_is_one_content() {
        let none = BTreeMap::new();
        let text = |text: &str| essence(&of(&[(text, &[])]), &none);
        let same =
            ["We are live", "  we  ARE\nlive ", "We\u{200b} are live", "We are live\u{feff}"];
        for other in same {
            assert_eq!(text(other), text(same[0]), "{other:?}");
        }
        assert_eq!(text("Caf\u{e9}"), text("Cafe\u{301}"));
        for other in ["We are live!", "We are alive", "Weare live"] {
            assert_ne!(text(other), text(same[0]), "{other:?}");
        }
        assert_eq!((text(" \u{200b}"), text("")), (None, None));
    }

    // case: G-essence
    #[test]
    fn files_count_by_their_bytes_and_their_places() {
        let files = BTreeMap::from([facts(1, "aa"), facts(2, "aa"), facts(3, "bb")]);
        let of = |parts: &[(&str, &[u128])]| essence(&of(parts), &files);
        assert_eq!(of(&[("", &[1])]), of(&[("", &[2])]));
        assert_ne!(of(&[("", &[1])]), of(&[("", &[3])]));
        assert_ne!(of(&[("", &[1, 3])]), of(&[("", &[3, 1])]));
        assert_ne!(of(&[("a", &[]), ("b", &[])]), of(&[("ab", &[])]));
        assert_ne!(of(&[("a", &[1]), ("b", &[])]), of(&[("a", &[]), ("b", &[1])]));
    }
}
