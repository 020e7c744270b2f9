//! Registrations that a tenant brings of its own, in the place of the installation's.

use super::{app_named, conflict, dialect};
use crate::caller::Caller;
use crate::{Answer, App, Refused, registrations};
use base::Fault;
use domain::rejection::excerpt;
use domain::secret::Secret;
use domain::time::Timestamp;
use serde::Serialize;
use store::oauth_apps::{OAuthApp, OAuthAppChange};
use utoipa::ToSchema;

/// A tenant's own registration, without its secret: nobody reads that again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OAuthApp)]
#[serde(rename_all = "camelCase")]
pub struct OwnApp {
    /// On which platform.
    pub platform: String,
    /// In the place of which of the installation's.
    pub app: String,
    /// Its public id.
    pub client_id: String,
    /// What has to be among its redirect addresses at the platform.
    pub redirect_uri: String,
    /// Accounts that are connected through it.
    pub accounts: i64,
    /// When its secret was brought.
    pub updated_at: Timestamp,
}

/// Brings a registration, or a new secret of it.
///
/// # Errors
/// When Postgres fails.
pub async fn put(
    app: &App,
    caller: &Caller,
    (platform, name): (&str, &str),
    client_id: &str,
    secret: &Secret,
) -> Answer<OwnApp> {
    let way = match way_of(platform, name) {
        Ok(way) => way,
        Err(refused) => return Ok(Err(refused)),
    };
    let (tenant, fresh) = (caller.tenant, (base::rng::uuid(), client_id));
    let key = app.data_key(tenant).await?;
    let seal = |row, version| registrations::seal(&key, (tenant, way.0), (row, version), secret);
    let change = app.0.store.put_oauth_app(tenant, way, fresh, seal).await?;
    match change {
        OAuthAppChange::InUse(accounts) => {
            let message = format!(
                "{accounts} accounts are connected through the client id before, and their tokens \
                 are of no use to another one. Disconnect them first, or keep the client id."
            );
            Ok(Err(conflict("oauth_app_in_use", message)))
        }
        OAuthAppChange::Done | OAuthAppChange::Unknown => {
            tracing::info!(tenant = %caller.tenant, platform = way.0, app = way.1,
                "a tenant has brought a registration of its own");
            show(app, caller, way).await
        }
    }
}

/// Shows one.
///
/// # Errors
/// When Postgres fails.
pub async fn show(app: &App, caller: &Caller, (platform, name): (&str, &str)) -> Answer<OwnApp> {
    let found = app.0.store.oauth_app(caller.tenant, platform, name).await?;
    Ok(found.map(|own| view(app, &own)).ok_or_else(|| none(platform, name)))
}

/// Shows all.
///
/// # Errors
/// When Postgres fails.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<OwnApp>, Fault> {
    let found = app.0.store.oauth_apps(caller.tenant).await?;
    Ok(found.iter().map(|own| view(app, own)).collect())
}

/// Forgets one.
///
/// # Errors
/// When Postgres fails.
pub async fn delete(app: &App, caller: &Caller, (platform, name): (&str, &str)) -> Answer<()> {
    Ok(match app.0.store.delete_oauth_app(caller.tenant, platform, name).await? {
        OAuthAppChange::Done => Ok(()),
        OAuthAppChange::Unknown => Err(none(platform, name)),
        OAuthAppChange::InUse(accounts) => {
            let message = format!(
                "{accounts} accounts are connected through it, and could not be refreshed without \
                 it. Disconnect them first."
            );
            Err(conflict("oauth_app_in_use", message))
        }
    })
}

fn way_of(platform: &str, name: &str) -> Result<(&'static str, &'static str), Refused> {
    let (platform, auth) = dialect(platform)?;
    Ok((platform.name(), app_named(platform, auth, Some(name))?))
}

fn view(app: &App, own: &OAuthApp) -> OwnApp {
    OwnApp {
        platform: own.platform.clone(),
        app: own.app.clone(),
        client_id: own.client_id.clone(),
        redirect_uri: registrations::redirect_uri(app, &own.platform),
        accounts: own.accounts,
        updated_at: own.updated_at,
    }
}

fn none(platform: &str, name: &str) -> Refused {
    Refused::NotFound(format!(
        "You have brought no registration for {:?} on {:?}.",
        excerpt(name),
        excerpt(platform)
    ))
}
