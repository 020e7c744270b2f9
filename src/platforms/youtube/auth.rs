//! Connecting, signing and refreshing. The only file here that sees a grant.

use super::wire::{Channel, Channels};
use super::{API, YouTube, errors, options};
use crate::grant::Grant;
use crate::oauth::{self, Tokens, request};
use crate::port::{
    AccountFacts, App, Auth, Body, Call, ClientAuth, Identifying, Identity, OAuthProfile, Reply,
};
use domain::failure::{Effect, Failure};
use domain::renewal::Rule;
use http::{Method, Request, StatusCode};
use std::time::Duration;

/// `videos.insert` and `thumbnails.set`.
const UPLOAD: &str = "https://www.googleapis.com/auth/youtube.upload";
/// `channels.list` and `playlistItems.list`.
const READ: &str = "https://www.googleapis.com/auth/youtube.readonly";
/// `playlistItems.insert`: asked for, and done without where a person unticks it.
const MANAGE: &str = "https://www.googleapis.com/auth/youtube";
/// Without these nothing can be published, or told of what was.
const NEEDED: [&str; 2] = [UPLOAD, READ];
/// Where codes and refresh tokens are redeemed.
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
const REVOKE_URL: &str = "https://oauth2.googleapis.com/revoke";
/// An access token lives about an hour (the documented `expires_in` is 3599); taken where the
/// member is missing.
const ACCESS_LIFE: Duration = Duration::from_secs(3_599);
/// 30 s: assumed for a token request and a look at the channel, which take below one.
const DEADLINE: Duration = Duration::from_secs(30);

static PROFILE: OAuthProfile = OAuthProfile {
    title: "YouTube",
    note: "A channel of the Google account that you choose.",
    authorize_url: "https://accounts.google.com/o/oauth2/v2/auth",
    uses_pkce: true,
    scope_separator: ' ',
    scopes: &[UPLOAD, READ, MANAGE],
    needed: &NEEDED,
    // Without the first two no refresh token comes back when an account is connected again.
    extra: &[("access_type", "offline"), ("prompt", "consent"), ("include_granted_scopes", "true")],
    client_auth: ClientAuth::Body,
    rotates_refresh_token: false,
    renewal: Rule::Late,
};

impl Auth for YouTube {
    fn apps(&self) -> &'static [&'static str] {
        &["default"]
    }

    fn profile(&self, _app: &str) -> &'static OAuthProfile {
        &PROFILE
    }

    fn sign(&self, request: &mut Request<Body>, grant: &Grant) {
        oauth::bear(request, &format!("Bearer {}", grant.access_token.expose()));
    }

    fn exchange(&self, app: &App, code: &str, verifier: Option<&str>) -> Call {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &app.redirect_uri),
            ("code_verifier", verifier.unwrap_or_default()),
        ];
        // A code works once.
        token_call(app, Effect::Irreversible, &form)
    }

    fn identify(&self, _app: &App, grant: &Grant, replies: &[Reply]) -> Identifying {
        let Some(reply) = replies.first() else {
            let mut call = channels();
            self.sign(&mut call.request, grant);
            return Identifying::ask(call);
        };
        match read_account(reply) {
            Ok(facts) => Identifying::Done(vec![Identity { facts, grant: grant.clone() }]),
            Err(failure) => Identifying::Refused(failure),
        }
    }

    fn refresh(&self, app: &App, grant: &Grant) -> Option<Call> {
        let refresh_token = oauth::refresh_token(grant)?;
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        // A refresh token serves again and again.
        Some(token_call(app, Effect::Repeatable, &form))
    }

    /// identity/protocols/oauth2/web-server, 2026: either token ends the whole consent.
    fn revoke(&self, _app: &App, grant: &Grant) -> Option<Call> {
        let token = oauth::refresh_token(grant).unwrap_or(grant.access_token.expose());
        let body = Body::inline(oauth::form(&[("token", token)]));
        let request = request(Method::POST, REVOKE_URL, Some(oauth::FORM), body);
        let (endpoint, effect) = ("oauth.revoke", Effect::Repeatable);
        Some(Call { endpoint, effect, request, deadline: DEADLINE })
    }

    fn read_grant(&self, reply: &Reply, previous: Option<&Grant>) -> Result<Grant, Failure> {
        let effect = if previous.is_some() { Effect::Repeatable } else { Effect::Irreversible };
        if let Some(failure) = errors::classify(effect, reply) {
            return Err(failure);
        }
        let tokens = Tokens::read(reply).ok_or_else(|| errors::unreadable(effect, reply))?;
        // A person can untick a scope on the consent page; such a grant cannot publish.
        if let Some(scope) = &tokens.scope {
            let is_given = |wanted: &&str| scope.split_whitespace().any(|given| given == *wanted);
            if let Some(missing) = NEEDED.iter().find(|scope| !is_given(scope)) {
                let detail = format!("the consent leaves {missing} out; allow everything asked");
                return Err(Failure::Auth { revoked: true, detail });
            }
        }
        Ok(tokens.grant(reply.at, ACCESS_LIFE, previous))
    }
}

/// The call that tells whose channel a grant belongs to, and where its uploads are listed.
pub(super) fn channels() -> Call {
    let parts = "snippet%2CcontentDetails%2Cstatus";
    let uri = format!("{API}/youtube/v3/channels?part={parts}&mine=true");
    let request = request(Method::GET, &uri, None, Body::empty());
    let (endpoint, effect) = ("channels.list", Effect::Repeatable);
    Call { endpoint, effect, request, deadline: DEADLINE }
}

/// The channel in the answer to [`channels`]; `None` when the Google account has none.
///
/// # Errors
/// The failure that the reply amounts to.
pub(super) fn read_channel(reply: &Reply) -> Result<Option<Channel>, Failure> {
    if let Some(failure) = errors::classify(Effect::Repeatable, reply) {
        return Err(failure);
    }
    let is_answer = reply.status == StatusCode::OK;
    let channels = serde_json::from_slice::<Channels>(&reply.body).ok().filter(|_| is_answer);
    let channels = channels.ok_or_else(|| errors::unreadable(Effect::Repeatable, reply))?;
    Ok(channels.items.into_iter().next())
}

fn read_account(reply: &Reply) -> Result<AccountFacts, Failure> {
    let Some(Channel { id, snippet, .. }) = read_channel(reply)? else {
        let told = "this Google account has no YouTube channel; create one, then connect again";
        return Err(Failure::Auth { revoked: true, detail: told.into() });
    };
    let handle = if snippet.custom_url.is_empty() { snippet.title } else { snippet.custom_url };
    Ok(AccountFacts { remote_id: id, handle, kind: options::ACCOUNT_KIND.into() })
}

fn token_call(app: &App, effect: Effect, form: &[(&str, &str)]) -> Call {
    let client =
        [("client_id", app.client_id.as_str()), ("client_secret", app.client_secret.expose())];
    let body = oauth::form(&[form, &client].concat());
    let request = request(Method::POST, TOKEN_URL, Some(oauth::FORM), Body::inline(body));
    Call { endpoint: "oauth.token", effect, request, deadline: DEADLINE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;
    use http::HeaderMap;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
            at: Timestamp::from_seconds(1_000),
        }
    }

    #[test]
    fn a_consent_without_uploads_is_refused_in_words() {
        let body = format!(r#"{{"access_token":"a","scope":"{READ}"}}"#);
        let refused = YouTube.read_grant(&reply(200, &body), None).err();
        let Some(Failure::Auth { revoked: true, detail }) = refused else { panic!("{refused:?}") };
        assert!(detail.contains(UPLOAD), "{detail}");
    }

    #[test]
    fn an_outage_of_the_token_endpoint_is_not_a_dead_grant() {
        let outage = YouTube.read_grant(&reply(503, ""), None).err();
        assert!(matches!(outage, Some(Failure::Unknown { .. })), "{outage:?}");
    }

    #[test]
    fn a_channel_without_a_handle_goes_by_its_title() {
        let body = r#"{"items":[{"id":"UC1","snippet":{"title":"Acme Films"}}]}"#;
        assert_eq!(read_account(&reply(200, body)).unwrap().handle, "Acme Films");
        let refused = read_account(&reply(200, r#"{"kind":"youtube#channelListResponse"}"#));
        assert!(matches!(refused, Err(Failure::Auth { revoked: true, .. })), "{refused:?}");
    }
}
