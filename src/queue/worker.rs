//! Runs a queue's worker on apalis until it is told to stop.

use crate::backend::HintBackend;
use crate::claimed::{Claimed, Outcome};
use crate::core::Core;
use crate::handle::Queue;
use crate::pump::Pump;
use crate::settle::{Handle, SettleLayer};
use apalis::layers::WorkerBuilderExt;
use apalis_core::error::WorkerError;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::ext::parallelize::ParallelizeExt;
use base::clock;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How a worker takes from its queue.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The queue, as `publish:x`.
    pub queue: String,
    /// The most jobs that run at once in this process.
    pub concurrency: usize,
    /// The most jobs of one lane that run at once in the fleet; all workers of a queue must agree.
    pub lane_in_flight: usize,
    /// The hard end of a handler: after it the handler is dropped and its job released.
    pub handler_max: Duration,
}

impl WorkerOptions {
    /// A worker of `queue` with `concurrency` slots, one job of a lane at a time.
    pub fn new(queue: impl Into<String>, concurrency: usize) -> Self {
        Self {
            queue: queue.into(),
            concurrency: concurrency.max(1),
            lane_in_flight: 1,
            handler_max: Duration::from_secs(120),
        }
    }
}

/// Works a queue until `shutdown` fires. Then it claims no more, hands back at once what has not
/// begun, waits for the handlers that run, and returns when Redis has heard of all outcomes.
///
/// A handle has one worker per queue. A handler that panics or runs past its hard end has its job
/// released for a second later.
///
/// # Panics
/// When this handle has a worker of that queue already.
pub async fn run<F, Fut>(
    queue: Queue,
    options: WorkerOptions,
    shutdown: CancellationToken,
    handler: F,
) where
    F: Fn(Claimed) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    queue.begin();
    let patience = Duration::from_millis(queue.shared.config.lease_ms);
    let (core, receivers) = Core::new(queue, options, shutdown.clone());
    // Which claims are whose is known by session and queue: two workers would hand back each
    // other's jobs after a lost reply.
    let alone = core.queue.shared.begin_work(&core.name);
    assert!(alone, "a process has one worker per queue; give it more concurrency instead");
    let mut pumps = JoinSet::new();
    for (shard, receiver) in (0..).zip(receivers) {
        pumps.spawn(Pump::new(core.clone(), shard, receiver).run());
    }
    while !shutdown.is_cancelled() {
        if let Err(error) = work(&core, &shutdown, handler.clone()).await {
            tracing::error!(queue = %core.name, %error, "the worker ended; starting another");
            clock::pause(Duration::from_millis(100)).await;
        }
    }
    core.close();
    core.tally.close();
    if !core.flush(patience).await {
        let held = core.held_count();
        tracing::warn!(queue = %core.name, held, "left jobs to their lease: Redis is away");
    }
    pumps.shutdown().await;
    core.queue.shared.end_work(&core.name);
}

/// One life of an apalis worker. Boxed, for the compiler cannot see through its types that it may
/// travel between threads.
fn work<F, Fut>(
    core: &Arc<Core>,
    shutdown: &CancellationToken,
    handler: F,
) -> BoxFuture<'static, Result<(), WorkerError>>
where
    F: Fn(Claimed) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    let stop = {
        let (shutdown, core) = (shutdown.clone(), core.clone());
        async move {
            shutdown.cancelled().await;
            core.tally.drain();
            core.close();
            Ok::<(), WorkerError>(())
        }
    };
    // The settle layer is inside the spawn, so a handler that outlives its worker still settles;
    // the panic is caught inside of it, so the settle layer sees it.
    WorkerBuilder::new(&*core.name)
        .backend(HintBackend(core.clone()))
        .concurrency(core.options.concurrency)
        .parallelize(tokio::spawn)
        .layer(SettleLayer(core.clone()))
        .catch_panic()
        .build(Handle(handler))
        .run_until(stop)
        .boxed()
}
