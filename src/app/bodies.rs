//! The bytes of a request: made by the adapter, or streamed from the library.

use crate::App;
use base::digest::hex;
use base::http::Body as Payload;
use base::{Context, Fault};
use bytes::Bytes;
use domain::content::AssetFacts;
use domain::id::TenantId;
use futures::{StreamExt, stream};
use http::Request;
use platforms::{Body, Part};
use sha2::{Digest, Sha256};

/// The bytes of a body: made by the adapter, or streamed from the library.
pub(crate) async fn payload(
    app: &App,
    tenant: TenantId,
    assets: &[AssetFacts],
    body: &Body,
) -> Result<Payload, Fault> {
    if body.0.iter().all(|part| matches!(part, Part::Inline(_))) {
        return Ok(Payload::Bytes(inline(body)));
    }
    let mut streams = Vec::with_capacity(body.0.len());
    for part in &body.0 {
        streams.push(match part {
            Part::Inline(bytes) => stream::iter([Ok(Bytes::from(bytes.clone()))]).boxed(),
            Part::Asset { asset, start, end } => {
                let facts = assets.get(*asset);
                let id = facts.context("a call names an asset that the post has not")?.id;
                app.0.library.read(tenant, id, *start..*end).await?
            }
        });
    }
    Ok(Payload::Stream { size_bytes: body.len(), chunks: stream::iter(streams).flatten().boxed() })
}

/// The parts of a body that the adapter made, one after the other.
pub(crate) fn inline(body: &Body) -> Bytes {
    let parts = body.0.iter().flat_map(|part| match part {
        Part::Inline(bytes) => bytes.as_slice(),
        Part::Asset { .. } => &[],
    });
    parts.copied().collect::<Vec<u8>>().into()
}

/// What identifies a request: method, URI and body; an asset counts by its own digest.
pub(crate) fn digest(request: &Request<Body>, assets: &[AssetFacts]) -> String {
    let mut sha256 = Sha256::new();
    sha256.update(request.method().as_str());
    sha256.update(request.uri().to_string());
    for part in &request.body().0 {
        match part {
            Part::Inline(bytes) => sha256.update(bytes),
            Part::Asset { asset, start, end } => {
                let known = assets.get(*asset).map(|facts| facts.sha256.as_str());
                sha256.update(format!("{}:{start}-{end}", known.unwrap_or_default()));
            }
        }
    }
    hex(&sha256.finalize())
}
