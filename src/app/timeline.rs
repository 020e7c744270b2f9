//! Collects what an attempt does, for the settle that is written anyway to carry along.
//!
//! Invariant: costs no statement and no round trip of its own. A lease that ends without a settle
//! loses its lines, and of those only repeatable calls matter: intents stand in the ledger.

use crate::refresh::Renewal;
use base::text::clean;
use domain::delivery::Status;
use domain::failure::Failure;
use domain::standing::{ABSENCES_MIN, Outcome, Wake};
use domain::time::Timestamp;
use domain::timeline::{Fact, Holder, Line, Next, Page, Renewed, Shown, Stored, Wait, words};
use serde_json::Value;
use store::deliveries::Loaded;
use store::jobs::JobKind;
use store::settles::{Settle, Told};

/// The lines of an attempt that no settle has carried yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Page);

/// What a settle's line has to be read against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Against {
    /// The job that was worked on.
    pub kind: JobKind,
    /// The present.
    pub now: Timestamp,
    /// When the delivery is due.
    pub due_at: Timestamp,
    /// Look-ups that had found nothing before.
    pub absences: i32,
}

impl Against {
    /// A row as it was loaded, and kept up.
    pub fn of(row: &Loaded, kind: JobKind, now: Timestamp) -> Self {
        Self { kind, now, due_at: row.due_at, absences: row.absences }
    }
}

impl Log {
    /// Adds what happened.
    pub fn add(&mut self, at: Timestamp, fact: Fact) {
        self.0.push(Line { at, fact });
    }

    /// Adds what came of a renewal.
    pub fn add_renewal(&mut self, now: Timestamp, renewal: &Renewal) {
        let (result, due_at, failure) = match renewal {
            Renewal::Done => (Renewed::Done, None, None),
            Renewal::Later { at, failure } => (Renewed::Later, Some(*at), failure.as_ref()),
            Renewal::NoMeans(failure) | Renewal::Dead(failure) => {
                (Renewed::Dead, None, Some(failure))
            }
        };
        self.add(now, Fact::Refresh { result, due_at, words: failure.map(told_by) });
    }

    /// The lines so far, to be carried by a settle or two that say the same.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// What the settle carries: these lines, and what it comes to itself.
    pub fn told(&self, settle: &Settle, against: Against) -> Option<Told> {
        let mut page = self.0.clone();
        for fact in [look(settle, against), decision(settle, &page, against)].into_iter().flatten()
        {
            page.push(Line { at: against.now, fact });
        }
        let has_lines = !page.lines.is_empty();
        has_lines.then(|| Told { role: role(against.kind), lines: Self(page).lines() })
    }

    /// These lines, as they are stored.
    pub fn lines(&self) -> Value {
        // Words, numbers and instants always serialize.
        serde_json::to_value(Stored::V1(self.0.clone())).unwrap_or(Value::Null)
    }
}

/// The role of the worker that such jobs wake.
const fn role(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Reconcile => "reconcile",
        JobKind::Follow => "follow",
        JobKind::Repost => "repost",
        JobKind::Publish
        | JobKind::FanOut
        | JobKind::Refresh
        | JobKind::Preflight
        | JobKind::Republish
        | JobKind::Waiting
        | JobKind::Webhook
        | JobKind::Erase
        | JobKind::Media => "publish",
    }
}

/// The words of a failure, as a line may hold them.
pub(crate) fn told_by(failure: &Failure) -> String {
    words(&clean(failure.detail()))
}

/// What a look-up came to, where the settle is the end of one.
fn look(settle: &Settle, against: Against) -> Option<Fact> {
    if against.kind != JobKind::Reconcile {
        return None;
    }
    let change = &settle.change;
    let of = |verdict, absences: i32, words| Fact::Look {
        verdict,
        absences: u32::try_from(absences).unwrap_or(0),
        absences_min: u32::try_from(ABSENCES_MIN).unwrap_or(0),
        words,
    };
    match change.outcome {
        Some(Outcome::Found) => {
            let detail = settle.detail.as_deref().map(words);
            Some(of(Shown::Found, against.absences, detail))
        }
        Some(Outcome::Absent) => Some(of(Shown::Absent, ABSENCES_MIN, None)),
        _ if change.absences > against.absences => Some(of(Shown::Absent, change.absences, None)),
        _ if change.status == Status::Review => {
            Some(of(Shown::Undecided, against.absences, reason(settle)))
        }
        _ => None,
    }
}

/// What follows, read off what the settle writes. A step that only moves on is no decision.
fn decision(settle: &Settle, page: &Page, against: Against) -> Option<Fact> {
    let change = &settle.change;
    let next = match (change.status, change.wake, &settle.gate) {
        (Status::Published, ..) => {
            let remote_id = settle.receipt.as_ref().map(|(id, _)| id.clone());
            Next::Publish { remote_id: remote_id.unwrap_or_default() }
        }
        (Status::Failed, ..) => Next::Fail,
        (Status::Review, ..) => Next::Review,
        (_, Wake::Ask(due_at), _) => Next::Reconcile { due_at },
        (_, _, Some(gate)) => Next::Park { gate: gate.scope_key.clone(), until: gate.until },
        (_, Wake::Publish(due_at), None) if change.is_attempt_spent => Next::Retry { due_at },
        (_, Wake::Publish(due_at), None) => Next::Wait { due_at, why: wait(page, due_at, against) },
        (_, Wake::Keep, None) if change.outcome == Some(Outcome::Withdrawn) => Next::Withdraw,
        (_, Wake::Keep, None) if settle.failure.is_some() => Next::Refresh,
        (_, Wake::Keep | Wake::Drop, None) => return None,
    };
    let words = reason(settle).or_else(|| after(settle, page));
    Some(Fact::Decision { status: change.status, next, words })
}

/// What a delivery waits for, read off the lines that led there.
fn wait(page: &Page, due: Option<Timestamp>, against: Against) -> Wait {
    match (page.lines.last().map(|line| &line.fact), due) {
        (Some(Fact::Held { by: Holder::Limit, .. }), _) => Wait::Limit,
        (Some(Fact::Held { by: Holder::Doubt, .. }), _) => Wait::Doubt,
        (Some(Fact::Held { by: Holder::Backlog, .. }), _) => Wait::Backlog,
        (Some(Fact::Refresh { .. }), _) => Wait::Token,
        (_, None) => Wait::Turn,
        (_, Some(at)) if at == against.due_at => Wait::Due,
        (_, Some(_)) => Wait::Processing,
    }
}

/// A step that failed after the post was out: it changed nothing, but a person is told.
fn after(settle: &Settle, page: &Page) -> Option<String> {
    let last = page.lines.iter().rev().find_map(|line| match &line.fact {
        Fact::Call { words, .. } => Some(words.clone()),
        _ => None,
    });
    last.flatten().filter(|_| settle.change.status == Status::Published)
}

/// Why, as the settle says it.
fn reason(settle: &Settle) -> Option<String> {
    let message = settle.failure.as_ref()?.get("message")?.as_str()?;
    Some(words(message))
}
