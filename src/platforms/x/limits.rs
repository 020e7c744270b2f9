//! X's limits: as documented, and as its headers tell them.
//!
//! Invariant: a header that is missing or no number tells nothing.

use super::errors::by_our_clock;
use crate::port::Reply;
use domain::failure::Scope;
use domain::limit::{Limit, Told};
use std::time::Duration;

/// A quarter of an hour: the window of every limit per account.
pub(super) const QUARTER: Duration = Duration::from_secs(15 * 60);
/// A day: the window of the limits per app.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// docs.x.com/x-api/fundamentals/rate-limits, August 2026.
pub(super) static LIMITS: [Limit; 20] = [
    per_account("tweets.create", 100),
    // A day of full quarters, so it binds only where X tells of a day's limit that is lower, as
    // on its small tiers.
    Limit { endpoint: "tweets.create", scope: Scope::Account, calls_max: 9_600, window: DAY },
    per_app("tweets.create", 10_000, DAY),
    per_account("tweets.delete", 50),
    // Its 3,500 per app are for app-only tokens.
    per_account("tweets.lookup", 5_000),
    per_account("retweets.create", 50),
    per_account("retweets.delete", 50),
    per_account("media.initialize", 1_875),
    per_app("media.initialize", 180_000, DAY),
    per_account("media.append", 1_875),
    per_app("media.append", 180_000, DAY),
    per_account("media.finalize", 1_875),
    per_app("media.finalize", 180_000, DAY),
    per_account("media.status", 1_000),
    per_app("media.status", 100_000, DAY),
    per_account("media.metadata", 500),
    per_app("media.metadata", 50_000, DAY),
    per_account("users.me", 75),
    per_account("users.tweets", 900),
    per_app("users.tweets", 10_000, QUARTER),
];

const fn per_account(endpoint: &'static str, calls_max: u32) -> Limit {
    Limit { endpoint, scope: Scope::Account, calls_max, window: QUARTER }
}

const fn per_app(endpoint: &'static str, calls_max: u32, window: Duration) -> Limit {
    Limit { endpoint, scope: Scope::App, calls_max, window }
}

/// One family of limit headers: its prefix, whom it concerns, and its window.
pub(super) const FAMILIES: [(&str, Scope, Duration); 3] = [
    ("x-rate-limit-", Scope::Account, QUARTER),
    ("x-user-limit-24hour-", Scope::Account, DAY),
    ("x-app-limit-24hour-", Scope::App, DAY),
];

/// A number of a family.
pub(super) fn number(reply: &Reply, prefix: &str, name: &str) -> Option<i64> {
    reply.header(&format!("{prefix}{name}"))?.trim().parse().ok()
}

/// What a reply tells of the windows of its endpoint.
pub(super) fn told(endpoint: &'static str, reply: &Reply) -> Vec<Told> {
    let told = FAMILIES.iter().filter_map(|(prefix, scope, window)| {
        let remaining = number(reply, prefix, "remaining")?;
        let reset = number(reply, prefix, "reset")?;
        Some(Told {
            endpoint,
            scope: *scope,
            window: *window,
            remaining: u32::try_from(remaining.max(0)).ok()?,
            reset_at: by_our_clock(reply, reset),
        })
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::http_date;
    use domain::time::Timestamp;
    use http::{HeaderMap, HeaderValue, StatusCode};

    fn reply(headers: &[(&'static str, &str)]) -> Reply {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let at = Timestamp::from_seconds(1_795_500_000);
        Reply { status: StatusCode::CREATED, headers: map, body: Vec::new(), at }
    }

    #[test]
    fn each_family_tells_of_its_own_window() {
        let reply = reply(&[
            ("x-rate-limit-limit", "100"),
            ("x-rate-limit-remaining", "41"),
            ("x-rate-limit-reset", "1795500600"),
            ("x-user-limit-24hour-remaining", "-3"),
            ("x-user-limit-24hour-reset", "1795550000"),
            ("x-app-limit-24hour-remaining", "9000"),
            ("x-app-limit-24hour-reset", "1795560000"),
        ]);
        let told = told("tweets.create", &reply);
        let seen: Vec<_> =
            told.iter().map(|t| (t.scope, t.window, t.remaining, t.reset_at.ms() / 1000)).collect();
        let expected = [
            (Scope::Account, QUARTER, 41, 1_795_500_600),
            (Scope::Account, DAY, 0, 1_795_550_000),
            (Scope::App, DAY, 9_000, 1_795_560_000),
        ];
        assert_eq!(seen, expected);
        assert!(told.iter().all(|told| told.endpoint == "tweets.create"));
    }

    #[test]
    fn half_a_family_tells_nothing() {
        assert_eq!(told("users.me", &reply(&[])), []);
        assert_eq!(told("users.me", &reply(&[("x-rate-limit-remaining", "0")])), []);
        let odd = [("x-rate-limit-remaining", "many"), ("x-rate-limit-reset", "1795500600")];
        assert_eq!(told("users.me", &reply(&odd)), []);
    }

    #[test]
    fn the_reset_is_told_by_our_clock() {
        // X's clock is a minute ahead of ours.
        let date = http_date(Timestamp::from_seconds(1_795_500_060));
        let reply = reply(&[
            ("date", &date),
            ("x-rate-limit-remaining", "5"),
            ("x-rate-limit-reset", "1795500120"),
        ]);
        let [told] = told("tweets.create", &reply)[..] else { panic!("one family") };
        assert_eq!(told.reset_at, reply.at + Duration::from_secs(60), "{}", reply.at);
    }

    #[test]
    fn every_window_that_a_header_tells_of_a_post_is_one_of_ours() {
        for (prefix, scope, window) in FAMILIES {
            let is_it = |limit: &&Limit| limit.scope == scope && limit.window == window;
            let ours = LIMITS.iter().filter(is_it);
            assert!(ours.map(|limit| limit.endpoint).any(|e| e == "tweets.create"), "{prefix}");
        }
    }
}
