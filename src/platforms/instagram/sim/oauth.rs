//! Consent, tokens and profiles of both logins of the simulated Instagram.

use super::state::{Caller, State, is_of_instagram};
use super::{Done, Login, Outcome, fields_asked, params, shown};
use crate::meta::sim::Refusal;
use crate::sim::consent::{self, Asked, Chosen, Dialog};
use crate::sim::http::{field, header, json, set};
use crate::sim::page::refused;
use crate::sim::{CLIENT_SECRET, Inbound, accounts};
use domain::time::Timestamp;
use http::header::LOCATION;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// docs: a short token lives an hour.
const SHORT_LIFE_S: u64 = 3_600;
/// What an authorize request has to name.
const ASKED: [&str; 4] = ["client_id", "redirect_uri", "scope", "state"];
/// What Instagram Login can grant.
const INSTAGRAM_SCOPES: [&str; 5] = [
    "instagram_business_basic",
    "instagram_business_content_publish",
    "instagram_business_manage_comments",
    "instagram_business_manage_insights",
    "instagram_business_manage_messages",
];
/// What Facebook Login can grant, as far as Instagram is concerned.
const FACEBOOK_SCOPES: [&str; 7] = [
    "instagram_basic",
    "instagram_content_publish",
    "pages_show_list",
    "pages_read_engagement",
    "business_management",
    "public_profile",
    "email",
];

/// What the dialogs offer beside businesses.
const SPECIAL: [(&str, &str); 2] = [
    ("creator", "a Creator account"),
    ("personal", "a personal account, which no app may publish with"),
];

/// What Facebook's dialog says: a person shares Pages, and what is behind them comes along.
const FACEBOOK: Dialog = Dialog {
    platform: "Facebook",
    question: "Share the Pages of",
    takes_several: true,
    story: "asks for your Pages and to publish on the Instagram accounts behind them.",
    special: &SPECIAL,
};

/// What Instagram's own dialog says.
const INSTAGRAM: Dialog = Dialog {
    platform: "Instagram",
    question: "Continue as",
    takes_several: false,
    story: "asks to see your professional account and to publish on it.",
    special: &SPECIAL,
};

fn dialog(login: Login) -> &'static Dialog {
    match login {
        Login::Facebook => &FACEBOOK,
        Login::Instagram => &INSTAGRAM,
    }
}

/// The page with the accounts to choose from.
pub(super) fn consent(state: &State, login: Login, request: &Inbound) -> Response<Vec<u8>> {
    let asked = asked(&request.query, login);
    asked.map_or_else(|page| *page, |asked| asked.page(dialog(login), state.handles()))
}

/// One account chosen, or a no.
pub(super) fn allow(
    state: &mut State,
    login: Login,
    request: &Inbound,
    now: Timestamp,
) -> Response<Vec<u8>> {
    let form = consent::form(request);
    let chosen = asked(&form, login)
        .map(|asked| consent::choose(&form, asked, dialog(login), "access_denied"));
    let (handles, asked) = match chosen {
        Ok(Chosen::Accounts(handles, asked)) => (handles, asked),
        Ok(Chosen::Over(page)) => return page,
        Err(page) => return *page,
    };
    let account = state.sign_up(&handles.first);
    let others = handles.others.iter().map(|handle| state.sign_up(handle)).collect();
    let code = state.tokens.code(&asked, (account, others), now);
    let mut back = asked.send_back(&code);
    let location = header(back.headers(), LOCATION.as_str()).map(|to| format!("{to}#_"));
    // docs: Instagram writes this behind the code.
    if let Some(location) = location.filter(|_| login == Login::Instagram) {
        set(&mut back, LOCATION.as_str(), &location);
    }
    back
}

/// An authorize request, or the page that says what is wrong with it.
fn asked(form: &str, login: Login) -> Result<Asked, Box<Response<Vec<u8>>>> {
    let asked = Asked::read(form, &ASKED, &[])?;
    let known: &[&str] = match login {
        Login::Facebook => &FACEBOOK_SCOPES,
        Login::Instagram => &INSTAGRAM_SCOPES,
    };
    match asked.value("scope").split(',').find(|scope| !known.contains(scope)) {
        Some(scope) => Err(Box::new(refused(&format!("Invalid Scopes: {scope}.")))),
        None => Ok(asked),
    }
}

/// A code becomes a short token.
pub(super) fn token(
    state: &mut State,
    login: Login,
    request: &Inbound,
    now: Timestamp,
) -> Response<Vec<u8>> {
    let shown = params(request);
    let answer = match login {
        Login::Facebook => facebook_token(state, &shown, now),
        Login::Instagram => instagram_token(state, &shown, now),
    };
    answered(answer, login)
}

fn instagram_token(state: &mut State, shown: &str, now: Timestamp) -> Result<Value, Refusal> {
    let value = |name: &str| field(shown, name).unwrap_or_default();
    if value("grant_type") != "authorization_code" {
        return Err(Refusal::parameter("Invalid grant type"));
    }
    if value("client_id").is_empty() || value("client_secret") != CLIENT_SECRET {
        return Err(Refusal::parameter("Error validating client secret."));
    }
    let pair = [value("client_id"), value("redirect_uri")];
    let redeemed = state.tokens.redeem(&value("code"), [&pair[0], &pair[1]], now);
    let (token, account) = redeemed
        .ok_or_else(|| Refusal::parameter("Matching code was not found or was already used."))?;
    let permissions = state.tokens.caller(Some(&token), now)?.scopes.join(",");
    let user_id: Option<u64> = state.account(account).id.parse().ok();
    Ok(json!({ "access_token": token, "user_id": user_id, "permissions": permissions }))
}

fn facebook_token(state: &mut State, shown: &str, now: Timestamp) -> Result<Value, Refusal> {
    let value = |name: &str| field(shown, name).unwrap_or_default();
    check_client(shown)?;
    if field(shown, "code_verifier").is_some() {
        let told = "code_verifier param is provided without a code_challenge in authorization \
                    request.";
        return Err(Refusal::parameter(told));
    }
    let pair = [value("client_id"), value("redirect_uri")];
    let redeemed = state.tokens.redeem(&value("code"), [&pair[0], &pair[1]], now);
    let (token, _) = redeemed.ok_or_else(|| {
        let told = "This authorization code has been used.";
        Refusal::new(400, (100, 36_009), told)
    })?;
    Ok(json!({ "access_token": token, "token_type": "bearer", "expires_in": SHORT_LIFE_S }))
}

/// A short token becomes a long one.
pub(super) fn lengthen(
    state: &mut State,
    login: Login,
    request: &Inbound,
    now: Timestamp,
) -> Response<Vec<u8>> {
    let shown = params(request);
    let (name, grant_type) = match login {
        Login::Facebook => ("fb_exchange_token", "fb_exchange_token"),
        Login::Instagram => ("access_token", "ig_exchange_token"),
    };
    let life = state.limits.token_life();
    let answer = check_grant_type(&shown, grant_type)
        .and_then(|()| match login {
            Login::Facebook => check_client(&shown),
            Login::Instagram => check_secret(&shown),
        })
        .and_then(|()| {
            let token = field(&shown, name).unwrap_or_default();
            check_login(state, &token, login, now)?;
            state.tokens.lengthen(&token, life, now)
        });
    answered(answer.map(|token| long(state, &token)), Login::Facebook)
}

/// A long token becomes one with another sixty days.
pub(super) fn refresh(state: &mut State, request: &Inbound, now: Timestamp) -> Response<Vec<u8>> {
    let shown = params(request);
    let lives = [state.limits.token_life(), Duration::from_secs(state.limits.refresh_age_s)];
    let answer = check_grant_type(&shown, "ig_refresh_token").and_then(|()| {
        let token = field(&shown, "access_token").unwrap_or_default();
        check_login(state, &token, Login::Instagram, now)?;
        state.tokens.renew(&token, lives, now)
    });
    let answer = answer.and_then(|token| {
        let mut body = long(state, &token);
        body["permissions"] = state.tokens.caller(Some(&token), now)?.scopes.join(",").into();
        Ok(body)
    });
    answered(answer, Login::Facebook)
}

fn long(state: &State, token: &str) -> Value {
    let life = state.limits.token_life_s;
    json!({ "access_token": token, "token_type": "bearer", "expires_in": life })
}

fn check_grant_type(shown: &str, wanted: &str) -> Result<(), Refusal> {
    match field(shown, "grant_type") {
        Some(kind) if kind == wanted => Ok(()),
        _ => Err(Refusal::parameter(format!("grant_type has to be {wanted}"))),
    }
}

fn check_client(shown: &str) -> Result<(), Refusal> {
    if field(shown, "client_id").is_none_or(|id| id.is_empty()) {
        return Err(Refusal::new(400, (101, 0), "Missing client_id parameter."));
    }
    check_secret(shown)
}

fn check_secret(shown: &str) -> Result<(), Refusal> {
    if field(shown, "client_secret").as_deref() == Some(CLIENT_SECRET) {
        return Ok(());
    }
    Err(Refusal::new(400, (1, 0), "Error validating client secret."))
}

/// Each login takes its own tokens alone.
fn check_login(state: &State, token: &str, login: Login, now: Timestamp) -> Result<(), Refusal> {
    let token = state.tokens.caller(Some(token), now)?;
    if is_of_instagram(token) == (login == Login::Instagram) {
        return Ok(());
    }
    let told = "Invalid OAuth access token - Cannot parse access token";
    Err(Refusal::new(400, (190, 0), told))
}

/// Instagram's own token endpoint words its errors flat, all others as everywhere.
fn answered(answer: Result<Value, Refusal>, login: Login) -> Response<Vec<u8>> {
    match (answer, login) {
        (Ok(body), _) => json(StatusCode::OK, &body),
        (Err(refusal), Login::Facebook) => refusal.response(),
        (Err(Refusal(.., told)), Login::Instagram) => {
            let body =
                json!({ "error_type": "OAuthException", "code": 400, "error_message": told });
            json(StatusCode::BAD_REQUEST, &body)
        }
    }
}

/// `GET /me`: the account itself, or the person under Facebook Login.
pub(super) fn me(state: &State, caller: Caller, params: &str) -> Outcome {
    let account = state.account(caller.account);
    let number = |kind: &str| accounts::number(&format!("{kind}:{}", account.id), 17).to_string();
    let (whole, known): (Value, &[&str]) = if caller.is_facebook {
        (json!({ "id": number("person"), "name": account.handle }), &["id", "name"])
    } else {
        let whole = json!({
            "id": number("scoped"), "user_id": account.id, "username": account.handle,
            "name": account.handle, "account_type": account.kind(),
            "followers_count": 0, "follows_count": 0, "media_count": account.own.published.len(),
        });
        let known = &[
            "id",
            "user_id",
            "username",
            "name",
            "account_type",
            "profile_picture_url",
            "followers_count",
            "follows_count",
            "media_count",
        ];
        (whole, known)
    };
    let asked = fields_asked(params, known)?;
    Ok(Done { body: shown(&whole, &asked), ..Done::default() })
}

/// `GET /me/accounts`: the Pages that were shared, each with the account that it is linked to. A
/// personal one is linked to none.
pub(super) fn accounts(state: &mut State, caller: Caller, params: &str, now: Timestamp) -> Outcome {
    let asked = field(params, "fields").unwrap_or_default();
    // The sub-fields hold a comma of their own, so they are looked for as a whole.
    let linked = "instagram_business_account{id,username}";
    let plain = asked.replace(linked, "instagram_business_account");
    let known = ["id", "name", "access_token", "instagram_business_account"];
    if let Some(name) = plain.split(',').find(|name| !known.contains(name)) {
        let told = format!("(#100) Tried accessing nonexisting field ({name})");
        return Err(Refusal::parameter(told));
    }
    let token = field(params, "access_token").unwrap_or_default();
    let from = state.tokens.caller(Some(&token), now)?.clone();
    let mut pages = Vec::new();
    for at in [caller.account].iter().chain(&from.others) {
        let page_token = state.tokens.lasting(&from, *at, now);
        let account = state.account(*at);
        let mut page = json!({
            "id": accounts::number(&format!("page:{}", account.id), 15).to_string(),
            "name": format!("{} on Facebook", account.handle),
            "access_token": page_token,
        });
        if !account.is_personal() && asked.contains(linked) {
            page["instagram_business_account"] =
                json!({ "id": account.id, "username": account.handle });
        }
        pages.push(page);
    }
    let body = json!({ "data": pages, "paging": { "cursors": { "before": "MA", "after": "MA" } } });
    Ok(Done { body, is_kept: true, ..Done::default() })
}
