//! The states of a delivery (one post on one account) and the moves between them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a delivery stands. `parked` is not among them: it is read off the gate that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted, not yet checked by a worker.
    Validating,
    /// Checked; waits for its time.
    Scheduled,
    /// A worker has begun; the next step is due at its due time.
    Ready,
    /// An irreversible call may be under way.
    Sending,
    /// The outcome of an irreversible call is being asked for.
    Reconciling,
    /// A person has to look.
    Review,
    /// Out, with a receipt.
    Published,
    /// Ended without being published.
    Failed,
    /// Taken back before it left.
    Cancelled,
}

/// What can happen to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Fan-out found nothing against it.
    Check,
    /// A worker saved a step, or put the next one off.
    Step,
    /// An intent was committed.
    Intend,
    /// The intent was taken back before a byte left.
    Withdraw,
    /// The platform gave a receipt, or a look-up found the post.
    Publish,
    /// It cannot be published.
    Fail,
    /// The outcome of a call is unknown.
    Doubt,
    /// A look-up proved that nothing was published.
    Absent,
    /// Asking did not settle it.
    GiveUp,
    /// A user took it back.
    Cancel,
    /// A user asked for another try.
    Retry,
}

impl Status {
    /// Every status, in the order of a life.
    pub const ALL: [Self; 9] = [
        Self::Validating,
        Self::Scheduled,
        Self::Ready,
        Self::Sending,
        Self::Reconciling,
        Self::Review,
        Self::Published,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word in SQL, JSON and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::Scheduled => "scheduled",
            Self::Ready => "ready",
            Self::Sending => "sending",
            Self::Reconciling => "reconciling",
            Self::Review => "review",
            Self::Published => "published",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Nothing will happen to it any more unless a user asks.
    pub const fn is_ended(self) -> bool {
        match self {
            Self::Published | Self::Failed | Self::Cancelled => true,
            Self::Validating
            | Self::Scheduled
            | Self::Ready
            | Self::Sending
            | Self::Reconciling
            | Self::Review => false,
        }
    }

    /// The status after `event`, or `None` where the event cannot happen.
    pub const fn after(self, event: Event) -> Option<Self> {
        use Event as E;
        match (self, event) {
            (Self::Validating, E::Check) => Some(Self::Scheduled),
            (Self::Scheduled | Self::Ready, E::Step) => Some(Self::Ready),
            (Self::Scheduled | Self::Ready, E::Intend) => Some(Self::Sending),
            (Self::Sending, E::Step | E::Withdraw) => Some(Self::Ready),
            (Self::Sending | Self::Reconciling | Self::Review, E::Publish) => Some(Self::Published),
            // Asked on re-entry, a platform may say that it has the post before any intent is open.
            (Self::Ready, E::Publish) => Some(Self::Published),
            (
                Self::Validating
                | Self::Scheduled
                | Self::Ready
                | Self::Sending
                | Self::Reconciling
                | Self::Review,
                E::Fail,
            ) => Some(Self::Failed),
            // Before any intent only where Postgres went back and may have forgotten one.
            (Self::Scheduled | Self::Ready | Self::Sending, E::Doubt) => Some(Self::Reconciling),
            (Self::Reconciling | Self::Review, E::Absent) => Some(Self::Ready),
            (Self::Reconciling | Self::Scheduled | Self::Ready | Self::Sending, E::GiveUp) => {
                Some(Self::Review)
            }
            (Self::Validating | Self::Scheduled | Self::Ready, E::Cancel) => Some(Self::Cancelled),
            (Self::Failed, E::Retry) => Some(Self::Validating),
            _ => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 11] = [
        Event::Check,
        Event::Step,
        Event::Intend,
        Event::Withdraw,
        Event::Publish,
        Event::Fail,
        Event::Doubt,
        Event::Absent,
        Event::GiveUp,
        Event::Cancel,
        Event::Retry,
    ];

    #[test]
    fn an_ended_delivery_moves_only_when_a_user_retries_a_failed_one() {
        for status in Status::ALL.into_iter().filter(|s| s.is_ended()) {
            for event in EVENTS {
                let allowed = status == Status::Failed && event == Event::Retry;
                assert_eq!(status.after(event).is_some(), allowed, "{status} {event:?}");
            }
        }
    }

    #[test]
    fn every_open_state_has_a_way_to_an_end() {
        for start in Status::ALL.into_iter().filter(|s| !s.is_ended()) {
            let ends = EVENTS.into_iter().filter_map(|e| start.after(e)).any(Status::is_ended);
            assert!(ends, "{start} cannot end");
        }
    }

    #[test]
    fn what_may_be_out_is_neither_cancelled_nor_sent_again() {
        for status in [Status::Sending, Status::Reconciling, Status::Review] {
            assert_eq!(status.after(Event::Cancel), None);
            assert_eq!(status.after(Event::Intend), None);
        }
    }

    #[test]
    fn words_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
    }
}
