//! Connects an account: authorize URL, consent, callback, exchange, profile, sealed grant.

use crate::caller::Caller;
use crate::show::{self, AccountView};
use crate::{Answer, App, Refused, courier, grants, refresh};
use base::{Context, Fault, clock, rng};
use domain::failure::Failure;
use domain::rejection::{Rejection, RejectionType, Rule, excerpt};
use oauth2::{CsrfToken, PkceCodeChallenge, PkceCodeVerifier};
use platforms::{App as Registration, Auth, Grant, Identifying, Identity, Platform};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::Duration;
use store::accounts::Connection;
use store::oauth_states::OAuthState;
use url::Url;

/// How long a browser may take (DESIGN section 7).
const STATE_LIFE: Duration = Duration::from_secs(600);
/// The calls of a callback: X's code lives 30 s (docs, fundamentals/authentication), so the
/// exchange happens in the callback itself.
const CALL_MAX: Duration = Duration::from_secs(20);
/// Calls that may be needed to tell whom a grant belongs to.
const IDENTIFY_CALLS_MAX: usize = 16;

/// The URL to send the account's owner to.
///
/// # Errors
/// When Postgres fails.
pub async fn authorize(
    app: &App,
    caller: &Caller,
    platform: &str,
    brand_slug: &str,
    registration: Option<&str>,
) -> Answer<String> {
    let Some((platform, auth)) = dialect(platform) else {
        return Ok(Err(Refused::NotFound(format!("{platform} cannot be connected here."))));
    };
    let Some(brand) = app.0.store.brand(caller.tenant, brand_slug).await? else {
        return Ok(Err(Refused::NotFound(format!("There is no brand {brand_slug:?}."))));
    };
    let apps = auth.apps();
    let name = match registration.or(apps.first().copied().filter(|_| is_default(apps))) {
        Some(name) if apps.contains(&name) => name,
        asked => return Ok(Err(unknown_app(platform, apps, asked))),
    };
    let Some(registered) = registration_of(app, platform, name) else {
        return Ok(Err(Refused::Conflict {
            code: "platform_not_configured",
            message: format!(
                "[platforms.{}] holds no client_id for the app {name:?}: the operator has to \
                 register with the platform first.",
                platform.name()
            ),
        }));
    };
    let state = CsrfToken::new_random_len(32);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let sealed =
        grants::seal_verifier(app, caller.tenant, platform.name(), verifier.secret()).await?;
    let flow = OAuthState {
        tenant: caller.tenant,
        brand: brand.id,
        platform: platform.name().to_owned(),
        app: name.to_owned(),
        verifier: sealed,
    };
    let sha256 = Sha256::digest(state.secret().as_bytes());
    app.0.store.begin_oauth(&sha256, &flow, clock::now() + STATE_LIFE).await?;
    let challenge = challenge.as_str().to_owned();
    authorize_url(app, platform, auth, registered, state.secret(), &challenge).map(Ok)
}

fn authorize_url(
    app: &App,
    platform: &dyn Platform,
    auth: &dyn Auth,
    registration: &Registration,
    state: &str,
    challenge: &str,
) -> Result<String, Fault> {
    let profile = auth.profile(&registration.name);
    let mut url = Url::parse(profile.authorize_url).context("an adapter's authorize URL")?;
    let separator = profile.scope_separator.to_string();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &registration.client_id)
        .append_pair("redirect_uri", &registration.redirect_uri)
        .append_pair("scope", &profile.scopes.join(&separator))
        .append_pair("state", state);
    if profile.uses_pkce {
        url.query_pairs_mut()
            .append_pair("code_challenge", challenge)
            .append_pair("code_challenge_method", "S256");
    }
    for (name, value) in profile.extra {
        url.query_pairs_mut().append_pair(name, value);
    }
    let settings = app.0.settings.platforms.get(platform.name());
    let settings = settings.context("a platform without settings")?;
    let mut uri: http::Uri = url.as_str().parse().context("an adapter's authorize URL")?;
    settings.name_version(platform.name(), &mut uri, &mut http::HeaderMap::new());
    Ok(settings.base.rewrite(&uri)?.to_string())
}

/// Finishes a connection with what the browser brought back.
///
/// # Errors
/// When Postgres fails.
pub async fn callback(
    app: &App,
    platform: &str,
    code: &str,
    state: &str,
) -> Answer<Vec<AccountView>> {
    let Some((platform, auth)) = dialect(platform) else {
        return Ok(Err(Refused::NotFound(format!("{platform} cannot be connected here."))));
    };
    let sha256 = Sha256::digest(state.as_bytes());
    let Some(flow) = app.0.store.use_oauth(&sha256, platform.name()).await? else {
        return Ok(Err(Refused::Conflict {
            code: "state_unknown",
            message: "This link was used before, is older than ten minutes, or was not made here. \
                      Begin again."
                .to_owned(),
        }));
    };
    let registration = registration_of(app, platform, &flow.app).context(format!(
        "[platforms.{}] has no app {:?}",
        platform.name(),
        flow.app
    ))?;
    let verifier = grants::open_verifier(app, flow.tenant, platform.name(), &flow.verifier).await?;
    let verifier = PkceCodeVerifier::new(verifier);
    let verifier = auth.profile(&flow.app).uses_pkce.then(|| verifier.secret().as_str());
    let deadline = clock::now() + CALL_MAX;
    let exchange = auth.exchange(registration, code, verifier);
    let grant = match courier::send_ready(app, platform, exchange, deadline).await {
        Ok(reply) => auth.read_grant(&reply, None),
        Err(failure) => Err(failure),
    };
    let grant = match grant {
        Ok(grant) => grant,
        Err(failure) => return Ok(Err(refused(platform, &failure))),
    };
    let identities = match identify(app, platform, registration, &grant).await {
        Ok(identities) => identities,
        Err(failure) => return Ok(Err(refused(platform, &failure))),
    };
    let key = app.data_key(flow.tenant).await?;
    let mut accounts = Vec::new();
    for identity in &identities {
        let connection = Connection {
            id: rng::id(),
            tenant: flow.tenant,
            brand: flow.brand,
            platform: platform.name(),
            app: &flow.app,
            remote_id: &identity.facts.remote_id,
            handle: &identity.facts.handle,
            kind: &identity.facts.kind,
            scopes: identity.grant.scopes.as_deref(),
        };
        let seal = |account, version| {
            let (tenant, name) = (flow.tenant, platform.name());
            grants::seal_with(&key, tenant, name, account, version, &identity.grant)
        };
        let expires_at = identity.grant.expires_at;
        let account = app.0.store.connect_account(&connection, expires_at, seal).await?;
        refresh::arm(app, account.id).await;
        tracing::info!(account = %account.id, platform = platform.name(), "an account is connected");
        accounts.push(show::account(&account));
    }
    Ok(Ok(accounts))
}

/// Asks the platform whom the grant belongs to, call after call.
async fn identify(
    app: &App,
    platform: &dyn Platform,
    registration: &Registration,
    grant: &Grant,
) -> Result<Vec<Identity>, Failure> {
    let auth = platform.adapter().map(|adapter| adapter.auth());
    let mut replies = Vec::new();
    while let Some(auth) = auth
        && replies.len() < IDENTIFY_CALLS_MAX
    {
        match auth.identify(registration, grant, &replies) {
            Identifying::Ask { after, call } => {
                clock::pause(after).await;
                let deadline = clock::now() + CALL_MAX;
                replies.push(courier::send_ready(app, platform, *call, deadline).await?);
            }
            Identifying::Done(identities) => return Ok(identities),
            Identifying::Refused(failure) => return Err(failure),
        }
    }
    let detail = "the platform did not tell whom this connects".to_owned();
    Err(Failure::Transient { detail })
}

fn dialect(name: &str) -> Option<(&'static dyn Platform, &'static dyn Auth)> {
    let platform = platforms::find(name)?;
    Some((platform, platform.adapter()?.auth()))
}

fn registration_of<'a>(
    app: &'a App,
    platform: &dyn Platform,
    name: &str,
) -> Option<&'a Registration> {
    app.0.settings.platforms.get(platform.name())?.registrations.get(name)
}

/// The first registration is meant where nothing is said, unless none is called so.
fn is_default(apps: &[&str]) -> bool {
    apps.first() == Some(&"default")
}

/// The caller has to name one of the platform's registrations.
fn unknown_app(platform: &dyn Platform, apps: &[&str], asked: Option<&str>) -> Refused {
    let name = platform.name();
    let message = match asked {
        Some(asked) => format!("{name} has no app {:?}.", excerpt(asked)),
        None => format!("{name} has {} apps, so the request has to name one.", apps.len()),
    };
    Refused::Invalid(vec![Rejection {
        kind: RejectionType::ValidationError,
        rule: Rule::OutOfRange,
        platform: Some(name.to_owned()),
        field: "app".to_owned(),
        message,
        limit: json!(apps),
        actual: json!(asked),
        resolution: format!("Set `app` to one of: {}.", apps.join(", ")),
    }])
}

fn refused(platform: &dyn Platform, failure: &Failure) -> Refused {
    Refused::Conflict {
        code: "connect_refused",
        message: format!("{} refused the connection: {}", platform.name(), failure.detail()),
    }
}
