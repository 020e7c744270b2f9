//! Deaths without warning: of the fleet at every named point of a post's way and anywhere, and of
//! the servers below it.

mod adopt;
mod away;
mod poison;
mod run;
mod servers;
mod writer;
