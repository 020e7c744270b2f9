//! Carries an operation: the intent, the calls one after the other, and what a refusal means.

use super::owed::Owed;
use super::{Hand, ordered};
use crate::attempt::Attempt;
use crate::courier::{self, Ending};
use crate::refresh::Renewal;
use crate::{keeping, later, show};
use base::Fault;
use domain::decision::{Decision, decide};
use domain::failure::{Failure, Scope};
use domain::operation::Doing;
use domain::repost::End;
use domain::standing::{TOKEN_LEFT_MIN, reconnect};
use domain::time::Timestamp;
use platforms::{Checkpoint, Step};
use queue::Outcome;
use serde_json::Value;
use std::time::Duration;
use store::gates::Gate;
use store::operating::{Begin, CameTo};
use store::operations::Operation;

/// Steps of one lease at most; the rest goes on under the next.
const STEPS_MAX: usize = 64;
/// A lease works this long, then yields at a step (DESIGN section 6).
const WORK_MAX: Duration = Duration::from_secs(30);

/// What follows from a step that brought nothing.
enum Turn {
    /// The lease goes on.
    On,
    /// It comes back.
    Wait { at: Timestamp, failure: Option<Failure>, is_spent: bool, is_refused: bool },
    /// It will not be done.
    Fail(Failure),
    /// It will not be done, nor will what was to come.
    Stop(End),
    /// Somebody else has it.
    Late,
}

impl Turn {
    fn wait(at: Timestamp, failure: Option<Failure>) -> Self {
        Self::Wait { at, failure, is_spent: false, is_refused: false }
    }
}

/// An operation under way.
struct Trip<'a, 'b> {
    hand: &'a Hand<'b>,
    attempt: Attempt<'b>,
    due: Owed,
    doing: Doing,
    receipt: String,
    at: Checkpoint,
}

/// Carries what is due of a delivery.
pub(super) async fn carry<'b>(
    hand: &Hand<'b>,
    mut attempt: Attempt<'b>,
    operation: &Operation,
    due: Owed,
) -> Result<Outcome, Fault> {
    let (doing, number) = match due {
        Owed::Repost { number, .. } => (Doing::Repost, Some(number)),
        Owed::Undo { .. } => (Doing::Undo, None),
        Owed::Delete => (Doing::Delete, None),
        Owed::Nothing(_) => return Ok(Outcome::Done),
    };
    let is_begun = operation.doing == Some(doing);
    let until = operation.rule.as_ref().and_then(|rule| rule.until);
    let until = until.filter(|_| doing == Doing::Repost);
    // What the decision about a failure looks at is that of the operation.
    attempt.row.due_at = match due {
        Owed::Repost { at, .. } | Owed::Undo { at, .. } => began(operation, due, at),
        Owed::Delete | Owed::Nothing(_) => operation.removal_asked_at.unwrap_or(hand.now()),
    };
    attempt.row.not_after = until;
    attempt.row.attempts = if is_begun { operation.attempts } else { 0 };
    attempt.row.auth_refusals = if is_begun { operation.auth_refusals } else { 0 };
    attempt.row.has_doubt = false;
    let receipt = operation.receipt.clone().unwrap_or_default();
    let stored = operation.checkpoint.clone().filter(|_| is_begun).map(Checkpoint);
    let later = stored.as_ref().and_then(|at| later::leave(attempt.claimed, attempt.adapter, at));
    if let Some(outcome) = later {
        return Ok(outcome);
    }
    let start = || attempt.adapter.publish().start(&attempt.view_of(ordered(doing), &receipt));
    let at = stored.unwrap_or_else(start);
    attempt.is_shown_anew = doing == Doing::Repost && at == start();
    let mut trip = Trip { hand, attempt, due, doing, receipt, at };
    if trip.attempt.grant.expires_at <= hand.now() + TOKEN_LEFT_MIN {
        let turn = trip.renew(true).await?;
        if !matches!(turn, Turn::On) {
            return trip.turn(turn).await;
        }
    }
    let guard = hand.guard(operation.revision);
    if !hand.app.0.store.begin_operation(Begin { guard, doing, number, until }).await? {
        return Ok(Outcome::Release);
    }
    trip.steps().await
}

/// When the repost in hand was to go out: a beat moves on while it waits, its row does not.
fn began(operation: &Operation, due: Owed, at: Timestamp) -> Timestamp {
    let Owed::Repost { number, .. } = due else { return at };
    let planned = operation.reposts.iter().find(|one| one.number == number);
    planned.map_or(at, |one| one.due_at.min(at))
}

impl Trip<'_, '_> {
    async fn steps(mut self) -> Result<Outcome, Fault> {
        let started = base::clock::stopwatch();
        for _ in 0..STEPS_MAX {
            if started.elapsed() > WORK_MAX {
                break;
            }
            let view = self.attempt.view_of(ordered(self.doing), &self.receipt);
            let turn = match self.attempt.adapter.publish().next(&self.at, &view) {
                Step::Published(_) => return self.done().await,
                Step::Wait(at) => Turn::wait(at, None),
                Step::Call(call) => match courier::carry(&mut self.attempt, *call).await? {
                    Ending::Replied(reply) => {
                        let view = self.attempt.view_of(ordered(self.doing), &self.receipt);
                        match self.attempt.adapter.publish().read(&self.at, &reply, &view) {
                            Ok(next) => self.move_to(next).await?,
                            Err(failure) => self.refused(failure).await?,
                        }
                    }
                    Ending::Failed { failure, .. } => self.refused(failure).await?,
                    Ending::Limited { until } => Turn::wait(until, None),
                    Ending::Stale => Turn::Late,
                },
            };
            if !matches!(turn, Turn::On) {
                return self.turn(turn).await;
            }
        }
        let now = self.hand.now();
        self.turn(Turn::wait(now, None)).await
    }

    /// Moves the position and writes it down, but for the last step: that is written with what
    /// it came to.
    async fn move_to(&mut self, next: Checkpoint) -> Result<Turn, Fault> {
        self.at = next;
        self.attempt.is_shown_anew = false;
        let view = self.attempt.view_of(ordered(self.doing), &self.receipt);
        if let Step::Published(_) = self.attempt.adapter.publish().next(&self.at, &view) {
            return Ok(Turn::On);
        }
        let guard = self.hand.guard(0);
        let is_kept = self.hand.app.0.store.keep_operation(guard, &self.at.0).await?;
        Ok(if is_kept { Turn::On } else { Turn::Late })
    }

    /// What follows from a refusal.
    async fn refused(&mut self, failure: Failure) -> Result<Turn, Fault> {
        let publish = self.attempt.adapter.publish();
        let view = self.attempt.view_of(ordered(self.doing), &self.receipt);
        let recovered = publish.recover(&self.at, &failure, &view);
        if recovered != self.at {
            return self.move_to(recovered).await;
        }
        if let Some(end) = publish.stops(&self.at, &failure) {
            return Ok(Turn::Stop(end));
        }
        let history = self.attempt.history(&failure).await?;
        let decision = decide(&failure, &history, self.attempt.now());
        self.obey(decision, failure).await
    }

    async fn obey(&mut self, decision: Decision, failure: Failure) -> Result<Turn, Fault> {
        Ok(match decision {
            // An unknown outcome is settled by calling again: every call here may be repeated.
            Decision::Retry { at } | Decision::Reconcile { at } => {
                Turn::Wait { at, failure: Some(failure), is_spent: true, is_refused: false }
            }
            Decision::Park { scope, until } => {
                self.close(scope, until, &failure).await?;
                let is_refused = scope == Scope::Account && matches!(failure, Failure::Auth { .. });
                Turn::Wait { at: until, failure: Some(failure), is_spent: false, is_refused }
            }
            Decision::Pause { scope, until } => {
                tracing::error!(platform = self.hand.row.platform, %until,
                    detail = failure.detail(),
                    "the operator has to act: the platform refuses our app");
                self.close(scope, until, &failure).await?;
                Turn::wait(until, Some(failure))
            }
            Decision::Refresh => self.renew(false).await?,
            Decision::Fail { failure } => Turn::Fail(failure),
            Decision::Disconnect { failure } => self.lose(failure).await?,
            Decision::Review | Decision::Miss => Turn::Fail(failure),
        })
    }

    /// Closes a gate: in Postgres, which holds it, and in Redis, which may miss it once.
    async fn close(&self, scope: Scope, until: Timestamp, why: &Failure) -> Result<(), Fault> {
        let (scope_key, app) = (self.hand.address().gate(scope), self.hand.app);
        let reason = base::text::clean(why.detail());
        app.0.store.close_gate(&Gate { scope_key: scope_key.clone(), until, reason }).await?;
        if let Err(fault) = app.0.queue.close_gate(&queue::Gate { scope_key, until }).await {
            tracing::warn!(%fault, "Redis was not told of a gate");
        }
        Ok(())
    }

    /// Renews the grant. Where that cannot be had now, one that only ends soon serves on.
    async fn renew(&mut self, is_ending: bool) -> Result<Turn, Fault> {
        let renewal = self.attempt.renewal().await?;
        let serves = is_ending && self.attempt.grant.expires_at > self.hand.now();
        Ok(match renewal {
            Renewal::Done => {
                self.attempt.reload_grant().await?;
                Turn::On
            }
            Renewal::Later { .. } | Renewal::NoMeans(_) if serves => Turn::On,
            Renewal::Later { at, failure } => Turn::wait(at, failure),
            Renewal::NoMeans(failure) => self.lose(failure).await?,
            Renewal::Dead(failure) => Turn::Fail(self.lost(&failure)),
        })
    }

    /// Marks the account as needing its owner, unless somebody has connected it meanwhile.
    async fn lose(&mut self, failure: Failure) -> Result<Turn, Fault> {
        let (app, row) = (self.hand.app, self.hand.row);
        let account = app.0.store.account(row.account).await?;
        let version = self.attempt.row.credential.version;
        Ok(match keeping::lost(app, &account, version, failure.detail()).await? {
            true => Turn::Fail(self.lost(&failure)),
            false => Turn::wait(self.hand.now(), None),
        })
    }

    /// The words in which everything of a lost account fails.
    fn lost(&self, failure: &Failure) -> Failure {
        let detail = reconnect(&self.hand.row.handle, failure.detail());
        Failure::Auth { revoked: true, detail }
    }

    async fn done(mut self) -> Result<Outcome, Fault> {
        let lines = self.lines();
        let platform = self.hand.row.platform.clone();
        let came_to = match self.due {
            Owed::Repost { number, .. } => {
                metrics::counter!("postfleet_reposts_total",
                    "platform" => platform, "result" => "published")
                .increment(1);
                CameTo::Reposted(number)
            }
            Owed::Undo { .. } => CameTo::Undone,
            Owed::Delete => {
                metrics::counter!("postfleet_remote_deletions_total", "platform" => platform)
                    .increment(1);
                CameTo::Removed
            }
            Owed::Nothing(_) => CameTo::Nothing,
        };
        tracing::info!(delivery = %self.hand.row.id, doing = %self.doing,
            "done with a post that is out");
        base::crash::point_of("publish.after_read", self.hand.claimed.subject);
        self.hand.write(came_to, None, lines).await
    }

    async fn turn(mut self, turn: Turn) -> Result<Outcome, Fault> {
        let lines = self.lines();
        let hand = self.hand;
        match turn {
            Turn::On | Turn::Late => Ok(Outcome::Release),
            Turn::Fail(failure) => {
                tracing::info!(delivery = %hand.row.id, doing = %self.doing,
                    class = failure.public_type(), "an operation failed");
                hand.end(self.due, show::failure(&failure), None, lines).await
            }
            Turn::Stop(end) => {
                let detail = format!("it is not reposted any more: {}", words(end));
                let failure = show::failure(&Failure::Content { field: None, detail });
                hand.end(self.due, failure, Some(end), lines).await
            }
            Turn::Wait { at, failure, is_spent, is_refused } => {
                let number = match self.due {
                    Owed::Repost { number, .. } => Some(number),
                    Owed::Undo { .. } | Owed::Delete | Owed::Nothing(_) => None,
                };
                let failure = failure.as_ref().map(show::failure);
                let came_to = CameTo::Waits { number, failure, is_spent, is_refused };
                hand.wait(at, came_to, lines).await
            }
        }
    }

    fn lines(&mut self) -> Option<Value> {
        Some(self.attempt.log.take().lines())
    }
}

/// Why a post is not reposted any more.
const fn words(end: End) -> &'static str {
    match end {
        End::OriginGone => "the post is not there any more",
        End::OriginEdited => "the post was edited there",
        End::Done | End::Until | End::Missed => "its rule is over",
        End::Cancelled => "it was cancelled",
        End::Removed => "the post was deleted",
        End::Disconnected => "its account was disconnected",
        End::Broken => "working on it ended our process again and again",
    }
}
