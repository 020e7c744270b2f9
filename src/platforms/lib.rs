//! The port to the platforms, and the list of them.
//!
//! An adapter is a pure function: from checkpoint to the next call, from reply to the next
//! checkpoint or failure. Invariant: no socket, clock, database, retry or log in here.

#![deny(missing_docs)]

#[cfg(test)]
mod conformance;
mod grant;
pub mod instagram;
pub mod linkedin;
mod meta;
mod oauth;
mod options;
pub mod port;
mod refusal;
pub mod rehearsal;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod rules_tests;
pub mod sim;
pub mod threads;
mod times;
#[cfg(test)]
mod toy;
#[cfg(test)]
mod written_tests;
pub mod x;
pub mod youtube;

pub use grant::Grant;
pub use port::*;

/// Every platform. A sixth one is its folder and a line here.
pub static ALL: &[&dyn Platform] = &[
    &x::X,
    &linkedin::LinkedIn,
    &instagram::Instagram,
    &threads::Threads,
    &youtube::YouTube,
    #[cfg(test)]
    &toy::Toy,
];

/// The platform of this name.
pub fn find(name: &str) -> Option<&'static dyn Platform> {
    ALL.iter().copied().find(|platform| platform.name() == name)
}

/// The dialect that an account is spoken for in: that of its platform, or that of test mode.
pub fn dialect(platform: &str, app: &str) -> Option<&'static dyn Adapter> {
    let platform = find(platform)?;
    match app {
        rehearsal::APP => Some(&rehearsal::REHEARSAL),
        _ => platform.adapter(),
    }
}

/// The names of all platforms, in the order of [`ALL`].
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|platform| platform.name()).collect()
}
