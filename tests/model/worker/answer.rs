//! What follows from the end of a call.

use super::{Plan, RELEASED_MS, Stage, Task, Trip};
use crate::layout::Op;
use crate::ledger::Kind;
use crate::world::World;
use domain::courier::{End, Safeguard};
use domain::decision::{Decision, History, decide};
use domain::delivery::Status;
use domain::failure::{Effect, Failure, no_reply};
use domain::lateness::Late;
use domain::standing::{Change, Next, Outcome, Wake};
use domain::time::Timestamp;
use platforms::{Checkpoint, Reply, Step, Verdict};
use std::time::Duration;

impl World {
    /// The call is over.
    pub(super) fn arrived(&mut self, task: &mut Task, end: End, trip: Trip) -> Stage {
        let ours = |outcome| task.is_ours.then_some(outcome);
        let effect = trip.call.effect;
        let (failure, outcome) = match (end, trip.failure) {
            (End::Limited { until }, _) => {
                let wake = Wake::Publish(Some(until));
                return Stage::Settle(Box::new(Plan::of(
                    task.standing().change(Status::Ready, wake),
                )));
            }
            (End::Stale | End::Unsigned, _) => {
                return Stage::Acknowledge(Op::Release { delay: RELEASED_MS });
            }
            (End::NoReply(sent), _) => {
                (Some(no_reply(effect, sent, String::new())), ours(Outcome::Silent))
            }
            (End::Reply, Some(failure @ Failure::Unknown { .. })) => {
                (Some(failure), ours(Outcome::Silent))
            }
            (End::Reply, failure) => (failure, ours(Outcome::Replied)),
        };
        match (task.kind, failure, trip.reply) {
            (Kind::Reconcile, failure, reply) => self.judge(task, failure, reply),
            (Kind::Publish, Some(failure), _) => self.obey(task, &failure, outcome, effect),
            (Kind::Publish, None, Some(reply)) => self.read(task, &reply, outcome, effect),
            (Kind::Publish, None, None) => unreachable!("a call ends with a reply or a failure"),
        }
    }

    fn read(
        &mut self,
        task: &mut Task,
        reply: &Reply,
        outcome: Option<Outcome>,
        effect: Effect,
    ) -> Stage {
        let publish = self.network.adapter.publish();
        match publish.read(&task.checkpoint, reply, &self.view(task)) {
            Ok(checkpoint) => task.checkpoint = checkpoint,
            Err(failure) => return self.obey(task, &failure, outcome, effect),
        }
        let next = publish.next(&task.checkpoint, &self.view(task));
        if let Step::Published(receipt) = next {
            return self.published(task, receipt.remote_id, outcome);
        }
        let change = task.standing().change(Status::Ready, Wake::Keep);
        let change = Change { outcome, ..change };
        let checkpoint = Some(task.checkpoint.0.clone());
        Stage::Settle(Box::new(Plan { checkpoint, goes_on: true, ..Plan::of(change) }))
    }

    fn obey(
        &mut self,
        task: &mut Task,
        failure: &Failure,
        outcome: Option<Outcome>,
        effect: Effect,
    ) -> Stage {
        let mut decision = decide(failure, &self.history(task), self.now);
        let is_unknown = matches!(failure, Failure::Unknown { .. });
        if is_unknown && !self.safeguards.has(Safeguard::NoBlindRetry) {
            decision = Decision::Retry { at: self.now + Duration::from_secs(1) };
        }
        if is_unknown {
            assert_eq!(effect, Effect::Irreversible, "only such a call leaves a doubt");
            self.note("outcome unknown");
        }
        let publish = self.network.adapter.publish();
        let recovered = publish.recover(&task.checkpoint, failure, &self.view(task));
        let next = publish.next(&recovered, &self.view(task));
        if let Step::Published(receipt) = next {
            task.checkpoint = recovered;
            return self.published(task, receipt.remote_id, outcome);
        }
        let checkpoint = (recovered != task.checkpoint).then(|| recovered.0.clone());
        task.checkpoint = recovered;
        let (change, renews) = match task.standing().after(decision, failure) {
            Next::Write(change)
            | Next::Fail(change, _)
            | Next::Disconnect(change, _)
            | Next::Miss(change, _) => (change, false),
            Next::Renew(change) => (change, true),
        };
        let change = Change { outcome: outcome.or(change.outcome), ..change };
        Stage::Settle(Box::new(Plan { checkpoint, renews, ..Plan::of(change) }))
    }

    fn history(&mut self, task: &Task) -> History {
        History {
            attempts: u32::try_from(task.row.attempts).unwrap_or(0) + 1,
            due_at: task.row.due_at,
            not_after: None,
            late: Late::Publish,
            asked_at: None,
            has_doubt: task.row.has_doubt,
            // A refresh is always within reach here.
            refreshed_at: Timestamp::from_ms(0),
            refused_since: self.now,
            platform: domain::outage::State::InOrder,
            token_was_stale: false,
            auth_refusals: u32::try_from(task.row.auth_refusals).unwrap_or(0),
            ask_at: self.now + Duration::from_secs(1),
            chance: self.chance.below(1_000) as f64 / 1_000.0,
        }
    }

    /// What the answer to a question shows.
    fn judge(&mut self, task: &mut Task, failure: Option<Failure>, reply: Option<Reply>) -> Stage {
        let (None, Some(reply)) = (&failure, reply) else {
            let failure = failure.expect("a call ends with a reply or a failure");
            return self.unanswered(task, &failure);
        };
        self.note("asked the platform");
        let reconcile = self.network.adapter.reconcile();
        let view = self.view(task);
        match reconcile.judge(&task.checkpoint, task.round, &reply, &view) {
            Verdict::Found { checkpoint, remote_id } => self.found(task, checkpoint, remote_id),
            Verdict::Absent(checkpoint) => {
                let delay = self.network.adapter.visibility_delay();
                let change = task.standing().absent(delay, self.now);
                let is_proven = change.outcome == Some(Outcome::Absent);
                if is_proven {
                    self.note("proven absent");
                }
                let checkpoint = is_proven.then_some(checkpoint.0);
                Stage::Settle(Box::new(Plan { checkpoint, ..Plan::of(change) }))
            }
            Verdict::More(checkpoint) => {
                task.checkpoint = checkpoint;
                task.round += 1;
                Stage::Step
            }
            Verdict::Stale(_) => {
                self.note("shown what is past");
                let at = self.now + self.network.adapter.visibility_delay();
                let change = task.standing().ask_again(at, self.now);
                if change.status == Status::Review {
                    return self.give_up(task);
                }
                Stage::Settle(Box::new(Plan::of(change)))
            }
            Verdict::Undecided(_) => self.give_up(task),
        }
    }

    fn give_up(&mut self, task: &Task) -> Stage {
        self.note("left to a person");
        Stage::Settle(Box::new(Plan::of(task.standing().given_up())))
    }

    fn found(&mut self, task: &mut Task, checkpoint: Checkpoint, remote_id: String) -> Stage {
        let others = self.ledger.rows.iter().filter(|(id, _)| **id != task.receipt.id);
        let mut taken = others.map(|(_, row)| row.remote_id.as_ref());
        if taken.any(|id| id == Some(&remote_id)) {
            return self.give_up(task);
        }
        self.note("adopted");
        task.checkpoint = checkpoint;
        let next = self.network.adapter.publish().next(&task.checkpoint, &self.view(task));
        let receipt = match next {
            Step::Published(receipt) => Some(receipt.remote_id),
            Step::Call(_) | Step::Wait(_) => None,
        };
        let change = task.standing().found(receipt.is_some());
        let checkpoint = Some(task.checkpoint.0.clone());
        Stage::Settle(Box::new(Plan { checkpoint, receipt, ..Plan::of(change) }))
    }

    fn unanswered(&mut self, task: &mut Task, failure: &Failure) -> Stage {
        if let Some(post) = self.posts.get_mut(&task.receipt.id) {
            post.is_blind = true;
        }
        self.note("question not answered");
        let decision = decide(failure, &self.history(task), self.now);
        match task.standing().unanswered(&decision, self.now) {
            Next::Renew(_) => Stage::Renew,
            Next::Write(change) => Stage::Settle(Box::new(Plan::of(change))),
            Next::Fail(..) | Next::Disconnect(..) | Next::Miss(..) => self.give_up(task),
        }
    }
}
