//! The point that every body passes on its way out.
//!
//! The connection writes the head of a request into its buffer, reads the body, and only then
//! writes to the socket; so while the body is unread, not one byte has left, and a body that
//! fails at its first read takes the head down with it.

use super::Fence;
use crate::fault::Fault;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Nobody has read the body.
const UNREAD: u8 = 0;
/// The body is being read: bytes may have left.
const READ: u8 = 1;
/// The body will not be read any more.
const CLOSED: u8 = 2;
/// The fence kept the body from being read.
const FENCED: u8 = 3;

/// Whether the body of one request has been read, and whether it still may be.
pub(super) struct Gate {
    state: AtomicU8,
    fence: Option<Fence>,
}

impl Gate {
    /// The fence kept the body from being read.
    pub(super) fn was_fenced(&self) -> bool {
        self.state.load(Ordering::SeqCst) == FENCED
    }

    /// Closes the gate if nothing has passed it, and tells whether nothing has.
    pub(super) fn close(&self) -> bool {
        self.leave(CLOSED).is_ok()
    }

    /// `chunks` behind this gate.
    pub(super) fn guard(
        self: Arc<Self>,
        chunks: BoxStream<'static, Result<Bytes, Fault>>,
    ) -> impl Stream<Item = Result<Bytes, Stopped>> + Send + 'static {
        let first = async move { self.pass().map(|()| chunks.map_err(|f| Stopped(f.to_string()))) };
        stream::once(first).try_flatten().boxed()
    }

    fn pass(&self) -> Result<(), Stopped> {
        let is_open = self.fence.as_ref().is_none_or(|is_open| is_open());
        let state = if is_open { READ } else { FENCED };
        self.leave(state).map_err(|_| Stopped("nobody waits for the reply".to_owned()))?;
        if is_open { Ok(()) } else { Err(Stopped("the fence is closed".to_owned())) }
    }

    fn leave(&self, state: u8) -> Result<u8, u8> {
        self.state.compare_exchange(UNREAD, state, Ordering::SeqCst, Ordering::SeqCst)
    }
}

/// The sender's hold on a gate: whoever stops waiting closes it.
pub(super) struct Handle(Arc<Gate>);

impl Handle {
    /// The hold on a new gate that `fence` is asked at.
    pub(super) fn new(fence: Option<Fence>) -> Self {
        Self(Arc::new(Gate { state: AtomicU8::new(UNREAD), fence }))
    }
}

impl std::ops::Deref for Handle {
    type Target = Arc<Gate>;
    fn deref(&self) -> &Arc<Gate> {
        &self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Why a body was not sent to its end.
#[derive(Debug)]
pub(super) struct Stopped(String);

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Stopped {}
