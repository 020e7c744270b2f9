//! Takes over a grant that was obtained elsewhere.

use super::exchanges::{self, Exchanged};
use super::identities::{self, Speaker};
use super::landing::{Landed, Party, land};
use super::{app_named, dialect, no_brand, not_configured};
use crate::caller::Caller;
use crate::{Answer, App, Refused, registrations};
use base::clock;
use domain::rejection::{Rejection, Rule};
use domain::secret::Secret;
use domain::time::Timestamp;
use platforms::Grant;
use store::oauth_states::OAuthState;

/// A grant of another system.
pub struct Import<'a> {
    /// The brand that the account is connected for.
    pub brand_slug: &'a str,
    /// The platform.
    pub platform: &'a str,
    /// Through which registration the grant was obtained.
    pub app: Option<&'a str>,
    /// Signs calls.
    pub access_token: Secret,
    /// Renews the access token.
    pub refresh_token: Option<Secret>,
    /// When the access token ends.
    pub expires_at: Option<Timestamp>,
}

/// Connects whom an imported grant belongs to, as the platform tells.
///
/// # Errors
/// When Postgres fails.
pub async fn import(app: &App, caller: &Caller, import: Import<'_>) -> Answer<Exchanged> {
    let Some(brand) = app.0.store.brand(caller.tenant, import.brand_slug).await? else {
        return Ok(Err(no_brand(import.brand_slug)));
    };
    let (platform, auth) = match dialect(import.platform) {
        Ok(dialect) => dialect,
        Err(refused) => return Ok(Err(refused)),
    };
    let name = match app_named(platform, auth, import.app) {
        Ok(name) => name,
        Err(refused) => return Ok(Err(refused)),
    };
    let way = (platform.name(), name);
    let registered = registrations::for_consent(app, caller.tenant, way.0, way.1).await?;
    let Some(registrations::Registered { registration, own_app_key }) = registered else {
        return Ok(Err(not_configured(way.0, way.1)));
    };
    let grant = match grant_of(import) {
        Ok(grant) => grant,
        Err(rejection) => return Ok(Err(Refused::Invalid(vec![*rejection]))),
    };
    let speaker = Speaker { platform, auth, registration: &registration };
    let found = match identities::of_import(app, speaker, &grant).await {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let party = Party {
        tenant: caller.tenant,
        brand: brand.id,
        account: None,
        own_app_key: own_app_key.as_deref(),
    };
    let landed = match land(app, party, speaker, found).await? {
        Ok(landed) => landed,
        Err(refused) => return Ok(Err(refused)),
    };
    let notes = Vec::new();
    Ok(Ok(match landed {
        Landed::Connected(accounts) => Exchanged { accounts, notes, open: None },
        Landed::Choose(identities) => {
            let flow = OAuthState {
                tenant: caller.tenant,
                brand: brand.id,
                platform: way.0.to_owned(),
                app: way.1.to_owned(),
                own_app_key,
                verifier: Vec::new(),
                session_sha256: None,
                redirect_uri: None,
                account: None,
            };
            let open = exchanges::open(app, &flow, Vec::new(), &identities).await?;
            Exchanged { accounts: Vec::new(), notes, open: Some(open) }
        }
    }))
}

/// The grant, with an end: one that nobody tells, and that a refresh token can find out, is now.
fn grant_of(import: Import<'_>) -> Result<Grant, Box<Rejection>> {
    let Import { access_token, refresh_token, expires_at, .. } = import;
    let now = clock::now();
    let refresh_token = refresh_token.filter(|token| !token.is_empty());
    let ended = expires_at.filter(|end| *end <= now);
    let expires_at = match (expires_at, &refresh_token) {
        (Some(end), None) if end > now => end,
        (Some(end), Some(_)) => end,
        (None, Some(_)) => now,
        (_, None) => {
            let message = match ended {
                Some(end) => format!("The access token ended at {end}, and nothing renews it."),
                None => {
                    "`expiresAt` is missing, and there is no refresh token to find it out with."
                        .to_owned()
                }
            };
            let actual = ended.map(|end| end.to_string());
            let rejection = Rejection::request(Rule::Required, "expiresAt", message)
                .bounds("a time that is yet to come, in RFC 3339", actual)
                .resolve(
                    "Send when the access token ends, as its exchange told, or a refresh token.",
                );
            return Err(Box::new(rejection));
        }
    };
    Ok(Grant { access_token, refresh_token, expires_at, scopes: None })
}
