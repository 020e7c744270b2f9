//! Instagram's limits: as documented, as it tells them when asked, and as its usage headers do.
//!
//! Invariant: what is missing in a reply, or is no number, tells nothing.

use super::wire::Quota;
use crate::port::Reply;
use domain::failure::{Failure, Scope};
use domain::limit::{Limit, Told};
use domain::time::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// The question how many posts are left of the day.
pub(super) const QUOTA: &str = "publishing_limit";
/// The quota rolls with the oldest post of the day; whether it has moved is looked at hourly.
pub(super) const QUOTA_WAIT: Duration = HOUR;

/// How long an answer about the posts of the day is relied upon, while some are left: as long as a
/// delivery is begun ahead of its time. Within so short a time the limiter spreads nothing.
const QUOTA_LIFE: Duration = Duration::from_secs(600);
/// A day: the window of both limits of an account.
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// The rolling hour of Meta's counters per app.
const HOUR: Duration = Duration::from_secs(3_600);
const CREATE: &str = "media.create";
const PUBLISH: &str = "media.publish";
/// docs, graph-api/overview/rate-limiting: slow down before the headers say a hundred. From so
/// many percent on, new containers rest.
const REST_FROM: u64 = 80;
/// More than any app makes in an hour: it binds only where a header tells.
const UNBOUND: u32 = 1_000_000;

/// docs 2026: 400 containers a day. Posts are 100 a day on one page and 50 on another, so every
/// delivery asks, and the answer lowers what is left. The hours hold nothing by themselves: they
/// are where the usage headers are heard.
pub(super) static LIMITS: [Limit; 4] = [
    limit(PUBLISH, Scope::Account, 100, DAY),
    limit(CREATE, Scope::Account, 400, DAY),
    limit(CREATE, Scope::Account, 400, HOUR),
    limit(CREATE, Scope::App, UNBOUND, HOUR),
];

const fn limit(endpoint: &'static str, scope: Scope, calls_max: u32, window: Duration) -> Limit {
    Limit { endpoint, scope, calls_max, window }
}

/// What a reply tells: of the posts of the day, of the account's calls, of the app's calls.
pub(super) fn told(endpoint: &'static str, reply: &Reply) -> Vec<Told> {
    let asked = (endpoint == QUOTA).then(|| posts_left(reply)).flatten();
    let own = rest(reply, Scope::Account, usage_of_account(reply));
    let app = rest(reply, Scope::App, usage_of_app(reply));
    [asked, own, app].into_iter().flatten().collect()
}

/// The failure when no post is left of the day; nothing where the answer tells less.
pub(super) fn check_quota(reply: &Reply) -> Result<(), Failure> {
    match usage(reply) {
        Some((used, total)) if used >= total => Err(Failure::RateLimit {
            scope: Scope::Account,
            retry_at: reply.at + QUOTA_WAIT,
            detail: format!("{used} of {total} posts went out in the last 24 hours"),
        }),
        _ => Ok(()),
    }
}

/// Posts of the last day, and how many there may be.
fn usage(reply: &Reply) -> Option<(u32, u32)> {
    let Quota { data } = serde_json::from_slice(&reply.body).ok()?;
    let used = data.first()?;
    Some((used.quota_usage?, used.config.quota_total?))
}

fn posts_left(reply: &Reply) -> Option<Told> {
    let (used, total) = usage(reply).filter(|_| reply.status.is_success())?;
    let remaining = total.saturating_sub(used);
    let reset_at = reply.at + if remaining == 0 { QUOTA_WAIT } else { QUOTA_LIFE };
    Some(Told { endpoint: PUBLISH, scope: Scope::Account, window: DAY, remaining, reset_at })
}

/// How much of what is allowed was used, in percent, and the minutes until calls are taken again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Usage {
    percent: u64,
    minutes: u64,
}

/// New containers rest: as long as Meta says, or a minute for each percent of the last fifth. What
/// was begun goes on.
fn rest(reply: &Reply, scope: Scope, usage: Option<Usage>) -> Option<Told> {
    let Usage { percent, minutes } = usage.filter(|usage| usage.percent >= REST_FROM)?;
    let minutes = minutes.max(percent - REST_FROM + 1);
    let wait = Duration::from_secs(minutes.saturating_mul(60)).min(HOUR);
    let reset_at: Timestamp = reply.at + wait;
    Some(Told { endpoint: CREATE, scope, window: HOUR, remaining: 0, reset_at })
}

/// `X-Business-Use-Case-Usage`: a list for each account; only Instagram's entries are of concern.
fn usage_of_account(reply: &Reply) -> Option<Usage> {
    let usage: Value = serde_json::from_str(reply.header("x-business-use-case-usage")?).ok()?;
    let entries = usage.as_object()?.values().filter_map(Value::as_array).flatten();
    let own = entries.filter(|entry| entry["type"] == super::options::NAME);
    let read = own.map(|entry| Usage {
        percent: percent(entry),
        minutes: entry["estimated_time_to_regain_access"].as_u64().unwrap_or(0),
    });
    read.max_by_key(|usage| (usage.percent, usage.minutes))
}

/// `X-App-Usage`: the same percentages, without a time.
fn usage_of_app(reply: &Reply) -> Option<Usage> {
    let usage: Value = serde_json::from_str(reply.header("x-app-usage")?).ok()?;
    Some(Usage { percent: percent(&usage), minutes: 0 })
}

/// The highest of the three counters decides, docs.
fn percent(usage: &Value) -> u64 {
    let counters = ["call_count", "total_cputime", "total_time"];
    counters.iter().filter_map(|name| usage[*name].as_u64()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::reply;
    use serde_json::json;

    fn with(headers: &Value, body: &Value) -> Reply {
        reply(&json!({ "status": 200, "headers": headers, "body": body }))
    }

    fn seen(told: &[Told], reply: &Reply) -> Vec<(&'static str, Scope, u32, u64)> {
        let seen = |told: &Told| {
            let minutes = told.reset_at.since(reply.at).as_secs() / 60;
            (told.endpoint, told.scope, told.remaining, minutes)
        };
        told.iter().map(seen).collect()
    }

    #[test]
    fn from_eighty_percent_on_new_containers_rest() {
        let business = |percent: u64, minutes: u64| {
            json!({ "17": [
                { "type": "pages", "call_count": 99 },
                { "type": "instagram", "call_count": 3, "total_time": percent,
                  "estimated_time_to_regain_access": minutes },
            ] })
            .to_string()
        };
        let app = |percent: u64| json!({ "call_count": 2, "total_cputime": percent }).to_string();
        let table = [
            (business(79, 0), app(79), vec![]),
            (business(80, 0), app(0), vec![(CREATE, Scope::Account, 0, 1)]),
            (business(100, 0), app(0), vec![(CREATE, Scope::Account, 0, 21)]),
            (business(100, 45), app(0), vec![(CREATE, Scope::Account, 0, 45)]),
            (business(100, 4_000), app(0), vec![(CREATE, Scope::Account, 0, 60)]),
            (business(0, 0), app(90), vec![(CREATE, Scope::App, 0, 11)]),
            ("odd".into(), "[]".into(), vec![]),
        ];
        for (business, app, expected) in table {
            let headers = json!({ "x-business-use-case-usage": business, "x-app-usage": app });
            let reply = with(&headers, &json!({}));
            assert_eq!(seen(&told("media.get", &reply), &reply), expected, "{headers}");
        }
    }

    #[test]
    fn the_quota_that_is_told_lowers_what_is_left() {
        let quota = |used: Value, total: Value| {
            let config = json!({ "quota_total": total, "quota_duration": 86_400 });
            with(&json!({}), &json!({ "data": [{ "quota_usage": used, "config": config }] }))
        };
        let some = quota(json!(2), json!(50));
        assert_eq!(seen(&told(QUOTA, &some), &some), [(PUBLISH, Scope::Account, 48, 10)]);
        assert_eq!(told("media.get", &some), [], "another endpoint tells nothing of it");
        assert!(check_quota(&some).is_ok());
        let full = quota(json!(25), json!(25));
        assert_eq!(seen(&told(QUOTA, &full), &full), [(PUBLISH, Scope::Account, 0, 60)]);
        let refused = check_quota(&full).unwrap_err();
        let Failure::RateLimit { retry_at, detail, .. } = refused else { panic!("{refused:?}") };
        assert_eq!(retry_at, full.at + QUOTA_WAIT);
        assert!(detail.contains("25 of 25"), "{detail}");
        for odd in [quota(json!("many"), json!(5)), with(&json!({}), &json!({ "data": [] }))] {
            assert_eq!(told(QUOTA, &odd), []);
            assert!(check_quota(&odd).is_ok(), "an odd answer holds nothing up");
        }
    }

    #[test]
    fn every_window_that_is_told_is_one_of_ours() {
        let headers = json!({
            "x-business-use-case-usage":
                r#"{"1":[{"type":"instagram","call_count":90}]}"#,
            "x-app-usage": r#"{"call_count":90}"#,
        });
        let quota = json!({ "quota_usage": 1, "config": { "quota_total": 9 } });
        let told = told(QUOTA, &with(&headers, &json!({ "data": [quota] })));
        assert_eq!(told.len(), 3);
        for told in told {
            let is_it = |limit: &&Limit| {
                (limit.endpoint, limit.scope, limit.window)
                    == (told.endpoint, told.scope, told.window)
            };
            assert!(LIMITS.iter().any(|limit| is_it(&limit)), "{told:?}");
        }
    }
}
