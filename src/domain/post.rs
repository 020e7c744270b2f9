//! The status of a post: a pure function of its own stage and of its deliveries.

use crate::delivery;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The post's own stage; what its deliveries do is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Being written; nothing leaves.
    Draft,
    /// Waits for a release.
    Held,
    /// Its deliveries take their course.
    Live,
    /// Taken back.
    Cancelled,
    /// Put away after it ended.
    Archived,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 5] =
        [Self::Draft, Self::Held, Self::Live, Self::Cancelled, Self::Archived];

    /// The word in SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Held => "held",
            Self::Live => "live",
            Self::Cancelled => "cancelled",
            Self::Archived => "archived",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == word)
    }
}

/// The status of a post as the API shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not released.
    Draft,
    /// Checked and due later.
    Scheduled,
    /// A delivery is not checked yet.
    Validating,
    /// Checked and due now.
    Validated,
    /// On its way.
    Publishing,
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

/// The status of a post in `stage`, due at `due_at`, with `deliveries`, as seen at `now`.
pub fn status(
    stage: Stage,
    due_at: Option<Timestamp>,
    deliveries: &[delivery::Status],
    now: Timestamp,
) -> Status {
    use delivery::Status as D;
    match stage {
        Stage::Draft | Stage::Held => return Status::Draft,
        Stage::Archived => return Status::Archived,
        Stage::Cancelled => return Status::Cancelled,
        Stage::Live => {}
    }
    let any = |wanted: D| deliveries.contains(&wanted);
    let all_wait = deliveries.iter().all(|s| *s == D::Scheduled || s.is_ended());
    if deliveries.iter().any(|s| !s.is_ended()) {
        return if any(D::Validating) {
            Status::Validating
        } else if due_at.is_some_and(|due| due > now) {
            Status::Scheduled
        } else if all_wait {
            Status::Validated
        } else {
            Status::Publishing
        };
    }
    match (any(D::Published), any(D::Failed)) {
        (true, false) => Status::Published,
        (true, true) => Status::Partial,
        (false, true) => Status::Failed,
        (false, false) => Status::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use delivery::Status as D;

    // case: spec-S1
    // case: spec-F1
    #[test]
    fn the_status_of_a_post_follows_its_deliveries() {
        let now = Timestamp::from_seconds(100);
        let later = Some(Timestamp::from_seconds(200));
        let past = Some(Timestamp::from_seconds(50));
        let table: [(Stage, Option<Timestamp>, &[D], Status); 12] = [
            (Stage::Draft, None, &[], Status::Draft),
            (Stage::Held, later, &[D::Scheduled], Status::Draft),
            (Stage::Live, None, &[D::Validating, D::Scheduled], Status::Validating),
            (Stage::Live, None, &[D::Scheduled], Status::Validated),
            (Stage::Live, later, &[D::Scheduled, D::Ready], Status::Scheduled),
            (Stage::Live, past, &[D::Scheduled, D::Sending], Status::Publishing),
            (Stage::Live, None, &[D::Published, D::Reconciling], Status::Publishing),
            (Stage::Live, None, &[D::Published, D::Published], Status::Published),
            (Stage::Live, None, &[D::Published, D::Failed], Status::Partial),
            (Stage::Live, None, &[D::Failed, D::Failed], Status::Failed),
            (Stage::Cancelled, later, &[D::Cancelled], Status::Cancelled),
            (Stage::Archived, past, &[D::Published], Status::Archived),
        ];
        for (stage, due, deliveries, expected) in table {
            assert_eq!(status(stage, due, deliveries, now), expected, "{stage:?} {deliveries:?}");
        }
    }
}
