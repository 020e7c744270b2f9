//! Seals and opens secrets.
//!
//! Two layers: the key-encryption keys of the installation, in a file that only its owner can
//! read, wrap one data key per tenant; the data key seals that tenant's secrets. Each seal is bound
//! to what it belongs to, so a sealed value moved to another row does not open.
//!
//! Invariant: no type here that holds a key or a secret can be printed or serialised, and no fault
//! repeats one.

mod key_file;
mod key_ring;
mod seal;
mod secret;

pub use key_ring::{KeyRing, Wrapped};
pub use secret::{Associated, Clear, DataKey};

use serde::Deserialize;
use std::path::PathBuf;

/// The `[vault]` section of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The file with the key-encryption keys, one a line; the first one seals, all open.
    pub key_file: Option<PathBuf>,
}
