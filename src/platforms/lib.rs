//! The port to the platforms, and the list of them.
//!
//! An adapter is a pure function: from checkpoint to the next call, from reply to the next
//! checkpoint or failure. Invariant: no socket, clock, database, retry or log in here.

#![deny(missing_docs)]

pub mod port;
pub mod sim;

pub use port::*;
