//! No text makes the counter panic, and none costs more than its length.

use crate::text::{links, weighted, work};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

/// So many looks at most for each character, whatever the text.
const STEPS_MAX: u64 = 400;
/// Twice the text may cost so much of what the text costs: linear, with room for its edges.
const GROWTH_PERCENT_MAX: u64 = 230;

/// What counters stumble over: every script, emoji in pieces, marks of direction, code points that
/// are no characters, and the pieces of links.
const PIECES: [&str; 62] = [
    "a",
    "Z",
    "0",
    "é",
    "ß",
    "ж",
    "я",
    "γ",
    "ש",
    "م",
    "ن",
    "ह",
    "क्",
    "ष",
    "ก",
    "ြ",
    "ე",
    "日",
    "本",
    "カ",
    "한",
    "አ",
    "𠮷",
    "𝒳",
    "\u{301}",
    "\u{323}",
    "\u{302}",
    "\u{200d}",
    "\u{fe0f}",
    "\u{fe0e}",
    "\u{20e3}",
    "\u{1f3fd}",
    "😀",
    "👩",
    "❤",
    "🇯",
    "🇵",
    "🏴",
    "\u{e0067}",
    "\u{e007f}",
    "\u{200e}",
    "\u{200f}",
    "\u{202a}",
    "\u{202e}",
    "\u{2066}",
    "\u{2069}",
    "\u{feff}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{fffd}",
    "\u{e000}",
    "\u{10ffff}",
    "http://",
    "https://",
    "t.co/",
    ".com",
    ".",
    "-",
    "_",
    "/(",
    ")",
    "?a=",
];

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(PIECES.as_slice()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => prop::sample::select([" ", "\n", "@", "#", "$", ",", ":", "…", "“", "\u{3000}"].as_slice())
            .prop_map(str::to_owned),
    ]
}

fn text(pieces: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), pieces).prop_map(|pieces| pieces.concat())
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn cost(text: &str) -> u64 {
    work::steps(|| {
        weighted::count(text);
    })
}

/// Counts `seed` so often that it has 5,000 characters, and twice as often: both are longer than
/// a link can be, for a text that is one whole link costs less than one that is none.
fn grows_in_step(seed: &str) -> Result<(), String> {
    let times = 5_000 / seed.chars().count().max(1);
    let (once, twice) = (cost(&seed.repeat(times)), cost(&seed.repeat(times * 2)));
    let is_cheap = twice <= STEPS_MAX * 10_000;
    let is_linear = twice * 100 <= once * GROWTH_PERCENT_MAX + 100_000;
    if is_cheap && is_linear {
        return Ok(());
    }
    Err(format!("{seed:?}: {once} looks, and {twice} at twice the length"))
}

// case: T-linear
#[test]
fn what_has_cost_other_counters_most_costs_its_length_here() {
    let seeds = [
        "日本語",
        "a.",
        "a.a.",
        "(",
        "http://",
        "https://a.b/",
        "Спасибо!@user",
        "x/(",
        "🇯",
        "a",
        "\u{200d}",
        "😀\u{200d}",
        "e\u{301}",
        "\u{301}",
        "\u{323}\u{301}",
        "-.",
        "_",
        ".com",
        "example.com/(",
        "example.com/(a",
        "a.co/(x(y)",
        "a.co/(()",
        "a.co?!",
        "http://a.co:1",
        "t.co/a",
        "é-https://",
        "xn--",
        "a.xn--a",
        "www.é.com",
        "日.com",
        "1.1",
        "a..",
        "@a.co",
        "\u{2066}a.co\u{2069}",
    ];
    for seed in seeds {
        if let Err(told) = grows_in_step(seed) {
            panic!("{told}");
        }
    }
}

// case: T-linear
#[test]
fn no_pattern_costs_more_than_its_length() {
    proptest!(config(400), |(seed in text(1..9))| {
        prop_assert_eq!(grows_in_step(&seed), Ok(()));
    });
}

// case: T-fuzz
#[test]
fn no_text_makes_the_counter_panic() {
    let any_text = prop_oneof![text(0..60), "\\PC{0,80}", any::<String>()];
    proptest!(config(3_000), |(text in any_text)| {
        let length = weighted::count(&text);
        // A link weighs 23; everything else at most two for each character of the composed form.
        let bound = 2 * text.nfc().count() + 23 * text.matches('.').count();
        prop_assert!(length <= bound, "{} of {:?}", length, text);
        prop_assert_eq!(length == 0, text.is_empty());
    });
}

// case: T-fuzz
#[test]
fn a_link_weighs_23_wherever_blanks_stand_around_it() {
    let link = prop::sample::select(
        ["https://example.com/a?b=c", "example.com", "http://日本.com/", "t.co/abc"].as_slice(),
    );
    proptest!(config(1_000), |(before in text(0..8), link in link, after in text(0..8))| {
        // A mark at the beginning would join the blank; a letter takes it instead. The blank
        // belongs to what follows it, for a text may begin with other links than it goes on with.
        let after = format!(" b{after}");
        let alone = weighted::count(&before) + weighted::count(&after);
        prop_assert_eq!(weighted::count(&format!("{before} {link}{after}")), alone + 23 + 1);
    });
}

// case: T-fuzz
#[test]
fn links_lie_in_the_text_in_order_and_apart() {
    proptest!(config(2_000), |(text in text(0..40))| {
        let chars: Vec<char> = text.chars().collect();
        let mut end = 0;
        for link in links::find(&chars) {
            prop_assert!(end <= link.start && link.start < link.end && link.end <= chars.len());
            end = link.end;
        }
    });
}
