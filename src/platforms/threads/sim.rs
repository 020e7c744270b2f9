//! The simulated Threads: as strict as the documentation, and as forgetful of clocks as an
//! adapter.
//!
//! Every instant comes in with the request; ids and tokens come from counters. So the requests
//! that were kept, replayed in order with their times, restore the state.
//! Invariant: no I/O, no clock, no chance.

mod containers;
mod making;
mod oauth;
mod pages;
mod params;
mod posts;
mod quotas;
mod state;
#[cfg(test)]
mod tests;

use crate::meta::sim::Refusal;
use crate::sim::http::{json, set};
use crate::sim::{Accepted, Answered, Control, Fetch, Fetched, Inbound, Simulator, http_date};
use domain::time::Timestamp;
use http::header::DATE;
use http::{Response, StatusCode};
use params::Params;
use serde_json::{Value, json};
use state::State;

/// The simulated platform Threads.
#[derive(Debug, Default, PartialEq)]
pub struct ThreadsSim {
    state: State,
}

/// What a request is for, with what its path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'a> {
    Consent,
    Allow,
    Token,
    Lengthen,
    Refresh,
    Me,
    Create(&'a str),
    Publish(&'a str),
    Status(&'a str),
    Get(&'a str),
    List(&'a str),
    Replies(&'a str),
    Delete(&'a str),
    Quota(&'a str),
    Feed,
    Post(&'a str, &'a str),
    File(&'a str),
}

/// What a handler brings: JSON, or Meta's refusal.
type Outcome = Result<Value, Refusal>;

/// On whose behalf a call is made, and when.
#[derive(Debug, Clone, Copy)]
struct Caller {
    account: usize,
    now: Timestamp,
}

impl ThreadsSim {
    /// A platform without accounts, posts or history.
    pub fn new() -> Self {
        Self::default()
    }

    /// Token, permission and limits come first; then the handler.
    fn authorized(&mut self, params: &Params, route: Route<'_>, now: Timestamp) -> Answered {
        let token = match self.state.tokens.caller(params.get("access_token"), now) {
            Ok(token) => token.clone(),
            Err(refusal) => return Answered::of(refusal.response()),
        };
        let caller = Caller { account: token.account, now };
        let id = self.state.accounts.at(caller.account).id.clone();
        let refused = |response| Answered { account: Some(id.clone()), ..Answered::of(response) };
        if let Err(refusal) = self.state.check_permitted(caller.account, now) {
            return refused(refusal.response());
        }
        if !route.scopes(params).all(|scope| token.scopes.iter().any(|given| given == scope)) {
            let told = "Application does not have permission for this action";
            return refused(Refusal::new(400, (10, 0), told).response());
        }
        if let Some(response) = self.blocked(self.name(route, params), caller) {
            return refused(response);
        }
        let (fetched, published) = (self.state.containers.len(), self.state.accepted.len());
        match self.handle(params, route, caller) {
            Err(refusal) => refused(refusal.response()),
            Ok(body) => Answered {
                is_kept: matches!(route, Route::Create(_) | Route::Publish(_) | Route::Delete(_)),
                accepted: self.state.accepted.get(published).cloned(),
                fetches: self.fetches(fetched),
                ..refused(json(StatusCode::OK, &body))
            },
        }
    }

    fn handle(&mut self, params: &Params, route: Route<'_>, caller: Caller) -> Outcome {
        let state = &mut self.state;
        match route {
            Route::Me => posts::me(state, params, caller),
            Route::Create(user) => {
                state.check_user(user, caller)?;
                making::create(state, params, caller)
            }
            Route::Publish(user) => {
                state.check_user(user, caller)?;
                containers::publish(state, params, caller)
            }
            Route::List(user) => {
                state.check_user(user, caller)?;
                posts::list(state, params, false, caller)
            }
            Route::Replies(user) => {
                state.check_user(user, caller)?;
                posts::list(state, params, true, caller)
            }
            Route::Quota(user) => {
                state.check_user(user, caller)?;
                quotas::show(state, params, caller)
            }
            Route::Status(id) => containers::status(state, id, params, caller),
            Route::Delete(id) => posts::delete(state, id, params, caller),
            Route::Get(id) => posts::get(state, id, params, caller),
            Route::Consent
            | Route::Allow
            | Route::Token
            | Route::Lengthen
            | Route::Refresh
            | Route::Feed
            | Route::Post(..)
            | Route::File(_) => Err(posts::unknown(route.name())),
        }
    }

    /// The name of a request's endpoint: what publishes a reply has one of its own.
    fn name(&self, route: Route<'_>, params: &Params) -> &'static str {
        let container = params.get("creation_id").and_then(|id| containers::find(&self.state, id));
        let is_reply = container.is_some_and(|at| self.state.containers[at].reply_to.is_some());
        match route {
            Route::Publish(_) if is_reply => "replies.publish",
            _ => route.name(),
        }
    }

    /// The refusal while a window of this route, or of all of them, is used up.
    fn blocked(&self, route: &str, caller: Caller) -> Option<Response<Vec<u8>>> {
        let Caller { account, now } = caller;
        let until = self.state.blocks.until(route, account, now)?;
        // A block that holds a route without a name holds all of them.
        let is_whole = self.state.blocks.until("", account, now).is_some();
        let refusal = if is_whole {
            Refusal::new(400, (4, 0), "Application request limit reached")
        } else {
            Refusal::new(400, (613, 0), "Calls to this api have exceeded the rate limit.")
        };
        let mut response = refusal.response();
        let minutes = until.since(now).as_millis().div_ceil(60_000);
        let minutes = u64::try_from(minutes).unwrap_or(u64::MAX);
        let usage = json!({ self.state.accounts.at(account).id.as_str(): [{
            "type": "threads", "call_count": 100, "total_cputime": 100, "total_time": 100,
            "estimated_time_to_regain_access": minutes,
        }]});
        set(&mut response, "x-business-use-case-usage", &usage.to_string());
        Some(response)
    }

    /// What has to be fetched for the containers from this position on.
    fn fetches(&self, from: usize) -> Vec<Fetch> {
        let made = self.state.containers.iter().enumerate().skip(from);
        let wanted = made.filter_map(|(at, container)| {
            let url = container.url.clone()?;
            Some(Fetch { key: containers::id(at), url })
        });
        wanted.collect()
    }

    fn open(&mut self, request: &Inbound, route: Option<Route<'_>>, now: Timestamp) -> Answered {
        let params = Params::read(request);
        let state = &mut self.state;
        let granted = |outcome: Outcome| match outcome {
            Ok(body) => Answered::of(json(StatusCode::OK, &body)).kept(),
            // Even a code that is refused is used up.
            Err(refusal) => Answered::of(refusal.response()).kept(),
        };
        match route {
            Some(Route::Consent) => Answered::of(oauth::consent(state, request)),
            Some(Route::Allow) => Answered::of(oauth::allow(state, request, now)).kept(),
            Some(Route::Token) => granted(oauth::exchange(state, &params, now)),
            Some(Route::Lengthen) => granted(oauth::lengthen(state, &params, now)),
            Some(Route::Refresh) => granted(oauth::refresh(state, &params, now)),
            Some(Route::Feed) => Answered::of(pages::feed(state, now)),
            Some(Route::Post(handle, code)) => Answered::of(pages::post(state, handle, code)),
            Some(Route::File(id)) => Answered::of(pages::file(state, id)),
            _ => Answered::of(posts::unknown(&request.path).response()),
        }
    }
}

impl Simulator for ThreadsSim {
    fn route(&self, request: &Inbound) -> Option<&'static str> {
        Some(self.name(Route::of(request)?, &Params::read(request)))
    }

    fn account(&self, request: &Inbound) -> Option<String> {
        let at = self.state.tokens.owner(Params::read(request).get("access_token")?)?;
        Some(self.state.accounts.at(at).id.clone())
    }

    fn answer(&mut self, request: &Inbound, now: Timestamp) -> Answered {
        let route = Route::of(request);
        let mut answered = match route {
            Some(route) if route.scopes(&Params::read(request)).next().is_some() => {
                self.authorized(&Params::read(request), route, now)
            }
            _ => self.open(request, route, now),
        };
        set(&mut answered.response, DATE.as_str(), &http_date(now));
        answered
    }

    fn fetched(&mut self, key: &str, fetched: &Fetched, now: Timestamp) {
        containers::fetched(&mut self.state, key, fetched, now);
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
        let mut parts = [""; 4];
        let mut count = 0;
        for part in request.path.trim_start_matches('/').split('/') {
            *parts.get_mut(count)? = part;
            count += 1;
        }
        // The version may be left out, as Meta's own sample collection does it.
        let parts = match parts.get(..count)? {
            ["v1.0", parts @ ..] => parts,
            parts => parts,
        };
        match (request.method.as_str(), parts) {
            ("GET", ["oauth", "authorize"]) => Some(Self::Consent),
            ("POST", ["oauth", "authorize"]) => Some(Self::Allow),
            ("POST", ["oauth", "access_token"]) => Some(Self::Token),
            ("GET", ["access_token"]) => Some(Self::Lengthen),
            ("GET", ["refresh_access_token"]) => Some(Self::Refresh),
            ("GET", ["me"]) => Some(Self::Me),
            ("GET", ["" | "feed"]) => Some(Self::Feed),
            ("GET", ["media", id]) => Some(Self::File(id)),
            ("POST", [user, "threads"]) => Some(Self::Create(user)),
            ("POST", [user, "threads_publish"]) => Some(Self::Publish(user)),
            ("GET", [user, "threads"]) => Some(Self::List(user)),
            ("GET", [user, "replies"]) => Some(Self::Replies(user)),
            ("DELETE", [id]) if !id.is_empty() => Some(Self::Delete(id)),
            ("GET", [user, "threads_publishing_limit"]) => Some(Self::Quota(user)),
            ("GET", [handle, "post", code]) => Some(Self::Post(handle.strip_prefix('@')?, code)),
            ("GET", [id]) if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) => {
                // Only what is asked for tells a look at a container from one at a post.
                let fields = crate::sim::http::field(&request.query, "fields").unwrap_or_default();
                let is_status = fields.split(',').any(|name| name == "status");
                Some(if is_status { Self::Status(id) } else { Self::Get(id) })
            }
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Consent | Self::Allow => "oauth.authorize",
            Self::Token => "oauth.token",
            Self::Lengthen => "oauth.lengthen",
            Self::Refresh => "oauth.refresh",
            Self::Me => "me",
            Self::Create(_) => "threads.create",
            Self::Publish(_) => "threads.publish",
            Self::Status(_) => "threads.status",
            Self::Get(_) => "threads.get",
            Self::List(_) => "threads.list",
            Self::Replies(_) => "replies.list",
            Self::Delete(_) => "threads.delete",
            Self::Quota(_) => "threads.quota",
            Self::Feed | Self::Post(..) | Self::File(_) => "pages",
        }
    }

    /// The permissions that a token must have; none where the handler looks at tokens itself.
    fn scopes(self, params: &Params) -> impl Iterator<Item = &'static str> {
        let (first, second): (Option<&str>, Option<&str>) = match self {
            Self::Create(_) | Self::Publish(_) | Self::Quota(_) => {
                (Some("threads_basic"), Some("threads_content_publish"))
            }
            Self::Me | Self::Status(_) | Self::Get(_) | Self::List(_) => {
                (Some("threads_basic"), None)
            }
            Self::Replies(_) => (Some("threads_basic"), Some("threads_read_replies")),
            Self::Delete(_) => (Some("threads_basic"), Some("threads_delete")),
            Self::Consent
            | Self::Allow
            | Self::Token
            | Self::Lengthen
            | Self::Refresh
            | Self::Feed
            | Self::Post(..)
            | Self::File(_) => (None, None),
        };
        let fields = params.get("fields").filter(|_| matches!(self, Self::Quota(_)));
        let fields = fields.unwrap_or_default().split(',').filter_map(quotas::scope);
        first.into_iter().chain(second).chain(fields).collect::<Vec<_>>().into_iter()
    }
}
