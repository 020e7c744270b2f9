//! What a browser brings back from a platform.

use super::identities::{Brought as Found, Speaker, of_code};
use super::landing::{Landed, Party, land};
use super::visits::{self, Kept};
use super::{conflict, dialect, digest, sealing, urls};
use crate::show::AccountView;
use crate::{Answer, App, Refused, grants, registrations, scope};
use base::Fault;
use base::text::clean;
use domain::rejection::excerpt;
use domain::secret::Secret;
use platforms::App as Registration;
use std::time::Duration;
use store::choices::Choices;
use store::oauth_states::{Bearer, OAuthState, StateUse};

/// How long what a consent brought may wait to be chosen.
pub(super) const CHOICE_LIFE: Duration = Duration::from_secs(600);
/// How platforms say that the person did not want to.
const DECLINED: [&str; 4] =
    ["access_denied", "user_denied", "user_cancelled_login", "user_cancelled_authorize"];

/// What a browser brings back, as the platform named it.
#[derive(Clone, Copy, Default)]
pub struct Brought<'a> {
    /// The code.
    pub code: Option<&'a str>,
    /// The state.
    pub state: Option<&'a str>,
    /// That there is no code.
    pub error: Option<&'a str>,
    /// A finer word for it.
    pub error_reason: Option<&'a str>,
    /// The platform's words on it.
    pub error_description: Option<&'a str>,
}

/// Where a consent has led.
pub enum Landing {
    /// Accounts are connected.
    Connected {
        /// Which.
        accounts: Vec<AccountView>,
        /// What their owner should know, in sentences.
        notes: Vec<String>,
        /// Where the person came from, with the outcome behind its query.
        return_url: Option<String>,
    },
    /// There are several, and the person has to choose: [`super::choosing::choices`].
    Choose,
}

/// Finishes a consent with what the browser of `session` brought back.
///
/// # Errors
/// When Postgres fails.
pub async fn callback(
    app: &App,
    platform: &str,
    brought: Brought<'_>,
    session: Option<&Secret>,
) -> Answer<Landing> {
    let Some(state) = brought.state else { return Ok(Err(incomplete())) };
    let Some(session) = session else { return Ok(Err(foreign())) };
    let session_sha256 = digest(session.expose());
    let bearer = Bearer::Session(&session_sha256);
    let flow = match take(app, platform, state, bearer).await? {
        Ok(flow) => flow,
        Err(refused) => return Ok(Err(refused)),
    };
    let return_url = match app.0.store.session(&session_sha256).await? {
        Some(session) => session.errand.return_url,
        None => None,
    };
    let landed = finish(app, &flow, digest(state), brought).await?;
    let (flow, landed) = match landed {
        Ok((found, Landed::Choose(identities))) => {
            let place = (flow.platform.as_str(), &session_sha256[..]);
            let sealed = sealing::seal_identities(app, flow.tenant, place, &identities).await?;
            let choices = choices_of(&flow, found, sealed);
            app.0.store.keep_choices(&session_sha256, &choices, CHOICE_LIFE).await?;
            return Ok(Ok(Landing::Choose));
        }
        Ok((notes, Landed::Connected(accounts))) => (flow, Ok((accounts, notes))),
        Err(refused) => (flow, Err(refused)),
    };
    tracing::debug!(platform = flow.platform, is_connected = landed.is_ok(), "a consent ended");
    end(app, &session_sha256, return_url, landed).await
}

/// Writes down how a consent of a session ended, and tells.
pub(super) async fn end(
    app: &App,
    session_sha256: &[u8],
    return_url: Option<String>,
    landed: Result<(Vec<AccountView>, Vec<String>), Refused>,
) -> Answer<Landing> {
    let kept = match &landed {
        Ok((accounts, notes)) => Kept {
            accounts: accounts.iter().map(|account| account.id).collect(),
            notes: notes.clone(),
            ..Kept::default()
        },
        Err(refused) => Kept { refused: Some(refused.told()), ..Kept::default() },
    };
    let ids: Vec<String> = kept.accounts.iter().map(ToString::to_string).collect();
    let answer = match &kept.refused {
        None => [("status", "connected"), ("accounts", &ids.join(","))],
        Some((code, _)) => [("status", "refused"), ("error", code.as_str())],
    };
    let return_url = return_url.and_then(|url| urls::with_answer(&url, &answer));
    let kept = Kept { return_url: return_url.clone(), ..kept };
    visits::keep(app, session_sha256, &kept).await?;
    Ok(landed.map(|(accounts, notes)| Landing::Connected { accounts, notes, return_url }))
}

/// Uses a state up.
pub(super) async fn take(
    app: &App,
    platform: &str,
    state: &str,
    bearer: Bearer<'_>,
) -> Result<Result<OAuthState, Refused>, Fault> {
    // A state of another tenant is told from none at all, and is left as it is.
    let sha256 = digest(state);
    let using = scope::of_everybody(app.0.store.use_oauth(&sha256, platform, bearer));
    Ok(match using.await? {
        StateUse::Good(flow) => Ok(*flow),
        StateUse::Foreign => Err(foreign()),
        StateUse::Used => Err(conflict(
            "state_used",
            "This consent was brought back before. What came of it stands in the window that was \
             first; to connect something else, begin again.",
        )),
        StateUse::Expired => Err(conflict(
            "state_expired",
            "The consent took longer than ten minutes, so nothing was connected. Begin again.",
        )),
        StateUse::Unknown => Err(conflict(
            "state_unknown",
            "This consent was not begun here, so nothing was connected. Begin again.",
        )),
    })
}

/// What a consent led to: the notes on it, and whom it brought.
pub(super) async fn finish(
    app: &App,
    flow: &OAuthState,
    state_sha256: [u8; 32],
    brought: Brought<'_>,
) -> Result<Result<(Vec<String>, Landed), Refused>, Fault> {
    if let Some(refused) = declined(&flow.platform, brought) {
        return Ok(Err(refused));
    }
    let Some(code) = brought.code else { return Ok(Err(incomplete())) };
    let (platform, auth) = match dialect(&flow.platform) {
        Ok(dialect) => dialect,
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(registration) = registration_of(app, flow).await? else {
        return Ok(Err(super::not_configured(&flow.platform, &flow.app)));
    };
    let place = (flow.tenant, flow.platform.as_str());
    let verifier = grants::open_verifier(app, place, &state_sha256, &flow.verifier).await?;
    let Some(verifier) = verifier else {
        let message = "What was kept for this consent is not what was stored, so its code was not \
                       used. Begin again.";
        return Ok(Err(conflict("state_damaged", message)));
    };
    let speaker = Speaker { platform, auth, registration: &registration };
    let found = match of_code(app, speaker, code, verifier.expose()).await {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let Found { identities, notes } = found;
    let party = Party {
        tenant: flow.tenant,
        brand: flow.brand,
        account: flow.account,
        own_app_key: flow.own_app_key.as_deref(),
    };
    let landed = land(app, party, speaker, identities).await?;
    Ok(landed.map(|landed| (notes, landed)))
}

/// The registration that a flow was begun with.
async fn registration_of(app: &App, flow: &OAuthState) -> Result<Option<Registration>, Fault> {
    let way = (flow.platform.as_str(), flow.app.as_str());
    let own = flow.own_app_key.as_deref();
    let registration = registrations::of(app, flow.tenant, way, own).await?;
    Ok(registration.map(|registration| match &flow.redirect_uri {
        Some(redirect_uri) => Registration { redirect_uri: redirect_uri.clone(), ..registration },
        None => registration,
    }))
}

/// What is kept of identities that somebody has to choose among.
pub(super) fn choices_of(flow: &OAuthState, notes: Vec<String>, sealed: Vec<u8>) -> Choices {
    Choices {
        tenant: flow.tenant,
        brand: flow.brand,
        platform: flow.platform.clone(),
        app: flow.app.clone(),
        own_app_key: flow.own_app_key.clone(),
        notes,
        sealed,
    }
}

/// The platform sent the browser back without a code.
fn declined(platform: &str, brought: Brought<'_>) -> Option<Refused> {
    let error = brought.error?;
    let mut reasons = [Some(error), brought.error_reason].into_iter().flatten();
    if reasons.any(|reason| DECLINED.contains(&reason)) {
        let message = format!(
            "You did not let us publish on {platform}, so nothing was connected. Begin again if \
             that was not meant."
        );
        return Some(conflict("consent_declined", message));
    }
    let told = [error, brought.error_description.unwrap_or_default()].join(" ");
    let message = format!(
        "{platform} sent you back without consent, so nothing was connected. It said: {}",
        excerpt(clean(&told).trim())
    );
    Some(conflict("consent_failed", message))
}

fn incomplete() -> Refused {
    conflict(
        "callback_incomplete",
        "This address is where a platform sends you back to after consent. The code or the state \
         is missing, so nothing was connected. Begin again.",
    )
}

fn foreign() -> Refused {
    conflict(
        "state_foreign",
        "This consent was begun in another browser, or this one does not keep cookies, so nothing \
         was connected. Begin again, and stay in one browser.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(error: &str, error_reason: Option<&str>) -> (&'static str, String) {
        let brought = Brought {
            error: Some(error),
            error_reason,
            error_description: Some("<b> because"),
            ..Brought::default()
        };
        match declined("x", brought) {
            Some(Refused::Conflict { code, message }) => (code, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn denied_consent_is_told_from_other_errors() {
        for reason in DECLINED {
            assert_eq!(code_of(reason, None).0, "consent_declined");
            assert_eq!(code_of("other", Some(reason)).0, "consent_declined");
        }
        let (code, message) = code_of("server_error", None);
        assert_eq!(code, "consent_failed");
        assert!(message.ends_with("It said: server_error <b> because"), "{message}");
        assert!(declined("x", Brought { code: Some("c"), ..Brought::default() }).is_none());
    }
}
