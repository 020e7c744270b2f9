//! The port to the platforms, and the list of them.
//!
//! An adapter is a pure function: from checkpoint to the next call, from reply to the next
//! checkpoint or failure. Invariant: no socket, clock, database, retry or log in here.

#![deny(missing_docs)]

pub mod port;
pub mod sim;
pub mod x;

pub use port::*;

/// Every platform.
pub static ALL: [&dyn Platform; 1] = [&x::X];

/// The platform of this name.
pub fn find(name: &str) -> Option<&'static dyn Platform> {
    ALL.into_iter().find(|platform| platform.name() == name)
}

/// The names of all platforms.
pub fn names() -> [&'static str; 1] {
    ALL.map(|platform| platform.name())
}
