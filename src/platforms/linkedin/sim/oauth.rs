//! OAuth of the simulated LinkedIn: consent, codes that work once, grants of 60 days, and refresh
//! tokens that keep the year they began with.

use super::Outcome;
use super::refusal::Refusal;
use super::state::{Author, Kind, State};
use crate::sim::consent::{self, Asked, Chosen, Dialog};
use crate::sim::http::{field, header, json};
use crate::sim::page::refused;
use crate::sim::{CLIENT_SECRET, Inbound};
use domain::time::Timestamp;
use http::{Response, StatusCode};
use serde_json::json;

/// What an authorize request has to name.
const ASKED: [&str; 4] = ["client_id", "redirect_uri", "scope", "state"];
/// What the app for people may ask for.
const FOR_PEOPLE: [&str; 4] = ["openid", "profile", "email", "w_member_social"];
/// What the app for organizations may ask for; its product has to be the only one of an app.
const FOR_PAGES: [&str; 4] = [
    "w_organization_social",
    "r_organization_social",
    "rw_organization_admin",
    "r_organization_admin",
];

/// What the dialog says to people.
const PERSON: Dialog = Dialog {
    platform: "LinkedIn",
    question: "Continue as",
    takes_several: false,
    story: "asks to post as you.",
    special: &[],
};

/// What it says where pages are asked for. The true one does not let anybody choose: all pages of
/// a person come along, so this says who the person is.
const PAGES: Dialog = Dialog {
    platform: "LinkedIn",
    question: "Continue as somebody who looks after",
    takes_several: true,
    story: "asks to post as the pages that you look after.",
    special: &[],
};

fn dialog(kind: Kind) -> &'static Dialog {
    match kind {
        Kind::Person => &PERSON,
        Kind::Page => &PAGES,
    }
}

/// A code that was given out.
#[derive(Debug, PartialEq)]
pub(super) struct Code {
    author: Author,
    others: Vec<Author>,
    client_id: String,
    redirect_uri: String,
    scopes: Vec<String>,
    issued_at: Timestamp,
}

/// One consent: every token that came of it.
#[derive(Debug, PartialEq)]
pub(super) struct Family {
    pub author: Author,
    /// Further pages that the same person looks after.
    pub others: Vec<Author>,
    pub app: usize,
    pub scopes: Vec<String>,
    pub is_dead: bool,
    /// The refresh token, where the app gets one, and its fixed end.
    refresh: Option<(String, Timestamp)>,
}

/// One access token.
#[derive(Debug, PartialEq)]
pub(super) struct Access {
    pub family: usize,
    pub given_at: Timestamp,
    pub expires_at: Timestamp,
}

/// `GET /oauth/v2/authorization`: the page with the accounts to choose from.
pub(super) fn consent(state: &State, request: &Inbound) -> Response<Vec<u8>> {
    asked(&request.query)
        .map_or_else(|page| *page, |(asked, kind)| asked.page(dialog(kind), state.handles(kind)))
}

/// `POST /oauth/v2/authorization`: one account chosen, or a no.
pub(super) fn allow(state: &mut State, request: &Inbound, now: Timestamp) -> Response<Vec<u8>> {
    let form = consent::form(request);
    let (asked, kind) = match asked(&form) {
        Ok(asked) => asked,
        Err(page) => return *page,
    };
    let denied = "user_cancelled_authorize";
    let (handles, asked) = match consent::choose(&form, asked, dialog(kind), denied) {
        Chosen::Accounts(handles, asked) => (handles, asked),
        Chosen::Over(page) => return page,
    };
    let author = state.sign_up(kind, &handles.first);
    let others = handles.others.iter().map(|handle| state.sign_up(kind, handle)).collect();
    let code = state.token("code");
    let issued = Code {
        author,
        others,
        client_id: asked.value("client_id").into(),
        redirect_uri: asked.value("redirect_uri").into(),
        scopes: asked.value("scope").split_whitespace().map(Into::into).collect(),
        issued_at: now,
    };
    state.codes.insert(code.clone(), issued);
    asked.send_back(&code)
}

/// `POST /oauth/v2/accessToken`.
pub(super) fn token(state: &mut State, request: &Inbound, now: Timestamp) -> Response<Vec<u8>> {
    granted(state, request, now).unwrap_or_else(Refusal::response)
}

fn granted(state: &mut State, request: &Inbound, now: Timestamp) -> Outcome {
    let (client_id, form) = client(request)?;
    match field(&form, "grant_type").as_deref() {
        Some("authorization_code") => exchange(state, &client_id, &form, now),
        Some("refresh_token") => refresh(state, &client_id, &form, now),
        _ => Err(bad_request("unsupported_grant_type", "The grant type is not supported")),
    }
}

fn exchange(state: &mut State, client_id: &str, form: &str, now: Timestamp) -> Outcome {
    let refused = || {
        let told = "Unable to retrieve access token: appid/redirect uri/code verifier does not \
                    match authorization code. Or authorization code expired. Or external member \
                    binding exists";
        bad_request("invalid_request", told)
    };
    let redirect_uri = required(form, "redirect_uri")?;
    // The first showing uses a code up, whatever comes of it.
    let code = state.codes.remove(&required(form, "code")?).ok_or_else(refused)?;
    let is_theirs = code.client_id == client_id && code.redirect_uri == redirect_uri;
    if !is_theirs || now.since(code.issued_at) > state.limits.code_life() {
        return Err(refused());
    }
    let app = state.app(client_id);
    let end = now + state.limits.refresh_life();
    let refresh = state.limits.gives_refresh_tokens.then(|| (state.token("refresh"), end));
    if let Some((token, _)) = &refresh {
        state.refresh.insert(token.clone(), state.families.len());
    }
    let Code { author, others, scopes, .. } = code;
    state.families.push(Family { author, others, app, scopes, is_dead: false, refresh });
    Ok(give(state, state.families.len() - 1, now))
}

fn refresh(state: &mut State, client_id: &str, form: &str, now: Timestamp) -> Outcome {
    let refused = || {
        let told =
            "The provided authorization grant or refresh token is invalid, expired or revoked";
        bad_request("invalid_request", told)
    };
    let shown = required(form, "refresh_token")?;
    let at = state.refresh.get(&shown).copied().ok_or_else(refused)?;
    let app = state.app(client_id);
    let family = state.families.get(at).ok_or_else(refused)?;
    let is_over = family.refresh.as_ref().is_none_or(|(_, end)| *end <= now);
    if family.app != app || family.is_dead || is_over {
        return Err(refused());
    }
    Ok(give(state, at, now))
}

/// A new access token; older ones serve on until they expire. Without `token_type`, as in the
/// documented example.
fn give(state: &mut State, at: usize, now: Timestamp) -> Response<Vec<u8>> {
    let access = state.token("access");
    let life = state.limits.token_life();
    state.access.retain(|_, access| access.family != at || access.expires_at > now);
    let given = Access { family: at, given_at: now, expires_at: now + life };
    state.access.insert(access.clone(), given);
    let family = &state.families[at];
    let mut answer = json!({
        "access_token": access,
        "expires_in": life.as_secs(),
        "scope": family.scopes.join(" "),
    });
    if let Some((token, end)) = &family.refresh {
        answer["refresh_token"] = token.clone().into();
        answer["refresh_token_expires_in"] = end.since(now).as_secs().into();
    }
    json(StatusCode::OK, &answer)
}

/// `POST /oauth/v2/revoke`, as it is used in public code.
pub(super) fn revoke(state: &mut State, request: &Inbound) -> Response<Vec<u8>> {
    let shown = client(request).and_then(|(_, form)| required(&form, "token"));
    let shown = match shown {
        Ok(token) => token,
        Err(refusal) => return refusal.response(),
    };
    let access = state.access.get(&shown).map(|access| access.family);
    if let Some(at) = access.or_else(|| state.refresh.get(&shown).copied()) {
        state.families[at].is_dead = true;
    }
    json(StatusCode::OK, &json!({}))
}

/// An authorize request and whom it is about, or the page that says what is wrong with it.
fn asked(form: &str) -> Result<(Asked, Kind), Box<Response<Vec<u8>>>> {
    let asked = Asked::read(form, &ASKED, &[])?;
    let all_of =
        |known: &[&str]| asked.value("scope").split_whitespace().all(|s| known.contains(&s));
    let kind = if all_of(&FOR_PEOPLE) {
        Kind::Person
    } else if all_of(&FOR_PAGES) {
        Kind::Page
    } else {
        let told = "unauthorized_scope_error: an app has the scopes for people or those for pages.";
        return Err(Box::new(refused(told)));
    };
    Ok((asked, kind))
}

/// The client id that proved itself in the body, and the form.
fn client(request: &Inbound) -> Result<(String, String), Refusal> {
    let kind = header(&request.headers, "content-type").unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        let told = "The content type has to be application/x-www-form-urlencoded";
        return Err(bad_request("invalid_request", told));
    }
    let form = String::from_utf8_lossy(&request.body).into_owned();
    let client_id = required(&form, "client_id")?;
    let secret = required(&form, "client_secret")?;
    // PKCE belongs to the flow of native apps; here a verifier spoils everything.
    let is_native = field(&form, "code_verifier").is_some();
    if is_native || secret != CLIENT_SECRET {
        let told = "Client authentication failed";
        return Err(Refusal::oauth(StatusCode::UNAUTHORIZED, "invalid_client", told));
    }
    Ok((client_id, form))
}

fn required(form: &str, name: &str) -> Result<String, Refusal> {
    field(form, name).filter(|value| !value.is_empty()).ok_or_else(|| {
        bad_request("invalid_request", &format!("A required parameter \"{name}\" is missing"))
    })
}

fn bad_request(error: &str, told: &str) -> Refusal {
    Refusal::oauth(StatusCode::BAD_REQUEST, error, told)
}
