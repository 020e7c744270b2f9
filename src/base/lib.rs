//! Gives every process time, chance, config, sockets and traces.
//!
//! Invariant: knows nothing of posts, platforms or queues.

pub mod batch;
pub mod clock;
pub mod config;
pub mod crash;
pub mod digest;
pub mod fault;
pub mod http;
pub mod mail;
pub mod notify;
pub mod outbound;
pub mod redact;
pub mod rng;
pub mod route;
pub mod shutdown;
pub mod telemetry;
pub mod text;
pub mod trace;

pub use fault::{Context, Fault};
