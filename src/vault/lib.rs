//! Seals and opens secrets.
//!
//! Two layers: the key-encryption keys of the installation wrap the data keys of the tenants; a
//! data key seals its tenant's secrets. Each seal is bound to what it belongs to, so a sealed value
//! moved to another row does not open.
//!
//! Invariant: no type here that holds a key or a secret can be printed or serialised, and no fault
//! repeats one.

mod key_file;
mod key_ring;
mod mac;
mod parcel;
mod seal;
mod secret;
mod source;

pub use key_ring::{Held, KeyRing, NotUnwrapped, Wrapped};
pub use mac::mac;
pub use parcel::{Parcel, Unpacked};
pub use seal::{KeyId, Unopened, key_id};
pub use secret::{Associated, Clear, DataKey};
pub use source::Source;

use domain::secret::Secret;
use serde::Deserialize;
use std::path::PathBuf;

/// The `[vault]` section of the configuration: one way to the key-encryption keys.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The file with the keys, one a line; the first one seals, all open.
    pub key_file: Option<PathBuf>,
    /// The keys themselves, separated by commas; meant for the environment.
    pub keys: Option<Secret>,
    /// The name of the systemd credential that holds what a key file would.
    pub credential: Option<String>,
}
