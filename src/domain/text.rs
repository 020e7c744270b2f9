//! How long a text is, counted as each platform counts.
//!
//! Invariant: every count takes time linear in the text and panics on none.

mod emoji;
mod links;
mod punycode;
mod tlds;
mod weighted;
mod work;

use crate::capability::Counting;

/// The length of `text` in the unit of `counting`.
pub fn count(counting: Counting, text: &str) -> usize {
    match counting {
        Counting::Weighted => weighted::count(text),
        Counting::Utf16 => text.encode_utf16().count(),
        Counting::EmojiBytes => emoji::count_emoji_bytes(text),
        Counting::Bytes => text.len(),
    }
}

/// The links in `text` that name their scheme, as they are written, in order.
pub fn links(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let found = links::find(&chars);
    let with_scheme = found.into_iter().filter(|link| link.has_scheme);
    with_scheme.map(|link| chars[link.start..link.end].iter().collect()).collect()
}

/// The links in `text` that X counts as such and shortens, also those without a scheme, as they
/// are written, in order.
pub fn all_links(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let found = links::find(&chars);
    found.iter().map(|link| chars[link.start..link.end].iter().collect()).collect()
}
