//! What the readers of all platforms' options share.

mod poll;
mod repost;
mod thread;

pub use poll::Poll;
pub(crate) use poll::{Open, PollRule, read_poll};
pub(crate) use repost::read_reposts;
pub(crate) use thread::read_thread;

use crate::port::Operation;
use domain::content::{Content, Segment};
use domain::request::{Draft, Fields};
use repost::refuse_reposts;
use serde::Serialize;
use serde_json::{Map, Value};

/// A reader of what a draft says to `platform` alone. Text and media were taken out of it before,
/// but they stay known names, for the suggestions.
pub(crate) fn reader<'a>(platform: &'static str, draft: &'a Draft) -> Fields<'a> {
    let mut fields = Fields::new(draft.options.get(platform), platform, Some(platform));
    fields.value("text");
    fields.value("media");
    let asks = draft.options.get(platform).is_some_and(|given| given.contains_key("autoRepost"));
    let adapter = crate::find(platform).and_then(|platform| platform.adapter());
    if asks && !adapter.is_some_and(|one| one.operations().contains(&Operation::Repost)) {
        refuse_reposts(platform, &mut fields);
    }
    fields
}

/// The first segment: the platform's own wording and files, or those for all.
pub(crate) fn first_segment(platform: &str, draft: &Draft) -> Segment {
    Segment {
        text: draft.texts.get(platform).unwrap_or(&draft.text).clone(),
        media: draft.medias.get(platform).unwrap_or(&draft.media).clone(),
    }
}

/// The segments with a platform's typed options.
pub(crate) fn content(segments: Vec<Segment>, options: &impl Serialize) -> Content {
    let options = match serde_json::to_value(options) {
        Ok(Value::Object(options)) => options,
        // The options are structs of texts, numbers and lists, which all become objects.
        _ => Map::new(),
    };
    Content { segments, options }
}

/// Refuses a chain where the platform, as this product uses it, has none.
pub(crate) fn refuse_chain(fields: &mut Fields<'_>) {
    fields.refuse(
        "thread",
        "A chain of posts goes out on X only.",
        "Leave the chain out, or put its text into one post.",
    );
}

/// Refuses a poll where the platform, as this product uses it, has none.
pub(crate) fn refuse_poll(fields: &mut Fields<'_>) {
    fields.refuse("poll", "A poll goes out on X only.", "Leave the poll out.");
}

/// Words that begin with `mark`, as hashtags and mentions do.
pub(crate) fn marked_words(text: &str, mark: char) -> usize {
    let mut before = ' ';
    let mut found = 0;
    for (c, next) in text.chars().zip(text.chars().skip(1)) {
        let is_start = c == mark && !before.is_alphanumeric() && before != mark;
        found += usize::from(is_start && (next.is_alphanumeric() || next == '_'));
        before = c;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_inside_a_word_begins_none() {
        assert_eq!(marked_words("#a b#c ##d # #é_ #_f", '#'), 3);
        assert_eq!(marked_words("me@example.com @you (@we)", '@'), 2);
    }
}
