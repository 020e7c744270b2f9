//! Forgets what is over, a walk at a time, so that tables do not grow for ever.

use crate::{App, audit_chain};
use base::Fault;
use std::time::Duration;
use store::forgetting::{CLAIMS_KEPT, Kind};
use uuid::Uuid;

/// How long what is over is kept.
#[derive(Debug, Clone, Copy)]
pub struct Ages {
    /// Messages to endpoints; for ever without it.
    pub messages: Option<Duration>,
    /// Lines of timelines; for ever without it.
    pub timeline: Option<Duration>,
    /// Rows of the audit; for ever without it.
    pub audit: Option<Duration>,
}

impl Ages {
    /// So many days, 0 for ever.
    pub fn of_days(messages: u32, timeline: u32, audit: u32) -> Self {
        let days = |days: u32| (days > 0).then(|| Duration::from_secs(u64::from(days) * 86_400));
        Self { messages: days(messages), timeline: days(timeline), audit: days(audit) }
    }

    fn of(self, kind: Kind) -> Option<Duration> {
        match kind {
            Kind::Claims => Some(CLAIMS_KEPT),
            Kind::Messages => self.messages,
            Kind::Timeline => self.timeline,
        }
    }
}

/// Walks through everything that may be over; how many rows are gone.
///
/// # Errors
/// When Postgres fails; the next walk begins anew.
pub async fn forget(app: &App, ages: Ages) -> Result<u64, Fault> {
    let mut all = 0;
    for kind in Kind::ALL {
        let Some(age) = ages.of(kind) else { continue };
        let (mut after, mut gone) = (Uuid::nil(), 0);
        loop {
            let step = app.0.store.forget(kind, age, after).await?;
            gone += step.gone;
            let Some(last) = step.last.filter(|last| *last > after) else { break };
            after = last;
        }
        all += told(kind.as_str(), gone);
    }
    if let Some(age) = ages.audit {
        all += told("audit", audit_chain::forget(app, age).await?);
    }
    Ok(all)
}

fn told(kind: &'static str, gone: u64) -> u64 {
    metrics::counter!("postfleet_forgotten_total", "kind" => kind).increment(gone);
    if gone > 0 {
        tracing::info!(kind, gone, "what is over is forgotten");
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_days_are_for_ever_and_claims_end_by_themselves() {
        let ages = Ages::of_days(0, 2, 0);
        let days = |kind| ages.of(kind).map(|age| age.as_secs() / 86_400);
        assert_eq!(Kind::ALL.map(days), [Some(3), None, Some(2)]);
    }
}
