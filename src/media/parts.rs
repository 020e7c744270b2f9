//! Files that come in parts: kept beside each other until the last one makes them whole.

use crate::Library;
use crate::library::key;
use base::{Context, Fault};
use bytes::Bytes;
use domain::content::AssetFacts;
use domain::id::{AssetId, TenantId};
use domain::rejection::Rejection;
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use std::time::Duration;

/// A part is at most so long: it is in memory until it is stored.
pub const PART_SIZE_BYTES: usize = 4 * 1024 * 1024;
/// What is put past us, under an address that somebody was given.
const WHOLE: &str = "whole";

impl Library {
    /// Stores a part under a name that no other part has.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn put_part(
        &self,
        (tenant, id): (TenantId, AssetId),
        name: &str,
        bytes: Bytes,
    ) -> Result<(), Fault> {
        let key = part(tenant, id, name);
        let put = self.storage.files.put(&key, PutPayload::from_bytes(bytes)).await;
        put.map(|_| ()).context("storing a part of media")
    }

    /// Removes a part.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn delete_part(
        &self,
        (tenant, id): (TenantId, AssetId),
        name: &str,
    ) -> Result<(), Fault> {
        self.storage.delete(&part(tenant, id, name)).await
    }

    /// Removes whatever there is of the parts of a file.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn delete_parts(&self, (tenant, id): (TenantId, AssetId)) -> Result<(), Fault> {
        self.storage.delete_below(&folder(tenant, id)).await
    }

    /// Makes a file of its parts, by name and length, and of a last one that is at hand.
    ///
    /// # Errors
    /// As [`Library::put`].
    pub async fn assemble(
        &self,
        (tenant, id): (TenantId, AssetId),
        parts: Vec<(String, u64)>,
        last: Bytes,
    ) -> Result<Result<AssetFacts, Rejection>, Fault> {
        let storage = self.storage.clone();
        let stored = stream::iter(parts).flat_map(move |(name, size_bytes)| {
            storage.read(part(tenant, id, &name), 0..size_bytes)
        });
        let last = stream::iter([Ok(last)]);
        self.put(tenant, id, stored.chain(last).boxed()).await
    }

    /// An address at which the storage itself takes a file in, for so long; `None` where it has
    /// none to give.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub async fn put_url(
        &self,
        (tenant, id): (TenantId, AssetId),
        life: Duration,
    ) -> Result<Option<String>, Fault> {
        self.storage.put_url(&part(tenant, id, WHOLE), life).await
    }

    /// Takes a whole file in, to be looked at later; the one before it is forgotten.
    ///
    /// # Errors
    /// When the storage or the sender fails.
    pub async fn lay(
        &self,
        (tenant, id): (TenantId, AssetId),
        chunks: impl futures::Stream<Item = Result<Bytes, Fault>> + Send,
    ) -> Result<Result<(), Rejection>, Fault> {
        Ok(self.store(&part(tenant, id, WHOLE), chunks).await?.map(|_| ()))
    }

    /// Finds out what the file is that was laid down, and takes it in; `None` when there is none.
    /// It is read into another place: whoever has the address can still put something else there.
    ///
    /// # Errors
    /// As [`Library::put`].
    pub async fn adopt(
        &self,
        (tenant, id): (TenantId, AssetId),
    ) -> Result<Option<Result<AssetFacts, Rejection>>, Fault> {
        let key = part(tenant, id, WHOLE);
        let Some(size_bytes) = self.storage.size_bytes(&key).await? else { return Ok(None) };
        if size_bytes > self.size_bytes_max {
            return Ok(Some(Err(crate::probe::too_large(self.size_bytes_max))));
        }
        let chunks = self.storage.read(key, 0..size_bytes);
        self.put(tenant, id, chunks).await.map(Some)
    }
}

fn folder(tenant: TenantId, id: AssetId) -> Path {
    Path::from(format!("{}.parts", key(tenant, id)))
}

fn part(tenant: TenantId, id: AssetId, name: &str) -> Path {
    folder(tenant, id).join(name)
}
