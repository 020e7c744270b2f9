//! A worker: one effect at a time, so that anything can happen between any two.
//!
//! Invariant: which effect comes next is told by `domain::courier`, `domain::standing`,
//! `domain::decision` and the adapter, as in production.

mod answer;
mod call;
mod write;

use super::layout::{Op, RECONCILE, Receipt};
use super::ledger::{Guard, Kind, Row};
use super::shard::Kept;
use super::world::World;
use domain::content::Content;
use domain::courier::Courier;
use domain::delivery::Status;
use domain::failure::Failure;
use domain::standing::{Access, Admission, Change, Hold, Obstacle, Outcome, Right, Standing, Wake};
use domain::time::Timestamp;
use platforms::{Call, Checkpoint, Operation, Reply, Step, View};
use serde_json::Value;
use std::time::Duration;

/// As `app::courier` has it.
const INTENT_MARGIN: Duration = Duration::from_secs(5);
/// As `app::reconcile` has it.
const ROUNDS_MAX: u32 = 20;
/// What a handed-back job waits.
const RELEASED_MS: i64 = 200;

pub struct Worker {
    pub session: u64,
    pub has_begun: bool,
    pub renewed_at: Timestamp,
    pub certain_until: Timestamp,
    pub stalled_until: Timestamp,
    /// Redis is another one: what it says of this session may be old.
    pub is_in_doubt: bool,
    pub task: Option<Task>,
}

/// A claimed job.
pub struct Task {
    receipt: Receipt,
    kind: Kind,
    stage: Stage,
    row: Row,
    content: Content,
    checkpoint: Checkpoint,
    is_ours: bool,
    /// The account's newest posts, for a look-up.
    known: Vec<String>,
    /// What stands in the way before the first step was looked at.
    is_clear: bool,
    round: u32,
}

/// The effect that comes next.
enum Stage {
    Load,
    Step,
    Carry(Box<Trip>),
    Settle(Box<Plan>),
    /// After a settle that renews the token.
    Renew,
    Acknowledge(Op),
}

/// A call on its way.
struct Trip {
    call: Call,
    courier: Courier,
    sent_by: Option<Timestamp>,
    flight: Option<u64>,
    reply: Option<Reply>,
    failure: Option<Failure>,
}

/// What is to be written.
struct Plan {
    change: Change,
    checkpoint: Option<Value>,
    receipt: Option<String>,
    goes_on: bool,
    renews: bool,
    /// The queue was told before Postgres: what a safeguard forbids.
    is_acknowledged: bool,
}

impl Plan {
    fn of(change: Change) -> Self {
        Self {
            change,
            checkpoint: None,
            receipt: None,
            goes_on: false,
            renews: false,
            is_acknowledged: false,
        }
    }
}

impl Worker {
    pub fn new(session: u64) -> Self {
        let never = Timestamp::from_ms(0);
        Self {
            session,
            has_begun: false,
            renewed_at: never,
            certain_until: never,
            stalled_until: never,
            is_in_doubt: false,
            task: None,
        }
    }
}

impl Task {
    fn standing(&self) -> Standing {
        Standing { is_ours: self.is_ours, ..self.row.standing(self.kind) }
    }

    fn guard(&self) -> Guard {
        Guard {
            id: self.receipt.id,
            epoch: self.receipt.fence.epoch,
            lease: self.receipt.fence.lease,
            revision: self.row.revision,
            checkpoint_no: self.row.checkpoint_no,
        }
    }

    fn wording(&self) -> &str {
        &self.content.segments[0].text
    }
}

impl World {
    /// One effect of a worker. False when it has nothing to do now.
    pub fn act(&mut self, w: usize) -> Result<bool, String> {
        if self.workers[w].stalled_until > self.now || !self.workers[w].has_begun {
            return Ok(false);
        }
        if std::mem::take(&mut self.workers[w].is_in_doubt) {
            let held = self.workers[w].task.as_ref().map(|task| task.receipt);
            self.hand_back(self.workers[w].session, held)?;
        }
        let Some(mut task) = self.workers[w].task.take() else {
            let Some(receipt) = self.claim(w)? else { return Ok(false) };
            self.tell(format_args!("worker {w} claims {receipt:?}"));
            self.workers[w].task = Some(fresh(receipt));
            return Ok(true);
        };
        let stage = std::mem::replace(&mut task.stage, Stage::Load);
        let (has_acted, next) = match stage {
            Stage::Load => (true, self.load(&mut task)),
            Stage::Step => (true, self.step(w, &mut task)),
            Stage::Carry(trip) => self.carry(w, &mut task, trip)?,
            Stage::Settle(plan) => (true, self.settle(&mut task, plan)?),
            Stage::Renew => {
                self.network.refresh(self.now);
                self.note("refreshed");
                (true, Stage::Step)
            }
            Stage::Acknowledge(op) => {
                self.tell(format_args!("worker {w} acknowledges {op:?}"));
                self.acknowledge(task.receipt, op)?;
                return Ok(true);
            }
        };
        task.stage = next;
        self.workers[w].task = Some(task);
        Ok(has_acted)
    }

    fn is_alive(&self, w: usize, task: &Task) -> bool {
        let worker = &self.workers[w];
        worker.session == task.receipt.fence.session && worker.certain_until > self.now
    }

    fn view<'a>(&'a self, task: &'a Task) -> View<'a> {
        View {
            content: &task.content,
            account: &self.network.facts,
            app: self.network.app(),
            assets: &[],
            asset_urls: &[],
            operation: Operation::Publish,
            ended: None,
            receipt: None,
            known: &task.known,
            intended_at: task.row.intended_at,
            now: self.now,
        }
    }

    /// Handed back until Postgres's clock says so.
    fn released(&self, at: Timestamp) -> Op {
        let delay = i64::try_from(at.since(self.now).as_millis()).unwrap();
        Op::Release { delay }
    }

    fn load(&mut self, task: &mut Task) -> Stage {
        let receipt = task.receipt;
        let Some(row) = self.ledger.rows.get(&receipt.id) else {
            return Stage::Acknowledge(Op::Done);
        };
        task.row = row.clone();
        let fence = receipt.fence;
        let right =
            Right { generation: receipt.generation, epoch: fence.epoch, lease: fence.lease };
        match task.standing().admit(right, self.now) {
            Admission::Work => {}
            Admission::Early(time) => {
                self.note("woken early");
                return Stage::Acknowledge(self.released(self.now + time));
            }
            Admission::Forget => return Stage::Acknowledge(Op::Done),
            Admission::Past(epoch) => {
                self.shard.epoch = self.shard.epoch.max(epoch);
                self.note("epoch raised");
                return Stage::Acknowledge(Op::Release { delay: RELEASED_MS });
            }
        }
        let revision = usize::try_from(task.row.revision).unwrap();
        let contents = &self.posts[&receipt.id].contents;
        task.content = contents[(revision - 1).min(contents.len() - 1)].clone();
        task.checkpoint = match task.row.checkpoint.clone() {
            Some(stored) => Checkpoint(stored),
            None => self.network.adapter.publish().start(&self.view(task)),
        };
        Stage::Step
    }

    fn step(&mut self, w: usize, task: &mut Task) -> Stage {
        match task.kind {
            Kind::Publish => self.publish(w, task),
            Kind::Reconcile => self.ask(task),
        }
    }

    fn publish(&mut self, w: usize, task: &mut Task) -> Stage {
        if !std::mem::replace(&mut task.is_clear, true) {
            let access = Access {
                needs_reconnect: None,
                handle: "@acme",
                token_ends_at: self.network.grant.expires_at,
            };
            if let Some(obstacle) = task.standing().obstacle(&access, self.now) {
                return self.clear(task, obstacle, false);
            }
        }
        let next = self.network.adapter.publish().next(&task.checkpoint, &self.view(task));
        let call = match next {
            Step::Published(receipt) => return self.published(task, receipt.remote_id, None),
            Step::Wait(at) => {
                let change = task.standing().change(Status::Ready, Wake::Publish(Some(at)));
                return moved(task, change);
            }
            Step::Call(call) => *call,
        };
        let can_find = self.network.adapter.reconcile().finds_by_wording(&self.view(task));
        if let Some(obstacle) = task.standing().holds_up(call.effect, can_find, self.now) {
            return self.clear(task, obstacle, true);
        }
        self.tell(format_args!("worker {w} sets out with {}", call.endpoint));
        self.set_out(call)
    }

    fn clear(&mut self, task: &mut Task, obstacle: Obstacle, has_moved: bool) -> Stage {
        match obstacle {
            Obstacle::Wait(at) => Stage::Acknowledge(self.released(at)),
            Obstacle::Write(change) if has_moved => moved(task, change),
            Obstacle::Write(change) => {
                if change.hold == Hold::Abandoned {
                    self.note("found abandoned");
                }
                Stage::Settle(Box::new(Plan::of(change)))
            }
            Obstacle::Renew => Stage::Renew,
            Obstacle::Fail(_) => Stage::Settle(Box::new(Plan::of(task.standing().failed()))),
            Obstacle::Review => Stage::Settle(Box::new(Plan::of(task.standing().given_up()))),
        }
    }

    fn published(&mut self, task: &Task, id: String, outcome: Option<Outcome>) -> Stage {
        let change = task.standing().change(Status::Published, Wake::Drop);
        let change = Change { outcome: outcome.or(change.outcome), ..change };
        let checkpoint = Some(task.checkpoint.0.clone());
        Stage::Settle(Box::new(Plan { checkpoint, receipt: Some(id), ..Plan::of(change) }))
    }

    fn ask(&mut self, task: &mut Task) -> Stage {
        if task.row.status != Status::Reconciling {
            return Stage::Acknowledge(Op::Done);
        }
        if let Some(at) = task.standing().asks_later(self.now) {
            return Stage::Acknowledge(self.released(at));
        }
        let delay = self.network.adapter.visibility_delay();
        task.known = self.ledger.known(task.receipt.id, delay, self.now);
        let view = self.view(task);
        let call = self.network.adapter.reconcile().ask(&task.checkpoint, task.round, &view);
        match call.filter(|_| task.round < ROUNDS_MAX) {
            Some(call) => self.set_out(call),
            None => Stage::Settle(Box::new(Plan::of(task.standing().given_up()))),
        }
    }

    fn set_out(&self, call: Call) -> Stage {
        let courier = Courier::new(call.effect, self.safeguards);
        let (sent_by, flight, reply, failure) = (None, None, None, None);
        Stage::Carry(Box::new(Trip { call, courier, sent_by, flight, reply, failure }))
    }
}

fn fresh(receipt: Receipt) -> Task {
    Task {
        receipt,
        kind: if receipt.queue == RECONCILE { Kind::Reconcile } else { Kind::Publish },
        stage: Stage::Load,
        row: Row::new(Timestamp::from_ms(0)),
        content: Content::default(),
        checkpoint: Checkpoint(Value::Null),
        is_ours: false,
        known: Vec::new(),
        is_clear: false,
        round: 0,
    }
}

fn moved(task: &Task, change: Change) -> Stage {
    let checkpoint = Some(task.checkpoint.0.clone());
    Stage::Settle(Box::new(Plan { checkpoint, ..Plan::of(change) }))
}

/// Nothing of a worker outlives its process.
pub fn die(world: &mut World, w: usize) -> Kept {
    world.tell(format_args!("worker {w} dies"));
    world.note("died");
    let session = world.chance.number();
    world.workers[w] = Worker::new(session);
    Ok(())
}
