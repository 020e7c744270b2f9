//! Links under which a platform fetches a user's file, and what stands behind them.
//!
//! A link names tenant, file and end, and carries a tag over all three that only the key file can
//! make: it needs no row, works from every replica, and ends by itself.

use crate::{Answer, App, Refused};
use base::{Fault, clock};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use domain::content::AssetFacts;
use domain::id::{AssetId, TenantId};
use domain::time::Timestamp;
use futures::stream::BoxStream;
use std::ops::Range;
use std::time::Duration;
use uuid::Uuid;

/// Meta fetches within minutes of being told; a large film and a slow day get this long.
const LIFE: Duration = Duration::from_secs(6 * 3600);
/// What the tag is for, so that no other tag of the key file fits here.
const PURPOSE: &str = "media link";
/// Tenant, file and the second at which the link ends.
const NAMED_SIZE_BYTES: usize = 16 + 16 + 8;

/// A file that somebody holds a good link to.
#[derive(Debug)]
pub struct Linked {
    tenant: TenantId,
    /// What it is.
    pub facts: AssetFacts,
}

/// Where a platform can fetch a file for the next hours.
pub(crate) fn link(app: &App, tenant: TenantId, asset: AssetId, now: Timestamp) -> String {
    let ends_s = (now + LIFE).ms().div_euclid(1000);
    let mut token = Vec::with_capacity(NAMED_SIZE_BYTES + 32);
    token.extend_from_slice(tenant.uuid().as_bytes());
    token.extend_from_slice(asset.uuid().as_bytes());
    token.extend_from_slice(&ends_s.to_be_bytes());
    let tag = app.0.ring.tag(PURPOSE, &token);
    token.extend_from_slice(&tag);
    format!("{}/m/{}", app.0.settings.public_url, URL_SAFE_NO_PAD.encode(token))
}

/// The file behind a link.
///
/// # Errors
/// When Postgres fails.
pub async fn linked(app: &App, token: &str) -> Answer<Linked> {
    let gone = || Refused::NotFound("This link is not one of ours, or its time is over.".into());
    let Some((tenant, asset)) = read(app, token) else { return Ok(Err(gone())) };
    let facts = app.0.store.assets(tenant, &[asset]).await?.remove(&asset);
    Ok(facts.map(|facts| Linked { tenant, facts }).ok_or_else(gone))
}

/// What a link names, if its tag is ours and its time is not over.
fn read(app: &App, token: &str) -> Option<(TenantId, AssetId)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (named, tag) = bytes.split_at_checked(NAMED_SIZE_BYTES)?;
    if !app.0.ring.is_tag(PURPOSE, named, tag) {
        return None;
    }
    let ends_s = i64::from_be_bytes(named.get(32..)?.try_into().ok()?);
    if Timestamp::from_seconds(ends_s) < clock::now() {
        return None;
    }
    let id = |range: Range<usize>| Uuid::from_slice(named.get(range)?).ok();
    Some((TenantId::new(id(0..16)?), AssetId::new(id(16..32)?)))
}

impl Linked {
    /// The bytes `range` of the file, in pieces.
    ///
    /// # Errors
    /// When the file is not in the library any more.
    pub async fn read(
        &self,
        app: &App,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, Fault>>, Fault> {
        app.0.library.read(self.tenant, self.facts.id, range).await
    }
}
