//! Brings a user's file into the library and writes down what it is.

use crate::caller::Caller;
use crate::{Answer, App, Refused, likes};
use base::{Fault, rng};
use bytes::Bytes;
use domain::content::AssetFacts;
use domain::id::AssetId;
use futures::Stream;

/// Stores a file: first the bytes, then the row that names them.
///
/// # Errors
/// When the disk or Postgres fails; then the file has no name and nobody refers to it.
pub async fn bring(
    app: &App,
    caller: &Caller,
    stream: impl Stream<Item = Result<Bytes, Fault>> + Send + Unpin,
) -> Answer<AssetFacts> {
    let id: AssetId = rng::id();
    let facts = match app.0.library.put(caller.tenant, id, stream).await? {
        Ok(facts) => facts,
        Err(rejection) => return Ok(Err(Refused::Invalid(vec![rejection]))),
    };
    if let Err(fault) = app.0.store.add_asset(caller.tenant, &facts).await {
        let refused = likes::no_room(fault)?;
        app.0.library.delete(caller.tenant, id).await?;
        return Ok(Err(refused));
    }
    Ok(Ok(facts))
}
