//! Brings a user's file in safely and proves what it is.
//!
//! Invariant: memory does not grow with the size of a file, and nothing that its sender claims
//! about it is believed.

mod document;
mod film;
mod library;
mod parts;
mod picture;
mod probe;
mod storage;
#[cfg(test)]
mod tests;
mod thumbnail;
mod tracks;

pub use library::Library;
pub use parts::PART_SIZE_BYTES;

use serde::Deserialize;
use std::path::PathBuf;

/// The `[media]` section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder that users' files lie in, where there is no bucket.
    pub dir: PathBuf,
    /// A larger file is refused.
    pub size_bytes_max: u64,
    /// Files that no post needs any more go after so many days; 0 keeps them for ever.
    pub keep_days: u32,
    /// What was begun and not finished goes after so many hours.
    pub unfinished_hours: u32,
    /// The bucket of an S3-compatible storage that users' files lie in.
    pub bucket: Option<String>,
    /// Its region.
    pub bucket_region: String,
    /// Where it is, when it is not Amazon's.
    pub bucket_endpoint: Option<String>,
    /// The name of the key to it; without it, the usual `AWS_…` of the environment, or the
    /// machine's own role.
    pub bucket_key_id: Option<String>,
    /// A file with the secret of that key.
    pub bucket_secret_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dir: PathBuf::from(".postfleet/media"),
            // 600 MiB: above the largest film that X takes from an ordinary account (512 MB).
            size_bytes_max: 600 * 1024 * 1024,
            keep_days: 30,
            unfinished_hours: 24,
            bucket: None,
            bucket_region: "us-east-1".to_owned(),
            bucket_endpoint: None,
            bucket_key_id: None,
            bucket_secret_file: None,
        }
    }
}
