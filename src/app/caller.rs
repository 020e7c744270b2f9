//! Who is calling: a key, and the tenant it lets in.

use crate::App;
use base::Fault;
use base::digest::hex;
use domain::capability::Profile;
use domain::id::TenantId;
use sha2::{Digest, Sha256};
use store::tenants::Tenant;

/// A caller that was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Whose things it sees.
    pub tenant: TenantId,
    /// The table of capabilities it is served by.
    pub profile: Profile,
    /// The first bytes of its key's SHA-256: enough to find the key, too few to be one. Whoever
    /// came through an inbox has shown its key to Redis.
    key: Option<[u8; 8]>,
}

impl Caller {
    /// Whoever may add to the inbox of a tenant.
    pub(crate) fn of_inbox(tenant: &Tenant) -> Self {
        Self { tenant: tenant.id, profile: tenant.profile, key: None }
    }

    /// Who acts, as the audit names it.
    pub fn actor(&self) -> String {
        self.key.map_or_else(|| "inbox".to_owned(), |key| format!("key:{}", hex(&key)))
    }
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
        let sha256 = Sha256::digest(key.as_bytes());
        let tenant = self.0.store.tenant_of_key(&sha256).await?;
        Ok(tenant.map(|tenant| Caller {
            tenant: tenant.id,
            profile: tenant.profile,
            key: Some(first(&sha256)),
        }))
    }

    /// Creates a tenant with its data key, or finds the one of this name, and lets `key` in.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn ensure_tenant(&self, name: &str, key: &str) -> Result<Caller, Fault> {
        let id = base::rng::id();
        let tenant = self.0.keys.ensure_tenant(id, name).await?;
        // A tenant that exists already keeps its key: opening it proves that the ring fits.
        self.data_key(tenant.id).await?;
        let sha256 = Sha256::digest(key.as_bytes());
        self.0.store.add_api_key(tenant.id, &sha256, "dev").await?;
        Ok(Caller { tenant: tenant.id, profile: tenant.profile, key: Some(first(&sha256)) })
    }
}

fn first(sha256: &[u8]) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(sha256).for_each(|(to, from)| *to = *from);
    bytes
}
