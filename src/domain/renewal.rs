//! When a grant is renewed, what follows when that is refused, and what its owner is told.
//!
//! Invariant: a refusal alone never costs an account its connection. It takes a platform that
//! refuses nobody else, twice over [`DEAD_APART`], and an access token that serves no more.

#[cfg(test)]
mod tests;

use crate::decision::{PAUSE, REFRESH_EVERY};
use crate::id::AccountId;
use crate::outage::{EXCUSED_MAX, State};
use crate::standing::TOKEN_LEFT_MIN;
use crate::time::Timestamp;
use std::time::Duration;

/// A grant that ends is renewed this long before, at the latest.
pub const AHEAD: Duration = Duration::from_secs(10 * 60);
/// Accounts of one second are renewed over so much time, all of it before [`AHEAD`].
pub const SPREAD: Duration = Duration::from_secs(50);
/// The same where there are weeks of room.
pub const SPREAD_LONG: Duration = Duration::from_secs(6 * 3600);
/// Between two refusals of a renewal that count as two.
pub const DEAD_APART: Duration = Duration::from_secs(10 * 60);
/// A refusal that gives no reason counts only after it has lasted so long. Outages that answered
/// 401 to everything lasted up to two hours.
pub const UNEXPLAINED_MAX: Duration = Duration::from_secs(3 * 3600);
/// A grant that is about to be lost is tried again this often.
const TRIED_EVERY: Duration = Duration::from_secs(86_400);
/// A grant that lives for moments is not renewed in a loop.
const LIFE_MIN: Duration = Duration::from_secs(60);
/// So long before a grant ends that nothing renews, its owner is told.
pub const NOTICES: [Duration; 2] = [Duration::from_secs(7 * 86_400), Duration::from_secs(86_400)];

/// When a platform's grants are renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// As late as may be: they live for hours.
    Late,
    /// So long after they were granted: they live for months, and whoever misses their end has
    /// lost them.
    After(Duration),
    /// So long before their end, where they live twice as long.
    Ahead(Duration),
}

/// When to renew the grant of an account: accounts that were granted together come apart, and none
/// is later than [`AHEAD`] or earlier than [`SPREAD`] before that, unless the rule has more room.
pub fn next_renewal(
    rule: Rule,
    granted_at: Timestamp,
    expires_at: Timestamp,
    account: AccountId,
) -> Timestamp {
    let life = expires_at.since(granted_at);
    let latest = expires_at - AHEAD - share(account, SPREAD);
    let wanted = match rule {
        Rule::After(age) => granted_at + age + share(account, SPREAD_LONG),
        Rule::Ahead(ahead) if life >= ahead * 2 => expires_at - ahead + share(account, SPREAD_LONG),
        Rule::Late | Rule::Ahead(_) => latest,
    };
    let earliest = granted_at + (life / 2).clamp(LIFE_MIN, REFRESH_EVERY);
    wanted.min(latest).max(earliest)
}

/// The part of `spread` that an account comes later or earlier by, always the same.
fn share(account: AccountId, spread: Duration) -> Duration {
    // The last steps of SplitMix64: ids of one second differ in few bits.
    let id = account.uuid().as_u128();
    let mut mixed = (id as u64) ^ ((id >> 64) as u64);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    Duration::from_millis(mixed % (spread.as_millis() as u64).max(1))
}

/// What is known when a renewal was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// When this grant's renewal was refused first.
    pub since: Timestamp,
    /// The platform said that the grant is dead; without it, it said no and nothing more.
    pub is_explained: bool,
    /// What the refusals of other accounts show of the platform.
    pub platform: State,
    /// When the access token ends.
    pub token_ends_at: Timestamp,
    /// Calls that were signed with it were refused too.
    pub is_token_refused: bool,
}

/// What follows from a refused renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is tried again at this instant.
    Rest(Timestamp),
    /// The platform is out of order: it rests as a whole.
    Outage(Timestamp),
    /// The grant is lost but serves on. Its owner is told, and it is tried again at this instant.
    Warn(Timestamp),
    /// Only its owner can help.
    Lost,
}

/// What follows from a refused renewal at `now`.
pub fn judge(refused: &Refused, now: Timestamp) -> Verdict {
    let lasted = now.since(refused.since);
    if refused.platform == State::OutOfOrder && lasted < EXCUSED_MAX {
        return Verdict::Outage(now + PAUSE);
    }
    let is_word = refused.is_explained && refused.platform == State::InOrder;
    let is_settled = lasted >= if is_word { DEAD_APART } else { UNEXPLAINED_MAX };
    let serves_until = refused.token_ends_at - TOKEN_LEFT_MIN;
    if !is_settled {
        return Verdict::Rest(now + DEAD_APART);
    }
    if refused.is_token_refused || serves_until <= now {
        return Verdict::Lost;
    }
    Verdict::Warn(serves_until.min(now + TRIED_EVERY))
}

/// What is due for a grant that nothing renews.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Nothing before this instant.
    Wait(Timestamp),
    /// Its owner is told; this is the number of the notice, from 1.
    Tell(u32),
    /// It has ended.
    Over,
}

/// What is due at `now`, where the owner has been told `told` times of this grant.
pub fn notice(expires_at: Timestamp, told: u32, now: Timestamp) -> Notice {
    if expires_at <= now {
        return Notice::Over;
    }
    let (past, ahead): (Vec<Timestamp>, Vec<Timestamp>) =
        NOTICES.map(|before| expires_at - before).into_iter().partition(|at| *at <= now);
    let past = u32::try_from(past.len()).unwrap_or(u32::MAX);
    match ahead.first() {
        _ if past > told => Notice::Tell(past),
        Some(next) => Notice::Wait(*next),
        None => Notice::Wait(expires_at),
    }
}
