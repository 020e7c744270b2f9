//! The file with the key-encryption keys: base64, one a line, `#` begins a comment.

use crate::seal::{KEY_SIZE_BYTES, Key};
use base::{Context, Fault};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// A key file beyond this holds something else.
const SIZE_BYTES_MAX: u64 = 64 * 1024;
/// The owner reads and writes, nobody else does anything.
const MODE: u32 = 0o600;
/// What nobody but the owner may have.
const MODE_OF_OTHERS: u32 = 0o077;

/// The keys in a file, in their order.
pub(crate) fn read(path: &Path) -> Result<Vec<Key>, Fault> {
    let named = format!("the key file {}", path.display());
    let file = File::open(path).context(format!("opening {named}"))?;
    // The open file is asked, not its name, which could lead elsewhere by now.
    let facts = file.metadata().context(format!("looking at {named}"))?;
    if facts.mode() & MODE_OF_OTHERS != 0 {
        return Err(Fault::new(format_args!(
            "{named} has mode {:03o}: others than its owner may use it; run `chmod 600` on it, \
             and change its keys if somebody else could read them",
            facts.mode() & 0o777
        )));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(SIZE_BYTES_MAX).read_to_string(&mut text).context(format!("reading {named}"))?;
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<Key> = lines
        .map(|(number, line)| {
            key(line).context(format!("{named}, line {number}: not 32 bytes in base64"))
        })
        .collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(Fault::new(format_args!("{named} holds no key")));
    }
    Ok(keys)
}

fn key(line: &str) -> Option<Key> {
    let decoded = Zeroizing::new(STANDARD.decode(line).ok()?);
    let mut bytes = Zeroizing::new([0; KEY_SIZE_BYTES]);
    (decoded.len() == KEY_SIZE_BYTES).then(|| bytes.copy_from_slice(&decoded))?;
    Some(Key::new(bytes))
}

/// Writes a new file with one fresh key, safely on disk when this returns.
pub(crate) fn create(path: &Path) -> Result<(), Fault> {
    let named = format!("the key file {}", path.display());
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(path)
        .context(format!("creating {named}"))?;
    let line = Zeroizing::new(STANDARD.encode(Key::fresh().bytes()));
    let text = Zeroizing::new(format!(
        "# Key-encryption keys of postfleet: without them no account's tokens can be opened.\n\
         # The first one seals, all of them open.\n{}\n",
        line.as_str()
    ));
    file.write_all(text.as_bytes()).context(format!("writing {named}"))?;
    file.sync_all().context(format!("writing {named}"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new("."))).context("opening its folder")?;
    folder.sync_all().context(format!("writing {named}"))
}
