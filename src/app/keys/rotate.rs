//! Brings everything under new keys, while workers work.
//!
//! Three steps, each of which can be broken off anywhere and taken up again: data keys are wrapped
//! under the first key of the ring; each tenant gets a data key that was made under it; what older
//! data keys sealed is sealed anew. What is done already is known by what is stored, so a second
//! rotation beside the first, or after its death, does what is left.

use super::{CURRENT_FOR, Keys, Opened, Purpose};
use crate::{checkpoints, seals};
use base::digest::hex;
use base::{Context, Fault, clock};
use domain::id::{DeliveryId, TenantId};
use serde::Serialize;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use store::data_keys::DataKeyRow;
use store::reseals::{Field, Sealed};
use uuid::Uuid;
use vault::{Clear, DataKey, NotUnwrapped, Wrapped};

/// Data keys of one statement.
const KEYS_MAX: i64 = 500;
/// Values of one statement: few enough that nobody waits for their rows.
const VALUES_MAX: usize = 500;
/// Walks over everything. What a walk leaves is being worked on, and the next one finds it.
const WALKS_MAX: usize = 120;
/// Between two walks.
const REST: Duration = Duration::from_secs(1);

/// How to rotate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rotation {
    /// Only wrap the data keys under the first key; nothing is sealed anew.
    pub wrapping_only: bool,
    /// Give every tenant a new data key, though the first key has not changed.
    pub all_data_keys: bool,
    /// Values sealed anew in a second at most; unbounded without it.
    pub values_per_second: Option<u32>,
}

/// What a rotation did.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotated {
    /// The key that wraps now.
    pub key: String,
    /// Data keys wrapped under it.
    pub rewrapped: u64,
    /// New data keys.
    pub replaced: u64,
    /// Values sealed anew, by kind.
    pub resealed: BTreeMap<&'static str, u64>,
    /// Values that do not open, and were left as they are.
    pub refused: u64,
    /// Values under older data keys that were being worked on all the time.
    pub left: u64,
}

/// What a walk came to.
#[derive(Default)]
struct Walk {
    resealed: u64,
    refused: u64,
    /// Changed or locked while it was looked at.
    missed: u64,
    /// The rows that do not open, of all walks.
    told: HashSet<Vec<u8>>,
}

/// What a value holds.
enum Content {
    Clear(Clear),
    Refused,
    /// It is another one by now.
    Moved,
}

/// Brings everything under the first key of the ring.
///
/// # Errors
/// When Postgres fails, or a data key is wrapped under a key that the ring lacks. What was done
/// stays done.
pub async fn rotate(keys: &Keys, rotation: Rotation) -> Result<Rotated, Fault> {
    let began = clock::stopwatch();
    keys.ring.read_again()?;
    let mut done = Rotated { key: keys.ring.first()?.to_string(), ..Rotated::default() };
    keys.store.forget_old_data_keys().await?;
    done.rewrapped = rewrap(keys).await?;
    if rotation.wrapping_only {
        return Ok(done);
    }
    let age = rotation.all_data_keys.then_some(began);
    done.replaced = replace(keys, age).await?;
    keys.store.forget_verifiers().await?;
    let mut told = HashSet::new();
    for _ in 0..WALKS_MAX {
        let mut all = Walk { told, ..Walk::default() };
        for field in Field::ALL {
            let before = all.resealed;
            walk(keys, field, rotation.values_per_second, &mut all).await?;
            *done.resealed.entry(field.as_str()).or_default() += all.resealed - before;
        }
        (done.refused, done.left) = (all.refused, all.missed);
        told = all.told;
        keys.flush().await;
        // Until then a worker may seal with the key that it took for the present one.
        let grace = (CURRENT_FOR + REST).saturating_sub(keys.store.newest_replacement_age().await?);
        if done.left == 0 && grace.is_zero() {
            break;
        }
        clock::pause(grace.max(REST)).await;
    }
    Ok(done)
}

/// Wraps data keys under the first key.
async fn rewrap(keys: &Keys) -> Result<u64, Fault> {
    let (mut after, mut written) = (0, 0);
    loop {
        // As it is now: somebody may have put another one first.
        keys.ring.read_again()?;
        let first = keys.ring.first()?;
        let rows = keys.store.data_keys_not_under(first.bytes(), after, KEYS_MAX).await?;
        let Some(last) = rows.last() else { return Ok(written) };
        after = last.no;
        let mut fresh = Vec::with_capacity(rows.len());
        for row in rows {
            match keys.unwrap(&row, row.key_id.as_deref().and_then(vault::KeyId::read)) {
                Ok(_) => {}
                Err(NotUnwrapped::Broken(why)) => {
                    keys.break_key(&row, why).await?;
                    continue;
                }
                Err(lacking @ NotUnwrapped::NoKey(_)) => {
                    return Err(lacking).context(format!("a data key of {}", row.tenant));
                }
            }
            let DataKeyRow { no, wrapped, tenant, .. } = row;
            if let Some(Wrapped(anew)) = keys.ring.rewrap(&Wrapped(wrapped.clone()), tenant)? {
                fresh.push((no, wrapped, anew));
            }
        }
        written += keys.store.rewrap_data_keys(fresh).await?;
    }
}

/// Gives each tenant a data key that was made under the first key, or since `began`.
async fn replace(keys: &Keys, began: Option<std::time::Instant>) -> Result<u64, Fault> {
    let first = keys.ring.first()?;
    let (mut after, mut made) = (0, 0);
    loop {
        let age_ms = began.map(|at| i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX));
        let rows = keys.store.data_keys_to_replace(first.bytes(), age_ms, after, KEYS_MAX).await?;
        let Some(last) = rows.last() else { return Ok(made) };
        after = last.no;
        for row in rows {
            let reason = format!("a rotation to the key {first}");
            made += u64::from(keys.replace(row.tenant, Some(row.no), &reason).await?);
        }
    }
}

/// Seals anew what is not under its tenant's present key.
async fn walk(
    keys: &Keys,
    field: Field,
    per_second: Option<u32>,
    walk: &mut Walk,
) -> Result<(), Fault> {
    let mut after = Vec::new();
    loop {
        let page = keys.store.sealed_elsewhere(field, &after).await?;
        for batch in page.sealed.chunks(batch_of(per_second)) {
            let began = clock::stopwatch();
            batch_anew(keys, field, batch, walk).await?;
            if let Some(per_second) = per_second {
                let time =
                    Duration::from_secs_f64(count(batch.len()) / f64::from(per_second.max(1)));
                clock::pause(time.saturating_sub(began.elapsed())).await;
            }
        }
        match page.last {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

/// A paced rotation goes on in small steps.
fn batch_of(per_second: Option<u32>) -> usize {
    let tenth = per_second.map_or(VALUES_MAX, |n| usize::try_from(n / 10).unwrap_or(VALUES_MAX));
    tenth.clamp(1, VALUES_MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a batch is far smaller than 2^52")]
fn count(values: usize) -> f64 {
    values as f64
}

async fn batch_anew(
    keys: &Keys,
    field: Field,
    batch: &[Sealed],
    walk: &mut Walk,
) -> Result<(), Fault> {
    let mut sealing: HashMap<TenantId, Arc<DataKey>> = HashMap::new();
    let mut fresh = Vec::with_capacity(batch.len());
    for value in batch {
        let key = match sealing.entry(value.tenant) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(keys.sealing(value.tenant).await?),
        };
        match clear(keys, field, value, walk).await? {
            Content::Clear(clear) => fresh.push((value.clone(), anew(field, value, key, &clear))),
            Content::Refused => walk.refused += 1,
            Content::Moved => walk.missed += 1,
        }
    }
    let written = keys.store.reseal(field, &fresh).await?;
    walk.resealed += written;
    walk.missed += (fresh.len() as u64).saturating_sub(written);
    Ok(())
}

/// What a value holds. One that does not open is told of, once.
async fn clear(
    keys: &Keys,
    field: Field,
    value: &Sealed,
    walk: &mut Walk,
) -> Result<Content, Fault> {
    let subject = subject(field, value);
    let (associated, sealed) = match field {
        Field::Grant => {
            let credential = value.credential().context("a credential without times")?;
            let of = (value.tenant, value.platform.as_str());
            let opened = keys.open_grant(Purpose::Rotate, of, &credential).await?;
            return Ok(match opened {
                Opened::Clear(clear) => Content::Clear(clear),
                Opened::Damaged(_) => Content::Refused,
                Opened::Replaced => Content::Moved,
            });
        }
        Field::Verifier => {
            (seals::verifier(value.tenant, &value.platform, &subject), Ok(value.bytes.clone()))
        }
        Field::Checkpoint => (
            seals::checkpoint(value.tenant, &subject, value.version),
            checkpoints::bytes(&value.bytes),
        ),
        Field::Choices => {
            (seals::choices(value.tenant, &value.platform, &subject), Ok(value.bytes.clone()))
        }
        Field::OwnApp => (
            seals::own_app(value.tenant, &value.platform, &subject, value.version),
            Ok(value.bytes.clone()),
        ),
        Field::Webhook => (seals::webhook(value.tenant, &subject), Ok(value.bytes.clone())),
    };
    let opened = match sealed {
        Ok(sealed) => keys.open(&associated, &sealed).await?,
        Err(why) => Err(why),
    };
    match opened {
        Ok(clear) => Ok(Content::Clear(clear)),
        Err(why) => {
            if walk.told.insert(value.row.clone()) {
                keys.refuse(value.tenant, (field.as_str(), &subject), why).await?;
            }
            Ok(Content::Refused)
        }
    }
}

/// The value under another key, in the form in which it is stored.
fn anew(field: Field, value: &Sealed, key: &DataKey, clear: &Clear) -> Vec<u8> {
    let subject = subject(field, value);
    match field {
        Field::Grant => {
            let at = seals::grant(value.tenant, &value.platform, &subject, value.version);
            key.seal(&at, clear.bytes())
        }
        Field::Verifier => {
            key.seal(&seals::verifier(value.tenant, &value.platform, &subject), clear.bytes())
        }
        Field::Checkpoint => {
            let at = seals::checkpoint(value.tenant, &subject, value.version);
            checkpoints::text(&key.seal(&at, clear.bytes())).into_bytes()
        }
        Field::Choices => {
            key.seal(&seals::choices(value.tenant, &value.platform, &subject), clear.bytes())
        }
        Field::OwnApp => {
            let at = seals::own_app(value.tenant, &value.platform, &subject, value.version);
            key.seal(&at, clear.bytes())
        }
        Field::Webhook => key.seal(&seals::webhook(value.tenant, &subject), clear.bytes()),
    }
}

/// What a value belongs to, as its seal has it.
fn subject(field: Field, value: &Sealed) -> String {
    let id = Uuid::from_slice(&value.row).unwrap_or_default();
    match field {
        Field::Grant => domain::id::AccountId::new(id).to_string(),
        Field::Verifier | Field::Choices => hex(&value.row),
        Field::OwnApp | Field::Webhook => id.simple().to_string(),
        Field::Checkpoint => DeliveryId::new(id).to_string(),
    }
}
