//! Seals and opens grants: the only place of this crate where a token is in clear.

use crate::App;
use base::{Context, Fault};
use domain::id::{AccountId, TenantId};
use platforms::Grant;
use std::sync::Arc;
use store::credentials::Credential;
use vault::{Associated, DataKey, Wrapped};

/// Verifiers are sealed once and never change.
const VERIFIER_VERSION: i64 = 1;

impl App {
    /// The tenant's data key, opened once per process.
    pub(crate) async fn data_key(&self, tenant: TenantId) -> Result<Arc<DataKey>, Fault> {
        if let Ok(keys) = self.0.data_keys.lock()
            && let Some(key) = keys.get(&tenant)
        {
            return Ok(key.clone());
        }
        let wrapped = Wrapped(self.0.store.tenant(tenant).await?.data_key);
        let key = Arc::new(self.0.ring.unwrap(&wrapped, tenant)?);
        if let Ok(mut keys) = self.0.data_keys.lock() {
            keys.insert(tenant, key.clone());
        }
        Ok(key)
    }
}

/// Opens the grant of an account.
pub(crate) async fn open(
    app: &App,
    tenant: TenantId,
    platform: &str,
    credential: &Credential,
) -> Result<Grant, Fault> {
    let key = app.data_key(tenant).await?;
    let subject = credential.account.to_string();
    let associated = Associated {
        tenant,
        subject: &subject,
        platform,
        field: "grant",
        version: credential.version,
    };
    let clear = key.open(&associated, &credential.sealed).context("opening a grant")?;
    Grant::of_clear(clear.bytes()).context("a grant is not readable")
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
    let associated = Associated { tenant, subject: &subject, platform, field: "grant", version };
    Ok(key.seal(&associated, &grant.to_clear()))
}

/// Seals a PKCE verifier while the browser is away.
pub(crate) async fn seal_verifier(
    app: &App,
    tenant: TenantId,
    platform: &str,
    verifier: &str,
) -> Result<Vec<u8>, Fault> {
    let key = app.data_key(tenant).await?;
    Ok(key.seal(&verifier_of(tenant, platform), verifier.as_bytes()))
}

/// Opens a PKCE verifier.
pub(crate) async fn open_verifier(
    app: &App,
    tenant: TenantId,
    platform: &str,
    sealed: &[u8],
) -> Result<String, Fault> {
    let key = app.data_key(tenant).await?;
    let clear = key.open(&verifier_of(tenant, platform), sealed).context("opening a verifier")?;
    String::from_utf8(clear.bytes().to_vec()).map_err(|_| Fault::new("a verifier is not text"))
}

fn verifier_of(tenant: TenantId, platform: &str) -> Associated<'_> {
    Associated { tenant, subject: "oauth", platform, field: "verifier", version: VERIFIER_VERSION }
}
