//! When a post that is out is published anew as a copy, on which accounts, and when no more.
//!
//! A copy is a post of its own. Invariant: one copy is owed at a time, by the rhythm of
//! [`crate::repost::next`], so an outage is made up for by one copy at most.

mod alike;
mod read;

pub use alike::{Repeats, repeated};
pub use read::{GAP_MAX, GAP_MIN, Series, TIMES_MAX, VARIATIONS_MAX, Variation, of, read};

use crate::delivery::Status;
use crate::id::{AccountId, PostId};
use crate::post::Stage;
use crate::repost::{self, Next, Past, Rule, next};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use utoipa::ToSchema;

/// A copy is made so long before it is due: what it takes to make it ready happens ahead, as with
/// any post that has a time.
pub const AHEAD: Duration = Duration::from_secs(15 * 60);

/// Of which post a post is a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CopyOf {
    /// The origin.
    pub post_id: PostId,
    /// Which copy, from 1.
    pub number: u32,
}

/// Why there are no more copies.
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
    /// The origin was put away.
    Archived,
    /// The origin was deleted wherever it was out.
    Removed,
    /// Every account on which the origin is out was taken from us.
    Disconnected,
    /// There is no further wording, and nowhere it is out may one be repeated.
    NoVariation,
    /// The rule was taken out of the post.
    NoRule,
    /// Working on it ended our process again and again.
    Broken,
}

impl End {
    /// Every end.
    pub const ALL: [Self; 10] = [
        Self::Done,
        Self::Until,
        Self::Missed,
        Self::Cancelled,
        Self::Archived,
        Self::Removed,
        Self::Disconnected,
        Self::NoVariation,
        Self::NoRule,
        Self::Broken,
    ];

    /// The word in SQL and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Until => "until",
            Self::Missed => "missed",
            Self::Cancelled => "cancelled",
            Self::Archived => "archived",
            Self::Removed => "removed",
            Self::Disconnected => "disconnected",
            Self::NoVariation => "no_variation",
            Self::NoRule => "no_rule",
            Self::Broken => "broken",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.as_str() == word)
    }

    /// Of the ends of reposts only three can follow from a rule.
    const fn of(end: repost::End) -> Self {
        match end {
            repost::End::Done => Self::Done,
            repost::End::Until => Self::Until,
            repost::End::Missed => Self::Missed,
            repost::End::Removed | repost::End::OriginGone => Self::Removed,
            repost::End::Disconnected => Self::Disconnected,
            repost::End::Cancelled | repost::End::OriginEdited => Self::Cancelled,
            repost::End::Broken => Self::Broken,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A delivery of the origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// On which account.
    pub account: AccountId,
    /// On which platform.
    pub platform: String,
    /// Where it stands.
    pub status: Status,
    /// When it went out.
    pub published_at: Option<Timestamp>,
    /// It was deleted again, or is to be.
    pub is_removed: bool,
    /// Its account was taken from us.
    pub is_disconnected: bool,
    /// A copy is still on its way there.
    pub is_open: bool,
}

/// What is owed next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owed {
    /// A copy for these accounts, due then; overdue when that lies in the past.
    Make {
        /// When it is due.
        at: Timestamp,
        /// On which accounts.
        accounts: Vec<AccountId>,
    },
    /// Nothing before a copy that is due then.
    Wait(Timestamp),
    /// Nothing until the origin is out somewhere.
    NotOut,
    /// Nothing, nor will anything be, unless a retry brings the origin out.
    Nowhere,
    /// Nothing any more.
    Over(End),
}

/// What is owed of an origin in `stage`, after the copies in `past`. `fits` says whether a place
/// takes the wording of the next copy.
pub fn owed(
    rule: &Rule,
    (stage, places): (Stage, &[Place]),
    past: &[Past],
    fits: impl Fn(&Place) -> bool,
    now: Timestamp,
) -> Owed {
    match stage {
        Stage::Archived => return Owed::Over(End::Archived),
        Stage::Cancelled => return Owed::Over(End::Cancelled),
        Stage::Live | Stage::Held | Stage::Draft => {}
    }
    let out: Vec<&Place> = places.iter().filter(|one| one.status == Status::Published).collect();
    // Counted from when it was out everywhere it is out, so no account sees a copy too soon.
    let Some(published_at) = out.iter().filter_map(|one| one.published_at).max() else {
        let is_open = places.iter().any(|one| !one.status.is_ended());
        return if is_open { Owed::NotOut } else { Owed::Nowhere };
    };
    let there: Vec<&Place> = out.into_iter().filter(|one| !one.is_removed).collect();
    if there.is_empty() {
        return Owed::Over(End::Removed);
    }
    let ours: Vec<&Place> = there.into_iter().filter(|one| !one.is_disconnected).collect();
    if ours.is_empty() {
        return Owed::Over(End::Disconnected);
    }
    let at = match due(rule, published_at, past, now) {
        Ok(at) => at,
        Err(end) => return Owed::Over(end),
    };
    let fitting: Vec<&Place> = ours.into_iter().filter(|one| fits(one)).collect();
    if fitting.is_empty() {
        return Owed::Over(End::NoVariation);
    }
    if at > now + AHEAD {
        return Owed::Wait(at);
    }
    let free = fitting.iter().filter(|one| !one.is_open && stage == Stage::Live);
    let accounts: Vec<AccountId> = free.map(|one| one.account).collect();
    if !accounts.is_empty() {
        return Owed::Make { at, accounts };
    }
    // Where the one before is still on its way, or the origin is held, this one is passed over:
    // what waits for a limit or for a person does not pile up behind it.
    let passed = Past { ended_at: at.max(now), is_shown: false };
    let passed: Vec<Past> = past.iter().copied().chain([passed]).collect();
    let rule = Rule { times: rule.times.saturating_add(1), ..rule.clone() };
    match due(&rule, published_at, &passed, now) {
        Ok(at) => Owed::Wait(at),
        Err(end) => Owed::Over(end),
    }
}

fn due(
    rule: &Rule,
    published_at: Timestamp,
    past: &[Past],
    now: Timestamp,
) -> Result<Timestamp, End> {
    match next(rule, published_at, past, None, now) {
        // Nothing is taken back: the rule has no `undoAfter`.
        Next::Repost(at) | Next::Undo(at) => Ok(at),
        Next::Over(end) => Err(End::of(end)),
    }
}

#[cfg(test)]
mod tests;
