//! A tenant's data key, and the secrets it seals.

use crate::seal::{Key, KeyId, Unopened};
use domain::id::TenantId;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What a secret belongs to. Only the same values open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Associated<'a> {
    /// Whose it is.
    pub tenant: TenantId,
    /// What it belongs to there: an account's id, the state of an authorisation.
    pub subject: &'a str,
    /// The platform it is good for.
    pub platform: &'a str,
    /// The column it lies in, as `credentials.sealed`.
    pub field: &'a str,
    /// The version of the row, where it has one: an older secret put back does not open.
    pub version: i64,
}

impl Associated<'_> {
    /// One sequence of bytes per value: each text carries its length.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"postfleet secret\0".to_vec();
        bytes.extend_from_slice(self.tenant.uuid().as_bytes());
        bytes.extend_from_slice(&self.version.to_be_bytes());
        for text in [self.subject, self.platform, self.field] {
            bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }
}

/// A secret in clear, in memory only. It cannot be printed, and its memory is cleared when it goes.
pub struct Clear(Zeroizing<Vec<u8>>);

impl Clear {
    /// The secret's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The key that seals a tenant's secrets.
pub struct DataKey(pub(crate) Key);

impl DataKey {
    /// Names it: what every seal of it begins with.
    pub const fn id(&self) -> KeyId {
        self.0.id()
    }

    /// Seals a secret. The same secret looks different each time.
    pub fn seal(&self, associated: &Associated<'_>, plain: &[u8]) -> Vec<u8> {
        self.0.seal(&associated.bytes(), plain)
    }

    /// Opens a secret.
    ///
    /// # Errors
    /// When it was changed, cut short, sealed under another key, or belongs to something else.
    pub fn open(&self, associated: &Associated<'_>, sealed: &[u8]) -> Result<Clear, Unopened> {
        self.0.open(&associated.bytes(), sealed).map(Clear)
    }

    /// A tag over `message` that only a holder of this key can make, for one purpose.
    pub fn tag(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        self.0.tag(purpose, message)
    }

    /// The tag was made with this key, for this purpose and this message.
    pub fn is_tag(&self, purpose: &str, message: &[u8], tag: &[u8]) -> bool {
        bool::from(self.tag(purpose, message).ct_eq(tag))
    }
}

#[cfg(test)]
mod tests;
