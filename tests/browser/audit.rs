//! What shuts people out of a page: a field without a name, faint words, a page that is too wide.

use crate::support::Browser;
use crate::support::browser::{DESK, PHONE};
use serde_json::json;

/// Looks at the page as it stands.
const AUDIT: &str = include_str!("audit.js");

/// What is wrong with the page, one finding each.
pub async fn audit(browser: &Browser) -> Vec<String> {
    let found = browser.run(AUDIT, json!([])).await;
    serde_json::from_value(found).unwrap()
}

/// A page with every fault that the audit looks for.
const BAD: &str = "data:text/html,<title></title><h1>A</h1><h1>B</h1><input name=x><button></button>\
<p style='color:%23999;background:white'>faint</p><p style='width:2000px'>wide</p>\
<a href='%23' style='font-size:5px'>x</a><img src='https://example.com/x.png'>";

/// A page that fits on a desk and not on a telephone.
const WIDE: &str = "data:text/html,<html lang=en><title>a</title><meta name=viewport \
content='width=device-width, initial-scale=1'><h1>A</h1><div style='width:600px'>wide</div>";

// case: B-audit
#[tokio::test]
async fn the_audit_finds_what_it_looks_for() {
    let Some(browser) = Browser::open("audit").await else { return };
    browser.go(WIDE).await;
    for screen in [PHONE, DESK] {
        browser.look_on(screen).await;
        let found = audit(&browser).await;
        let is_wide = found.iter().any(|one| one.contains("wider than the window"));
        assert_eq!(is_wide, screen == PHONE, "{found:#?}");
    }
    browser.go(BAD).await;
    let found = audit(&browser).await;
    let faults = [
        "2 headings",
        "no language",
        "no title",
        "field has no name",
        "button has no name",
        "contrast",
        "wider",
        "small target",
        "from elsewhere",
    ];
    for fault in faults {
        assert!(found.iter().any(|one| one.contains(fault)), "{fault}: {found:#?}");
    }
}
