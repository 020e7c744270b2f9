//! The place where users' files lie, one per tenant and asset id.

use crate::{Config, probe};
use base::{Context, Fault, digest};
use bytes::{Bytes, BytesMut};
use domain::content::AssetFacts;
use domain::id::{AssetId, TenantId};
use domain::rejection::Rejection;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt};
use sha2::{Digest, Sha256};
use std::fs::DirBuilder;
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::pin::pin;
use std::sync::Arc;

/// How much of a file is in memory at a time, coming in or going out.
const PIECE_SIZE_BYTES: usize = 1024 * 1024;

/// Users' files.
#[derive(Clone)]
pub struct Library {
    files: Arc<LocalFileSystem>,
    size_bytes_max: u64,
}

/// What was written down of a file that came in whole.
struct Written {
    size_bytes: u64,
    sha256: String,
}

impl Library {
    /// The library in the configured folder, which is made when it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(config: &Config) -> Result<Self, Fault> {
        let dir = config.dir.display().to_string();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&config.dir);
        made.context(format!("making the media folder {dir}"))?;
        let files = LocalFileSystem::new_with_prefix(&config.dir)
            .context(format!("opening the media folder {dir}"))?
            .with_fsync(true);
        Ok(Self { files: Arc::new(files), size_bytes_max: config.size_bytes_max })
    }

    /// The largest file that is taken, in bytes.
    pub fn size_bytes_max(&self) -> u64 {
        self.size_bytes_max
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
        // An upload that is dropped, by a fault or by a caller that went away, removes its file.
        let mut upload = self.files.put_multipart(&key).await.context("starting a media file")?;
        let written = match self.write(upload.as_mut(), chunks).await? {
            Ok(written) => written,
            Err(rejection) => {
                upload.abort().await.context("removing a media file that is too large")?;
                return Ok(Err(rejection));
            }
        };
        upload.complete().await.context("finishing a media file")?;
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
            sha256: written.sha256,
        }))
    }

    async fn write(
        &self,
        upload: &mut dyn MultipartUpload,
        chunks: impl Stream<Item = Result<Bytes, Fault>> + Send,
    ) -> Result<Result<Written, Rejection>, Fault> {
        let mut chunks = pin!(chunks);
        let (mut size_bytes, mut sha256) = (0, Sha256::new());
        let mut piece = BytesMut::with_capacity(PIECE_SIZE_BYTES);
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            size_bytes += chunk.len() as u64;
            if size_bytes > self.size_bytes_max {
                return Ok(Err(probe::too_large(self.size_bytes_max)));
            }
            sha256.update(&chunk);
            piece.extend_from_slice(&chunk);
            if piece.len() >= PIECE_SIZE_BYTES {
                upload.put_part(piece.split().freeze().into()).await.context("writing media")?;
            }
        }
        upload.put_part(piece.freeze().into()).await.context("writing media")?;
        Ok(Ok(Written { size_bytes, sha256: digest::hex(&sha256.finalize()) }))
    }

    async fn found(&self, key: &Path) -> Result<Result<probe::Found, Rejection>, Fault> {
        let file = self.files.path_to_filesystem(key).context("finding a media file")?;
        let probing = tokio::task::spawn_blocking(move || probe::probe(&file));
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
        let size_bytes = self.files.head(&key).await.context("finding a media file")?.size;
        if range.end > size_bytes {
            return Err(Fault::new(format_args!(
                "the media file {id} has {size_bytes} bytes, {} are asked for",
                range.end
            )));
        }
        let files = Arc::clone(&self.files);
        let pieces = stream::try_unfold(range, move |left| {
            let (files, key) = (Arc::clone(&files), key.clone());
            async move {
                if left.is_empty() {
                    return Ok(None);
                }
                let end = left.end.min(left.start + PIECE_SIZE_BYTES as u64);
                let piece = files.get_range(&key, left.start..end).await;
                let piece = piece.context("reading a media file")?;
                if piece.len() as u64 != end - left.start {
                    return Err(Fault::new("a media file became shorter while it was read"));
                }
                Ok(Some((piece, end..left.end)))
            }
        });
        Ok(pieces.boxed())
    }

    /// There is such a file.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn has(&self, tenant: TenantId, id: AssetId) -> Result<bool, Fault> {
        match self.files.head(&key(tenant, id)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error).context("finding a media file"),
        }
    }

    /// Removes a file; one that is gone already is fine.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn delete(&self, tenant: TenantId, id: AssetId) -> Result<(), Fault> {
        match self.files.delete(&key(tenant, id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error).context("removing a media file"),
        }
    }
}

fn key(tenant: TenantId, id: AssetId) -> Path {
    Path::from_iter([tenant.to_string(), id.to_string()])
}
