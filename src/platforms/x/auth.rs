//! Connecting, signing and refreshing. The only file here that sees a grant.

use super::wire::{Answer, User};
use super::{API, X, errors};
use crate::grant::Grant;
use crate::oauth::{self, Tokens, bear, request};
use crate::port::{
    AccountFacts, App, Auth, Body, Call, ClientAuth, Identifying, Identity, OAuthProfile, Reply,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::failure::{Effect, Failure};
use domain::renewal::Rule;
use http::{Method, Request};
use std::time::Duration;

/// The kind of an account that may write 280.
pub(super) const STANDARD: &str = "standard";
/// The kind of an account that may write long posts.
pub(super) const PREMIUM: &str = "premium";

/// docs.x.com, OAuth 2.0: an access token lives two hours; taken where `expires_in` is missing.
const ACCESS_LIFE: Duration = Duration::from_secs(7_200);
/// How long a token request and a look at the profile may take.
const DEADLINE: Duration = Duration::from_secs(30);

static PROFILE: OAuthProfile = OAuthProfile {
    title: "X",
    note: "The account you are signed in with; with Premium it may write long posts.",
    authorize_url: "https://x.com/i/oauth2/authorize",
    uses_pkce: true,
    scope_separator: ' ',
    scopes: &["tweet.read", "tweet.write", "users.read", "media.write", "offline.access"],
    // Without the last two it posts words alone, for two hours.
    needed: &["tweet.read", "tweet.write", "users.read"],
    extra: &[],
    client_auth: ClientAuth::Basic,
    rotates_refresh_token: true,
    renewal: Rule::Late,
};

impl Auth for X {
    fn apps(&self) -> &'static [&'static str] {
        &["default"]
    }

    fn profile(&self, _app: &str) -> &'static OAuthProfile {
        &PROFILE
    }

    fn sign(&self, request: &mut Request<Body>, grant: &Grant) {
        bear(request, &format!("Bearer {}", grant.access_token.expose()));
    }

    fn exchange(&self, app: &App, code: &str, verifier: Option<&str>) -> Call {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &app.redirect_uri),
            ("code_verifier", verifier.unwrap_or_default()),
        ];
        token_call(app, &form)
    }

    fn identify(&self, _app: &App, grant: &Grant, replies: &[Reply]) -> Identifying {
        let Some(reply) = replies.first() else {
            let mut call = whoami();
            self.sign(&mut call.request, grant);
            return Identifying::ask(call);
        };
        match read_user(reply) {
            Ok(facts) => Identifying::Done(vec![Identity { facts, grant: grant.clone() }]),
            Err(failure) => Identifying::Refused(failure),
        }
    }

    fn refresh(&self, app: &App, grant: &Grant) -> Option<Call> {
        let refresh_token = oauth::refresh_token(grant)?;
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        Some(token_call(app, &form))
    }

    /// docs.x.com, OAuth 2.0: either token ends the whole consent.
    fn revoke(&self, app: &App, grant: &Grant) -> Option<Call> {
        let token = oauth::refresh_token(grant).unwrap_or(grant.access_token.expose());
        let body = oauth::form(&[("token", token)]);
        let uri = format!("{API}/2/oauth2/revoke");
        let mut request = request(Method::POST, &uri, Some(oauth::FORM), Body::inline(body));
        prove(&mut request, app);
        Some(Call {
            endpoint: "oauth.revoke",
            effect: Effect::Repeatable,
            request,
            deadline: DEADLINE,
        })
    }

    fn read_grant(&self, reply: &Reply, previous: Option<&Grant>) -> Result<Grant, Failure> {
        if let Some(failure) = errors::classify(Effect::Irreversible, reply) {
            return Err(failure);
        }
        let tokens =
            Tokens::read(reply).ok_or_else(|| errors::unreadable(Effect::Irreversible, reply))?;
        Ok(tokens.grant(reply.at, ACCESS_LIFE, previous))
    }
}

/// The call that tells whom a grant belongs to.
pub(super) fn whoami() -> Call {
    let uri = format!("{API}/2/users/me?user.fields=id,name,username,subscription_type");
    Call {
        endpoint: "users.me",
        effect: Effect::Repeatable,
        request: request(Method::GET, &uri, None, Body::empty()),
        deadline: DEADLINE,
    }
}

pub(super) fn read_user(reply: &Reply) -> Result<AccountFacts, Failure> {
    if let Some(failure) = errors::classify(Effect::Repeatable, reply) {
        return Err(failure);
    }
    let user: Answer<User> = serde_json::from_slice(&reply.body)
        .map_err(|_| errors::unreadable(Effect::Repeatable, reply))?;
    let user = user.data;
    // That `Basic` includes long posts is not confirmed (x.md section 3), so it does not count.
    let is_premium = matches!(user.subscription_type.as_deref(), Some("Premium" | "PremiumPlus"));
    let kind = if is_premium { PREMIUM } else { STANDARD };
    let handle = format!("@{}", user.username);
    Ok(AccountFacts { remote_id: user.id, handle, kind: kind.into() })
}

/// A code and a refresh token work once, and a second showing may revoke what the first brought:
/// therefore irreversible.
fn token_call(app: &App, form: &[(&str, &str)]) -> Call {
    let body = oauth::form(form);
    let uri = format!("{API}/2/oauth2/token");
    let mut request = request(Method::POST, &uri, Some(oauth::FORM), Body::inline(body));
    prove(&mut request, app);
    Call { endpoint: "oauth.token", effect: Effect::Irreversible, request, deadline: DEADLINE }
}

/// Says who asks, as the token endpoint wants it.
fn prove(request: &mut Request<Body>, app: &App) {
    let pair = format!("{}:{}", app.client_id, app.client_secret.expose());
    bear(request, &format!("Basic {}", BASE64.encode(pair)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;
    use http::{HeaderMap, StatusCode};

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
            at: Timestamp::from_seconds(1_000),
        }
    }

    #[test]
    fn a_spent_refresh_token_is_a_dead_grant_and_an_outage_is_not() {
        let body = r#"{"error":"invalid_request",
            "error_description":"Value passed for the token was invalid."}"#;
        let refused = X.read_grant(&reply(400, body), None).err();
        assert!(matches!(refused, Some(Failure::Auth { revoked: true, .. })), "{refused:?}");
        let outage = X.read_grant(&reply(503, ""), None).err();
        assert!(matches!(outage, Some(Failure::Unknown { .. })), "{outage:?}");
    }
}
