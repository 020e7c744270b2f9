//! Checkpoints that hold handles as good as a token lie in the database sealed.

use crate::App;
use base::{Context, Fault};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::id::{DeliveryId, TenantId};
use platforms::Checkpoint;
use serde_json::{Value, json};
use vault::Associated;

/// The member of what is stored that holds the sealed form.
const SEALED: &str = "sealed";
/// Checkpoints have no version of their own: the guard of the row compares their number.
const VERSION: i64 = 1;

/// The form to store.
pub(crate) async fn seal(
    app: &App,
    tenant: TenantId,
    delivery: DeliveryId,
    clear: &Value,
) -> Result<Value, Fault> {
    let key = app.data_key(tenant).await?;
    let sealed = key.seal(&of(tenant, &delivery.to_string()), clear.to_string().as_bytes());
    Ok(json!({ SEALED: STANDARD.encode(sealed) }))
}

/// The checkpoint in what was stored, sealed or in clear.
pub(crate) async fn open(
    app: &App,
    tenant: TenantId,
    delivery: DeliveryId,
    stored: Value,
) -> Result<Checkpoint, Fault> {
    let Some(sealed) = stored.get(SEALED).and_then(Value::as_str) else {
        return Ok(Checkpoint(stored));
    };
    let sealed = STANDARD.decode(sealed).context("reading a sealed checkpoint")?;
    let key = app.data_key(tenant).await?;
    let clear = key.open(&of(tenant, &delivery.to_string()), &sealed);
    let clear = clear.context("opening a checkpoint")?;
    // The error of serde would repeat what it read.
    let clear = serde_json::from_slice(clear.bytes());
    clear.map(Checkpoint).map_err(|_| Fault::new("a checkpoint is not readable"))
}

fn of(tenant: TenantId, subject: &str) -> Associated<'_> {
    Associated { tenant, subject, platform: "", field: "checkpoint", version: VERSION }
}
