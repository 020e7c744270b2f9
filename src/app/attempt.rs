//! One lease's work on a delivery: what was loaded, where it stands, and how it is written back.

use crate::keys::Purpose;
use crate::material::{Files, Material};
use crate::quarantine::{self, Place, Stay};
use crate::targets::{self, Address};
use crate::timeline::{Against, Log};
use crate::{
    App, checkpoints, dead_end, disconnect, grants, keeping, later, pause, publish, show, spans,
    wakeup,
};
use backon::{BackoffBuilder, ExponentialBuilder};
use base::digest::hex;
use base::trace::{Kind, Span};
use base::{Context, Fault, clock, crash};
use domain::capability::Profile;
use domain::content::{AssetFacts, Content};
use domain::decision::Decision;
use domain::delivery::Status;
use domain::edit::Now;
use domain::failure::{Failure, Scope};
use domain::id::DeliveryId;
use domain::post::Stage;
use domain::repost;
use domain::standing::{Admission, Change, Hold, Next, Right, Standing, Wake};
use domain::time::Timestamp;
use domain::timeline::Fact;
use platforms::{Adapter, Checkpoint, Grant, KNOWN_MAX, Operation, Reply, Step, View};
use queue::{Claimed, Gate, Outcome};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};
use store::crashes::Culprit;
use store::deliveries::Loaded;
use store::doubts::Wording;
use store::intents::{Guard, Intended};
use store::jobs::{Job, JobKind};
use store::settles::{Closing, Entry, Settle, Settled};
use tokio::sync::OwnedMutexGuard;

/// Of a pause that Redis did not know, this long.
pub(crate) const PAUSED_REST: Duration = Duration::from_secs(5);

/// A delivery in hand.
pub(crate) struct Attempt<'a> {
    pub app: &'a App,
    pub claimed: &'a Claimed,
    pub kind: JobKind,
    pub row: Loaded,
    pub adapter: &'static dyn Adapter,
    pub checkpoint: Checkpoint,
    pub checkpoint_no: i32,
    /// Our open intent.
    pub open: Option<Intended>,
    pub grant: Grant,
    /// The account's turn, while an irreversible call of ours is under way or has failed.
    pub turn: Option<OwnedMutexGuard<()>>,
    /// The next call begins to show the post anew, which its account's owner counts as a post.
    pub is_shown_anew: bool,
    /// What people are told of it.
    pub log: Log,
    /// What a trace shows of it.
    pub span: Span,
    material: Material,
    loaded_at: Instant,
}

/// What loading came to.
pub(crate) enum Begun<'a> {
    /// There is work to do.
    Work(Box<Attempt<'a>>),
    /// There is not, and this is what the queue is told.
    Over(Outcome),
}

/// What its account says against work on a delivery, before its grant is opened.
async fn aside(app: &App, claimed: &Claimed, row: &Loaded) -> Result<Option<Outcome>, Fault> {
    if row.is_disconnected {
        return disconnect::end(app, claimed, row).await.map(Some);
    }
    if row.is_paused {
        // Redis would not have lent it, had it known.
        pause::shut(app, &claimed.lane).await;
        return Ok(Some(Outcome::ReleaseFor(PAUSED_REST)));
    }
    Ok(None)
}

/// Its post is held, and it waits with it. What is out, or may be, is carried to its end whatever
/// its post waits for.
async fn is_at_rest(app: &App, row: &Loaded) -> Result<bool, Fault> {
    let at = |is_part_out| Now { status: row.status, is_part_out };
    if !at(false).is_at_rest() {
        return Ok(false);
    }
    Ok(at(app.0.store.is_part_out(row.id).await?).is_at_rest())
}

/// What gathering came to.
pub(crate) enum Assembled<'a> {
    /// Everything is there.
    Whole(Box<Attempt<'a>>),
    /// Something that was sealed for it does not open, for this reason.
    Damaged(Box<Loaded>, Failure),
    /// A later version has begun it; this is what the queue is told.
    Later(Outcome),
}

/// What tells a wording from another: the digest of its first segment.
pub(crate) fn wording_sha256(content: &Content) -> String {
    let first = content.segments.first();
    hex(&Sha256::digest(first.map_or("", |segment| segment.text.as_str())))
}

impl<'a> Attempt<'a> {
    /// Loads the delivery of a claimed job and makes sure that it is ours to work on.
    pub async fn begin(
        app: &'a App,
        claimed: &'a Claimed,
        kind: JobKind,
        place: &mut Place,
    ) -> Result<Begun<'a>, Fault> {
        crash::point_of("publish.after_claim", claimed.subject);
        let id = DeliveryId::new(claimed.subject);
        let Some(row) = app.0.loads.call((kind, id)).await? else {
            return Ok(Begun::Over(Outcome::Done));
        };
        let loaded_at = clock::stopwatch();
        let (epoch, lease) = (claimed.epoch, claimed.lease);
        let right = Right { generation: claimed.generation, epoch, lease };
        match row.standing(kind == JobKind::Reconcile).admit(right, row.now) {
            Admission::Work => {}
            Admission::Early(time) => return Ok(Begun::Over(Outcome::ReleaseFor(time))),
            Admission::Forget => return Ok(Begun::Over(Outcome::Done)),
            Admission::Past(epoch) => {
                app.0.queue.raise_epoch(claimed.shard, epoch).await?;
                return Ok(Begun::Over(Outcome::Release));
            }
        }
        if row.stage != Stage::Live && is_at_rest(app, &row).await? {
            // Whoever lets the post go owes it a new wake-up.
            app.0.store.drop_job(kind, claimed.subject, claimed.generation).await?;
            return Ok(Begun::Over(Outcome::Done));
        }
        match place.isolate(app, claimed, Culprit::Delivery(id), row.crashes).await? {
            Stay::Here => {}
            Stay::Later(outcome) => return Ok(Begun::Over(outcome)),
            Stay::Never => return quarantine::end(app, claimed, &row).await.map(Begun::Over),
        }
        if let Some(outcome) = aside(app, claimed, &row).await? {
            return Ok(Begun::Over(outcome));
        }
        crash::point_of("publish.after_load", claimed.subject);
        match Self::assemble(app, claimed, kind, (row, loaded_at)).await? {
            Assembled::Whole(mut attempt) => {
                attempt.log.add(attempt.now(), Fact::Begun);
                Ok(Begun::Work(attempt))
            }
            Assembled::Damaged(row, failure) => {
                dead_end::damaged(app, claimed, &row, failure).await.map(Begun::Over)
            }
            Assembled::Later(outcome) => Ok(Begun::Over(outcome)),
        }
    }

    /// Everything that work on a loaded delivery needs.
    pub async fn assemble(
        app: &'a App,
        claimed: &'a Claimed,
        kind: JobKind,
        (row, loaded_at): (Loaded, Instant),
    ) -> Result<Assembled<'a>, Fault> {
        let span = spans::attempt(claimed, kind, &row);
        let platform = platforms::find(&row.platform).context("a stored platform is unknown")?;
        let adapter = platforms::dialect(&row.platform, &row.app);
        let adapter = adapter.context("a stored platform has no adapter")?;
        let content = platform.content(Profile::Extended, &row.draft, &mut Vec::new());
        // What is done with a post that is out needs none of its files, which may be gone by then.
        let files = if kind == JobKind::Repost { Files::Unneeded } else { Files::Needed };
        let material = Material::gather(app, &row, adapter, (content, files)).await?;
        // What was found damaged is not looked at again.
        let grant = match &row.needs_reconnect {
            Some(reason) if row.is_damaged => {
                Err(Failure::Auth { revoked: true, detail: reason.clone() })
            }
            _ => {
                let of = (row.tenant, row.platform.as_str());
                grants::open(app, Purpose::of(kind), of, &row.credential).await?
            }
        };
        let grant = match grant {
            Ok(grant) => grant,
            Err(failure) => return Ok(Assembled::Damaged(Box::new(row), failure)),
        };
        let stored = match row.checkpoint.clone() {
            Some(stored) => {
                let of = (row.tenant, row.id);
                let opened = checkpoints::open(app, adapter, of, row.checkpoint_no, stored);
                match opened.await? {
                    Ok(checkpoint) => Some(checkpoint),
                    Err(failure) => return Ok(Assembled::Damaged(Box::new(row), failure)),
                }
            }
            None => None,
        };
        if let Some(outcome) = stored.as_ref().and_then(|at| later::leave(claimed, adapter, at)) {
            return Ok(Assembled::Later(outcome));
        }
        let mut attempt = Self {
            checkpoint: Checkpoint(serde_json::Value::Null),
            checkpoint_no: row.checkpoint_no,
            open: None,
            turn: None,
            is_shown_anew: false,
            log: Log::default(),
            span,
            app,
            claimed,
            kind,
            adapter,
            grant,
            material,
            loaded_at,
            row,
        };
        attempt.checkpoint = stored.unwrap_or_else(|| adapter.publish().start(&attempt.view()));
        Ok(Assembled::Whole(Box::new(attempt)))
    }

    /// The present by the database's clock, as far as this process can carry it on.
    pub fn now(&self) -> Timestamp {
        self.row.now + self.loaded_at.elapsed()
    }

    /// Everything the adapter may look at.
    pub fn view(&self) -> View<'_> {
        self.material.view(&self.row, self.now())
    }

    /// Everything the adapter may look at, once something else is to be done with the post.
    pub fn view_of<'v>(&'v self, operation: Operation, receipt: &'v str) -> View<'v> {
        let (ended, receipt) = (Some(&self.checkpoint), Some(receipt));
        View { operation, ended, receipt, ..self.view() }
    }

    /// The rule by which the post is reposted.
    pub fn reposts(&self) -> Option<repost::Rule> {
        self.adapter.publish().reposts(&self.material.content)
    }

    /// Takes up what a look-up is compared with: those posts of the account that a platform must
    /// show by now.
    pub async fn recall(&mut self) -> Result<(), Fault> {
        let (account, delivery, age) = (self.row.account, self.row.id, self.visibility_delay());
        let store = &self.app.0.store;
        self.material.known = store.newest_remote_ids(account, delivery, age, KNOWN_MAX).await?;
        Ok(())
    }

    /// Takes up what a reply tells of the account. Nothing depends on its being written: a fault
    /// here must not stand between a reply and its settle.
    pub async fn learn(&mut self, reply: &Reply) {
        let learned = self.adapter.publish().learned(&self.checkpoint, reply);
        let Some(facts) = learned.filter(|facts| *facts != self.material.facts) else { return };
        let (tenant, account) = (self.row.tenant, self.row.account);
        if facts.remote_id != self.material.facts.remote_id {
            tracing::warn!(%account, "the platform told of another account");
            return;
        }
        let store = &self.app.0.store;
        match store.learn_account(tenant, account, &facts.handle, &facts.kind).await {
            Ok(()) => tracing::info!(%account, kind = facts.kind, "an account has changed"),
            Err(fault) => tracing::warn!(%fault, %account, "an account's change was not written"),
        }
        self.material.facts = facts;
    }

    pub fn assets(&self) -> &[AssetFacts] {
        &self.material.assets
    }

    pub fn address(&self) -> Address<'_> {
        Address {
            tenant: self.row.tenant,
            platform: &self.row.platform,
            app: self.row.app_key(),
            account: self.row.account,
        }
    }

    pub fn guard(&self) -> Guard {
        Guard {
            delivery: self.row.id,
            epoch: self.claimed.epoch,
            lease: self.claimed.lease,
            revision: self.row.revision,
            checkpoint_no: self.checkpoint_no,
        }
    }

    pub fn publish_queue(&self) -> String {
        targets::publish_queue(&self.row.platform)
    }

    /// How long a published post may stay invisible on this platform.
    pub fn visibility_delay(&self) -> Duration {
        let settings = self.app.0.settings.platforms.get(&self.row.platform);
        settings
            .and_then(|settings| settings.visibility_delay)
            .unwrap_or_else(|| self.adapter.visibility_delay())
    }

    /// What tells the wording of this delivery from another's.
    pub fn wording_sha256(&self) -> String {
        wording_sha256(&self.material.content)
    }

    /// An equal wording of the account may be out through another delivery.
    pub async fn is_in_doubt(&self) -> Result<bool, Fault> {
        let sha256 = self.wording_sha256();
        self.app.0.store.is_in_doubt(self.wording(&sha256)).await
    }

    /// Remembers that this delivery may be out.
    async fn doubt(&self) -> Result<(), Fault> {
        let sha256 = self.wording_sha256();
        self.app.0.store.doubt(self.wording(&sha256)).await
    }

    fn wording<'w>(&self, sha256: &'w str) -> Wording<'w> {
        Wording { account: self.row.account, delivery: self.row.id, sha256 }
    }

    /// A link of the platform, as we show it.
    pub fn reachable(&self, permalink: String) -> String {
        // That of a test leads nowhere, and is not to look as if it led to a platform.
        if self.row.app == platforms::rehearsal::APP {
            return permalink;
        }
        self.app.0.settings.reachable(&self.row.platform, permalink)
    }

    /// Where the delivery stands now.
    pub fn standing(&self) -> Standing {
        let loaded = self.row.standing(self.kind == JobKind::Reconcile);
        Standing { is_ours: self.open.is_some(), ..loaded }
    }

    /// The settle of a change.
    pub fn settle(&self, change: Change) -> Settle {
        let mut settle = Settle::of(self.guard(), change);
        settle.queue = match change.wake {
            Wake::Ask(_) => targets::RECONCILE.to_owned(),
            Wake::Publish(_) | Wake::Keep | Wake::Drop => self.publish_queue(),
        };
        settle
    }

    /// Writes a settle, as often as it takes: a process that lives does not forget an outcome.
    /// `None` when the row has moved on without us.
    pub async fn write(&mut self, mut settle: Settle) -> Result<Option<Settled>, Fault> {
        let span = self.span.part(Kind::Internal, || "settle".to_owned());
        span.set("postfleet.status", settle.change.status.as_str());
        if let Some(clear) = settle.checkpoint.take_if(|_| self.adapter.has_secret_checkpoints()) {
            // The row gets the next number with it.
            let (of, no) = ((self.row.tenant, self.row.id), self.checkpoint_no + 1);
            let sealed = checkpoints::seal(self.app, of, no, &clear).await?;
            settle.checkpoint = Some(sealed);
        }
        let is_doubt = settle.change.status == Status::Reconciling;
        if is_doubt && settle.change.hold != Hold::Asking {
            // Before the settle that says so: an equal wording must not slip out between the two.
            self.doubt().await?;
        }
        let (log, against) = (self.log.take(), Against::of(&self.row, self.kind, self.now()));
        settle.told = log.told(&settle, against);
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(2))
            .with_max_times(usize::MAX)
            .build();
        loop {
            match self.app.0.settles.call(settle.clone()).await {
                Ok(written) => {
                    if let Some(settled) = written {
                        self.checkpoint_no = settled.checkpoint_no;
                        self.keep_up(settle.change);
                    } else {
                        metrics::counter!("postfleet_settles_refused_total").increment(1);
                        tracing::warn!(delivery = %self.row.id, "a late settle was refused");
                    }
                    crash::point_of("publish.after_settle", self.claimed.subject);
                    return Ok(written);
                }
                Err(fault) => {
                    tracing::warn!(%fault, delivery = %self.row.id, "settling again");
                    self.give_up_taken(&mut settle).await;
                    settle.told = log.told(&settle, against);
                    clock::pause(delays.next().unwrap_or(Duration::from_secs(2))).await;
                }
            }
        }
    }

    fn keep_up(&mut self, written: Change) {
        self.row.status = written.status;
        self.row.attempts += i32::from(written.is_attempt_spent);
        self.row.auth_refusals = written.auth_refusals;
        self.row.has_doubt = written.has_doubt;
        self.row.absences = written.absences;
        self.open = None;
    }

    /// A receipt that another delivery holds can never be written: a person has to look which of
    /// the two is out.
    async fn give_up_taken(&self, settle: &mut Settle) {
        let (account, delivery) = (self.row.account, self.row.id);
        let Some((id, _)) = &settle.receipt else { return };
        let taken = self.app.0.store.is_remote_id_taken(account, id, delivery).await;
        if matches!(taken, Ok(true)) {
            let detail = format!("the platform's {id} is the receipt of another delivery");
            settle.failure = Some(show::failure(&Failure::Unknown { detail }));
            settle.change.status = Status::Review;
            settle.receipt = None;
        }
    }

    /// Writes a settle that ends the lease, and says what the queue is told.
    pub async fn end(&mut self, settle: Settle) -> Result<Outcome, Fault> {
        let (wake, gate) = (settle.change.wake, settle.gate.clone());
        let queue = settle.queue.clone();
        let Some(settled) = self.write(settle).await? else { return Ok(Outcome::Release) };
        if let Some(Closing { scope_key, until, .. }) = gate {
            let gate = Gate { scope_key, until };
            // Postgres holds the gate; a Redis that misses it lets one more call through.
            if let Err(fault) = self.app.0.queue.close_gate(&gate).await {
                tracing::warn!(%fault, gate = gate.scope_key, "Redis was not told of a gate");
            }
        }
        if matches!(wake, Wake::Keep | Wake::Drop) {
            return Ok(Outcome::Done);
        }
        let generation = settled.generation.context("an armed job has no generation")?;
        let due_at = settled.due_at.context("an armed job has no due time")?;
        if *queue == *self.claimed.queue {
            return Ok(Outcome::Again { generation, due_at });
        }
        let address = self.address();
        let job = Job {
            queue,
            subject: self.row.id.uuid(),
            generation,
            shard: i16::try_from(self.claimed.shard).unwrap_or(0),
            group: address.group(),
            lane: address.lane(),
            due_at,
        };
        Ok(Outcome::Moved { wakeup: wakeup(&job) })
    }

    /// Obeys a decision. `None` when the lease goes on: the token was renewed.
    pub async fn obey(
        &mut self,
        decision: Decision,
        failure: &Failure,
        entry: Option<Entry>,
    ) -> Result<Option<Outcome>, Fault> {
        let view = self.view();
        let recovered = self.adapter.publish().recover(&self.checkpoint, failure, &view);
        self.tell(&decision, failure);
        // What is out stays out, whatever failed after it.
        if let Step::Published(receipt) = self.adapter.publish().next(&recovered, &view) {
            tracing::warn!(
                delivery = %self.row.id, platform = self.row.platform, detail = failure.detail(),
                "a step after publishing failed"
            );
            self.checkpoint = recovered;
            return publish::published(self, receipt, entry).await.map(Some);
        }
        if self.adapter.publish().is_out(&recovered) {
            // And what is left to be done for it goes on.
            self.checkpoint = recovered;
            let mut settle = self.settle(self.standing().change(Status::Ready, Wake::Keep));
            settle.checkpoint = Some(self.checkpoint.0.clone());
            settle.note(entry);
            return Ok(self.write(settle).await?.is_none().then_some(Outcome::Release));
        }
        let moved = (recovered != self.checkpoint).then_some(recovered);
        let next = self.standing().after(decision, failure);
        let change = match &next {
            Next::Write(change) | Next::Renew(change) => *change,
            Next::Fail(change, _) | Next::Disconnect(change, _) | Next::Miss(change, _) => *change,
        };
        let mut settle = self.settle(change);
        settle.note(entry);
        settle.checkpoint = moved.as_ref().map(|checkpoint| checkpoint.0.clone());
        settle.failure = Some(show::failure(failure));
        settle.gate = change.closing.map(|(scope, until)| self.closing(scope, until, failure));
        if let Some(checkpoint) = moved {
            self.checkpoint = checkpoint;
        }
        match next {
            Next::Write(_) if matches!(failure, Failure::Auth { .. }) => {
                self.end_unless_lost(settle).await.map(Some)
            }
            Next::Write(_) => self.end(settle).await.map(Some),
            Next::Renew(_) => match self.write(settle).await? {
                Some(_) => self.renew_refused().await,
                None => Ok(Some(Outcome::Release)),
            },
            Next::Fail(_, failure) => self.fail(settle, &failure, "publishing").await,
            Next::Disconnect(_, failure) => self.disconnect(settle, &failure).await,
            Next::Miss(_, verdict) => self.miss(settle, verdict, Some(failure)).await.map(Some),
        }
    }

    /// Fails the delivery at a stage.
    pub async fn fail(
        &mut self,
        mut settle: Settle,
        failure: &Failure,
        stage: &'static str,
    ) -> Result<Option<Outcome>, Fault> {
        tracing::info!(
            delivery = %self.row.id, platform = self.row.platform, stage,
            class = failure.public_type(), "a delivery failed"
        );
        settle.failure = Some(show::failure(failure));
        settle.failed_stage = Some(stage);
        metrics::counter!(
            "postfleet_failed_total",
            "platform" => self.row.platform.clone(), "type" => failure.public_type()
        )
        .increment(1);
        self.end(settle).await.map(Some)
    }

    /// What an operator reads of a decision that stops more than this delivery.
    fn tell(&self, decision: &Decision, failure: &Failure) {
        let platform = self.row.platform.clone();
        match decision {
            Decision::Park { scope, until } => {
                if *scope == Scope::Platform && matches!(failure, Failure::Auth { .. }) {
                    keeping::tell_outage(&platform, *until, failure.detail());
                }
                metrics::counter!("postfleet_parked_total",
                    "platform" => platform, "scope" => scope.as_str())
                .increment(1);
            }
            Decision::Pause { until, .. } => {
                tracing::error!(
                    platform, %until, detail = failure.detail(),
                    "the operator has to act: the platform refuses our app"
                );
                metrics::counter!("postfleet_app_refused_total", "platform" => platform)
                    .increment(1);
            }
            Decision::Retry { .. }
            | Decision::Refresh
            | Decision::Reconcile { .. }
            | Decision::Fail { .. }
            | Decision::Disconnect { .. }
            | Decision::Miss
            | Decision::Review => {}
        }
    }

    pub fn closing(&self, scope: Scope, until: Timestamp, failure: &Failure) -> Closing {
        Closing {
            scope_key: self.address().gate(scope),
            until,
            reason: base::text::clean(failure.detail()),
        }
    }
}
