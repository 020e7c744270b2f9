//! A shard as the scripts should keep it, told as plainly as it can be.
//!
//! Invariant: which lane comes first is not its business, only who may be lent what.

use super::layout::{Ack, Answer, Ask, CLAIMS_MANY, Fence, GROUPS, Id, Identity, LANE_MAX, LANES};
use super::layout::{LEASE_MS, Op, Receipt, Wakeup, is_before, lane_of};
use std::collections::{BTreeMap, BTreeSet};

/// A rule was broken: what happened.
pub type Kept<T = ()> = Result<T, String>;

/// A job that is lent to a session.
#[derive(Clone, Debug)]
pub struct Hold {
    pub id: Id,
    pub fence: Fence,
    pub generation: i64,
    pub due: i64,
    /// A newer generation that waits for the acknowledgement, and its due time.
    pub newer: Option<(i64, i64)>,
    /// It was more than 100 ms behind its time when it was claimed.
    pub is_late: bool,
}

impl Hold {
    pub fn receipt(&self, queue: usize) -> Receipt {
        let Self { id, fence, generation, due, is_late, .. } = *self;
        Receipt { queue, id, generation, due, fence, is_late }
    }
}

/// A queue and a lane by their numbers.
pub type Place = (usize, usize);

#[derive(Clone, Debug, Default)]
pub struct Shard {
    /// Due times by job and generation.
    pub waiting: BTreeMap<Place, BTreeMap<(Id, i64), i64>>,
    pub busy: BTreeMap<Place, Vec<Hold>>,
    /// When each session runs out.
    pub sessions: BTreeMap<u64, i64>,
    pub gates: BTreeMap<String, i64>,
    pub epoch: i64,
    pub identity: Option<Identity>,
    /// When a session was last heard, and until when nobody is given up.
    beat: (i64, i64),
    /// The latest instant the shard has seen. Before it nothing that comes late is wrong, for
    /// lanes may have been put behind it.
    pub latest_us: i64,
}

impl Shard {
    /// Another state in place of this one, at the same time.
    pub fn followed_by(&self, state: Self) -> Self {
        Self { latest_us: self.latest_us, ..state }
    }

    pub fn push(&mut self, wakeup: &Wakeup) {
        let place = (wakeup.queue, lane_of(wakeup.id));
        let Wakeup { id, generation, due, .. } = *wakeup;
        let held = self.busy.get_mut(&place).and_then(|l| l.iter_mut().find(|h| h.id == id));
        match held {
            Some(hold) => await_ack(hold, generation, due),
            None => self.wait(place, id, generation, due),
        }
    }

    fn wait(&mut self, place: Place, id: Id, generation: i64, due: i64) {
        self.waiting.entry(place).or_default().entry((id, generation)).or_insert(due);
    }

    /// The first job of a lane: the order of a sorted set, where members are text.
    fn head(&self, place: Place) -> Option<(Id, i64, i64)> {
        let jobs = self.waiting.get(&place)?.iter();
        let first = jobs.min_by_key(|((id, generation), due)| (**due, *id, generation.to_string()));
        first.map(|((id, generation), due)| (*id, *generation, *due))
    }

    fn take(&mut self, place: Place, id: Id, generation: i64) -> Option<i64> {
        let jobs = self.waiting.get_mut(&place)?;
        let due = jobs.remove(&(id, generation));
        if jobs.is_empty() {
            self.waiting.remove(&place);
        }
        due
    }

    /// Does it wait here, is it lent, or does it follow what is lent?
    pub fn knows(&self, wakeup: &Wakeup) -> bool {
        let (place, job) = ((wakeup.queue, lane_of(wakeup.id)), (wakeup.id, wakeup.generation));
        let waits = self.waiting.get(&place).is_some_and(|jobs| jobs.contains_key(&job));
        let is_it = |hold: &Hold| {
            let newer = hold.newer.map(|(generation, _)| generation);
            hold.id == job.0 && (hold.generation == job.1 || newer == Some(job.1))
        };
        waits || self.busy.get(&place).is_some_and(|holds| holds.iter().any(is_it))
    }

    /// Jobs that wait in a queue.
    pub fn depth(&self, queue: usize) -> usize {
        self.waiting.iter().filter(|((q, _), _)| *q == queue).map(|(_, jobs)| jobs.len()).sum()
    }

    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.busy.is_empty()
    }

    pub fn is_known(&self, run_id: u64, replid: u64) -> bool {
        self.identity.is_some_and(|told| told.run_id == run_id && told.replid == replid)
    }

    /// False: another incarnation that is in use is younger.
    pub fn adopt(&mut self, identity: Identity, now: i64) -> bool {
        let mine = self.identity.filter(|_| self.is_known(identity.run_id, identity.replid));
        if mine.is_some_and(|mine| mine.incarnation >= identity.incarnation) {
            return false;
        }
        self.identity = Some(identity);
        self.epoch = self.epoch.max(now * 1_024);
        true
    }

    pub fn close(&mut self, scope: &str, until: i64) {
        let known = self.gates.entry(scope.to_owned()).or_insert(until);
        *known = (*known).max(until);
    }

    pub fn renew(&mut self, session: u64, begins: bool, now: i64) -> bool {
        self.pulse(now);
        if !begins && !self.sessions.contains_key(&session) {
            return false;
        }
        self.sessions.insert(session, now + LEASE_MS);
        true
    }

    /// When nobody was heard for half a lease, one lease passes before anyone is called dead.
    fn pulse(&mut self, now: i64) -> bool {
        let (at, hold) = self.beat;
        if now - at > LEASE_MS / 2 {
            self.beat = (now, now + LEASE_MS);
        } else if now - at > LEASE_MS / 50 {
            self.beat = (now, hold);
        }
        now >= self.beat.1
    }

    /// Gives up one dead session; how many jobs go back, and whether to look again.
    pub fn reap(&mut self, now: i64) -> (usize, bool) {
        if !self.pulse(now) {
            return (0, false);
        }
        let dead = self.sessions.iter().filter(|(_, ends)| **ends <= now);
        let Some(session) = dead.min_by_key(|(s, ends)| (**ends, **s)).map(|(s, _)| *s) else {
            return (0, false);
        };
        self.sessions.remove(&session);
        let mut back = Vec::new();
        self.busy.retain(|place, holds| {
            let gone = holds.extract_if(.., |hold| hold.fence.session == session);
            back.extend(gone.map(|hold| (*place, hold)));
            !holds.is_empty()
        });
        for (place, hold) in &back {
            let (generation, due) = hold.newer.unwrap_or((hold.generation, hold.due));
            self.wait(*place, hold.id, generation, due);
        }
        (back.len(), true)
    }

    /// What a session holds of a queue.
    pub fn mine(&self, session: u64, queue: usize) -> Vec<Receipt> {
        let holds = self.busy.iter().filter(|((q, _), _)| *q == queue).flat_map(|(_, list)| list);
        let mine = holds.filter(|hold| hold.fence.session == session);
        mine.map(|hold| hold.receipt(queue)).collect()
    }

    /// Follows a turn and says what of its answer is wrong.
    pub fn turn(&mut self, ask: &Ask, answer: &Answer, server: (u64, u64), now: i64) -> Kept {
        self.acknowledge(ask, answer, now)?;
        if ask.claims == 0 {
            return Ok(());
        }
        let status = if !self.is_known(server.0, server.1) {
            "unknown"
        } else if !self.sessions.contains_key(&ask.session) {
            "lost"
        } else {
            "ok"
        };
        if status != answer.status {
            return Err(format!("a turn ends `{}` instead of `{status}`", answer.status));
        }
        let behind = self.latest_us > now * 1_000 + 999;
        let mut lent = BTreeSet::new();
        if answer.jobs.len() > ask.claims {
            return Err("more was lent than was asked for".to_owned());
        }
        for receipt in &answer.jobs {
            self.lend(ask, receipt, now)?;
            if !lent.insert(lane_of(receipt.id)) {
                return Err("two jobs of a lane were lent in one turn".to_owned());
            }
        }
        if !answer.jobs.is_empty() {
            self.epoch += 1;
        }
        if status == "ok" && ask.claims >= CLAIMS_MANY && !behind {
            return self.nobody_was_passed_by(ask.queue, &lent, now);
        }
        Ok(())
    }

    fn acknowledge(&mut self, ask: &Ask, answer: &Answer, now: i64) -> Kept {
        let mut ended = Vec::new();
        for (at, ack) in ask.acks.iter().enumerate() {
            let place = (ack.receipt.queue, lane_of(ack.receipt.id));
            let list = self.busy.entry(place).or_default();
            let found = list.iter().position(|hold| hold.receipt(place.0) == ack.receipt);
            if answer.results.get(at) != Some(&i64::from(found.is_some())) {
                let told = answer.results.get(at);
                return Err(format!("{ack:?} is answered {told:?} where {list:?} is held"));
            }
            ended.extend(found.map(|found| (place, ack, list.remove(found))));
            if list.is_empty() {
                self.busy.remove(&place);
            }
        }
        for (place, ack, hold) in ended {
            let rest = match ack.op {
                Op::Done | Op::Moved(_) => None,
                Op::Again { generation, due } => Some((generation, due)),
                Op::Release { delay } => Some((hold.generation, now + delay)),
                Op::Until { due } => Some((hold.generation, due)),
                Op::Back => Some((hold.generation, hold.due)),
            };
            let newer = hold.newer.filter(|newer| rest.is_none_or(|rest| newer.0 > rest.0));
            if let Some((generation, due)) = newer.or(rest) {
                self.wait(place, hold.id, generation, due);
            }
            if let Op::Moved(wakeup) = &ack.op {
                self.push(wakeup);
            }
        }
        Ok(())
    }

    fn lend(&mut self, ask: &Ask, receipt: &Receipt, now: i64) -> Kept {
        let Receipt { id, generation, .. } = *receipt;
        let job = (id, generation);
        let place = (ask.queue, lane_of(id));
        let head = self.head(place);
        let Some((_, _, due)) = head.filter(|head| (head.0, head.1) == job) else {
            return Err(format!("{job:?} was lent, but {head:?} is first in its lane"));
        };
        if due > now {
            return Err(format!("{job:?} was lent {} ms early", due - now));
        }
        if let Some(scope) = self.closed_by(place.1, self.latest_us.div_euclid(1_000).max(now)) {
            return Err(format!("{job:?} was lent through the closed gate {scope}"));
        }
        let list = self.busy.entry(place).or_default();
        if list.iter().any(|hold| hold.id == id) {
            return Err(format!("{job:?} was lent while it is held: {list:?}"));
        }
        let is_mine = list.iter().all(|hold| hold.fence.session == ask.session);
        if !is_mine || list.len() >= LANE_MAX[ask.queue] {
            return Err(format!("{job:?} was lent beside {list:?}"));
        }
        let fence = Fence { epoch: self.epoch + 1, lease: ask.lease, session: ask.session };
        let hold = Hold { id, fence, generation, due, newer: None, is_late: due < now - 100 };
        if hold.receipt(ask.queue) != *receipt {
            return Err(format!("{receipt:?} is the receipt of {hold:?}"));
        }
        list.push(hold);
        self.take(place, id, generation);
        Ok(())
    }

    /// Does a newer generation wait for this acknowledgement?
    pub fn has_newer(&self, ack: &Ack) -> bool {
        let receipt = ack.receipt;
        let list = self.busy.get(&(receipt.queue, lane_of(receipt.id)));
        let mut holds = list.into_iter().flatten();
        holds.any(|hold| hold.receipt(receipt.queue) == receipt && hold.newer.is_some())
    }

    /// Lanes of a queue whose job is due and whose gate is closed.
    pub fn gated(&self, queue: usize, now: i64) -> usize {
        let lanes = (0..LANES.len()).filter(|lane| self.closed_by(*lane, now).is_some());
        lanes.filter(|lane| self.head((queue, *lane)).is_some_and(|head| head.2 <= now)).count()
    }

    fn closed_by(&self, lane: usize, now: i64) -> Option<&str> {
        let mut closed = self.gates.iter().filter(|(_, until)| **until > now);
        closed.find(|(scope, _)| is_before(scope, lane)).map(|(scope, _)| scope.as_str())
    }

    /// Is a gate closed before this lane, or may one be half open, behind its probe?
    fn is_behind_a_gate(&self, lane: usize, now: i64) -> bool {
        let is_shared = |scope: &str| !scope.starts_with("account:");
        let mut known = self.gates.keys().filter(|scope| is_before(scope, lane));
        self.closed_by(lane, now).is_some() || known.any(|scope| is_shared(scope))
    }

    /// A claim with room for everybody leaves no lane behind of which nothing is held.
    fn nobody_was_passed_by(&self, queue: usize, lent: &BTreeSet<usize>, now: i64) -> Kept {
        for lane in (0..LANES.len()).filter(|lane| !lent.contains(lane)) {
            let is_free = !self.busy.contains_key(&(queue, lane));
            let due = self.head((queue, lane)).filter(|head| head.2 <= now);
            if is_free && due.is_some() && !self.is_behind_a_gate(lane, now) {
                let group = GROUPS[lane];
                return Err(format!("{due:?} is due in {} of {group}, not lent", LANES[lane]));
            }
        }
        Ok(())
    }

    /// The due heads of lanes whose job is held by this very session: a turn that looks at such a
    /// lane lets the head wait for the acknowledgement. Whether it looked is for Redis to say.
    pub fn doubtful(&self, ask: &Ask, now: i64) -> Vec<Wakeup> {
        let queue = ask.queue;
        let heads = (0..LANES.len()).filter_map(|lane| {
            let (id, generation, due) = self.head((queue, lane))?;
            let list = self.busy.get(&(queue, lane))?;
            let is_held = list.iter().any(|hold| hold.id == id);
            let is_mine = list.iter().any(|hold| hold.fence.session == ask.session);
            (is_held && is_mine && due <= now).then_some(Wakeup { queue, id, generation, due })
        });
        heads.collect()
    }

    /// The head of a lane was put behind the acknowledgement of its own job.
    pub fn put_behind(&mut self, wakeup: &Wakeup) {
        let place = (wakeup.queue, lane_of(wakeup.id));
        if self.take(place, wakeup.id, wakeup.generation).is_some() {
            self.push(wakeup);
        }
    }
}

fn await_ack(hold: &mut Hold, generation: i64, due: i64) {
    if generation > hold.newer.map_or(hold.generation, |newer| newer.0) {
        hold.newer = Some((generation, due));
    }
}
