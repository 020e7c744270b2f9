//! Three simulated workers between the real scripts, their plain model and a simulated Postgres.

use super::chance::Chance;
use super::layout::{
    Ack, Answer, Ask, Identity, Op, QUEUES, RECONCILE, Receipt, Wakeup, is_before, lane_of,
};
use super::server::{Saved, Server};
use super::shard::{Kept, Shard};
use super::truth::{Look, Right, Truth};
use super::worker::{Claim, Phase, Worker};
use std::collections::BTreeMap;
use std::fmt::Arguments;

/// Virtual time begins where Redis's own expiry, which runs by the real clock, never comes.
const BEGINNING_MS: i64 = 4_000_000_000_000;
/// An intent is good for this long.
const INTENT_MS: i64 = 5_000;
/// Three quarters of a lease, as a process reckons it.
const CERTAIN_MS: i64 = 7_500;

/// How often something happened that histories are about.
pub type Seen = BTreeMap<&'static str, u64>;
/// All of them.
pub const EVENTS: [&str; 16] = [
    "claimed",
    "taken from the dead",
    "acknowledged late",
    "acknowledged with a newer generation behind it",
    "turned away as unknown",
    "turned away as lost",
    "kept behind a gate",
    "handed back in doubt",
    "adopted",
    "relayed too late",
    "epoch raised",
    "intent refused",
    "fenced",
    "asked the platform",
    "called unknown",
    "called known",
];

pub struct Fleet<'a> {
    pub server: &'a mut Server,
    pub shard: Shard,
    pub truth: Truth,
    pub workers: Vec<Worker>,
    pub chance: Chance,
    /// Everything ends well from here on.
    pub is_calm: bool,
    /// Postgres's clock in microseconds, and how far Redis's is ahead.
    pub time_us: i64,
    pub skew_us: i64,
    pub saved: Option<(Saved, Shard)>,
    /// Everything that was ever pushed, to be pushed again.
    pub pushed: Vec<Wakeup>,
    /// What a relay has read and not yet pushed.
    pub late: Option<(Identity, Vec<Wakeup>)>,
    pub story: Option<Vec<String>>,
    pub is_silent: bool,
    pub seen: Seen,
    servers: u64,
}

impl<'a> Fleet<'a> {
    pub fn new(server: &'a mut Server, mut chance: Chance, truth: Truth) -> Self {
        (server.run_id, server.replid) = (1, 1);
        server.wipe();
        let workers = (0..3).map(|_| Worker::new(chance.number())).collect();
        Self {
            server,
            shard: Shard::default(),
            workers,
            chance,
            is_calm: false,
            time_us: truth.now * 1_000,
            truth,
            skew_us: 0,
            saved: None,
            pushed: Vec::new(),
            late: None,
            story: None,
            is_silent: false,
            seen: Seen::new(),
            servers: 1,
        }
    }

    pub fn beginning() -> i64 {
        BEGINNING_MS
    }

    pub fn tell(&mut self, what: Arguments<'_>) {
        let at = self.time_us - BEGINNING_MS * 1_000;
        if let Some(story) = self.story.as_mut().filter(|_| !self.is_silent) {
            story.push(format!("{:>10.3}  {what}", at as f64 / 1e6));
        }
    }

    pub fn note(&mut self, what: &'static str, times: usize) {
        *self.seen.entry(what).or_default() += u64::try_from(times).unwrap();
    }

    pub fn pass(&mut self, us: i64) {
        self.time_us += us;
        self.truth.now = self.time_us / 1_000;
        let redis_us = self.time_us + self.skew_us;
        self.server.set_clock(redis_us);
        self.shard.latest_us = self.shard.latest_us.max(redis_us);
    }

    pub fn server_id(&self) -> (u64, u64) {
        (self.server.run_id, self.server.replid)
    }

    pub fn push(&mut self, wakeups: &[Wakeup]) {
        self.server.push(wakeups);
        wakeups.iter().for_each(|wakeup| self.shard.push(wakeup));
    }

    pub fn renew(&mut self, w: usize) -> Kept {
        let (session, begins) = (self.workers[w].session, !self.workers[w].has_begun);
        let renewed = self.server.renew(session, begins);
        if renewed != self.shard.renew(session, begins, self.server.now_ms()) {
            return Err(format!("renewing worker {w} ends with {renewed}"));
        }
        self.tell(format_args!("worker {w} renews: {renewed}"));
        let worker = &mut self.workers[w];
        if renewed {
            (worker.has_begun, worker.certain_until) = (true, self.truth.now + CERTAIN_MS);
            return Ok(());
        }
        (worker.has_begun, worker.session) = (false, self.chance.number());
        self.renew(w)
    }

    pub fn reap(&mut self) -> Kept {
        loop {
            let (jobs, more) = self.server.reap();
            let told = self.shard.reap(self.server.now_ms());
            if (jobs, more) != told {
                return Err(format!("reaping returns {jobs} and {more} instead of {told:?}"));
            }
            self.tell(format_args!("reap: {jobs} go back"));
            self.note("taken from the dead", jobs);
            if !more {
                return Ok(());
            }
        }
    }

    /// The process dies; another one takes its place.
    pub fn crash(&mut self, w: usize) {
        let next = Worker::new(self.chance.number());
        let dead = std::mem::replace(&mut self.workers[w], next);
        self.tell(format_args!("worker {w} dies with {:?}", dead.held));
    }

    /// Another run of Redis with the same data, or a replica in its place.
    pub fn new_server(&mut self) {
        self.servers += 1;
        if self.chance.one_in(2) {
            self.server.run_id = self.servers;
        } else {
            self.server.replid = self.servers;
        }
    }

    /// One turn of a worker: what ended, then a claim. `is_lost`: the reply does not come.
    pub fn turn(&mut self, w: usize, queue: usize, claims: usize, is_lost: bool) -> Kept {
        if self.workers[w].in_doubt[queue] {
            self.ask_what_is_mine(w, queue)?;
        }
        let worker = &self.workers[w];
        let is_alive = worker.is_certain(worker.session, self.truth.now);
        let acks = worker.unsent.iter().filter(|ack| ack.receipt.queue == queue).copied();
        // As a process sends them.
        let (done, others): (Vec<Ack>, _) = acks.partition(|ack| matches!(ack.op, Op::Done));
        let done_count = done.len();
        let acks = [done, others].concat();
        let claims = if is_alive { claims } else { 0 };
        let lease = self.chance.number().cast_signed();
        let ask = Ask { session: worker.session, queue, claims, lease, acks, done: done_count };
        let answer = self.server.turn(&ask);
        self.tell(format_args!(
            "worker {w} of {}: {:?}, claims {claims}: {} {:?} acks {:?}{}",
            QUEUES[queue],
            ask.acks,
            answer.status,
            answer.jobs,
            answer.results,
            if is_lost { ", the reply is lost" } else { "" }
        ));
        self.not_through_a_gate(&answer.jobs)?;
        let (id, now) = (self.server_id(), self.server.now_ms());
        self.note_turn(&ask, &answer);
        self.shard.turn(&ask, &answer, id, now)?;
        if claims > 0 && answer.status == "ok" {
            for head in self.shard.doubtful(&ask, now) {
                if !self.server.waits(&head) {
                    self.shard.put_behind(&head);
                }
            }
        }
        if is_lost {
            if claims > 0 {
                self.workers[w].in_doubt[queue] = true;
                self.workers[w].incarnations[queue].get_or_insert_default();
            }
            return Ok(());
        }
        self.workers[w].unsent.retain(|ack| ack.receipt.queue != queue);
        let claims = answer.jobs.into_iter();
        let claims = claims.map(|receipt| Claim { receipt, phase: Phase::Fresh });
        self.workers[w].held.extend(claims);
        if answer.status == "lost" {
            return self.renew(w);
        }
        let worker = &mut self.workers[w];
        if !answer.incarnation.is_empty() {
            let known = worker.incarnations[queue].replace(answer.incarnation);
            worker.in_doubt[queue] |= known.is_some() && known != worker.incarnations[queue];
        }
        Ok(())
    }

    fn note_turn(&mut self, ask: &Ask, answer: &Answer) {
        let late = answer.results.iter().filter(|result| **result == 0).count();
        let has_newer = |ack: &Ack| self.shard.has_newer(ack);
        let newer = ask.acks.iter().filter(|ack| has_newer(ack)).count();
        let kept = self.shard.gated(ask.queue, self.server.now_ms());
        self.note("claimed", answer.jobs.len());
        self.note("acknowledged late", late);
        self.note("acknowledged with a newer generation behind it", newer);
        self.note("turned away as unknown", usize::from(answer.status == "unknown"));
        self.note("turned away as lost", usize::from(answer.status == "lost"));
        self.note("kept behind a gate", if answer.status == "ok" { kept } else { 0 });
    }

    /// What Postgres closed and Redis was told of lets nobody through.
    fn not_through_a_gate(&self, jobs: &[Receipt]) -> Kept {
        let latest = self.shard.latest_us / 1_000;
        for receipt in jobs {
            let closed = self.truth.gates.iter().find(|(scope, gate)| {
                gate.is_told && gate.until > latest && is_before(scope, lane_of(receipt.id))
            });
            if let Some((scope, _)) = closed {
                return Err(format!("{receipt:?} was lent though {scope} is closed"));
            }
        }
        Ok(())
    }

    fn ask_what_is_mine(&mut self, w: usize, queue: usize) -> Kept {
        let session = self.workers[w].session;
        let mut found = self.server.mine(session, queue);
        let mut told = self.shard.mine(session, queue);
        let order = |hold: &Receipt| (hold.id, hold.fence.epoch, hold.fence.lease);
        found.sort_by_key(order);
        told.sort_by_key(order);
        if found != told {
            return Err(format!("session {session:x} holds {found:?} instead of {told:?}"));
        }
        for receipt in found {
            let worker = &mut self.workers[w];
            if !worker.knows(&receipt) {
                *self.seen.entry("handed back in doubt").or_default() += 1;
                worker.unsent.push(Ack { receipt, op: Op::Back });
            }
        }
        self.workers[w].in_doubt[queue] = false;
        Ok(())
    }

    /// One step of one job that a worker holds. False: it holds none.
    pub fn work(&mut self, w: usize) -> Kept<bool> {
        let count = self.workers[w].held.len();
        if count == 0 {
            return Ok(false);
        }
        let at = self.chance.index(count);
        let claim = self.workers[w].held[at];
        let is_certain = self.workers[w].is_certain(claim.receipt.fence.session, self.truth.now);
        let right = claim.right();
        let end = match claim.phase {
            Phase::Fresh if !is_certain => Some(Op::Back),
            Phase::Fresh => self.begin(w, at)?,
            Phase::Loaded(revision) => match self.truth.intend(&right, revision, INTENT_MS)? {
                Some(deadline) => self.goes_on(w, at, Phase::Intended(deadline)),
                None => {
                    self.note("intent refused", 1);
                    Some(Op::Release { delay: 100 })
                }
            },
            Phase::Intended(deadline) => {
                let is_fenced = !is_certain || self.truth.now >= deadline;
                self.call(w, at, is_fenced)?
            }
            Phase::Sent => Some(self.settle(&right)?),
        };
        self.tell(format_args!("worker {w} works on {claim:?}: {end:?}"));
        if let Some(op) = end {
            self.workers[w].held.swap_remove(at);
            self.workers[w].unsent.push(claim.ends(op));
        }
        Ok(true)
    }

    fn judge(&mut self, right: &Right) -> Kept<Option<Option<Wakeup>>> {
        self.note("asked the platform", 1);
        self.truth.judge(right)
    }

    fn goes_on(&mut self, w: usize, at: usize, phase: Phase) -> Option<Op> {
        self.workers[w].held[at].phase = phase;
        None
    }

    fn begin(&mut self, w: usize, at: usize) -> Kept<Option<Op>> {
        let right = self.workers[w].held[at].right();
        if !self.is_calm {
            match self.chance.below(20) {
                0 => return Ok(Some(Op::Release { delay: 100 })),
                1 => return Ok(Some(Op::Back)),
                2 => {
                    let due = self.server.now_ms() + self.chance.between(0, 3_000);
                    return Ok(Some(Op::Until { due }));
                }
                _ => {}
            }
        }
        Ok(Some(match self.truth.look(&right) {
            Look::Forget => Op::Done,
            Look::Past(epoch) => {
                self.note("epoch raised", 1);
                self.server.raise_epoch(epoch);
                self.shard.epoch = self.shard.epoch.max(epoch);
                Op::Release { delay: 100 }
            }
            Look::NotBefore(due) => Op::Until { due },
            Look::Ask => match self.truth.doubt(&right) {
                Some(wakeup) => Op::Moved(wakeup),
                None => Op::Release { delay: 100 },
            },
            Look::Judge => match self.judge(&right)? {
                Some(Some(wakeup)) => Op::Moved(wakeup),
                Some(None) => Op::Done,
                None => Op::Release { delay: 100 },
            },
            Look::Go(revision) => return Ok(self.goes_on(w, at, Phase::Loaded(revision))),
        }))
    }

    /// The last look, then the bytes.
    fn call(&mut self, w: usize, at: usize, is_fenced: bool) -> Kept<Option<Op>> {
        let right = self.workers[w].held[at].right();
        if is_fenced {
            self.note("fenced", 1);
            self.truth.withdraw(&right, None)?;
            return Ok(Some(Op::Release { delay: 100 }));
        }
        if !self.is_calm && self.chance.one_in(4) {
            let due = self.truth.now + self.chance.between(0, 5_000);
            return Ok(Some(match self.truth.withdraw(&right, Some(due))? {
                Some(wakeup) => Op::Again { generation: wakeup.generation, due },
                None => Op::Release { delay: 100 },
            }));
        }
        self.truth.send(&right)?;
        Ok(self.goes_on(w, at, Phase::Sent))
    }

    fn settle(&mut self, right: &Right) -> Kept<Op> {
        if !self.is_calm && self.chance.one_in(4) {
            let moved = self.truth.doubt(right);
            assert!(moved.is_none_or(|wakeup| wakeup.queue == RECONCILE));
            return Ok(moved.map_or(Op::Release { delay: 100 }, Op::Moved));
        }
        let is_published = self.truth.publish(right)?;
        Ok(if is_published { Op::Done } else { Op::Release { delay: 100 } })
    }
}
