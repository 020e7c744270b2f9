//! Where a delivery stands while a lease works on it, and what that lease writes next.
//!
//! Invariant: every guarded write of a worker is decided here, from what was loaded and what came
//! of a call; `app` performs it against Postgres, the model tests against a model of Postgres.

use crate::decision::Decision;
use crate::delivery::Status;
use crate::failure::{Effect, Failure, Scope};
use crate::lateness::{self, Late, Terms, Verdict};
use crate::time::Timestamp;
use std::time::Duration;

/// A token that ends sooner is renewed first.
pub const TOKEN_LEFT_MIN: Duration = Duration::from_secs(60);
/// Complete look-ups that must find nothing before it is sent again, one visibility delay apart.
pub const ABSENCES_MIN: i32 = 2;
/// Asking goes on this long after the call was intended; then a person looks.
pub const ASKING_MAX: Duration = Duration::from_secs(30 * 60);
/// Between two questions that were not answered pass at least this and at most that; within these
/// bounds a quarter of the time that was asked for already.
const ASK_PAUSE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// What a claim says of its right to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// The generation of the wake-up that was claimed.
    pub generation: i64,
    /// The lease's growing number.
    pub epoch: i64,
    /// The lease's random number.
    pub lease: i64,
}

/// Where a delivery stood when it was loaded, kept up by what the lease has written since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The status.
    pub status: Status,
    /// The generation of the wake-up that is owed, of the kind that was claimed.
    pub generation: Option<i64>,
    /// When that wake-up is due.
    pub owed_at: Option<Timestamp>,
    /// The lease that wrote last.
    pub epoch: i64,
    /// The random number of that lease.
    pub lease: i64,
    /// The irreversible call leaves at this instant, not before.
    pub due_at: Timestamp,
    /// The latest instant at which it may still go out.
    pub not_after: Option<Timestamp>,
    /// What its sender wants then.
    pub late: Late,
    /// When a person asked for it last.
    pub asked_at: Option<Timestamp>,
    /// When the first intent was written.
    pub intended_at: Option<Timestamp>,
    /// The deadline of the open intent.
    pub deadline_at: Option<Timestamp>,
    /// Postgres went back: what is out may be forgotten, so each call is asked for first, from
    /// this instant on.
    pub ask_from: Option<Timestamp>,
    /// Attempts spent.
    pub attempts: i32,
    /// Refusals of a token that was just refreshed.
    pub auth_refusals: i32,
    /// Complete look-ups that found nothing.
    pub absences: i32,
    /// An earlier call ended without an answer.
    pub has_doubt: bool,
    /// An intent of this very lease is open.
    pub is_ours: bool,
    /// The lease asks what became of a call; it does not publish.
    pub is_asking: bool,
}

/// Under which condition a change is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// No intent of ours is open: lease, revision and checkpoint are compared.
    Free,
    /// Our intent is open: epoch, lease and the status `sending` alone are compared.
    Sending,
    /// Somebody's intent was left open and its deadline has passed.
    Abandoned,
    /// The outcome is being asked for: the lease and the checkpoint are compared.
    Asking,
}

impl Hold {
    /// The word in SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Sending => "sending",
            Self::Abandoned => "abandoned",
            Self::Asking => "asking",
        }
    }
}

/// What becomes of the delivery's wake-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The lease goes on.
    Keep,
    /// Nothing is owed any more.
    Drop,
    /// Publish at this instant; `None` is now.
    Publish(Option<Timestamp>),
    /// Ask at this instant; `None` is now.
    Ask(Option<Timestamp>),
}

/// How the ledger's row of an intent ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The platform answered.
    Replied,
    /// No answer came.
    Silent,
    /// Taken back before a byte left.
    Withdrawn,
    /// A look-up found the post.
    Found,
    /// Look-ups proved that there is none.
    Absent,
}

impl Outcome {
    /// The word in SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replied => "replied",
            Self::Silent => "silent",
            Self::Withdrawn => "withdrawn",
            Self::Found => "found",
            Self::Absent => "absent",
        }
    }
}

/// What a lease writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Under which condition.
    pub hold: Hold,
    /// The new status.
    pub status: Status,
    /// An attempt was spent.
    pub is_attempt_spent: bool,
    /// Refusals of the token that was just refreshed.
    pub auth_refusals: i32,
    /// The outcome of a call is unknown, or was.
    pub has_doubt: bool,
    /// Complete look-ups that found nothing.
    pub absences: i32,
    /// The wake-up.
    pub wake: Wake,
    /// The gate that closes with it: whose, and until when.
    pub closing: Option<(Scope, Timestamp)>,
    /// How the ledger's row ends, where one does.
    pub outcome: Option<Outcome>,
}

/// Whether a claimed job is worth working on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is ours.
    Work,
    /// It has ended, or another wake-up took this one's place, which is told on its own.
    Forget,
    /// Another lease has written with this epoch or a larger one: the shard's counter is raised
    /// to it, and the job handed back.
    Past(i64),
    /// It is handed back for so long: Redis's clock is ahead of Postgres's, which counts.
    Early(Duration),
}

/// What stands in the way before a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Come back at this instant; nothing is written.
    Wait(Timestamp),
    /// This is written, and the lease ends.
    Write(Change),
    /// The token is renewed first.
    Renew,
    /// It cannot go out; the change says how far that is written.
    Fail(Failure),
    /// It is too late for it: the rule of its post says what follows.
    Late(Verdict),
    /// A person has to look: the platform cannot be asked.
    Review,
}

/// What is said of every post of an account that needs its owner.
pub fn reconnect(handle: &str, reason: &str) -> String {
    format!("{handle} has to be connected again: {reason}")
}

/// What the account says about its own use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access<'a> {
    /// The account needs its owner, for this reason.
    pub needs_reconnect: Option<&'a str>,
    /// The name a person knows it by.
    pub handle: &'a str,
    /// When the token ends.
    pub token_ends_at: Timestamp,
}

/// What follows from a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// This is written, and the lease ends.
    Write(Change),
    /// This is written, then the token is renewed and the lease goes on.
    Renew(Change),
    /// This is written as failed.
    Fail(Change, Failure),
    /// The account needs its owner, and this is written as failed with it.
    Disconnect(Change, Failure),
    /// It is too late for it, and this is written as its post's rule wants.
    Miss(Change, Verdict),
}

impl Standing {
    /// Whether a claimed job is worth working on.
    pub fn admit(&self, right: Right, now: Timestamp) -> Admission {
        if self.generation != Some(right.generation) || self.status.is_ended() {
            return Admission::Forget;
        }
        let is_past = self.epoch > right.epoch;
        if is_past || self.epoch == right.epoch && self.lease != right.lease {
            return Admission::Past(self.epoch);
        }
        match self.owed_at.filter(|at| *at > now) {
            Some(at) => Admission::Early(at.since(now)),
            None => Admission::Work,
        }
    }

    /// A change of nothing but the status and the wake-up.
    pub fn change(&self, status: Status, wake: Wake) -> Change {
        let hold = match (self.is_ours, self.is_asking) {
            (true, _) => Hold::Sending,
            (false, true) => Hold::Asking,
            (false, false) => Hold::Free,
        };
        Change {
            hold,
            status,
            is_attempt_spent: false,
            auth_refusals: self.auth_refusals,
            has_doubt: self.has_doubt,
            absences: self.absences,
            wake,
            closing: None,
            outcome: None,
        }
    }

    /// What stands in the way before the first step of a lease.
    pub fn obstacle(&self, access: &Access<'_>, now: Timestamp) -> Option<Obstacle> {
        if self.status == Status::Sending {
            return Some(self.abandoned(now));
        }
        if let Some(reason) = access.needs_reconnect {
            let detail = reconnect(access.handle, reason);
            return Some(Obstacle::Fail(Failure::Auth { revoked: true, detail }));
        }
        if let Some(late) = self.is_late(now) {
            return Some(late);
        }
        (access.token_ends_at <= now + TOKEN_LEFT_MIN).then_some(Obstacle::Renew)
    }

    /// What its lateness is judged by.
    pub fn terms(&self) -> Terms {
        let Self { late, due_at, not_after, asked_at, .. } = *self;
        Terms { late, due_at, not_after, asked_at }
    }

    /// It is too late for it. What a Postgres that went back may have forgotten is asked for first.
    fn is_late(&self, now: Timestamp) -> Option<Obstacle> {
        match lateness::decide(&self.terms(), now) {
            _ if self.ask_from.is_some() => None,
            Verdict::Go => None,
            verdict @ (Verdict::Fail | Verdict::Hold | Verdict::Skip) => {
                Some(Obstacle::Late(verdict))
            }
        }
    }

    /// How a delivery is left that is too late.
    pub fn missed(&self, verdict: Verdict) -> Change {
        match verdict {
            Verdict::Hold => self.given_up(),
            Verdict::Go | Verdict::Fail | Verdict::Skip => self.change(Status::Failed, Wake::Drop),
        }
    }

    /// What stands in the way of a call: its time, or that Postgres may have forgotten an earlier
    /// one. `can_find` tells whether the platform can be asked for a post that nothing but its
    /// wording is known of.
    pub fn holds_up(&self, effect: Effect, can_find: bool, now: Timestamp) -> Option<Obstacle> {
        if effect == Effect::Repeatable {
            return None;
        }
        if now < self.due_at {
            let wake = Wake::Publish(Some(self.due_at));
            return Some(Obstacle::Write(self.change(Status::Ready, wake)));
        }
        if let Some(late) = self.is_late(now) {
            return Some(late);
        }
        let ask_from = self.ask_from?;
        if !can_find {
            return Some(Obstacle::Review);
        }
        if now < ask_from {
            let wake = Wake::Publish(Some(ask_from));
            return Some(Obstacle::Write(self.change(Status::Ready, wake)));
        }
        Some(Obstacle::Write(self.doubted(None)))
    }

    /// Somebody died between intent and settle. Nobody sends before the intent's deadline; after
    /// it the platform is asked.
    fn abandoned(&self, now: Timestamp) -> Obstacle {
        if let Some(deadline) = self.deadline_at.filter(|at| *at > now) {
            return Obstacle::Wait(deadline);
        }
        let change = self.doubted(None);
        let outcome = Some(Outcome::Silent);
        Obstacle::Write(Change { hold: Hold::Abandoned, outcome, ..change })
    }

    /// The outcome is unknown: the platform is asked from this instant on.
    fn doubted(&self, ask_at: Option<Timestamp>) -> Change {
        let change = self.change(Status::Reconciling, Wake::Ask(ask_at));
        Change { has_doubt: true, absences: 0, ..change }
    }

    /// What follows from a decision about `failure`.
    pub fn after(&self, decision: Decision, failure: &Failure) -> Next {
        let change = self.change(Status::Ready, Wake::Drop);
        match decision {
            Decision::Retry { at } => {
                let wake = Wake::Publish(Some(at));
                Next::Write(Change { is_attempt_spent: true, wake, ..change })
            }
            Decision::Park { scope, until } => {
                // What the whole platform suffers from is not held against the account.
                let is_auth = scope == Scope::Account && matches!(failure, Failure::Auth { .. });
                Next::Write(Change {
                    auth_refusals: self.auth_refusals + i32::from(is_auth),
                    wake: Wake::Publish(Some(until)),
                    closing: Some((scope, until)),
                    ..change
                })
            }
            Decision::Pause { scope, until } => {
                let wake = Wake::Publish(Some(until));
                Next::Write(Change { wake, closing: Some((scope, until)), ..change })
            }
            Decision::Refresh => Next::Renew(Change { wake: Wake::Keep, ..change }),
            Decision::Reconcile { at } => Next::Write(self.doubted(Some(at))),
            Decision::Fail { failure } => Next::Fail(self.failed(), failure),
            Decision::Disconnect { failure } => Next::Disconnect(self.failed(), failure),
            Decision::Miss => {
                let verdict = self.terms().miss();
                Next::Miss(self.missed(verdict), verdict)
            }
            Decision::Review => Next::Write(self.change(Status::Review, Wake::Drop)),
        }
    }

    /// It will not be published.
    pub fn failed(&self) -> Change {
        let change = self.change(Status::Failed, Wake::Drop);
        Change { is_attempt_spent: true, ..change }
    }

    /// A look-up found the call that was in doubt; `is_out` when nothing is left to publish.
    pub fn found(&self, is_out: bool) -> Change {
        let change = match is_out {
            true => self.change(Status::Published, Wake::Drop),
            false => self.change(Status::Ready, Wake::Publish(None)),
        };
        Change { absences: 0, outcome: Some(Outcome::Found), ..change }
    }

    /// A complete look-up found nothing. Enough of them, and it is sent again.
    pub fn absent(&self, visibility_delay: Duration, now: Timestamp) -> Change {
        let absences = self.absences + 1;
        if absences < ABSENCES_MIN {
            let wake = Wake::Ask(Some(now + visibility_delay));
            return Change { absences, ..self.change(Status::Reconciling, wake) };
        }
        let change = self.change(Status::Ready, Wake::Publish(None));
        let outcome = Some(Outcome::Absent);
        Change { absences: 0, is_attempt_spent: true, outcome, ..change }
    }

    /// The question may not be put before this instant: calls that Postgres has forgotten may
    /// still be under way.
    pub fn asks_later(&self, now: Timestamp) -> Option<Timestamp> {
        self.ask_from.filter(|from| *from > now)
    }

    /// The question was not answered, and is put again: at this instant or, the longer it has
    /// been put, the later. [`ASKING_MAX`] ends it.
    pub fn ask_again(&self, at: Timestamp, now: Timestamp) -> Change {
        let asked_for = now.since(self.intended_at.unwrap_or(self.due_at));
        if asked_for > ASKING_MAX {
            return self.given_up();
        }
        let pause = (asked_for / 4).clamp(ASK_PAUSE[0], ASK_PAUSE[1]);
        self.change(Status::Reconciling, Wake::Ask(Some(at.max(now + pause))))
    }

    /// Asking did not settle it: a person has to look.
    pub fn given_up(&self) -> Change {
        self.change(Status::Review, Wake::Drop)
    }

    /// A look-up failed, and `decision` says what that means for a call; the question stays open
    /// for [`ASKING_MAX`].
    pub fn unanswered(&self, decision: &Decision, now: Timestamp) -> Next {
        match decision {
            Decision::Refresh => Next::Renew(self.change(Status::Reconciling, Wake::Keep)),
            Decision::Retry { at } | Decision::Reconcile { at } => {
                Next::Write(self.ask_again(*at, now))
            }
            Decision::Park { until, .. } | Decision::Pause { until, .. } => {
                Next::Write(self.ask_again(*until, now))
            }
            Decision::Fail { .. }
            | Decision::Disconnect { .. }
            | Decision::Miss
            | Decision::Review => Next::Write(self.given_up()),
        }
    }
}
