//! The simulated X: as strict as the documentation, and as forgetful of clocks as an adapter.
//!
//! Every instant comes in with the request; ids and tokens come from a counter. So the requests
//! that were kept, replayed in order with their times, restore the state.
//! Invariant: no I/O, no clock, no chance.

mod links;
mod media;
mod oauth;
mod pages;
mod query;
mod reposts;
mod state;
#[cfg(test)]
mod tests;
mod timeline;
mod tweets;
mod windows;
mod wire;

use crate::sim::http::{bearer, typed};
use crate::sim::{Accepted, Answered, Control, Fetched, Inbound, Simulator, http_date};
use domain::time::Timestamp;
use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use state::{Caller, State};
use windows::Permit;

/// The simulated platform X.
#[derive(Debug, Default, PartialEq)]
pub struct XSim {
    state: State,
}

/// What a request is for, with what its path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'a> {
    Consent,
    Allow,
    Token,
    Revoke,
    Me,
    Create,
    Delete(&'a str),
    Repost(&'a str),
    Undo([&'a str; 2]),
    LookUp,
    One(&'a str),
    Timeline(&'a str),
    Initialize,
    Append(&'a str),
    Finalize(&'a str),
    Status,
    Metadata,
    Feed,
    Post(&'a str, &'a str),
    File(&'a str),
}

/// What a handler brings: a status with JSON, or X's refusal.
type Outcome = Result<(StatusCode, Value), Refusal>;

/// X's no, in the shape of its errors.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    body: Value,
}

impl XSim {
    /// A platform without accounts, posts or history.
    pub fn new() -> Self {
        Self::default()
    }

    /// Authorization, scope and limits come first, as on X; then the handler.
    fn authorized(&mut self, request: &Inbound, route: Route<'_>, now: Timestamp) -> Answered {
        let refused = |state: &State, account: Option<usize>, refusal: Refusal| Answered {
            account: account.map(|at| state.account(at).id.clone()),
            ..Answered::of(respond(refusal.status, &refusal.body))
        };
        let caller = match self.state.caller(bearer(&request.headers), now) {
            Ok(caller) => caller,
            Err(refusal) => return refused(&self.state, None, refusal),
        };
        if !self.state.has_scopes(caller, route.scopes()) {
            let refusal = Refusal::forbidden("You are not permitted to perform this action.");
            return refused(&self.state, Some(caller.account), refusal);
        }
        let permit = self.state.meter(route.name(), caller, now);
        let accepted_before = self.state.accepted.len();
        let outcome = if !permit.is_open {
            let blank = (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
            Err(Refusal::blank(blank.0, blank.1, blank.1))
        } else if self.state.limits.credits_depleted {
            Err(Refusal::unpaid())
        } else {
            let checked = route.check(request);
            checked.and_then(|()| self.handle(request, route, caller, now))
        };
        let is_accepted = self.state.accepted.len() > accepted_before;
        let (status, body) = outcome.unwrap_or_else(|refusal| (refusal.status, refusal.body));
        let mut response = respond(status, &body);
        write_limits(response.headers_mut(), &permit);
        Answered {
            response,
            // Even a refused call used up a place in its window.
            is_kept: permit.is_open,
            accepted: self.state.accepted.last().filter(|_| is_accepted).cloned(),
            account: Some(self.state.account(caller.account).id.clone()),
            fetches: Vec::new(),
        }
    }

    fn handle(
        &mut self,
        request: &Inbound,
        route: Route<'_>,
        caller: Caller,
        now: Timestamp,
    ) -> Outcome {
        let state = &mut self.state;
        match route {
            Route::Me => oauth::me(state, caller, request),
            Route::Create => tweets::create(state, caller, request, now),
            Route::Delete(id) => tweets::delete(state, caller, id, now),
            Route::Repost(user) => reposts::repost(state, caller, user, request, now),
            Route::Undo(ids) => reposts::undo(state, caller, ids, now),
            Route::LookUp => timeline::look_up(state, request),
            Route::One(id) => timeline::one(state, id, request),
            Route::Timeline(id) => timeline::list(state, id, request, now),
            Route::Initialize => media::initialize(state, caller, request, now),
            Route::Append(id) => media::append(state, caller, id, request, now),
            Route::Finalize(id) => media::finalize(state, caller, id, now),
            Route::Status => media::status(state, caller, request, now),
            Route::Metadata => media::metadata(state, caller, request, now),
            Route::Consent
            | Route::Allow
            | Route::Token
            | Route::Revoke
            | Route::Feed
            | Route::Post(..)
            | Route::File(_) => Err(Refusal::not_found("There is nothing here.")),
        }
    }

    fn open(&mut self, request: &Inbound, route: Option<Route<'_>>, now: Timestamp) -> Answered {
        let mut is_kept = false;
        let response = match route {
            Some(Route::Consent) => oauth::consent(&self.state, request),
            Some(Route::Allow) => {
                is_kept = true;
                oauth::allow(&mut self.state, request, now)
            }
            Some(Route::Token) => {
                is_kept = true;
                oauth::token(&mut self.state, request, now)
            }
            Some(Route::Revoke) => {
                is_kept = true;
                oauth::revoke(&mut self.state, request)
            }
            Some(Route::Feed) => pages::feed(&self.state, now),
            Some(Route::Post(handle, id)) => pages::post(&self.state, handle, id),
            Some(Route::File(id)) => pages::file(&self.state, id),
            _ => {
                let refusal = Refusal::not_found("There is nothing at this address.");
                respond(refusal.status, &refusal.body)
            }
        };
        Answered { is_kept, ..Answered::of(response) }
    }
}

impl Simulator for XSim {
    fn route(&self, request: &Inbound) -> Option<&'static str> {
        Route::of(request).map(Route::name)
    }

    fn account(&self, request: &Inbound) -> Option<String> {
        let family = self.state.family(bearer(&request.headers)?)?;
        Some(self.state.account(family.account).id.clone())
    }

    fn answer(&mut self, request: &Inbound, now: Timestamp) -> Answered {
        let route = Route::of(request);
        let mut answered = match route {
            Some(route) if !route.scopes().is_empty() => self.authorized(request, route, now),
            _ => self.open(request, route, now),
        };
        if let Ok(date) = HeaderValue::from_str(&http_date(now)) {
            answered.response.headers_mut().insert(DATE, date);
        }
        answered
    }

    fn fetched(&mut self, _key: &str, _fetched: &Fetched, _now: Timestamp) {
        // X is pushed to; it fetches nothing.
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

impl<'a> Route<'a> {
    fn of(request: &'a Inbound) -> Option<Self> {
        let mut parts = [""; 6];
        let mut count = 0;
        for part in request.path.trim_start_matches('/').split('/') {
            *parts.get_mut(count)? = part;
            count += 1;
        }
        match (request.method.as_str(), parts.get(..count)?) {
            ("GET", ["i", "oauth2", "authorize"]) => Some(Self::Consent),
            ("POST", ["i", "oauth2", "authorize"]) => Some(Self::Allow),
            ("POST", ["2", "oauth2", "token"]) => Some(Self::Token),
            ("POST", ["2", "oauth2", "revoke"]) => Some(Self::Revoke),
            ("GET", ["2", "users", "me"]) => Some(Self::Me),
            ("POST", ["2", "tweets"]) => Some(Self::Create),
            ("DELETE", ["2", "tweets", id]) => Some(Self::Delete(id)),
            ("POST", ["2", "users", id, "retweets"]) => Some(Self::Repost(id)),
            ("DELETE", ["2", "users", id, "retweets", source]) => Some(Self::Undo([id, source])),
            ("GET", ["2", "tweets"]) => Some(Self::LookUp),
            ("GET", ["2", "tweets", id]) => Some(Self::One(id)),
            ("GET", ["2", "users", id, "tweets"]) => Some(Self::Timeline(id)),
            ("POST", ["2", "media", "upload", "initialize"]) => Some(Self::Initialize),
            ("POST", ["2", "media", "upload", id, "append"]) => Some(Self::Append(id)),
            ("POST", ["2", "media", "upload", id, "finalize"]) => Some(Self::Finalize(id)),
            ("GET", ["2", "media", "upload"]) => Some(Self::Status),
            ("POST", ["2", "media", "metadata"]) => Some(Self::Metadata),
            ("GET", ["" | "feed"]) => Some(Self::Feed),
            ("GET", ["media", id]) => Some(Self::File(id)),
            ("GET", [handle, "status", id]) => Some(Self::Post(handle, id)),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Consent | Self::Allow => "oauth.authorize",
            Self::Token => "oauth.token",
            Self::Revoke => "oauth.revoke",
            Self::Me => "users.me",
            Self::Create => "tweets.create",
            Self::Delete(_) => "tweets.delete",
            Self::Repost(_) => "retweets.create",
            Self::Undo(_) => "retweets.delete",
            Self::LookUp => "tweets.lookup",
            Self::One(_) => "tweets.get",
            Self::Timeline(_) => "users.tweets",
            Self::Initialize => "media.initialize",
            Self::Append(_) => "media.append",
            Self::Finalize(_) => "media.finalize",
            Self::Status => "media.status",
            Self::Metadata => "media.metadata",
            Self::Feed | Self::Post(..) | Self::File(_) => "pages",
        }
    }

    /// The scopes that a token must have; none where no token is asked for.
    fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Me | Self::LookUp | Self::One(_) | Self::Timeline(_) => {
                &["tweet.read", "users.read"]
            }
            Self::Create | Self::Delete(_) | Self::Repost(_) | Self::Undo(_) => {
                &["tweet.read", "tweet.write", "users.read"]
            }
            Self::Initialize
            | Self::Append(_)
            | Self::Finalize(_)
            | Self::Status
            | Self::Metadata => &["media.write"],
            Self::Consent
            | Self::Allow
            | Self::Token
            | Self::Revoke
            | Self::Feed
            | Self::Post(..)
            | Self::File(_) => &[],
        }
    }
}

impl Refusal {
    fn blank(status: StatusCode, title: &str, detail: &str) -> Self {
        let kind = "about:blank";
        Self {
            status,
            body: json!({
                "title": title, "detail": detail, "type": kind, "status": status.as_u16(),
            }),
        }
    }

    fn forbidden(detail: &str) -> Self {
        Self::blank(StatusCode::FORBIDDEN, "Forbidden", detail)
    }

    /// Credits are used up: x.md section 8.
    fn unpaid() -> Self {
        let mut refusal =
            Self::blank(StatusCode::PAYMENT_REQUIRED, "Payment Required", "credits depleted");
        refusal.body["type"] = "https://api.x.com/2/problems/credits-depleted".into();
        refusal
    }

    fn not_found(detail: &str) -> Self {
        let mut refusal = Self::blank(StatusCode::NOT_FOUND, "Not Found Error", detail);
        refusal.body["type"] = "https://api.x.com/2/problems/resource-not-found".into();
        refusal
    }

    fn invalid(parameter: &str, message: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            body: json!({
                "errors": [{ "parameters": { parameter: [] }, "message": message }],
                "title": "Invalid Request",
                "detail": "One or more parameters to your request was invalid.",
                "type": "https://api.x.com/2/problems/invalid-request",
            }),
        }
    }
}

fn respond(status: StatusCode, body: &Value) -> Response<Vec<u8>> {
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    typed(status, kind, body.to_string().into_bytes())
}

fn write_limits(headers: &mut HeaderMap, permit: &Permit) {
    for window in &permit.shown {
        let Some(prefix) = window.prefix else { continue };
        let numbers = [
            ("limit", window.calls_max),
            ("remaining", window.remaining),
            ("reset", window.reset_s),
        ];
        for (name, number) in numbers {
            if let Ok(name) = HeaderName::try_from(format!("{prefix}{name}")) {
                headers.insert(name, HeaderValue::from(number));
            }
        }
    }
}

/// The body as JSON of one shape, in X's words where it is not.
fn json_body<T: serde::de::DeserializeOwned>(request: &Inbound) -> Result<T, Refusal> {
    let kind = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
        return Err(Refusal::invalid("content-type", "The body must be application/json."));
    }
    if request.body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refusal::invalid("body", "The body must be an object."));
    }
    serde_json::from_slice(&request.body)
        .map_err(|refused| Refusal::invalid("body", &format!("The body is invalid: {refused}")))
}
