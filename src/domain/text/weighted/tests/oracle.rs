//! A second opinion: the crate `twitter-text`, on short texts, for it takes quadratic time.
//!
//! Where it differs from the JavaScript library, which is X's own, the counter follows the latter.

use crate::text::weighted::count;
use proptest::prelude::*;
use std::panic;
use twitter_text::ParserBackend;

/// What the crate says; `None` where it panics.
fn opinion(text: &str) -> Option<usize> {
    let text = text.to_owned();
    let counted = panic::catch_unwind(move || {
        let config = twitter_text_config::config_v3();
        let backend = ParserBackend::External;
        twitter_text::parse_with_parser_backend(&text, config, true, backend).weighted_length
    });
    usize::try_from(counted.ok()?).ok()
}

/// Words, emoji and links on which the two libraries agree, alone and beside each other.
const AGREED: [&str; 44] = [
    "hello",
    "Grüße",
    "naïve",
    "Łódź",
    "привет",
    "Київ",
    "γειά",
    "שלום",
    "مرحبا",
    "हिन्दी",
    "தமிழ்",
    "ไทย",
    "ქართული",
    "日本語",
    "中文",
    "한국어",
    "አማርኛ",
    "𠮷野家",
    "e\u{301}",
    "…",
    "—",
    "€5",
    "½",
    "™",
    "1,000.50",
    "$AAPL",
    "😀",
    "👍🏽",
    "👨‍👩‍👧‍👦",
    "👩🏽‍💻",
    "🏳️‍🌈",
    "🇯🇵",
    "🤷‍♀️",
    "⌚",
    "\u{200e}",
    "\u{2066}",
    "http://example.com",
    "https://example.com/a/b?c=d&e=f#g",
    "example.com",
    "www.example.co.uk",
    "sub.domain.example.org",
    "https://t.co/abcDEF123",
    "http://пример.рф/путь",
    "foo.notatld",
];
const JOINTS: [&str; 8] = [" ", "  ", "\n", ", ", ". ", "! ", "? ", " “"];

/// What the two say of the rest, with the reason; the counter is of X's own library's opinion.
const DIFFERING: [(&str, usize, usize); 11] = [
    // A letter that may precede a host does, at the beginning of a text.
    ("école.fr", 23, 24),
    // Two flags beside each other are two emoji; the crate takes them for four.
    ("🇯🇵🇫🇷", 8, 4),
    // A link with a scheme begins where its scheme does, whatever stands before it.
    ("ok.https://example.com", 34, 26),
    // No bare host follows a slash.
    ("path/to.example.com", 28, 19),
    ("ftp://example.com", 29, 17),
    ("http:/example.com", 29, 17),
    // A host begins behind an underscore, and a label may hold two hyphens.
    ("a_b.example.com", 15, 25),
    ("exa--mple.com", 13, 23),
    // The two marks are letters of light weight without a request for colour.
    ("©", 2, 1),
    ("®", 2, 1),
    ("a © b", 6, 5),
];

/// Emoji that are younger than X's library, which counts them by their parts. X's own service has
/// learned of them since (assumed), as the crate has.
const YOUNGER_EMOJI: [&str; 2] = ["🧑\u{200d}🚀", "🐦\u{200d}🔥"];

// case: T-oracle
#[test]
fn the_counter_is_of_one_opinion_with_the_crate_where_that_agrees_with_x() {
    let part = (prop::sample::select(AGREED.as_slice()), prop::sample::select(JOINTS.as_slice()));
    let join = |parts: Vec<(&str, &str)>| -> String {
        parts.iter().flat_map(|(word, joint)| [*word, *joint]).collect()
    };
    let text = prop::collection::vec(part, 1..6).prop_map(join);
    let config =
        ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(text in text)| {
        prop_assert_eq!(opinion(&text), Some(count(&text)), "{:?}", text);
    });
}

// case: T-oracle
#[test]
fn where_the_crate_differs_is_known_and_why() {
    for (text, of_crate, of_x) in DIFFERING {
        assert_eq!((opinion(text), count(text)), (Some(of_crate), of_x), "{text}");
    }
    for emoji in YOUNGER_EMOJI {
        assert_eq!((opinion(emoji), count(emoji)), (Some(2), 2), "{emoji}");
    }
}
