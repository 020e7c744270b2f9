//! Checkpoints that hold handles as good as a token lie in the database sealed.

use crate::{App, seals};
use base::Fault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::failure::{Failure, Scope};
use domain::id::{DeliveryId, TenantId};
use platforms::{Adapter, Checkpoint};
use serde_json::{Value, json};
use vault::Unopened;

/// The member of what is stored that holds the sealed form.
const SEALED: &str = "sealed";

/// The form to store, in the row that gets this number with it: an earlier one that is put back
/// does not open there.
pub(crate) async fn seal(
    app: &App,
    (tenant, delivery): (TenantId, DeliveryId),
    no: i32,
    clear: &Value,
) -> Result<Value, Fault> {
    let key = app.data_key(tenant).await?;
    let delivery = delivery.to_string();
    let associated = seals::checkpoint(tenant, &delivery, i64::from(no));
    Ok(json!({ SEALED: text(&key.seal(&associated, clear.to_string().as_bytes())) }))
}

/// The checkpoint in what was stored with this number, sealed or in clear. The failure tells that
/// it does not open; the operator is told by then.
pub(crate) async fn open(
    app: &App,
    adapter: &dyn Adapter,
    (tenant, delivery): (TenantId, DeliveryId),
    no: i32,
    stored: Value,
) -> Result<Result<Checkpoint, Failure>, Fault> {
    let sealed = stored.get(SEALED).and_then(Value::as_str);
    if sealed.is_none() && !adapter.has_secret_checkpoints() {
        return Ok(Ok(Checkpoint(stored)));
    }
    let delivery = delivery.to_string();
    let associated = seals::checkpoint(tenant, &delivery, i64::from(no));
    // Where they are sealed, one in clear is not ours.
    let opened = match sealed.map_or(Err(Unopened::Form), |text| bytes(text.as_bytes())) {
        Ok(sealed) => app.0.keys.open(&associated, &sealed).await?,
        Err(why) => Err(why),
    };
    match opened {
        // The error of serde would repeat what it read.
        Ok(clear) => match serde_json::from_slice(clear.bytes()) {
            Ok(clear) => Ok(Ok(Checkpoint(clear))),
            Err(_) => Err(Fault::new("a checkpoint is not readable")),
        },
        Err(why) => {
            app.0.keys.refuse(tenant, ("checkpoint", &delivery), why).await?;
            let detail = format!("what was stored of its progress does not open: {why}");
            Ok(Err(Failure::Operator { scope: Scope::Account, detail }))
        }
    }
}

/// The sealed form as the text that JSON holds.
pub(crate) fn text(sealed: &[u8]) -> String {
    STANDARD.encode(sealed)
}

/// The sealed form in the text that JSON holds.
pub(crate) fn bytes(text: &[u8]) -> Result<Vec<u8>, Unopened> {
    STANDARD.decode(text).map_err(|_| Unopened::Form)
}
