//! OAuth of the simulated Threads: consent, codes that work once, tokens of an hour and of sixty
//! days.

use super::params::Params;
use super::state::State;
use super::{Outcome, Refusal};
use crate::sim::consent::{self, Asked, Chosen, Dialog};
use crate::sim::page::refused;
use crate::sim::{CLIENT_SECRET, Inbound};
use domain::time::Timestamp;
use http::Response;
use serde_json::{Value, json};
use std::time::Duration;

/// What an authorize request has to name; `state` may be left out.
const ASKED: [&str; 3] = ["client_id", "redirect_uri", "scope"];

/// The permissions that there are, docs, get-access-tokens. The first one is always needed.
const SCOPES: [&str; 10] = [
    "threads_basic",
    "threads_content_publish",
    "threads_delete",
    "threads_manage_replies",
    "threads_read_replies",
    "threads_keyword_search",
    "threads_manage_mentions",
    "threads_location_tagging",
    "threads_manage_insights",
    "threads_profile_discovery",
];

/// What the dialog says.
const DIALOG: Dialog = Dialog {
    platform: "Threads",
    question: "Continue as",
    takes_several: false,
    story: "asks to see your profile, to post as you and to answer.",
    special: &[],
};

/// `GET /oauth/authorize`: the page with the accounts to choose from.
pub(super) fn consent(state: &State, request: &Inbound) -> Response<Vec<u8>> {
    let known = state.accounts.all().iter().map(|account| account.handle.as_str());
    asked(&request.query).map_or_else(|page| *page, |asked| asked.page(&DIALOG, known))
}

/// `POST /oauth/authorize`: one account chosen, or a no.
pub(super) fn allow(state: &mut State, request: &Inbound, now: Timestamp) -> Response<Vec<u8>> {
    let form = consent::form(request);
    let chosen = asked(&form).map(|asked| consent::choose(&form, asked, &DIALOG, "access_denied"));
    let (handle, asked) = match chosen {
        Ok(Chosen::Accounts(handles, asked)) => (handles.first, asked),
        Ok(Chosen::Over(page)) => return page,
        Err(page) => return *page,
    };
    let account = state.sign_up(&handle);
    state.permit(account, now);
    let code = state.tokens.code(&asked, (account, Vec::new()), now);
    asked.send_back(&code)
}

/// `POST /oauth/access_token`: the short token for a code.
pub(super) fn exchange(state: &mut State, params: &Params, now: Timestamp) -> Outcome {
    params.only(&["client_id", "client_secret", "code", "grant_type", "redirect_uri"])?;
    check_secret(params)?;
    grant_type(params, "authorization_code")?;
    let client = [params.required("client_id")?, params.required("redirect_uri")?];
    let redeemed = state.tokens.redeem(params.required("code")?, client, now);
    let (token, account) = redeemed.ok_or_else(|| {
        let told = "This authorization code has been used, has expired or was not given to you.";
        Refusal::parameter(told)
    })?;
    // Ids are numbers here, and texts everywhere else.
    let user_id: Option<u64> = state.accounts.at(account).id.parse().ok();
    Ok(json!({ "access_token": token, "user_id": user_id }))
}

/// `GET /access_token`: a token of sixty days for a living one.
pub(super) fn lengthen(state: &mut State, params: &Params, now: Timestamp) -> Outcome {
    params.only(&["grant_type", "client_secret"])?;
    check_secret(params)?;
    grant_type(params, "th_exchange_token")?;
    let life = Duration::from_secs(state.limits.token_life_s);
    let token = state.tokens.lengthen(params.required("access_token")?, life, now)?;
    Ok(given(&token, life))
}

/// `GET /refresh_access_token`: a new life for a token that is old enough.
pub(super) fn refresh(state: &mut State, params: &Params, now: Timestamp) -> Outcome {
    params.only(&["grant_type"])?;
    grant_type(params, "th_refresh_token")?;
    let life = Duration::from_secs(state.limits.token_life_s);
    let age_min = Duration::from_secs(state.limits.refresh_age_s);
    let old = params.required("access_token")?;
    if let Some(account) = state.tokens.owner(old) {
        state.check_permitted(account, now)?;
    }
    let token = state.tokens.renew(old, [life, age_min], now)?;
    // docs, long-lived-tokens: the owner of a private profile has to log in again.
    if let Some(account) = state.tokens.owner(&token)
        && !state.accounts.at(account).own.is_private
    {
        state.permit(account, now);
    }
    Ok(given(&token, life))
}

fn given(token: &str, life: Duration) -> Value {
    json!({ "access_token": token, "token_type": "bearer", "expires_in": life.as_secs() })
}

fn check_secret(params: &Params) -> Result<(), Refusal> {
    if params.get("client_secret") == Some(CLIENT_SECRET) {
        return Ok(());
    }
    Err(Refusal::new(400, (101, 0), "Error validating client secret."))
}

fn grant_type(params: &Params, wanted: &str) -> Result<(), Refusal> {
    if params.get("grant_type") == Some(wanted) {
        return Ok(());
    }
    Err(Refusal::parameter(format!("grant_type has to be {wanted}.")))
}

/// An authorize request, or the page that says what is wrong with it.
fn asked(form: &str) -> Result<Asked, Box<Response<Vec<u8>>>> {
    let asked = Asked::read(form, &ASKED, &["state"])?;
    let mut scopes = asked.value("scope").split(',');
    if let Some(scope) = scopes.clone().find(|scope| !SCOPES.contains(scope)) {
        return Err(Box::new(refused(&format!("{scope} is no permission of Threads."))));
    }
    if !scopes.any(|scope| scope == SCOPES[0]) {
        return Err(Box::new(refused("threads_basic is needed for everything else.")));
    }
    Ok(asked)
}
