//! The loop between a worker and one shard: acknowledges what ended and claims what is due.

use crate::backoff::Backoff;
use crate::claimed::Outcome;
use crate::core::{Core, Ended, Ending};
use crate::health::Pulse;
use crate::shared::Shared;
use crate::signals::Bell;
use crate::turn::{Status, Turn, Turned, believed};
use base::{clock, crash};
use domain::time::Timestamp;
use redis::RedisResult;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::futures::Notified;
use tokio::sync::mpsc::UnboundedReceiver;

/// The most acknowledgements of one script.
const ACKS_MAX: usize = 512;
/// The most claims of a turn that acknowledges nothing.
const CLAIMS_FIRST: usize = 64;
/// How soon to look again when Redis is there but cannot lend yet.
const SOON: Duration = Duration::from_millis(50);

pub(crate) struct Pump {
    core: Arc<Core>,
    shard: u16,
    pulse: Pulse,
    bell: Arc<Bell>,
    receiver: UnboundedReceiver<Ended>,
    /// Outcomes that Redis has not confirmed; kept as long as the process lives.
    unsent: Vec<Ended>,
    /// When to claim next without being called.
    next_at: Instant,
    /// The filling of Redis in which the last claim was made; empty when its reply was lost before
    /// any told, `None` before the first claim.
    incarnation: Option<String>,
    /// A claim's reply was lost, or Redis is another one: it may believe that we hold what we do
    /// not know.
    in_doubt: bool,
}

impl Pump {
    pub(crate) fn new(core: Arc<Core>, shard: u16, receiver: UnboundedReceiver<Ended>) -> Self {
        let shared = &core.queue.shared;
        Self {
            pulse: Pulse::begin(&shared.health, format!("pump {} {shard}", core.name), Some(shard)),
            bell: shared.bells.hang(&core.name),
            shard,
            receiver,
            unsent: Vec::new(),
            next_at: clock::stopwatch(),
            incarnation: None,
            in_doubt: false,
            core,
        }
    }

    /// Runs until it is aborted, after the worker has drained.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new();
        let core = self.core.clone();
        loop {
            self.pulse.turn();
            // Listened to from before the look, so that no room is missed in between.
            let mut freed = pin!(core.room.notified());
            freed.as_mut().enable();
            let claims = self.room();
            if self.unsent.is_empty() && claims == 0 && !self.wait(freed).await {
                continue;
            }
            match self.turn(claims).await {
                Ok(()) => {
                    backoff.reset();
                    self.pulse.beat();
                }
                Err(error) => {
                    let (queue, shard) = (&self.core.name, self.shard);
                    tracing::warn!(%queue, shard, %error, "Redis took no turn");
                    backoff.wait().await;
                }
            }
        }
    }

    fn shared(&self) -> &Shared {
        &self.core.queue.shared
    }

    /// Takes in what ended, and room for a claim if it is time for one. With an acknowledgement
    /// it always is: the lane that it frees may have a next job, and then waits no round trip.
    fn room(&mut self) -> usize {
        while self.unsent.len() < ACKS_MAX
            && let Ok(one) = self.receiver.try_recv()
        {
            self.unsent.push(one);
        }
        let alive = !self.session().remaining().is_zero();
        let now = clock::stopwatch();
        if !alive {
            self.next_at = self.next_at.max(now + SOON);
            return 0;
        }
        if self.shared().is_paused(&self.core.name) {
            // There is nothing to hear of until it goes on.
            self.pulse.beat();
            self.next_at = now + self.poll_every();
            return 0;
        }
        if self.unsent.is_empty() && now < self.next_at {
            return 0;
        }
        // It grows with what was worked off, so the first claims of a burst are short scripts.
        let most = CLAIMS_FIRST + self.unsent.len();
        self.core.reserve(most.min(self.shared().config.batch_max))
    }

    fn session(&self) -> Arc<crate::lease::Lease> {
        self.shared().sessions[usize::from(self.shard)].current()
    }

    /// Waits for an ending, a call or the time of the next claim. True: every slot was busy for
    /// so long that a turn without a claim should show that Redis still answers.
    async fn wait(&mut self, freed: Pin<&mut Notified<'_>>) -> bool {
        let now = clock::stopwatch();
        // Without room only an ending helps, and that comes by the channel or as `room`.
        let full = self.next_at <= now;
        let until = if full { now + self.poll_every() } else { self.next_at };
        tokio::select! {
            one = self.receiver.recv() => self.unsent.extend(one),
            due_ms = self.bell.heard() => self.called(due_ms),
            () = freed => {}
            () = tokio::time::sleep_until(until.into()) => return full,
        }
        false
    }

    fn poll_every(&self) -> Duration {
        let config = &self.shared().config;
        Duration::from_millis(config.poll_every_ms.min(config.lease_ms / 2).max(1))
    }

    fn called(&mut self, due_ms: i64) {
        let ahead = Timestamp::from_ms(due_ms).since(self.shared().clock.now());
        self.next_at = self.next_at.min(clock::stopwatch() + ahead);
    }

    async fn turn(&mut self, claims: usize) -> RedisResult<()> {
        let turned = self.exchange(claims).await;
        let found = turned.as_ref().map_or(0, |turned| turned.jobs.len());
        self.core.give_back_unused(claims - found);
        // A script whose reply did not come may have claimed.
        if turned.is_err() && claims > 0 {
            self.in_doubt = true;
            self.incarnation.get_or_insert_default();
        }
        self.obey(claims, turned?);
        Ok(())
    }

    async fn exchange(&mut self, claims: usize) -> RedisResult<Turned> {
        let guard = self.session();
        let shared = &self.core.queue.shared;
        if self.in_doubt {
            for claimed in believed(shared, self.shard, &self.core.name, &guard).await? {
                if !self.core.holds(claimed.subject, claimed.epoch, claimed.lease) {
                    self.unsent.push(Ended { claimed, ending: Ending::Unbegun });
                }
            }
            self.in_doubt = false;
        }
        if !self.unsent.is_empty() {
            for one in &self.unsent {
                crash::point_of("queue.before_ack", one.claimed.subject);
            }
            self.push_abroad().await?;
        }
        let hints = if claims > 0 { self.core.hints() } else { String::new() };
        if claims > 0 {
            tracing::trace!(queue = %self.core.name, most = claims, "claiming");
        }
        let turn = Turn {
            shard: self.shard,
            queue: &self.core.name,
            lane_in_flight: self.core.options.lane_in_flight,
            claims,
            hints: &hints,
            guard: &guard,
            ended: &self.unsent[..self.unsent.len().min(ACKS_MAX)],
        };
        turn.take(shared).await
    }

    /// Jobs that move to another shard are pushed there before they are acknowledged here; twice
    /// is one job.
    async fn push_abroad(&self) -> RedisResult<()> {
        for one in &self.unsent {
            if let Ending::Outcome(Outcome::Moved { wakeup }) = &one.ending
                && wakeup.shard != self.shard
            {
                let push = self.core.queue.push(std::slice::from_ref(wakeup)).await;
                push.map_err(|fault| (redis::ErrorKind::Io, "a push", fault.to_string()))?;
            }
        }
        Ok(())
    }

    fn obey(&mut self, claims: usize, turned: Turned) {
        let shared = &self.core.queue.shared;
        shared.clock.heard(turned.server_ms);
        let sent = self.unsent.len().min(ACKS_MAX);
        self.core.acknowledged(self.unsent.drain(..sent).as_slice().iter());
        let ahead = turned.ahead_ms.map(Duration::from_millis);
        let ahead = ahead.unwrap_or(Duration::MAX).min(self.poll_every());
        self.next_at = clock::stopwatch() + ahead;
        match turned.status {
            Status::Ok => {}
            Status::Unknown => self.next_at += SOON,
            Status::Lost => {
                shared.sessions[usize::from(self.shard)].doubt();
                self.next_at += SOON;
            }
        }
        // A turn that brought nothing although something is due met gates or busy lanes only.
        if claims > 0 && turned.jobs.is_empty() && ahead.is_zero() {
            self.next_at += Duration::from_millis(1);
        }
        if claims > 0 && !turned.incarnation.is_empty() {
            let known = self.incarnation.replace(turned.incarnation);
            self.in_doubt |= known.is_some() && known != self.incarnation;
        }
        let queue = self.core.name.to_string();
        if turned.stale > 0 {
            let stale = turned.stale;
            tracing::warn!(queue, stale, "acknowledgements came too late and were refused");
            let stale = u64::try_from(turned.stale).unwrap_or(0);
            metrics::counter!("postfleet_queue_stale_total", "queue" => queue.clone())
                .increment(stale);
        }
        let found = u64::try_from(turned.jobs.len()).unwrap_or(0);
        metrics::counter!("postfleet_queue_claimed_total", "queue" => queue).increment(found);
        let now = Timestamp::from_ms(turned.server_ms);
        turned.jobs.iter().for_each(|job| self.core.tally.lent(now.since(job.due_at)));
        self.core.put(turned.jobs);
    }
}
