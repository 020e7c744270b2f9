//! What a simulated worker keeps in its process.

use super::layout::{Ack, Op, Receipt};
use super::truth::Right;

/// How far a claimed job has come.
#[derive(Clone, Copy, Debug)]
pub enum Phase {
    Fresh,
    /// As of this revision.
    Loaded(i64),
    /// Until this deadline.
    Intended(i64),
    Sent,
}

#[derive(Clone, Copy, Debug)]
pub struct Claim {
    pub receipt: Receipt,
    pub phase: Phase,
}

impl Claim {
    pub fn right(&self) -> Right {
        let Receipt { id, generation, fence, .. } = self.receipt;
        Right { id, generation, epoch: fence.epoch, lease: fence.lease }
    }

    pub fn ends(&self, op: Op) -> Ack {
        Ack { receipt: self.receipt, op }
    }
}

#[derive(Clone, Debug)]
pub struct Worker {
    pub session: u64,
    pub has_begun: bool,
    /// Until when the right to work is certain, by Postgres's clock.
    pub certain_until: i64,
    pub held: Vec<Claim>,
    /// Acknowledgements that Redis has not confirmed.
    pub unsent: Vec<Ack>,
    /// In which filling of Redis each queue was last claimed from; empty when the reply was lost
    /// before any told.
    pub incarnations: [Option<String>; 2],
    /// Redis may believe that it holds what it does not know.
    pub in_doubt: [bool; 2],
}

impl Worker {
    pub fn new(session: u64) -> Self {
        Self {
            session,
            has_begun: false,
            certain_until: 0,
            held: Vec::new(),
            unsent: Vec::new(),
            incarnations: Default::default(),
            in_doubt: [false; 2],
        }
    }

    pub fn is_certain(&self, session: u64, now: i64) -> bool {
        self.session == session && now < self.certain_until
    }

    pub fn knows(&self, receipt: &Receipt) -> bool {
        let held = self.held.iter().any(|claim| claim.receipt == *receipt);
        held || self.unsent.iter().any(|ack| ack.receipt == *receipt)
    }
}
