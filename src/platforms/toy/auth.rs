//! Connecting to the toy: a code, a token that lives for a year, a name.

use super::wire::{Me, Token};
use super::{API, Toy, errors};
use crate::grant::Grant;
use crate::port::{
    AccountFacts, App, Auth, Body, Call, ClientAuth, Identifying, Identity, OAuthProfile, Reply,
};
use domain::failure::{Effect, Failure};
use domain::renewal::Rule;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use std::time::Duration;
use url::form_urlencoded;

const DEADLINE: Duration = Duration::from_secs(10);
const LIFE: Duration = Duration::from_secs(365 * 86_400);

static PROFILE: OAuthProfile = OAuthProfile {
    title: "Toy",
    note: "Any toy.",
    authorize_url: "https://toy.example/authorize",
    uses_pkce: false,
    scope_separator: ' ',
    scopes: &["post"],
    needed: &["post"],
    extra: &[],
    client_auth: ClientAuth::Body,
    rotates_refresh_token: false,
    renewal: Rule::Late,
};

impl Auth for Toy {
    fn apps(&self) -> &'static [&'static str] {
        &["default"]
    }

    fn profile(&self, _app: &str) -> &'static OAuthProfile {
        &PROFILE
    }

    fn sign(&self, request: &mut Request<Body>, grant: &Grant) {
        if let Ok(value) = HeaderValue::from_str(&format!("Bearer {}", grant.access_token.expose()))
        {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
    }

    fn exchange(&self, app: &App, code: &str, _verifier: Option<&str>) -> Call {
        let form = [
            ("code", code),
            ("client_id", &app.client_id),
            ("client_secret", app.client_secret.expose()),
        ];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        call("oauth.token", Effect::Irreversible, "POST /token", Some(body.into_bytes()))
    }

    fn identify(&self, _app: &App, grant: &Grant, replies: &[Reply]) -> Identifying {
        let Some(reply) = replies.first() else {
            let mut call = call("me", Effect::Repeatable, "GET /me", None);
            self.sign(&mut call.request, grant);
            return Identifying::ask(call);
        };
        match serde_json::from_slice::<Me>(&reply.body) {
            Ok(Me { id, name }) => {
                let facts = AccountFacts { remote_id: id, handle: name, kind: "standard".into() };
                Identifying::Done(vec![Identity { facts, grant: grant.clone() }])
            }
            Err(_) => Identifying::Refused(errors::unreadable(Effect::Repeatable)),
        }
    }

    fn refresh(&self, _app: &App, _grant: &Grant) -> Option<Call> {
        None
    }

    fn read_grant(&self, reply: &Reply, _previous: Option<&Grant>) -> Result<Grant, Failure> {
        if let Some(failure) = errors::classify(Effect::Irreversible, reply) {
            return Err(failure);
        }
        let token: Token = serde_json::from_slice(&reply.body)
            .map_err(|_| errors::unreadable(Effect::Irreversible))?;
        let expires_at = reply.at + LIFE;
        Ok(Grant {
            access_token: token.access_token,
            refresh_token: None,
            expires_at,
            scopes: None,
        })
    }
}

/// A call; `to` is its method and path.
pub(super) fn call(
    endpoint: &'static str,
    effect: Effect,
    to: &str,
    body: Option<Vec<u8>>,
) -> Call {
    let (method, path) = to.split_once(' ').unwrap_or(("GET", to));
    let request = Request::builder()
        .method(method)
        .uri(format!("{API}{path}"))
        .header(CONTENT_TYPE, "application/json")
        .body(body.map_or_else(Body::empty, Body::inline));
    let request = request.expect("methods and paths are constants and ids");
    Call { endpoint, effect, request, deadline: DEADLINE }
}
