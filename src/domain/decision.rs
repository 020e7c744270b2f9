//! From a failure and what went before to the one thing to do next.
//!
//! Invariant: nobody else in the system computes a delay or gives up.

#[cfg(test)]
mod tests;

use crate::failure::{Failure, Scope};
use crate::lateness::{Late, Terms};
use crate::outage::{EXCUSED_MAX, State};
use crate::renewal::{DEAD_APART, UNEXPLAINED_MAX};
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
/// Refusals of one delivery by a fresh token before the account can count as disconnected.
pub const AUTH_REFUSALS_MAX: u32 = 3;
/// An account whose fresh token is refused rests for a quarter of the time that this has lasted,
/// within these bounds.
pub const AUTH_REST: [Duration; 2] = [REFRESH_EVERY, Duration::from_secs(900)];
/// How long an app or platform rests before the operator's cause is probed again.
pub const PAUSE: Duration = Duration::from_secs(300);
/// A limit that is over already, or names no wait, is left alone for this long: a platform that
/// keeps saying so is not asked in a loop, for a limit costs no attempt.
pub const LIMIT_WAIT_MIN: Duration = Duration::from_secs(1);
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
    /// What its sender wants then.
    pub late: Late,
    /// When a person asked for it last.
    pub asked_at: Option<Timestamp>,
    /// An earlier irreversible call of this delivery ended without an answer.
    pub has_doubt: bool,
    /// When the account's token was last refreshed or granted; now, where it cannot be refreshed.
    pub refreshed_at: Timestamp,
    /// Since when calls by fresh tokens of the account have been refused; now, at the first.
    pub refused_since: Timestamp,
    /// What the refusals of other accounts show of the platform.
    pub platform: State,
    /// The call was signed with an older token than the one now stored.
    pub token_was_stale: bool,
    /// Refusals of this delivery by a token that was just refreshed.
    pub auth_refusals: u32,
    /// The earliest instant to ask what became of the call.
    pub ask_at: Timestamp,
    /// Chance, from 0 to 1, for the jitter.
    pub chance: f64,
}

impl History {
    /// What its lateness is judged by.
    pub fn terms(&self) -> Terms {
        let Self { late, due_at, not_after, asked_at, .. } = *self;
        Terms { late, due_at, not_after, asked_at }
    }
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
    /// It cannot be out while its sender wants it; what follows is the rule of its post.
    Miss,
    /// A person has to look.
    Review,
}

/// What follows from `failure` at `now`.
pub fn decide(failure: &Failure, history: &History, now: Timestamp) -> Decision {
    let failed = || Decision::Fail { failure: failure.clone() };
    let is_too_long = |until: Timestamp| until > history.terms().ends_at();
    // By default the platform's failure tells more than that it is too late.
    let missed = || match history.late {
        Late::Publish => failed(),
        Late::Hold | Late::Skip => Decision::Miss,
    };
    match failure {
        Failure::Auth { .. } if history.token_was_stale => Decision::Retry { at: now },
        Failure::Auth { .. } if is_excused(history, now) => {
            let until = now + PAUSE;
            if is_too_long(until) { missed() } else { park(Scope::Platform, until) }
        }
        Failure::Auth { .. } if now.since(history.refreshed_at) > REFRESH_EVERY => {
            Decision::Refresh
        }
        Failure::Auth { revoked, .. } => {
            let lasted = now.since(history.refused_since);
            let is_word = *revoked && history.platform == State::InOrder;
            let patience = if is_word { DEAD_APART } else { UNEXPLAINED_MAX };
            if lasted >= patience && (*revoked || history.auth_refusals >= AUTH_REFUSALS_MAX) {
                return Decision::Disconnect { failure: failure.clone() };
            }
            let rest = (lasted / 4).clamp(AUTH_REST[0], AUTH_REST[1]);
            let until = (now + rest).max(history.refreshed_at + REFRESH_EVERY);
            if is_too_long(until) { missed() } else { park(Scope::Account, until) }
        }
        Failure::RateLimit { scope, retry_at, .. } => {
            let opens_at = (*retry_at).max(now + LIMIT_WAIT_MIN);
            let until = opens_at + JITTER_AFTER_LIMIT.mul_f64(history.chance.clamp(0.0, 1.0));
            if is_too_long(until) { missed() } else { park(*scope, until) }
        }
        Failure::Content { .. } | Failure::Media { .. } => failed(),
        Failure::Duplicate { .. } if history.has_doubt => Decision::Reconcile { at: now },
        Failure::Duplicate { .. } => failed(),
        Failure::Transient { .. } => {
            let at = now + delay(history.attempts, history.chance);
            match history.attempts >= ATTEMPTS_MAX {
                true => failed(),
                false if is_too_long(at) => missed(),
                false => Decision::Retry { at },
            }
        }
        // Found absent and sent again so often: a person had better look what happens there.
        Failure::Unknown { .. } if history.attempts > ATTEMPTS_MAX => Decision::Review,
        Failure::Unknown { .. } => Decision::Reconcile { at: history.ask_at.max(now) },
        Failure::Operator { scope, .. } => Decision::Pause { scope: *scope, until: now + PAUSE },
    }
}

/// The platform is out of order, and was not so for longer than anybody believes.
fn is_excused(history: &History, now: Timestamp) -> bool {
    history.platform == State::OutOfOrder && now.since(history.refused_since) < EXCUSED_MAX
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
