//! OAuth of the simulated X: consent, codes that live 30 s, refresh tokens that work once.

use super::state::{Caller, State};
use super::{Outcome, Refusal, query, respond};
use crate::sim::consent::{self, Asked, Chosen, Dialog};
use crate::sim::http::field;
use crate::sim::page::refused;
use crate::sim::{CLIENT_SECRET, Inbound};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::time::Timestamp;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// docs.x.com: a code lives 30 s.
const CODE_LIFE: Duration = Duration::from_secs(30);
/// docs.x.com: an access token lives two hours.
const ACCESS_LIFE: Duration = Duration::from_secs(7_200);
/// The longest state, docs.x.com.
const STATE_CHARS_MAX: usize = 500;

/// What an authorize request has to name.
const ASKED: [&str; 6] =
    ["client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"];

/// What the dialog says.
const DIALOG: Dialog = Dialog {
    platform: "X",
    question: "Continue as",
    takes_several: false,
    story: "asks to post as you, to upload files and to stay signed in.",
    special: &[],
};

/// A code that was given out.
#[derive(Debug, PartialEq)]
pub(super) struct Code {
    account: usize,
    client_id: String,
    redirect_uri: String,
    scopes: Vec<String>,
    challenge: String,
    is_hashed: bool,
    issued_at: Timestamp,
}

/// One consent: every token that came of it.
#[derive(Debug, PartialEq)]
pub(super) struct Family {
    pub account: usize,
    pub app: usize,
    pub scopes: Vec<String>,
    pub is_dead: bool,
    /// The refresh token that works; every older one is spent.
    refresh: Option<String>,
    /// Access tokens given out and not yet cleared away.
    given: Vec<String>,
}

/// One access token.
#[derive(Debug, PartialEq)]
pub(super) struct Access {
    pub family: usize,
    pub expires_at: Timestamp,
}

/// `GET /i/oauth2/authorize`: the page with the accounts to choose from.
pub(super) fn consent(state: &State, request: &Inbound) -> Response<Vec<u8>> {
    asked(&request.query).map_or_else(|page| *page, |asked| asked.page(&DIALOG, state.handles()))
}

/// `POST /i/oauth2/authorize`: one account chosen, or a no.
pub(super) fn allow(state: &mut State, request: &Inbound, now: Timestamp) -> Response<Vec<u8>> {
    let form = consent::form(request);
    let chosen = asked(&form).map(|asked| consent::choose(&form, asked, &DIALOG, "access_denied"));
    let (handle, asked) = match chosen {
        Ok(Chosen::Accounts(handles, asked)) => (handles.first, asked),
        Ok(Chosen::Over(page)) => return page,
        Err(page) => return *page,
    };
    let account = state.sign_up(&handle);
    let code = state.token("code");
    let issued = Code {
        account,
        client_id: asked.value("client_id").into(),
        redirect_uri: asked.value("redirect_uri").into(),
        scopes: asked.value("scope").split_whitespace().map(Into::into).collect(),
        challenge: asked.value("code_challenge").into(),
        is_hashed: asked.value("code_challenge_method") == "S256",
        issued_at: now,
    };
    state.codes.insert(code.clone(), issued);
    asked.send_back(&code)
}

/// `POST /2/oauth2/token`.
pub(super) fn token(state: &mut State, request: &Inbound, now: Timestamp) -> Response<Vec<u8>> {
    let answer = granted(state, request, now);
    let (status, body) = answer.unwrap_or_else(|refusal| (refusal.status, refusal.body));
    respond(status, &body)
}

fn granted(state: &mut State, request: &Inbound, now: Timestamp) -> Outcome {
    let (client_id, form) = client(request)?;
    match field(&form, "grant_type").as_deref() {
        Some("authorization_code") => exchange(state, &client_id, &form, now),
        Some("refresh_token") => refresh(state, &client_id, &form, now),
        _ => Err(oauth_error(400, "unsupported_grant_type", "Grant type is not supported.")),
    }
}

fn exchange(state: &mut State, client_id: &str, form: &str, now: Timestamp) -> Outcome {
    let refused = || {
        let told = "Value passed for the authorization code was invalid.";
        oauth_error(400, "invalid_request", told)
    };
    // The first showing uses a code up, whatever comes of it.
    let code =
        field(form, "code").and_then(|code| state.codes.remove(&code)).ok_or_else(refused)?;
    let verifier = field(form, "code_verifier").unwrap_or_default();
    let shown = if code.is_hashed {
        URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
    } else {
        verifier
    };
    if shown != code.challenge {
        let told = "Value passed for the code verifier did not match the code challenge.";
        return Err(oauth_error(400, "invalid_request", told));
    }
    let is_theirs = code.client_id == client_id
        && field(form, "redirect_uri").as_deref() == Some(code.redirect_uri.as_str());
    if !is_theirs || now.since(code.issued_at) > CODE_LIFE {
        return Err(refused());
    }
    let app = state.app(client_id);
    state.families.push(Family {
        account: code.account,
        app,
        scopes: code.scopes,
        is_dead: false,
        refresh: None,
        given: Vec::new(),
    });
    Ok(give(state, state.families.len() - 1, now))
}

fn refresh(state: &mut State, client_id: &str, form: &str, now: Timestamp) -> Outcome {
    let refused = || oauth_error(400, "invalid_request", "Value passed for the token was invalid.");
    let shown = field(form, "refresh_token").unwrap_or_default();
    let at = state.refresh.get(&shown).copied().ok_or_else(refused)?;
    let app = state.app(client_id);
    let family = state.families.get_mut(at).ok_or_else(refused)?;
    if family.app != app || family.is_dead {
        return Err(refused());
    }
    if family.refresh.as_deref() != Some(shown.as_str()) {
        // A spent token in the hands of anybody means that it was stolen: the family dies.
        family.is_dead = true;
        return Err(refused());
    }
    Ok(give(state, at, now))
}

/// A new pair; older access tokens serve on until they expire.
fn give(state: &mut State, at: usize, now: Timestamp) -> (StatusCode, Value) {
    let (access, refresh) = (state.token("access"), state.token("refresh"));
    let family = &mut state.families[at];
    let is_offline = family.scopes.iter().any(|scope| scope == "offline.access");
    for old in &family.given {
        if state.access.get(old).is_some_and(|access| access.expires_at <= now) {
            state.access.remove(old);
        }
    }
    family.given.retain(|old| state.access.contains_key(old));
    family.given.push(access.clone());
    state.access.insert(access.clone(), Access { family: at, expires_at: now + ACCESS_LIFE });
    let mut answer = json!({
        "token_type": "bearer",
        "expires_in": ACCESS_LIFE.as_secs(),
        "access_token": access,
        "scope": family.scopes.join(" "),
    });
    if is_offline {
        family.refresh = Some(refresh.clone());
        state.refresh.insert(refresh.clone(), at);
        answer["refresh_token"] = refresh.into();
    }
    (StatusCode::OK, answer)
}

/// `POST /2/oauth2/revoke`.
pub(super) fn revoke(state: &mut State, request: &Inbound) -> Response<Vec<u8>> {
    let form = match client(request) {
        Ok((_, form)) => form,
        Err(refusal) => return respond(refusal.status, &refusal.body),
    };
    let shown = field(&form, "token").unwrap_or_default();
    let access = state.access.get(&shown).map(|access| access.family);
    if let Some(at) = access.or_else(|| state.refresh.get(&shown).copied()) {
        state.families[at].is_dead = true;
    }
    respond(StatusCode::OK, &json!({ "revoked": true }))
}

/// `GET /2/users/me`.
pub(super) fn me(state: &State, caller: Caller, request: &Inbound) -> Outcome {
    let account = state.account(caller.account);
    let mut user = Map::new();
    user.insert("id".into(), account.id.clone().into());
    user.insert("name".into(), account.handle.clone().into());
    user.insert("username".into(), account.handle.clone().into());
    for name in query::of_users(request)? {
        let value = match name.as_str() {
            "id" | "name" | "username" => continue,
            "subscription_type" => json!(state.subscription(caller.account)),
            "verified" | "protected" => json!(false),
            "verified_type" => json!("none"),
            "profile_image_url" => json!("https://abs.twimg.com/sticky/default_profile.png"),
            "public_metrics" => {
                let living = account.own.posts.iter().filter(|at| !state.tweets[**at].is_deleted);
                json!({ "tweet_count": living.count() })
            }
            // There is nothing to say of it.
            _ => continue,
        };
        user.insert(name, value);
    }
    Ok((StatusCode::OK, json!({ "data": user })))
}

/// An authorize request, or the page that says what is wrong with it.
fn asked(form: &str) -> Result<Asked, Box<Response<Vec<u8>>>> {
    let asked = Asked::read(form, &ASKED, &[])?;
    if !["S256", "plain"].contains(&asked.value("code_challenge_method")) {
        return Err(Box::new(refused("code_challenge_method is S256 or plain.")));
    }
    if asked.value("state").chars().count() > STATE_CHARS_MAX {
        return Err(Box::new(refused("state has at most 500 characters.")));
    }
    Ok(asked)
}

/// The client id that proved itself, and the form.
fn client(request: &Inbound) -> Result<(String, String), Refusal> {
    let header = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
    let kind = header(CONTENT_TYPE).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        let told = "Content type has to be application/x-www-form-urlencoded.";
        return Err(oauth_error(400, "invalid_request", told));
    }
    let form = String::from_utf8_lossy(&request.body).into_owned();
    if field(&form, "client_secret").is_some() {
        let told = "The secret belongs into the authorization header.";
        return Err(oauth_error(400, "invalid_request", told));
    }
    let pair = header(AUTHORIZATION)
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|basic| STANDARD.decode(basic).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    match pair.as_deref().and_then(|pair| pair.rsplit_once(':')) {
        Some((client_id, CLIENT_SECRET)) => Ok((client_id.to_owned(), form)),
        _ => Err(oauth_error(401, "unauthorized_client", "Missing valid authorization header")),
    }
}

fn oauth_error(status: u16, error: &str, told: &str) -> Refusal {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    Refusal { status, body: json!({ "error": error, "error_description": told }) }
}
