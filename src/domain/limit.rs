//! How often a platform lets us call: windows, in its own form, and rates that smooth an app.

use crate::failure::Scope;
use crate::time::Timestamp;
use std::time::Duration;

/// How long a permit is good for. A call that left later could arrive in the platform's next
/// window, where nobody has counted it. An unused permit is not given back.
pub const PERMIT: Duration = Duration::from_secs(1);

/// So many calls of one endpoint in one window, per account or per app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Endpoint names ([`crate::courier`]) that count against it.
    pub endpoint: &'static str,
    /// Whose calls are counted together.
    pub scope: Scope,
    /// Calls allowed in one window.
    pub calls_max: u32,
    /// The length of the window.
    pub window: Duration,
}

/// An even flow: one call after the other, with a burst after a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls in `per`, in the long run.
    pub calls: u32,
    /// The time they are spread over.
    pub per: Duration,
    /// Calls that may leave at once after a rest; at least 1.
    pub burst: u32,
}

/// The owner's own limits of one account, beside those of its platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Own {
    /// Posts on one day of UTC; a chain is one post.
    pub posts_per_day: Option<u32>,
    /// Seconds between two posts.
    pub min_gap_s: Option<u32>,
}

impl Own {
    /// The most posts a day that can be asked for: more than any platform takes.
    pub const POSTS_PER_DAY_MAX: u32 = 100_000;
    /// The longest gap that can be asked for, in seconds: a day.
    pub const MIN_GAP_S_MAX: u32 = 86_400;

    /// Both in words; `None` when there is none.
    pub fn words(&self) -> Option<String> {
        let per_day = self.posts_per_day.map(|posts| match posts {
            1 => "1 post a day (UTC)".to_owned(),
            posts => format!("{posts} posts a day (UTC)"),
        });
        let gap = self.min_gap_s.map(|seconds| format!("{seconds} s between two"));
        let both: Vec<String> = per_day.into_iter().chain(gap).collect();
        (!both.is_empty()).then(|| both.join(", "))
    }
}

/// What a reply tells of one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The endpoint whose calls it counts.
    pub endpoint: &'static str,
    /// Whose calls.
    pub scope: Scope,
    /// The length of the window.
    pub window: Duration,
    /// Calls that are left in it.
    pub remaining: u32,
    /// When it begins anew, by our clock.
    pub reset_at: Timestamp,
}

impl Told {
    /// Is it worth a word to the limiter, which had `left` calls of `calls_max` when it permitted
    /// this one?
    ///
    /// In the ordinary case the platform counts what we count, and the limiter hears nothing.
    /// Below a quarter of the limit every word counts, for there the two have to agree. Above, a
    /// platform that allows less than the limiter would grant has counted calls that are not
    /// ours, or has another limit than it documents. Calls overtake each other on the way, so a
    /// difference of a twentieth is none.
    ///
    /// An instant that lies further ahead than the window is long is no reset of that window.
    pub fn is_news(&self, calls_max: u32, left: u32, now: Timestamp) -> bool {
        let is_running = self.reset_at > now && self.reset_at.since(now) <= self.window + PERMIT;
        let is_scarce = self.remaining < calls_max / 4;
        let is_less = self.remaining.saturating_add(calls_max / 20) < left;
        is_running && (is_scarce || is_less)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owners_limits_are_told_together_or_not_at_all() {
        let own = |posts_per_day, min_gap_s| Own { posts_per_day, min_gap_s }.words();
        assert_eq!(own(None, None), None);
        assert_eq!(own(Some(1), None).as_deref(), Some("1 post a day (UTC)"));
        let both = own(Some(3), Some(60));
        assert_eq!(both.as_deref(), Some("3 posts a day (UTC), 60 s between two"));
    }

    #[test]
    fn only_what_differs_or_is_scarce_is_news() {
        let now = Timestamp::from_seconds(1_000);
        let window = Duration::from_secs(900);
        let told = |remaining, in_s| Told {
            endpoint: "posts.create",
            scope: Scope::Account,
            window,
            remaining,
            reset_at: now + Duration::from_secs(in_s),
        };
        let table = [
            (told(80, 600), 80, false, "both count the same"),
            (told(90, 600), 80, false, "the platform allows more"),
            (told(76, 600), 80, false, "calls overtook this one"),
            (told(74, 600), 80, true, "somebody else calls too"),
            (told(24, 600), 24, true, "little is left"),
            (told(25, 600), 25, false, "a quarter is left"),
            (told(0, 0), 80, false, "the window is over"),
            (told(0, 5_000), 80, false, "no window is as long"),
        ];
        for (told, left, expected, why) in table {
            assert_eq!(told.is_news(100, left, now), expected, "{why}");
        }
    }
}
