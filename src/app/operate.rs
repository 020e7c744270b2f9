//! What is done with a post that is out: it is shown anew by its rule, that is taken back, or a
//! person has it deleted.
//!
//! One job a delivery, so that two operations on one post never meet. A row says what was begun
//! before the first call leaves. Every call may be repeated (the adapter's word), so whoever comes
//! after a lost process or a lost answer makes the call in question once more, and does not ask.

mod carry;
mod owed;

use crate::attempt::{Assembled, Attempt, PAUSED_REST};
use crate::quarantine::{self, Place, Stay};
use crate::targets::{self, Address};
use crate::{App, keys, pause, show};
use base::{Context, Fault, clock};
use domain::delivery::Status;
use domain::failure::Failure;
use domain::id::DeliveryId;
use domain::operation::Doing;
use domain::repost::{End, Rule};
use domain::standing::reconnect;
use domain::time::Timestamp;
use owed::{Owed, owed};
use platforms::Operation as Ordered;
use queue::{Claimed, Outcome};
use serde_json::Value;
use std::time::Duration;
use store::crashes::Culprit;
use store::deliveries::Loaded;
use store::jobs::{Arm, JobKind};
use store::operating::{CameTo, Guard, Then, Writing, Written};
use store::operations::Operation;

/// When what follows a publication is looked at: its receipt is being settled.
const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// When a post that is not out yet is looked at again. Shorter than the least time before a first
/// repost (`domain::repost::GAP_MIN`), so that none is late for it.
const LOOK_AGAIN: Duration = Duration::from_secs(10 * 60);
/// Changes of people that one lease looks at; the next lease sees those behind them.
const MOVES_MAX: usize = 8;

/// Owes a post that goes out its reposts, where its rule asks for any. This comes before its
/// receipt is settled: whoever dies in between leaves a look that finds nothing to do.
pub(crate) async fn owe(attempt: &Attempt<'_>) {
    if attempt.reposts().is_none() {
        return;
    }
    let due_at = attempt.now() + SETTLED_AFTER;
    let wake = arm(attempt.app, attempt.address(), attempt.row.id, Some(due_at));
    match attempt.app.0.store.arm_job(wake).await {
        Ok(job) => attempt.app.wake(&[job]).await,
        Err(fault) => {
            tracing::error!(%fault, delivery = %attempt.row.id, "its reposts are not owed");
        }
    }
}

/// The wake-up for what is owed of a post that is out; `None` is now.
pub(crate) fn arm(
    app: &App,
    address: Address<'_>,
    delivery: DeliveryId,
    due_at: Option<Timestamp>,
) -> Arm {
    Arm {
        kind: JobKind::Repost,
        queue: targets::REPOST.to_owned(),
        subject: delivery.uuid(),
        shard: app.shard(&address.app_key()),
        group: address.group(),
        lane: address.lane(),
        due_at,
    }
}

/// The rule by which a post of this draft is reposted on a platform.
pub(crate) fn rule_of(
    (platform, app): (&str, &str),
    draft: &domain::request::Draft,
) -> Option<Rule> {
    let adapter = platforms::dialect(platform, app)?;
    let platform = platforms::find(platform)?;
    let content = platform.content(domain::capability::Profile::Extended, draft, &mut Vec::new());
    adapter.publish().reposts(&content)
}

/// Works on what a claimed job owes.
pub async fn operate(app: &App, claimed: &Claimed) -> Outcome {
    let Some(mut place) = Place::take(app).await else { return Outcome::Release };
    let ended = work(app, claimed, &mut place).await;
    place.end(app, claimed, ended).await.unwrap_or_else(|fault| keys::rest(&fault))
}

async fn work(app: &App, claimed: &Claimed, place: &mut Place) -> Result<Outcome, Fault> {
    let id = DeliveryId::new(claimed.subject);
    let loaded = app.0.loads.call((JobKind::Repost, id)).await?;
    let loaded_at = clock::stopwatch();
    let Some(row) = loaded.filter(|row| row.generation == Some(claimed.generation)) else {
        return Ok(Outcome::Done);
    };
    if let Some(at) = row.owed_at.filter(|at| *at > row.now) {
        return Ok(Outcome::ReleaseFor(at.since(row.now)));
    }
    if row.status != Status::Published {
        return not_out(app, claimed, &row).await;
    }
    let rule = rule_of((&row.platform, &row.app), &row.draft);
    app.0.store.open_operation(row.tenant, id, rule.as_ref()).await?;
    let culprit = Culprit::Job(JobKind::Repost, claimed.subject);
    let stay = place.isolate(app, claimed, culprit, 0).await?;
    if let Stay::Later(outcome) = stay {
        return Ok(outcome);
    }
    let hand = Hand { app, claimed, row: &row, read_at: loaded_at };
    let operation = hand.read().await?;
    if operation.epoch > claimed.epoch {
        app.0.queue.raise_epoch(claimed.shard, operation.epoch).await?;
        return Ok(Outcome::Release);
    }
    let due = match owed(&operation, hand.now()) {
        Owed::Repost { at, .. } | Owed::Undo { at, .. } if at > hand.now() => Owed::Nothing(None),
        due => due,
    };
    if row.is_disconnected {
        let detail = format!("{} was disconnected by its owner", row.handle);
        let failure = Failure::Auth { revoked: true, detail };
        return hand.give_up(due, &failure, Some(End::Disconnected)).await;
    }
    if matches!(due, Owed::Nothing(_)) {
        return hand.write(CameTo::Nothing, None, None).await;
    }
    if let Stay::Never = stay {
        let failure = quarantine::failure();
        return hand.give_up(due, &failure, Some(End::Broken)).await;
    }
    if row.is_paused {
        // Redis would not have lent it, had it known.
        pause::shut(app, &claimed.lane).await;
        return Ok(Outcome::ReleaseFor(PAUSED_REST));
    }
    if let Some(reason) = &row.needs_reconnect {
        let detail = reconnect(&row.handle, reason);
        return hand.give_up(due, &Failure::Auth { revoked: true, detail }, None).await;
    }
    match Attempt::assemble(app, claimed, JobKind::Repost, (row.clone(), loaded_at)).await? {
        Assembled::Whole(attempt) => carry::carry(&hand, *attempt, &operation, due).await,
        Assembled::Damaged(_, failure) => hand.give_up(due, &failure, None).await,
        Assembled::Later(outcome) => Ok(outcome),
    }
}

/// A post that is not out yet is looked at again; one that will not be owes nothing. Whoever
/// brings it out after a retry owes it anew.
async fn not_out(app: &App, claimed: &Claimed, row: &Loaded) -> Result<Outcome, Fault> {
    let (kind, subject) = (JobKind::Repost, claimed.subject);
    if row.status.is_ended() {
        app.0.store.drop_job(kind, subject, claimed.generation).await?;
        return Ok(Outcome::Done);
    }
    let at = row.now + LOOK_AGAIN;
    let moved = app.0.store.postpone_job(kind, subject, claimed.generation, at).await?;
    Ok(match moved {
        Some(generation) => Outcome::Again { generation, due_at: at },
        // Somebody has armed it anew meanwhile.
        None => Outcome::Done,
    })
}

/// A delivery in hand whose post is out.
struct Hand<'a> {
    app: &'a App,
    claimed: &'a Claimed,
    row: &'a Loaded,
    read_at: std::time::Instant,
}

impl Hand<'_> {
    /// The present by the database's clock, as far as this process can carry it on.
    fn now(&self) -> Timestamp {
        self.row.now + self.read_at.elapsed()
    }

    async fn read(&self) -> Result<Operation, Fault> {
        let operation = self.app.0.store.operation(self.row.id).await?;
        operation.context("what was just opened is not there")
    }

    fn guard(&self, revision: i32) -> Guard {
        Guard {
            delivery: self.row.id,
            generation: self.claimed.generation,
            epoch: self.claimed.epoch,
            lease: self.claimed.lease,
            revision,
        }
    }

    fn address(&self) -> Address<'_> {
        Address {
            tenant: self.row.tenant,
            platform: &self.row.platform,
            app: self.row.app_key(),
            account: self.row.account,
        }
    }

    fn arm(&self, at: Timestamp) -> Arm {
        arm(self.app, self.address(), self.row.id, Some(at))
    }

    /// Ends what is due as failed, and all that was to come where `end` says so.
    async fn give_up(
        &self,
        due: Owed,
        failure: &Failure,
        end: Option<End>,
    ) -> Result<Outcome, Fault> {
        self.end(due, show::failure(failure), end, None).await
    }

    /// The same in other words.
    async fn end(
        &self,
        due: Owed,
        failure: Value,
        end: Option<End>,
        lines: Option<Value>,
    ) -> Result<Outcome, Fault> {
        let platform = self.row.platform.clone();
        let came_to = match due {
            Owed::Repost { number, .. } => {
                metrics::counter!("postfleet_reposts_total",
                    "platform" => platform, "result" => "failed")
                .increment(1);
                CameTo::Failed(number, failure)
            }
            Owed::Undo { .. } => CameTo::NotUndone(failure),
            Owed::Delete => CameTo::NotRemoved(failure),
            Owed::Nothing(_) => CameTo::Nothing,
        };
        self.write(came_to, end, lines).await
    }

    /// Writes what the lease came to, with what follows from that and from what people have
    /// changed meanwhile.
    async fn write(
        &self,
        came_to: CameTo,
        end: Option<End>,
        lines: Option<Value>,
    ) -> Result<Outcome, Fault> {
        for _ in 0..MOVES_MAX {
            let mut operation = self.read().await?;
            let (at, revision) = (self.now(), operation.revision);
            owed::come_to(&mut operation, &came_to, at);
            operation.ended = operation.ended.or(end.map(|end| (end, at)));
            let (ends, then) = match owed(&operation, at) {
                Owed::Repost { number, at } => (end, Then::Repost(number, at, self.arm(at))),
                Owed::Undo { number, at } => (end, Then::Undo(number, at, self.arm(at))),
                Owed::Delete => (end, Then::Again(self.arm(at))),
                Owed::Nothing(over) => (over, Then::Rest),
            };
            let writing = self.writing(revision, (came_to.clone(), at), (ends, then), &lines);
            if let Some(outcome) = self.put(&writing).await? {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Release)
    }

    /// Comes back at an instant, with what is in hand.
    async fn wait(
        &self,
        at: Timestamp,
        came_to: CameTo,
        lines: Option<Value>,
    ) -> Result<Outcome, Fault> {
        for _ in 0..MOVES_MAX {
            let operation = self.read().await?;
            // What a person asked for meanwhile does not wait.
            if operation.doing == Some(Doing::Repost) && operation.ended.is_some() {
                return self.write(came_to, None, lines).await;
            }
            let then = Then::Again(self.arm(at));
            let stands = (came_to.clone(), self.now());
            let writing = self.writing(operation.revision, stands, (None, then), &lines);
            if let Some(outcome) = self.put(&writing).await? {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Release)
    }

    fn writing(
        &self,
        revision: i32,
        (came_to, at): (CameTo, Timestamp),
        (ends, then): (Option<End>, Then),
        lines: &Option<Value>,
    ) -> Writing {
        Writing { guard: self.guard(revision), came_to, at, ends, then, lines: lines.clone() }
    }

    /// `None` when a person has changed what is owed meanwhile.
    async fn put(&self, writing: &Writing) -> Result<Option<Outcome>, Fault> {
        Ok(match self.app.0.store.write_operation(writing).await? {
            Written::Done(Some(job)) => {
                Some(Outcome::Again { generation: job.generation, due_at: job.due_at })
            }
            Written::Done(None) => Some(Outcome::Done),
            Written::Moved => None,
            Written::Late => Some(Outcome::Release),
        })
    }
}

/// What an adapter is asked for.
const fn ordered(doing: Doing) -> Ordered {
    match doing {
        Doing::Repost => Ordered::Repost,
        Doing::Undo => Ordered::Undo,
        Doing::Delete => Ordered::Delete,
    }
}
