//! Who is calling: a key, the tenant it lets in, and what it may do there.

use crate::App;
use crate::api_keys::{self, Written};
use base::Fault;
use base::digest::{hex, sha256};
use domain::access::{Access, Lack, Scope};
use domain::capability::Profile;
use domain::id::{ApiKeyId, BrandId, TenantId};
use std::sync::Arc;
use store::api_keys::{NewApiKey, OPERATOR};
use store::tenants::Tenant;

/// A caller that was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose things it sees.
    pub tenant: TenantId,
    /// The table of capabilities it is served by.
    pub profile: Profile,
    /// It is a key in test mode: nothing that it does leaves to a platform.
    pub is_test: bool,
    /// Its key; whoever came through an inbox has shown one to Redis.
    pub id: Option<ApiKeyId>,
    /// What it may do.
    pub access: Arc<Access>,
    /// Requests in a minute, where the key has a limit of its own; 0 is none.
    pub requests_per_minute: Option<u32>,
    /// The first bytes of its key's SHA-256: enough to find the key, too few to be one.
    key: Option<[u8; 8]>,
}

/// Why a key opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It is none of ours.
    Unknown,
    /// Its checksum does not fit: a character is missing or wrong.
    Mistyped,
    /// It was ours, until its end.
    Expired,
    /// It was ours, until somebody took it away.
    Revoked,
}

impl Caller {
    /// Whoever may add to the inbox of a tenant.
    pub(crate) fn of_inbox(tenant: &Tenant) -> Self {
        Self {
            tenant: tenant.id,
            profile: tenant.profile,
            is_test: tenant.is_test,
            id: None,
            access: Arc::new(Access::OWNER),
            requests_per_minute: None,
            key: None,
        }
    }

    /// Who acts, as the audit names it.
    pub fn actor(&self) -> String {
        self.key.map_or_else(|| "inbox".to_owned(), |key| format!("key:{}", hex(&key)))
    }

    /// Is a brand there for it?
    pub fn sees(&self, brand: BrandId) -> bool {
        self.access.role.is_some() || self.access.brands.iter().any(|(one, _)| *one == brand)
    }

    /// May it do that with this brand?
    ///
    /// # Errors
    /// What it lacks.
    pub fn may(&self, scope: Scope, brand: BrandId) -> Result<(), Lack> {
        self.access.check_on(scope, brand)
    }

    fn of(tenant: &Tenant, key: (ApiKeyId, Access, Option<u32>), sha256: &[u8]) -> Self {
        let mut first = [0; 8];
        first.iter_mut().zip(sha256).for_each(|(to, from)| *to = *from);
        Self {
            tenant: tenant.id,
            profile: tenant.profile,
            is_test: tenant.is_test,
            id: Some(key.0),
            access: Arc::new(key.1),
            requests_per_minute: key.2,
            key: Some(first),
        }
    }
}

impl App {
    /// The caller behind a key, or why it opens nothing.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn caller(&self, key: &str) -> Result<Result<Caller, Closed>, Fault> {
        match api_keys::read(key) {
            Written::Well => {}
            Written::Mistyped => return Ok(Err(Closed::Mistyped)),
            Written::Otherwise => return Ok(Err(Closed::Unknown)),
        }
        let sha256 = sha256(key.as_bytes());
        let Some(shown) = self.0.shown.call(sha256).await? else {
            return Ok(Err(Closed::Unknown));
        };
        let key = shown.key;
        if key.has_ended() {
            let is_revoked = key.revoked_at.is_some();
            return Ok(Err(if is_revoked { Closed::Revoked } else { Closed::Expired }));
        }
        if shown.is_use_old {
            self.0.store.api_key_used(key.id).await?;
        }
        let facts = (key.id, key.access, key.requests_per_minute);
        Ok(Ok(Caller::of(&shown.tenant, facts, &sha256)))
    }

    /// Creates a tenant with its data key, or finds the one of this name, and lets `key` in, as an
    /// owner without a limit.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn ensure_tenant(&self, name: &str, key: &str) -> Result<(), Fault> {
        let id = base::rng::id();
        let tenant = self.0.keys.ensure_tenant(id, name).await?;
        // A tenant that exists already keeps its key: opening it proves that the ring fits.
        self.data_key(tenant.id).await?;
        let new = NewApiKey { requests_per_minute: Some(0), ..api_keys::owner(key, "dev") };
        self.0.store.add_api_key(tenant.id, &new, OPERATOR).await
    }
}
