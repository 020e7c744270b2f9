//! The key-encryption keys of an installation, and the data keys they wrap.

use crate::Config;
use crate::key_file;
use crate::seal::{KEY_SIZE_BYTES, Key, KeyId, Unopened, key_id};
use crate::secret::DataKey;
use crate::source::{Listed, Source};
use base::{Context, Fault, clock};
use domain::id::TenantId;
use domain::time::Timestamp;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Whoever meets an unknown key reads the ring's source again, at most this often.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A tenant's data key, wrapped; fit for the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped(pub Vec<u8>);

/// Why a wrapped data key does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotUnwrapped {
    /// The ring lacks the key it is wrapped under; whoever brings that key opens it.
    #[error("it is wrapped under the key {0}, which is not in the key ring")]
    NoKey(KeyId),
    /// It was changed, and no key opens it.
    #[error("{0}")]
    Broken(#[from] Unopened),
}

/// What can be told of a key of the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Its name.
    pub id: KeyId,
    /// When it was made, where the ring's source says so.
    pub made_at: Option<Timestamp>,
}

/// The key-encryption keys: the first wraps, all unwrap.
pub struct KeyRing {
    source: Source,
    keys: RwLock<Keys>,
}

struct Keys {
    all: Vec<Arc<Listed>>,
    read_at: Instant,
}

impl Keys {
    fn read(source: &Source) -> Result<Self, Fault> {
        // From before the reading, so that nothing written meanwhile counts as read.
        let read_at = clock::stopwatch();
        let all = source.read()?.into_iter().map(Arc::new).collect();
        Ok(Self { all, read_at })
    }
}

impl KeyRing {
    /// Reads the keys from where the configuration says.
    ///
    /// # Errors
    /// When it names no place or several, or the place holds anything but keys.
    pub fn of(config: &Config) -> Result<Self, Fault> {
        Self::from(Source::of(config)?)
    }

    /// Reads the keys from a file that only its owner can read.
    ///
    /// # Errors
    /// When the file is missing, open to others, or holds anything but keys.
    pub fn open(key_file: &Path) -> Result<Self, Fault> {
        Self::from(Source::File(key_file.to_owned()))
    }

    fn from(source: Source) -> Result<Self, Fault> {
        let keys = RwLock::new(Keys::read(&source)?);
        Ok(Self { source, keys })
    }

    /// Writes a new key file with one fresh key, for its owner alone, and opens it.
    ///
    /// # Errors
    /// When the file exists already or cannot be written.
    pub fn create(key_file: &Path) -> Result<Self, Fault> {
        key_file::create(key_file, clock::now())?;
        Self::open(key_file)
    }

    /// Where the keys come from.
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// The keys in their order, the one that wraps first.
    pub fn held(&self) -> Vec<Held> {
        let held = |listed: &Arc<Listed>| Held { id: listed.key.id(), made_at: listed.made_at };
        self.all().iter().map(held).collect()
    }

    /// The key that wraps.
    ///
    /// # Errors
    /// When the source holds none any more.
    pub fn first(&self) -> Result<KeyId, Fault> {
        self.first_key().map(|listed| listed.key.id())
    }

    /// A fresh data key for a tenant, wrapped under what is the first key at this very moment:
    /// under an older one it would be lost when that is retired.
    ///
    /// # Errors
    /// When the source of the keys cannot be read.
    pub fn new_data_key(&self, tenant: TenantId) -> Result<Wrapped, Fault> {
        self.read_again()?;
        let first = self.first_key()?;
        Ok(Wrapped(first.key.seal(&associated(tenant), Key::fresh().bytes())))
    }

    /// Opens a tenant's data key. A key that the ring lacks may have come into its source
    /// meanwhile, so that is read again, at most once a second.
    ///
    /// # Errors
    /// When it was wrapped under a key that the ring lacks, for another tenant, or was changed.
    pub fn unwrap(&self, wrapped: &Wrapped, tenant: TenantId) -> Result<DataKey, NotUnwrapped> {
        let id = key_id(&wrapped.0)?;
        let key = self.find(id).ok_or(NotUnwrapped::NoKey(id))?;
        let plain = key.key.open(&associated(tenant), &wrapped.0)?;
        let mut bytes = Zeroizing::new([0; KEY_SIZE_BYTES]);
        if plain.len() != KEY_SIZE_BYTES {
            return Err(NotUnwrapped::Broken(Unopened::Form));
        }
        bytes.copy_from_slice(&plain);
        Ok(DataKey(Key::new(bytes)))
    }

    /// The same data key wrapped under the first key, or `None` when it already is. After this was
    /// done for every data key, the other keys can leave the ring.
    ///
    /// # Errors
    /// When it does not open, or the source of the keys cannot be read.
    pub fn rewrap(&self, wrapped: &Wrapped, tenant: TenantId) -> Result<Option<Wrapped>, Fault> {
        let data_key = self.unwrap(wrapped, tenant).context("opening a data key")?;
        let first = self.first_key()?;
        if key_id(&wrapped.0)? == first.key.id() {
            return Ok(None);
        }
        Ok(Some(Wrapped(first.key.seal(&associated(tenant), data_key.0.bytes()))))
    }

    /// Puts a fresh key before the others of a key file, or makes the file; its name.
    ///
    /// # Errors
    /// When the file cannot be read or replaced.
    pub fn add_to(key_file: &Path) -> Result<KeyId, Fault> {
        key_file::add(key_file, clock::now())
    }

    /// Takes a key out of a ring that comes from a file.
    ///
    /// # Errors
    /// When the keys come from elsewhere, the file lacks this one, has it first, or cannot be
    /// replaced.
    pub fn remove(&self, id: KeyId) -> Result<(), Fault> {
        key_file::remove(self.file()?, id)?;
        self.read_again()
    }

    fn file(&self) -> Result<&Path, Fault> {
        let file = match &self.source {
            Source::File(path) => Some(path.as_path()),
            Source::Inline(_) | Source::Credential(_) => None,
        };
        file.context(format!("the keys come from {}, which only its owner changes", self.source))
    }

    /// Reads the source now. What cannot be read leaves the ring as it was.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_again(&self) -> Result<(), Fault> {
        let began = clock::stopwatch();
        let read = Keys::read(&self.source);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.read_at = began;
        *keys = read?;
        Ok(())
    }

    pub(crate) fn all(&self) -> Vec<Arc<Listed>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).all.clone()
    }

    fn first_key(&self) -> Result<Arc<Listed>, Fault> {
        self.all().into_iter().next().context("the key ring is empty")
    }

    fn find(&self, id: KeyId) -> Option<Arc<Listed>> {
        let named = |all: Vec<Arc<Listed>>| all.into_iter().find(|listed| listed.key.id() == id);
        if let Some(key) = named(self.all()) {
            return Some(key);
        }
        let read_at = self.keys.read().unwrap_or_else(PoisonError::into_inner).read_at;
        if read_at.elapsed() >= READ_AGAIN_AFTER {
            // Unreadable at this moment, as while it is replaced by hand: the key is lacking still,
            // and the next one who needs it looks again.
            let _ = self.read_again();
        }
        named(self.all())
    }
}

fn associated(tenant: TenantId) -> Vec<u8> {
    [b"postfleet data key\0".as_slice(), tenant.uuid().as_bytes()].concat()
}

#[cfg(test)]
mod tests;
