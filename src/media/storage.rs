//! Where bytes lie: a folder, or a bucket of an S3-compatible storage.
//!
//! Invariant: whatever is read of a file is read in pieces, in a folder and in a bucket alike.

use crate::Config;
use base::{Context, Fault};
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{ObjectStore, ObjectStoreExt, RetryConfig};
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// How much of a file in a folder is in memory at a time, coming in or going out.
const PIECE_SIZE_BYTES: u64 = 1024 * 1024;
/// The same for a bucket: S3 takes parts of 5 MiB and more, all but the last.
const BUCKET_PIECE_SIZE_BYTES: u64 = 5 * 1024 * 1024;
/// How much a look at a file in a bucket asks for at a time.
const LOOK_SIZE_BYTES: u64 = 256 * 1024;
/// A bucket that stumbles is asked again so often and for so long: somebody waits for the answer.
const RETRIES_MAX: usize = 3;
const RETRY_WITHIN: Duration = Duration::from_secs(20);

/// A place of files.
#[derive(Clone)]
pub(crate) struct Storage {
    pub(crate) files: Arc<dyn ObjectStore>,
    place: Place,
}

#[derive(Clone)]
enum Place {
    Folder(Arc<LocalFileSystem>),
    Bucket(Arc<AmazonS3>),
}

impl Storage {
    pub(crate) fn open(config: &Config) -> Result<Self, Fault> {
        if let Some(name) = &config.bucket {
            let bucket = Arc::new(bucket(name, config)?);
            return Ok(Self { files: bucket.clone(), place: Place::Bucket(bucket) });
        }
        let dir = config.dir.display().to_string();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&config.dir);
        made.context(format!("making the media folder {dir}"))?;
        let folder = LocalFileSystem::new_with_prefix(&config.dir)
            .context(format!("opening the media folder {dir}"))?
            .with_automatic_cleanup(true)
            .with_fsync(true);
        let folder = Arc::new(folder);
        Ok(Self { files: folder.clone(), place: Place::Folder(folder) })
    }

    /// How much is in memory at a time, coming in or going out.
    pub(crate) const fn piece_size_bytes(&self) -> u64 {
        match self.place {
            Place::Folder(_) => PIECE_SIZE_BYTES,
            Place::Bucket(_) => BUCKET_PIECE_SIZE_BYTES,
        }
    }

    /// The length of a file; `None` when there is none.
    pub(crate) async fn size_bytes(&self, key: &Path) -> Result<Option<u64>, Fault> {
        match self.files.head(key).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error).context("finding a media file"),
        }
    }

    /// The bytes `range` of a file, in pieces.
    pub(crate) fn read(
        &self,
        key: Path,
        range: Range<u64>,
    ) -> BoxStream<'static, Result<Bytes, Fault>> {
        let (files, most) = (Arc::clone(&self.files), self.piece_size_bytes());
        let pieces = stream::try_unfold(range, move |left| {
            let (files, key) = (Arc::clone(&files), key.clone());
            async move {
                if left.is_empty() {
                    return Ok(None);
                }
                let end = left.end.min(left.start + most);
                let piece = files.get_range(&key, left.start..end).await;
                let piece = piece.context("reading a media file")?;
                if piece.len() as u64 != end - left.start {
                    return Err(Fault::new("a media file became shorter while it was read"));
                }
                Ok(Some((piece, end..left.end)))
            }
        });
        pieces.boxed()
    }

    /// Removes a file; one that is gone already is fine.
    pub(crate) async fn delete(&self, key: &Path) -> Result<(), Fault> {
        match self.files.delete(key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error).context("removing a media file"),
        }
    }

    /// Removes whatever lies below a name.
    pub(crate) async fn delete_below(&self, key: &Path) -> Result<(), Fault> {
        let below = self.files.list(Some(key)).map_ok(|found| found.location);
        let below: Vec<Path> = below.try_collect().await.context("listing parts of media")?;
        for key in below {
            self.delete(&key).await?;
        }
        Ok(())
    }

    /// A file to look at, for a thread that may block.
    pub(crate) async fn source(&self, key: &Path) -> Result<(Source, u64), Fault> {
        let size_bytes = self.size_bytes(key).await?.context("a media file is gone")?;
        let source = match &self.place {
            Place::Folder(folder) => {
                let path = folder.path_to_filesystem(key).context("finding a media file")?;
                Source::File(File::open(path).context("opening a media file")?)
            }
            Place::Bucket(_) => Source::Bucket(Remote {
                files: Arc::clone(&self.files),
                key: key.clone(),
                size_bytes,
                at: 0,
                held: Bytes::new(),
                held_from: 0,
                runtime: Handle::current(),
            }),
        };
        Ok((source, size_bytes))
    }

    /// An address at which a file can be put without a key of ours; only a bucket has such.
    pub(crate) async fn put_url(
        &self,
        key: &Path,
        life: Duration,
    ) -> Result<Option<String>, Fault> {
        let Place::Bucket(bucket) = &self.place else { return Ok(None) };
        let url = bucket.signed_url(http::Method::PUT, key, life).await;
        Ok(Some(url.context("signing an address of the bucket")?.into()))
    }
}

fn bucket(name: &str, config: &Config) -> Result<AmazonS3, Fault> {
    base::http::choose_cryptography();
    let mut retry = RetryConfig::default();
    (retry.max_retries, retry.retry_timeout) = (RETRIES_MAX, RETRY_WITHIN);
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(name)
        .with_region(&config.bucket_region)
        .with_retry(retry);
    if let Some(endpoint) = &config.bucket_endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
    }
    if let Some(id) = &config.bucket_key_id {
        builder = builder.with_access_key_id(id);
    }
    if let Some(file) = &config.bucket_secret_file {
        let secret = std::fs::read_to_string(file);
        let secret = secret.context(format!("reading [media] bucket_secret_file {file:?}"))?;
        builder = builder.with_secret_access_key(secret.trim());
    }
    builder.build().context(format!("[media] bucket {name:?}"))
}

/// A file that is looked at, wherever it lies.
pub(crate) enum Source {
    File(File),
    Bucket(Remote),
}

/// A file in a bucket, read in pieces as it is asked for.
pub(crate) struct Remote {
    files: Arc<dyn ObjectStore>,
    key: Path,
    size_bytes: u64,
    at: u64,
    held: Bytes,
    held_from: u64,
    runtime: Handle,
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(into),
            Self::Bucket(remote) => remote.read(into),
        }
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Bucket(remote) => remote.seek(to),
        }
    }
}

impl Remote {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.size_bytes {
            return Ok(0);
        }
        let is_held = (self.held_from..self.held_from + self.held.len() as u64).contains(&self.at);
        if !is_held {
            let range = self.at..self.size_bytes.min(self.at + LOOK_SIZE_BYTES);
            let piece = self.runtime.block_on(self.files.get_range(&self.key, range));
            self.held = piece.map_err(io::Error::other)?;
            self.held_from = self.at;
        }
        let from = usize::try_from(self.at - self.held_from).unwrap_or(usize::MAX);
        let held = self.held.get(from..).unwrap_or_default();
        let size = held.len().min(into.len());
        into[..size].copy_from_slice(&held[..size]);
        self.at += size as u64;
        Ok(size)
    }

    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.size_bytes.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
