//! A simulated Postgres and a simulated platform, with an account of what was promised.
//!
//! Invariant: the guards stand in `may_write` and in the conditions of each write; what is checked
//! besides stands in `promised` and `received`, and knows nothing of guards.

use super::layout::{Id, PUBLISH, RECONCILE, Wakeup};
use super::scripts::Safeguard;
use super::shard::Kept;
use std::collections::BTreeMap;

/// A job and its delivery in one.
#[derive(Clone, Debug)]
pub struct Row {
    pub queue: usize,
    pub generation: i64,
    pub due: i64,
    pub revision: i64,
    epoch: i64,
    lease: i64,
    /// The deadline of the intent, while one is open.
    pub sending: Option<i64>,
    pub is_done: bool,
    pub armed_at: i64,
}

/// A worker's right: the job and what its claim said.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    pub id: Id,
    pub generation: i64,
    pub epoch: i64,
    pub lease: i64,
}

/// What a worker reads of its job.
pub enum Look {
    /// Ended, or of another generation.
    Forget,
    /// Another lease has written with this epoch.
    Past(i64),
    NotBefore(i64),
    /// An intent is open and past its deadline: somebody has to ask.
    Ask,
    Judge,
    /// To be sent, as of this revision.
    Go(i64),
}

/// A gate: until when, and whether Redis was told.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    pub until: i64,
    pub is_told: bool,
}

pub struct Truth {
    pub now: i64,
    pub rows: BTreeMap<Id, Row>,
    pub gates: BTreeMap<String, Gate>,
    generations: i64,
    incarnations: i64,
    off: Option<Safeguard>,
    /// Who sends until when, whatever the rows say.
    promised: BTreeMap<Id, (i64, i64, i64)>,
    /// How often the platform took each job.
    pub received: BTreeMap<Id, u32>,
}

impl Truth {
    pub fn new(now: i64, off: Option<Safeguard>) -> Self {
        Self {
            now,
            rows: BTreeMap::new(),
            gates: BTreeMap::new(),
            generations: 0,
            incarnations: 0,
            off,
            promised: BTreeMap::new(),
            received: BTreeMap::new(),
        }
    }

    pub fn draw_incarnation(&mut self) -> i64 {
        self.incarnations += 1;
        self.incarnations
    }

    fn draw_generation(&mut self) -> i64 {
        self.generations += 1;
        self.generations
    }

    pub fn add(&mut self, id: Id, due: i64) -> Wakeup {
        let generation = self.draw_generation();
        let row = Row {
            queue: PUBLISH,
            generation,
            due,
            revision: 1,
            epoch: 0,
            lease: 0,
            sending: None,
            is_done: false,
            armed_at: self.now,
        };
        self.rows.insert(id, row);
        Wakeup { queue: PUBLISH, id, generation, due }
    }

    /// Moves a job to another time, unless an intent forbids it.
    pub fn edit(&mut self, id: Id, due: i64) -> Option<Wakeup> {
        let row = self.rows.get_mut(&id).filter(|row| !row.is_done && row.sending.is_none())?;
        row.revision += 1;
        Some(self.arm(id, PUBLISH, due))
    }

    fn arm(&mut self, id: Id, queue: usize, due: i64) -> Wakeup {
        let generation = self.draw_generation();
        let row = self.rows.get_mut(&id).expect("a job keeps its row");
        (row.queue, row.generation, row.due, row.armed_at) = (queue, generation, due, self.now);
        Wakeup { queue, id, generation, due }
    }

    /// Jobs that are not done, by due time and id.
    pub fn owed(&self) -> Vec<Wakeup> {
        let owed = self.rows.iter().filter(|(_, row)| !row.is_done);
        let wakeup = |(id, row): (&Id, &Row)| Wakeup {
            queue: row.queue,
            id: *id,
            generation: row.generation,
            due: row.due,
        };
        let mut owed: Vec<Wakeup> = owed.map(wakeup).collect();
        owed.sort_by_key(|wakeup| (wakeup.due, wakeup.id));
        owed
    }

    pub fn look(&self, right: &Right) -> Look {
        let row = &self.rows[&right.id];
        let is_old = self.off != Some(Safeguard::LoadedGeneration);
        if row.is_done || is_old && row.generation != right.generation {
            return Look::Forget;
        }
        if !self.may_write(right) {
            return Look::Past(row.epoch);
        }
        match (row.queue, row.sending) {
            (_, Some(deadline)) if deadline > self.now => Look::NotBefore(deadline),
            (PUBLISH, Some(_)) => Look::Ask,
            (_, Some(_)) => Look::Judge,
            (_, None) if row.due > self.now => Look::NotBefore(row.due),
            (_, None) => Look::Go(row.revision),
        }
    }

    /// The guard of every write: a larger epoch than the last writer's, or the same lease.
    fn may_write(&self, right: &Right) -> bool {
        let row = &self.rows[&right.id];
        let is_newer = row.epoch < right.epoch;
        let is_same = row.epoch == right.epoch && row.lease == right.lease;
        is_newer || is_same || self.off == Some(Safeguard::Epoch)
    }

    /// The guard of what follows an intent: the very lease that wrote it.
    fn may_settle(&self, right: &Right) -> bool {
        let row = &self.rows[&right.id];
        let is_mine = row.epoch == right.epoch && row.lease == right.lease;
        row.sending.is_some() && !row.is_done && (is_mine || self.off == Some(Safeguard::Epoch))
    }

    fn written_by(&mut self, right: &Right) -> &mut Row {
        let row = self.rows.get_mut(&right.id).expect("a job keeps its row");
        (row.epoch, row.lease) = (right.epoch, right.lease);
        row
    }

    /// Writes an intent; `None` when its guard matches nothing.
    pub fn intend(&mut self, right: &Right, revision: i64, time: i64) -> Kept<Option<i64>> {
        let row = &self.rows[&right.id];
        let is_open = row.sending.is_none() && !row.is_done && row.queue == PUBLISH;
        let is_as_read = row.revision == revision && row.due <= self.now;
        if !is_open || !is_as_read || !self.may_write(right) {
            return Ok(None);
        }
        if row.generation != right.generation {
            let newest = row.generation;
            return Err(format!("{right:?} intends although generation {newest} is the newest"));
        }
        if let Some(open) = self.promised.get(&right.id).filter(|open| open.2 > self.now) {
            return Err(format!("{right:?} intends before the deadline of {open:?}"));
        }
        let deadline = self.now + time;
        self.promised.insert(right.id, (right.epoch, right.lease, deadline));
        self.written_by(right).sending = Some(deadline);
        Ok(Some(deadline))
    }

    /// The call reaches the platform.
    pub fn send(&mut self, right: &Right) -> Kept {
        let times = self.received.entry(right.id).or_default();
        *times += 1;
        if *times > 1 {
            return Err(format!("{right:?} was sent a second time"));
        }
        Ok(())
    }

    /// An intent ends. Before its deadline nobody but its owner may end it.
    fn end_intent(&mut self, right: &Right) -> Kept {
        if let Some(open) = self.promised.remove(&right.id) {
            let is_mine = (open.0, open.1) == (right.epoch, right.lease);
            if !is_mine && open.2 > self.now {
                return Err(format!("{right:?} ended the intent {open:?} of another"));
            }
        }
        self.written_by(right).sending = None;
        Ok(())
    }

    /// Takes an unsent intent back. With `due` the job is armed anew.
    pub fn withdraw(&mut self, right: &Right, due: Option<i64>) -> Kept<Option<Wakeup>> {
        if !self.may_settle(right) {
            return Ok(None);
        }
        self.end_intent(right)?;
        Ok(due.map(|due| self.arm(right.id, PUBLISH, due)))
    }

    /// The platform took it.
    pub fn publish(&mut self, right: &Right) -> Kept<bool> {
        if !self.may_settle(right) {
            return Ok(false);
        }
        self.end_intent(right)?;
        self.finish(right)?;
        Ok(true)
    }

    fn finish(&mut self, right: &Right) -> Kept {
        let row = self.written_by(right);
        if row.generation != right.generation {
            return Err(format!("{right:?} ran to its end, but {} is newest", row.generation));
        }
        row.is_done = true;
        Ok(())
    }

    /// Nobody knows whether the platform took it: to be asked after the deadline.
    pub fn doubt(&mut self, right: &Right) -> Option<Wakeup> {
        let deadline = self.rows[&right.id].sending?;
        let row = &self.rows[&right.id];
        let is_left = row.queue == PUBLISH && deadline <= self.now && self.may_write(right);
        if row.is_done || !(self.may_settle(right) || is_left) {
            return None;
        }
        self.written_by(right);
        Some(self.arm(right.id, RECONCILE, deadline))
    }

    /// Asks the platform: done, or to be sent again, or not ours to say.
    pub fn judge(&mut self, right: &Right) -> Kept<Option<Option<Wakeup>>> {
        let row = &self.rows[&right.id];
        let is_over = row.sending.is_some_and(|deadline| deadline <= self.now);
        if row.is_done || !is_over || row.queue != RECONCILE || !self.may_write(right) {
            return Ok(None);
        }
        self.end_intent(right)?;
        if self.received.contains_key(&right.id) {
            self.finish(right)?;
            return Ok(Some(None));
        }
        Ok(Some(Some(self.arm(right.id, PUBLISH, self.now))))
    }
}
