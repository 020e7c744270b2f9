//! How much lies under which key, and taking a key away that nothing lies under.

use super::Keys;
use base::{Context, Fault};
use domain::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use store::reseals::Field;
use vault::{Held, KeyId, Source};

/// Where an installation stands with its keys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Where the key ring comes from.
    pub source: String,
    /// The key-encryption keys, in the order of the ring, then those that it lacks.
    pub keys: Vec<Under>,
    /// Sealed values under the key that seals for their tenant now.
    pub on_current: i64,
    /// Sealed values under older data keys.
    pub on_old: i64,
    /// Sealed values under data keys that nobody knows.
    pub on_unknown: i64,
}

/// A key-encryption key and what lies under it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Under {
    /// Its name.
    pub key: String,
    /// `first`, `other`, or `missing`.
    pub place: &'static str,
    /// When it was made, where the ring tells.
    pub made_at: Option<Timestamp>,
    /// Data keys that are wrapped under it.
    pub data_keys: i64,
    /// Sealed values under these data keys, by kind.
    pub values: BTreeMap<&'static str, i64>,
}

/// What taking a key away came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Retired {
    /// It is out of the file.
    Gone,
    /// Nothing needs it, but its owner has to take it out there.
    Elsewhere(String),
    /// So many data keys are wrapped under it.
    InUse(i64),
    /// It is the key that wraps.
    First,
    /// The ring has no such key.
    Unknown,
}

impl Under {
    /// Something lies under it, and nobody can open that for lack of it.
    pub fn is_missing(&self) -> bool {
        self.place == "missing" && self.data_keys > 0
    }
}

/// Looks how much of these kinds lies under which key. Reads every sealed row once.
///
/// # Errors
/// When Postgres fails or the ring cannot be read.
pub async fn status(keys: &Keys, fields: &[Field]) -> Result<Status, Fault> {
    keys.ring.read_again()?;
    let mut wrapped: BTreeMap<String, i64> = BTreeMap::new();
    for (id, count) in keys.store.wrappings().await? {
        wrapped.insert(name(&id), count);
    }
    let mut status = Status {
        source: keys.ring.source().to_string(),
        keys: Vec::new(),
        on_current: 0,
        on_old: 0,
        on_unknown: 0,
    };
    let mut values: BTreeMap<String, BTreeMap<&'static str, i64>> = BTreeMap::new();
    for field in fields {
        for tally in keys.store.tally(*field).await? {
            let Some(id) = tally.wrapped_under else {
                status.on_unknown += tally.count;
                continue;
            };
            match tally.is_current {
                true => status.on_current += tally.count,
                false => status.on_old += tally.count,
            }
            *values.entry(name(&id)).or_default().entry(field.as_str()).or_default() += tally.count;
        }
    }
    let mut under = |key: String, place, made_at| Under {
        data_keys: wrapped.remove(&key).unwrap_or(0),
        values: values.remove(&key).unwrap_or_default(),
        key,
        place,
        made_at,
    };
    for (at, Held { id, made_at }) in keys.ring.held().into_iter().enumerate() {
        let place = if at == 0 { "first" } else { "other" };
        status.keys.push(under(id.to_string(), place, made_at));
    }
    let missing: Vec<String> = wrapped.keys().cloned().collect();
    for key in missing {
        let data_keys = wrapped.remove(&key).unwrap_or(0);
        let values = values.remove(&key).unwrap_or_default();
        status.keys.push(Under { key, place: "missing", made_at: None, data_keys, values });
    }
    Ok(status)
}

/// The name of a key in a row; what is no name is shown as it is.
fn name(bytes: &[u8]) -> String {
    KeyId::read(bytes).map_or_else(|| base::digest::hex(bytes), |id| id.to_string())
}

/// Takes a key out of the ring, unless anything lies under it.
///
/// # Errors
/// When Postgres fails, or the ring cannot be read or written.
pub async fn retire(keys: &Keys, id: KeyId) -> Result<Retired, Fault> {
    keys.ring.read_again()?;
    if keys.ring.first()? == id {
        return Ok(Retired::First);
    }
    if keys.ring.held().iter().all(|held| held.id != id) {
        return Ok(Retired::Unknown);
    }
    let wrapped = keys.store.wrappings().await?;
    let under = wrapped.iter().find(|(under, _)| under == id.bytes());
    if let Some((_, count)) = under {
        return Ok(Retired::InUse(*count));
    }
    match keys.ring.source() {
        Source::File(_) => {
            keys.ring.remove(id).context("retiring a key")?;
            Ok(Retired::Gone)
        }
        elsewhere @ (Source::Inline(_) | Source::Credential(_)) => {
            Ok(Retired::Elsewhere(elsewhere.to_string()))
        }
    }
}
