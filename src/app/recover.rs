//! Lets a fleet work on a database that was read back from a backup.
//!
//! First it is made sure that what the database needs is there: its schema, the keys that its
//! secrets lie under, the files that its posts name. Then everything that may be out is marked, so
//! that its platform is asked before anything is sent.

use crate::keys::{self, Keys};
use base::Fault;
use domain::time::Timestamp;
use media::Library;
use serde::Serialize;
use store::Store;
use uuid::Uuid;

/// Files of one look.
const FILES_AT_ONCE: i64 = 500;
/// Missing files that are named.
const NAMED_MAX: usize = 20;

/// What was found, and what was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovered {
    /// Since when the database was held; nothing where it was not.
    pub held_since: Option<Timestamp>,
    /// What it was read back from.
    pub origin: Option<String>,
    /// Deliveries whose platforms are asked before anything is sent.
    pub asked_first: i64,
    /// Grants whose refresh tokens may have been used since, presented one after the other.
    pub doubted_grants: i64,
    /// Files that posts may name, and those of them that are not in the library.
    pub files: u64,
    /// How many are not there.
    pub missing_files: u64,
    /// Some of those.
    pub missing: Vec<String>,
    /// What keeps the fleet from working; nothing where it works.
    pub obstacles: Vec<String>,
}

/// Looks, marks and releases. `without_files`: files that are missing are given up, and the posts
/// that need them will fail, each with its reason.
///
/// # Errors
/// When Postgres, the library or the key ring fails; then nothing has changed but the schema.
pub async fn recover(
    (store, keys): (&Store, &Keys),
    library: &Library,
    without_files: bool,
) -> Result<Recovered, Fault> {
    let held = store.quarantine().await?;
    if held.is_some() {
        // The program may be newer than the backup.
        store.migrate().await?;
    }
    let mut found = Recovered {
        held_since: held.as_ref().map(|held| held.since),
        origin: held.as_ref().map(|held| held.origin.clone()),
        asked_first: 0,
        doubted_grants: 0,
        files: 0,
        missing_files: 0,
        missing: Vec::new(),
        obstacles: Vec::new(),
    };
    for key in keys::status(keys, &[]).await?.keys.iter().filter(|key| key.is_missing()) {
        found.obstacles.push(format!(
            "the ring lacks the key {}, under which {} data keys lie: bring it, as `postfleet \
             restore` does from the backup",
            key.key, key.data_keys
        ));
    }
    files(store, library, &mut found).await?;
    if found.missing_files > 0 && !without_files {
        found.obstacles.push(format!(
            "{} of {} files are not in the library: bring them, or say --without-files, and the \
             posts that need them will fail with that reason",
            found.missing_files, found.files
        ));
    }
    let marked = match held {
        Some(held) if found.obstacles.is_empty() => store.release(held.since).await?,
        _ => store.marked().await?,
    };
    (found.asked_first, found.doubted_grants) = (marked.deliveries, marked.grants);
    Ok(found)
}

async fn files(store: &Store, library: &Library, found: &mut Recovered) -> Result<(), Fault> {
    let mut after = Uuid::nil();
    loop {
        let files = store.files_after(after, FILES_AT_ONCE).await?;
        let Some((_, last)) = files.last() else { return Ok(()) };
        after = last.uuid();
        for (tenant, file) in files {
            found.files += 1;
            if library.has(tenant, file).await? {
                continue;
            }
            found.missing_files += 1;
            if found.missing.len() < NAMED_MAX {
                found.missing.push(file.to_string());
            }
        }
    }
}
