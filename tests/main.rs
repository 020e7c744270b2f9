//! The integration tests, one binary.
//!
//! Everything here is behind `cfg(test)`, so that the lints know it for what it is.

#[cfg(test)]
mod agree;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod operate;
#[cfg(test)]
mod security;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tidy;
