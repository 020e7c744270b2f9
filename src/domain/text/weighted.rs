//! X's weighted length, as twitter-text version 3 defines it.
//!
//! The numbers are those of its `v3.json`. The published libraries for Rust panic on some texts,
//! take quadratic time on others or miss links without a scheme, hence this counter. It agrees with
//! the JavaScript reference (3.1.0) on every text of `tests/reference.json`; emoji that are younger
//! than that library count as one here.

#[cfg(test)]
mod tests;

use super::{emoji, links, work};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Weights are in hundredths of a character.
const SCALE: usize = 100;
const WEIGHT_DEFAULT: usize = 200;
const WEIGHT_LIGHT: usize = 100;
/// Code points of light weight: Latin to Georgian, spaces, dashes and quotation marks.
const LIGHT: [(u32, u32); 4] = [(0, 4351), (8192, 8205), (8208, 8223), (8242, 8247)];
/// X replaces each link by one of its own of this length.
const LINK_LENGTH: usize = 23;

/// The weighted length of `text`.
pub(super) fn count(text: &str) -> usize {
    let chars: Vec<char> = text.nfc().collect();
    let mut weight = 0;
    let mut plain_from = 0;
    for link in links::find(&chars) {
        weight += plain(&chars[plain_from..link.start]) + LINK_LENGTH * SCALE;
        plain_from = link.end;
    }
    weight += plain(&chars[plain_from..]);
    weight / SCALE
}

/// The weight of text without links.
fn plain(chars: &[char]) -> usize {
    if chars.iter().all(char::is_ascii) {
        return chars.len() * WEIGHT_LIGHT;
    }
    let text: String = chars.iter().collect();
    text.graphemes(true).map(cluster).sum()
}

/// The weight of one grapheme cluster: an emoji sequence weighs as one code point.
fn cluster(cluster: &str) -> usize {
    if cluster.chars().nth(1).is_some() && emoji::is_emoji(cluster) {
        WEIGHT_DEFAULT
    } else {
        cluster.chars().map(code_point).sum()
    }
}

fn code_point(c: char) -> usize {
    work::step();
    let point = u32::from(c);
    let is_light = LIGHT.iter().any(|(first, last)| (*first..=*last).contains(&point));
    if is_light { WEIGHT_LIGHT } else { WEIGHT_DEFAULT }
}
