//! Users' files: brought in, shown with what each platform says of them, and taken away.
//!
//! First the bytes, then the row that names them; going, first the row is hidden, then the bytes
//! go, then the row.

mod checksum;
pub(crate) mod imports;
mod presigned;
mod tending;
pub(crate) mod uploads;

pub use checksum::{ALGORITHMS, Checksum};
pub use imports::import;
pub use presigned::{Offer, complete, lay, offer};
pub use tending::tend;
pub use uploads::{Appended, Arriving, append, begin, forget as forget_upload, standing};

use crate::caller::Caller;
use crate::{Answer, App, Refused, likes, targets};
use base::{Fault, rng};
use bytes::Bytes;
use domain::capability;
use domain::content::{AssetFacts, MediaKind};
use domain::id::{AssetId, TenantId};
use domain::rejection::Rejection;
use domain::time::Timestamp;
use futures::Stream;
use serde::Serialize;
use std::time::Duration;
use store::assets::{Asset, Eyes, Hidden};
use store::jobs::Arm;
use utoipa::ToSchema;

/// A post that is being stored when its file is hidden is stored by then.
const VEILED_FOR: Duration = Duration::from_secs(3_600);

/// A file, as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Asset)]
#[serde(rename_all = "camelCase")]
pub struct AssetView {
    /// What was found in it.
    #[serde(flatten)]
    pub facts: AssetFacts,
    /// When it came.
    pub created_at: Timestamp,
    /// What each platform says of it, standing alone in a post.
    pub verdicts: Vec<Verdict>,
}

/// What a platform says of a file.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = MediaVerdict)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Which.
    pub platform: &'static str,
    /// For accounts of this kind.
    pub account_kind: &'static str,
    /// It takes the file.
    pub accepts: bool,
    /// Everything that stands against it.
    pub problems: Vec<Rejection>,
}

/// Stores a file.
///
/// # Errors
/// When the storage or Postgres fails; then the file has no name and nobody refers to it.
pub async fn bring(
    app: &App,
    caller: &Caller,
    stream: impl Stream<Item = Result<Bytes, Fault>> + Send + Unpin,
) -> Answer<AssetView> {
    let id: AssetId = rng::id();
    let facts = match app.0.library.put(caller.tenant, id, stream).await? {
        Ok(facts) => facts,
        Err(rejection) => return Ok(Err(Refused::Invalid(vec![rejection]))),
    };
    let arm = arm(app, caller.tenant, id);
    match app.0.store.add_asset((caller.tenant, &caller.actor()), &facts, arm).await {
        Ok(jobs) => app.wake(&jobs).await,
        Err(fault) => return no_room(app, caller.tenant, id, fault).await.map(Err),
    }
    show(app, caller, id).await
}

/// Shows a file.
///
/// # Errors
/// When Postgres fails.
pub async fn show(app: &App, caller: &Caller, id: AssetId) -> Answer<AssetView> {
    Ok(found(app, caller, id).await?.map(|asset| view(caller, asset)))
}

/// Shows the newest files, or those before one of them. A key for some brands sees what it brought
/// itself: a file is of no brand.
///
/// # Errors
/// When Postgres fails.
pub async fn list(
    app: &App,
    caller: &Caller,
    (before, kind): (Option<AssetId>, Option<MediaKind>),
    limit: u32,
) -> Result<Vec<AssetView>, Fault> {
    let actor = caller.actor();
    let eyes = eyes(caller, &actor);
    let kind = kind.map(word);
    let found = app.0.store.assets_listed(eyes, (before, kind), i64::from(limit)).await?;
    Ok(found.into_iter().map(|asset| view(caller, asset)).collect())
}

/// Takes a file away, unless a post needs it that has still to go out.
///
/// # Errors
/// When Postgres fails; then it stays.
pub async fn remove(app: &App, caller: &Caller, id: AssetId) -> Answer<()> {
    let actor = caller.actor();
    let due_at = app.0.store.time().await? + VEILED_FOR;
    let arm = arm_at(app, caller.tenant, id, due_at);
    match app.0.store.hide_asset(eyes(caller, &actor), (id, &actor), arm).await? {
        Hidden::Done(jobs) => {
            app.wake(&jobs).await;
            Ok(Ok(()))
        }
        Hidden::Needed(post) => Ok(Err(Refused::Conflict {
            code: "media_in_use",
            message: format!(
                "The post {post} needs this file and has still to go out. Cancel it or give it \
                 other media first."
            ),
        })),
        Hidden::Nowhere => Ok(Err(nowhere(id))),
    }
}

/// A larger file is refused.
pub fn size_bytes_max(app: &App) -> u64 {
    app.0.library.size_bytes_max()
}

/// A picture, or the first one of a GIF, made small, as JPEG.
///
/// # Errors
/// When the storage or Postgres fails.
pub async fn thumbnail(app: &App, caller: &Caller, id: AssetId) -> Answer<Bytes> {
    let asset = match found(app, caller, id).await? {
        Ok(asset) => asset,
        Err(refused) => return Ok(Err(refused)),
    };
    let made = app.0.library.thumbnail(caller.tenant, &asset.facts).await?;
    Ok(made.ok_or_else(|| {
        let message = "There is no thumbnail of this file: only of pictures of at most 12.6 \
                       million pixels that can be decoded one is made.";
        Refused::NotFound(message.to_owned())
    }))
}

async fn found(app: &App, caller: &Caller, id: AssetId) -> Answer<Asset> {
    let actor = caller.actor();
    let found = app.0.store.asset(eyes(caller, &actor), id).await?;
    Ok(found.ok_or_else(|| nowhere(id)))
}

/// The refusal of a file that the tenant's limit leaves no room for; its bytes go again.
async fn no_room(app: &App, tenant: TenantId, id: AssetId, fault: Fault) -> Result<Refused, Fault> {
    let refused = likes::no_room(fault)?;
    app.0.library.delete(tenant, id).await?;
    Ok(refused)
}

fn nowhere(id: AssetId) -> Refused {
    Refused::NotFound(format!("There is no media file {id}."))
}

/// What a caller sees of its tenant's files.
fn eyes<'a>(caller: &Caller, actor: &'a str) -> Eyes<'a> {
    Eyes { tenant: caller.tenant, own: caller.access.role.is_none().then_some(actor) }
}

fn view(caller: &Caller, asset: Asset) -> AssetView {
    let Asset { facts, created_at } = asset;
    let rows = platforms::ALL.iter().copied().flat_map(|platform| {
        let facts = &facts;
        platform.account_kinds().iter().copied().map(move |account_kind| {
            let table = platform.capabilities(caller.profile, account_kind);
            let mut problems = capability::objections(platform.name(), table, facts);
            for problem in &mut problems {
                "file".clone_into(&mut problem.field);
            }
            let (platform, accepts) = (platform.name(), problems.is_empty());
            Verdict { platform, account_kind, accepts, problems }
        })
    });
    let verdicts = rows.collect();
    AssetView { facts, created_at, verdicts }
}

/// A kind as it is stored and shown.
const fn word(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Gif => "gif",
        MediaKind::Video => "video",
        MediaKind::Document => "document",
    }
}

/// The first look at a file that comes now; none where files stay for ever.
fn arm(app: &App, tenant: TenantId, id: AssetId) -> Option<Arm> {
    let keep = app.0.library.keep_for()?;
    Some(arm_at(app, tenant, id, app.now() + keep))
}

fn arm_at(app: &App, tenant: TenantId, id: AssetId, due_at: Timestamp) -> Arm {
    targets::media(tenant, id.uuid(), app.shard(&tenant.uuid().to_string()), due_at)
}
