//! Uploads past us: an address is given out, the file is put there, and then it is looked at.

use super::uploads::{find, open};
use super::{AssetView, arm_at, no_room, show};
use crate::caller::Caller;
use crate::{Answer, App, Refused, origin};
use base::{Context, Fault};
use bytes::Bytes;
use domain::id::AssetId;
use domain::time::Timestamp;
use futures::stream::BoxStream;
use serde::Serialize;
use std::time::Duration;
use store::assets::Eyes;
use store::uploads::Way;
use utoipa::ToSchema;

/// How long an address serves.
const LIFE: Duration = Duration::from_secs(3_600);

/// An address at which a file can be put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// What the file will be called.
    pub id: AssetId,
    /// How it is put there.
    pub method: &'static str,
    /// Where; whoever has it needs no key.
    pub url: String,
    /// Until when.
    pub expires_at: Timestamp,
    /// A larger file is refused.
    pub size_bytes_max: u64,
}

/// Gives an address out: one of the bucket, or one of ours where files lie in a folder.
///
/// # Errors
/// When Postgres fails, or the address cannot be signed.
pub async fn offer(app: &App, caller: &Caller) -> Answer<Offer> {
    let upload = match open(app, caller, (Way::Presigned, None), "").await? {
        Ok(upload) => upload,
        Err(refused) => return Ok(Err(refused)),
    };
    let (id, expires_at) = (upload.id, app.now() + LIFE);
    let url = match app.0.library.put_url((caller.tenant, id), LIFE).await? {
        Some(url) => url,
        None => origin::put_link(app, caller.tenant, id, expires_at).await?,
    };
    let size_bytes_max = app.0.library.size_bytes_max();
    Ok(Ok(Offer { id, method: "PUT", url, expires_at, size_bytes_max }))
}

/// Takes a file in that is put at an address of ours.
///
/// # Errors
/// When the storage, Postgres or the sender fails.
pub async fn lay(
    app: &App,
    token: &str,
    chunks: BoxStream<'_, Result<Bytes, Fault>>,
) -> Answer<()> {
    let gone = || Refused::NotFound("This link is not one of ours, or its time is over.".into());
    let Some((tenant, id)) = origin::read_put(app, token).await? else { return Ok(Err(gone())) };
    let eyes = Eyes { tenant, own: None };
    let upload = app.0.store.upload(eyes, (id, Way::Presigned)).await?;
    if upload.is_none_or(|upload| upload.has_ended) {
        return Ok(Err(gone()));
    }
    let laid = app.0.library.lay((tenant, id), chunks).await?;
    Ok(laid.map_err(|rejection| Refused::Invalid(vec![rejection])))
}

/// Looks at the file that was put there, and takes it in. Asked again, it is shown.
///
/// # Errors
/// When the storage or Postgres fails.
pub async fn complete(app: &App, caller: &Caller, id: AssetId) -> Answer<AssetView> {
    let upload = match find(app, caller, (id, Way::Presigned)).await? {
        Ok(upload) => upload,
        Err(refused) => return Ok(Err(refused)),
    };
    if upload.has_ended {
        return show(app, caller, id).await;
    }
    let of = (caller.tenant, id);
    let permit = app.0.endings.acquire().await.context("endings have ended")?;
    let Some(ending) = app.0.store.turn_to_end(id, 0).await? else {
        return Ok(Err(Refused::Conflict {
            code: "in_progress",
            message: "The file is being looked at. Ask again in a moment.".to_owned(),
        }));
    };
    let facts = match app.0.library.adopt(of).await? {
        None => {
            return Ok(Err(Refused::Conflict {
                code: "nothing_uploaded",
                message: "No file was put at the address that was given out. Put it there, then \
                          ask again."
                    .to_owned(),
            }));
        }
        Some(Err(rejection)) => {
            app.0.library.delete_parts(of).await?;
            return Ok(Err(Refused::Invalid(vec![rejection])));
        }
        Some(Ok(facts)) => facts,
    };
    let arm = arm_at(app, caller.tenant, id, upload.expires_at);
    let ended = match ending.end((caller.tenant, &caller.actor()), &facts, arm).await {
        Ok(ended) => ended,
        Err(fault) => return no_room(app, caller.tenant, id, fault).await.map(Err),
    };
    drop(permit);
    app.wake(&ended.unwrap_or_default()).await;
    // Whoever still has the address can put something there: the upload's own wake-up removes it.
    if let Err(fault) = app.0.library.delete_parts(of).await {
        tracing::warn!(%fault, %id, "what was uploaded is left for later");
    }
    show(app, caller, id).await
}
