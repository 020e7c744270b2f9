//! Sends a person off to a platform: a state that is used once, a verifier, the authorize URL.

use super::Token;
use crate::registrations::Registered;
use crate::{App, grants};
use base::{Context, Fault};
use domain::id::{AccountId, BrandId, TenantId};
use domain::time::Timestamp;
use oauth2::PkceCodeChallenge;
use platforms::{App as Registration, Auth, Platform};
use std::time::Duration;
use store::oauth_states::OAuthState;
use url::Url;

/// How long a person may take at the platform (DESIGN section 7).
pub(super) const STATE_LIFE: Duration = Duration::from_secs(600);

/// Whom a flow is for.
pub(super) struct Flow<'a> {
    pub tenant: TenantId,
    pub brand: BrandId,
    /// The account to be connected again.
    pub account: Option<AccountId>,
    /// The browser session it is bound to; without one, the tenant's key.
    pub session_sha256: Option<&'a [u8]>,
    /// Where the platform sends the browser back to, where that is not our own callback.
    pub redirect_uri: Option<&'a str>,
}

/// Begins a flow; where to send the browser, and until when it may come back.
pub(super) async fn start(
    app: &App,
    (platform, auth): (&'static dyn Platform, &'static dyn Auth),
    registered: Registered,
    flow: Flow<'_>,
) -> Result<(String, Timestamp), Fault> {
    let Registered { mut registration, own_app_key } = registered;
    if let Some(redirect_uri) = flow.redirect_uri {
        registration.redirect_uri = redirect_uri.to_owned();
    }
    let state = Token::fresh();
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let place = (flow.tenant, platform.name());
    let verifier = verifier.secret();
    let stored = OAuthState {
        tenant: flow.tenant,
        brand: flow.brand,
        platform: platform.name().to_owned(),
        app: registration.name.clone(),
        own_app_key,
        verifier: grants::seal_verifier(app, place, &state.sha256, verifier).await?,
        session_sha256: flow.session_sha256.map(<[u8]>::to_vec),
        redirect_uri: flow.redirect_uri.map(str::to_owned),
        account: flow.account,
    };
    let expires_at = app.0.store.begin_oauth(&state.sha256, &stored, STATE_LIFE).await?;
    let (state, challenge) = (state.clear.expose(), challenge.as_str());
    Ok((authorize_url(app, (platform, auth), &registration, (state, challenge))?, expires_at))
}

fn authorize_url(
    app: &App,
    (platform, auth): (&dyn Platform, &dyn Auth),
    registration: &Registration,
    (state, challenge): (&str, &str),
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
