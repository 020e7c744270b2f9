//! One database of a private Redis, spoken to with the product's scripts.

use super::layout::{Ack, Answer, Ask, Fence, GROUPS, Id, Identity, LANE_MAX, LANES, LEASE_MS};
use super::layout::{Op, QUEUES, Receipt, Wakeup, lane_of, subject};
use super::scripts::{Safeguard, Script, sources};
use redis::{Cmd, Connection, FromRedisValue, Pipeline};

const BASE: &str = "{pf:s0}:";

/// All keys of the database with the ends of their lives and their serialised values.
pub type Saved = Vec<(Vec<u8>, i64, Vec<u8>)>;
/// A key without its prefix, its time to live, its words.
pub type Key = (String, i64, Vec<Vec<u8>>);

pub struct Server {
    connection: Connection,
    hashes: Vec<String>,
    /// What goes out with the next question.
    ahead: Pipeline,
    clock_us: i64,
    pub run_id: u64,
    pub replid: u64,
}

impl Server {
    pub fn connect(url: &str, off: Option<Safeguard>) -> Self {
        let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
        let load = |source: &String| {
            redis::cmd("SCRIPT").arg("LOAD").arg(source).query(&mut connection).unwrap()
        };
        let hashes = sources(off).iter().map(load).collect();
        Self { connection, hashes, ahead: redis::pipe(), clock_us: 0, run_id: 1, replid: 1 }
    }

    /// The time that Redis's scripts see from now on.
    pub fn set_clock(&mut self, us: i64) {
        self.clock_us = us;
    }

    pub fn now_ms(&self) -> i64 {
        self.clock_us.div_euclid(1_000)
    }

    /// Forgets everything, as FLUSHALL does: the server stays the same.
    pub fn wipe(&mut self) {
        self.ahead.cmd("FLUSHDB").ignore();
    }

    pub fn save(&mut self) -> Saved {
        let save = self.script(Script::Save);
        self.ask(save)
    }

    /// Puts an older state in place of the present one.
    pub fn restore(&mut self, saved: &Saved) {
        self.wipe();
        for (key, ends, value) in saved {
            self.ahead.cmd("RESTORE").arg(key).arg(ends).arg(value).arg("ABSTTL").ignore();
        }
    }

    pub fn dump(&mut self) -> Vec<Key> {
        let dump = self.script(Script::Dump);
        self.ask(dump)
    }

    pub fn push(&mut self, wakeups: &[Wakeup]) {
        let mut push = self.script(Script::Push);
        wakeups.iter().for_each(|wakeup| add_wakeup(&mut push, wakeup));
        self.tell(push);
    }

    pub fn turn(&mut self, ask: &Ask) -> Answer {
        // The suspects at the end are another test's.
        type Reply = (String, i64, i64, String, Vec<i64>, Vec<Vec<u8>>, Vec<Vec<u8>>);
        let mut turn = self.script(Script::Turn);
        turn.arg(format!("{:016x}", ask.session)).arg(QUEUES[ask.queue]).arg(ask.claims);
        turn.arg(LANE_MAX[ask.queue]).arg(ask.lease).arg(ask.claims * 4 + 64);
        turn.arg(ask.done).arg(ask.acks.len() - ask.done).arg("");
        let mut moves = Vec::new();
        for ack in &ask.acks {
            add_ack(&mut turn, ack, &mut moves);
        }
        moves.iter().for_each(|wakeup| add_wakeup(&mut turn, wakeup));
        let (status, _, _, incarnation, results, jobs, _): Reply = self.ask(turn);
        let jobs = jobs.chunks_exact(2).map(|job| read_receipt(&job[1])).collect();
        Answer { status, incarnation, results, jobs }
    }

    /// What Redis believes a session holds of a queue.
    pub fn mine(&mut self, session: u64, queue: usize) -> Vec<Receipt> {
        let mut mine = self.script(Script::Mine);
        mine.arg(format!("{session:016x}")).arg(QUEUES[queue]).arg(0).arg(500);
        let found: Vec<Vec<u8>> = self.ask(mine);
        assert_eq!(found[0], b"0", "so few lanes are one look");
        found[1..].chunks_exact(2).map(|hold| read_receipt(&hold[1])).collect()
    }

    /// False: the session was given up.
    pub fn renew(&mut self, session: u64, begins: bool) -> bool {
        let mut renew = self.script(Script::Renew);
        renew.arg(format!("{session:016x}")).arg(LEASE_MS).arg(u8::from(begins));
        self.ask(renew)
    }

    /// Jobs that went back, and whether there is more to do.
    pub fn reap(&mut self) -> (usize, bool) {
        let mut reap = self.script(Script::Reap);
        reap.arg(LEASE_MS).arg(200);
        self.ask(reap)
    }

    pub fn close(&mut self, scope: &str, until: i64) {
        let mut gate = self.script(Script::Gate);
        gate.arg(scope).arg(until);
        self.tell(gate);
    }

    pub fn open(&mut self, scope: &str) {
        loop {
            let mut open = self.script(Script::Open);
            open.arg(scope).arg(200);
            if self.ask::<u64>(open) == 0 {
                return;
            }
        }
    }

    pub fn raise_epoch(&mut self, to: i64) {
        let mut raise = self.script(Script::Epoch);
        raise.arg(to);
        self.tell(raise);
    }

    pub fn adopt(&mut self, incarnation: i64) -> bool {
        let mut adopt = self.script(Script::Adopt);
        adopt.arg(incarnation).arg(0).arg(0);
        self.ask(adopt)
    }

    /// Incarnation, due time and subject of the relay's position.
    pub fn cursor(&mut self) -> Option<(i64, i64, Id)> {
        let cursor = self.script(Script::Cursor);
        let reply: Vec<String> = self.ask(cursor);
        let number = |at: usize| reply[at].parse::<i64>().unwrap();
        (reply[0] == "known").then(|| (number(1), number(2), Id::try_from(number(3)).unwrap()))
    }

    /// The relay's push; the first word of its reply.
    pub fn relay(&mut self, from: &Identity, wakeups: &[Wakeup]) -> String {
        let last = wakeups.last().unwrap();
        let mut relay = self.script(Script::Relay);
        relay.arg(from.incarnation).arg(from.due).arg(from.subject).arg(last.due).arg(last.id);
        wakeups.iter().for_each(|wakeup| add_wakeup(&mut relay, wakeup));
        let reply: Vec<String> = self.ask(relay);
        reply[0].clone()
    }

    /// Which of these nothing would ever wake, by their places.
    pub fn unknown(&mut self, wakeups: &[Wakeup]) -> Vec<usize> {
        let mut call = self.script(Script::Unknown);
        wakeups.iter().for_each(|wakeup| add_wakeup(&mut call, wakeup));
        let numbers: Vec<usize> = self.ask(call);
        numbers.into_iter().map(|number| number - 1).collect()
    }

    /// Does this generation of a job still wait?
    pub fn waits(&mut self, wakeup: &Wakeup) -> bool {
        let lane = LANES[lane_of(wakeup.id)];
        let mut member = subject(wakeup.id).to_vec();
        member.extend(wakeup.generation.to_string().bytes());
        let mut score = redis::cmd("ZSCORE");
        score.arg(format!("{BASE}q:{}:lane:{lane}", QUEUES[wakeup.queue])).arg(member);
        self.ask::<Option<String>>(score).is_some()
    }

    fn script(&self, script: Script) -> Cmd {
        let mut call = redis::cmd("EVALSHA");
        call.arg(&self.hashes[script as usize]).arg(1).arg(BASE);
        call
    }

    /// Sends what has but one answer along with the next question.
    fn tell(&mut self, call: Cmd) {
        self.tell_time();
        self.ahead.add_command(call).ignore();
    }

    fn ask<T: FromRedisValue>(&mut self, call: Cmd) -> T {
        self.tell_time();
        self.ahead.add_command(call);
        let (reply,): (T,) = self.ahead.query(&mut self.connection).unwrap();
        self.ahead.clear();
        reply
    }

    fn tell_time(&mut self) {
        let time = self.ahead.cmd("HSET").arg(format!("{BASE}test"));
        time.arg("s").arg(self.clock_us.div_euclid(1_000_000));
        time.arg("us").arg(self.clock_us.rem_euclid(1_000_000));
        time.arg("run_id").arg(self.run_id).arg("replid").arg(self.replid).ignore();
    }
}

/// The six fields of `push_all` in `lua/prelude.lua`.
fn add_wakeup(call: &mut Cmd, wakeup: &Wakeup) {
    let lane = lane_of(wakeup.id);
    call.arg(QUEUES[wakeup.queue]).arg(subject(wakeup.id).as_slice()).arg(wakeup.generation);
    call.arg(GROUPS[lane]).arg(LANES[lane]).arg(wakeup.due);
}

/// A receipt as the scripts write it.
fn receipt_text(receipt: &Receipt) -> Vec<u8> {
    let Receipt { queue, id, generation, due, fence, is_late } = receipt;
    let (first, group) = (if *is_late { 'H' } else { 'h' }, GROUPS[lane_of(*id)]);
    let head = format!("{first}{group}\n{} {}\n{due} ", fence.text(), QUEUES[*queue]);
    [head.as_bytes(), &subject(*id), generation.to_string().as_bytes()].concat()
}

pub fn read_receipt(text: &[u8]) -> Receipt {
    let lines: Vec<&[u8]> = text.splitn(3, |byte| *byte == b'\n').collect();
    let (fence, job) = (std::str::from_utf8(lines[1]).unwrap(), lines[2]);
    let (fence, queue) = fence.split_once(' ').unwrap();
    let words: Vec<&str> = fence.split(':').collect();
    let session = u64::from_str_radix(words[2], 16).unwrap();
    let at = job.iter().position(|byte| *byte == b' ').unwrap();
    let receipt = Receipt {
        queue: QUEUES.iter().position(|known| *known == queue).unwrap(),
        id: job[at + 16],
        generation: number(&job[at + 17..]),
        due: number(&job[..at]),
        fence: Fence {
            epoch: number(words[0].as_bytes()),
            lease: number(words[1].as_bytes()),
            session,
        },
        is_late: text[0] == b'H',
    };
    assert_eq!(receipt_text(&receipt), text);
    receipt
}

/// An acknowledgement in `lua/turn.lua`: two fields of a finished job, five of another one.
fn add_ack(call: &mut Cmd, ack: &Ack, moves: &mut Vec<Wakeup>) {
    call.arg(LANES[lane_of(ack.receipt.id)]).arg(receipt_text(&ack.receipt));
    let (op, a, b) = match ack.op {
        Op::Done => return,
        Op::Again { generation, due } => ("a", generation, due),
        Op::Release { delay } => ("r", 0, delay),
        Op::Until { due } => ("t", 0, due),
        Op::Back => ("h", 0, 0),
        Op::Moved(wakeup) => {
            moves.push(wakeup);
            ("m", i64::try_from(moves.len()).unwrap() - 1, 0)
        }
    };
    call.arg(op).arg(a).arg(b);
}

fn number(text: &[u8]) -> i64 {
    std::str::from_utf8(text).unwrap().parse().unwrap()
}
