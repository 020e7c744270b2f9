//! Deaths without warning: at every named point of a post's way, and anywhere.

mod adopt;
mod run;
