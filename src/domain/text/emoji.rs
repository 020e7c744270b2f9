//! Which grapheme clusters are emoji.

use super::work;
use unicode_segmentation::UnicodeSegmentation;

/// No emoji sequence of Unicode has more code points (the kiss with two skin tones has these);
/// a longer cluster is a heap of joiners and counts by its code points.
const SEQUENCE_MAX: usize = 10;

const TEXT_STYLE: char = '\u{fe0e}';
const EMOJI_STYLE: char = '\u{fe0f}';
const JOINER: char = '\u{200d}';
const KEYCAP: char = '\u{20e3}';

/// Code points below the emoji planes that are drawn in colour without being asked.
const COLOURED: [(u32, u32); 43] = [
    (0x231a, 0x231b),
    (0x23e9, 0x23ec),
    (0x23f0, 0x23f0),
    (0x23f3, 0x23f3),
    (0x25fd, 0x25fe),
    (0x2614, 0x2615),
    (0x2648, 0x2653),
    (0x267f, 0x267f),
    (0x2693, 0x2693),
    (0x26a1, 0x26a1),
    (0x26aa, 0x26ab),
    (0x26bd, 0x26be),
    (0x26c4, 0x26c5),
    (0x26ce, 0x26ce),
    (0x26d4, 0x26d4),
    (0x26ea, 0x26ea),
    (0x26f2, 0x26f3),
    (0x26f5, 0x26f5),
    (0x26fa, 0x26fa),
    (0x26fd, 0x26fd),
    (0x2705, 0x2705),
    (0x270a, 0x270b),
    (0x2728, 0x2728),
    (0x274c, 0x274c),
    (0x274e, 0x274e),
    (0x2753, 0x2755),
    (0x2757, 0x2757),
    (0x2795, 0x2797),
    (0x27b0, 0x27b0),
    (0x27bf, 0x27bf),
    (0x2b1b, 0x2b1c),
    (0x2b50, 0x2b50),
    (0x2b55, 0x2b55),
    (0x1f004, 0x1f004),
    (0x1f0cf, 0x1f0cf),
    (0x1f18e, 0x1f18e),
    (0x1f191, 0x1f19a),
    (0x1f1e6, 0x1f1ff),
    (0x1f201, 0x1f201),
    (0x1f21a, 0x1f22f),
    (0x1f232, 0x1f23a),
    (0x1f250, 0x1f251),
    (0x1f300, 0x1faff),
];

/// Further code points that become emoji in a sequence, or with a request for colour.
const PICTOGRAPHS: [(u32, u32); 18] = [
    (0xa9, 0xa9),
    (0xae, 0xae),
    (0x203c, 0x203c),
    (0x2049, 0x2049),
    (0x2122, 0x2122),
    (0x2139, 0x2139),
    (0x2194, 0x2199),
    (0x21a9, 0x21aa),
    (0x2328, 0x23ff),
    (0x24c2, 0x24c2),
    (0x25aa, 0x25fe),
    (0x2600, 0x27bf),
    (0x2934, 0x2935),
    (0x2b05, 0x2b55),
    (0x3030, 0x303d),
    (0x3297, 0x3299),
    (0x1f000, 0x1f1ad),
    (0x1f200, 0x1f2ff),
];

/// The cluster is drawn as one emoji.
pub(super) fn is_emoji(cluster: &str) -> bool {
    let mut chars = cluster.chars();
    let Some(base) = chars.next() else { return false };
    if chars.clone().count() >= SEQUENCE_MAX {
        return false;
    }
    if matches!(base, '0'..='9' | '#' | '*') {
        return chars.last() == Some(KEYCAP);
    }
    if !is_in(&COLOURED, base) && !is_in(&PICTOGRAPHS, base) {
        return false;
    }
    let belongs = |c: char| {
        matches!(c, EMOJI_STYLE | JOINER | '\u{e0020}'..='\u{e007f}')
            || is_in(&COLOURED, c)
            || is_in(&PICTOGRAPHS, c)
    };
    let is_sequence = chars.clone().next().is_some() && chars.clone().all(belongs);
    let is_alone = chars.clone().next().is_none() && is_in(&COLOURED, base);
    is_alone || (is_sequence && chars.next() != Some(TEXT_STYLE))
}

fn is_in(ranges: &[(u32, u32)], c: char) -> bool {
    work::step();
    let point = u32::from(c);
    ranges.iter().any(|(first, last)| (*first..=*last).contains(&point))
}

/// Code points, but an emoji counts its bytes in UTF-8: the rule of Threads.
pub(super) fn count_emoji_bytes(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let length = |cluster: &str| {
        if is_emoji(cluster) { cluster.len() } else { cluster.chars().count() }
    };
    text.graphemes(true).map(length).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    // case: spec-C1
    #[test]
    fn an_emoji_counts_its_bytes_and_a_letter_one() {
        let table =
            [("😀", 4), ("👨‍👩‍👧‍👦", 25), ("日本語é", 4), ("🇯🇵", 8), ("1️⃣", 7), ("1#©", 3), ("❤️", 6)];
        for (text, expected) in table {
            assert_eq!(count_emoji_bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn a_heap_of_joiners_is_no_emoji() {
        assert!(is_emoji("👨🏻‍❤️‍💋‍👨🏻"));
        assert!(!is_emoji(&"😀\u{200d}".repeat(9)));
    }
}
