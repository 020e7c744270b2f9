//! Three workers between a platform, a model of Postgres and the queue's model, in virtual time.
//!
//! Invariant: what a worker does next is for `worker`; here is what it does it with, and what is
//! watched: nothing out twice, nothing early, nothing after a confirmed cancel.

use super::chance::Chance;
use super::layout::{Ack, Answer, Ask, Fence, Id, Identity, Op, Receipt, Wakeup, lane_of};
use super::layout::{LANE_MAX, PUBLISH, RECONCILE};
use super::ledger::{Job, Kind, Ledger};
use super::platform::{Network, refusal};
use super::shard::{Kept, Shard};
use super::worker::Worker;
use domain::content::{Content, Segment};
use domain::courier::Safeguards;
use domain::failure::Sent;
use domain::time::Timestamp;
use platforms::Reply;
use platforms::sim::Inbound;
use std::collections::BTreeMap;
use std::fmt::Arguments;
use std::time::Duration;

/// 2026-11-24T09:00:00Z.
pub const BEGINNING_MS: i64 = 1_795_510_800_000;
/// Three quarters of a lease, as a process reckons it.
const CERTAIN_MS: i64 = 7_500;
/// A renewal goes out this often.
const RENEW_MS: i64 = 3_000;
/// The server that the queue's shard was filled on.
const SERVER: (u64, u64) = (1, 1);

/// How often something happened that histories are about.
pub type Seen = BTreeMap<&'static str, u64>;

/// A delivery, as whoever wrote it sees it.
#[derive(Debug)]
pub struct Post {
    pub due_at: Timestamp,
    /// The contents by revision, the first one first.
    pub contents: Vec<Content>,
    pub cancelled_at: Option<Timestamp>,
    /// A look-up of its call was not answered.
    pub is_blind: bool,
    /// Another delivery says the same.
    pub is_twin: bool,
    /// Postgres has gone back since.
    pub is_set_back: bool,
}

/// A request on its way.
#[derive(Debug)]
pub struct Flight {
    /// The request, until it has arrived or was lost.
    request: Option<(Inbound, Timestamp)>,
    /// What the sender will see, and when.
    answer: Option<Result<Reply, Sent>>,
    seen_at: Timestamp,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    Late,
    AnswerLost,
    RequestLost,
    Unconnected,
    ErrorAfter,
    ErrorBefore,
    Limited,
}

pub struct World {
    pub now: Timestamp,
    pub skew_ms: i64,
    pub ledger: Ledger,
    pub shard: Shard,
    pub network: Network,
    pub workers: Vec<Worker>,
    pub flights: BTreeMap<u64, Flight>,
    pub posts: BTreeMap<Id, Post>,
    pub chance: Chance,
    pub safeguards: Safeguards,
    pub is_calm: bool,
    pub saved_ledger: Option<Ledger>,
    pub saved_shard: Option<Shard>,
    pub seen: Seen,
    pub story: Option<Vec<String>>,
    incarnations: i64,
    next_flight: u64,
}

impl World {
    pub fn new(mut chance: Chance, safeguards: Safeguards) -> Self {
        let now = Timestamp::from_ms(BEGINNING_MS);
        // The last is as late as the adapter allows for.
        let behind_ms = [0, 0, 2_000, 60_000, 89_000][chance.index(5)];
        let mut world = Self {
            now,
            skew_ms: 0,
            ledger: Ledger::default(),
            shard: Shard::default(),
            network: Network::new(behind_ms, now),
            workers: (0..3).map(|_| Worker::new(chance.number())).collect(),
            flights: BTreeMap::new(),
            posts: BTreeMap::new(),
            chance,
            safeguards,
            is_calm: false,
            saved_ledger: None,
            saved_shard: None,
            seen: Seen::new(),
            story: None,
            incarnations: 0,
            next_flight: 0,
        };
        world.write_posts();
        world
    }

    /// One to three deliveries; some are chains, and now and then two say the same.
    fn write_posts(&mut self) {
        let count = 1 + u8::try_from(self.chance.below(3)).unwrap();
        let has_twins = count > 1 && self.chance.one_in(8);
        for id in 1..=count {
            let due_at = self.now + Duration::from_millis(self.chance.below(5_000));
            let is_twin = has_twins && id <= 2;
            let segments = if is_twin { 1 } else { [1, 1, 2, 3][self.chance.index(4)] };
            let name = if is_twin { "twin".to_owned() } else { format!("post {id}") };
            let contents = vec![written(&name, 1, segments)];
            let post = Post {
                due_at,
                contents,
                cancelled_at: None,
                is_blind: false,
                is_twin,
                is_set_back: false,
            };
            self.posts.insert(id, post);
            let job = self.ledger.add(id, due_at);
            self.push(id, job);
        }
    }

    pub fn tell(&mut self, what: Arguments<'_>) {
        let at = self.now.ms() - BEGINNING_MS;
        if let Some(story) = &mut self.story {
            story.push(format!("{:>9.3}  {what}", at as f64 / 1e3));
        }
    }

    pub fn note(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// Redis's clock.
    pub fn redis_ms(&self) -> i64 {
        self.now.ms() + self.skew_ms
    }

    /// Time passes; requests arrive meanwhile, and who is alive renews its lease.
    pub fn pass(&mut self, ms: i64) -> Kept {
        let until = self.now + Duration::from_millis(ms.unsigned_abs());
        loop {
            let next = self.flights.iter().filter_map(|(number, flight)| {
                let (_, at) = flight.request.as_ref()?;
                (*at <= until).then_some((*at, *number))
            });
            let Some((at, number)) = next.min() else { break };
            self.now = at.max(self.now);
            self.arrive(number)?;
        }
        self.now = until;
        self.shard.latest_us = self.shard.latest_us.max(self.redis_ms() * 1_000);
        for w in 0..self.workers.len() {
            let worker = &self.workers[w];
            let is_due = worker.renewed_at + Duration::from_millis(RENEW_MS as u64) <= self.now;
            if worker.stalled_until <= self.now && (is_due || !worker.has_begun) {
                self.renew(w);
            }
        }
        Ok(())
    }

    fn renew(&mut self, w: usize) {
        let now_ms = self.redis_ms();
        let worker = &mut self.workers[w];
        if !self.shard.renew(worker.session, !worker.has_begun, now_ms) {
            // The session is over, and with it the right to all it had in hand.
            worker.session = self.chance.number();
            self.shard.renew(worker.session, true, now_ms);
        }
        worker.has_begun = true;
        worker.renewed_at = self.now;
        worker.certain_until = self.now + Duration::from_millis(CERTAIN_MS as u64);
    }

    /// A request reaches the platform.
    fn arrive(&mut self, number: u64) -> Kept {
        let Some(flight) = self.flights.get_mut(&number) else { return Ok(()) };
        let Some((request, at)) = flight.request.take() else { return Ok(()) };
        let before = self.network.accepted().count();
        let reply = self.network.deliver(&request, at);
        if flight.answer.is_none() {
            flight.answer = Some(Ok(reply));
        }
        let new = self.network.accepted().nth(before);
        let Some(text) = new.map(|(_, text, _)| text.to_owned()) else { return Ok(()) };
        self.tell(format_args!("the platform takes {text:?}"));
        self.note("accepted");
        self.watch(&text, at)
    }

    /// What must never be seen on the platform.
    fn watch(&self, text: &str, at: Timestamp) -> Kept {
        let times = self.network.accepted().filter(|(_, other, _)| *other == text).count();
        let authors: Vec<_> = self.posts.iter().filter(|(_, post)| post.says(text)).collect();
        if times > authors.len() {
            return Err(format!("{text:?} is out {times} times"));
        }
        // Of twins, nobody can tell whose it is.
        let due_at = authors.iter().map(|(_, post)| post.due_at).min();
        if due_at.is_some_and(|due_at| at < due_at) {
            return Err(format!("{text:?} is out before {due_at:?}"));
        }
        let is_taken_back = |post: &Post| post.cancelled_at.is_some_and(|cancelled| cancelled < at);
        if authors.iter().all(|(_, post)| is_taken_back(post)) {
            return Err(format!("{text:?} is out after it was taken back"));
        }
        Ok(())
    }

    /// A call leaves; the number by which its sender asks for the answer.
    pub fn send(&mut self, request: Inbound, deadline: Duration) -> u64 {
        let fate = self.fate();
        let wait = |ms: u64| Duration::from_millis(ms);
        let arrives_at = self.now + wait(5 + self.chance.below(400));
        let prompt = arrives_at + wait(5 + self.chance.below(400));
        let times_out_at = self.now + deadline;
        let reset = (self.now.ms() / 1_000 + 5 + self.chance.between(0, 90)).to_string();
        let headers = [("x-rate-limit-remaining", "0".into()), ("x-rate-limit-reset", reset)];
        let silent = Some(Err(Sent::Maybe));
        let (request_at, answer, seen_at) = match fate {
            Fate::Answered => (Some(arrives_at), None, prompt),
            Fate::Late => {
                let late = wait(deadline.as_millis() as u64 * self.chance.below(99) / 100);
                (Some(self.now + late), silent, times_out_at)
            }
            Fate::AnswerLost => (Some(arrives_at), silent, prompt),
            Fate::RequestLost => (None, silent, prompt),
            Fate::Unconnected => (None, Some(Err(Sent::No)), prompt),
            Fate::ErrorAfter => (Some(arrives_at), Some(Ok(refusal(503, &[], prompt))), prompt),
            Fate::ErrorBefore => (None, Some(Ok(refusal(502, &[], prompt))), prompt),
            Fate::Limited => (None, Some(Ok(refusal(429, &headers, prompt))), prompt),
        };
        if fate != Fate::Answered {
            self.tell(format_args!("its fate is {fate:?}"));
        }
        self.next_flight += 1;
        let request = request_at.map(|at| (request, at));
        self.flights.insert(self.next_flight, Flight { request, answer, seen_at });
        self.next_flight
    }

    fn fate(&mut self) -> Fate {
        if self.is_calm {
            return Fate::Answered;
        }
        match self.chance.below(40) {
            0..=1 => Fate::Late,
            2..=4 => Fate::AnswerLost,
            5..=6 => Fate::RequestLost,
            7 => Fate::Unconnected,
            8..=9 => Fate::ErrorAfter,
            10 => Fate::ErrorBefore,
            11 => Fate::Limited,
            _ => Fate::Answered,
        }
    }

    /// The answer of a call, once it is there.
    pub fn answer(&mut self, number: u64) -> Option<Result<Reply, Sent>> {
        let flight = self.flights.get_mut(&number)?;
        if flight.seen_at > self.now {
            return None;
        }
        let answer = flight.answer.take()?;
        if flight.request.is_none() {
            self.flights.remove(&number);
        }
        Some(answer)
    }

    /// When the next thing happens by itself.
    pub fn next_event(&self) -> Option<Timestamp> {
        let flights = self.flights.values().map(|flight| match &flight.request {
            Some((_, at)) => *at,
            None => flight.seen_at,
        });
        let due = self.shard.waiting.values().flat_map(|jobs| jobs.values());
        let due = due.map(|ms| Timestamp::from_ms(ms - self.skew_ms));
        let stalled = self.workers.iter().map(|worker| worker.stalled_until);
        flights.chain(due).chain(stalled).filter(|at| *at > self.now).min()
    }

    /// Tells Redis of a wake-up.
    pub fn push(&mut self, id: Id, job: Job) {
        self.shard.push(&wakeup(id, job));
    }

    /// Whoever finds another Redis fills it again; whoever looks finds what nobody was told.
    pub fn relay(&mut self) {
        if !self.shard.is_known(SERVER.0, SERVER.1) {
            self.incarnations += 1;
            let (run_id, replid) = SERVER;
            let incarnation = self.incarnations;
            let identity = Identity { incarnation, due: 0, subject: 0, run_id, replid };
            self.shard.adopt(identity, self.redis_ms());
            self.workers.iter_mut().for_each(|worker| worker.is_in_doubt = true);
        }
        let owed: Vec<_> = self.ledger.owed().collect();
        for (id, job) in owed {
            self.push(id, job);
        }
    }

    /// Claims a job for a worker, if one is due.
    pub fn claim(&mut self, w: usize) -> Result<Option<Receipt>, String> {
        let session = self.workers[w].session;
        let now = self.redis_ms();
        let queue = if self.chance.one_in(2) { PUBLISH } else { RECONCILE };
        let heads = self.heads(queue, session);
        let status = match self.shard.is_known(SERVER.0, SERVER.1) {
            false => "unknown",
            true if !self.shard.sessions.contains_key(&session) => "lost",
            true => "ok",
        };
        let lease = self.chance.number().cast_signed();
        let fence = Fence { epoch: self.shard.epoch + 1, lease, session };
        let at = self.chance.index(heads.len().max(1));
        let head = heads.get(at).filter(|_| status == "ok");
        let receipt = head.map(|(id, generation, due)| {
            let (id, generation, due) = (*id, *generation, *due);
            Receipt { queue, id, generation, due, fence, is_late: due < now - 100 }
        });
        self.turn(session, queue, 1, (vec![], receipt, status))?;
        Ok(receipt)
    }

    /// What is due at the head of a free lane.
    fn heads(&self, queue: usize, session: u64) -> Vec<(Id, i64, i64)> {
        let now = self.redis_ms();
        let lanes = self.shard.waiting.iter().filter(|((q, _), _)| *q == queue);
        let heads = lanes.filter_map(|(place, jobs)| {
            let first = jobs.iter().min_by_key(|((id, g), due)| (**due, *id, g.to_string()))?;
            let ((id, generation), due) = first;
            let held = self.shard.busy.get(place).map_or(&[][..], Vec::as_slice);
            let is_free = held.len() < LANE_MAX[queue]
                && held.iter().all(|hold| hold.fence.session == session && hold.id != *id);
            (*due <= now && is_free).then_some((*id, *generation, *due))
        });
        heads.collect()
    }

    /// Tells Redis what became of a job.
    pub fn acknowledge(&mut self, receipt: Receipt, op: Op) -> Kept {
        let (id, session) = (receipt.id, receipt.fence.session);
        let ack = Ack { receipt, op };
        let held = self.shard.busy.get(&(receipt.queue, lane_of(id)));
        let is_held =
            held.is_some_and(|list| list.iter().any(|hold| hold.receipt(receipt.queue) == receipt));
        let is_moved = self.posts.get(&id).is_some_and(|post| post.is_set_back);
        if let Op::Done = op
            && is_held
            && !self.shard.has_newer(&ack)
            && !is_moved
        {
            let owed = self.ledger.rows.get(&id).and_then(|row| row.job);
            if let Some(job) = owed.filter(|job| wakeup(id, *job).generation == receipt.generation)
            {
                return Err(format!("{receipt:?} is acknowledged away, and {job:?} is still owed"));
            }
        }
        self.turn(session, receipt.queue, 0, (vec![ack], None, "ok"))
    }

    fn turn(
        &mut self,
        session: u64,
        queue: usize,
        claims: usize,
        (acks, lent, status): (Vec<Ack>, Option<Receipt>, &str),
    ) -> Kept {
        let results = acks.iter().map(|ack| {
            let place = (ack.receipt.queue, lane_of(ack.receipt.id));
            let held = self.shard.busy.get(&place);
            let is_it = |hold: &super::shard::Hold| hold.receipt(place.0) == ack.receipt;
            i64::from(held.is_some_and(|list| list.iter().any(is_it)))
        });
        let answer = Answer {
            status: status.to_owned(),
            incarnation: String::new(),
            results: results.collect(),
            jobs: lent.into_iter().collect(),
        };
        let lease = lent.map_or(0, |receipt| receipt.fence.lease);
        let ask = Ask { session, queue, claims, lease, done: acks.len(), acks };
        let now = self.redis_ms();
        self.shard.turn(&ask, &answer, SERVER, now)
    }

    /// An older Redis may say that a session holds what it has handed back long ago.
    pub fn hand_back(&mut self, session: u64, held: Option<Receipt>) -> Kept {
        for queue in [PUBLISH, RECONCILE] {
            let mine = self.shard.mine(session, queue);
            for receipt in mine.into_iter().filter(|receipt| Some(*receipt) != held) {
                self.note("handed back in doubt");
                self.acknowledge(receipt, Op::Back)?;
            }
        }
        Ok(())
    }

    /// Takes what dead sessions held back.
    pub fn reap(&mut self) {
        let now = self.redis_ms();
        while self.shard.reap(now).1 {
            self.note("taken from the dead");
        }
    }
}

impl Post {
    /// One of its wordings is this one.
    fn says(&self, text: &str) -> bool {
        let segments = self.contents.iter().flat_map(|content| &content.segments);
        segments.into_iter().any(|segment| segment.text == text)
    }
}

/// The wake-up of a job.
pub fn wakeup(id: Id, job: Job) -> Wakeup {
    let queue = match job.kind {
        Kind::Publish => PUBLISH,
        Kind::Reconcile => RECONCILE,
    };
    Wakeup { queue, id, generation: job.generation, due: job.due_at.ms() }
}

/// A chain of so many parts; some of them hold a link, which the platform rewrites.
pub fn written(name: &str, revision: usize, segments: usize) -> Content {
    let segment = |number| {
        let link = if number == 1 { " https://example.com/a" } else { "" };
        Segment { text: format!("{name}, wording {revision}, part {number}{link}"), media: vec![] }
    };
    Content { segments: (0..segments).map(segment).collect(), ..Content::default() }
}
