//! The weighted length against what X's own libraries and suite say.

mod effort;
mod oracle;
mod reference;
mod suite;

use super::count;

/// Lengths by npm twitter-text 3.1.0, the reference.
const KNOWN: [(&str, usize); 12] = [
    ("", 0),
    ("example.com", 23),
    ("README.md", 23),
    ("foo.co.jp", 23),
    ("user@example.com", 16),
    ("日本語", 6),
    ("👨‍👩‍👧‍👦", 2),
    ("😀👍🏽🇯🇵1️⃣", 8),
    ("€", 2),
    ("™", 2),
    ("—", 1),
    ("©®", 2),
];

// case: spec-C1
#[test]
fn the_known_lengths_are_met() {
    for (text, expected) in KNOWN {
        assert_eq!(count(text), expected, "{text}");
    }
}

#[test]
fn text_is_counted_in_its_composed_form() {
    assert_eq!(count("e\u{301}"), 1);
    assert_eq!(count(&"e\u{301}".repeat(280)), 280);
}

#[test]
fn a_joiner_of_a_script_is_not_an_emoji() {
    assert_eq!(count("क्\u{200d}ष"), 4);
}
