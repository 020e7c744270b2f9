//! Wakes workers at the right time and meters the platforms.
//!
//! The inbox of upstream apps is here too, for Redis is nobody else's.
//!
//! An entry of a queue is a hint: an id and a generation. Postgres is the truth, so a queue
//! may be wiped at any instant and is filled again by the relay.
#![deny(missing_docs)]

pub mod access;
mod backend;
mod backoff;
mod claimed;
mod config;
mod core;
mod facts;
mod handle;
mod health;
pub mod inbox;
mod keys;
mod lease;
mod limiter;
mod link;
pub mod measure;
mod place;
mod pump;
mod requests;
mod session;
mod settle;
mod shared;
mod signals;
mod spell;
mod tally;
mod turn;
mod wakeup;
mod watch;
mod wire;
mod worker;

pub use claimed::{Claimed, Outcome};
pub use config::{Config, InboxConfig};
pub use facts::{Facts, Server, facts, time_of};
pub use handle::Queue;
pub use health::{Ailment, Health};
pub use limiter::{Behind, Permit, Quota, Seen};
pub use requests::Counted;
pub use wakeup::{Counter, Cursor, CursorState, Gate, Relayed, Wakeup};
pub use watch::{Filling, Fullest};
pub use worker::{WorkerOptions, run};

/// Whether a fault says that Redis cannot be reached or is not ready, which may pass; a
/// configuration that cannot work does not.
pub fn is_away(fault: &base::Fault) -> bool {
    let error = fault.find::<redis::RedisError>();
    error.is_some_and(|error| error.kind() != redis::ErrorKind::InvalidClientConfig)
}
