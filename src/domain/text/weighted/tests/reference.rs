//! The lengths that X's own library (npm twitter-text 3.1.0) gives to texts of all kinds;
//! `reference.js` beside this file draws them.

use crate::text::weighted::count;

const REFERENCE: &str = include_str!("reference.json");

// case: T-reference
#[test]
fn the_counter_agrees_with_the_library_of_x() {
    let told: Vec<(String, usize)> = serde_json::from_str(REFERENCE).unwrap();
    assert_eq!(told.len(), 2_500);
    let mut differing = Vec::new();
    for (text, expected) in &told {
        let found = count(text);
        if found != *expected {
            differing.push(format!("{text:?}: {found}, and X says {expected}"));
        }
    }
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
}
