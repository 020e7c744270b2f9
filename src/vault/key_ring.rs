//! The key-encryption keys of an installation, and the data keys they wrap.

use crate::key_file;
use crate::seal::{KEY_SIZE_BYTES, Key, key_id};
use crate::secret::DataKey;
use base::{Context, Fault};
use domain::id::TenantId;
use std::path::Path;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A tenant's data key, wrapped; fit for the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped(pub Vec<u8>);

/// The key-encryption keys: the first wraps, all unwrap.
pub struct KeyRing {
    first: Key,
    others: Vec<Key>,
}

impl KeyRing {
    /// Reads the keys from a file that only its owner can read.
    ///
    /// # Errors
    /// When the file is missing, open to others, or holds anything but keys.
    pub fn open(key_file: &Path) -> Result<Self, Fault> {
        let mut keys = key_file::read(key_file)?.into_iter();
        let first = keys.next().context("the key file holds no key")?;
        Ok(Self { first, others: keys.collect() })
    }

    /// Writes a new key file with one fresh key, for its owner alone, and opens it.
    ///
    /// # Errors
    /// When the file exists already or cannot be written.
    pub fn create(key_file: &Path) -> Result<Self, Fault> {
        key_file::create(key_file)?;
        Self::open(key_file)
    }

    /// A fresh data key for a tenant, wrapped.
    pub fn new_data_key(&self, tenant: TenantId) -> Wrapped {
        Wrapped(self.first.seal(&associated(tenant), Key::fresh().bytes()))
    }

    /// Opens a tenant's data key.
    ///
    /// # Errors
    /// When it was wrapped under a key that the ring lacks, for another tenant, or was changed.
    pub fn unwrap(&self, wrapped: &Wrapped, tenant: TenantId) -> Result<DataKey, Fault> {
        let id = key_id(&wrapped.0)?;
        let key = std::iter::once(&self.first).chain(&self.others).find(|key| key.id() == id);
        let key = key.context("a data key is wrapped under a key that is not in the key file")?;
        let plain = key.open(&associated(tenant), &wrapped.0).context("opening a data key")?;
        let mut bytes = Zeroizing::new([0; KEY_SIZE_BYTES]);
        if plain.len() != KEY_SIZE_BYTES {
            return Err(Fault::new("a data key has another length"));
        }
        bytes.copy_from_slice(&plain);
        Ok(DataKey(Key::new(bytes)))
    }

    /// A tag over `message` that only a holder of the key file can make, for one purpose.
    pub fn tag(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        self.first.tag(purpose, message)
    }

    /// The tag was made with one of the keys, for this purpose and this message.
    pub fn is_tag(&self, purpose: &str, message: &[u8], tag: &[u8]) -> bool {
        let mut keys = std::iter::once(&self.first).chain(&self.others);
        keys.any(|key| bool::from(key.tag(purpose, message).ct_eq(tag)))
    }

    /// The same data key wrapped under the first key, or `None` when it already is. After this was
    /// done for every tenant, the other keys can leave the file.
    ///
    /// # Errors
    /// As for [`KeyRing::unwrap`].
    pub fn rewrap(&self, wrapped: &Wrapped, tenant: TenantId) -> Result<Option<Wrapped>, Fault> {
        let data_key = self.unwrap(wrapped, tenant)?;
        if key_id(&wrapped.0)? == self.first.id() {
            return Ok(None);
        }
        Ok(Some(Wrapped(self.first.seal(&associated(tenant), data_key.0.bytes()))))
    }
}

fn associated(tenant: TenantId) -> Vec<u8> {
    [b"postfleet data key\0".as_slice(), tenant.uuid().as_bytes()].concat()
}

#[cfg(test)]
mod tests;
