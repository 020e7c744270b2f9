//! Uploads that come in parts: where one stands is in Postgres, its parts are in the library, so any
//! process goes on with it.
//!
//! Invariant: an upload has reached its end when it is an asset, and not before; whoever loses the
//! last answer finds it there or one part short of it.

use super::checksum::Checksum;
use super::{arm_at, eyes, no_room};
use crate::caller::Caller;
use crate::{Answer, App, Refused};
use base::{Context, Fault, rng};
use bytes::{Bytes, BytesMut};
use domain::id::AssetId;
use futures::StreamExt;
use futures::stream::BoxStream;
use media::PART_SIZE_BYTES;
use store::uploads::{NewUpload, PartRow, Upload, Way};

/// Uploads of a tenant that are not finished.
pub(crate) const UNFINISHED_MAX: i64 = 100;
/// Uploads of a process that are made whole at once: each holds a connection to Postgres.
pub(crate) const ENDINGS_AT_ONCE_MAX: usize = 4;

/// More bytes of an upload.
pub struct Arriving<'a> {
    /// Where they begin.
    pub from: u64,
    /// The bytes, as they come.
    pub chunks: BoxStream<'a, Result<Bytes, Fault>>,
    /// Looks at all of them, and says in the end whether they are what was meant.
    pub checksum: Option<Checksum>,
}

/// What became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// The upload stands here now.
    At(u64),
    /// The upload stands elsewhere than where they begin: there.
    Elsewhere(u64),
    /// Somebody else is making the upload whole.
    Busy,
    /// They are not what was meant, and none of them counts.
    Mismatch,
    /// They are more than the upload takes, which is so much.
    TooMany(u64),
}

/// Begins an upload of so many bytes.
///
/// # Errors
/// When Postgres fails.
pub async fn begin(app: &App, caller: &Caller, size_bytes: u64, metadata: &str) -> Answer<Upload> {
    if size_bytes > app.0.library.size_bytes_max() {
        let mut rejection = app.0.library.too_large();
        rejection.actual = size_bytes.into();
        return Ok(Err(Refused::Invalid(vec![rejection])));
    }
    open(app, caller, (Way::Resumable, Some(size_bytes)), metadata).await
}

/// Begins an upload.
pub(super) async fn open(
    app: &App,
    caller: &Caller,
    (way, size_bytes): (Way, Option<u64>),
    metadata: &str,
) -> Answer<Upload> {
    let (id, actor) = (rng::id(), caller.actor());
    let life = app.0.library.unfinished_for();
    let (tenant, actor) = (caller.tenant, actor.as_str());
    let new = NewUpload { id, tenant, way, actor, size_bytes, metadata, life };
    let arm = |at| arm_at(app, tenant, id, at);
    let Some((upload, jobs)) = app.0.store.begin_upload(new, UNFINISHED_MAX, arm).await? else {
        return Ok(Err(Refused::Conflict {
            code: "too_many_uploads",
            message: format!(
                "{UNFINISHED_MAX} uploads are begun and not finished, and no more are kept. Finish \
                 one, or end one with DELETE /v1/uploads/{{id}}."
            ),
        }));
    };
    app.wake(&jobs).await;
    Ok(Ok(upload))
}

/// Where an upload stands.
///
/// # Errors
/// When Postgres fails.
pub async fn standing(app: &App, caller: &Caller, id: AssetId) -> Answer<Upload> {
    find(app, caller, (id, Way::Resumable)).await
}

pub(super) async fn find(app: &App, caller: &Caller, of: (AssetId, Way)) -> Answer<Upload> {
    let actor = caller.actor();
    let found = app.0.store.upload(eyes(caller, &actor), of).await?;
    let nowhere =
        || Refused::NotFound(format!("There is no upload {}, or its time is over.", of.0));
    Ok(found.ok_or_else(nowhere))
}

/// Ends an upload; what is an asset by then stays one.
///
/// # Errors
/// When the storage or Postgres fails.
pub async fn forget(app: &App, caller: &Caller, id: AssetId) -> Answer<()> {
    let upload = match standing(app, caller, id).await? {
        Ok(upload) => upload,
        Err(refused) => return Ok(Err(refused)),
    };
    app.0.store.forget_upload(id).await?;
    app.0.library.delete_parts((upload.tenant, id)).await?;
    Ok(Ok(()))
}

/// Takes more bytes of an upload in. The last ones make it an asset, or are refused with all that
/// came before, as the file that they make is.
///
/// # Errors
/// When the storage, Postgres or the sender fails; what has come by then counts.
pub async fn append(
    app: &App,
    caller: &Caller,
    id: AssetId,
    arriving: Arriving<'_>,
) -> Answer<Appended> {
    let upload = match standing(app, caller, id).await? {
        Ok(upload) => upload,
        Err(refused) => return Ok(Err(refused)),
    };
    if upload.offset_bytes != arriving.from {
        return Ok(Ok(Appended::Elsewhere(upload.offset_bytes)));
    }
    if upload.has_ended {
        return Ok(Ok(Appended::At(upload.offset_bytes)));
    }
    let size_bytes = upload.size_bytes.context("an upload in parts has a length")?;
    let mut taking = Taking {
        app,
        upload: &upload,
        size_bytes,
        counted: arriving.from,
        held: BytesMut::new(),
        uncounted: Vec::new(),
        counts_at_once: arriving.checksum.is_none(),
    };
    let taken = taking.take(arriving).await;
    match taken {
        Ok(Taken::All) => taking.finish(caller).await,
        Ok(Taken::Ended(appended)) => {
            taking.leave().await?;
            Ok(Ok(appended))
        }
        Err(fault) => {
            // Whoever broke off goes on from here. The fault is what is told.
            let _ = taking.keep().await;
            Err(fault)
        }
    }
}

enum Taken {
    All,
    Ended(Appended),
}

/// Bytes that are being taken in.
struct Taking<'a> {
    app: &'a App,
    upload: &'a Upload,
    size_bytes: u64,
    /// Where the upload stands in Postgres.
    counted: u64,
    /// What is in memory yet.
    held: BytesMut,
    /// What lies in the library and does not count yet.
    uncounted: Vec<PartRow>,
    /// Parts count as soon as they lie there: nobody has still to say whether they are right.
    counts_at_once: bool,
}

impl Taking<'_> {
    async fn take(&mut self, mut arriving: Arriving<'_>) -> Result<Taken, Fault> {
        while let Some(bytes) = arriving.chunks.next().await {
            let bytes = bytes?;
            if self.at() + bytes.len() as u64 > self.size_bytes {
                return Ok(Taken::Ended(Appended::TooMany(self.size_bytes)));
            }
            if let Some(checksum) = &mut arriving.checksum {
                checksum.update(&bytes);
            }
            self.held.extend_from_slice(&bytes);
            // The last byte never leaves memory here: with it, the upload is made whole.
            while self.held.len() > PART_SIZE_BYTES {
                let part = self.held.split_to(PART_SIZE_BYTES).freeze();
                if let Some(ended) = self.put(part).await? {
                    return Ok(Taken::Ended(ended));
                }
            }
        }
        let holds = arriving.checksum.is_none_or(Checksum::holds);
        Ok(if holds { Taken::All } else { Taken::Ended(Appended::Mismatch) })
    }

    /// Where the last byte that has come is.
    fn at(&self) -> u64 {
        let uncounted: u64 = self.uncounted.iter().map(|part| part.size_bytes).sum();
        self.counted + uncounted + self.held.len() as u64
    }

    /// Lays a part into the library.
    async fn put(&mut self, bytes: Bytes) -> Result<Option<Appended>, Fault> {
        let uncounted: u64 = self.uncounted.iter().map(|part| part.size_bytes).sum();
        let offset_bytes = self.counted + uncounted;
        let name = format!("{offset_bytes:012}-{}", rng::uuid().simple());
        let size_bytes = bytes.len() as u64;
        let of = (self.upload.tenant, self.upload.id);
        self.app.0.library.put_part(of, &name, bytes).await?;
        self.uncounted.push(PartRow { offset_bytes, size_bytes, name });
        if self.counts_at_once { self.count().await } else { Ok(None) }
    }

    /// Has the parts that lie there count.
    async fn count(&mut self) -> Result<Option<Appended>, Fault> {
        let (of, from) = ((self.upload.tenant, self.upload.id), self.counted);
        let by: u64 = self.uncounted.iter().map(|part| part.size_bytes).sum();
        if by == 0 || self.app.0.store.add_parts(of, from, &self.uncounted).await? {
            self.uncounted.clear();
            self.counted += by;
            return Ok(None);
        }
        let now = self.app.0.store.upload_left(self.upload.id).await?;
        Ok(Some(Appended::Elsewhere(now.map_or(0, |now| now.offset_bytes))))
    }

    /// All bytes of the request have come.
    async fn finish(mut self, caller: &Caller) -> Answer<Appended> {
        if self.at() == self.size_bytes {
            return self.end(caller).await;
        }
        if !self.held.is_empty() {
            let rest = self.held.split().freeze();
            if let Some(ended) = self.put(rest).await? {
                self.leave().await?;
                return Ok(Ok(ended));
            }
        }
        match self.count().await? {
            None => Ok(Ok(Appended::At(self.counted))),
            Some(ended) => {
                self.leave().await?;
                Ok(Ok(ended))
            }
        }
    }

    /// Makes the upload an asset.
    async fn end(mut self, caller: &Caller) -> Answer<Appended> {
        let (app, id, tenant) = (self.app, self.upload.id, self.upload.tenant);
        let permit = app.0.endings.acquire().await.context("endings have ended")?;
        let Some(ending) = app.0.store.turn_to_end(id, self.counted).await? else {
            self.leave().await?;
            return Ok(Ok(Appended::Busy));
        };
        let mut parts = app.0.store.parts(id).await?;
        parts.append(&mut self.uncounted);
        let parts = parts.into_iter().map(|part| (part.name, part.size_bytes)).collect();
        let last = self.held.split().freeze();
        let facts = match app.0.library.assemble((tenant, id), parts, last).await? {
            Ok(facts) => facts,
            Err(rejection) => {
                drop(ending);
                app.0.store.forget_upload(id).await?;
                app.0.library.delete_parts((tenant, id)).await?;
                return Ok(Err(Refused::Invalid(vec![rejection])));
            }
        };
        let arm = arm_at(app, tenant, id, self.upload.expires_at);
        let ended = match ending.end((tenant, &caller.actor()), &facts, arm).await {
            Ok(ended) => ended,
            // What came before stays: once there is room, the last bytes can come again.
            Err(fault) => return no_room(app, tenant, id, fault).await.map(Err),
        };
        drop(permit);
        let Some(jobs) = ended else { return Ok(Ok(Appended::Busy)) };
        app.wake(&jobs).await;
        // What is left of them here goes with the upload's own wake-up.
        if let Err(fault) = app.0.library.delete_parts((tenant, id)).await {
            tracing::warn!(%fault, %id, "the parts of an upload are left for later");
        }
        Ok(Ok(Appended::At(self.size_bytes)))
    }

    /// Keeps what has come of a request that broke off, but for what would make it whole.
    async fn keep(mut self) -> Result<(), Fault> {
        if !self.counts_at_once || self.at() >= self.size_bytes {
            return self.leave().await;
        }
        if !self.held.is_empty() {
            let rest = self.held.split().freeze();
            self.put(rest).await?;
        }
        self.leave().await
    }

    /// Removes what lies there and does not count.
    async fn leave(&mut self) -> Result<(), Fault> {
        let of = (self.upload.tenant, self.upload.id);
        for part in std::mem::take(&mut self.uncounted) {
            self.app.0.library.delete_part(of, &part.name).await?;
        }
        Ok(())
    }
}
