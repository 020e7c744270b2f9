//! Tells a platform that is out of order from accounts that lost their consent.
//!
//! Sources: field reports of platforms that answered 401 to every token for hours. Whoever takes
//! such an answer at its word disconnects everybody.

#[cfg(test)]
mod tests;

use std::time::Duration;

/// Refusals of an outage come together.
pub const WINDOW: Duration = Duration::from_secs(300);
/// An account that was refused is not tried again for up to ten minutes (`renewal::DEAD_APART`):
/// for so long and a little more its refusal speaks for the others.
pub const LATELY: Duration = Duration::from_secs(900);
/// Fewer accounts than this are no outage, whatever their share.
pub const ACCOUNTS_MIN: u64 = 3;
/// One in so many of the connected accounts.
pub const SHARE: u64 = 5;
/// No outage excuses an account for longer.
pub const EXCUSED_MAX: Duration = Duration::from_secs(86_400);

/// How many of a platform's accounts were refused within [`WINDOW`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Accounts whose fresh token, or whose renewal, was refused.
    pub refused: u64,
    /// The same within [`LATELY`].
    pub lately: u64,
    /// Accounts that are connected.
    pub connected: u64,
    /// The platform did for another account, just now, what it refused to these.
    pub is_answering: bool,
}

/// What a census shows of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A refusal is about the account.
    InOrder,
    /// Several were refused, and nobody is known to be served: a word about one account is not
    /// taken for its end yet.
    Doubtful,
    /// It refuses everybody: it rests, and no account is held to it.
    OutOfOrder,
}

/// What a census shows.
pub fn state(census: Census) -> State {
    // Where others are served, the refused ones have lost their consent together, as the accounts
    // of an agency that was let go. Without this they would be excused for ever.
    if census.lately < ACCOUNTS_MIN || census.is_answering {
        return State::InOrder;
    }
    let are_many = census.refused >= ACCOUNTS_MIN && census.refused * SHARE >= census.connected;
    if are_many { State::OutOfOrder } else { State::Doubtful }
}
