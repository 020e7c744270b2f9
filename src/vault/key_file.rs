//! The file with the key-encryption keys: base64, one a line, `#` begins a comment.
//!
//! Invariant: whoever reads it sees it before or after a change, whole.

use crate::seal::{Key, KeyId};
use crate::source::{line, list};
use base::{Context, Fault};
use domain::time::Timestamp;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A key file beyond this holds something else.
const SIZE_BYTES_MAX: u64 = 64 * 1024;
/// The owner reads and writes, nobody else does anything.
const MODE: u32 = 0o600;
/// What nobody but the owner may have.
const MODE_OF_OTHERS: u32 = 0o077;
/// What a new file begins with.
const HEAD: &str = "\
# Key-encryption keys of postfleet: without them no account's tokens can be opened.
# The first one seals, all of them open.
";

/// The text of a file that its owner alone can use.
pub(crate) fn text(path: &Path) -> Result<Zeroizing<String>, Fault> {
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
    read(file).context(format!("reading {named}"))
}

/// The text of a file whose folder keeps others out.
pub(crate) fn text_of_any_mode(path: &Path) -> Result<Zeroizing<String>, Fault> {
    let named = format!("the credential {}", path.display());
    let file = File::open(path).context(format!("opening {named}"))?;
    read(file).context(format!("reading {named}"))
}

fn read(file: File) -> Result<Zeroizing<String>, Fault> {
    let mut text = Zeroizing::new(String::new());
    file.take(SIZE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a new file with one fresh key, safely on disk when this returns; the key's name.
pub(crate) fn create(path: &Path, now: Timestamp) -> Result<KeyId, Fault> {
    let key = Key::fresh();
    let text = Zeroizing::new(format!("{HEAD}{}", line(&key, now).as_str()));
    write_new(path, &text)?;
    sync_folder(path)?;
    Ok(key.id())
}

/// Writes a new file with these lines of keys, safely on disk when this returns.
pub(crate) fn create_with(path: &Path, lines: &str) -> Result<(), Fault> {
    write_new(path, &Zeroizing::new(format!("{HEAD}{lines}")))?;
    sync_folder(path)
}

/// Puts a fresh key before the others of a file, or makes the file; the key's name.
pub(crate) fn add(path: &Path, now: Timestamp) -> Result<KeyId, Fault> {
    if !path.exists() {
        return create(path, now);
    }
    let key = Key::fresh();
    change(path, |text| {
        let is_key = |line: &&str| list(line).is_ok();
        let at = text.split_inclusive('\n').take_while(|line| !is_key(line)).map(str::len).sum();
        let (head, rest) = text.split_at(at);
        Ok(Zeroizing::new(format!("{head}{}{rest}", line(&key, now).as_str())))
    })?;
    Ok(key.id())
}

/// Takes a key out of a file, unless it is the first.
pub(crate) fn remove(path: &Path, id: KeyId) -> Result<(), Fault> {
    change(path, |text| {
        let all = list(text)?;
        if all.first().is_some_and(|first| first.key.id() == id) {
            return Err(Fault::new(format_args!("{id} is the key that seals")));
        }
        if all.iter().all(|listed| listed.key.id() != id) {
            return Err(Fault::new(format_args!("there is no key {id} in it")));
        }
        let is_it = |line: &str| {
            let listed = list(line).unwrap_or_default();
            listed.len() == 1 && listed.iter().all(|one| one.key.id() == id)
        };
        let kept = text.split_inclusive('\n').filter(|line| !is_it(line));
        let left = Zeroizing::new(kept.collect::<String>());
        if list(&left)?.iter().any(|listed| listed.key.id() == id) {
            return Err(Fault::new("it shares its line with another key: part them first"));
        }
        Ok(left)
    })
}

/// Replaces a file by what `edit` makes of its text; one at a time.
fn change(
    path: &Path,
    edit: impl FnOnce(&str) -> Result<Zeroizing<String>, Fault>,
) -> Result<(), Fault> {
    let named = format!("the key file {}", path.display());
    // Behind a link lies what is to be replaced, not the link.
    let path = &fs::canonicalize(path).context(format!("finding {named}"))?;
    let turn = File::open(folder_of(path)).context("opening the folder of the key file")?;
    turn.lock().context("locking the folder of the key file")?;
    let owner = fs::metadata(path).context(format!("looking at {named}"))?;
    let changed = edit(&text(path)?).context(format!("changing {named}"))?;
    let fresh = with_suffix(path, ".new");
    // Left behind by somebody who died in our turn.
    let _ = fs::remove_file(&fresh);
    let file = write_new(&fresh, &changed)?;
    // A service that may read the old file has to be able to read the new one.
    fchown(&file, Some(owner.uid()), Some(owner.gid()))
        .context(format!("giving {named} to its owner, which only that one and root can"))?;
    fs::rename(&fresh, path).context(format!("replacing {named}"))?;
    sync_folder(path)
}

fn write_new(path: &Path, text: &str) -> Result<File, Fault> {
    let named = format!("the key file {}", path.display());
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(MODE);
    let mut file = options.open(path).context(format!("creating {named}"))?;
    file.write_all(text.as_bytes()).context(format!("writing {named}"))?;
    file.sync_all().context(format!("writing {named}"))?;
    Ok(file)
}

fn sync_folder(path: &Path) -> Result<(), Fault> {
    let folder = File::open(folder_of(path)).context("opening the folder of the key file")?;
    folder.sync_all().context("writing the folder of the key file")
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
