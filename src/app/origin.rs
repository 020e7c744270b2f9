//! Links under which a platform fetches a user's file, and what stands behind them.
//!
//! A link names tenant, file, end and one of the tenant's data keys, and carries a tag over all of
//! them that only this key can make: it needs no row, works from every replica, outlives the
//! retirement of key-encryption keys, and ends by itself.

use crate::{Answer, App, Refused};
use base::Fault;
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
use vault::{DataKey, KeyId};

/// Meta fetches within minutes of being told; a large film and a slow day get this long.
const LIFE: Duration = Duration::from_secs(6 * 3600);
/// What the tag is for, so that no other tag of the key fits here.
const PURPOSE: &str = "media link";
/// The same of an address at which a file is put.
const PUT_PURPOSE: &str = "media upload";
/// Tenant, file, the second at which the link ends, and the key.
const NAMED_SIZE_BYTES: usize = 16 + 16 + 8 + 8;

/// A file that somebody holds a good link to.
#[derive(Debug)]
pub struct Linked {
    tenant: TenantId,
    /// What it is.
    pub facts: AssetFacts,
}

/// Where a platform can fetch each of these files for the next hours.
pub(crate) async fn links(
    app: &App,
    tenant: TenantId,
    assets: impl Iterator<Item = AssetId>,
    now: Timestamp,
) -> Result<Vec<String>, Fault> {
    let key = app.data_key(tenant).await?;
    let ends_s = (now + LIFE).ms().div_euclid(1000);
    Ok(assets.map(|asset| link(app, &key, PURPOSE, (tenant, asset, ends_s))).collect())
}

/// Where a file can be put that will have this name, until an instant.
pub(crate) async fn put_link(
    app: &App,
    tenant: TenantId,
    asset: AssetId,
    until: Timestamp,
) -> Result<String, Fault> {
    let key = app.data_key(tenant).await?;
    Ok(link(app, &key, PUT_PURPOSE, (tenant, asset, until.ms().div_euclid(1000))))
}

/// What a link to put a file at names, if it is ours and its time is not over.
pub(crate) async fn read_put(app: &App, token: &str) -> Result<Option<(TenantId, AssetId)>, Fault> {
    read(app, token, PUT_PURPOSE).await
}

fn link(
    app: &App,
    key: &DataKey,
    purpose: &str,
    (tenant, asset, ends_s): (TenantId, AssetId, i64),
) -> String {
    let mut token = Vec::with_capacity(NAMED_SIZE_BYTES + 32);
    token.extend_from_slice(tenant.uuid().as_bytes());
    token.extend_from_slice(asset.uuid().as_bytes());
    token.extend_from_slice(&ends_s.to_be_bytes());
    token.extend_from_slice(key.id().bytes());
    let tag = key.tag(purpose, &token);
    token.extend_from_slice(&tag);
    format!("{}/m/{}", app.0.settings.public_url, URL_SAFE_NO_PAD.encode(token))
}

/// The file behind a link.
///
/// # Errors
/// When Postgres fails.
pub async fn linked(app: &App, token: &str) -> Answer<Linked> {
    let gone = || Refused::NotFound("This link is not one of ours, or its time is over.".into());
    let Some((tenant, asset)) = read(app, token, PURPOSE).await? else { return Ok(Err(gone())) };
    let facts = app.0.store.assets(tenant, &[asset]).await?.remove(&asset);
    Ok(facts.map(|facts| Linked { tenant, facts }).ok_or_else(gone))
}

/// What a link names, if its tag is ours and its time is not over.
async fn read(app: &App, token: &str, purpose: &str) -> Result<Option<(TenantId, AssetId)>, Fault> {
    let Some((named, tag)) = parse(token) else { return Ok(None) };
    // What has ended costs no look at the database.
    if Timestamp::from_seconds(named.ends_s) < app.now() {
        return Ok(None);
    }
    let key = app.0.keys.named(named.tenant, named.key).await?;
    let is_ours = key.is_some_and(|key| key.is_tag(purpose, &named.bytes, &tag));
    Ok(is_ours.then_some((named.tenant, named.asset)))
}

/// What a link says.
struct Named {
    tenant: TenantId,
    asset: AssetId,
    ends_s: i64,
    key: KeyId,
    /// All of it, as the tag covers it.
    bytes: Vec<u8>,
}

fn parse(token: &str) -> Option<(Named, Vec<u8>)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (named, tag) = bytes.split_at_checked(NAMED_SIZE_BYTES)?;
    let id = |range: Range<usize>| Uuid::from_slice(named.get(range)?).ok();
    let named = Named {
        tenant: TenantId::new(id(0..16)?),
        asset: AssetId::new(id(16..32)?),
        ends_s: i64::from_be_bytes(named.get(32..40)?.try_into().ok()?),
        key: KeyId::read(named.get(40..)?)?,
        bytes: named.to_vec(),
    };
    Some((named, tag.to_vec()))
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
