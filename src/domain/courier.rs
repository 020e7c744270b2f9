//! The courier's state machine: which effect comes next when a call is carried out.
//!
//! *meter → sign → intend → fence → send → classify*, the middle two for irreversible calls only.
//! Invariant: `Send` of an irreversible call is ordered only after a committed intent and an open
//! fence, and at most once.

use crate::failure::{Effect, Sent};
use crate::time::Timestamp;

/// The effect to perform next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Ask the limiter for a permit.
    Meter,
    /// Open the grant and sign the request.
    Sign,
    /// Commit the intent, guarded by lease, revision and checkpoint.
    Intend,
    /// Look once more: is the lease alive, is there time for the call?
    Fence,
    /// Send the request.
    Send,
    /// Read the reply's class.
    Classify,
    /// Take the intent back: not a byte has left.
    Withdraw(Cause),
    /// The call is over.
    End(End),
}

/// Why an intent is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The lease is gone or too short.
    Fenced,
    /// The connection failed before the first byte.
    NotSent,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A reply was read and classified.
    Reply,
    /// No readable reply; whether it left decides the class.
    NoReply(Sent),
    /// It may not leave before this instant: a limit, or an equal wording in doubt.
    Limited {
        /// When to ask again.
        until: Timestamp,
    },
    /// The row has moved on, or the lease is gone: load again.
    Stale,
    /// The grant would not open: an operator has to look.
    Unsigned,
}

/// What the last effect brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A permit was given.
    Permitted,
    /// No permit before this instant, or an equal wording may be out and has to be cleared first.
    Limited {
        /// When to ask again.
        until: Timestamp,
    },
    /// The request is signed.
    Signed,
    /// The grant would not open.
    NotSigned,
    /// The intent is committed.
    Intended,
    /// The guard of the intent matched no row.
    Refused,
    /// Lease and deadline hold.
    Open,
    /// The lease is gone, or there is no time left for the call.
    Closed,
    /// A whole reply came.
    Replied,
    /// No readable reply came.
    Silent(Sent),
    /// The reply's class is known.
    Classified,
    /// The intent is taken back.
    Withdrawn,
}

/// A safeguard of the promise that nothing is published twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safeguard {
    /// The last look before the bytes.
    Fence,
    /// The row written before an irreversible call.
    Intent,
    /// What excludes a second sender until the call is surely over.
    IntentDeadline,
    /// Postgres is told before the queue.
    SettleFirst,
    /// A server error of an irreversible call is asked about, not sent again.
    NoBlindRetry,
}

/// The safeguards that are in force: all of them, unless a test takes one away to see that it
/// is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Safeguards {
    off: Option<Safeguard>,
}

impl Safeguards {
    /// Everything holds.
    pub const ALL: Self = Self { off: None };

    /// All but one; only tests can make this value.
    #[cfg(feature = "weakened")]
    pub const fn without(off: Safeguard) -> Self {
        Self { off: Some(off) }
    }

    /// It is in force.
    pub fn has(self, safeguard: Safeguard) -> bool {
        self.off != Some(safeguard)
    }
}

/// One call on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Courier {
    effect: Effect,
    order: Order,
    safeguards: Safeguards,
}

impl Courier {
    /// A courier about to carry a call of this effect.
    pub const fn new(effect: Effect, safeguards: Safeguards) -> Self {
        Self { effect, order: Order::Meter, safeguards }
    }

    /// The effect to perform now.
    pub const fn order(&self) -> Order {
        self.order
    }

    /// Moves on by what the effect brought.
    ///
    /// # Panics
    /// When the event does not answer the present order: a bug in the performer.
    pub fn on(&mut self, event: Event) {
        let is_irreversible = self.effect == Effect::Irreversible;
        let has_intent = is_irreversible && self.safeguards.has(Safeguard::Intent);
        self.order = match (self.order, event) {
            (Order::Meter, Event::Permitted) => Order::Sign,
            (Order::Meter, Event::Limited { until }) => Order::End(End::Limited { until }),
            (Order::Sign, Event::Signed) if has_intent => Order::Intend,
            (Order::Sign, Event::Signed) => self.look(),
            (Order::Sign, Event::NotSigned) => Order::End(End::Unsigned),
            (Order::Intend, Event::Intended) => self.look(),
            (Order::Intend, Event::Refused) => Order::End(End::Stale),
            (Order::Intend, Event::Limited { until }) => Order::End(End::Limited { until }),
            (Order::Fence, Event::Open) => Order::Send,
            (Order::Fence, Event::Closed) if has_intent => Order::Withdraw(Cause::Fenced),
            (Order::Fence, Event::Closed) => Order::End(End::Stale),
            (Order::Send, Event::Replied) => Order::Classify,
            (Order::Send, Event::Silent(Sent::No)) if has_intent => Order::Withdraw(Cause::NotSent),
            (Order::Send, Event::Silent(sent)) => Order::End(End::NoReply(sent)),
            (Order::Classify, Event::Classified) => Order::End(End::Reply),
            (Order::Withdraw(Cause::Fenced), Event::Withdrawn) => Order::End(End::Stale),
            (Order::Withdraw(Cause::NotSent), Event::Withdrawn) => {
                Order::End(End::NoReply(Sent::No))
            }
            (order, event) => panic!("{event:?} does not answer {order:?}"),
        };
    }

    /// The last look, where it is in force.
    fn look(&self) -> Order {
        if self.safeguards.has(Safeguard::Fence) { Order::Fence } else { Order::Send }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every path of the machine: the orders given, up to an end.
    fn paths(effect: Effect) -> Vec<Vec<Order>> {
        let until = Timestamp::from_seconds(1);
        let answers = |order: Order| -> Vec<Event> {
            match order {
                Order::Meter => vec![Event::Permitted, Event::Limited { until }],
                Order::Sign => vec![Event::Signed, Event::NotSigned],
                Order::Intend => vec![Event::Intended, Event::Refused, Event::Limited { until }],
                Order::Fence => vec![Event::Open, Event::Closed],
                Order::Send => {
                    vec![Event::Replied, Event::Silent(Sent::No), Event::Silent(Sent::Maybe)]
                }
                Order::Classify => vec![Event::Classified],
                Order::Withdraw(_) => vec![Event::Withdrawn],
                Order::End(_) => vec![],
            }
        };
        let mut done = vec![];
        let mut open = vec![(Courier::new(effect, Safeguards::ALL), vec![])];
        while let Some((courier, mut path)) = open.pop() {
            path.push(courier.order());
            let events = answers(courier.order());
            if events.is_empty() {
                done.push(path);
                continue;
            }
            for event in events {
                let mut next = courier;
                next.on(event);
                open.push((next, path.clone()));
            }
        }
        done
    }

    // case: R-intent
    #[test]
    fn an_irreversible_call_is_sent_at_most_once_and_only_after_intent_and_fence() {
        for path in paths(Effect::Irreversible) {
            let sends = path.iter().filter(|o| **o == Order::Send).count();
            assert!(sends <= 1);
            if sends == 1 {
                let at = |wanted| path.iter().position(|o| *o == wanted);
                assert!(at(Order::Intend) < at(Order::Fence) && at(Order::Fence) < at(Order::Send));
            }
        }
    }

    #[test]
    fn an_intent_is_taken_back_when_and_only_when_no_byte_has_left() {
        for path in paths(Effect::Irreversible) {
            let withdrawn = path.iter().any(|o| matches!(o, Order::Withdraw(_)));
            let end = path.last().copied().unwrap();
            let intended = path.contains(&Order::Fence);
            let harmless =
                matches!(end, Order::End(End::Stale | End::NoReply(Sent::No))) && intended;
            assert_eq!(withdrawn, harmless, "{path:?}");
        }
    }

    #[test]
    fn a_repeatable_call_leaves_no_intent() {
        for path in paths(Effect::Repeatable) {
            assert!(!path.contains(&Order::Intend));
        }
    }
}
