//! OAuth of the simulated Google: consent, codes that work once, refresh tokens that stay.

use super::refusal::Refusal;
use super::state::State;
use super::{FORCE_SSL, MANAGE, READ, UPLOAD};
use crate::sim::consent::{self, Asked, Chosen, Dialog};
use crate::sim::http::{field, header, json as json_answer};
use crate::sim::page::refused;
use crate::sim::{CLIENT_SECRET, Inbound};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::time::Timestamp;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// What an authorize request has to name, and what else it may.
const REQUIRED: [&str; 3] = ["client_id", "redirect_uri", "scope"];
const OPTIONAL: [&str; 8] = [
    "state",
    "access_type",
    "prompt",
    "include_granted_scopes",
    "code_challenge",
    "code_challenge_method",
    "login_hint",
    "enable_granular_consent",
];
/// The scopes that a project of ours can ask for.
const SCOPES: [&str; 7] = [UPLOAD, READ, MANAGE, FORCE_SSL, "openid", "email", "profile"];
/// identity/protocols/oauth2: the live refresh tokens of an account and a client; the oldest one
/// beyond them stops working without a word.
const REFRESH_TOKENS_MAX: usize = 100;

/// What the dialog says. Google asks which account or brand account, and each has one channel.
const DIALOG: Dialog = Dialog {
    platform: "YouTube",
    question: "Continue with the channel of",
    takes_several: false,
    story: "asks to upload videos and to see the channel.",
    special: &[
        ("nochannel", "a Google account without a channel"),
        ("unverified", "a channel that may not have thumbnails of its own"),
    ],
};

/// A code that was given out.
#[derive(Debug, PartialEq)]
pub(super) struct Code {
    account: usize,
    client_id: String,
    redirect_uri: String,
    scopes: Vec<String>,
    /// `None` where PKCE was not asked for.
    challenge: Option<String>,
    is_hashed: bool,
    /// A refresh token comes with it.
    is_offline: bool,
    issued_at: Timestamp,
}

/// One consent: every token that came of it.
#[derive(Debug, PartialEq)]
pub(super) struct Grant {
    pub account: usize,
    pub app: usize,
    pub scopes: Vec<String>,
    pub is_dead: bool,
    refresh: Option<String>,
}

/// One access token.
#[derive(Debug, PartialEq)]
pub(super) struct Access {
    pub grant: usize,
    pub expires_at: Timestamp,
}

/// What the token endpoint brings.
type Answer = Result<Value, Refusal>;

/// `GET /o/oauth2/v2/auth`: the page with the accounts to choose from.
pub(super) fn consent(state: &State, request: &Inbound) -> Response<Vec<u8>> {
    asked(&request.query).map_or_else(|page| *page, |asked| asked.page(&DIALOG, state.handles()))
}

/// `POST /o/oauth2/v2/auth`: one account chosen, or a no.
pub(super) fn allow(state: &mut State, request: &Inbound, now: Timestamp) -> Response<Vec<u8>> {
    let form = consent::form(request);
    let chosen = asked(&form).map(|asked| consent::choose(&form, asked, &DIALOG, "access_denied"));
    let (handle, asked) = match chosen {
        Ok(Chosen::Accounts(handles, asked)) => (handles.first, asked),
        Ok(Chosen::Over(page)) => return page,
        Err(page) => return *page,
    };
    let account = state.sign_up(&handle);
    let client_id = asked.value("client_id").to_owned();
    let app = state.app(&client_id);
    let mut earlier =
        state.grants.iter().filter(|g| g.account == account && g.app == app && !g.is_dead);
    let mut scopes: Vec<String> = asked.value("scope").split_whitespace().map(Into::into).collect();
    let is_first = earlier.clone().next().is_none();
    if asked.value("include_granted_scopes") == "true"
        && let Some(last) = earlier.next_back()
    {
        let missing = last.scopes.iter().filter(|scope| !scopes.contains(*scope));
        let missing: Vec<String> = missing.cloned().collect();
        scopes.extend(missing);
    }
    let has_word = |word: &str| asked.value("prompt").split_whitespace().any(|w| w == word);
    let challenge = asked.value("code_challenge");
    let code = state.token("code");
    let issued = Code {
        account,
        client_id,
        redirect_uri: asked.value("redirect_uri").into(),
        scopes,
        challenge: (!challenge.is_empty()).then(|| challenge.into()),
        is_hashed: asked.value("code_challenge_method") == "S256",
        is_offline: asked.value("access_type") == "offline" && (is_first || has_word("consent")),
        issued_at: now,
    };
    state.codes.insert(code.clone(), issued);
    asked.send_back(&code)
}

/// `POST /token`.
pub(super) fn token(state: &mut State, request: &Inbound, now: Timestamp) -> Response<Vec<u8>> {
    match granted(state, request, now) {
        Ok(body) => json_answer(StatusCode::OK, &body),
        Err(refusal) => refusal.respond(),
    }
}

/// `POST /revoke`: the whole grant ends, whichever of its tokens is shown.
pub(super) fn revoke(state: &mut State, request: &Inbound) -> Response<Vec<u8>> {
    let shown = field(&String::from_utf8_lossy(&request.body), "token");
    let shown = shown.or_else(|| field(&request.query, "token")).unwrap_or_default();
    let access = state.access.get(&shown).map(|access| access.grant);
    let found = access.or_else(|| state.refresh.get(&shown).copied());
    match found.and_then(|at| state.grants.get_mut(at)).filter(|grant| !grant.is_dead) {
        Some(grant) => {
            grant.is_dead = true;
            json_answer(StatusCode::OK, &json!({}))
        }
        None => bad("invalid_token", "Token expired or revoked").respond(),
    }
}

fn granted(state: &mut State, request: &Inbound, now: Timestamp) -> Answer {
    let (client_id, form) = client(request)?;
    let kind = field(&form, "grant_type").unwrap_or_default();
    match kind.as_str() {
        "authorization_code" => exchange(state, &client_id, &form, now),
        "refresh_token" => refresh(state, &client_id, &form, now),
        "" => Err(bad("invalid_request", "Required parameter is missing: grant_type")),
        _ => Err(bad("unsupported_grant_type", &format!("Invalid grant_type: {kind}"))),
    }
}

fn exchange(state: &mut State, client_id: &str, form: &str, now: Timestamp) -> Answer {
    // The first showing uses a code up, whatever comes of it.
    let code = field(form, "code").and_then(|code| state.codes.remove(&code));
    let code = code.ok_or_else(|| bad("invalid_grant", "Bad Request"))?;
    if field(form, "redirect_uri").as_deref() != Some(code.redirect_uri.as_str()) {
        return Err(bad("redirect_uri_mismatch", "Bad Request"));
    }
    let life = Duration::from_secs(state.limits.code_life_s);
    if code.client_id != client_id || now.since(code.issued_at) > life {
        return Err(bad("invalid_grant", "Bad Request"));
    }
    let verifier = field(form, "code_verifier").filter(|verifier| !verifier.is_empty());
    let shown = verifier.map(|verifier| {
        if code.is_hashed { URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) } else { verifier }
    });
    match (&code.challenge, shown) {
        (Some(_), None) => return Err(bad("invalid_grant", "Missing code verifier.")),
        (wanted, shown) if *wanted != shown => {
            return Err(bad("invalid_grant", "Invalid code verifier."));
        }
        _ => {}
    }
    let app = state.app(client_id);
    let refresh = code.is_offline.then(|| state.token("refresh"));
    let at = state.grants.len();
    if let Some(token) = &refresh {
        state.refresh.insert(token.clone(), at);
        drop_oldest(&mut state.grants, code.account, app);
    }
    let (account, scopes) = (code.account, code.scopes);
    let grant = Grant { account, app, scopes, is_dead: false, refresh: refresh.clone() };
    state.grants.push(grant);
    let mut answer = give(state, at, now);
    if let Some(token) = refresh {
        answer["refresh_token"] = token.into();
    }
    Ok(answer)
}

/// Makes room for one more refresh token.
fn drop_oldest(grants: &mut [Grant], account: usize, app: usize) {
    let is_live = |grant: &&mut Grant| {
        grant.account == account && grant.app == app && !grant.is_dead && grant.refresh.is_some()
    };
    let mut live: Vec<&mut Grant> = grants.iter_mut().filter(is_live).collect();
    if live.len() >= REFRESH_TOKENS_MAX {
        live[0].is_dead = true;
    }
}

/// A refresh token brings an access token again and again, and no new one of its kind.
fn refresh(state: &mut State, client_id: &str, form: &str, now: Timestamp) -> Answer {
    let refused = || bad("invalid_grant", "Token has been expired or revoked.");
    let shown = field(form, "refresh_token").unwrap_or_default();
    let at = state.refresh.get(&shown).copied().ok_or_else(refused)?;
    let app = state.app(client_id);
    let grant = state.grants.get(at).filter(|grant| grant.app == app && !grant.is_dead);
    grant.ok_or_else(refused)?;
    Ok(give(state, at, now))
}

/// A new access token; older ones serve on until they expire.
fn give(state: &mut State, at: usize, now: Timestamp) -> Value {
    let access = state.token("access");
    let life = state.limits.access_life_s;
    state.access.retain(|_, old| old.grant != at || old.expires_at > now);
    let expires_at = now + Duration::from_secs(life);
    state.access.insert(access.clone(), Access { grant: at, expires_at });
    json!({
        "access_token": access,
        "expires_in": life,
        "scope": state.grants[at].scopes.join(" "),
        "token_type": "Bearer",
    })
}

/// An authorize request, or the page that says what is wrong with it.
fn asked(form: &str) -> Result<Asked, Box<Response<Vec<u8>>>> {
    let asked = Asked::read(form, &REQUIRED, &OPTIONAL)?;
    match flaw(&asked) {
        Some(told) => Err(Box::new(refused(&told))),
        None => Ok(asked),
    }
}

/// What is wrong with the values of an authorize request.
fn flaw(asked: &Asked) -> Option<String> {
    let is_one_of = |name, words: &[&str]| words.contains(&asked.value(name));
    if !is_one_of("code_challenge_method", &["", "plain", "S256"]) {
        return Some("code_challenge_method is S256 or plain.".into());
    }
    if !is_one_of("access_type", &["", "online", "offline"]) {
        return Some("access_type is online or offline.".into());
    }
    let is_prompt = |word: &str| ["none", "consent", "select_account"].contains(&word);
    if !asked.value("prompt").split_whitespace().all(is_prompt) {
        return Some("prompt is none, consent or select_account.".into());
    }
    let unknown = asked.value("scope").split_whitespace().find(|scope| !SCOPES.contains(scope));
    unknown.map(|scope| format!("invalid_scope: {scope}"))
}

/// The client id that proved itself, in the body or by Basic, and the form.
fn client(request: &Inbound) -> Result<(String, String), Refusal> {
    let kind = header(&request.headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(bad("invalid_request", "Bad Request"));
    }
    let form = String::from_utf8_lossy(&request.body).into_owned();
    let basic = header(&request.headers, AUTHORIZATION.as_str())
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|basic| STANDARD.decode(basic).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = match basic.as_deref().and_then(|pair| pair.rsplit_once(':')) {
        Some((id, secret)) => Some((id.to_owned(), secret.to_owned())),
        None => field(&form, "client_id").zip(field(&form, "client_secret")),
    };
    match pair {
        Some((client_id, secret)) if secret == CLIENT_SECRET => Ok((client_id, form)),
        Some(_) => {
            let told = "The provided client secret is invalid.";
            Err(Refusal::oauth(StatusCode::UNAUTHORIZED, "invalid_client", told))
        }
        None => Err(bad("invalid_request", "Could not determine client ID from request.")),
    }
}

fn bad(error: &str, told: &str) -> Refusal {
    Refusal::oauth(StatusCode::BAD_REQUEST, error, told)
}
