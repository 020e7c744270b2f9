//! A browser session: what can be connected, how it is begun, how it ended.

use super::links::SESSION_LIFE;
use super::{conflict, digest, flows};
use crate::show::{self, AccountView};
use crate::{Answer, App, Refused, registrations};
use base::Fault;
use domain::id::AccountId;
use domain::rejection::excerpt;
use domain::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::visits::{Errand, Session};

/// What a person can do in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The brand's name for people.
    pub brand: String,
    /// The ways to connect, in the order in which they are offered.
    pub ways: Vec<Way>,
    /// The account that is to be connected again.
    pub reconnecting: Option<String>,
    /// Where the person came from.
    pub return_url: Option<String>,
}

/// A way to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The platform's name in requests.
    pub platform: &'static str,
    /// The registration's name in requests.
    pub app: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Whom it is for, in a sentence.
    pub note: &'static str,
    /// There is a registration with the platform.
    pub is_configured: bool,
}

/// How the newest consent of a session ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The accounts that were connected.
    pub accounts: Vec<AccountView>,
    /// What their owner should know, in sentences.
    pub notes: Vec<String>,
    /// Why nothing was connected: a stable code, and the story.
    pub refused: Option<(String, String)>,
    /// Where the person came from, with the outcome behind its query.
    pub return_url: Option<String>,
}

/// An outcome as it is stored.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Kept {
    pub accounts: Vec<AccountId>,
    pub notes: Vec<String>,
    pub refused: Option<(String, String)>,
    pub return_url: Option<String>,
}

/// What a person can do in a session.
///
/// # Errors
/// When Postgres fails.
pub async fn visit(app: &App, session: &Secret) -> Answer<Visit> {
    let errand = match session_of(app, session).await? {
        Ok((session, _)) => session.errand,
        Err(refused) => return Ok(Err(refused)),
    };
    Ok(Ok(Visit {
        brand: app.0.store.brand_named(errand.tenant, errand.brand).await?.name,
        ways: ways(app, &errand).await?,
        reconnecting: reconnecting(app, &errand).await?,
        return_url: errand.return_url,
    }))
}

/// Begins a consent; where to send the browser.
///
/// # Errors
/// When Postgres fails.
pub async fn begin(app: &App, session: &Secret, platform: &str, way: &str) -> Answer<String> {
    let (errand, sha256) = match session_of(app, session).await? {
        Ok((session, sha256)) => (session.errand, sha256),
        Err(refused) => return Ok(Err(refused)),
    };
    let ways = ways(app, &errand).await?;
    let Some(way) = ways.iter().find(|one| one.platform == platform && one.app == way) else {
        let message = format!(
            "{:?} with {:?} is not among the ways that this link offers. Choose one of them.",
            excerpt(platform),
            excerpt(way)
        );
        return Ok(Err(Refused::NotFound(message)));
    };
    let dialect = match super::dialect(way.platform) {
        Ok(dialect) => dialect,
        Err(refused) => return Ok(Err(refused)),
    };
    let registered = match errand.account {
        Some(account) => registered_for(app, &errand, account).await?,
        None => registrations::for_consent(app, errand.tenant, way.platform, way.app).await?,
    };
    let Some(registered) = registered else {
        return Ok(Err(super::not_configured(way.platform, way.app)));
    };
    app.0.store.keep_session(&sha256, SESSION_LIFE).await?;
    let flow = flows::Flow {
        tenant: errand.tenant,
        brand: errand.brand,
        account: errand.account,
        session_sha256: Some(&sha256),
        redirect_uri: None,
    };
    let (url, _) = flows::start(app, dialect, registered, flow).await?;
    Ok(Ok(url))
}

/// How the newest consent of a session ended; `None` when none has.
///
/// # Errors
/// When Postgres fails.
pub async fn outcome(app: &App, session: &Secret) -> Answer<Option<Outcome>> {
    let session = match session_of(app, session).await? {
        Ok((session, _)) => session,
        Err(refused) => return Ok(Err(refused)),
    };
    let kept = session.outcome.and_then(|kept| serde_json::from_value::<Kept>(kept).ok());
    let Some(Kept { accounts, notes, refused, return_url }) = kept else { return Ok(Ok(None)) };
    let mut found = app.0.store.accounts(session.errand.tenant, &accounts).await?;
    found.sort_by_key(|account| accounts.iter().position(|id| *id == account.id));
    let accounts = found.iter().map(show::account).collect();
    Ok(Ok(Some(Outcome { accounts, notes, refused, return_url })))
}

/// Writes down how a consent ended, for [`outcome`].
pub(super) async fn keep(app: &App, session_sha256: &[u8], kept: &Kept) -> Result<(), Fault> {
    app.0.store.end_consent(session_sha256, &json!(kept)).await
}

/// A session that is alive, and its digest.
pub(super) async fn session_of(
    app: &App,
    session: &Secret,
) -> Result<Result<(Session, [u8; 32]), Refused>, Fault> {
    let sha256 = digest(session.expose());
    let found = app.0.store.session(&sha256).await?;
    let over = "The visit that this browser began is over. Ask for a new link.";
    Ok(found.map(|found| (found, sha256)).ok_or_else(|| conflict("session_over", over)))
}

/// The ways to connect that an errand leaves.
pub(super) async fn ways(app: &App, errand: &Errand) -> Result<Vec<Way>, Fault> {
    let own = app.0.store.oauth_apps(errand.tenant).await?;
    let is_own =
        |platform: &str, name: &str| own.iter().any(|o| o.platform == platform && o.app == name);
    let mut ways = Vec::new();
    for platform in platforms::ALL {
        let (name, Some(adapter)) = (platform.name(), platform.adapter()) else { continue };
        let is_left = |only: &Option<String>, it: &str| only.as_ref().is_none_or(|one| one == it);
        let apps = adapter.auth().apps().iter().copied();
        for app_name in apps.filter(|app_name| is_left(&errand.app, app_name)) {
            let profile = adapter.auth().profile(app_name);
            let is_configured = registrations::is_configured(app, name, app_name);
            ways.push(Way {
                platform: name,
                app: app_name,
                title: profile.title,
                note: profile.note,
                is_configured: is_configured || is_own(name, app_name),
            });
        }
        ways.retain(|way| is_left(&errand.platform, way.platform));
    }
    Ok(ways)
}

/// The name of the account that is to be connected again.
pub(super) async fn reconnecting(app: &App, errand: &Errand) -> Result<Option<String>, Fault> {
    match errand.account {
        Some(account) => Ok(Some(app.0.store.account(account).await?.handle)),
        None => Ok(None),
    }
}

/// The registration that a reconnect goes through: the account's, while it is there; platforms
/// name the same person differently to different registrations.
pub(super) async fn registered_for(
    app: &App,
    errand: &Errand,
    account: AccountId,
) -> Result<Option<registrations::Registered>, Fault> {
    let account = app.0.store.account(account).await?;
    let (tenant, way) = (errand.tenant, (account.platform.as_str(), account.app.as_str()));
    let own_app_key = account.own_app_key.clone();
    let registration = registrations::of(app, tenant, way, own_app_key.as_deref()).await?;
    match registration {
        Some(registration) => Ok(Some(registrations::Registered { registration, own_app_key })),
        None => registrations::for_consent(app, tenant, way.0, way.1).await,
    }
}
