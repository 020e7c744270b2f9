//! What a person may still change of a post, delivery by delivery, and what that does to each.
//!
//! Invariant: what may be out is never changed. Whoever commits first, change or intent, wins, and
//! these functions are asked behind the locks that decide it.

use crate::delivery::{Event, Status};
use crate::post::Stage;

/// What a person orders of a post as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Nothing leaves until it is released.
    Hold,
    /// It goes on.
    Release,
    /// Back to a draft.
    Unschedule,
    /// Put away.
    Archive,
    /// Taken back.
    Cancel,
}

/// Where a delivery stands when an order comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The status; of what a Postgres that went back may have forgotten, `reconciling`.
    pub status: Status,
    /// A part of it is out.
    pub is_part_out: bool,
}

impl Now {
    /// Nothing of it is out or may be, and it has not ended.
    pub const fn is_free(self) -> bool {
        match self.status {
            Status::Validating | Status::Scheduled | Status::Ready => !self.is_part_out,
            Status::Sending
            | Status::Reconciling
            | Status::Review
            | Status::Published
            | Status::Failed
            | Status::Cancelled => false,
        }
    }

    /// It has not ended, and nothing of it goes on that a person could not stop: a chain of which
    /// a part is out is under way between two calls too, unless it failed and is yet to be checked.
    pub const fn is_at_rest(self) -> bool {
        match self.status {
            Status::Validating => true,
            Status::Scheduled | Status::Ready => !self.is_part_out,
            Status::Sending
            | Status::Reconciling
            | Status::Review
            | Status::Published
            | Status::Failed
            | Status::Cancelled => false,
        }
    }
}

/// What an order does to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It stays as it is.
    Keep,
    /// This happens to it.
    To(Event),
    /// It stands against the order.
    Refuse,
}

/// What `order` does to a delivery.
pub const fn step(order: Order, now: Now) -> Step {
    match order {
        Order::Hold if now.status.is_ended() || now.is_at_rest() => Step::Keep,
        Order::Hold => Step::Refuse,
        Order::Release if now.is_at_rest() => Step::To(Event::Recheck),
        Order::Release => Step::Keep,
        Order::Unschedule if now.is_free() => Step::To(Event::Cancel),
        // What failed or was cancelled before anything left is no hindrance.
        Order::Unschedule
            if !now.is_part_out && matches!(now.status, Status::Failed | Status::Cancelled) =>
        {
            Step::Keep
        }
        Order::Unschedule => Step::Refuse,
        Order::Archive if now.status.is_ended() => Step::Keep,
        Order::Archive => Step::Refuse,
        Order::Cancel if now.is_free() => Step::To(Event::Cancel),
        Order::Cancel if matches!(now.status, Status::Cancelled) => Step::Keep,
        Order::Cancel => Step::Refuse,
    }
}

/// Why an order cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// The stage of the post.
    Stage,
    /// Its deliveries: too much of it has left, or has not ended.
    Deliveries,
}

/// The stage of a post after `order`.
///
/// # Errors
/// What stands against it.
pub fn stage_after(stage: Stage, order: Order, deliveries: &[Now]) -> Result<Stage, Against> {
    let refuses = deliveries.iter().any(|now| step(order, *now) == Step::Refuse);
    match (order, stage) {
        (Order::Hold, Stage::Held) => Ok(Stage::Held),
        (Order::Hold, Stage::Live) if deliveries.iter().any(|now| now.is_at_rest()) => {
            Ok(Stage::Held)
        }
        (Order::Release, Stage::Held | Stage::Draft) => Ok(Stage::Live),
        (Order::Unschedule, Stage::Live | Stage::Held)
            if !refuses && deliveries.iter().any(|now| now.is_free()) =>
        {
            Ok(Stage::Draft)
        }
        (Order::Archive, Stage::Live | Stage::Cancelled) if !refuses => Ok(Stage::Archived),
        (Order::Archive, Stage::Archived) => Ok(Stage::Archived),
        (Order::Cancel, Stage::Draft) => Ok(Stage::Cancelled),
        // What is under way stays so, and the rest of the post is taken back.
        (Order::Cancel, Stage::Held | Stage::Live) => {
            Ok(if refuses { stage } else { Stage::Cancelled })
        }
        (Order::Hold | Order::Unschedule, Stage::Live) | (Order::Unschedule, Stage::Held) => {
            Err(Against::Deliveries)
        }
        (Order::Archive, Stage::Live | Stage::Cancelled) => Err(Against::Deliveries),
        (Order::Hold | Order::Release | Order::Unschedule | Order::Archive | Order::Cancel, _) => {
            Err(Against::Stage)
        }
    }
}

/// What an edit means for a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// Its account is addressed by the post.
    pub is_addressed: bool,
    /// It is addressed by this edit: what was cancelled comes back.
    pub is_called_back: bool,
    /// What goes out on its platform is another wording, other files or other options.
    pub is_rewritten: bool,
    /// The post is due at another time.
    pub is_moved: bool,
    /// What failed is tried again with it.
    pub is_retried: bool,
    /// What cannot take the change any more keeps what was written, instead of standing against it.
    pub spares: bool,
}

/// Which wording a delivery has after an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// The same, be it its own or its post's.
    Same,
    /// Its post's new one, and what was made ready of the old one is dropped.
    New,
    /// The old one, as its own.
    Own,
}

/// Where a delivery goes after an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It stays where it is.
    Stay,
    /// It is checked again, and goes out at its time.
    Check,
    /// It does not go out.
    Cancel,
}

/// What an edit does to a delivery; `None` when the delivery stands against it.
pub const fn edited(now: Now, wish: Wish) -> Option<(Words, Way)> {
    let words = if wish.is_rewritten { Words::New } else { Words::Same };
    match now.status {
        Status::Cancelled if wish.is_called_back => Some((Words::New, Way::Check)),
        Status::Cancelled => Some((Words::Same, Way::Stay)),
        Status::Validating | Status::Scheduled | Status::Ready if !now.is_part_out => {
            Some(match wish {
                Wish { is_addressed: false, .. } => (Words::Same, Way::Cancel),
                Wish { is_rewritten: false, is_moved: false, .. } => (Words::Same, Way::Stay),
                _ => (words, Way::Check),
            })
        }
        Status::Failed if !wish.is_addressed => Some((Words::Same, Way::Stay)),
        Status::Failed => {
            let way = if wish.is_retried { Way::Check } else { Way::Stay };
            match (now.is_part_out && wish.is_rewritten, wish.spares) {
                (false, _) => Some((words, way)),
                (true, true) => Some((Words::Own, way)),
                (true, false) => None,
            }
        }
        Status::Published
        | Status::Validating
        | Status::Scheduled
        | Status::Ready
        | Status::Sending
        | Status::Reconciling
        | Status::Review => {
            let is_open = !now.status.is_ended();
            let touches = wish.is_rewritten || !wish.is_addressed || is_open && wish.is_moved;
            match (touches, wish.spares) {
                (false, _) => Some((Words::Same, Way::Stay)),
                (true, true) if wish.is_rewritten => Some((Words::Own, Way::Stay)),
                (true, true) => Some((Words::Same, Way::Stay)),
                (true, false) => None,
            }
        }
    }
}

/// The event of a delivery that is checked again.
pub const fn recheck(status: Status) -> Event {
    match status {
        Status::Failed => Event::Retry,
        Status::Validating
        | Status::Scheduled
        | Status::Ready
        | Status::Sending
        | Status::Reconciling
        | Status::Review
        | Status::Published
        | Status::Cancelled => Event::Recheck,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Now> {
        let both = |status| [false, true].map(|is_part_out| Now { status, is_part_out });
        Status::ALL.into_iter().flat_map(both)
    }

    fn wishes() -> impl Iterator<Item = Wish> {
        (0..64_u8).map(|bits| {
            let bit = |place: u8| bits & (1 << place) != 0;
            Wish {
                is_addressed: bit(0),
                is_called_back: bit(0) && bit(1),
                is_rewritten: bit(2),
                is_moved: bit(3),
                is_retried: bit(4),
                spares: bit(5),
            }
        })
    }

    // case: T-edit-rules
    #[test]
    fn an_edit_changes_no_wording_of_what_may_be_out() {
        for now in all() {
            for wish in wishes() {
                let Some((words, way)) = edited(now, wish) else {
                    assert!(!now.is_free() && !wish.spares, "{now:?} {wish:?}");
                    continue;
                };
                let is_ended_unsent = match now.status {
                    Status::Failed => !now.is_part_out,
                    status => status == Status::Cancelled,
                };
                if words == Words::New {
                    assert!(now.is_free() || is_ended_unsent, "{now:?} {wish:?}");
                }
                if way == Way::Cancel {
                    assert!(now.is_free() && !wish.is_addressed, "{now:?} {wish:?}");
                }
                // Every way is one that the states have.
                if way == Way::Check {
                    assert_eq!(now.status.after(recheck(now.status)), Some(Status::Validating));
                }
                // A wording that changes reaches whatever still goes out, or it keeps its own.
                if wish.is_rewritten && wish.is_addressed && now.status != Status::Cancelled {
                    assert_ne!(words, Words::Same, "{now:?} {wish:?}");
                }
            }
        }
    }

    // case: T-edit-rules
    #[test]
    fn an_order_is_refused_by_what_it_cannot_reach() {
        for now in all() {
            let under_way = match now.status {
                Status::Scheduled | Status::Ready => now.is_part_out,
                status => {
                    matches!(status, Status::Sending | Status::Reconciling | Status::Review)
                }
            };
            assert_eq!(step(Order::Hold, now) == Step::Refuse, under_way, "{now:?}");
            assert_eq!(step(Order::Archive, now) == Step::Refuse, !now.status.is_ended());
            for order in [Order::Release, Order::Unschedule, Order::Cancel] {
                if let Step::To(event) = step(order, now) {
                    assert!(now.status.after(event).is_some(), "{order:?} {now:?}");
                }
            }
        }
        // What is out, or a part of it, is neither taken back, nor held, nor checked again.
        for status in [Status::Scheduled, Status::Ready] {
            let out = Now { status, is_part_out: true };
            for order in [Order::Hold, Order::Unschedule, Order::Cancel] {
                assert_eq!(step(order, out), Step::Refuse, "{order:?} {out:?}");
            }
            assert_eq!(step(Order::Release, out), Step::Keep);
        }
        // What failed behind its first part waits for its check, and can be kept from it.
        let retried = Now { status: Status::Validating, is_part_out: true };
        assert_eq!(step(Order::Hold, retried), Step::Keep);
        assert_eq!(step(Order::Release, retried), Step::To(Event::Recheck));
        assert_eq!(step(Order::Cancel, retried), Step::Refuse);
        let free = Now { status: Status::Scheduled, is_part_out: false };
        let out = Now { status: Status::Published, is_part_out: true };
        assert_eq!(stage_after(Stage::Live, Order::Hold, &[free, out]), Ok(Stage::Held));
        assert_eq!(stage_after(Stage::Live, Order::Hold, &[out]), Err(Against::Deliveries));
        assert_eq!(stage_after(Stage::Draft, Order::Hold, &[]), Err(Against::Stage));
        let back = stage_after(Stage::Live, Order::Unschedule, &[free, out]);
        assert_eq!(back, Err(Against::Deliveries));
        assert_eq!(stage_after(Stage::Live, Order::Archive, &[out]), Ok(Stage::Archived));
        let open = stage_after(Stage::Live, Order::Archive, &[free, out]);
        assert_eq!(open, Err(Against::Deliveries));
        assert_eq!(stage_after(Stage::Archived, Order::Cancel, &[]), Err(Against::Stage));
    }
}
