//! Leases are lent to the process, not to the job: one write prolongs them all.

use crate::health::Pulse;
use crate::lease::{Lease, Sent};
use crate::shared::Shared;
use crate::wire::{self, REAP, RENEW};
use base::clock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// About how many lanes one script looks at for a dead session's jobs.
const LANES_A_STEP: usize = 500;

/// This process in one shard. When Redis gave the session up, a new one takes its place, and what
/// was claimed under the old one stays dead.
pub(crate) struct Session {
    current: Mutex<Arc<Lease>>,
    doubt: Notify,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self { current: Mutex::new(Arc::new(Lease::new())), doubt: Notify::new() }
    }

    pub(crate) fn current(&self) -> Arc<Lease> {
        self.lock().clone()
    }

    /// A claim was told that the session is gone: the keeper is to look at once.
    pub(crate) fn doubt(&self) {
        self.doubt.notify_one();
    }

    fn replace(&self) {
        let mut current = self.lock();
        current.end();
        *current = Arc::new(Lease::new());
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Lease>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renews this process's session and gives up those of dead ones, on a connection of its own.
pub(crate) async fn keep(shared: Arc<Shared>, shard: u16, stop: CancellationToken) {
    let pulse = Pulse::begin(&shared.health, format!("keep {shard}"), Some(shard));
    let lease = Duration::from_millis(shared.config.lease_ms);
    let every = Duration::from_millis(shared.config.renew_every_ms);
    let tick = (lease / 10).min(Duration::from_secs(1)).min(every);
    let session = &shared.sessions[usize::from(shard)];
    let (mut begun, mut renewed) = (false, None::<Sent>);
    loop {
        pulse.turn();
        let doubted = match renewed {
            Some(sent) if sent.elapsed() + tick <= every => {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = session.doubt.notified() => true,
                    () = clock::pause(tick) => false,
                }
            }
            _ => true,
        };
        if doubted {
            match renew(&shared, shard, begun).await {
                Ok(Some(sent)) => {
                    if !begun {
                        shared.bells.ring_all();
                    }
                    (begun, renewed) = (true, Some(sent));
                }
                Ok(None) => {
                    tracing::warn!(shard, "Redis gave this session up; its jobs go to others");
                    session.replace();
                    (begun, renewed) = (false, None);
                    continue;
                }
                Err(error) => {
                    tracing::warn!(shard, %error, "the session could not be renewed");
                    if stop.run_until_cancelled(clock::pause(tick)).await.is_none() {
                        return;
                    }
                    continue;
                }
            }
        }
        match reap(&shared, shard).await {
            Ok(()) => pulse.beat(),
            Err(error) => tracing::warn!(shard, %error, "dead sessions could not be given up"),
        }
        if stop.is_cancelled() {
            return;
        }
    }
}

/// `None`: the session is gone.
async fn renew(shared: &Shared, shard: u16, begun: bool) -> redis::RedisResult<Option<Sent>> {
    let lease = shared.sessions[usize::from(shard)].current();
    let sent = Sent::now();
    let alive: bool = wire::on(&RENEW, shard)
        .arg(lease.session())
        .arg(shared.config.lease_ms)
        .arg(u8::from(!begun))
        .invoke_async(&mut shared.wire.beats.of(shard))
        .await?;
    if !alive {
        return Ok(None);
    }
    lease.extend(sent, Duration::from_millis(shared.config.lease_ms));
    Ok(Some(sent))
}

async fn reap(shared: &Shared, shard: u16) -> redis::RedisResult<()> {
    loop {
        let (jobs, more): (u64, bool) = wire::on(&REAP, shard)
            .arg(shared.config.lease_ms)
            .arg(LANES_A_STEP)
            .invoke_async(&mut shared.wire.beats.of(shard))
            .await?;
        if jobs > 0 {
            tracing::warn!(shard, jobs, "took back the jobs of a dead process");
            metrics::counter!("postfleet_queue_reaped_total").increment(jobs);
        }
        if !more {
            return Ok(());
        }
    }
}
