//! The simulated Instagram: both logins, as strict as the documentation.
//!
//! Every instant comes in with the request; ids and tokens come from a counter. So the requests
//! and fetches that were kept, replayed in order with their times, restore the state.
//! Invariant: no I/O, no clock, no chance.

pub(super) mod containers;
mod files;
mod oauth;
mod pages;
pub(super) mod posts;
mod route;
mod state;
#[cfg(test)]
mod tests;
mod upload;

use super::options::NAME;
use crate::meta::sim::Refusal;
use crate::sim::http::{field, header, json, set};
use crate::sim::{Accepted, Answered, Control, Fetch, Fetched, Inbound, Simulator, http_date};
use domain::time::Timestamp;
use http::header::DATE;
use http::{Response, StatusCode};
use route::{Login, Route, nowhere};
use serde_json::{Value, json};
use state::{Caller, Limits, State};

/// The simulated platform Instagram.
#[derive(Debug, Default, PartialEq)]
pub struct InstagramSim {
    state: State,
}

/// What a handler brings, or Meta's refusal.
type Outcome = Result<Done, Refusal>;

/// What a handler brings.
#[derive(Debug, Default)]
struct Done {
    body: Value,
    /// The state changed.
    is_kept: bool,
    accepted: Option<Accepted>,
    fetches: Vec<Fetch>,
}

impl InstagramSim {
    /// A platform without accounts, posts or history.
    pub fn new() -> Self {
        Self::default()
    }

    /// Token, limits and permission come first, as at Meta; then the handler.
    fn authorized(&mut self, request: &Inbound, route: Route<'_>, now: Timestamp) -> Answered {
        let params = params(request);
        let token = field(&params, "access_token");
        let caller = match self.state.caller(token.as_deref(), request, now) {
            Ok(caller) => caller,
            Err(refusal) => return Answered::of(refusal.response()),
        };
        let blocked = self.state.blocked(route.name(), caller, now);
        let outcome = match &blocked {
            Some((refusal, _)) => Err(refusal.clone()),
            None if !caller.has(route) => {
                let told = "(#10) Application does not have permission for this action";
                Err(Refusal::new(403, (10, 0), told))
            }
            None => self.handle((route, &params), request, caller, now),
        };
        let account = self.state.account(caller.account).id.clone();
        let done = outcome.map_err(|refusal| refusal.response());
        let (mut response, done) = match done {
            Ok(done) => (json(StatusCode::OK, &done.body), done),
            Err(response) => (response, Done::default()),
        };
        let minutes = blocked.map_or(0, |(_, minutes)| minutes);
        write_usage(&mut response, &account, minutes, &self.state.limits);
        Answered {
            response,
            is_kept: done.is_kept,
            accepted: done.accepted,
            account: Some(account),
            fetches: done.fetches,
        }
    }

    fn handle(
        &mut self,
        (route, params): (Route<'_>, &str),
        request: &Inbound,
        caller: Caller,
        now: Timestamp,
    ) -> Outcome {
        let state = &mut self.state;
        match route {
            Route::Me => oauth::me(state, caller, params),
            Route::Accounts => oauth::accounts(state, caller, params, now),
            Route::Create(id) => {
                state.check_own(caller, id)?;
                let version = request.path.trim_start_matches('/').split('/').next();
                let version = version.unwrap_or_default();
                let uploads = format!("{}/ig-api-upload/{version}", request.base);
                containers::create(state, caller, (params, &uploads), now)
            }
            Route::Publish(id) => {
                state.check_own(caller, id)?;
                posts::publish(state, caller, params, now)
            }
            Route::List(id) => {
                state.check_own(caller, id)?;
                let address = format!("{}{}", request.base, request.path);
                posts::list(state, caller, (params, &address), now)
            }
            Route::Quota(id) => {
                state.check_own(caller, id)?;
                posts::quota(state, caller, params, now)
            }
            Route::Status(id) => containers::status(state, caller, (id, params), now),
            Route::Get(id) => posts::get(state, caller, id, params),
            Route::Consent(_)
            | Route::Allow(_)
            | Route::Token(_)
            | Route::Lengthen(_)
            | Route::Refresh
            | Route::Upload(_)
            | Route::Feed
            | Route::Post(..)
            | Route::File(_) => Err(Refusal::parameter("There is nothing here.")),
        }
    }

    fn open(&mut self, request: &Inbound, route: Option<Route<'_>>, now: Timestamp) -> Answered {
        let called = header(&request.headers, "x-platform-host");
        let is_there = |route: &Route<'_>| {
            let host = route.token_host();
            host.is_none() || called.is_none() || host == called
        };
        let (route, state) = (route.filter(is_there), &mut self.state);
        let (is_kept, response) = match route {
            Some(Route::Consent(login)) => (false, oauth::consent(state, login, request)),
            Some(Route::Allow(login)) => (true, oauth::allow(state, login, request, now)),
            Some(Route::Token(login)) => (true, oauth::token(state, login, request, now)),
            Some(Route::Lengthen(login)) => (true, oauth::lengthen(state, login, request, now)),
            Some(Route::Refresh) => (true, oauth::refresh(state, request, now)),
            Some(Route::Upload(id)) => {
                let (response, account) = upload::send(state, id, request, now);
                return Answered { account, ..Answered::of(response).kept() };
            }
            Some(Route::Feed) => (false, pages::feed(state, now)),
            Some(Route::Post(code, base)) => (false, pages::post(state, code, base)),
            Some(Route::File(key)) => (false, pages::file(state, key)),
            _ => (false, nowhere(&request.path).response()),
        };
        let answered = Answered::of(response);
        if is_kept { answered.kept() } else { answered }
    }
}

impl Simulator for InstagramSim {
    fn route(&self, request: &Inbound) -> Option<&'static str> {
        Route::of(request).map(Route::name)
    }

    fn account(&self, request: &Inbound) -> Option<String> {
        let shown = field(&params(request), "access_token");
        let token = shown.or_else(|| upload::token(request).map(ToOwned::to_owned))?;
        let owner = self.state.tokens.owner(&token)?;
        Some(self.state.account(owner).id.clone())
    }

    fn answer(&mut self, request: &Inbound, now: Timestamp) -> Answered {
        let route = Route::of(request);
        let mut answered = match route {
            Some(route) if !route.is_open() => self.authorized(request, route, now),
            _ => self.open(request, route, now),
        };
        set(&mut answered.response, DATE.as_str(), &http_date(now));
        answered
    }

    fn fetched(&mut self, key: &str, fetched: &Fetched, now: Timestamp) {
        files::fetched(&mut self.state, key, fetched, now);
    }

    fn accepted(&self) -> &[Accepted] {
        &self.state.accepted
    }

    fn accounts(&self) -> Value {
        self.state.accounts()
    }

    fn limits(&self) -> Value {
        self.state.limits.show()
    }

    fn control(&mut self, control: &Control, now: Timestamp) -> bool {
        self.state.control(control, now)
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

/// Query and form of a request, one behind the other; the docs allow a parameter in either.
fn params(request: &Inbound) -> String {
    let is_form = header(&request.headers, "content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let form = String::from_utf8_lossy(if is_form { &request.body } else { &[] });
    format!("{}&{form}", request.query)
}

/// The names in `fields`, each checked against those that a thing has.
fn fields_asked(params: &str, known: &[&str]) -> Result<Vec<String>, Refusal> {
    let asked = field(params, "fields").unwrap_or_else(|| "id".into());
    let names: Vec<String> = asked.split(',').map(|name| name.trim().to_owned()).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(names),
        Some(name) => {
            let told = format!("(#100) Tried accessing nonexisting field ({name})");
            Err(Refusal::parameter(told))
        }
    }
}

/// The members of `whole` that were asked for; `id` always comes along.
fn shown(whole: &Value, asked: &[String]) -> Value {
    let mut out = json!({});
    for name in asked.iter().map(String::as_str).chain(["id"]) {
        if let Some(value) = whole.get(name).filter(|value| !value.is_null()) {
            out[name] = value.clone();
        }
    }
    out
}

/// docs: percentages, and minutes until calls are taken again.
fn write_usage(response: &mut Response<Vec<u8>>, account: &str, minutes: u64, limits: &Limits) {
    let used = if minutes > 0 { 100 } else { limits.account_usage_percent };
    let usage = json!({ account: [{
        "type": NAME, "call_count": used, "total_cputime": 1, "total_time": 1,
        "estimated_time_to_regain_access": minutes,
    }]});
    set(response, "x-business-use-case-usage", &usage.to_string());
    let app = json!({
        "call_count": limits.app_usage_percent, "total_cputime": 1, "total_time": 1,
    });
    set(response, "x-app-usage", &app.to_string());
}
