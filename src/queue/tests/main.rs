//! The queue against a private Redis.

// The attribute tells clippy that these are tests, helpers included.
#[cfg(test)]
mod claims;
#[cfg(test)]
mod encrypted;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod load;
#[cfg(test)]
mod model;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod places;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod support;
#[cfg(test)]
mod suspects;
#[cfg(test)]
mod watch;
