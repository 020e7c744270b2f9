//! The queue against a private Redis.

mod claims;
mod faults;
mod limits;
mod load;
mod support;
