//! The keys of a ring as they travel with a backup: sealed under a passphrase.
//!
//! Argon2id makes a key of the passphrase, so that a short one is no shortcut. Invariant: nothing
//! of the keys is in a parcel but what the passphrase opens.

use crate::key_file;
use crate::key_ring::KeyRing;
use crate::seal::{KEY_SIZE_BYTES, Key, KeyId};
use crate::source::{line, list};
use argon2::{Algorithm, Argon2, Params, Version};
use base::{Context, Fault, rng};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::secret::Secret;
use serde::{Deserialize, Serialize};
use std::path::Path;
use zeroize::Zeroizing;

/// What the derivation costs: 64 MiB, three times over (RFC 9106, second recommended option).
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// No parcel of ours asks for more, and one that does would take the machine's memory.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 64;
const SALT_SIZE_BYTES: usize = 16;
/// Twelve characters, as six words of dice have many times over.
const PASSPHRASE_MIN: usize = 12;
const BOUND: &[u8] = b"postfleet backup keys\0";

/// Sealed keys, and what a passphrase needs to open them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parcel {
    /// The names of the keys in it, the one that wraps first.
    pub keys: Vec<String>,
    salt: String,
    memory_kib: u32,
    passes: u32,
    sealed: String,
}

/// The keys of a parcel, in clear, in memory only.
pub struct Unpacked(Zeroizing<String>);

impl KeyRing {
    /// Seals every key of the ring under a passphrase.
    ///
    /// # Errors
    /// When the passphrase is too short, or the source of the keys cannot be read.
    pub fn pack(&self, passphrase: &Secret) -> Result<Parcel, Fault> {
        self.pack_at_cost(passphrase, (MEMORY_KIB, PASSES))
    }

    fn pack_at_cost(
        &self,
        passphrase: &Secret,
        (memory_kib, passes): (u32, u32),
    ) -> Result<Parcel, Fault> {
        let length = passphrase.expose().chars().count();
        if length < PASSPHRASE_MIN {
            return Err(Fault::new(format_args!(
                "the passphrase has {length} characters; take {PASSPHRASE_MIN} at least"
            )));
        }
        self.read_again()?;
        let mut text = Zeroizing::new(String::new());
        let mut keys = Vec::new();
        for listed in self.all() {
            keys.push(listed.key.id().to_string());
            match listed.made_at {
                Some(made_at) => text.push_str(&line(&listed.key, made_at)),
                None => {
                    let bytes = Zeroizing::new(STANDARD.encode(listed.key.bytes()));
                    text.push_str(&bytes);
                    text.push('\n');
                }
            }
        }
        let mut salt = [0; SALT_SIZE_BYTES];
        rng::fill(&mut salt);
        let key = derive(passphrase, &salt, (memory_kib, passes))?;
        let sealed = STANDARD.encode(key.seal(BOUND, text.as_bytes()));
        Ok(Parcel { keys, salt: STANDARD.encode(salt), memory_kib, passes, sealed })
    }
}

impl Parcel {
    /// Opens it.
    ///
    /// # Errors
    /// When the passphrase is another one, or the parcel was changed.
    pub fn unpack(&self, passphrase: &Secret) -> Result<Unpacked, Fault> {
        let bytes = |text: &str| STANDARD.decode(text).context("the sealed keys are damaged");
        let key = derive(passphrase, &bytes(&self.salt)?, (self.memory_kib, self.passes))?;
        // A wrong passphrase makes another key, which has another name.
        let plain = key.open(BOUND, &bytes(&self.sealed)?).map_err(|_| {
            Fault::new("the keys do not open: the passphrase is another one, or they were changed")
        })?;
        let text = String::from_utf8(plain.to_vec()).context("the sealed keys are damaged")?;
        let text = Zeroizing::new(text);
        list(&text).context("reading the keys of a backup")?;
        Ok(Unpacked(text))
    }
}

impl Unpacked {
    fn ids(&self) -> Result<Vec<KeyId>, Fault> {
        Ok(list(&self.0)?.iter().map(|listed| listed.key.id()).collect())
    }

    /// Puts the keys into a key file: a new one, or one that has them all. `true` when it is new.
    ///
    /// # Errors
    /// When the file lacks one of them, or cannot be read or written.
    pub fn bring_to(&self, path: &Path) -> Result<bool, Fault> {
        if !path.exists() {
            key_file::create_with(path, &self.0)?;
            return Ok(true);
        }
        let held = list(&key_file::text(path)?)?;
        let held: Vec<KeyId> = held.iter().map(|listed| listed.key.id()).collect();
        match self.ids()?.into_iter().find(|id| !held.contains(id)) {
            None => Ok(false),
            Some(id) => Err(Fault::new(format_args!(
                "{} is there and lacks the key {id} of the backup: move it away, or say another \
                 file with --keys-to and put its lines behind those that are there",
                path.display()
            ))),
        }
    }
}

fn derive(passphrase: &Secret, salt: &[u8], (memory, passes): (u32, u32)) -> Result<Key, Fault> {
    if memory > MEMORY_KIB_MAX || passes > PASSES_MAX {
        return Err(Fault::new("the sealed keys ask for more work than any of ours"));
    }
    let wrong = |error: argon2::Error| Fault::new(format_args!("deriving a key: {error}"));
    let params = Params::new(memory, passes, 1, Some(KEY_SIZE_BYTES)).map_err(wrong)?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut bytes = Zeroizing::new([0; KEY_SIZE_BYTES]);
    let text = passphrase.expose().as_bytes();
    argon.hash_password_into(text, salt, bytes.as_mut_slice()).map_err(wrong)?;
    Ok(Key::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const CHEAP: (u32, u32) = (64, 1);
    const PASSPHRASE: &str = "seven geese walk home";

    fn ring() -> (tempfile::TempDir, KeyRing) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        KeyRing::create(&file).unwrap();
        KeyRing::add_to(&file).unwrap();
        let ring = KeyRing::open(&file).unwrap();
        (folder, ring)
    }

    // case: O-keys-sealed
    #[test]
    fn keys_travel_sealed_and_open_under_their_passphrase_alone() {
        let (folder, ring) = ring();
        let text = fs::read_to_string(folder.path().join("key")).unwrap();
        let parcel = ring.pack_at_cost(&PASSPHRASE.into(), CHEAP).unwrap();
        let held: Vec<String> = ring.held().iter().map(|held| held.id.to_string()).collect();
        assert_eq!(parcel.keys, held);
        let shown = serde_json::to_string(&parcel).unwrap();
        for key in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(!shown.contains(key.split(' ').next().unwrap()), "a key is in clear");
        }
        let read: Parcel = serde_json::from_str(&shown).unwrap();
        assert!(read.unpack(&"seven geese swim home".into()).is_err());
        let mut forged = read.clone();
        forged.passes = 2;
        assert!(forged.unpack(&PASSPHRASE.into()).is_err());
        forged.memory_kib = u32::MAX;
        assert!(forged.unpack(&PASSPHRASE.into()).is_err());

        let unpacked = read.unpack(&PASSPHRASE.into()).unwrap();
        let elsewhere = folder.path().join("elsewhere");
        assert!(unpacked.bring_to(&elsewhere).unwrap());
        assert_eq!(KeyRing::open(&elsewhere).unwrap().held(), ring.held());
        assert!(!unpacked.bring_to(&elsewhere).unwrap(), "what is there is enough");
        let other = folder.path().join("other");
        KeyRing::create(&other).unwrap();
        let refused = unpacked.bring_to(&other).unwrap_err().to_string();
        assert!(refused.contains(&parcel.keys[0]), "{refused}");
    }

    #[test]
    fn a_short_passphrase_is_refused() {
        let (_folder, ring) = ring();
        let refused = ring.pack_at_cost(&"geese".into(), CHEAP).unwrap_err().to_string();
        assert!(refused.contains("5 characters"), "{refused}");
    }
}
