//! Seals and opens grants: the only place of this crate where a token is in clear.

use crate::App;
use crate::keys::{Opened, Purpose};
use crate::seals;
use base::digest::hex;
use base::{Context, Fault};
use domain::failure::Failure;
use domain::id::{AccountId, TenantId};
use domain::secret::Secret;
use platforms::Grant;
use std::sync::Arc;
use store::credentials::Credential;
use vault::DataKey;

impl App {
    /// The data key that seals for a tenant.
    pub(crate) async fn data_key(&self, tenant: TenantId) -> Result<Arc<DataKey>, Fault> {
        self.0.keys.sealing(tenant).await
    }
}

/// Opens the grant of an account, which is counted under its purpose. The failure tells that it is
/// not what was stored; its account is marked by then.
pub(crate) async fn open(
    app: &App,
    purpose: Purpose,
    (tenant, platform): (TenantId, &str),
    credential: &Credential,
) -> Result<Result<Grant, Failure>, Fault> {
    match app.0.keys.open_grant(purpose, (tenant, platform), credential).await? {
        Opened::Clear(clear) => {
            let grant = Grant::of_clear(clear.bytes()).context("a grant is not readable")?;
            Ok(Ok(grant))
        }
        Opened::Damaged(failure) => Ok(Err(failure)),
        // Whoever comes again reads the one that is stored now.
        Opened::Replaced => Err(Fault::new("a grant was replaced while it was read")),
    }
}

/// Seals a grant for an account at a version.
pub(crate) async fn seal(
    app: &App,
    tenant: TenantId,
    platform: &str,
    account: AccountId,
    version: i64,
    grant: &Grant,
) -> Result<Vec<u8>, Fault> {
    seal_with(&*app.data_key(tenant).await?, tenant, platform, account, version, grant)
}

/// Seals a grant with a key at hand.
pub(crate) fn seal_with(
    key: &DataKey,
    tenant: TenantId,
    platform: &str,
    account: AccountId,
    version: i64,
    grant: &Grant,
) -> Result<Vec<u8>, Fault> {
    let subject = account.to_string();
    Ok(key.seal(&seals::grant(tenant, platform, &subject, version), &grant.to_clear()))
}

/// Seals a PKCE verifier while the browser is away, for the state with this digest.
pub(crate) async fn seal_verifier(
    app: &App,
    (tenant, platform): (TenantId, &str),
    state_sha256: &[u8],
    verifier: &str,
) -> Result<Vec<u8>, Fault> {
    let key = app.data_key(tenant).await?;
    let state = hex(state_sha256);
    Ok(key.seal(&seals::verifier(tenant, platform, &state), verifier.as_bytes()))
}

/// Opens a PKCE verifier. `None` when it is not the one of this state; that is told of by then.
pub(crate) async fn open_verifier(
    app: &App,
    (tenant, platform): (TenantId, &str),
    state_sha256: &[u8],
    sealed: &[u8],
) -> Result<Option<Secret>, Fault> {
    let state = hex(state_sha256);
    let keys = &app.0.keys;
    match keys.open(&seals::verifier(tenant, platform, &state), sealed).await? {
        Ok(clear) => {
            let text = std::str::from_utf8(clear.bytes());
            text.map(|text| Some(text.into())).map_err(|_| Fault::new("a verifier is not text"))
        }
        Err(why) => {
            keys.refuse(tenant, ("verifier", "oauth_state"), why).await?;
            Ok(None)
        }
    }
}
