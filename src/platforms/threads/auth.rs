//! Connecting, signing and refreshing. The only file here that sees a grant.

use super::wire::{Tokens, User};
use super::{API, Threads, errors, options};
use crate::grant::Grant;
use crate::meta;
use crate::port::{
    AccountFacts, App, Auth, Body, Call, ClientAuth, Identifying, Identity, OAuthProfile, Reply,
};
use domain::failure::{Effect, Failure};
use domain::renewal::Rule;
use http::Request;
use std::time::Duration;

/// docs, get-access-tokens: the token of an exchange lives an hour; its answer does not say so.
const SHORT_LIFE: Duration = Duration::from_secs(3_600);
/// docs, long-lived-tokens: one that was lengthened or renewed lives sixty days.
const LONG_LIFE: Duration = Duration::from_secs(60 * 86_400);

static PROFILE: OAuthProfile = OAuthProfile {
    title: "Threads",
    note: "The profile you are signed in with.",
    authorize_url: "https://threads.net/oauth/authorize",
    // Not documented, and its sibling Facebook fails on a verifier.
    uses_pkce: false,
    scope_separator: ',',
    // Beside posting: taking a post back; asking for the quota of a chain's replies; looking for
    // one that went unanswered (docs, retrieve-and-manage-replies).
    scopes: &[
        "threads_basic",
        "threads_content_publish",
        "threads_delete",
        "threads_manage_replies",
        "threads_read_replies",
    ],
    needed: &["threads_basic", "threads_content_publish"],
    extra: &[],
    client_auth: ClientAuth::Body,
    rotates_refresh_token: false,
    // Weekly, of sixty days: an expired token cannot be renewed, so there is plenty of time for
    // a refresh that fails (platforms/README.md section 1).
    renewal: Rule::After(meta::WEEK),
};

impl Auth for Threads {
    fn apps(&self) -> &'static [&'static str] {
        &["default"]
    }

    fn profile(&self, _app: &str) -> &'static OAuthProfile {
        &PROFILE
    }

    fn sign(&self, request: &mut Request<Body>, grant: &Grant) {
        meta::sign(request, grant);
    }

    /// A code works once: therefore irreversible.
    fn exchange(&self, app: &App, code: &str, _verifier: Option<&str>) -> Call {
        // docs: the browser comes back with `#_` behind the code, which is no part of it.
        let code = code.strip_suffix("#_").unwrap_or(code);
        let form = [
            ("client_id", app.client_id.as_str()),
            ("client_secret", app.client_secret.expose()),
            ("code", code),
            ("grant_type", "authorization_code"),
            ("redirect_uri", &app.redirect_uri),
        ];
        let url = format!("{API}/oauth/access_token");
        meta::post("oauth.token", Effect::Irreversible, &url, &form)
    }

    /// The short token is lengthened first: the grant worth keeping is the one of sixty days.
    fn identify(&self, app: &App, grant: &Grant, replies: &[Reply]) -> Identifying {
        let Some(lengthened) = replies.first() else {
            return Identifying::ask(lengthen(app, grant));
        };
        let grant = match read_tokens(Effect::Repeatable, LONG_LIFE, lengthened) {
            Ok(grant) => grant,
            Err(failure) => return Identifying::Refused(failure),
        };
        self.identify_imported(app, &grant, &replies[1..])
    }

    fn identify_imported(&self, _app: &App, grant: &Grant, replies: &[Reply]) -> Identifying {
        let Some(told) = replies.first() else {
            let mut call = whoami();
            self.sign(&mut call.request, grant);
            return Identifying::ask(call);
        };
        match read_user(told) {
            Ok(facts) => Identifying::Done(vec![Identity { facts, grant: grant.clone() }]),
            Err(failure) => Identifying::Refused(failure),
        }
    }

    fn refresh(&self, _app: &App, grant: &Grant) -> Option<Call> {
        let query =
            [("grant_type", "th_refresh_token"), ("access_token", grant.access_token.expose())];
        Some(meta::get("oauth.refresh", &format!("{API}/refresh_access_token"), &query))
    }

    fn read_grant(&self, reply: &Reply, previous: Option<&Grant>) -> Result<Grant, Failure> {
        if previous.is_none() {
            return read_tokens(Effect::Irreversible, SHORT_LIFE, reply).map_err(|failure| {
                match failure {
                    // The only thing in an exchange that can be wrong is the code.
                    Failure::Content { detail, .. } => Failure::Auth { revoked: true, detail },
                    failure => failure,
                }
            });
        }
        read_tokens(Effect::Repeatable, LONG_LIFE, reply).map_err(|failure| match failure {
            // A token younger than a day is not renewed, and works on: nothing is wrong with it.
            Failure::Content { detail, .. } => Failure::Transient { detail },
            failure => failure,
        })
    }
}

/// The call that makes a token of sixty days of one of an hour; signed as it is documented.
fn lengthen(app: &App, grant: &Grant) -> Call {
    let query = [
        ("grant_type", "th_exchange_token"),
        ("client_secret", app.client_secret.expose()),
        ("access_token", grant.access_token.expose()),
    ];
    meta::get("oauth.lengthen", &format!("{API}/access_token"), &query)
}

/// The call that tells whom a grant belongs to.
pub(super) fn whoami() -> Call {
    meta::get("me", &format!("{API}/v1.0/me"), &[("fields", "id,username,name")])
}

/// `life` is the documented one, for an answer that leaves it out.
fn read_tokens(effect: Effect, life: Duration, reply: &Reply) -> Result<Grant, Failure> {
    if let Some(failure) = errors::classify(effect, reply) {
        return Err(failure);
    }
    let tokens: Tokens =
        serde_json::from_slice(&reply.body).map_err(|_| meta::unreadable(effect, reply))?;
    // An empty token must never overwrite a stored one: a peer lost accounts by that.
    if tokens.access_token.is_empty() {
        return Err(meta::unreadable(effect, reply));
    }
    let expires_at = reply.at + tokens.expires_in.map_or(life, Duration::from_secs);
    Ok(Grant { access_token: tokens.access_token, refresh_token: None, expires_at, scopes: None })
}

fn read_user(reply: &Reply) -> Result<AccountFacts, Failure> {
    if let Some(failure) = errors::classify(Effect::Repeatable, reply) {
        return Err(failure);
    }
    let user: User = serde_json::from_slice(&reply.body)
        .map_err(|_| meta::unreadable(Effect::Repeatable, reply))?;
    let handle = format!("@{}", user.username);
    Ok(AccountFacts { remote_id: user.id, handle, kind: options::ACCOUNT_KIND.into() })
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

    fn old() -> Grant {
        Grant {
            access_token: "old".into(),
            refresh_token: None,
            expires_at: Timestamp::from_seconds(5),
            scopes: None,
        }
    }

    #[test]
    fn a_token_without_a_life_is_the_short_one() {
        let lives = [
            (r#"{"access_token":"a","user_id":1}"#, 4_600),
            (r#"{"access_token":"a","token_type":"bearer","expires_in":5184000}"#, 5_185_000),
        ];
        for (body, ends) in lives {
            let Ok(grant) = Threads.read_grant(&reply(200, body), None) else {
                panic!("{body} is a grant");
            };
            assert_eq!(grant.expires_at, Timestamp::from_seconds(ends));
            assert!(grant.refresh_token.is_none());
        }
        let renewed = Threads.read_grant(&reply(200, lives[0].0), Some(&old()));
        let Ok(renewed) = renewed else { panic!("it is a grant") };
        assert_eq!(renewed.expires_at, Timestamp::from_seconds(1_000 + 60 * 86_400));
        assert!(Threads.read_grant(&reply(200, r#"{"access_token":""}"#), Some(&old())).is_err());
    }

    #[test]
    fn a_refusal_to_renew_is_a_dead_grant_only_when_the_code_says_so() {
        let young = r#"{"error":{"message":"Too young.","type":"OAuthException","code":100}}"#;
        let refused = Threads.read_grant(&reply(400, young), Some(&old())).err();
        assert!(matches!(refused, Some(Failure::Transient { .. })), "{refused:?}");
        let refused = Threads.read_grant(&reply(400, young), None).err();
        assert!(matches!(refused, Some(Failure::Auth { revoked: true, .. })), "{refused:?}");
        let dead = r#"{"error":{"message":"Expired.","code":190,"error_subcode":463}}"#;
        let refused = Threads.read_grant(&reply(400, dead), Some(&old())).err();
        assert!(matches!(refused, Some(Failure::Auth { revoked: true, .. })), "{refused:?}");
        let outage = Threads.read_grant(&reply(503, ""), Some(&old())).err();
        assert!(matches!(outage, Some(Failure::Transient { .. })), "{outage:?}");
    }

    #[test]
    fn the_end_of_a_redirect_is_no_part_of_the_code() {
        let app = App {
            name: "default".into(),
            client_id: "1".into(),
            client_secret: "s".into(),
            redirect_uri: "https://app.example/cb".into(),
        };
        let body = Threads.exchange(&app, "abc#_", None).request.into_body();
        let expected = "client_id=1&client_secret=s&code=abc&grant_type=authorization_code\
                        &redirect_uri=https%3A%2F%2Fapp.example%2Fcb";
        assert_eq!(body, Body::inline(expected));
    }
}
