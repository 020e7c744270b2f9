//! What people are told of a post: which of its moves is an event, in one table.
//!
//! Invariant: what was told is the status of a post without its time, so whoever changes a post or
//! ends a delivery can tell, and nothing has to be told because an instant passed.

use crate::delivery;
use crate::post::Stage;

/// What was told of a post last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Told {
    /// Nothing yet.
    New,
    /// It is being written.
    Draft,
    /// It waits for a release.
    Held,
    /// A delivery is not checked yet.
    Validating,
    /// All are checked, and some have not ended.
    Scheduled,
    /// Every delivery is out.
    Published,
    /// Some are out, some failed.
    Partial,
    /// None is out.
    Failed,
    /// Taken back.
    Cancelled,
    /// Put away.
    Archived,
}

use Told::{
    Archived, Cancelled, Draft, Failed, Held, New, Partial, Published, Scheduled, Validating,
};

/// Every move that is an event: to where, which, and from where. Other moves are told of by what
/// made them (an edit), or go unnoticed (a post that is being checked again).
pub const MOVES: [(Told, &str, &[Told]); 12] = [
    (Draft, "post.drafted", &[New]),
    (Draft, "post.unscheduled", &[Held, Validating, Scheduled]),
    (Held, "post.held", &[New, Validating, Scheduled]),
    (Validating, "post.released", &[Draft, Held]),
    (Scheduled, "post.released", &[Held]),
    (Validating, "post.reopened", &[Published, Partial, Failed]),
    // Told only of a post that is due later: what goes out at once is told of when it is out.
    (Scheduled, "post.scheduled", &[New, Validating]),
    (Published, "post.published", &[New, Held, Validating, Scheduled]),
    (Partial, "post.partial", &[New, Held, Validating, Scheduled]),
    (Failed, "post.failed", &[New, Held, Validating, Scheduled]),
    (Cancelled, "post.cancelled", &[New, Draft, Held, Validating, Scheduled]),
    (Archived, "post.archived", &[New, Published, Partial, Failed, Cancelled]),
];

impl Told {
    /// Every one, in the order of a life.
    pub const ALL: [Self; 10] =
        [New, Draft, Held, Validating, Scheduled, Published, Partial, Failed, Cancelled, Archived];

    /// The word in SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            New => "new",
            Draft => "draft",
            Held => "held",
            Validating => "validating",
            Scheduled => "scheduled",
            Published => "published",
            Partial => "partial",
            Failed => "failed",
            Cancelled => "cancelled",
            Archived => "archived",
        }
    }

    /// What is to be told of a post in `stage` with `deliveries`.
    pub fn of(stage: Stage, deliveries: &[delivery::Status]) -> Self {
        use delivery::Status as D;
        match stage {
            Stage::Draft => return Draft,
            Stage::Held => return Held,
            Stage::Cancelled => return Cancelled,
            Stage::Archived => return Archived,
            Stage::Live => {}
        }
        let any = |wanted: D| deliveries.contains(&wanted);
        if any(D::Validating) {
            return Validating;
        }
        if deliveries.iter().any(|status| !status.is_ended()) {
            return Scheduled;
        }
        match (any(D::Published), any(D::Failed)) {
            (true, true) => Partial,
            (true, false) => Published,
            (false, true) => Failed,
            (false, false) => Cancelled,
        }
    }

    /// The event of a move.
    pub fn event(before: Self, after: Self) -> Option<&'static str> {
        let is_it = |(to, _, from): &&(Told, &str, &[Told])| *to == after && from.contains(&before);
        MOVES.iter().find(is_it).map(|(_, event, _)| *event)
    }
}

#[cfg(test)]
mod tests;
