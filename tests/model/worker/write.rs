//! What is written of an attempt, and what the queue is told of it.

use super::{Plan, RELEASED_MS, Stage, Task};
use crate::layout::Op;
use crate::ledger::{Job, Kind, Settled, Taken};
use crate::world::{World, wakeup};
use domain::courier::Safeguard;
use domain::delivery::Status;
use domain::standing::{Change, Hold, Wake};

impl World {
    /// Writes what an attempt came to.
    pub(super) fn settle(&mut self, task: &mut Task, mut plan: Box<Plan>) -> Result<Stage, String> {
        let is_end = !plan.goes_on && !plan.renews;
        if is_end && !plan.is_acknowledged && !self.safeguards.has(Safeguard::SettleFirst) {
            plan.is_acknowledged = true;
            self.acknowledge(task.receipt, Op::Done)?;
            return Ok(Stage::Settle(plan));
        }
        let settled = self.write(task, &plan);
        let Some(settled) = settled else {
            self.note("settle refused");
            return Ok(Stage::Acknowledge(Op::Release { delay: RELEASED_MS }));
        };
        if plan.renews {
            return Ok(Stage::Renew);
        }
        if plan.goes_on {
            return Ok(Stage::Step);
        }
        Ok(Stage::Acknowledge(told(task, &plan.change, settled)))
    }

    pub(super) fn write(&mut self, task: &mut Task, plan: &Plan) -> Option<Settled> {
        let guard = task.guard();
        let mut change = plan.change;
        if change.status == Status::Reconciling && change.hold != Hold::Asking {
            let wording = task.wording().to_owned();
            self.ledger.doubt(guard.id, &wording);
        }
        let written = (plan.checkpoint.clone(), plan.receipt.clone());
        let settled = match self.ledger.settle(&guard, &change, written, self.now) {
            Ok(settled) => settled,
            Err(Taken) => {
                change.status = Status::Review;
                self.ledger.settle(&guard, &change, (None, None), self.now).unwrap()
            }
        };
        self.tell(format_args!("written {change:?} by {guard:?}: {settled:?}"));
        if let Some(settled) = settled {
            task.row.checkpoint_no = settled.checkpoint_no;
            task.row.status = change.status;
            task.row.attempts += i32::from(change.is_attempt_spent);
            task.row.auth_refusals = change.auth_refusals;
            task.row.has_doubt = change.has_doubt;
            task.row.absences = change.absences;
            task.is_ours = false;
        }
        settled
    }
}

/// What the queue is told of a settle.
fn told(task: &Task, change: &Change, settled: Settled) -> Op {
    let kind = match change.wake {
        Wake::Keep | Wake::Drop => return Op::Done,
        Wake::Publish(_) => Kind::Publish,
        Wake::Ask(_) => Kind::Reconcile,
    };
    let (Some(generation), Some(due_at)) = (settled.generation, settled.due_at) else {
        return Op::Done;
    };
    if kind == task.kind {
        return Op::Again { generation, due: due_at.ms() };
    }
    Op::Moved(wakeup(task.receipt.id, Job { kind, generation, due_at }))
}
