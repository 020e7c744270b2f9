//! A backup of the fleet in one file: a line that says what it is, a line of JSON, the dump as
//! Postgres's own program writes it, and the SHA-256 of all that.
//!
//! Invariant: nothing is read back before the digest was compared, and a file with this name is
//! never half written.

pub mod programs;

use base::digest::hex;
use base::{Context, Fault};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use vault::Parcel;

/// What a backup begins with.
const MAGIC: &str = "postfleet backup 1\n";
const DIGEST_SIZE_BYTES: u64 = 32;
/// The line of JSON is never longer: a ring has a handful of keys.
const HEAD_SIZE_BYTES_MAX: u64 = 1024 * 1024;
const PIECE_SIZE_BYTES: usize = 256 * 1024;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Head {
    /// When it was begun: what was accepted later is not in it.
    pub made_at: String,
    /// The version of the program that made it.
    pub version: String,
    /// Where the files of posts lay, which are not in it.
    pub media: String,
    /// The keys of the vault, sealed; none where they are kept elsewhere.
    pub keys: Option<Parcel>,
}

/// A backup that is being written, under another name until it is whole.
pub struct Writing {
    file: File,
    digest: Sha256,
    at: PathBuf,
    to: PathBuf,
    size_bytes: u64,
}

impl Writing {
    /// Begins one.
    ///
    /// # Errors
    /// When there is a file of this name, or none can be made.
    pub fn begin(to: &Path, head: &Head) -> Result<Self, Fault> {
        if to.exists() {
            return Err(Fault::new(format_args!("{} is there already", to.display())));
        }
        let mut name = to.as_os_str().to_owned();
        name.push(".partial");
        let at = PathBuf::from(name);
        let mut options = OpenOptions::new();
        // It holds the posts of everybody.
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&at).context(format!("making {}", at.display()))?;
        let mut writing =
            Self { file, digest: Sha256::new(), at, to: to.to_owned(), size_bytes: 0 };
        writing.put(MAGIC.as_bytes())?;
        let head = serde_json::to_string(head).context("writing what a backup says of itself")?;
        writing.put(format!("{head}\n").as_bytes())?;
        Ok(writing)
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.digest.update(bytes);
        self.size_bytes += bytes.len() as u64;
        self.file.write_all(bytes).context(format!("writing {}", self.at.display()))
    }

    /// Ends it, safely on disk when this returns; its size.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn end(mut self) -> Result<u64, Fault> {
        let digest = std::mem::take(&mut self.digest).finalize();
        self.put(&digest)?;
        self.file.sync_all().context(format!("writing {}", self.at.display()))?;
        fs::rename(&self.at, &self.to).context(format!("naming {}", self.to.display()))?;
        Ok(self.size_bytes)
    }

    /// Takes away what was written.
    pub fn give_up(self) {
        let _ = fs::remove_file(&self.at);
    }
}

/// A backup that is whole.
pub struct Backup {
    /// What it says of itself.
    pub head: Head,
    /// Its digest, in hexadecimal digits.
    pub sha256: String,
    file: File,
    dump_at: u64,
    left: u64,
}

impl Backup {
    /// Opens one, and reads it once to see that it is what was written.
    ///
    /// # Errors
    /// When it is none, was cut short or was changed.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let named = path.display().to_string();
        let mut file = File::open(path).context(format!("opening {named}"))?;
        let size = file.metadata().context(format!("looking at {named}"))?.len();
        let no_backup = || Fault::new(format_args!("{named} is no backup of postfleet"));
        let mut magic = vec![0; MAGIC.len()];
        file.read_exact(&mut magic).map_err(|_| no_backup())?;
        if magic != MAGIC.as_bytes() || size < MAGIC.len() as u64 + DIGEST_SIZE_BYTES {
            return Err(no_backup());
        }
        let mut head = String::new();
        BufReader::new((&mut file).take(HEAD_SIZE_BYTES_MAX))
            .read_line(&mut head)
            .context(format!("reading {named}"))?;
        let read: Head = serde_json::from_str(&head).context(format!("reading {named}"))?;
        file.seek(SeekFrom::Start(0)).context(format!("reading {named}"))?;
        let mut digest = Sha256::new();
        let mut whole = (&mut file).take(size - DIGEST_SIZE_BYTES);
        let mut piece = vec![0; PIECE_SIZE_BYTES];
        loop {
            let count = whole.read(&mut piece).context(format!("reading {named}"))?;
            if count == 0 {
                break;
            }
            digest.update(&piece[..count]);
        }
        let mut told = [0; DIGEST_SIZE_BYTES as usize];
        file.read_exact(&mut told).context(format!("reading {named}"))?;
        if digest.finalize().as_slice() != told {
            return Err(Fault::new(format_args!(
                "{named} was changed or cut short: take another backup"
            )));
        }
        let dump_at = MAGIC.len() as u64 + head.len() as u64;
        let left = size - DIGEST_SIZE_BYTES - dump_at;
        file.seek(SeekFrom::Start(dump_at)).context(format!("reading {named}"))?;
        Ok(Self { head: read, sha256: hex(&told), file, dump_at, left })
    }

    /// The next bytes of the dump; none at its end.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn next(&mut self) -> Result<Vec<u8>, Fault> {
        let mut piece = Vec::new();
        let most = self.left.min(PIECE_SIZE_BYTES as u64);
        let at = self.dump_at;
        let read = (&mut self.file).take(most).read_to_end(&mut piece);
        read.context(format!("reading the dump at {at}"))?;
        self.left -= piece.len() as u64;
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            made_at: "2026-11-26T00:00:00Z".into(),
            version: "0.1.0".into(),
            media: "the folder media".into(),
            keys: None,
        }
    }

    // case: O-backup-whole
    #[test]
    fn a_backup_is_read_as_it_was_written_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup");
        let mut writing = Writing::begin(&path, &head()).unwrap();
        let dump: Vec<u8> = (0..700_000_u32).map(|n| n as u8).collect();
        writing.put(&dump).unwrap();
        assert!(!path.exists(), "it has its name when it is whole");
        writing.end().unwrap();
        assert!(Writing::begin(&path, &head()).is_err(), "none is written over");

        let mut backup = Backup::open(&path).unwrap();
        assert_eq!(backup.head, head());
        let mut read = Vec::new();
        loop {
            let piece = backup.next().unwrap();
            if piece.is_empty() {
                break;
            }
            read.extend(piece);
        }
        assert!(read == dump);

        let whole = fs::read(&path).unwrap();
        let refused = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            Backup::open(&path).err().map(|fault| fault.to_string()).unwrap_or_default()
        };
        assert!(refused(&whole[..whole.len() - 1]).contains("cut short"));
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        assert!(refused(&changed).contains("was changed"));
        assert!(refused(b"PGDMP").contains("is no backup"));
    }
}
