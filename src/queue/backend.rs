//! apalis's side: a thin handle on the core. Faults of Redis never reach apalis, for an error
//! here would end its worker and every handler with it.

use crate::claimed::Claimed;
use crate::core::Core;
use crate::worker::WorkerOptions;
use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::RandomId;
use apalis_core::worker::context::WorkerContext;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::layer::util::Identity;

/// An error that cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Never {}

pub(crate) struct HintBackend(pub(crate) Arc<Core>);

impl Backend for HintBackend {
    type Task = Task<Claimed>;
    type Error = Never;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Never>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Task<Claimed>, Never>>> {
        self.0.poll_next(cx).map(|next| next.map(|claimed| Ok(TaskBuilder::new(claimed).build())))
    }

    /// Nothing to do: the core closes when the stop is asked for, not after the last handler.
    fn poll_close(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Never>> {
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for HintBackend {
    type Args = Claimed;
    type Id = RandomId;
    type Kind = Ephemeral;
    type Config = WorkerOptions;
    /// What becomes of a job is settled inside the spawned handler (`settle.rs`).
    type Layer = Identity;

    fn config(&self) -> &WorkerOptions {
        &self.0.options
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}
