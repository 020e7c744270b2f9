//! Deaths without warning: of the fleet at every named point of a post's way and anywhere, of the
//! servers below it, and of the process that a poison job ends; and processes that stand still.

mod adopt;
mod away;
mod cells;
mod copies;
mod crew;
mod faults;
mod grid;
mod hooks;
mod judge;
mod places;
mod poison;
mod renewal;
mod reposts;
mod run;
pub mod servers;
mod stopped;
mod wire;
pub mod writer;
mod youtube;
