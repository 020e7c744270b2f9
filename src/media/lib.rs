//! Brings a user's file in safely and proves what it is.
//!
//! Invariant: memory does not grow with the size of a file, and nothing that its sender claims
//! about it is believed.

mod document;
mod film;
mod library;
mod picture;
mod probe;
#[cfg(test)]
mod tests;

pub use library::Library;

use serde::Deserialize;
use std::path::PathBuf;

/// The `[media]` section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder that users' files lie in.
    pub dir: PathBuf,
    /// A larger file is refused.
    pub size_bytes_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        // 600 MiB: above the largest film that X takes from an ordinary account (512 MB).
        Self { dir: PathBuf::from(".postfleet/media"), size_bytes_max: 600 * 1024 * 1024 }
    }
}
