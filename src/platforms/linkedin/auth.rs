//! Connecting, signing and refreshing. The only file here that sees a grant.
//!
//! Two registrations: one for people, one for pages of organizations, because the product that
//! pages need has to be the only one of its app. What an account is follows from its app.

use super::capabilities::{ORGANIZATION, PERSONAL};
use super::version::{HEADER, VERSION};
use super::wire::{Acl, Elements, Member, Organization};
use super::{API, LinkedIn, errors};
use crate::grant::Grant;
use crate::oauth::{self, Tokens};
use crate::port::{
    AccountFacts, App, Auth, Body, Call, ClientAuth, Identifying, Identity, OAuthProfile, Reply,
};
use domain::failure::{Effect, Failure};
use domain::renewal::Rule;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Uri};
use std::time::Duration;
use url::form_urlencoded;

/// Where codes and refresh tokens are turned into grants.
const TOKEN_URL: &str = "https://www.linkedin.com/oauth/v2/accessToken";
const REVOKE_URL: &str = "https://www.linkedin.com/oauth/v2/revoke";
const AUTHORIZE_URL: &str = "https://www.linkedin.com/oauth/v2/authorization";

/// The documented life of an access token, 60 days; taken where `expires_in` is missing.
const ACCESS_LIFE: Duration = Duration::from_secs(60 * 86_400);
/// Of a life of 60 days a week is left to a refusal: after a year the refresh token itself ends,
/// and only the owner helps.
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// How long a token request and a look at a profile may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// Seen in the field: a fresh token is called revoked for some seconds.
const FRESH_WAIT: Duration = Duration::from_secs(2);
/// How often a fresh token is tried again.
const FRESH_TRIES_MAX: usize = 4;
/// Organizations whose names are asked for; further ones go by their number. With the tries above
/// that stays below the calls that connecting may take.
const NAMES_MAX: usize = 10;
/// The largest page of a finder.
const ACLS_MAX: u32 = 100;
/// The roles whose holders may post (Posts API; the last one is how newer pages call the third).
const POSTING_ROLES: [&str; 4] =
    ["ADMINISTRATOR", "DIRECT_SPONSORED_CONTENT_POSTER", "CONTENT_ADMIN", "CONTENT_ADMINISTRATOR"];

const ORGANIZATION_URN: &str = "urn:li:organization:";

static FOR_PEOPLE: OAuthProfile = OAuthProfile {
    title: "LinkedIn – a person",
    note: "Posts appear under your own name.",
    authorize_url: AUTHORIZE_URL,
    // A verifier makes the exchange fail with 401 `invalid_client` (seen live 2026-09).
    uses_pkce: false,
    scope_separator: ' ',
    scopes: &["openid", "profile", "email", "w_member_social"],
    needed: &["openid", "profile", "w_member_social"],
    extra: &[],
    client_auth: ClientAuth::Body,
    rotates_refresh_token: false,
    renewal: Rule::Ahead(WEEK),
};

static FOR_ORGANIZATIONS: OAuthProfile = OAuthProfile {
    title: "LinkedIn – a company page",
    note: "Pages that you may post for; you choose among them afterwards.",
    scopes: &["w_organization_social", "r_organization_social", "rw_organization_admin"],
    needed: &["w_organization_social", "rw_organization_admin"],
    ..FOR_PEOPLE
};

impl Auth for LinkedIn {
    fn apps(&self) -> &'static [&'static str] {
        &[PERSONAL, ORGANIZATION]
    }

    fn profile(&self, app: &str) -> &'static OAuthProfile {
        if app == ORGANIZATION { &FOR_ORGANIZATIONS } else { &FOR_PEOPLE }
    }

    fn sign(&self, request: &mut Request<Body>, grant: &Grant) {
        oauth::bear(request, &format!("Bearer {}", grant.access_token.expose()));
    }

    fn exchange(&self, app: &App, code: &str, _verifier: Option<&str>) -> Call {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &app.redirect_uri),
        ];
        // A code works once.
        token_call(app, &form, Effect::Irreversible)
    }

    fn identify(&self, app: &App, grant: &Grant, replies: &[Reply]) -> Identifying {
        let is_organization = app.name == ORGANIZATION;
        let tried = replies.iter().take_while(|reply| errors::is_maybe_fresh(reply)).count();
        let answered = replies.get(tried..).unwrap_or_default();
        let Some((first, others)) = answered.split_first() else {
            if let Some(last) = replies.last().filter(|_| tried > FRESH_TRIES_MAX) {
                return refused(last);
            }
            let call = if is_organization { roles() } else { whoami() };
            let after = if tried == 0 { Duration::ZERO } else { FRESH_WAIT };
            return Identifying::Ask { after, call: Box::new(self.signed(call, grant)) };
        };
        let known = if is_organization {
            self.pages(grant, first, others)
        } else {
            read_member(first).map(|facts| Known::All(vec![facts]))
        };
        match known {
            Ok(Known::All(facts)) => {
                let of = |facts| Identity { facts, grant: grant.clone() };
                Identifying::Done(facts.into_iter().map(of).collect())
            }
            Ok(Known::Next(call)) => Identifying::ask(*call),
            Err(failure) => Identifying::Refused(failure),
        }
    }

    fn refresh(&self, app: &App, grant: &Grant) -> Option<Call> {
        let refresh_token = oauth::refresh_token(grant)?;
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        // The refresh token stays the same for its year, so asking twice does no harm.
        Some(token_call(app, &form, Effect::Repeatable))
    }

    /// A member's token posts for every organization that he may post for.
    fn is_consent_shared(&self, app: &str) -> bool {
        app == ORGANIZATION
    }

    /// As public code calls it; no page of the documentation tells of it.
    fn revoke(&self, app: &App, grant: &Grant) -> Option<Call> {
        let form = [("token", grant.access_token.expose())];
        let call = token_call(app, &form, Effect::Repeatable);
        let mut request = call.request;
        *request.uri_mut() = Uri::from_static(REVOKE_URL);
        Some(Call { endpoint: "oauth.revoke", request, ..call })
    }

    fn read_grant(&self, reply: &Reply, previous: Option<&Grant>) -> Result<Grant, Failure> {
        let effect = if previous.is_some() { Effect::Repeatable } else { Effect::Irreversible };
        if let Some(failure) = errors::classify(effect, reply) {
            return Err(failure);
        }
        let tokens = Tokens::read(reply).ok_or_else(|| errors::unreadable(effect, reply))?;
        Ok(tokens.grant(reply.at, ACCESS_LIFE, previous))
    }
}

/// How far finding out has come.
enum Known {
    All(Vec<AccountFacts>),
    Next(Box<Call>),
}

impl LinkedIn {
    fn signed(&self, mut call: Call, grant: &Grant) -> Call {
        self.sign(&mut call.request, grant);
        call
    }

    /// Every organization that the member may post for, with the names that `named` tells.
    fn pages(&self, grant: &Grant, roles: &Reply, named: &[Reply]) -> Result<Known, Failure> {
        let urns = read_roles(roles)?;
        if urns.is_empty() {
            let detail = "this member may not post for any organization".to_owned();
            return Err(Failure::Auth { revoked: true, detail });
        }
        if let Some(urn) = urns.get(named.len()).filter(|_| named.len() < NAMES_MAX) {
            return Ok(Known::Next(Box::new(self.signed(organization(urn), grant))));
        }
        let facts = urns.iter().enumerate().map(|(at, urn)| {
            // A page whose name is not told must not keep the others from being connected.
            let name = named.get(at).and_then(read_name);
            let number = urn.trim_start_matches(ORGANIZATION_URN);
            AccountFacts {
                remote_id: urn.clone(),
                handle: name.unwrap_or_else(|| format!("organization-{number}")),
                kind: ORGANIZATION.into(),
            }
        });
        Ok(Known::All(facts.collect()))
    }
}

fn refused(reply: &Reply) -> Identifying {
    let failure = errors::classify(Effect::Repeatable, reply);
    Identifying::Refused(failure.unwrap_or_else(|| errors::unreadable(Effect::Repeatable, reply)))
}

/// The call that tells which person a grant belongs to. It is not versioned.
pub(super) fn whoami() -> Call {
    let builder = Request::get("https://api.linkedin.com/v2/userinfo");
    let request = built(builder.header(ACCEPT, "application/json"), Body::empty());
    Call { endpoint: "userinfo", effect: Effect::Repeatable, request, deadline: DEADLINE }
}

/// The call that tells for which organizations the member acts, in every role.
fn roles() -> Call {
    let path = format!("organizationAcls?q=roleAssignee&state=APPROVED&count={ACLS_MAX}");
    let mut request = rest(Method::GET, &path, None);
    request.headers_mut().insert("x-restli-method", HeaderValue::from_static("FINDER"));
    Call { endpoint: "organizationAcls", effect: Effect::Repeatable, request, deadline: DEADLINE }
}

fn organization(urn: &str) -> Call {
    let number = encoded(urn.trim_start_matches(ORGANIZATION_URN));
    let request = rest(Method::GET, &format!("organizations/{number}"), None);
    let endpoint = "organizations.get";
    Call { endpoint, effect: Effect::Repeatable, request, deadline: DEADLINE }
}

fn read_member(reply: &Reply) -> Result<AccountFacts, Failure> {
    let member: Member = read(reply)?;
    if member.sub.is_empty() {
        return Err(errors::unreadable(Effect::Repeatable, reply));
    }
    let handle = handle(&member.name).unwrap_or_else(|| format!("person-{}", member.sub));
    let remote_id = format!("urn:li:person:{}", member.sub);
    Ok(AccountFacts { remote_id, handle, kind: PERSONAL.into() })
}

/// The organizations that the member may post for, each one once.
fn read_roles(reply: &Reply) -> Result<Vec<String>, Failure> {
    let roles: Elements<Acl> = read(reply)?;
    let mut urns: Vec<String> = Vec::new();
    for acl in roles.elements {
        let may_post = POSTING_ROLES.contains(&acl.role.as_str()) && acl.state == "APPROVED";
        let is_organization = acl.organization.starts_with(ORGANIZATION_URN);
        if may_post && is_organization && !urns.contains(&acl.organization) {
            urns.push(acl.organization);
        }
    }
    Ok(urns)
}

fn read_name(reply: &Reply) -> Option<String> {
    let organization: Organization = read(reply).ok()?;
    handle(&organization.vanity_name).or_else(|| handle(&organization.localized_name))
}

/// A name without spaces.
fn handle(name: &str) -> Option<String> {
    let handle = name.split_whitespace().collect::<Vec<_>>().join("-");
    (!handle.is_empty()).then_some(handle)
}

fn read<T: serde::de::DeserializeOwned>(reply: &Reply) -> Result<T, Failure> {
    match errors::classify(Effect::Repeatable, reply) {
        Some(failure) => Err(failure),
        None => serde_json::from_slice(&reply.body)
            .map_err(|_| errors::unreadable(Effect::Repeatable, reply)),
    }
}

/// A call of the token endpoint, which wants id and secret in the body.
fn token_call(app: &App, form: &[(&str, &str)], effect: Effect) -> Call {
    let client =
        [("client_id", app.client_id.as_str()), ("client_secret", app.client_secret.expose())];
    let body = oauth::form(&[form, &client].concat());
    let request = oauth::request(Method::POST, TOKEN_URL, Some(oauth::FORM), Body::inline(body));
    Call { endpoint: "oauth.token", effect, request, deadline: DEADLINE }
}

/// A request of the versioned API: with the headers that each of them has to have.
pub(super) fn rest(method: Method, path: &str, json: Option<Vec<u8>>) -> Request<Body> {
    let mut builder = Request::builder()
        .method(method)
        .uri(format!("{API}/rest/{path}"))
        .header(ACCEPT, "application/json")
        .header(HEADER, VERSION)
        .header("x-restli-protocol-version", "2.0.0");
    if json.is_some() {
        builder = builder.header(CONTENT_TYPE, "application/json");
    }
    built(builder, json.map_or_else(Body::empty, Body::inline))
}

/// A request that puts a file where LinkedIn said.
pub(super) fn put(address: &Uri, file: Body) -> Request<Body> {
    let builder = Request::put(address).header(CONTENT_TYPE, "application/octet-stream");
    built(builder, file)
}

/// A URN as it stands in a path or a query.
pub(super) fn encoded(urn: &str) -> String {
    form_urlencoded::byte_serialize(urn.as_bytes()).collect()
}

/// The addresses of this folder are constants, encoded names, and what was parsed before.
fn built(builder: http::request::Builder, body: Body) -> Request<Body> {
    match builder.body(body) {
        Ok(request) => request,
        Err(refused) => panic!("a request to LinkedIn is made of parts that fit: {refused}"),
    }
}
