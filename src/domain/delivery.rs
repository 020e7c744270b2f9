//! The states of a delivery (one post on one account) and the moves between them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use utoipa::ToSchema;

/// Where a delivery stands. `parked` is not among them: it is read off the gate that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = DeliveryStatus)]
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
    /// A user changed its post, or let it go on: it is checked again.
    Recheck,
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
            // What was cancelled comes back when its account is addressed again.
            (Self::Validating | Self::Scheduled | Self::Ready | Self::Cancelled, E::Recheck) => {
                Some(Self::Validating)
            }
            _ => None,
        }
    }
}

/// Who moves a delivery on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The job of its post that checks and plans.
    FanOut,
    /// Its own job that publishes, or waits for an intent's deadline.
    Publish,
    /// Its own job that asks the platform.
    Reconcile,
    /// Somebody who looks at the platform; nothing is owed to a queue.
    Person,
}

impl Owner {
    /// The kind of the job in SQL that is owed for it; of the post for a fan-out, of the delivery
    /// for the others.
    pub const fn job(self) -> Option<&'static str> {
        match self {
            Self::FanOut => Some("fan_out"),
            Self::Publish => Some("publish"),
            Self::Reconcile => Some("reconcile"),
            Self::Person => None,
        }
    }
}

/// In whose hands a delivery is that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Care {
    /// Who moves it on.
    pub owner: Owner,
    /// A delivery that stands there for longer, counted from when its owner was to act, is worth
    /// an alarm: something is broken, or somebody has to decide.
    pub alarm_after: Duration,
}

impl Status {
    /// In whose hands it is; `None` once it has ended.
    pub fn care(self) -> Option<Care> {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        let (owner, alarm_after) = match self {
            // Fan-out runs at once, and publishing at the due time: what waits here for minutes
            // is held up by a queue or a worker.
            Self::Validating => (Owner::FanOut, minutes(5)),
            Self::Scheduled => (Owner::Publish, minutes(15)),
            // Retries and limits wait here; a day is the longest that a limit commonly lasts.
            Self::Ready => (Owner::Publish, minutes(24 * 60)),
            // No call has a deadline of more than minutes.
            Self::Sending => (Owner::Publish, minutes(15)),
            // Asking is given up after half an hour, so it is never to be seen for longer.
            Self::Reconciling => (Owner::Reconcile, minutes(45)),
            Self::Review => (Owner::Person, minutes(4 * 60)),
            Self::Published | Self::Failed | Self::Cancelled => return None,
        };
        Some(Care { owner, alarm_after })
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

    const EVENTS: [Event; 12] = [
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
        Event::Recheck,
    ];

    #[test]
    fn an_ended_delivery_moves_only_when_a_user_wants_it_and_never_from_published() {
        let again = [(Status::Failed, Event::Retry), (Status::Cancelled, Event::Recheck)];
        for status in Status::ALL.into_iter().filter(|s| s.is_ended()) {
            for event in EVENTS {
                let allowed = again.contains(&(status, event));
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
            assert_eq!(status.after(Event::Recheck), None);
        }
    }

    // case: D-owner
    #[test]
    fn what_has_not_ended_is_in_somebodys_hands() {
        for status in Status::ALL {
            let care = status.care();
            assert_eq!(care.is_none(), status.is_ended(), "{status}");
            assert!(care.is_none_or(|care| !care.alarm_after.is_zero()), "{status}");
            let waits = care.is_some_and(|care| care.owner.job().is_none());
            assert_eq!(waits, status == Status::Review, "{status}");
        }
    }

    #[test]
    fn words_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
    }
}
