//! Whether a copy says again what was said before, by the rule of its platform.

use crate::content::{Content, Segment};
use crate::rejection::excerpt;
use serde::Serialize;

/// What a platform says of the same post once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// It takes it.
    Free,
    /// Every part needs a wording of its own.
    Wording,
    /// It needs files of its own.
    Files,
}

/// What in `content` was said before in one of `earlier`, so that a platform with this rule does
/// not take it.
pub fn repeated(rule: Repeats, earlier: &[Content], content: &Content) -> Option<String> {
    let said = earlier.iter().flat_map(|one| &one.segments);
    match rule {
        Repeats::Free => None,
        Repeats::Wording => {
            let said: Vec<String> = said.map(essence).collect();
            let again = content.segments.iter().find(|part| said.contains(&essence(part)))?;
            Some(excerpt(&again.text))
        }
        Repeats::Files => {
            let shown: Vec<_> = said.flat_map(|part| &part.media).map(|file| file.id).collect();
            let files = content.segments.iter().flat_map(|part| &part.media);
            let again = files.map(|file| file.id).find(|id| shown.contains(id))?;
            Some(again.to_string())
        }
    }
}

/// What is left of a text without its links, marks of address, case and punctuation: two posts
/// that differ in these alone are the same to their readers. Of a text that is nothing else, or of
/// none at all, the whole of it and its files.
fn essence(part: &Segment) -> String {
    let words = part.text.split_whitespace();
    let told = words.filter(|word| !word.contains("://") && !word.starts_with(['#', '@']));
    let bare = |word: &str| -> String {
        let letters = word.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let told: Vec<String> = told.map(bare).filter(|word| !word.is_empty()).collect();
    if !told.is_empty() {
        return told.join(" ");
    }
    let files: Vec<String> = part.media.iter().map(|file| file.id.to_string()).collect();
    format!("{} {}", part.text.trim(), files.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::MediaUse;
    use crate::id::Id;
    use uuid::Uuid;

    fn content(parts: &[(&str, u128)]) -> Content {
        let part = |(text, file): &(&str, u128)| Segment {
            text: (*text).to_owned(),
            media: vec![MediaUse { id: Id::new(Uuid::from_u128(*file)), alt_text: None }],
        };
        Content { segments: parts.iter().map(part).collect(), ..Content::default() }
    }

    // case: S-copies-alike
    #[test]
    fn what_differs_in_trimmings_alone_is_the_same() {
        let origin = [content(&[("We are live! https://a.co/1 #launch", 1), ("More soon.", 2)])];
        let table = [
            (Repeats::Wording, "we are LIVE https://a.co/2 @you", 3, true),
            (Repeats::Wording, "More, soon", 3, true),
            (Repeats::Wording, "We have been live for a week", 1, false),
            (Repeats::Files, "We are live!", 3, false),
            (Repeats::Files, "Something else", 2, true),
            (Repeats::Free, "We are live! https://a.co/1 #launch", 1, false),
        ];
        for (rule, text, file, expected) in table {
            let again = repeated(rule, &origin, &content(&[(text, file)]));
            assert_eq!(again.is_some(), expected, "{rule:?} {text}: {again:?}");
        }
        // Of a text that is nothing but trimmings the whole counts, with its files.
        let bare = [content(&[("#launch", 1)])];
        assert_eq!(repeated(Repeats::Wording, &bare, &content(&[("#launch", 2)])), None);
        let same = repeated(Repeats::Wording, &bare, &content(&[("#launch", 1)]));
        assert_eq!(same.as_deref(), Some("#launch"));
    }
}
