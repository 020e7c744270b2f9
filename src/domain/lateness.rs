//! What becomes of a delivery that is late, and how far apart late ones of an account go out.

use crate::decision::PARKED_MAX;
use crate::id::DeliveryId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use utoipa::ToSchema;

/// What its sender wants of a post that can no longer go out in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Late {
    /// It goes out late, up to `notAfter` or three days; then it fails.
    #[default]
    Publish,
    /// Past `notAfter` it waits for a person.
    Hold,
    /// Past `notAfter` it is left out.
    Skip,
}

impl Late {
    /// Every policy by its word in JSON.
    pub const WORDS: [(&'static str, Self); 3] =
        [("publish", Self::Publish), ("hold", Self::Hold), ("skip", Self::Skip)];

    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Hold => "hold",
            Self::Skip => "skip",
        }
    }
}

/// What a delivery's lateness is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What its sender wants.
    pub late: Late,
    /// When it was due.
    pub due_at: Timestamp,
    /// The latest instant at which it may still go out by itself.
    pub not_after: Option<Timestamp>,
    /// When a person asked for it last, after it had ended or was held.
    pub asked_at: Option<Timestamp>,
}

/// What becomes of a delivery at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes out, late or not.
    Go,
    /// It is too late, and fails.
    Fail,
    /// It is too late, and waits for a person.
    Hold,
    /// It is too late, and left out as its sender wanted.
    Skip,
}

impl Terms {
    /// The instant that it was wanted at: its due time, or when a person asked for it since.
    pub fn wanted_at(&self) -> Timestamp {
        self.asked_at.map_or(self.due_at, |asked| asked.max(self.due_at))
    }

    /// The last instant at which it goes out by itself. Whoever asks for it when that is over
    /// wants it out all the same, and three days of patience begin anew.
    pub fn ends_at(&self) -> Timestamp {
        match self.not_after {
            Some(end) if self.asked_at.is_none_or(|asked| asked <= end) => end,
            _ => self.wanted_at() + PARKED_MAX,
        }
    }

    /// What happens when it does not go out in time.
    pub const fn miss(&self) -> Verdict {
        match self.late {
            Late::Publish => Verdict::Fail,
            Late::Hold => Verdict::Hold,
            Late::Skip => Verdict::Skip,
        }
    }
}

/// What becomes of a delivery at `now`.
pub fn decide(terms: &Terms, now: Timestamp) -> Verdict {
    if now <= terms.ends_at() { Verdict::Go } else { terms.miss() }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Go => "published",
            Self::Fail => "failed",
            Self::Hold => "held",
            Self::Skip => "skipped",
        })
    }
}

/// How a delivery that did not go out in time is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The error type at the surface.
    pub kind: &'static str,
    /// The story.
    pub message: String,
    /// The way out.
    pub resolution: &'static str,
}

/// The error type of a delivery that was left out by its own rule.
pub const SKIPPED: &str = "LateSkipped";
/// The error type of a delivery that waits for a person by its own rule.
pub const HELD: &str = "LateHeld";
/// The error type of a delivery that was too late.
pub const TOO_LATE: &str = "LateError";

/// Tells of a delivery that misses its time; `why` is what would keep it for longer.
pub fn tell(terms: &Terms, verdict: Verdict, why: Option<&str>) -> Told {
    let limit = match terms.not_after.filter(|end| *end == terms.ends_at()) {
        Some(end) => format!("it was to be out by {end}"),
        None => format!("it was wanted at {}, more than three days ago", terms.wanted_at()),
    };
    let limit = match why {
        Some(why) => format!("{limit}, and cannot be ({why})"),
        None if terms.not_after == Some(terms.ends_at()) => {
            format!("{limit}, and that time has passed")
        }
        None => limit,
    };
    match verdict {
        Verdict::Hold => Told {
            kind: HELD,
            message: format!("{limit}: its rule for lateness is `hold`"),
            resolution: "Settle its review: `send` lets it out now, `drop` ends it.",
        },
        Verdict::Skip => Told {
            kind: SKIPPED,
            message: format!("{limit}: its rule for lateness is `skip`"),
            resolution: "Retry it if it should go out all the same.",
        },
        Verdict::Go | Verdict::Fail => Told {
            kind: TOO_LATE,
            message: limit,
            resolution: "Retry it if it should go out all the same.",
        },
    }
}

/// A slot is this much longer than the gap, so that a delivery that leaves a moment behind its
/// slot does not take from the next one's.
const SLACK: Duration = Duration::from_secs(1);

/// A late delivery that waits, of which nothing is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub id: DeliveryId,
    /// When it was due.
    pub due_at: Timestamp,
    /// When it may leave, as it was told before.
    pub slot_at: Option<Timestamp>,
}

/// What a late delivery is told that is about to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// When it may leave; `None` is now.
    pub at: Option<Timestamp>,
    /// The slots that are new.
    pub slots: Vec<(DeliveryId, Timestamp)>,
}

/// Lets `own`, one of an account's late deliveries, leave at `now`, or tells it when: late ones
/// leave `gap` apart at least, behind the one that left at `last_at`, in the order of their due
/// times. Whoever has no slot gets one behind the others; a slot that was missed, as after another
/// outage, has all of them placed anew.
pub fn place(
    waiting: &[Waiting],
    own: DeliveryId,
    gap: Duration,
    last_at: Option<Timestamp>,
    now: Timestamp,
) -> Placed {
    let Some(asker) = waiting.iter().find(|one| one.id == own) else {
        return Placed { at: None, slots: Vec::new() };
    };
    let free_at = last_at.map_or(now, |last| now.max(last + gap));
    match asker.slot_at {
        Some(slot) if slot > now => return Placed { at: Some(slot), slots: Vec::new() },
        Some(slot) if now < slot + gap && free_at > now => {
            return Placed { at: Some(free_at), slots: vec![(own, free_at)] };
        }
        Some(slot) if now < slot + gap => return Placed { at: None, slots: Vec::new() },
        Some(_) | None => {}
    }
    let is_missed = |slot: Timestamp| slot + gap <= now;
    let has_missed = waiting.iter().any(|one| one.slot_at.is_some_and(is_missed));
    let mut placed: Vec<&Waiting> =
        waiting.iter().filter(|one| has_missed || one.slot_at.is_none()).collect();
    placed.sort_by_key(|one| (one.due_at, one.id));
    let behind = waiting.iter().filter_map(|one| one.slot_at).max().filter(|_| !has_missed);
    let first = behind.map_or(free_at, |slot| free_at.max(slot + gap + SLACK));
    let slots: Vec<_> = (0u32..)
        .zip(placed)
        .map(|(number, one)| (one.id, first + (gap + SLACK) * number))
        .collect();
    let own_at = slots.iter().find(|(id, _)| *id == own).map(|(_, at)| *at);
    Placed { at: own_at.filter(|at| *at > now), slots }
}

#[cfg(test)]
mod tests;
