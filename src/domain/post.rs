//! The status of a post: a pure function of its own stage and of its deliveries.

use crate::delivery;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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

/// What a held post waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// What it shows is still being made.
    RenderPending,
    /// Its brand has to pay first.
    BillingHold,
    /// Somebody has to agree.
    Approval,
}

impl Hold {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::RenderPending, Self::BillingHold, Self::Approval];

    /// The word in SQL and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RenderPending => "render_pending",
            Self::BillingHold => "billing_hold",
            Self::Approval => "approval",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hold| hold.as_str() == word)
    }

    /// Every reason by its word.
    pub fn words() -> [(&'static str, Self); 3] {
        Self::ALL.map(|hold| (hold.as_str(), hold))
    }
}

/// Where a post begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Begin {
    /// It takes its course at once.
    #[default]
    Live,
    /// As a draft.
    Draft,
    /// Held, for this reason.
    Held(Hold),
}

impl Begin {
    /// The stage in which it begins.
    pub const fn stage(self) -> Stage {
        match self {
            Self::Live => Stage::Live,
            Self::Draft => Stage::Draft,
            Self::Held(_) => Stage::Held,
        }
    }

    /// What it waits for.
    pub const fn hold(self) -> Option<Hold> {
        match self {
            Self::Live | Self::Draft => None,
            Self::Held(hold) => Some(hold),
        }
    }
}

/// What becomes of the time of a post that is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// It is kept.
    InTime,
    /// It has passed, and the post goes out now.
    Late,
    /// The post may not go out any more.
    Over,
}

/// What becomes of a post that is released at `now`.
pub fn release(due_at: Option<Timestamp>, not_after: Option<Timestamp>, now: Timestamp) -> Release {
    if not_after.is_some_and(|end| end < now) {
        return Release::Over;
    }
    match due_at {
        Some(due) if due > now => Release::InTime,
        Some(_) | None => Release::Late,
    }
}

/// The status of a post as the API shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = PostStatus)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Being written.
    Draft,
    /// Waits for a release.
    Held,
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

impl Status {
    /// Every status.
    pub const ALL: [Self; 11] = [
        Self::Draft,
        Self::Held,
        Self::Scheduled,
        Self::Validating,
        Self::Validated,
        Self::Publishing,
        Self::Published,
        Self::Partial,
        Self::Failed,
        Self::Cancelled,
        Self::Archived,
    ];

    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Held => "held",
            Self::Scheduled => "scheduled",
            Self::Validating => "validating",
            Self::Validated => "validated",
            Self::Publishing => "publishing",
            Self::Published => "published",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Archived => "archived",
        }
    }
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
        Stage::Draft => return Status::Draft,
        Stage::Held => return Status::Held,
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
            (Stage::Held, later, &[D::Scheduled], Status::Held),
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

    #[test]
    fn a_post_that_is_released_late_goes_out_now_unless_its_time_is_over() {
        let at = |s: i64| Some(Timestamp::from_seconds(s));
        let now = Timestamp::from_seconds(100);
        assert_eq!(release(at(101), at(102), now), Release::InTime);
        assert_eq!(release(at(99), at(100), now), Release::Late);
        assert_eq!(release(None, None, now), Release::Late);
        assert_eq!(release(at(98), at(99), now), Release::Over);
    }
}
