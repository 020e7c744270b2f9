//! Who is calling: a key, and the tenant it lets in.

use crate::App;
use base::Fault;
use domain::capability::Profile;
use domain::id::TenantId;
use sha2::{Digest, Sha256};
use store::tenants::Tenant;
use vault::Wrapped;

/// A caller that was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Whose things it sees.
    pub tenant: TenantId,
    /// The table of capabilities it is served by.
    pub profile: Profile,
}

impl App {
    /// The caller behind a key, or `None` when the key opens nothing.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn caller(&self, key: &str) -> Result<Option<Caller>, Fault> {
        if !key.starts_with("pf_") {
            return Ok(None);
        }
        let tenant = self.0.store.tenant_of_key(&Sha256::digest(key.as_bytes())).await?;
        Ok(tenant.map(|tenant| Caller { tenant: tenant.id, profile: tenant.profile }))
    }

    /// Creates a tenant with its data key, or finds the one of this name, and lets `key` in.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn ensure_tenant(&self, name: &str, key: &str) -> Result<Caller, Fault> {
        let id = base::rng::id();
        let wrapped = self.0.ring.new_data_key(id);
        let tenant: Tenant = self.0.store.ensure_tenant(id, name, &wrapped.0).await?;
        // A tenant that exists already keeps its key: opening it proves that the ring fits.
        self.data_key_of(&tenant)?;
        self.0.store.add_api_key(tenant.id, &Sha256::digest(key.as_bytes()), "dev").await?;
        Ok(Caller { tenant: tenant.id, profile: tenant.profile })
    }

    fn data_key_of(&self, tenant: &Tenant) -> Result<(), Fault> {
        self.0.ring.unwrap(&Wrapped(tenant.data_key.clone()), tenant.id).map(|_| ())
    }
}
