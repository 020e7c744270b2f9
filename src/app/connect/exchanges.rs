//! The consent that an upstream app walks its user through: a URL, and code and state back.

use super::callbacks::{self, Brought, CHOICE_LIFE};
use super::choosing::{self, Choice};
use super::landing::Landed;
use super::links::{self, Link, LinkRequest};
use super::{Token, app_named, dialect, digest, flows, not_configured, sealing, urls, visits};
use crate::caller::Caller;
use crate::show::AccountView;
use crate::{Answer, App, Refused, registrations};
use base::Fault;
use domain::rejection::{Rejection, Rule};
use domain::time::Timestamp;
use platforms::Identity;
use serde::Serialize;
use store::oauth_states::{Bearer, OAuthState};
use utoipa::ToSchema;

/// What an exchange has led to.
#[derive(Serialize, ToSchema)]
#[schema(as = Exchange)]
#[serde(rename_all = "camelCase")]
pub struct Exchanged {
    /// The accounts that are connected.
    pub accounts: Vec<AccountView>,
    /// What their owner should know, in sentences.
    pub notes: Vec<String>,
    /// What there is to choose from instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Open>,
}

/// Identities that wait to be chosen.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenChoice)]
#[serde(rename_all = "camelCase")]
pub struct Open {
    /// What to name this exchange by when choosing.
    pub exchange: String,
    /// Until when.
    pub expires_at: Timestamp,
    /// The identities.
    pub choices: Vec<Choice>,
}

/// Where to send a person who is to connect on one platform. Without `redirect_uri` it is a link
/// of ours that leads straight on, so that the browser is bound; with one of the operator's list it
/// is the platform's own address, and the caller brings code and state to [`exchange`].
///
/// # Errors
/// When Postgres fails.
pub async fn authorize(
    app: &App,
    caller: &Caller,
    request: LinkRequest<'_>,
    redirect_uri: Option<&str>,
) -> Answer<Link> {
    let platform = request.platform.unwrap_or_default();
    let (dialect, auth) = match dialect(platform) {
        Ok(dialect) => dialect,
        Err(refused) => return Ok(Err(refused)),
    };
    // An account says through which registration it is connected.
    let name = match request.account {
        Some(_) => Ok(request.app),
        None => app_named(dialect, auth, request.app).map(Some),
    };
    let request = match name {
        Ok(app) => LinkRequest { app, ..request },
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(redirect_uri) = redirect_uri else { return links::link(app, caller, request).await };
    if request.return_url.is_some() {
        return Ok(Err(Refused::Invalid(vec![both()])));
    }
    if let Err(rejection) = urls::check(&app.0.settings.return_urls, "redirectUri", redirect_uri) {
        return Ok(Err(Refused::Invalid(vec![*rejection])));
    }
    let errand = match links::errand_of(app, caller, request).await? {
        Ok(errand) => errand,
        Err(refused) => return Ok(Err(refused)),
    };
    let name = errand.app.clone().unwrap_or_default();
    let registered = match errand.account {
        Some(account) => visits::registered_for(app, &errand, account).await?,
        None => registrations::for_consent(app, caller.tenant, dialect.name(), &name).await?,
    };
    let Some(registered) = registered else {
        return Ok(Err(not_configured(dialect.name(), &name)));
    };
    let flow = flows::Flow {
        tenant: errand.tenant,
        brand: errand.brand,
        account: errand.account,
        session_sha256: None,
        redirect_uri: Some(redirect_uri),
    };
    let (url, expires_at) = flows::start(app, (dialect, auth), registered, flow).await?;
    Ok(Ok(Link { url, expires_at }))
}

/// Finishes a consent that was begun with a `redirect_uri` of the caller's.
///
/// # Errors
/// When Postgres fails.
pub async fn exchange(
    app: &App,
    caller: &Caller,
    platform: &str,
    brought: Brought<'_>,
) -> Answer<Exchanged> {
    let state = brought.state.unwrap_or_default();
    let flow = match callbacks::take(app, platform, state, Bearer::Tenant(caller.tenant)).await? {
        Ok(flow) => flow,
        Err(refused) => return Ok(Err(refused)),
    };
    let (notes, landed) = match callbacks::finish(app, &flow, digest(state), brought).await? {
        Ok(landed) => landed,
        Err(refused) => return Ok(Err(refused)),
    };
    Ok(Ok(match landed {
        Landed::Connected(accounts) => Exchanged { accounts, notes, open: None },
        Landed::Choose(identities) => {
            let open = open(app, &flow, notes.clone(), &identities).await?;
            Exchanged { accounts: Vec::new(), notes, open: Some(open) }
        }
    }))
}

/// Keeps identities until the caller has chosen, under a handle of their own.
pub(super) async fn open(
    app: &App,
    flow: &OAuthState,
    notes: Vec<String>,
    identities: &[Identity],
) -> Result<Open, Fault> {
    let handle = Token::fresh();
    let place = (flow.platform.as_str(), &handle.sha256[..]);
    let sealed = sealing::seal_identities(app, flow.tenant, place, identities).await?;
    let kept = callbacks::choices_of(flow, notes, sealed);
    let expires_at = app.0.store.keep_choices(&handle.sha256, &kept, CHOICE_LIFE).await?;
    let choices = choosing::shown(app, &kept, identities).await?;
    Ok(Open { exchange: handle.clear.expose().to_owned(), expires_at, choices })
}

fn both() -> Rejection {
    let message = "`returnUrl` and `redirectUri` exclude each other.";
    Rejection::request(Rule::Conflict, "returnUrl", message)
        .bounds("one of the two", "both")
        .resolve(
            "Send `redirectUri` to bring code and state to POST /v1/oauth/exchange yourself, or \
             `returnUrl` to have your user back once we are done.",
        )
}
