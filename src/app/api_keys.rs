//! Keys to the API: given out, listed, replaced and revoked.
//!
//! Invariant: a key is shown once, to whoever has it made; what is stored is its SHA-256. Nobody
//! gives away more than he has.

mod text;

pub(crate) use text::{Written, read};

use crate::caller::Caller;
use crate::keys::Keys;
use crate::{Answer, App, Refused, scope};
use base::{Fault, rng};
use domain::access::{Access, Role, Scope};
use domain::id::{ApiKeyId, BrandId, TenantId};
use domain::rejection::{Rejection, Rule};
use domain::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use store::api_keys::{ApiKey, NewApiKey, OPERATOR, Replaced, Revoked};
use utoipa::ToSchema;

/// A key that was replaced serves on for a day, unless something else is said.
pub const GRACE: Duration = Duration::from_secs(24 * 3_600);
/// The longest time that two keys serve side by side.
pub const GRACE_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What a key is asked to be.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// What it is for, in a person's words.
    pub label: &'a str,
    /// Its role on all brands and on the tenant.
    pub role: Option<Role>,
    /// Its roles on some brands, by slug.
    pub brands: Vec<(&'a str, Role)>,
    /// It may do these alone.
    pub scopes: Option<Vec<Scope>>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Requests in a minute; 0 is no limit.
    pub requests_per_minute: Option<u32>,
    /// It is to be a key in test mode.
    pub is_test: bool,
}

/// A key as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ApiKey)]
#[serde(rename_all = "camelCase")]
pub struct KeyView {
    /// Which one.
    pub id: ApiKeyId,
    /// The key itself, in the answer to whoever had it made, and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its last characters.
    pub hint: String,
    /// `live`, or `test` where nothing that it does leaves to a platform.
    pub mode: &'static str,
    /// What it is for.
    pub label: String,
    /// Its role on all brands and on the tenant.
    pub role: Option<&'static str>,
    /// Its roles on some brands, by slug.
    pub brands: BTreeMap<String, &'static str>,
    /// What it was narrowed to.
    pub scopes: Option<Vec<&'static str>>,
    /// `live`, `expired` or `revoked`.
    pub status: &'static str,
    /// Requests in a minute, 0 without a limit.
    pub requests_per_minute: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The key whose place it took.
    pub replaces: Option<ApiKeyId>,
    /// It is the one that asks.
    pub is_yours: bool,
}

/// The stored form of a key that an owner is to have.
pub fn owner(key: &str, label: &str) -> NewApiKey {
    NewApiKey {
        id: rng::id(),
        sha256: base::digest::sha256(key.as_bytes()),
        label: label.to_owned(),
        hint: text::hint(key),
        access: Access::OWNER,
        requests_per_minute: None,
        expires_at: None,
    }
}

/// A fresh key that an owner is to have, in clear.
pub fn fresh() -> String {
    text::fresh(false)
}

/// Creates a tenant, or finds the one of this name, and gives out a key of an owner there.
///
/// # Errors
/// When Postgres or the key ring fails.
pub async fn first(keys: &Keys, tenant: &str, label: &str) -> Result<(ApiKeyId, String), Fault> {
    let key = fresh();
    let new = owner(&key, label);
    let tenant = keys.ensure_tenant(rng::id(), tenant).await?;
    keys.store().add_api_key(tenant.id, &new, OPERATOR).await?;
    Ok((new.id, key))
}

/// Whose keys are meant: those of the caller's tenant, or of the world of tests beside it.
struct Realm {
    tenant: TenantId,
    is_test: bool,
    slugs: BTreeMap<String, BrandId>,
}

impl Realm {
    async fn of(app: &App, (tenant, is_test): (TenantId, bool)) -> Result<Self, Fault> {
        let brands = scope::of_tenants([tenant], app.0.store.brands(tenant)).await?;
        let slugs = brands.into_iter().map(|brand| (brand.slug, brand.id)).collect();
        Ok(Self { tenant, is_test, slugs })
    }

    /// The caller's own, and that of its tests, where there is one.
    async fn all(app: &App, caller: &Caller) -> Result<Vec<Self>, Fault> {
        let mut all = vec![Self::of(app, (caller.tenant, caller.is_test)).await?];
        let tests = scope::of_everybody(app.0.store.test_tenant(caller.tenant)).await?;
        if let Some(tests) = tests {
            all.push(Self::of(app, (tests, true)).await?);
        }
        Ok(all)
    }

    /// The one that has a key of this id, with the key.
    async fn with(
        app: &App,
        caller: &Caller,
        id: ApiKeyId,
    ) -> Result<Option<(Self, ApiKey)>, Fault> {
        for realm in Self::all(app, caller).await? {
            if let Some(key) = realm.find(app, id).await? {
                return Ok(Some((realm, key)));
            }
        }
        Ok(None)
    }

    async fn keys(&self, app: &App) -> Result<Vec<ApiKey>, Fault> {
        scope::of_tenants([self.tenant], app.0.store.api_keys(self.tenant)).await
    }

    async fn find(&self, app: &App, id: ApiKeyId) -> Result<Option<ApiKey>, Fault> {
        Ok(self.keys(app).await?.into_iter().find(|key| key.id == id))
    }

    /// A key that was just made, with itself.
    async fn shown(
        &self,
        app: &App,
        caller: &Caller,
        id: ApiKeyId,
        key: String,
    ) -> Answer<KeyView> {
        let found = self.find(app, id).await?;
        let made = found.map(|found| KeyView { key: Some(key), ..view(app, caller, &found, self) });
        Ok(made.ok_or_else(|| nowhere(id)))
    }
}

/// Lists the keys of the caller's tenant, those in test mode last.
///
/// # Errors
/// When Postgres fails.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<KeyView>, Fault> {
    let mut views = Vec::new();
    for realm in Realm::all(app, caller).await? {
        let keys = realm.keys(app).await?;
        views.extend(keys.iter().map(|key| view(app, caller, key, &realm)));
    }
    Ok(views)
}

/// Gives out a key. What a key in test mode gives out is one as well.
///
/// # Errors
/// When Postgres fails.
pub async fn create(app: &App, caller: &Caller, wanted: Wanted<'_>) -> Answer<KeyView> {
    let is_test = wanted.is_test || caller.is_test;
    let tenant = match is_test && !caller.is_test {
        true => scope::of_everybody(app.0.keys.ensure_test_tenant(caller.tenant)).await?,
        false => caller.tenant,
    };
    let realm = Realm::of(app, (tenant, is_test)).await?;
    let access = match read_access(&wanted, &realm.slugs) {
        Ok(access) => access,
        Err(problems) => return Ok(Err(Refused::Invalid(problems))),
    };
    // The brands of tests are nobody else's, so only what it may do with all of them counts.
    let given = match tenant == caller.tenant {
        true => access.clone(),
        false => Access { brands: Vec::new(), ..access.clone() },
    };
    if let Some(refused) = too_much(caller, &given) {
        return Ok(Err(refused));
    }
    let now = app.0.store.time().await?;
    if let Some(end) = wanted.expires_at.filter(|end| *end <= now) {
        let message = "The key would have expired before it is given out.";
        let rejection = Rejection::request(Rule::OutOfRange, "expiresAt", message)
            .bounds(format!("after {now}"), end.to_string())
            .resolve("Name a later time, or none for a key without an end.");
        return Ok(Err(Refused::Invalid(vec![rejection])));
    }
    let key = text::fresh(is_test);
    let new = NewApiKey {
        access,
        requests_per_minute: wanted.requests_per_minute,
        expires_at: wanted.expires_at,
        ..owner(&key, wanted.label)
    };
    let actor = caller.actor();
    scope::of_tenants([tenant], app.0.store.add_api_key(tenant, &new, &actor)).await?;
    tracing::info!(key = %new.id, actor, is_test, "a key is given out");
    realm.shown(app, caller, new.id, key).await
}

/// Gives out a key in the place of another, which serves on for `grace`.
///
/// # Errors
/// When Postgres fails.
pub async fn rotate(app: &App, caller: &Caller, id: ApiKeyId, grace: Duration) -> Answer<KeyView> {
    let Some((realm, old)) = Realm::with(app, caller, id).await? else {
        return Ok(Err(nowhere(id)));
    };
    if let Some(refused) = too_much(caller, &old.access) {
        return Ok(Err(refused));
    }
    let key = text::fresh(realm.is_test);
    let (new, actor) = (owner(&key, ""), caller.actor());
    let replacing = app.0.store.replace_api_key(realm.tenant, id, (&new, &actor), grace);
    match scope::of_tenants([realm.tenant], replacing).await? {
        Replaced::Until(until) => {
            tracing::info!(key = %id, by = %new.id, %until, actor, "a key is replaced");
            realm.shown(app, caller, new.id, key).await
        }
        Replaced::Nowhere => Ok(Err(nowhere(id))),
        Replaced::Ended => Ok(Err(Refused::Conflict {
            code: "key_ended",
            message: format!("{id} has ended; give out a new one with POST /v1/keys."),
        })),
        Replaced::By(other) => Ok(Err(Refused::Conflict {
            code: "key_replaced",
            message: format!("{other} has taken the place of {id}; rotate or revoke that one."),
        })),
    }
}

/// Takes a key away, at once.
///
/// # Errors
/// When Postgres fails.
pub async fn revoke(app: &App, caller: &Caller, id: ApiKeyId) -> Answer<KeyView> {
    let Some((realm, _)) = Realm::with(app, caller, id).await? else {
        return Ok(Err(nowhere(id)));
    };
    let actor = caller.actor();
    let revoking = app.0.store.revoke_api_key(realm.tenant, id, &actor);
    match scope::of_tenants([realm.tenant], revoking).await? {
        Revoked::Done(key) => {
            tracing::info!(key = %id, actor, "a key is revoked");
            Ok(Ok(view(app, caller, &key, &realm)))
        }
        Revoked::Nowhere => Ok(Err(nowhere(id))),
        Revoked::LastOwner => Ok(Err(Refused::Conflict {
            code: "last_owner_key",
            message: format!(
                "Without {id} nobody could give out keys. Make another owner's key that does not \
                 expire, then revoke this one."
            ),
        })),
    }
}

fn nowhere(id: ApiKeyId) -> Refused {
    Refused::NotFound(format!("There is no key {id}."))
}

/// What the key would be, or everything that is wrong with it.
fn read_access(
    wanted: &Wanted<'_>,
    slugs: &BTreeMap<String, BrandId>,
) -> Result<Access, Vec<Rejection>> {
    let mut problems = Vec::new();
    let mut brands = Vec::new();
    for (slug, role) in &wanted.brands {
        match slugs.get(*slug) {
            Some(id) => brands.push((*id, *role)),
            None => {
                let field = format!("brands.{slug}");
                let message = "There is no brand with this slug.";
                let rejection = Rejection::request(Rule::NotFound, field, message)
                    .bounds(slugs.keys().take(20).cloned().collect::<Vec<_>>(), *slug)
                    .resolve("Create it with POST /v1/brands, or correct the slug.");
                problems.push(rejection);
            }
        }
    }
    if wanted.role.is_none() && wanted.brands.is_empty() {
        let message = "A key has a `role` on all brands, or roles on some in `brands`.";
        let rejection = Rejection::request(Rule::Required, "role", message)
            .bounds(Role::ALL.map(Role::as_str).to_vec(), serde_json::Value::Null)
            .resolve("Name a role; `editor` is what an app needs that posts.");
        problems.push(rejection);
    }
    match problems.is_empty() {
        true => Ok(Access { role: wanted.role, brands, scopes: wanted.scopes.clone() }),
        false => Err(problems),
    }
}

fn too_much(caller: &Caller, access: &Access) -> Option<Refused> {
    if caller.access.covers(access) {
        return None;
    }
    let message = "A key gives away no more than it has itself.";
    let rejection = Rejection::request(Rule::TooMuch, "role", message)
        .bounds(words(&caller.access), words(access))
        .resolve("Ask an owner for it, or give out a key with fewer roles and scopes.");
    Some(Refused::Forbidden { code: "beyond_your_key", why: Box::new(rejection) })
}

/// An access in a few words.
fn words(access: &Access) -> String {
    let role = access.role.map_or("no role on all brands", Role::as_str);
    let brands = match access.brands.len() {
        0 => String::new(),
        some => format!(", roles on {some} brands"),
    };
    let scopes = access.scopes.as_ref().map(|scopes| {
        let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        format!(", only {}", scopes.join(" "))
    });
    format!("{role}{brands}{}", scopes.unwrap_or_default())
}

fn view(app: &App, caller: &Caller, key: &ApiKey, realm: &Realm) -> KeyView {
    let slug = |id: BrandId| {
        let known = realm.slugs.iter().find(|(_, one)| **one == id);
        known.map_or_else(|| id.to_string(), |(slug, _)| slug.clone())
    };
    let scopes = key.access.scopes.as_ref();
    let status = match (key.revoked_at, key.has_ended()) {
        (Some(_), _) => "revoked",
        (None, true) => "expired",
        (None, false) => "live",
    };
    KeyView {
        id: key.id,
        key: None,
        hint: key.hint.clone(),
        mode: if realm.is_test { "test" } else { "live" },
        label: key.label.clone(),
        role: key.access.role.map(Role::as_str),
        brands: key.access.brands.iter().map(|(id, role)| (slug(*id), role.as_str())).collect(),
        scopes: scopes.map(|scopes| scopes.iter().map(|scope| scope.as_str()).collect()),
        status,
        requests_per_minute: key.requests_per_minute.unwrap_or(app.0.settings.requests_per_minute),
        created_at: key.created_at,
        expires_at: key.expires_at,
        last_used_at: key.last_used_at,
        revoked_at: key.revoked_at,
        replaces: key.replaces,
        is_yours: Some(key.id) == caller.id,
    }
}
