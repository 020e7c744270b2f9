//! A worker: one effect at a time, so that anything can happen between any two.
//!
//! Invariant: which effect comes next is told by `domain::courier`, `domain::standing`,
//! `domain::decision` and the adapter, as in production.

use super::layout::{Op, RECONCILE, Receipt};
use super::ledger::{Guard, Kind, Row, Settled, Taken};
use super::shard::Kept;
use super::world::{World, wakeup};
use domain::content::Content;
use domain::courier::{Courier, End, Event, Order, Safeguard};
use domain::decision::{Decision, History, decide};
use domain::delivery::Status;
use domain::failure::{Effect, Failure, Sent, no_reply};
use domain::standing::{
    Access, Admission, Change, Hold, Next, Obstacle, Outcome, Right, Standing, Wake,
};
use domain::time::Timestamp;
use platforms::{Call, Checkpoint, Operation, Reply, Step, Verdict, View};
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

    /// One effect of the courier.
    fn carry(
        &mut self,
        w: usize,
        task: &mut Task,
        mut trip: Box<Trip>,
    ) -> Result<(bool, Stage), String> {
        let event = match trip.courier.order() {
            Order::Meter => Event::Permitted,
            Order::Sign => Event::Signed,
            Order::Intend => self.intend(w, task, &mut trip),
            Order::Fence => {
                let is_open = self.is_alive(w, task) && self.is_in_time(&trip);
                if !is_open {
                    self.note("fenced");
                }
                if is_open { Event::Open } else { Event::Closed }
            }
            Order::Send => match self.hand_over(w, task, &mut trip) {
                Some(event) => event,
                None => return Ok((false, Stage::Carry(trip))),
            },
            Order::Classify => {
                let reply = trip.reply.as_ref();
                let effect = trip.call.effect;
                let adapter = self.network.adapter;
                trip.failure = reply.and_then(|reply| adapter.classify(effect, reply));
                Event::Classified
            }
            Order::Withdraw(_) => {
                let change = task.standing().change(Status::Ready, Wake::Keep);
                let change = Change { outcome: Some(Outcome::Withdrawn), ..change };
                self.write(task, &Plan::of(change));
                self.note("withdrawn");
                Event::Withdrawn
            }
            Order::End(end) => return Ok((true, self.arrived(task, end, *trip))),
        };
        trip.courier.on(event);
        Ok((true, Stage::Carry(trip)))
    }

    fn is_in_time(&self, trip: &Trip) -> bool {
        trip.sent_by.is_none_or(|by| self.now < by)
    }

    fn intend(&mut self, w: usize, task: &mut Task, trip: &mut Trip) -> Event {
        let whole = trip.call.deadline + INTENT_MARGIN;
        let has_deadline = self.safeguards.has(Safeguard::IntentDeadline);
        let time = if has_deadline { whole } else { Duration::ZERO };
        let (guard, wording) = (task.guard(), task.wording().to_owned());
        let Some(first_at) = self.ledger.intend(&guard, &wording, time, self.now) else {
            self.note("intent refused");
            return match self.ledger.is_in_doubt(guard.id, &wording) {
                true => Event::Limited { until: self.now + Duration::from_secs(15) },
                false => Event::Refused,
            };
        };
        self.tell(format_args!("worker {w} intends {guard:?}"));
        (task.row.intended_at, task.row.status, task.is_ours) =
            (Some(first_at), Status::Sending, true);
        trip.sent_by = Some(self.now + INTENT_MARGIN);
        Event::Intended
    }

    /// Hands the request to the network, then waits for the answer.
    fn hand_over(&mut self, w: usize, task: &Task, trip: &mut Trip) -> Option<Event> {
        let Some(flight) = trip.flight else {
            let has_fence = self.safeguards.has(Safeguard::Fence);
            if has_fence && !(self.is_alive(w, task) && self.is_in_time(trip)) {
                self.note("fenced at the body");
                return Some(Event::Silent(Sent::No));
            }
            let request = self.network.signed(&trip.call);
            self.tell(format_args!("worker {w} sends {}", trip.call.endpoint));
            trip.flight = Some(self.send(request, trip.call.deadline));
            return None;
        };
        match self.answer(flight)? {
            Ok(reply) => {
                trip.reply = Some(reply);
                Some(Event::Replied)
            }
            Err(sent) => Some(Event::Silent(sent)),
        }
    }

    /// The call is over.
    fn arrived(&mut self, task: &mut Task, end: End, trip: Trip) -> Stage {
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
            Next::Write(change) | Next::Fail(change, _) | Next::Disconnect(change, _) => {
                (change, false)
            }
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
            has_doubt: task.row.has_doubt,
            // A refresh is always within reach here.
            refreshed_at: Timestamp::from_ms(0),
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
            Next::Fail(..) | Next::Disconnect(..) => self.give_up(task),
        }
    }

    /// Writes what an attempt came to.
    fn settle(&mut self, task: &mut Task, mut plan: Box<Plan>) -> Result<Stage, String> {
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

    fn write(&mut self, task: &mut Task, plan: &Plan) -> Option<Settled> {
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
    Op::Moved(wakeup(task.receipt.id, super::ledger::Job { kind, generation, due_at }))
}

/// Nothing of a worker outlives its process.
pub fn die(world: &mut World, w: usize) -> Kept {
    world.tell(format_args!("worker {w} dies"));
    world.note("died");
    let session = world.chance.number();
    world.workers[w] = Worker::new(session);
    Ok(())
}
