//! When a post that is out is shown anew: from a rule, what was done by it, and the present.
//!
//! Invariant: one repost is owed at a time, counted from the one before. What a pause or an
//! outage let pass is made up for by one repost at most, never by a burst.

mod quiet;
mod read;

pub use quiet::{Flaw, Quiet};
pub use read::{Bounds, read};

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The least time between a post and its repost, between two reposts, and before one is taken
/// back. Ours: sooner would be spam. It is also far longer than a call may take, so a call that
/// got lost on its way arrives before the next one leaves.
pub const GAP_MIN: Duration = Duration::from_secs(15 * 60);
/// The longest of these times: later is another campaign.
pub const GAP_MAX: Duration = Duration::from_secs(30 * 86_400);
/// Reposts of one post, at most.
pub const TIMES_MAX: u32 = 10;

/// Which instants a rule names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Beat {
    /// So many seconds behind the post, and behind each repost.
    AfterS(u64),
    /// These, in order.
    At(Vec<Timestamp>),
    /// Each so many seconds, counted from the post: a late one does not move those behind it.
    EveryS(u64),
}

/// How a post is reposted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// When.
    pub beat: Beat,
    /// How often at most, tries that failed included.
    pub times: u32,
    /// The latest instant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Timestamp>,
    /// Hours in which none goes out; one that falls into them waits for their end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quiet_hours: Option<Quiet>,
    /// A repost is taken back so many seconds after it; without it, by the next one alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undo_after_s: Option<u64>,
    /// The least time between two, and between the post and the first.
    pub min_gap_s: u64,
}

/// A repost that came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// When it went out, or failed.
    pub ended_at: Timestamp,
    /// The post is shown by it: it went out and was not taken back.
    pub is_shown: bool,
}

/// Why there are no more reposts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// All were made.
    Done,
    /// The rule's `until` has passed.
    Until,
    /// Every instant of the rule had passed when the post went out.
    Missed,
    /// A person cancelled those to come.
    Cancelled,
    /// The post was deleted through us.
    Removed,
    /// The post is not there any more.
    OriginGone,
    /// The post was edited: what was to be repeated is an old version.
    OriginEdited,
    /// The account was taken from us.
    Disconnected,
    /// Working on it ended our process again and again.
    Broken,
}

/// What is owed next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A repost; overdue when it lies in the past.
    Repost(Timestamp),
    /// To take back the repost that shows the post.
    Undo(Timestamp),
    /// Nothing.
    Over(End),
}

impl End {
    /// Every end.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Until,
        Self::Missed,
        Self::Cancelled,
        Self::Removed,
        Self::OriginGone,
        Self::OriginEdited,
        Self::Disconnected,
        Self::Broken,
    ];

    /// The word in SQL and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Until => "until",
            Self::Missed => "missed",
            Self::Cancelled => "cancelled",
            Self::Removed => "removed",
            Self::OriginGone => "origin_gone",
            Self::OriginEdited => "origin_edited",
            Self::Disconnected => "disconnected",
            Self::Broken => "broken",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.as_str() == word)
    }

    /// A repost that shows the post is still taken back when its time comes. Of a post or an
    /// account that is not there any more nothing can be.
    pub const fn leaves_undo(self) -> bool {
        match self {
            Self::Done | Self::Until | Self::Missed | Self::Cancelled | Self::OriginEdited => true,
            Self::Removed | Self::OriginGone | Self::Disconnected | Self::Broken => false,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is owed of a post that went out at `published_at`, after `past`, in order. `ended` says
/// why its reposts were ended before their time, where they were.
pub fn next(
    rule: &Rule,
    published_at: Timestamp,
    past: &[Past],
    ended: Option<End>,
    now: Timestamp,
) -> Next {
    let repost = match ended {
        Some(end) => Err(end),
        None => rule.repost_at(published_at, past, now),
    };
    let undo = rule.undo_at(past).filter(|_| ended.is_none_or(End::leaves_undo));
    match (repost, undo) {
        // The next repost takes the one before back by itself.
        (Ok(at), Some(undo)) if undo < at => Next::Undo(undo),
        (Ok(at), _) => Next::Repost(at),
        (Err(_), Some(undo)) => Next::Undo(undo),
        (Err(end), None) => Next::Over(end),
    }
}

impl Rule {
    /// When to take back the repost that shows the post. A later try may have failed.
    fn undo_at(&self, past: &[Past]) -> Option<Timestamp> {
        let after = Duration::from_secs(self.undo_after_s?);
        past.iter().rev().find(|one| one.is_shown).map(|shown| shown.ended_at + after)
    }

    fn repost_at(
        &self,
        published_at: Timestamp,
        past: &[Past],
        now: Timestamp,
    ) -> Result<Timestamp, End> {
        if past.len() >= usize::try_from(self.times).unwrap_or(usize::MAX) {
            return Err(End::Done);
        }
        let last = past.last().map_or(published_at, |one| one.ended_at);
        let floor = last + Duration::from_secs(self.min_gap_s);
        let at = match &self.beat {
            Beat::AfterS(seconds) => last + Duration::from_secs(*seconds),
            Beat::EveryS(seconds) => on_beat(published_at, *seconds, last, now),
            Beat::At(instants) => {
                let ahead = || instants.iter().copied().filter(|at| *at > last);
                let due = ahead().filter(|at| *at <= now).max().or_else(|| ahead().min());
                due.ok_or(if past.is_empty() { End::Missed } else { End::Done })?
            }
        };
        let at = at.max(floor);
        // What is overdue would go out now.
        let leaves_at = at.max(now);
        let awake = self.quiet_hours.as_ref().and_then(|quiet| quiet.ends_after(leaves_at));
        if self.until.is_some_and(|until| awake.unwrap_or(leaves_at) > until) {
            return Err(End::Until);
        }
        Ok(awake.unwrap_or(at))
    }
}

/// The first instant of a beat behind `last`; once that has passed, the last one up to now.
fn on_beat(from: Timestamp, seconds: u64, last: Timestamp, now: Timestamp) -> Timestamp {
    let step = i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX).max(1);
    let nth = |count: i64| Timestamp::from_ms(from.ms().saturating_add(step.saturating_mul(count)));
    let apart = |at: Timestamp| at.ms().saturating_sub(from.ms());
    let first = nth(apart(last).div_euclid(step) + 1);
    if first > now { first } else { nth(apart(now).div_euclid(step)) }
}

#[cfg(test)]
mod tests;
