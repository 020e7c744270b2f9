//! From a failure and what went before to the one thing to do next.
//!
//! Invariant: nobody else in the system computes a delay or gives up.

use crate::failure::{Failure, Scope};
use crate::time::Timestamp;
use std::time::Duration;

/// Tries of one delivery, the first included, before a transient failure is final.
pub const ATTEMPTS_MAX: u32 = 10;
/// The first delay of the growing ones; each further one is at most twice as long.
pub const RETRY_BASE: Duration = Duration::from_secs(1);
/// The longest delay between two tries.
pub const RETRY_MAX: Duration = Duration::from_secs(300);
/// A parked delivery fails when it is this old, counted from its due time (DESIGN: 72 h).
pub const PARKED_MAX: Duration = Duration::from_secs(72 * 3600);
/// One refresh of an account in this time; what is refused after it is not a stale token.
pub const REFRESH_EVERY: Duration = Duration::from_secs(300);
/// Refusals right after a refresh before the account counts as disconnected.
pub const AUTH_REFUSALS_MAX: u32 = 3;
/// How long an app or platform rests before the operator's cause is probed again.
pub const PAUSE: Duration = Duration::from_secs(300);
/// The spread of starts after a gate has opened; never before it.
pub const JITTER_AFTER_LIMIT: Duration = Duration::from_millis(250);

/// What went before on this delivery and its account.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct History {
    /// Tries spent, the present one included.
    pub attempts: u32,
    /// When the delivery was due.
    pub due_at: Timestamp,
    /// The instant after which it must not be published any more.
    pub not_after: Option<Timestamp>,
    /// An earlier irreversible call of this delivery ended without an answer.
    pub has_doubt: bool,
    /// When the account's token was last refreshed or granted.
    pub refreshed_at: Timestamp,
    /// The call was signed with an older token than the one now stored.
    pub token_was_stale: bool,
    /// Refusals of this delivery by a token that was just refreshed.
    pub auth_refusals: u32,
    /// The earliest instant to ask what became of the call.
    pub ask_at: Timestamp,
    /// Chance, from 0 to 1, for the jitter.
    pub chance: f64,
}

/// The one thing to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Try again at this instant; an attempt is spent.
    Retry {
        /// When.
        at: Timestamp,
    },
    /// Close the gate of this scope; no attempt is spent.
    Park {
        /// Whose gate.
        scope: Scope,
        /// When it opens.
        until: Timestamp,
    },
    /// Refresh the account's token, then go on.
    Refresh,
    /// Ask the platform what became of it.
    Reconcile {
        /// When to ask first.
        at: Timestamp,
    },
    /// It will not be published.
    Fail {
        /// Why.
        failure: Failure,
    },
    /// The account needs its owner; the delivery fails with it.
    Disconnect {
        /// Why.
        failure: Failure,
    },
    /// Close the gate of this scope and call the operator.
    Pause {
        /// Whose gate.
        scope: Scope,
        /// When it is probed again.
        until: Timestamp,
    },
    /// A person has to look.
    Review,
}

/// What follows from `failure` at `now`.
pub fn decide(failure: &Failure, history: &History, now: Timestamp) -> Decision {
    let failed = || Decision::Fail { failure: failure.clone() };
    match failure {
        Failure::Auth { .. } if history.token_was_stale => Decision::Retry { at: now },
        Failure::Auth { .. } if now.since(history.refreshed_at) > REFRESH_EVERY => {
            Decision::Refresh
        }
        Failure::Auth { revoked: false, .. } if history.auth_refusals < AUTH_REFUSALS_MAX => {
            Decision::Park { scope: Scope::Account, until: history.refreshed_at + REFRESH_EVERY }
        }
        Failure::Auth { .. } => Decision::Disconnect { failure: failure.clone() },
        Failure::RateLimit { scope, retry_at, .. } => {
            let until = (*retry_at).max(now) + JITTER_AFTER_LIMIT.mul_f64(history.chance);
            if until > patience_ends(history) { failed() } else { park(*scope, until) }
        }
        Failure::Content { .. } | Failure::Media { .. } => failed(),
        Failure::Duplicate { .. } if history.has_doubt => Decision::Reconcile { at: now },
        Failure::Duplicate { .. } => failed(),
        Failure::Transient { .. } => {
            let at = now + delay(history.attempts, history.chance);
            let is_last = history.attempts >= ATTEMPTS_MAX || at > patience_ends(history);
            if is_last { failed() } else { Decision::Retry { at } }
        }
        // Found absent and sent again so often: a person had better look what happens there.
        Failure::Unknown { .. } if history.attempts > ATTEMPTS_MAX => Decision::Review,
        Failure::Unknown { .. } => Decision::Reconcile { at: history.ask_at.max(now) },
        Failure::Operator { scope, .. } => Decision::Pause { scope: *scope, until: now + PAUSE },
    }
}

/// How long to wait after the `attempts`th try: capped exponential, full jitter, at least a tenth.
fn delay(attempts: u32, chance: f64) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    let longest = RETRY_BASE.saturating_mul(1 << doublings).min(RETRY_MAX);
    longest.mul_f64(chance.clamp(0.1, 1.0))
}

fn park(scope: Scope, until: Timestamp) -> Decision {
    Decision::Park { scope, until }
}

fn patience_ends(history: &History) -> Timestamp {
    history.not_after.unwrap_or(history.due_at + PARKED_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        History {
            attempts: 1,
            due_at: Timestamp::from_seconds(1_000),
            not_after: None,
            has_doubt: false,
            refreshed_at: Timestamp::from_seconds(0),
            token_was_stale: false,
            auth_refusals: 0,
            ask_at: Timestamp::from_seconds(1_040),
            chance: 0.5,
        }
    }

    fn detail() -> String {
        "words of the platform".into()
    }

    // case: spec-E1
    // case: spec-E2
    // case: spec-E3
    // case: spec-E4
    #[test]
    fn each_class_has_its_decision() {
        let now = Timestamp::from_seconds(1_001);
        let at = |s| Timestamp::from_seconds(s);
        let h = history();
        let auth = |revoked| Failure::Auth { revoked, detail: detail() };
        let limit = |retry_at| Failure::RateLimit { scope: Scope::App, retry_at, detail: detail() };
        let content = Failure::Content { field: None, detail: detail() };
        let duplicate = Failure::Duplicate { named: None, detail: detail() };
        let jitter = Duration::from_millis(125);
        let table = [
            (auth(false), h, Decision::Refresh),
            (auth(false), History { token_was_stale: true, ..h }, Decision::Retry { at: now }),
            (
                auth(false),
                History { refreshed_at: at(1_000), ..h },
                Decision::Park { scope: Scope::Account, until: at(1_300) },
            ),
            (
                auth(false),
                History { refreshed_at: at(1_000), auth_refusals: 3, ..h },
                Decision::Disconnect { failure: auth(false) },
            ),
            (
                auth(true),
                History { refreshed_at: at(1_000), ..h },
                Decision::Disconnect { failure: auth(true) },
            ),
            (limit(at(1_900)), h, Decision::Park { scope: Scope::App, until: at(1_900) + jitter }),
            (limit(at(1_000_000)), h, Decision::Fail { failure: limit(at(1_000_000)) }),
            (content.clone(), h, Decision::Fail { failure: content }),
            (duplicate.clone(), h, Decision::Fail { failure: duplicate.clone() }),
            (duplicate, History { has_doubt: true, ..h }, Decision::Reconcile { at: now }),
            (
                Failure::Transient { detail: detail() },
                h,
                Decision::Retry { at: now + Duration::from_millis(500) },
            ),
            (Failure::Unknown { detail: detail() }, h, Decision::Reconcile { at: at(1_040) }),
            (
                Failure::Unknown { detail: detail() },
                History { attempts: ATTEMPTS_MAX + 1, ..h },
                Decision::Review,
            ),
            (
                Failure::Operator { scope: Scope::Platform, detail: detail() },
                h,
                Decision::Pause { scope: Scope::Platform, until: now + PAUSE },
            ),
        ];
        for (failure, history, expected) in table {
            assert_eq!(decide(&failure, &history, now), expected, "{failure:?}");
        }
    }

    #[test]
    fn a_limit_is_never_left_early_and_costs_no_attempt() {
        let now = Timestamp::from_seconds(1_001);
        for chance in [0.0, 0.3, 1.0] {
            let retry_at = Timestamp::from_seconds(1_500);
            let failure = Failure::RateLimit { scope: Scope::Account, retry_at, detail: detail() };
            let h = History { attempts: u32::MAX, chance, ..history() };
            match decide(&failure, &h, now) {
                Decision::Park { until, .. } => {
                    assert!(until >= retry_at && until <= retry_at + JITTER_AFTER_LIMIT);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn transient_failures_end_after_a_bounded_number_of_growing_delays() {
        let failure = Failure::Transient { detail: detail() };
        let now = Timestamp::from_seconds(1_001);
        let mut last = Duration::ZERO;
        for attempts in 1..ATTEMPTS_MAX {
            let h = History { attempts, chance: 1.0, ..history() };
            match decide(&failure, &h, now) {
                Decision::Retry { at } => {
                    let wait = at.since(now);
                    assert!(wait >= last && wait <= RETRY_MAX);
                    last = wait;
                }
                other => panic!("{other:?}"),
            }
        }
        let h = History { attempts: ATTEMPTS_MAX, ..history() };
        assert!(matches!(decide(&failure, &h, now), Decision::Fail { .. }));
    }
}
