//! One effect of the courier after the other.

use super::{INTENT_MARGIN, Plan, Stage, Task, Trip};
use crate::world::World;
use domain::courier::{Event, Order, Safeguard};
use domain::delivery::Status;
use domain::failure::Sent;
use domain::standing::{Change, Outcome, Wake};
use std::time::Duration;

impl World {
    /// One effect of the courier.
    pub(super) fn carry(
        &mut self,
        w: usize,
        task: &mut Task,
        mut trip: Box<Trip>,
    ) -> Result<(bool, Stage), String> {
        let event = match trip.courier.order() {
            Order::Meter => Event::Permitted,
            Order::Sign => Event::Signed,
            Order::Intend => self.intend(w, task, &mut trip),
            Order::Fence => {
                let is_open = self.is_alive(w, task) && self.is_in_time(&trip);
                if !is_open {
                    self.note("fenced");
                }
                if is_open { Event::Open } else { Event::Closed }
            }
            Order::Send => match self.hand_over(w, task, &mut trip) {
                Some(event) => event,
                None => return Ok((false, Stage::Carry(trip))),
            },
            Order::Classify => {
                let reply = trip.reply.as_ref();
                let effect = trip.call.effect;
                let adapter = self.network.adapter;
                trip.failure = reply.and_then(|reply| adapter.classify(effect, reply));
                Event::Classified
            }
            Order::Withdraw(_) => {
                let change = task.standing().change(Status::Ready, Wake::Keep);
                let change = Change { outcome: Some(Outcome::Withdrawn), ..change };
                self.write(task, &Plan::of(change));
                self.note("withdrawn");
                Event::Withdrawn
            }
            Order::End(end) => return Ok((true, self.arrived(task, end, *trip))),
        };
        trip.courier.on(event);
        Ok((true, Stage::Carry(trip)))
    }

    fn is_in_time(&self, trip: &Trip) -> bool {
        trip.sent_by.is_none_or(|by| self.now < by)
    }

    fn intend(&mut self, w: usize, task: &mut Task, trip: &mut Trip) -> Event {
        let whole = trip.call.deadline + INTENT_MARGIN;
        let has_deadline = self.safeguards.has(Safeguard::IntentDeadline);
        let time = if has_deadline { whole } else { Duration::ZERO };
        let (guard, wording) = (task.guard(), task.wording().to_owned());
        let Some(first_at) = self.ledger.intend(&guard, &wording, time, self.now) else {
            self.note("intent refused");
            return match self.ledger.is_in_doubt(guard.id, &wording) {
                true => Event::Limited { until: self.now + Duration::from_secs(15) },
                false => Event::Refused,
            };
        };
        self.tell(format_args!("worker {w} intends {guard:?}"));
        (task.row.intended_at, task.row.status, task.is_ours) =
            (Some(first_at), Status::Sending, true);
        trip.sent_by = Some(self.now + INTENT_MARGIN);
        Event::Intended
    }

    /// Hands the request to the network, then waits for the answer.
    fn hand_over(&mut self, w: usize, task: &Task, trip: &mut Trip) -> Option<Event> {
        let Some(flight) = trip.flight else {
            let has_fence = self.safeguards.has(Safeguard::Fence);
            if has_fence && !(self.is_alive(w, task) && self.is_in_time(trip)) {
                self.note("fenced at the body");
                return Some(Event::Silent(Sent::No));
            }
            let request = self.network.signed(&trip.call);
            self.tell(format_args!("worker {w} sends {}", trip.call.endpoint));
            trip.flight = Some(self.send(request, trip.call.deadline));
            return None;
        };
        match self.answer(flight)? {
            Ok(reply) => {
                trip.reply = Some(reply);
                Some(Event::Replied)
            }
            Err(sent) => Some(Event::Silent(sent)),
        }
    }
}
