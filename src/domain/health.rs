//! How an account is, in one word and one sentence.
//!
//! Invariant: total and pure. The strongest reason is told, and it promises nothing that the rows
//! do not owe.

use crate::account::{Paused, Status};
use crate::time::Timestamp;
use std::time::Duration;

/// A token that ends this soon, with nobody to renew it in time, is worth a word.
pub const EXPIRING: Duration = Duration::from_secs(7 * 86_400);
/// A refresh that is overdue by this much has not come about.
const OVERDUE: Duration = Duration::from_secs(3_600);

/// What stands in the tables about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The present.
    pub now: Timestamp,
    /// The name a person knows it by.
    pub handle: &'a str,
    /// Where it stands.
    pub status: Status,
    /// Why, where it is not connected.
    pub reason: Option<&'a str>,
    /// It or its brand is paused since then, for this reason.
    pub paused: Option<(Paused, Timestamp, &'a str)>,
    /// A closed gate holds it until then, for this reason.
    pub limited: Option<(Timestamp, &'a str)>,
    /// When its token ends.
    pub token_ends_at: Option<Timestamp>,
    /// When its next refresh is due.
    pub next_refresh_at: Option<Timestamp>,
    /// Deliveries that failed because it was broken.
    pub failed: u64,
}

/// How it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// For programs: `healthy`, `expiring`, `limited`, `paused`, `needs_reconnect`, `damaged` or
    /// `disconnected`.
    pub word: &'static str,
    /// For people.
    pub sentence: String,
}

/// How an account is.
pub fn health(facts: &Facts<'_>) -> Health {
    let (word, told) = match (facts.status, facts.paused, facts.limited) {
        (Status::NeedsReconnect, _, _) => ("needs_reconnect", broken(facts)),
        (Status::Damaged, _, _) => ("damaged", damaged(facts)),
        (Status::Disconnected, _, _) => ("disconnected", gone(facts)),
        (Status::Connected, Some((what, since, reason)), _) => {
            ("paused", paused(facts, (what, since), reason))
        }
        (Status::Connected, None, Some((until, reason))) => {
            let reason = bare(reason);
            let handle = facts.handle;
            ("limited", format!("Nothing leaves from {handle} until {until}: {reason}"))
        }
        (Status::Connected, None, None) => connected(facts),
    };
    Health { word, sentence: format!("{told}.") }
}

fn broken(facts: &Facts<'_>) -> String {
    format!(
        "{} has to be connected again by its owner: {}; its posts fail until then",
        facts.handle,
        reason(facts, "the platform takes its token no more"),
    )
}

fn damaged(facts: &Facts<'_>) -> String {
    format!(
        "The stored token of {} does not open: {}; connect it again, and tell the operator",
        facts.handle,
        reason(facts, "it is not what was stored"),
    )
}

fn gone(facts: &Facts<'_>) -> String {
    format!("{} was disconnected: {}", facts.handle, reason(facts, "somebody asked for it"))
}

fn paused(facts: &Facts<'_>, (what, since): (Paused, Timestamp), reason: &str) -> String {
    let handle = match what {
        Paused::Account => facts.handle.to_owned(),
        Paused::Brand => format!("The brand of {}", facts.handle),
    };
    format!("{handle} is paused since {since} until somebody resumes it: {}", bare(reason))
}

fn connected(facts: &Facts<'_>) -> (&'static str, String) {
    let handle = facts.handle;
    let Some(end) = facts.token_ends_at else {
        return ("healthy", format!("{handle} can publish"));
    };
    let due = facts.next_refresh_at.filter(|due| *due < end && facts.now.since(*due) < OVERDUE);
    let retry = match facts.failed {
        0 => String::new(),
        1 => "; 1 delivery that failed for it can be retried".to_owned(),
        failed => format!("; {failed} deliveries that failed for it can be retried"),
    };
    match due {
        Some(due) => {
            let due = due.max(facts.now);
            let told = format!("{handle} can publish, and its token is renewed at {due}{retry}");
            ("healthy", told)
        }
        None if end > facts.now + EXPIRING => {
            let told = format!("{handle} can publish; its token ends at {end}{retry}");
            ("healthy", told)
        }
        None => {
            let told = format!(
                "The token of {handle} ends at {end}, and nothing renews it: connect the account \
                 again before then"
            );
            ("expiring", told)
        }
    }
}

fn reason<'a>(facts: &Facts<'a>, otherwise: &'a str) -> &'a str {
    facts.reason.map(bare).filter(|words| !words.is_empty()).unwrap_or(otherwise)
}

fn bare(words: &str) -> &str {
    words.trim().trim_end_matches(['.', '!', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_521_600);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn well() -> Facts<'static> {
        Facts {
            now: NOW,
            handle: "@acme",
            status: Status::Connected,
            reason: None,
            paused: None,
            limited: None,
            token_ends_at: Some(NOW + HOUR * 2),
            next_refresh_at: Some(NOW + HOUR),
            failed: 0,
        }
    }

    // case: A-health
    #[test]
    fn the_strongest_reason_has_the_word() {
        let limited = Some((NOW + HOUR, "too many calls."));
        let paused = Some((Paused::Account, NOW - HOUR, "holidays"));
        let held = Facts { paused, limited, ..well() };
        let ends = |after: Duration, next_refresh_at| Facts {
            token_ends_at: Some(NOW + after),
            next_refresh_at,
            ..well()
        };
        let table = [
            (well(), "healthy"),
            (Facts { token_ends_at: None, ..well() }, "healthy"),
            (ends(EXPIRING + HOUR, None), "healthy"),
            (ends(EXPIRING, None), "expiring"),
            (ends(HOUR, Some(NOW + HOUR)), "expiring"),
            (ends(HOUR * 9, Some(NOW - HOUR)), "expiring"),
            (ends(HOUR * 9, Some(NOW - HOUR / 2)), "healthy"),
            (Facts { limited, ..well() }, "limited"),
            (held.clone(), "paused"),
            (Facts { status: Status::NeedsReconnect, ..held.clone() }, "needs_reconnect"),
            (Facts { status: Status::Damaged, ..held.clone() }, "damaged"),
            (Facts { status: Status::Disconnected, ..held }, "disconnected"),
        ];
        for (facts, word) in table {
            let health = health(&facts);
            assert_eq!(health.word, word, "{health:?}");
            assert!(health.sentence.contains("@acme"), "{health:?}");
            assert!(
                health.sentence.ends_with('.') && !health.sentence.contains(".."),
                "{health:?}"
            );
        }
    }

    #[test]
    fn a_pause_says_whether_the_account_or_its_brand_is_to_be_resumed() {
        let told = |what| {
            let paused = Some((what, NOW - HOUR, "holidays"));
            health(&Facts { paused, ..well() }).sentence
        };
        assert!(told(Paused::Account).starts_with("@acme is paused since "));
        assert!(told(Paused::Brand).starts_with("The brand of @acme is paused since "));
    }

    #[test]
    fn what_failed_meanwhile_is_told_of_once_it_can_be_retried() {
        let told = health(&Facts { failed: 3, ..well() }).sentence;
        assert!(told.contains("3 deliveries that failed for it can be retried"), "{told}");
    }
}
