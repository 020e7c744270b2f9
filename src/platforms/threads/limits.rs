//! The quotas of a profile: as documented, and as the platform tells them when it is asked.
//!
//! Invariant: a figure that is missing or no number tells nothing.

use super::wire::{QuotaConfig, QuotaList};
use crate::port::Reply;
use domain::failure::Scope;
use domain::limit::{Limit, Told};
use std::time::Duration;

/// A rolling day: the window of every quota per profile.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Posts of a profile in a day (docs, overview: 250; enforced by the platform at the publication).
pub(super) const POSTS_PER_DAY: u32 = 250;
/// Replies of a profile in a day (docs, retrieve-and-manage-replies).
pub(super) const REPLIES_PER_DAY: u32 = 1_000;

/// Deletions of a profile in a day (docs, overview).
pub(super) const DELETES_PER_DAY: u32 = 100;

/// docs, 2026. What the calls themselves may cost follows from impressions.
pub(super) static LIMITS: [Limit; 3] = [
    per_day("threads.publish", POSTS_PER_DAY),
    per_day("replies.publish", REPLIES_PER_DAY),
    per_day("threads.delete", DELETES_PER_DAY),
];

/// How long an answer about the quotas is relied upon. Assumed: in a rolling day places come
/// free all the time, and the next post asks again.
const TOLD_FOR: Duration = Duration::from_secs(15 * 60);

const fn per_day(endpoint: &'static str, calls_max: u32) -> Limit {
    Limit { endpoint, scope: Scope::Account, calls_max, window: DAY }
}

/// What is used of one quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    pub used: u64,
    pub total: u64,
}

impl Usage {
    /// What is left of it.
    pub fn left(self) -> u64 {
        self.total.saturating_sub(self.used)
    }
}

/// What is used of the quotas that an answer tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Quotas {
    pub posts: Option<Usage>,
    pub replies: Option<Usage>,
}

/// What is used by a profile, where the answer tells it.
pub(super) fn usage(reply: &Reply) -> Quotas {
    let told: Option<QuotaList> = serde_json::from_slice(&reply.body).ok();
    let Some(entry) = told.and_then(|told| told.data.into_iter().next()) else {
        return Quotas::default();
    };
    let usage = |used: Option<u64>, config: Option<QuotaConfig>| {
        let total = config?.quota_total.filter(|total| *total > 0)?;
        Some(Usage { used: used?, total })
    };
    Quotas {
        posts: usage(entry.quota_usage, entry.config),
        replies: usage(entry.reply_quota_usage, entry.reply_config),
    }
}

/// What an answer about the quotas tells the limiter; other answers tell nothing.
pub(super) fn told(endpoint: &'static str, reply: &Reply) -> Vec<Told> {
    if endpoint != "threads.quota" || !reply.status.is_success() {
        return Vec::new();
    }
    let quotas = usage(reply);
    let quotas = [("threads.publish", quotas.posts), ("replies.publish", quotas.replies)];
    let told = quotas.into_iter().filter_map(|(endpoint, usage)| {
        let remaining = u32::try_from(usage?.left()).unwrap_or(u32::MAX);
        let (scope, window) = (Scope::Account, DAY);
        Some(Told { endpoint, scope, window, remaining, reset_at: reply.at + TOLD_FOR })
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::reply;
    use serde_json::{Value, json};

    fn answer(body: &Value) -> Reply {
        reply(&json!({ "headers": {}, "status": 200, "body": body }))
    }

    #[test]
    fn both_quotas_are_read_and_told() {
        let config = |total: u64| json!({ "quota_total": total, "quota_duration": 86_400 });
        let reply = answer(&json!({ "data": [{
            "quota_usage": 248, "config": config(250),
            "reply_quota_usage": 1_002, "reply_config": config(1_000),
        }]}));
        let told = told("threads.quota", &reply);
        let seen: Vec<_> = told.iter().map(|told| (told.endpoint, told.remaining)).collect();
        assert_eq!(seen, [("threads.publish", 2), ("replies.publish", 0)]);
        for told in told {
            let is_it = |limit: &&Limit| {
                (limit.endpoint, limit.scope, limit.window)
                    == (told.endpoint, told.scope, told.window)
            };
            assert!(LIMITS.iter().any(|limit| is_it(&limit)), "{told:?}");
            assert!(told.reset_at > reply.at);
        }
    }

    #[test]
    fn what_is_not_told_bounds_nothing() {
        let odd = json!({ "data": [{ "quota_usage": 7, "config": { "quota_duration": 86_400 } }] });
        for body in [json!({}), json!({ "data": [] }), json!([]), json!("<html>"), odd] {
            assert_eq!(usage(&answer(&body)), Quotas::default(), "{body}");
            assert_eq!(told("threads.quota", &answer(&body)), []);
        }
        let alone = json!({ "data": [{ "quota_usage": 7, "config": { "quota_total": 250 } }] });
        let quotas = usage(&answer(&alone));
        assert_eq!(quotas, Quotas { posts: Some(Usage { used: 7, total: 250 }), replies: None });
        assert_eq!(told("threads.publish", &answer(&alone)), [], "only the question tells");
    }
}
