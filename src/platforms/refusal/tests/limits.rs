//! Until when a limit lasts, whatever headers tell it.

use super::adapters;
use crate::conformance::reply;
use domain::failure::{Effect, Failure, Scope};
use domain::time::Timestamp;
use serde_json::{Value, json};

/// Noon, when every reply of these tests comes, in seconds.
const NOON: i64 = 1_795_435_200;

/// Whom a 429 with these headers concerns, and for how many milliseconds.
fn limited(platform: &str, effect: Effect, headers: &Value, body: &Value) -> (Scope, i64) {
    let adapter = crate::find(platform).and_then(|found| found.adapter()).unwrap();
    let reply = reply(&json!({ "status": 429, "headers": headers, "body": body }));
    assert_eq!(reply.at, Timestamp::from_seconds(NOON));
    match adapter.classify(effect, &reply) {
        Some(Failure::RateLimit { scope, retry_at, .. }) => (scope, retry_at.ms() - reply.at.ms()),
        other => panic!("{platform}: {other:?}"),
    }
}

/// The three families of X, each with what is left of it and the seconds from noon to its reset.
fn families(told: [Option<(i64, i64)>; 3], others: Value) -> Value {
    let mut headers = others;
    let prefixes = ["x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour"];
    for (prefix, told) in prefixes.into_iter().zip(told) {
        if let Some((remaining, reset)) = told {
            headers[format!("{prefix}-remaining")] = json!(remaining.to_string());
            headers[format!("{prefix}-reset")] = json!((NOON + reset).to_string());
        }
    }
    headers
}

const DAY: i64 = 23 * 3_600;
const QUARTER: i64 = 15 * 60;

// case: L-matrix
#[test]
fn x_is_called_again_at_the_latest_end_that_its_headers_state() {
    use Scope::{Account, App};
    let none = [None; 3];
    let day = "Tue, 24 Nov 2026 11:00:00 GMT";
    let table = [
        // The windows of X: the exhausted one decides, the latest of several.
        (families([Some((0, 300)), None, None], json!({})), Account, 300),
        (families([Some((0, 300)), Some((0, DAY)), None], json!({})), Account, DAY),
        (families([Some((0, 300)), Some((5, DAY)), None], json!({})), Account, 300),
        (families([Some((40, 300)), None, Some((0, DAY))], json!({})), App, DAY),
        (families([Some((0, 300)), Some((0, 600)), Some((0, 900))], json!({})), App, 900),
        (families([Some((0, DAY)), Some((0, 600)), Some((0, 900))], json!({})), Account, DAY),
        (families([Some((-1, 300)), None, None], json!({})), Account, 300),
        // None is exhausted, or nothing is told: X's own window.
        (families([Some((40, 300)), None, None], json!({})), Account, QUARTER),
        (families([Some((40, 300)), Some((1, DAY)), Some((1, DAY))], json!({})), Account, QUARTER),
        (json!({}), Account, QUARTER),
        // A reset without a count is meant by the 429; a number that is none tells nothing.
        (json!({ "x-rate-limit-reset": (NOON + 60).to_string() }), Account, 60),
        (json!({ "x-user-limit-24hour-reset": (NOON + 60).to_string() }), Account, QUARTER),
        (json!({ "x-rate-limit-remaining": "0", "x-rate-limit-reset": "soon" }), Account, QUARTER),
        // One that has just passed is over, one of yesterday no news.
        (families([Some((0, -20)), None, None], json!({})), Account, 0),
        (families([Some((0, -7_200)), None, None], json!({})), Account, QUARTER),
        // X's clock is two minutes behind ours, or three ahead.
        (families([Some((0, 180)), None, None], json!({ "date": at(-120) })), Account, 300),
        (families([Some((0, 480)), None, None], json!({ "date": at(180) })), Account, 300),
        // A proxy's `Retry-After`, alone and beside a reset: the later one.
        (families(none, json!({ "retry-after": "90" })), Account, 90),
        (families(none, json!({ "retry-after": day })), Account, DAY),
        (families(none, json!({ "retry-after": "82800" })), Account, DAY),
        (families(none, json!({ "retry-after": "-5" })), Account, QUARTER),
        (families(none, json!({ "retry-after": "in a while" })), Account, QUARTER),
        (families([Some((0, 300)), None, None], json!({ "retry-after": "90" })), Account, 300),
        (families([Some((0, 300)), None, None], json!({ "retry-after": "900" })), Account, 900),
        (families([None, None, Some((0, 300))], json!({ "retry-after": day })), App, DAY),
        (families([Some((0, 300)), None, None], json!({ "retry-after": "x" })), Account, 300),
    ];
    let bodies = [
        json!({ "title": "Too Many Requests", "type": "about:blank", "status": 429 }),
        json!({ "errors": [{ "code": 88, "message": "Rate limit exceeded" }] }),
        json!("<html>429</html>"),
        Value::Null,
    ];
    for (headers, scope, wait) in table {
        for effect in [Effect::Repeatable, Effect::Irreversible] {
            for body in &bodies {
                let found = limited("x", effect, &headers, body);
                assert_eq!(found, (scope, wait * 1_000), "{headers}");
            }
        }
    }
    let decimals = json!({ "retry-after": "1.25" });
    assert_eq!(limited("x", Effect::Repeatable, &decimals, &Value::Null), (Account, 1_250));
}

/// A `Date` so many seconds from noon.
fn at(seconds: i64) -> String {
    crate::sim::http_date(Timestamp::from_seconds(NOON + seconds))
}

// case: L-matrix
#[test]
fn every_platform_is_left_alone_for_as_long_as_retry_after_says() {
    /// What is waited where a platform's 429 says nothing more, in seconds.
    const UNTOLD: [(&str, i64); 5] = [
        ("x", QUARTER),
        ("linkedin", QUARTER),
        ("instagram", 3_600),
        ("threads", 3_600),
        ("youtube", 60),
    ];
    for (platform, untold) in UNTOLD {
        let table = [
            (json!({}), untold * 1_000),
            (json!({ "retry-after": "82800" }), DAY * 1_000),
            (json!({ "retry-after": "1.5" }), 1_500),
            (json!({ "retry-after": "Mon, 23 Nov 2026 12:07:00 GMT" }), 420_000),
            (json!({ "retry-after": "Mon, 23 Nov 2026 12:07:00 GMT", "date": at(60) }), 360_000),
            (json!({ "retry-after": "-1" }), untold * 1_000),
            (json!({ "retry-after": "never" }), untold * 1_000),
            (json!({ "retry-after": "Mon, 23 Nov 2026 10:00:00 GMT" }), untold * 1_000),
        ];
        for (headers, wait_ms) in table {
            for effect in [Effect::Repeatable, Effect::Irreversible] {
                let found = limited(platform, effect, &headers, &Value::Null);
                assert_eq!(found, (Scope::Account, wait_ms), "{platform} {headers}");
            }
        }
    }
    let told: Vec<&str> = UNTOLD.iter().map(|(platform, _)| *platform).collect();
    let all: Vec<&str> = adapters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(told, all[..told.len()], "a platform is missing here");
}

// case: L-matrix
#[test]
fn what_a_platform_and_a_proxy_state_holds_until_the_later_one() {
    let usage = |minutes: u64| {
        let usage = json!({ "17": [{ "estimated_time_to_regain_access": minutes }] });
        usage.to_string()
    };
    let day = json!({ "message": "Resource level throttle APPLICATION DAY limit is reached." });
    let quota = json!({ "error": { "errors": [{ "reason": "quotaExceeded" }] } });
    let uploads = json!({ "error": { "errors": [{ "reason": "uploadLimitExceeded" }] } });
    let table = [
        ("instagram", json!({ "x-business-use-case-usage": usage(30) }), Value::Null, 1_800),
        ("threads", json!({ "x-business-use-case-usage": usage(30) }), Value::Null, 1_800),
        ("linkedin", json!({}), day, 12 * 3_600),
        // Midnight Pacific is 08:00 UTC in November.
        ("youtube", json!({}), quota, 20 * 3_600),
        ("youtube", json!({}), uploads, 24 * 3_600),
    ];
    for (platform, headers, body, stated) in table {
        for (named, wait) in [(60, stated), (DAY + 7_200, DAY + 7_200)] {
            let mut headers = headers.clone();
            headers["retry-after"] = json!(named.to_string());
            let (_, found) = limited(platform, Effect::Irreversible, &headers, &body);
            assert_eq!(found, wait * 1_000, "{platform} {headers}");
        }
    }
}

// case: L-away
#[test]
fn a_platform_that_is_away_and_says_until_when_is_not_asked_before() {
    for (platform, adapter) in adapters() {
        let away = json!({ "status": 503, "headers": { "retry-after": "120" }, "body": "" });
        let away = reply(&away);
        let read = adapter.classify(Effect::Repeatable, &away);
        let waits = |read: &Option<Failure>| match read {
            Some(Failure::RateLimit { scope: Scope::Account, retry_at, .. }) => {
                retry_at.since(away.at).as_secs() == 120
            }
            _ => false,
        };
        // The toy has no limits at all.
        assert!(waits(&read) || platform == "toy", "{platform}: {read:?}");
        let sent = adapter.classify(Effect::Irreversible, &away);
        assert!(matches!(sent, Some(Failure::Unknown { .. })), "{platform}: {sent:?}");
    }
}
