//! A carried call as people are told of it.

use super::Trip;
use crate::timeline::told_by;
use domain::courier::End;
use domain::time::Timestamp;
use domain::timeline::{Fact, Holder, words};

/// What people are told of the call, where it was made or held.
pub(super) fn fact(end: End, trip: &Trip, now: Timestamp) -> Option<Fact> {
    let endpoint = trip.call.endpoint.to_owned();
    let call = |status, words| Fact::Call {
        endpoint: endpoint.clone(),
        effect: trip.call.effect,
        status,
        took_ms: u64::try_from(trip.took.as_millis()).unwrap_or(u64::MAX),
        words,
    };
    match end {
        End::Reply => {
            let status = trip.reply.as_ref().map(|reply| reply.status.as_u16());
            Some(call(status, trip.failure.as_ref().map(told_by)))
        }
        End::NoReply(_) => {
            let silence = trip.silence.as_deref().unwrap_or_default();
            Some(call(None, Some(words(&base::text::clean(silence)))))
        }
        End::Limited { until } => Some(Fact::Held {
            by: if trip.is_doubted { Holder::Doubt } else { Holder::Limit },
            wait_ms: u64::try_from(until.since(now).as_millis()).unwrap_or(u64::MAX),
            endpoint,
            until,
        }),
        End::Stale | End::Unsigned => None,
    }
}
