//! Group commit: many callers, one statement.
//!
//! Requests that arrive while earlier batches are under way are gathered into the next one, so a
//! batch is as large as the load makes it. While batches are of several, the next one starts two
//! milliseconds after the last at the soonest, which spares most of the statements; a request that
//! comes alone waits for no timer. The function given to [`Batcher::spawn`] is one transaction: a batch that failed has had no effect, so its
//! requests may each run again alone.

use crate::clock;
use crate::fault::Fault;
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Requests that may wait; callers beyond it wait at the door.
const WAITING_MAX: usize = 16_384;
/// A batch of so many shows that callers come in a crowd.
const CROWD: usize = 4;
/// In a crowd, from the start of one batch to the start of the next.
const GATHER: Duration = Duration::from_millis(2);
/// Requests of a failed batch that run again at a time.
const ALONE_PARALLEL: usize = 8;
/// When this many of a failed batch fail again and none succeeds, it is not about the rows: the
/// rest is answered with a fault instead of one failing statement each.
const ALONE_FAILED_MAX: usize = 32;

type Answer<A> = Result<A, Fault>;
type Work<Q, A> = dyn Fn(Vec<Q>) -> BoxFuture<'static, Answer<Vec<A>>> + Send + Sync;

struct Waiting<Q, A> {
    request: Q,
    answer: oneshot::Sender<Answer<A>>,
}

/// How much is done at a time.
struct Room {
    batch_max: usize,
    parallel: usize,
}

/// Takes requests one by one and has them done together.
pub struct Batcher<Q, A> {
    name: &'static str,
    waiting: mpsc::Sender<Waiting<Q, A>>,
}

impl<Q, A> Clone for Batcher<Q, A> {
    fn clone(&self) -> Self {
        Self { name: self.name, waiting: self.waiting.clone() }
    }
}

impl<Q, A> Batcher<Q, A>
where
    Q: Clone + Send + Sync + 'static,
    A: Send + 'static,
{
    /// Starts gathering. `work` gets at most `batch_max` requests at a time, `parallel` times at
    /// once, and answers them in their order. The name stands in metrics and faults.
    pub fn spawn(
        name: &'static str,
        batch_max: usize,
        parallel: usize,
        work: impl Fn(Vec<Q>) -> BoxFuture<'static, Answer<Vec<A>>> + Send + Sync + 'static,
    ) -> Self {
        assert!(batch_max > 0 && parallel > 0, "a batcher without room never answers");
        let (waiting, arrivals) = mpsc::channel(WAITING_MAX);
        tokio::spawn(gather(name, Room { batch_max, parallel }, arrivals, Arc::new(work)));
        Self { name, waiting }
    }

    /// Has `request` done together with others and waits for its own answer. A caller that goes
    /// away before its batch starts withdraws its request.
    ///
    /// # Errors
    /// When the work fails for this very request, or for reasons that are no request's.
    pub async fn call(&self, request: Q) -> Answer<A> {
        let gone =
            || Fault::new(format_args!("the batch of {} ended without an answer", self.name));
        let (answer, answered) = oneshot::channel();
        self.waiting.send(Waiting { request, answer }).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

async fn gather<Q, A>(
    name: &'static str,
    room: Room,
    mut arrivals: mpsc::Receiver<Waiting<Q, A>>,
    work: Arc<Work<Q, A>>,
) where
    Q: Clone + Send + Sync + 'static,
    A: Send + 'static,
{
    let slots = Arc::new(Semaphore::new(room.parallel));
    let (mut began, mut is_crowd) = (clock::stopwatch(), false);
    // The slot comes first: what arrives while all are taken is in the queue when one is free.
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let mut batch = Vec::new();
        if arrivals.recv_many(&mut batch, room.batch_max).await == 0 {
            return;
        }
        if is_crowd && began.elapsed() < GATHER {
            clock::pause(GATHER.saturating_sub(began.elapsed())).await;
            while batch.len() < room.batch_max
                && let Ok(waiting) = arrivals.try_recv()
            {
                batch.push(waiting);
            }
        }
        (began, is_crowd) = (clock::stopwatch(), batch.len() >= CROWD);
        batch.retain(|waiting| !waiting.answer.is_closed());
        if !batch.is_empty() {
            tokio::spawn(perform(name, batch, Arc::clone(&work), slot));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a batch is far smaller than 2^52")]
async fn perform<Q, A>(
    name: &'static str,
    batch: Vec<Waiting<Q, A>>,
    work: Arc<Work<Q, A>>,
    slot: OwnedSemaphorePermit,
) where
    Q: Clone + Send + Sync + 'static,
    A: Send + 'static,
{
    metrics::histogram!("postfleet_batch_size", "batch" => name).record(batch.len() as f64);
    let requests: Vec<Q> = batch.iter().map(|waiting| waiting.request.clone()).collect();
    match work(requests).await {
        Ok(answers) if answers.len() == batch.len() => {
            for (waiting, answer) in batch.into_iter().zip(answers) {
                // The caller may have gone; what was done for it stays done.
                let _ = waiting.answer.send(Ok(answer));
            }
        }
        Ok(answers) => {
            let (got, asked) = (answers.len(), batch.len());
            refuse(batch, &format!("the batch of {name} answered {got} of {asked} requests"));
        }
        Err(fault) if batch.len() == 1 => {
            if let Some(waiting) = batch.into_iter().next() {
                let _ = waiting.answer.send(Err(fault));
            }
        }
        Err(fault) => {
            tracing::warn!(batch = name, %fault, "a batch failed; its requests run again alone");
            apart(name, batch, &work).await;
        }
    }
    drop(slot);
}

/// Runs each request alone, so that one that cannot succeed fails nobody else.
async fn apart<Q, A>(name: &'static str, batch: Vec<Waiting<Q, A>>, work: &Arc<Work<Q, A>>)
where
    Q: Clone + Send + Sync + 'static,
    A: Send + 'static,
{
    let (mut failed, mut succeeded) = (0, 0);
    let mut left = batch;
    while !left.is_empty() {
        if succeeded == 0 && failed >= ALONE_FAILED_MAX {
            return refuse(left, &format!("the batch of {name} failed, and every request alone"));
        }
        let now: Vec<_> = left.drain(..left.len().min(ALONE_PARALLEL)).collect();
        let outcomes: Vec<bool> = stream::iter(now)
            .map(|waiting| alone(name, waiting, Arc::clone(work)))
            .buffer_unordered(ALONE_PARALLEL)
            .collect()
            .await;
        succeeded += outcomes.iter().filter(|ok| **ok).count();
        failed += outcomes.iter().filter(|ok| !**ok).count();
    }
}

async fn alone<Q, A>(name: &'static str, waiting: Waiting<Q, A>, work: Arc<Work<Q, A>>) -> bool {
    let answer = match work(vec![waiting.request]).await {
        Ok(mut answers) if answers.len() == 1 => answers.pop(),
        Ok(_) => None,
        Err(fault) => {
            let _ = waiting.answer.send(Err(fault));
            return false;
        }
    };
    let none = || Fault::new(format_args!("the batch of {name} did not answer a request"));
    let _ = waiting.answer.send(answer.ok_or_else(none));
    true
}

fn refuse<Q, A>(batch: Vec<Waiting<Q, A>>, why: &str) {
    for waiting in batch {
        let _ = waiting.answer.send(Err(Fault::new(why)));
    }
}

#[cfg(test)]
mod tests;
