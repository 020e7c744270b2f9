//! The official suite of twitter-text, where a copy of it is at hand.

use crate::text::links;
use crate::text::weighted::count;
use std::path::PathBuf;

/// A file of the suite; `None`, said loudly, without a copy.
fn file(name: &str) -> Option<String> {
    let Some(specs) = std::env::var_os("POSTFLEET_SPECS") else {
        eprintln!("SKIPPED: POSTFLEET_SPECS names no folder with the suite of twitter-text");
        return None;
    };
    let path = PathBuf::from(specs).join("twitter-text/conformance").join(name);
    Some(std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

/// The lines of one group.
fn group<'t>(text: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    let start = format!("  {name}:");
    let lines = text.lines().skip_while(move |line| *line != start).skip(1);
    lines.take_while(|line| !(line.starts_with("  ") && line.as_bytes().get(2) != Some(&b' ')))
}

/// A string of YAML in double quotes: JSON's, but for the long escapes.
fn quoted(value: &str) -> Option<String> {
    let mut json = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("\\U") {
        let point = u32::from_str_radix(after.get(..8)?, 16).ok()?;
        json.push_str(before);
        json.push(char::from_u32(point)?);
        rest = after.get(8..)?;
    }
    json.push_str(rest);
    serde_json::from_str(&json).ok()
}

/// The texts of a group with the weighted length that each is said to have.
fn lengths(suite: &str, name: &str) -> Vec<(String, usize)> {
    let (mut cases, mut text) = (Vec::new(), None);
    for line in group(suite, name) {
        let line = line.trim();
        if let Some(value) = line.strip_prefix("text: ") {
            text = Some(quoted(value).unwrap_or_else(|| panic!("{value} does not read")));
        } else if let Some(value) = line.strip_prefix("weightedLength: ") {
            cases.push((text.take().expect("a text comes first"), value.parse().unwrap()));
        }
    }
    cases
}

/// The plain group is of version 2, which counts an emoji by its parts; what version 3 makes of its
/// two sequences.
const EMOJI_OF_VERSION_2: [(&str, usize, usize); 2] =
    [("H🐱☺👨\u{200d}👩\u{200d}👧\u{200d}👦", 16, 7), ("🙋🏽👨\u{200d}🎤", 9, 4)];

// case: T-suite
#[test]
fn the_official_suite_of_lengths_is_passed() {
    let Some(suite) = file("validate.yml") else { return };
    let groups = [
        ("WeightedTweetsCounterTest", 20),
        ("WeightedTweetsWithDiscountedEmojiCounterTest", 22),
        ("UnicodeDirectionalMarkerCounterTest", 2),
    ];
    let mut differing = Vec::new();
    for (name, known) in groups {
        let cases = lengths(&suite, name);
        assert_eq!(cases.len(), known, "{name}");
        for (text, stated) in cases {
            let newer = EMOJI_OF_VERSION_2.iter().find(|(of_2, ..)| *of_2 == text);
            let expected =
                newer.filter(|(_, old, _)| *old == stated).map_or(stated, |known| known.2);
            let found = count(&text);
            if found != expected {
                differing.push(format!("{name}: {text:?} is {found}, not {expected}"));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// The texts of a group with the links that each is said to hold.
fn links_in(suite: &str, name: &str) -> Vec<(String, Vec<String>)> {
    let mut cases: Vec<(String, Vec<String>)> = Vec::new();
    for line in group(suite, name) {
        let line = line.trim();
        let urls = cases.last_mut().map(|(_, urls)| urls);
        if let Some(value) = line.strip_prefix("text: ") {
            let text = quoted(value).unwrap_or_else(|| panic!("{value} does not read"));
            cases.push((text, Vec::new()));
        } else if let (Some(url), Some(urls)) = (line.strip_prefix("- url: "), urls) {
            urls.extend(quoted(url));
        } else if let Some(list) = line.strip_prefix("expected: ") {
            let list: Vec<String> = serde_json::from_str(list).unwrap();
            cases.last_mut().expect("a text comes first").1.extend(list);
        }
    }
    cases
}

// case: T-suite
#[test]
fn the_official_suite_of_links_is_passed() {
    let Some(suite) = file("extract.yml") else { return };
    let mut differing = Vec::new();
    for name in
        ["urls", "urls_with_indices", "urls_with_directional_markers", "tco_urls_with_params"]
    {
        let cases = links_in(&suite, name);
        assert!(cases.len() > 1, "{name}: {} cases", cases.len());
        for (text, expected) in cases {
            let chars: Vec<char> = text.chars().collect();
            let found = links::find(&chars).into_iter();
            let found: Vec<String> =
                found.map(|link| chars[link.start..link.end].iter().collect()).collect();
            if found != expected {
                differing.push(format!("{name}: {text:?} has {found:?}, not {expected:?}"));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
