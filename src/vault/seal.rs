//! The sealed form: version, key id, nonce, ciphertext with its tag.
//!
//! XChaCha20-Poly1305: its nonce is long enough to be drawn by chance for every seal.

use base::digest::hex;
use base::rng;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// The length of every key.
pub(crate) const KEY_SIZE_BYTES: usize = 32;
/// The form written today; another first byte is refused.
const VERSION: u8 = 1;
const NONCE_SIZE_BYTES: usize = 24;
const ID_SIZE_BYTES: usize = 8;
const HEAD_SIZE_BYTES: usize = 1 + ID_SIZE_BYTES + NONCE_SIZE_BYTES;

/// Names a key without telling anything of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID_SIZE_BYTES]);

impl KeyId {
    /// The id as a seal begins with it, after its first byte.
    pub const fn bytes(&self) -> &[u8; ID_SIZE_BYTES] {
        &self.0
    }

    /// The id of these bytes, where there are as many as an id has.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Reads the sixteen hexadecimal digits that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 2 * ID_SIZE_BYTES && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_hex)?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Why something sealed does not open. It never does afterwards either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// Less is there than any seal has.
    #[error("it is cut short")]
    Short,
    /// Its first byte names no form of this version.
    #[error("it has a form that this version does not know")]
    Form,
    /// It names another key than the one it was tried with.
    #[error("it is sealed under another key")]
    OtherKey,
    /// Its tag does not fit: not to its bytes, or not to where it lies.
    #[error("it was changed, or it belongs to something else")]
    Changed,
}

/// A symmetric key. Its memory is cleared when it goes.
pub(crate) struct Key {
    id: KeyId,
    bytes: SecretBox<[u8; KEY_SIZE_BYTES]>,
}

impl Key {
    /// The key made of these bytes; they are cleared.
    pub(crate) fn new(bytes: Zeroizing<[u8; KEY_SIZE_BYTES]>) -> Self {
        let digest =
            Sha256::new().chain_update(b"postfleet key id\0").chain_update(*bytes).finalize();
        let mut id = [0; ID_SIZE_BYTES];
        id.copy_from_slice(&digest[..ID_SIZE_BYTES]);
        Self {
            id: KeyId(id),
            bytes: SecretBox::init_with_mut(|held: &mut [u8; KEY_SIZE_BYTES]| *held = *bytes),
        }
    }

    /// A key that nobody has seen.
    pub(crate) fn fresh() -> Self {
        let mut bytes = Zeroizing::new([0; KEY_SIZE_BYTES]);
        rng::fill(bytes.as_mut_slice());
        Self::new(bytes)
    }

    pub(crate) const fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_SIZE_BYTES] {
        self.bytes.expose_secret()
    }

    /// A tag over `message`, for one purpose (HMAC-SHA-256, RFC 2104).
    pub(crate) fn tag(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        // Any length of key is taken, so this cannot be refused.
        let Ok(mut mac) = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(self.bytes()) else {
            panic!("HMAC takes keys of every length");
        };
        mac.update(b"postfleet tag\0");
        mac.update(&(purpose.len() as u64).to_be_bytes());
        mac.update(purpose.as_bytes());
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.bytes().into())
    }

    /// Seals `plain`, bound to `associated`.
    pub(crate) fn seal(&self, associated: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(self.id.bytes());
        let mut nonce = [0; NONCE_SIZE_BYTES];
        rng::fill(&mut nonce);
        sealed.extend_from_slice(&nonce);
        let bound = bound(&sealed[..1 + ID_SIZE_BYTES], associated);
        let payload = Payload { msg: plain, aad: &bound };
        let ciphertext = self.cipher().encrypt(&XNonce::from(nonce), payload);
        // The cipher refuses only beyond 256 GiB.
        sealed.extend(ciphertext.expect("a secret is far below the cipher's limit"));
        sealed
    }

    /// Opens what [`Key::seal`] made with the same key and the same `associated`.
    pub(crate) fn open(
        &self,
        associated: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let (id, nonce, ciphertext) = parts(sealed)?;
        if id != self.id {
            return Err(Unopened::OtherKey);
        }
        let bound = bound(&sealed[..1 + ID_SIZE_BYTES], associated);
        let payload = Payload { msg: ciphertext, aad: &bound };
        let plain = self.cipher().decrypt(&XNonce::from(nonce), payload);
        plain.map(Zeroizing::new).map_err(|_| Unopened::Changed)
    }
}

/// The id of the key that `sealed` was made with.
///
/// # Errors
/// When it is no seal.
pub fn key_id(sealed: &[u8]) -> Result<KeyId, Unopened> {
    parts(sealed).map(|(id, ..)| id)
}

fn parts(sealed: &[u8]) -> Result<(KeyId, [u8; NONCE_SIZE_BYTES], &[u8]), Unopened> {
    let (head, ciphertext) = sealed.split_at_checked(HEAD_SIZE_BYTES).ok_or(Unopened::Short)?;
    if head[0] != VERSION {
        return Err(Unopened::Form);
    }
    let (mut id, mut nonce) = ([0; ID_SIZE_BYTES], [0; NONCE_SIZE_BYTES]);
    id.copy_from_slice(&head[1..=ID_SIZE_BYTES]);
    nonce.copy_from_slice(&head[1 + ID_SIZE_BYTES..]);
    Ok((KeyId(id), nonce, ciphertext))
}

/// Version and key id are bound too. They have a fixed length, so nothing can slide between them
/// and what follows.
fn bound(head: &[u8], associated: &[u8]) -> Vec<u8> {
    [head, associated].concat()
}
