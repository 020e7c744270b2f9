//! Tells a platform that is out of order from accounts that lost their consent.
//!
//! Sources: field reports of platforms that answered 401 to every token for hours. Whoever takes
//! such an answer at its word disconnects everybody.

use std::time::Duration;

/// Refusals that are older say nothing about the present.
pub const WINDOW: Duration = Duration::from_secs(300);
/// Fewer accounts than this are no outage, whatever their share.
pub const ACCOUNTS_MIN: u64 = 3;
/// One in so many of the connected accounts.
pub const SHARE: u64 = 5;

/// How many of a platform's accounts were refused within [`WINDOW`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Accounts whose fresh token, or whose renewal, was refused.
    pub refused: u64,
    /// Accounts that are connected.
    pub connected: u64,
    /// The platform did for another account, just now, what it refused to these.
    pub is_answering: bool,
}

/// The platform is out of order, not the accounts.
pub fn is_outage(census: Census) -> bool {
    // Where others are served, the refused ones have lost their consent together: an agency that
    // was let go. Without this they would be excused for ever.
    let are_many = census.refused >= ACCOUNTS_MIN && census.refused * SHARE >= census.connected;
    are_many && !census.is_answering
}

#[cfg(test)]
mod tests {
    use super::*;

    // case: T-census
    #[test]
    fn three_accounts_and_a_fifth_of_all_are_an_outage() {
        let table = [
            (0, 0, false),
            (2, 2, false),
            (2, 10, false),
            (3, 3, true),
            (3, 15, true),
            (3, 16, false),
            (19, 100, false),
            (20, 100, true),
            (1_999, 10_000, false),
            (2_000, 10_000, true),
        ];
        for (refused, connected, expected) in table {
            let census = Census { refused, connected, is_answering: false };
            assert_eq!(is_outage(census), expected, "{census:?}");
            assert!(!is_outage(Census { is_answering: true, ..census }), "others are served");
        }
    }
}
