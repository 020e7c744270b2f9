//! Postgres as the workers use it, told as plainly as it can be: the guards of intents and settles,
//! the wake-ups they arm, doubts, and what going back does. `agree` holds it to the SQL.
//!
//! Invariant: nothing here decides; it compares and writes, or refuses.

use super::layout::Id;
use domain::delivery::{Event, Status};
use domain::lateness::Late;
use domain::standing::{Change, Hold, Outcome, Standing, Wake};
use domain::time::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// As `store::histories` has it.
const AHEAD: Duration = Duration::from_secs(600);
const CALLS_END: Duration = Duration::from_secs(150);
const GENERATIONS_FORGOTTEN_MAX: i64 = 1_000_000_000_000;

/// Which wake-up is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Publish,
    Reconcile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    pub kind: Kind,
    pub generation: i64,
    pub due_at: Timestamp,
}

/// A delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub status: Status,
    pub revision: i32,
    pub due_at: Timestamp,
    pub checkpoint: Option<Value>,
    pub checkpoint_no: i32,
    pub epoch: i64,
    pub lease: i64,
    pub intended_at: Option<Timestamp>,
    pub deadline_at: Option<Timestamp>,
    pub ask_from: Option<Timestamp>,
    pub attempts: i32,
    pub auth_refusals: i32,
    pub has_doubt: bool,
    pub absences: i32,
    pub remote_id: Option<String>,
    pub published_at: Option<Timestamp>,
    pub job: Option<Job>,
    /// How each intent ended, the first one first.
    pub ledger: Vec<Option<Outcome>>,
}

/// What a write shows.
#[derive(Clone, Copy, Debug)]
pub struct Guard {
    pub id: Id,
    pub epoch: i64,
    pub lease: i64,
    pub revision: i32,
    pub checkpoint_no: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    pub generation: Option<i64>,
    pub checkpoint_no: i32,
    pub due_at: Option<Timestamp>,
}

/// Another delivery has this receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken;

#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub rows: BTreeMap<Id, Row>,
    doubts: BTreeMap<Id, String>,
    generations: i64,
}

impl Row {
    pub fn new(due_at: Timestamp) -> Self {
        Self {
            status: Status::Scheduled,
            revision: 1,
            due_at,
            checkpoint: None,
            checkpoint_no: 0,
            epoch: 0,
            lease: 0,
            intended_at: None,
            deadline_at: None,
            ask_from: None,
            attempts: 0,
            auth_refusals: 0,
            has_doubt: false,
            absences: 0,
            remote_id: None,
            published_at: None,
            job: None,
            ledger: Vec::new(),
        }
    }

    /// Where it stands for a lease that was woken for `kind`.
    pub fn standing(&self, kind: Kind) -> Standing {
        let job = self.job.filter(|job| job.kind == kind);
        Standing {
            status: self.status,
            generation: job.map(|job| job.generation),
            owed_at: job.map(|job| job.due_at),
            epoch: self.epoch,
            lease: self.lease,
            due_at: self.due_at,
            not_after: None,
            late: Late::Publish,
            asked_at: None,
            intended_at: self.intended_at,
            deadline_at: self.deadline_at,
            ask_from: self.ask_from,
            attempts: self.attempts,
            auth_refusals: self.auth_refusals,
            absences: self.absences,
            has_doubt: self.has_doubt,
            is_ours: false,
            is_asking: kind == Kind::Reconcile,
        }
    }

    /// Comparing with what stands there: a larger epoch, or the very lease that wrote last.
    fn is_held_by(&self, guard: &Guard) -> bool {
        self.epoch < guard.epoch || self.epoch == guard.epoch && self.lease == guard.lease
    }

    fn admits(&self, guard: &Guard, hold: Hold, now: Timestamp) -> bool {
        let is_as_read = self.checkpoint_no == guard.checkpoint_no;
        match hold {
            Hold::Free => {
                matches!(self.status, Status::Scheduled | Status::Ready)
                    && self.revision == guard.revision
                    && is_as_read
                    && self.is_held_by(guard)
            }
            Hold::Sending => {
                self.status == Status::Sending
                    && (self.epoch, self.lease) == (guard.epoch, guard.lease)
            }
            Hold::Abandoned => {
                self.status == Status::Sending
                    && self.epoch < guard.epoch
                    && self.deadline_at.is_some_and(|at| at <= now)
            }
            Hold::Asking => {
                self.status == Status::Reconciling && is_as_read && self.is_held_by(guard)
            }
        }
    }

    fn write(&mut self, guard: &Guard, change: &Change, checkpoint: Option<Value>) {
        let is_doubt = change.status == Status::Reconciling;
        (self.epoch, self.lease) = (guard.epoch, guard.lease);
        self.status = change.status;
        if let Some(checkpoint) = checkpoint {
            self.checkpoint = Some(checkpoint);
            self.checkpoint_no += 1;
        }
        if is_doubt {
            self.intended_at = self.intended_at.or(Some(self.due_at));
        }
        if !is_doubt && change.status != Status::Sending {
            self.deadline_at = None;
        }
        if change.outcome == Some(Outcome::Absent) {
            self.ask_from = None;
        }
        self.attempts += i32::from(change.is_attempt_spent);
        self.auth_refusals = change.auth_refusals;
        self.has_doubt = change.has_doubt;
        self.absences = change.absences;
        if let Some(outcome) = change.outcome {
            let is_late = matches!(outcome, Outcome::Found | Outcome::Absent);
            for ended in &mut self.ledger {
                if ended.is_none() || is_late && *ended == Some(Outcome::Silent) {
                    *ended = Some(outcome);
                }
            }
        }
    }
}

impl Ledger {
    fn generation(&mut self) -> i64 {
        self.generations += 1;
        self.generations
    }

    /// A delivery that was checked and waits for its time.
    pub fn add(&mut self, id: Id, due_at: Timestamp) -> Job {
        let generation = self.generation();
        let job = Job { kind: Kind::Publish, generation, due_at };
        self.rows.insert(id, Row { job: Some(job), ..Row::new(due_at) });
        job
    }

    /// An equal wording may be out through another delivery.
    pub fn is_in_doubt(&self, id: Id, wording: &str) -> bool {
        self.doubts.iter().any(|(other, doubted)| {
            let status = self.rows.get(other).map(|row| row.status);
            let is_open = matches!(status, Some(Status::Sending | Status::Reconciling));
            *other != id && doubted == wording && is_open
        })
    }

    pub fn doubt(&mut self, id: Id, wording: &str) {
        self.doubts.insert(id, wording.to_owned());
    }

    /// Commits an intent: when it was first intended, or `None` when the guard matches nothing.
    pub fn intend(
        &mut self,
        guard: &Guard,
        wording: &str,
        time: Duration,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let is_in_doubt = self.is_in_doubt(guard.id, wording);
        let row = self.rows.get_mut(&guard.id)?;
        let is_open = row.admits(guard, Hold::Free, now) && row.ask_from.is_none();
        if !is_open || row.due_at > now || is_in_doubt {
            return None;
        }
        (row.epoch, row.lease, row.status) = (guard.epoch, guard.lease, Status::Sending);
        row.deadline_at = Some(now + time);
        row.ledger.push(None);
        Some(*row.intended_at.get_or_insert(now))
    }

    /// Writes a settle; `None` when its guard matches nothing.
    pub fn settle(
        &mut self,
        guard: &Guard,
        change: &Change,
        written: (Option<Value>, Option<String>),
        now: Timestamp,
    ) -> Result<Option<Settled>, Taken> {
        let (checkpoint, receipt) = written;
        let generation = self.generations + 1;
        let is_taken = |row: &Row| receipt.is_some() && row.remote_id == receipt;
        let others = self.rows.iter().filter(|(id, _)| **id != guard.id);
        let is_taken = others.map(|(_, row)| row).any(is_taken);
        let Some(row) = self.rows.get_mut(&guard.id) else { return Ok(None) };
        if !row.admits(guard, change.hold, now) {
            return Ok(None);
        }
        if is_taken {
            return Err(Taken);
        }
        row.write(guard, change, checkpoint);
        row.remote_id = receipt.or(row.remote_id.take());
        row.published_at = (change.status == Status::Published).then_some(now);
        let armed = match change.wake {
            Wake::Keep => None,
            Wake::Drop => {
                row.job = None;
                None
            }
            Wake::Publish(at) => Some((Kind::Publish, at.unwrap_or(now))),
            Wake::Ask(at) => Some((Kind::Reconcile, at.unwrap_or(now))),
        };
        // A wake-up is only ever moved: who has none gets none.
        let armed = armed.filter(|_| row.job.is_some());
        let mut settled =
            Settled { generation: None, checkpoint_no: row.checkpoint_no, due_at: None };
        if let Some((kind, due_at)) = armed {
            row.job = Some(Job { kind, generation, due_at });
            (settled.generation, settled.due_at) = (Some(generation), Some(due_at));
            self.generations = generation;
        }
        Ok(Some(settled))
    }

    /// Takes a delivery back; false when it is too late.
    pub fn cancel(&mut self, id: Id) -> bool {
        let Some(row) = self.rows.get_mut(&id) else { return false };
        // What was found out stays out, whatever waits for its next step.
        let is_part_out = row.remote_id.is_some() || row.ledger.contains(&Some(Outcome::Found));
        if is_part_out || row.ask_from.is_some() || row.status.after(Event::Cancel).is_none() {
            return false;
        }
        row.status = Status::Cancelled;
        row.revision += 1;
        row.job = None;
        true
    }

    /// Writes a delivery anew; `None` when something of it was intended already.
    pub fn edit(&mut self, id: Id, now: Timestamp) -> Option<Job> {
        let generation = self.generations + 1;
        let row = self.rows.get_mut(&id)?;
        let is_untouched = row.intended_at.is_none() && row.ask_from.is_none();
        if !is_untouched || !matches!(row.status, Status::Scheduled | Status::Ready) {
            return None;
        }
        row.revision += 1;
        row.checkpoint = None;
        row.checkpoint_no += 1;
        let due_at = row.due_at.max(now);
        let job = Job { kind: Kind::Publish, generation, due_at };
        row.job = Some(job);
        self.generations = generation;
        Some(job)
    }

    /// This state has taken the place of a later one, and whoever connects notices.
    pub fn went_back(&mut self, now: Timestamp) {
        self.generations += GENERATIONS_FORGOTTEN_MAX;
        for row in self.rows.values_mut() {
            let is_open = !row.status.is_ended() && row.status != Status::Review;
            if is_open && row.due_at <= now + AHEAD {
                row.ask_from = Some(now + CALLS_END);
                row.absences = 0;
                if let Some(job) = &mut row.job {
                    self.generations += 1;
                    job.generation = self.generations;
                }
            }
        }
    }

    /// The newest receipts but for that of one delivery, newest first; none younger than `age`.
    pub fn known(&self, except: Id, age: Duration, now: Timestamp) -> Vec<String> {
        let others = self.rows.iter().filter(|(id, _)| **id != except);
        let known =
            others.filter_map(|(_, row)| Some((row.published_at?, row.remote_id.as_ref()?)));
        let mut known: Vec<_> = known.filter(|(at, _)| *at + age <= now).collect();
        known.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        known.into_iter().map(|(_, id)| id.clone()).collect()
    }

    /// The wake-ups that are owed.
    pub fn owed(&self) -> impl Iterator<Item = (Id, Job)> {
        self.rows.iter().filter_map(|(id, row)| Some((*id, row.job?)))
    }
}
