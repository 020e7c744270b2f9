//! Registrations with the platforms: the installation's, and those that tenants bring.
//!
//! Invariant: whoever connects, refreshes or publishes asks here, so an account is always spoken
//! for by the registration that its owner consented to.

use crate::{App, seals, targets};
use base::Fault;
use domain::id::TenantId;
use domain::secret::Secret;
use platforms::App as Registration;
use store::oauth_apps::OAuthApp;
use uuid::Uuid;
use vault::DataKey;

/// A registration, and whose it is.
pub(crate) struct Registered {
    pub registration: Registration,
    /// The key of the tenant's own, where it is one.
    pub own_app_key: Option<String>,
}

/// The registration that a new consent goes through: the tenant's own, where there is one.
pub(crate) async fn for_consent(
    app: &App,
    tenant: TenantId,
    platform: &str,
    name: &str,
) -> Result<Option<Registered>, Fault> {
    if let Some(own) = app.0.store.oauth_app(tenant, platform, name).await? {
        let registration = open(app, tenant, &own).await?;
        let own_app_key = Some(targets::own_app_key(tenant, name));
        return Ok(Some(Registered { registration, own_app_key }));
    }
    let registration = of_installation(app, platform, name).cloned();
    Ok(registration.map(|registration| Registered { registration, own_app_key: None }))
}

/// The registration that an account, or a consent under way, belongs to.
pub(crate) async fn of(
    app: &App,
    tenant: TenantId,
    (platform, name): (&str, &str),
    own_app_key: Option<&str>,
) -> Result<Option<Registration>, Fault> {
    if own_app_key.is_none() {
        return Ok(of_installation(app, platform, name).cloned());
    }
    match app.0.store.oauth_app(tenant, platform, name).await? {
        Some(own) => open(app, tenant, &own).await.map(Some),
        None => Ok(None),
    }
}

/// The installation has a registration of this name.
pub(crate) fn is_configured(app: &App, platform: &str, name: &str) -> bool {
    of_installation(app, platform, name).is_some()
}

/// Where a platform sends browsers back to.
pub(crate) fn redirect_uri(app: &App, platform: &str) -> String {
    format!("{}/oauth/{platform}/callback", app.0.settings.public_url)
}

/// Seals the secret of a tenant's own registration, for a row and a version of it.
pub(crate) fn seal(
    key: &DataKey,
    (tenant, platform): (TenantId, &str),
    (row, version): (Uuid, i64),
    secret: &Secret,
) -> Vec<u8> {
    let row = row.simple().to_string();
    key.seal(&seals::own_app(tenant, platform, &row, version), secret.expose().as_bytes())
}

fn of_installation<'a>(app: &'a App, platform: &str, name: &str) -> Option<&'a Registration> {
    app.0.settings.platforms.get(platform)?.registrations.get(name)
}

async fn open(app: &App, tenant: TenantId, own: &OAuthApp) -> Result<Registration, Fault> {
    let row = own.id.simple().to_string();
    let associated = seals::own_app(tenant, &own.platform, &row, own.version);
    let clear = match app.0.keys.open(&associated, &own.sealed).await? {
        Ok(clear) => clear,
        Err(why) => {
            app.0.keys.refuse(tenant, ("own_app", &row), why).await?;
            return Err(Fault::new("a registration's secret does not open"));
        }
    };
    let secret = std::str::from_utf8(clear.bytes());
    let secret = secret.map_err(|_| Fault::new("a registration's secret is not text"))?;
    Ok(Registration {
        name: own.app.clone(),
        client_id: own.client_id.clone(),
        client_secret: secret.into(),
        redirect_uri: redirect_uri(app, &own.platform),
    })
}
