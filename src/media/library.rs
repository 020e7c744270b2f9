//! The place where users' files lie, one per tenant and asset id.

use crate::storage::Storage;
use crate::{Config, probe, thumbnail};
use base::{Context, Fault, digest};
use bytes::{Bytes, BytesMut};
use domain::content::AssetFacts;
use domain::id::{AssetId, TenantId};
use domain::rejection::Rejection;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Pictures that are made small at once: each is in memory as a whole.
const THUMBNAILS_AT_ONCE: usize = 1;

/// Users' files.
#[derive(Clone)]
pub struct Library {
    pub(crate) storage: Storage,
    pub(crate) size_bytes_max: u64,
    keep_days: u32,
    unfinished_hours: u32,
    thumbnails: Arc<Semaphore>,
}

/// What was written down of a file that came in whole.
pub(crate) struct Written {
    size_bytes: u64,
    sha256: String,
}

impl Library {
    /// The library in the configured bucket, or folder, which is made when it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made or read, or the bucket is not described well.
    pub fn open(config: &Config) -> Result<Self, Fault> {
        Ok(Self {
            storage: Storage::open(config)?,
            size_bytes_max: config.size_bytes_max,
            keep_days: config.keep_days,
            unfinished_hours: config.unfinished_hours,
            thumbnails: Arc::new(Semaphore::new(THUMBNAILS_AT_ONCE)),
        })
    }

    /// A larger file is refused.
    pub const fn size_bytes_max(&self) -> u64 {
        self.size_bytes_max
    }

    /// How long a file stays that no post needs; `None` is for ever.
    pub fn keep_for(&self) -> Option<Duration> {
        let days = u64::from(self.keep_days);
        (days > 0).then(|| Duration::from_secs(days * 24 * 3_600))
    }

    /// How long what was begun is waited for.
    pub fn unfinished_for(&self) -> Duration {
        Duration::from_secs(u64::from(self.unfinished_hours.max(1)) * 3_600)
    }

    /// The refusal of a file that is too large.
    pub fn too_large(&self) -> Rejection {
        probe::too_large(self.size_bytes_max)
    }

    /// Takes a file in under a fresh id and finds out what it is. It is safely on disk when this
    /// returns facts, and gone when it returns a rejection or a fault, or is given up.
    ///
    /// # Errors
    /// A fault when the disk or the sender fails; a rejection when the file is too large, not a
    /// picture, film or document we know, or broken.
    pub async fn put(
        &self,
        tenant: TenantId,
        id: AssetId,
        chunks: impl Stream<Item = Result<Bytes, Fault>> + Send,
    ) -> Result<Result<AssetFacts, Rejection>, Fault> {
        let key = key(tenant, id);
        let written = match self.store(&key, chunks).await? {
            Ok(written) => written,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let found = self.found(&key).await;
        if !matches!(found, Ok(Ok(_))) {
            self.delete(tenant, id).await?;
        }
        Ok(found?.map(|found| AssetFacts {
            id,
            kind: found.kind,
            mime: found.mime.to_owned(),
            size_bytes: written.size_bytes,
            width: found.width,
            height: found.height,
            duration_ms: found.duration_ms,
            codec: found.codec,
            frame_rate: found.frame_rate,
            frames: found.frames,
            sha256: written.sha256,
        }))
    }

    /// Writes a file as it comes.
    pub(crate) async fn store(
        &self,
        key: &Path,
        chunks: impl Stream<Item = Result<Bytes, Fault>> + Send,
    ) -> Result<Result<Written, Rejection>, Fault> {
        // An upload that is dropped, by a caller that went away, leaves nothing in a folder; of a
        // bucket, its own rule removes what was begun.
        let files = &self.storage.files;
        let mut upload = files.put_multipart(key).await.context("starting a media file")?;
        let written = match self.write(upload.as_mut(), chunks).await {
            Ok(Ok(written)) => written,
            Ok(Err(rejection)) => {
                upload.abort().await.context("removing a media file that is too large")?;
                return Ok(Err(rejection));
            }
            Err(fault) => {
                // The fault is what is told; what is left, the bucket's rule removes.
                let _ = upload.abort().await;
                return Err(fault);
            }
        };
        upload.complete().await.context("finishing a media file")?;
        Ok(Ok(written))
    }

    async fn write(
        &self,
        upload: &mut dyn MultipartUpload,
        chunks: impl Stream<Item = Result<Bytes, Fault>> + Send,
    ) -> Result<Result<Written, Rejection>, Fault> {
        let mut chunks = pin!(chunks);
        let (mut size_bytes, mut sha256) = (0, Sha256::new());
        let most = usize::try_from(self.storage.piece_size_bytes()).unwrap_or(usize::MAX);
        let mut piece = BytesMut::with_capacity(most);
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            size_bytes += chunk.len() as u64;
            if size_bytes > self.size_bytes_max {
                return Ok(Err(probe::too_large(self.size_bytes_max)));
            }
            sha256.update(&chunk);
            piece.extend_from_slice(&chunk);
            if piece.len() >= most {
                upload.put_part(piece.split().freeze().into()).await.context("writing media")?;
            }
        }
        upload.put_part(piece.freeze().into()).await.context("writing media")?;
        Ok(Ok(Written { size_bytes, sha256: digest::hex(&sha256.finalize()) }))
    }

    async fn found(&self, key: &Path) -> Result<Result<probe::Found, Rejection>, Fault> {
        let (source, size_bytes) = self.storage.source(key).await?;
        let probing = tokio::task::spawn_blocking(move || probe::probe(source, size_bytes));
        match probing.await {
            Ok(found) => found,
            // Whatever a hostile file does to a parser, it costs this file alone.
            Err(_) => Ok(Err(probe::broken("it cannot be read"))),
        }
    }

    /// The bytes `range` of a file, in pieces.
    ///
    /// # Errors
    /// When there is no such file or it is shorter. Later faults come through the stream.
    pub async fn read(
        &self,
        tenant: TenantId,
        id: AssetId,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, Fault>>, Fault> {
        let key = key(tenant, id);
        let size_bytes = self.storage.size_bytes(&key).await?;
        let size_bytes = size_bytes.context("finding a media file")?;
        if range.end > size_bytes {
            return Err(Fault::new(format_args!(
                "the media file {id} has {size_bytes} bytes, {} are asked for",
                range.end
            )));
        }
        Ok(self.storage.read(key, range))
    }

    /// There is such a file.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn has(&self, tenant: TenantId, id: AssetId) -> Result<bool, Fault> {
        Ok(self.storage.size_bytes(&key(tenant, id)).await?.is_some())
    }

    /// Removes a file; one that is gone already is fine.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn delete(&self, tenant: TenantId, id: AssetId) -> Result<(), Fault> {
        self.storage.delete(&small(tenant, id)).await?;
        self.storage.delete(&key(tenant, id)).await
    }

    /// A picture made small, as JPEG; `None` where there is none to be had. It is made once.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn thumbnail(
        &self,
        tenant: TenantId,
        facts: &AssetFacts,
    ) -> Result<Option<Bytes>, Fault> {
        let Some(how) = thumbnail::how(facts) else { return Ok(None) };
        let small = small(tenant, facts.id);
        match self.storage.files.get(&small).await {
            Ok(found) => return found.bytes().await.map(Some).context("reading a thumbnail"),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error).context("finding a thumbnail"),
        }
        let turn = self.thumbnails.acquire().await.context("waiting for a turn")?;
        let (source, _) = self.storage.source(&key(tenant, facts.id)).await?;
        let made = tokio::task::spawn_blocking(move || thumbnail::make(source, how)).await;
        drop(turn);
        // Whatever a hostile file does to a decoder, it has no thumbnail then.
        let Ok(Some(made)) = made else { return Ok(None) };
        let made = Bytes::from(made);
        let put = self.storage.files.put(&small, PutPayload::from_bytes(made.clone())).await;
        put.context("storing a thumbnail")?;
        Ok(Some(made))
    }
}

pub(crate) fn key(tenant: TenantId, id: AssetId) -> Path {
    Path::from_iter([tenant.to_string(), id.to_string()])
}

fn small(tenant: TenantId, id: AssetId) -> Path {
    Path::from_iter([tenant.to_string(), format!("{id}.small")])
}
