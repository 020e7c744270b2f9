//! Weighs posts against what a tenant may use up, one after the other.

use super::Stored;
use crate::accepts::NewPost;
use domain::allowance::{Allowance, Over, Spent, month};
use domain::time::Timestamp;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// What is used of the limits of posts.
pub(super) struct Scale {
    /// By tenant.
    pub(super) posts: HashMap<Uuid, u64>,
    /// By tenant, platform and the beginning of the month.
    pub(super) money: HashMap<(Uuid, &'static str, Timestamp), u64>,
}

impl Scale {
    /// What stands against a post.
    pub(super) fn over(
        &self,
        post: &NewPost,
        (allowance, stored): (&Allowance, Stored),
        (now, day_ends_at): (Timestamp, Timestamp),
    ) -> Option<Over> {
        let tenant = post.tenant.uuid();
        let used = self.posts.get(&tenant).copied().unwrap_or(0);
        let limit = allowance.posts_per_day.filter(|_| stored != Stored::AsDrafts).map(u64::from);
        if let Some(limit) = limit.filter(|limit| used >= *limit) {
            let (what, reset_at) = (Spent::Posts, Some(day_ends_at));
            return Some(Over { what, limit, used, asked: 1, reset_at });
        }
        let (from, ends) = month(post.draft.scheduled_at.unwrap_or(now));
        costs(post).into_iter().find_map(|(platform, asked)| {
            let limit = allowance.micros(platform)?;
            let used = self.money.get(&(tenant, platform, from)).copied().unwrap_or(0);
            let what = Spent::Money(platform.to_owned());
            let over = Over { what, limit, used, asked, reset_at: Some(ends) };
            (used + asked > limit).then_some(over)
        })
    }

    /// Adds a post to what is used, or takes it away.
    pub(super) fn count(&mut self, post: &NewPost, now: Timestamp, is_added: bool) {
        let tenant = post.tenant.uuid();
        let add = |used: &mut u64, by: u64| {
            *used = if is_added { *used + by } else { used.saturating_sub(by) };
        };
        add(self.posts.entry(tenant).or_default(), 1);
        let from = month(post.draft.scheduled_at.unwrap_or(now)).0;
        for (platform, cost) in costs(post) {
            add(self.money.entry((tenant, platform, from)).or_default(), cost);
        }
    }
}

/// What a post costs, by platform.
pub(super) fn costs(post: &NewPost) -> BTreeMap<&'static str, u64> {
    let mut costs = BTreeMap::new();
    for one in post.deliveries.iter().filter(|one| one.mark.cost_micros > 0) {
        *costs.entry(one.platform).or_default() += super::count(one.mark.cost_micros);
    }
    costs
}
