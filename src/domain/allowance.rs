//! What a tenant may use up: posts of a day, accounts, bytes of files, money at the platforms.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most of each; no entry is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Allowance {
    /// Posts that are accepted on one day of UTC.
    pub posts_per_day: Option<u32>,
    /// Accounts that are connected, or need to be again.
    pub accounts: Option<u32>,
    /// The files of its library, in bytes.
    pub media_bytes: Option<u64>,
    /// What the posts of one month of UTC may cost at a platform, in US cents.
    pub spend_cents_per_month: BTreeMap<String, u32>,
}

/// Which limit stands against something, and how far it is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Over {
    /// Which one.
    pub what: Spent,
    /// The limit.
    pub limit: u64,
    /// What is used of it.
    pub used: u64,
    /// What this one would take.
    pub asked: u64,
    /// When it begins anew, where it does.
    pub reset_at: Option<Timestamp>,
}

/// What a limit of a tenant counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spent {
    /// Posts of a day.
    Posts,
    /// Accounts.
    Accounts,
    /// Bytes of files.
    Media,
    /// Money at this platform, in millionths of a US dollar.
    Money(String),
}

/// Millionths of a dollar in a cent.
pub const MICROS_PER_CENT: u64 = 10_000;

impl Allowance {
    /// The most posts a day that can be asked for.
    pub const POSTS_PER_DAY_MAX: u32 = 10_000_000;
    /// The most accounts that can be asked for.
    pub const ACCOUNTS_MAX: u32 = 1_000_000;
    /// The most bytes that can be asked for: a pebibyte.
    pub const MEDIA_BYTES_MAX: u64 = 1 << 50;
    /// The most cents that can be asked for.
    pub const SPEND_CENTS_MAX: u32 = 1_000_000_000;

    /// The money that may be spent at a platform in a month, in millionths of a dollar.
    pub fn micros(&self, platform: &str) -> Option<u64> {
        let cents = self.spend_cents_per_month.get(platform)?;
        Some(u64::from(*cents) * MICROS_PER_CENT)
    }

    /// It limits what is accepted: posts, or the money that they cost.
    pub fn is_of_posts(&self) -> bool {
        self.posts_per_day.is_some() || !self.spend_cents_per_month.is_empty()
    }
}

/// The month of UTC that an instant lies in: its beginning, and that of the next.
pub fn month(at: Timestamp) -> (Timestamp, Timestamp) {
    let text = at.to_string();
    let mut parts = text.splitn(3, '-');
    let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok()).unwrap_or(1);
    let (year, month) = (number(), number());
    let first = |year: u32, month: u32| {
        Timestamp::parse(&format!("{year:04}-{month:02}-01T00:00:00Z")).unwrap_or(at)
    };
    let next = if month == 12 { first(year + 1, 1) } else { first(year, month + 1) };
    (first(year, month), next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_where_the_next_begins() {
        for (at, from, to) in [
            ("2026-11-26T16:15:19Z", "2026-11-01", "2026-12-01"),
            ("2026-12-31T23:59:59.999Z", "2026-12-01", "2027-01-01"),
            ("2027-01-01T00:00:00Z", "2027-01-01", "2027-02-01"),
        ] {
            let of = |day: &str| Timestamp::parse(&format!("{day}T00:00:00Z")).unwrap();
            assert_eq!(month(Timestamp::parse(at).unwrap()), (of(from), of(to)), "{at}");
        }
    }
}
