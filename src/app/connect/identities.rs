//! Turns a code into a grant, and finds out whom a grant belongs to.

use super::conflict;
use crate::{App, Refused, courier};
use base::clock;
use domain::failure::Failure;
use platforms::{App as Registration, Auth, Grant, Identifying, Identity, OAuthProfile, Platform};
use std::time::Duration;

/// The calls of a callback: X's code lives 30 s (docs, fundamentals/authentication), so the
/// exchange happens in the callback itself.
const CALL_MAX: Duration = Duration::from_secs(20);
/// Calls that may be needed to tell whom a grant belongs to.
const IDENTIFY_CALLS_MAX: usize = 16;

/// A platform's dialect of connecting, and the registration that speaks it.
#[derive(Clone, Copy)]
pub(super) struct Speaker<'a> {
    pub platform: &'static dyn Platform,
    pub auth: &'static dyn Auth,
    pub registration: &'a Registration,
}

/// What a consent brought.
pub(super) struct Brought {
    pub identities: Vec<Identity>,
    /// What its owner should know of it, in sentences.
    pub notes: Vec<String>,
}

/// Exchanges a code and asks whom the grant belongs to.
pub(super) async fn of_code(
    app: &App,
    speaker: Speaker<'_>,
    code: &str,
    verifier: &str,
) -> Result<Brought, Refused> {
    let Speaker { platform, auth, registration } = speaker;
    let profile = auth.profile(&registration.name);
    let call = auth.exchange(registration, code, profile.uses_pkce.then_some(verifier));
    let deadline = app.now() + CALL_MAX;
    let grant = match courier::send_ready(app, platform, call, deadline).await {
        Ok(reply) => auth.read_grant(&reply, None),
        Err(failure) => Err(failure),
    };
    let grant = grant.map_err(|failure| refused(platform, &failure))?;
    let notes = compare_scopes(platform, profile, &grant)?;
    let identities =
        ask(app, speaker, &grant, |auth, app, grant, replies| auth.identify(app, grant, replies))
            .await?;
    Ok(Brought { identities, notes })
}

/// Asks whom a grant belongs to that was obtained elsewhere.
pub(super) async fn of_import(
    app: &App,
    speaker: Speaker<'_>,
    grant: &Grant,
) -> Result<Vec<Identity>, Refused> {
    ask(app, speaker, grant, |auth, app, grant, replies| {
        auth.identify_imported(app, grant, replies)
    })
    .await
}

type Identify = fn(&dyn Auth, &Registration, &Grant, &[platforms::Reply]) -> Identifying;

async fn ask(
    app: &App,
    Speaker { platform, auth, registration }: Speaker<'_>,
    grant: &Grant,
    identify: Identify,
) -> Result<Vec<Identity>, Refused> {
    let mut replies = Vec::new();
    while replies.len() < IDENTIFY_CALLS_MAX {
        match identify(auth, registration, grant, &replies) {
            Identifying::Ask { after, call } => {
                clock::pause(after).await;
                let deadline = app.now() + CALL_MAX;
                let reply = courier::send_ready(app, platform, *call, deadline).await;
                replies.push(reply.map_err(|failure| refused(platform, &failure))?);
            }
            Identifying::Done(identities) => return Ok(identities),
            Identifying::Refused(failure) => return Err(refused(platform, &failure)),
        }
    }
    let detail = "the platform did not tell whom this connects".to_owned();
    Err(refused(platform, &Failure::Transient { detail }))
}

/// What was asked for and not allowed: a note, or a refusal where nothing can be published
/// without it. A platform that does not tell is believed.
fn compare_scopes(
    platform: &dyn Platform,
    profile: &OAuthProfile,
    grant: &Grant,
) -> Result<Vec<String>, Refused> {
    let Some(given) = &grant.scopes else { return Ok(Vec::new()) };
    let missing = |asked: &[&'static str]| -> Vec<&'static str> {
        asked.iter().copied().filter(|scope| !given.iter().any(|one| one == scope)).collect()
    };
    let (needed, asked) = (missing(profile.needed), missing(profile.scopes));
    if !needed.is_empty() {
        let message = format!(
            "{} did not allow everything that publishing needs: {} is missing. Begin again, and \
             leave every permission ticked.",
            platform.name(),
            needed.join(", ")
        );
        return Err(conflict("scopes_missing", message));
    }
    let note = || {
        format!(
            "{} was not allowed. What needs it will be left out or refused; connect again and \
             leave every permission ticked to have it.",
            asked.join(", ")
        )
    };
    Ok(if asked.is_empty() { Vec::new() } else { vec![note()] })
}

fn refused(platform: &dyn Platform, failure: &Failure) -> Refused {
    let (name, detail) = (platform.name(), failure.detail());
    match failure {
        Failure::Auth { .. }
        | Failure::Content { .. }
        | Failure::Media { .. }
        | Failure::Duplicate { .. } => {
            conflict("connect_refused", format!("{name} refused the connection: {detail}"))
        }
        Failure::RateLimit { .. }
        | Failure::Transient { .. }
        | Failure::Unknown { .. }
        | Failure::Operator { .. } => conflict(
            "platform_away",
            format!("{name} could not finish the connection now: {detail}. Begin again later."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;

    fn compared(platform: &str, app: &str, given: &[&str]) -> Result<Vec<String>, String> {
        let platform = platforms::find(platform).unwrap();
        let profile = platform.adapter().unwrap().auth().profile(app);
        let grant = Grant {
            access_token: "a".into(),
            refresh_token: None,
            expires_at: Timestamp::from_seconds(1),
            scopes: Some(given.iter().map(|scope| (*scope).to_owned()).collect()),
        };
        compare_scopes(platform, profile, &grant).map_err(|refused| match refused {
            Refused::Conflict { code: "scopes_missing", message } => message,
            other => panic!("{other:?}"),
        })
    }

    // case: S-06
    #[test]
    fn a_scope_that_publishing_needs_is_refused_by_name_and_another_noted() {
        for platform in platforms::ALL.iter().filter(|one| one.adapter().is_some()) {
            let auth = platform.adapter().unwrap().auth();
            for app in auth.apps() {
                let profile = auth.profile(app);
                let (name, asked) = (platform.name(), profile.scopes);
                assert!(profile.needed.iter().all(|scope| asked.contains(scope)), "{name} {app}");
                assert!(!profile.needed.is_empty() && !profile.title.is_empty(), "{name} {app}");
                assert_eq!(compared(name, app, asked), Ok(vec![]), "{name} {app}");
                for missing in asked {
                    let given: Vec<&str> =
                        asked.iter().copied().filter(|scope| scope != missing).collect();
                    match compared(name, app, &given) {
                        Err(message) => {
                            assert!(profile.needed.contains(missing), "{message}");
                            assert!(message.contains(missing), "{message}");
                        }
                        Ok(notes) => {
                            assert!(!profile.needed.contains(missing), "{name} {app} {missing}");
                            assert!(notes[0].contains(missing), "{notes:?}");
                        }
                    }
                }
            }
        }
    }
}
