//! Inside the spawned handler: whatever becomes of it, its job gets an outcome.

use crate::claimed::{Claimed, Outcome};
use crate::core::{Core, Ending};
use apalis_core::error::BoxDynError;
use apalis_core::task::Task;
use base::clock;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::{Layer, Service};

/// How long a job rests whose handler broke.
const REST: Duration = Duration::from_secs(1);

/// The handler as a tower service.
#[derive(Clone)]
pub(crate) struct Handle<F>(pub(crate) F);

impl<F, Fut> Service<Task<Claimed>> for Handle<F>
where
    F: Fn(Claimed) -> Fut,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    type Response = Outcome;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Outcome, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<Claimed>) -> Self::Future {
        self.0(task.args).map(Ok).boxed()
    }
}

#[derive(Clone)]
pub(crate) struct SettleLayer(pub(crate) Arc<Core>);

impl<S> Layer<S> for SettleLayer {
    type Service = SettleService<S>;

    fn layer(&self, inner: S) -> SettleService<S> {
        SettleService { inner, core: self.0.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct SettleService<S> {
    inner: S,
    core: Arc<Core>,
}

impl<S> Service<Task<Claimed>> for SettleService<S>
where
    S: Service<Task<Claimed>, Response = Outcome>,
    S::Error: Into<BoxDynError>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = BoxDynError;
    type Future = BoxFuture<'static, Result<(), BoxDynError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, task: Task<Claimed>) -> Self::Future {
        let mut open = Open { core: self.core.clone(), claimed: Some(task.args.clone()) };
        let work = self.inner.call(task);
        async move {
            let most = open.core.options.handler_max;
            let began = clock::stopwatch();
            open.core.tally.start();
            let ended = tokio::time::timeout(most, work).await;
            open.core.note_work(began.elapsed());
            let outcome = ended.as_ref().ok().and_then(|ended| ended.as_ref().ok());
            open.core.tally.end(began.elapsed(), outcome);
            match ended {
                Ok(Ok(outcome)) => open.settle(outcome),
                // The panic's words stay out of the log: they may quote what a vault opened.
                Ok(Err(_)) => open.break_off("panicked"),
                Err(_) => open.break_off("ran past its hard end"),
            }
            Ok(())
        }
        .boxed()
    }
}

/// A job whose outcome is not known yet. Dropped in that state, it is released.
struct Open {
    core: Arc<Core>,
    claimed: Option<Claimed>,
}

impl Open {
    fn settle(&mut self, outcome: Outcome) {
        if let Some(claimed) = self.claimed.take() {
            self.core.end(claimed, Ending::Outcome(outcome));
        }
    }

    fn break_off(&mut self, what: &'static str) {
        let Some(claimed) = self.claimed.take() else { return };
        let queue = claimed.queue.to_string();
        tracing::error!(%queue, subject = %claimed.subject, "a handler {what}; its job rests");
        metrics::counter!("postfleet_queue_broken_total", "queue" => queue, "what" => what)
            .increment(1);
        let rests_until = self.core.queue.shared.clock.now() + REST;
        self.core.end(claimed, Ending::Broken { rests_until });
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.break_off("was dropped");
    }
}
