//! The data keys of the tenants, opened: which one seals, and which one sealed.
//!
//! Which key sealed a value stands in its head, so keys are looked up by their name; one that is
//! not at hand is loaded. Invariant: what is not at hand for lack of a key-encryption key is a
//! fault that passes, what no key opens is refused for good.

mod openings;
mod ring;
mod rotate;

pub use openings::{Purpose, openings};
pub use ring::{Retired, Status, Under, retire, status};
pub use rotate::{Rotated, Rotation, rotate};
pub use store::reseals::Field;

use crate::seals;
use base::{Context, Fault, clock};
use domain::failure::Failure;
use domain::id::TenantId;
use openings::Openings;
use queue::Outcome;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use store::Store;
use store::credentials::Credential;
use store::damages::Damaged;
use store::data_keys::{DataKeyRow, NewDataKey};
use store::tenants::Tenant;
use vault::{Associated, Clear, DataKey, KeyId, KeyRing, NotUnwrapped, Unopened, Wrapped, key_id};

/// A process seals with the key that it knows to be the present one, for so long; then it asks
/// again.
pub(crate) const CURRENT_FOR: Duration = Duration::from_secs(5);
/// A job that lacks a key-encryption key rests this long: somebody has to bring it.
const LACKING_REST: Duration = Duration::from_secs(5);
/// Tries to give a tenant a key that seals: others may be at it.
const TRIES_MAX: usize = 3;

/// What the queue is told of a job that faulted: at once again, or later where a key is lacking.
pub(crate) fn rest(fault: &Fault) -> Outcome {
    match fault.find::<NotUnwrapped>() {
        Some(_) => Outcome::ReleaseFor(LACKING_REST),
        None => Outcome::Release,
    }
}

/// The keys of an installation at hand, with the way to those that are not.
pub struct Keys {
    store: Store,
    ring: KeyRing,
    held: Mutex<HashMap<TenantId, Bunch>>,
    openings: Openings,
}

/// The opened keys of a tenant.
#[derive(Default)]
struct Bunch {
    keys: HashMap<KeyId, Arc<DataKey>>,
    /// The one that seals, and when that was read.
    current: Option<(KeyId, Instant)>,
}

/// A data key that was just made.
struct Fresh {
    id: KeyId,
    under: KeyId,
    wrapped: Wrapped,
}

impl Fresh {
    fn row(&self, tenant: TenantId) -> NewDataKey<'_> {
        let (key_id, born_under) = (self.id.bytes().as_slice(), self.under.bytes().as_slice());
        NewDataKey { tenant, key_id, wrapped: &self.wrapped.0, born_under }
    }
}

/// What opening a stored grant came to.
pub(crate) enum Opened {
    /// It is what was stored.
    Clear(Clear),
    /// It is not, and this is what its deliveries are told.
    Damaged(Failure),
    /// Another one is stored by now.
    Replaced,
}

/// What the rows of a tenant came to.
struct Read {
    /// The key that seals opens.
    current: Option<Arc<DataKey>>,
    /// Keys that wait for a key-encryption key: their names, where known, and what is lacking.
    lacking: Vec<(Option<KeyId>, bool, NotUnwrapped)>,
}

impl Keys {
    /// Keys from a database, opened by a ring.
    pub fn new(store: Store, ring: KeyRing) -> Self {
        let openings = Openings::spawn(store.clone());
        Self { store, ring, held: Mutex::default(), openings }
    }

    /// Where they are kept.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The data key that seals for a tenant.
    pub(crate) async fn sealing(&self, tenant: TenantId) -> Result<Arc<DataKey>, Fault> {
        if let Some(key) = self.fresh(tenant) {
            return Ok(key);
        }
        for _ in 0..TRIES_MAX {
            let read = self.load(tenant).await?;
            if let Some(key) = read.current {
                return Ok(key);
            }
            if let Some((_, _, why)) = read.lacking.into_iter().find(|(_, seals, _)| *seals) {
                return Err(why).context(format!("the data key of {tenant}"));
            }
            let reason = "the tenant had no data key that opens";
            self.replace(tenant, None, reason).await?;
        }
        Err(Fault::new(format_args!("{tenant} gets no data key")))
    }

    /// Opens a secret with the key that its head names.
    pub(crate) async fn open(
        &self,
        associated: &Associated<'_>,
        sealed: &[u8],
    ) -> Result<Result<Clear, Unopened>, Fault> {
        let id = match key_id(sealed) {
            Ok(id) => id,
            Err(why) => return Ok(Err(why)),
        };
        let key = self.named(associated.tenant, id).await?;
        Ok(key.ok_or(Unopened::OtherKey).and_then(|key| key.open(associated, sealed)))
    }

    /// The key of a tenant that goes by this name; `None` when the tenant has none that opens.
    pub(crate) async fn named(
        &self,
        tenant: TenantId,
        id: KeyId,
    ) -> Result<Option<Arc<DataKey>>, Fault> {
        let at_hand = || self.held().get(&tenant).and_then(|bunch| bunch.keys.get(&id).cloned());
        if let Some(key) = at_hand() {
            return Ok(Some(key));
        }
        let read = self.load(tenant).await?;
        if let Some(key) = at_hand() {
            return Ok(Some(key));
        }
        // A row without a name may be the one that is meant.
        let may_be = |name: &Option<KeyId>| name.is_none_or(|name| name == id);
        match read.lacking.into_iter().find(|(name, ..)| may_be(name)) {
            Some((_, _, why)) => Err(why).context(format!("a data key of {tenant}")),
            None => Ok(None),
        }
    }

    /// Opens the stored grant of an account and counts it. A grant that is not what was stored
    /// damages its account, once.
    pub(crate) async fn open_grant(
        &self,
        purpose: Purpose,
        (tenant, platform): (TenantId, &str),
        credential: &Credential,
    ) -> Result<Opened, Fault> {
        let subject = credential.account.to_string();
        let associated = seals::grant(tenant, platform, &subject, credential.version);
        let why = match self.open(&associated, &credential.sealed).await? {
            Ok(clear) if credential.version == credential.reached => {
                self.openings.count(tenant, credential.account, purpose);
                return Ok(Opened::Clear(clear));
            }
            Ok(_) => format!(
                "it is of version {}, and the account has been at {}",
                credential.version, credential.reached
            ),
            Err(why) => why.to_string(),
        };
        let reason = format!("its stored grant does not open: {why}");
        let damaged = self.store.damage_account(tenant, credential, &reason).await?;
        if damaged == Damaged::Replaced {
            return Ok(Opened::Replaced);
        }
        metrics::counter!("postfleet_vault_refused_total", "field" => "grant").increment(1);
        if damaged == Damaged::Now {
            tracing::error!(
                account = %credential.account, platform, reason,
                "an account is damaged: what is stored of it is not what was written"
            );
        }
        Ok(Opened::Damaged(Failure::Auth { revoked: true, detail: reason }))
    }

    /// Tells of something else that did not open: in the metric, the log and the audit.
    pub(crate) async fn refuse(
        &self,
        tenant: TenantId,
        (field, subject): (&'static str, &str),
        why: Unopened,
    ) -> Result<(), Fault> {
        metrics::counter!("postfleet_vault_refused_total", "field" => field).increment(1);
        tracing::error!(%tenant, field, subject, %why, "something sealed does not open");
        let reason = format!("the {field} does not open: {why}");
        self.store.note_refusal(tenant, subject, &reason).await
    }

    /// Writes down what was opened and is not counted in the database yet.
    pub async fn flush(&self) {
        self.openings.flush().await;
    }

    /// Creates a tenant with a data key, or finds the one of this name.
    pub(crate) async fn ensure_tenant(&self, id: TenantId, name: &str) -> Result<Tenant, Fault> {
        let fresh = self.fresh_key(id)?;
        self.store.ensure_tenant(name, fresh.row(id)).await
    }

    /// The world of tests beside a tenant, which is made when it is missing.
    pub(crate) async fn ensure_test_tenant(&self, of: TenantId) -> Result<TenantId, Fault> {
        let id = base::rng::id();
        let fresh = self.fresh_key(id)?;
        self.store.ensure_test_tenant(of, fresh.row(id)).await
    }

    /// A new key in the place of the row that seals for a tenant. `false` when somebody was
    /// quicker.
    async fn replace(
        &self,
        tenant: TenantId,
        replaces: Option<i64>,
        reason: &str,
    ) -> Result<bool, Fault> {
        let fresh = self.fresh_key(tenant)?;
        self.store.replace_data_key(fresh.row(tenant), replaces, reason).await
    }

    fn fresh_key(&self, tenant: TenantId) -> Result<Fresh, Fault> {
        let wrapped = self.ring.new_data_key(tenant)?;
        let (id, under) = (self.ring.unwrap(&wrapped, tenant)?.id(), key_id(&wrapped.0)?);
        Ok(Fresh { id, under, wrapped })
    }

    /// Reads the keys of a tenant and opens those that are not at hand.
    async fn load(&self, tenant: TenantId) -> Result<Read, Fault> {
        let asked_at = clock::stopwatch();
        let rows = self.store.data_keys(tenant).await?;
        let mut read = Read { current: None, lacking: Vec::new() };
        for row in rows {
            let name = row.key_id.as_deref().and_then(KeyId::read);
            let at_hand = name.and_then(|id| self.held().get(&tenant)?.keys.get(&id).cloned());
            let key = match at_hand {
                Some(key) => key,
                None => match self.unwrap(&row, name) {
                    Ok(key) => Arc::new(key),
                    Err(NotUnwrapped::Broken(why)) => {
                        self.break_key(&row, why).await?;
                        continue;
                    }
                    Err(lacking @ NotUnwrapped::NoKey(_)) => {
                        read.lacking.push((name, row.is_current, lacking));
                        continue;
                    }
                },
            };
            if name.is_none() {
                self.store.name_data_key(row.no, key.id().bytes()).await?;
            }
            let mut held = self.held();
            let bunch = held.entry(tenant).or_default();
            if row.is_current {
                bunch.current = Some((key.id(), asked_at));
                read.current = Some(key.clone());
            }
            bunch.keys.insert(key.id(), key);
        }
        Ok(read)
    }

    /// Opens the key of a row. Another key of the tenant in its place is not the one.
    fn unwrap(&self, row: &DataKeyRow, name: Option<KeyId>) -> Result<DataKey, NotUnwrapped> {
        let key = self.ring.unwrap(&Wrapped(row.wrapped.clone()), row.tenant)?;
        match name.is_none_or(|name| name == key.id()) {
            true => Ok(key),
            false => Err(NotUnwrapped::Broken(Unopened::OtherKey)),
        }
    }

    async fn break_key(&self, row: &DataKeyRow, why: Unopened) -> Result<(), Fault> {
        let reason = format!("the data key does not open: {why}");
        if self.store.break_data_key(row, &reason).await? {
            metrics::counter!("postfleet_vault_refused_total", "field" => "data_key").increment(1);
            tracing::error!(tenant = %row.tenant, row = row.no, reason, "a data key is broken");
        }
        Ok(())
    }

    /// The key that seals, as long as that is known.
    fn fresh(&self, tenant: TenantId) -> Option<Arc<DataKey>> {
        let held = self.held();
        let bunch = held.get(&tenant)?;
        let (id, _) = bunch.current.filter(|(_, read_at)| read_at.elapsed() < CURRENT_FOR)?;
        bunch.keys.get(&id).cloned()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<TenantId, Bunch>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
