//! Where the key-encryption keys come from: a file of their own, the environment, or a credential
//! that systemd hands to a service.

use crate::Config;
use crate::key_file;
use crate::seal::{KEY_SIZE_BYTES, Key};
use base::{Context, Fault};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::secret::Secret;
use domain::time::Timestamp;
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where systemd tells a service to find its credentials (systemd.exec, CREDENTIALS).
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
/// Before the instant at which a key was made, behind the key and a `#`.
const MADE: &str = "made ";

/// A place with keys.
pub enum Source {
    /// A file that its owner alone can read.
    File(PathBuf),
    /// The configuration itself, meant for the environment.
    Inline(Secret),
    /// A file that systemd shows to the service alone.
    Credential(PathBuf),
}

/// A key as its place lists it.
pub(crate) struct Listed {
    pub key: Key,
    pub made_at: Option<Timestamp>,
}

impl Source {
    /// The one place that the configuration names.
    ///
    /// # Errors
    /// When it names none or several.
    pub fn of(config: &Config) -> Result<Self, Fault> {
        let folder = std::env::var_os(CREDENTIALS_DIRECTORY).map(PathBuf::from);
        Self::of_with(config, folder.as_deref())
    }

    pub(crate) fn of_with(config: &Config, credentials: Option<&Path>) -> Result<Self, Fault> {
        match (&config.key_file, &config.keys, &config.credential) {
            (Some(path), None, None) => Ok(Self::File(path.clone())),
            (None, Some(keys), None) => Ok(Self::Inline(keys.clone())),
            (None, None, Some(name)) => {
                let folder = credentials.context(format!(
                    "vault.credential is {name:?}, but {CREDENTIALS_DIRECTORY} is not set: the \
                     unit needs `LoadCredential={name}:…`"
                ))?;
                if name.is_empty() || name.contains('/') {
                    return Err(Fault::new("vault.credential is a name, not a path"));
                }
                Ok(Self::Credential(folder.join(name)))
            }
            (None, None, None) => Err(Fault::new(
                "the vault has no keys: set vault.key_file (`postfleet keys new` makes one), \
                 vault.keys in the environment, or vault.credential",
            )),
            _ => Err(Fault::new(
                "vault.key_file, vault.keys and vault.credential are three ways to the same keys: \
                 set one of them",
            )),
        }
    }

    /// The keys there, in their order; never none.
    pub(crate) fn read(&self) -> Result<Vec<Listed>, Fault> {
        let text = match self {
            Self::File(path) => key_file::text(path)?,
            Self::Inline(keys) => Zeroizing::new(keys.expose().to_owned()),
            // Its folder is the service's alone, whatever the bits of the file show of an ACL.
            Self::Credential(path) => key_file::text_of_any_mode(path)?,
        };
        list(&text).context(format!("reading {self}"))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the key file {}", path.display()),
            Self::Inline(_) => f.write_str("vault.keys"),
            Self::Credential(path) => write!(f, "the credential {}", path.display()),
        }
    }
}

/// The keys of a text: base64, one a line, or several with commas between them; behind a `#`
/// stands what is no key. What cannot be read is named by its line, and not repeated.
pub(crate) fn list(text: &str) -> Result<Vec<Listed>, Fault> {
    let mut all = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let (keys, note) = line.split_once('#').unwrap_or((line, ""));
        let made_at = note.trim().strip_prefix(MADE).and_then(Timestamp::parse);
        for word in keys.split([',', ' ', '\t']).filter(|word| !word.is_empty()) {
            let no_key = || Fault::new(format_args!("line {}: not 32 bytes in base64", at + 1));
            all.push(Listed { key: key(word).ok_or_else(no_key)?, made_at });
        }
    }
    if all.is_empty() {
        return Err(Fault::new("it holds no key"));
    }
    Ok(all)
}

/// A key as a line of a key file, with its end.
pub(crate) fn line(key: &Key, made_at: Timestamp) -> Zeroizing<String> {
    let key = Zeroizing::new(STANDARD.encode(key.bytes()));
    Zeroizing::new(format!("{} # {MADE}{made_at}\n", key.as_str()))
}

fn key(word: &str) -> Option<Key> {
    let decoded = Zeroizing::new(STANDARD.decode(word).ok()?);
    let mut bytes = Zeroizing::new([0; KEY_SIZE_BYTES]);
    (decoded.len() == KEY_SIZE_BYTES).then(|| bytes.copy_from_slice(&decoded))?;
    Some(Key::new(bytes))
}

#[cfg(test)]
mod tests;
