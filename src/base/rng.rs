//! The only place that draws chance.

use crate::clock;
use domain::id::Id;
use uuid::Uuid;

/// A fresh identifier that sorts by the present.
pub fn id<K>() -> Id<K> {
    let ms = clock::now().ms().max(0).unsigned_abs();
    let mut bytes = [0; 10];
    fill(&mut bytes);
    Id::new(uuid::Builder::from_unix_timestamp_millis(ms, &bytes).into_uuid())
}

/// 64 random bits.
pub fn nonce() -> i64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    i64::from_le_bytes(bytes)
}

/// A number from 0 to 1.
pub fn chance() -> f64 {
    let mut bytes = [0; 4];
    fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

/// Fills `bytes` with chance fit for secrets.
#[expect(clippy::disallowed_methods, reason = "the one place that draws chance")]
pub fn fill(bytes: &mut [u8]) {
    rand::Rng::fill_bytes(&mut rand::rng(), bytes);
}

/// A fresh random UUID, where nothing is to be read from it.
pub fn uuid() -> Uuid {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
