//! What is late: left out, held, or sent apart from the other late ones of its account; and told.
//!
//! What is on time asks nothing here, so it keeps its time while a backlog is worked off.

use crate::attempt::Attempt;
use crate::show;
use base::Fault;
use domain::delivery::Status;
use domain::failure::Failure;
use domain::lateness::{Verdict, tell};
use domain::standing::Wake;
use domain::time::Timestamp;
use domain::timeline::{Fact, Holder};
use queue::Outcome;
use serde_json::{Value, json};
use std::time::Duration;
use store::catch_ups::Asked;
use store::settles::Settle;

/// The first instant at which a limit is over.
const MOMENT: Duration = Duration::from_millis(1);

impl Attempt<'_> {
    /// Nothing of the delivery is out.
    pub fn is_unbegun(&self) -> bool {
        let (publish, at) = (self.adapter.publish(), &self.checkpoint);
        !publish.is_out(at) && publish.segments(at, &self.row.handle).is_empty()
    }

    /// From this instant on it does not go out by itself any more.
    pub fn too_late_at(&self) -> Timestamp {
        self.standing().terms().ends_at() + MOMENT
    }

    /// What goes out later than this after its due time is late, and late ones leave this far
    /// apart.
    fn pace(&self) -> (Duration, Duration) {
        let settings = self.app.0.settings.platforms.get(&self.row.platform);
        settings.map_or((Duration::MAX, Duration::ZERO), |settings| {
            (settings.late_after, settings.catch_up_gap)
        })
    }

    /// Ends or holds what is too late, as its post's rule wants. `why` is what would keep it.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn miss(
        &mut self,
        mut settle: Settle,
        verdict: Verdict,
        why: Option<&Failure>,
    ) -> Result<Outcome, Fault> {
        let why = why.map(|failure| base::text::clean(failure.detail()));
        let told = tell(&self.standing().terms(), verdict, why.as_deref());
        let platform = self.row.platform.clone();
        tracing::info!(delivery = %self.row.id, platform, %verdict, "a delivery is too late");
        let outcome = verdict.to_string();
        metrics::counter!("postfleet_missed_total", "platform" => platform, "outcome" => outcome)
            .increment(1);
        settle.missed = self.missed(verdict, None, &told.message);
        settle.failed_stage = (settle.change.status == Status::Failed).then_some("publishing");
        settle.failure = Some(show::missed(&self.row, told, self.now()));
        settle.gate = None;
        self.end(settle).await
    }

    /// What `post.missed` says of a delivery that goes out late; `None` when it is in time.
    pub fn published_late(&self) -> Option<Value> {
        let sent_at = self.row.sent_at?;
        let (late_after, _) = self.pace();
        if sent_at.since(self.standing().terms().wanted_at()) <= late_after {
            return None;
        }
        let reason = match (&self.row.waited_for, self.row.slot_at) {
            (Some(words), _) => words.as_str(),
            (None, Some(_)) => "it waited for its turn among the late posts of its account",
            (None, None) => "it was not taken up in time",
        };
        self.missed(Verdict::Go, Some(sent_at), reason)
    }

    /// What `post.missed` says, once for each delivery.
    fn missed(&self, verdict: Verdict, sent_at: Option<Timestamp>, reason: &str) -> Option<Value> {
        let (row, at) = (&self.row, sent_at.unwrap_or_else(|| self.now()));
        (!row.is_missed).then(|| {
            json!({
                "postId": row.post, "deliveryId": row.id, "accountId": row.account,
                "account": row.handle, "platform": row.platform, "outcome": verdict.to_string(),
                "dueAt": row.due_at, "sentAt": sent_at, "reason": reason,
                "lateMs": u64::try_from(at.since(row.due_at).as_millis()).unwrap_or(u64::MAX),
            })
        })
    }

    /// Measures how late the call left that brought it out, counted from when it was wanted.
    pub fn measure_lateness(&self, left_at: Timestamp) {
        let late = left_at.since(self.standing().terms().wanted_at());
        let platform = self.row.platform.clone();
        metrics::histogram!("postfleet_lateness_seconds", "platform" => platform)
            .record(late.as_secs_f64());
    }

    /// Has a late delivery wait for its turn among the late ones of its account. `None` when it
    /// may leave now.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn keep_apart(&mut self) -> Result<Option<Outcome>, Fault> {
        let (late_after, gap) = self.pace();
        let is_late = self.now().since(self.row.due_at) > late_after;
        if gap.is_zero() || !is_late || !self.is_unbegun() {
            return Ok(None);
        }
        let (delivery, account) = (self.row.id, self.row.account);
        let asked = Asked { delivery, account, gap, late_after };
        let slot = self.app.0.store.take_slot(asked).await?;
        self.app.wake(&slot.moved).await;
        let Some(at) = slot.at else { return Ok(None) };
        let (now, until) = (self.now(), at.min(self.too_late_at()));
        let wait_ms = u64::try_from(until.since(now).as_millis()).unwrap_or(u64::MAX);
        let endpoint = "publish".to_owned();
        self.log.add(now, Fact::Held { endpoint, by: Holder::Backlog, until, wait_ms });
        let change = self.standing().change(Status::Ready, Wake::Publish(Some(until)));
        let mut settle = self.settle(change);
        settle.checkpoint = Some(self.checkpoint.0.clone());
        self.end(settle).await.map(Some)
    }
}
