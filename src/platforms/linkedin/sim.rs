//! The simulated LinkedIn: as strict as the documentation, and as forgetful of clocks as an
//! adapter. Articles, captions and edits are not simulated; it refuses them.
//!
//! Every instant comes in with the request; ids and tokens come from a counter. So the requests
//! that were kept, replayed in order with their times, restore the state.
//! Invariant: no I/O, no clock, no chance.

mod films;
mod limits;
mod little;
mod media;
mod oauth;
mod pages;
mod posts;
mod profile;
mod refusal;
mod state;
#[cfg(test)]
mod tests;
mod wire;

use super::options::NAME;
use crate::sim::http::{bearer, field, header};
use crate::sim::{Accepted, Answered, Control, Fetched, Inbound, Simulator, http_date};
use domain::time::Timestamp;
use http::header::DATE;
use http::{HeaderValue, Response, StatusCode};
use media::Api;
use refusal::Refusal;
use serde_json::Value;
use state::{Caller, State};

/// The simulated platform LinkedIn.
#[derive(Debug, Default, PartialEq)]
pub struct LinkedInSim {
    state: State,
}

/// What a request is for, with what its path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'a> {
    Consent,
    Allow,
    Token,
    Revoke,
    Userinfo,
    Acls,
    Organization(&'a str),
    Initialize(Api),
    Finalize,
    Upload(Api, &'a str),
    Status(Api, &'a str),
    Create,
    Finder,
    Get(&'a str),
    Delete(&'a str),
    Feed,
    Post(&'a str),
    File(&'a str),
}

/// What a handler brings: an answer, or LinkedIn's refusal.
type Outcome = Result<Response<Vec<u8>>, Refusal>;

/// The scopes of people.
const MEMBER: &[&str] = &["w_member_social"];
/// The scopes that may write, of people and of organizations.
const WRITING: &[&str] = &["w_member_social", "w_organization_social"];
/// The scopes that tell a member's roles.
const ROLES: &[&str] = &["rw_organization_admin", "r_organization_admin"];
/// Reading posts; of a member's that is a closed permission.
const READING: &[&str] = &["r_organization_social"];

impl LinkedInSim {
    /// A platform without accounts, posts or history.
    pub fn new() -> Self {
        Self::default()
    }

    /// Token, version, scope and throttles come first, as on LinkedIn; then the handler.
    fn authorized(&mut self, request: &Inbound, route: Route<'_>, now: Timestamp) -> Answered {
        let caller = match self.state.caller(bearer(&request.headers), now) {
            Ok(caller) => caller,
            Err(refusal) => return Answered::of(refusal.response()),
        };
        let (is_counted, outcome) = match self.admit(request, route, caller, now) {
            Ok(is_counted) => (is_counted, self.handle(request, route, caller, now)),
            Err(refusal) => (false, Err(refusal)),
        };
        let is_accepted = route == Route::Create && outcome.is_ok();
        let is_write = matches!(
            route,
            Route::Initialize(_)
                | Route::Finalize
                | Route::Upload(..)
                | Route::Create
                | Route::Delete(_)
        );
        Answered {
            // Even a refused call used up a place in its day.
            is_kept: is_counted || (is_write && outcome.is_ok()),
            response: outcome.unwrap_or_else(Refusal::response),
            accepted: self.state.accepted.last().filter(|_| is_accepted).cloned(),
            account: Some(self.state.account(caller.author).id.clone()),
            fetches: Vec::new(),
        }
    }

    /// Whether the call was counted against a throttle.
    fn admit(
        &mut self,
        request: &Inbound,
        route: Route<'_>,
        caller: Caller,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        if request.path.starts_with("/rest/") {
            self.check_version(request, now)?;
        }
        if !self.state.has_scope(caller, route.scopes()) {
            return Err(Refusal::not_permitted(route.name()));
        }
        self.state.meter(route.name(), caller, now)
    }

    /// The headers that every call of the versioned API has to have.
    fn check_version(&self, request: &Inbound, now: Timestamp) -> Result<(), Refusal> {
        let Some(version) = header(&request.headers, "linkedin-version") else {
            let told = "A version must be present. Please specify a version by adding the \
                        LinkedIn-Version header.";
            return Err(Refusal::api(StatusCode::BAD_REQUEST, None, "VERSION_MISSING", told));
        };
        let number = version.parse().ok().filter(|_| version.len() == 6);
        if !number.is_some_and(|number| self.state.limits.is_active(number, now)) {
            let told = format!("Requested version {version} is not active");
            let status = StatusCode::UPGRADE_REQUIRED;
            return Err(Refusal::api(status, None, "NONEXISTENT_VERSION", &told));
        }
        if header(&request.headers, "x-restli-protocol-version") != Some("2.0.0") {
            return Err(Refusal::illegal("X-Restli-Protocol-Version has to be 2.0.0"));
        }
        Ok(())
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
            Route::Userinfo => Ok(profile::userinfo(state, caller)),
            Route::Acls => profile::roles(state, caller, request),
            Route::Organization(number) => profile::organization(state, number),
            Route::Initialize(api) => media::act(state, caller, (api, request), now),
            Route::Finalize => media::act(state, caller, (Api::Videos, request), now),
            Route::Upload(api, key) => media::upload(state, caller, (api, key, &request.body), now),
            Route::Status(api, urn) => media::status(state, caller, (api, urn), now),
            Route::Create => posts::create(state, caller, request, now),
            Route::Finder => posts::finder(state, caller, request, now),
            Route::Get(urn) => posts::get(state, caller, urn, now),
            Route::Delete(urn) => posts::delete(state, caller, urn),
            Route::Consent
            | Route::Allow
            | Route::Token
            | Route::Revoke
            | Route::Feed
            | Route::Post(_)
            | Route::File(_) => Err(Refusal::not_found()),
        }
    }

    fn open(&mut self, request: &Inbound, route: Option<Route<'_>>, now: Timestamp) -> Answered {
        let state = &mut self.state;
        match route {
            Some(Route::Consent) => Answered::of(oauth::consent(state, request)),
            Some(Route::Allow) => Answered::of(oauth::allow(state, request, now)).kept(),
            Some(Route::Token) => Answered::of(oauth::token(state, request, now)).kept(),
            Some(Route::Revoke) => Answered::of(oauth::revoke(state, request)).kept(),
            Some(Route::Feed) => Answered::of(pages::feed(state, now)),
            Some(Route::Post(urn)) => Answered::of(pages::post(state, urn)),
            Some(Route::File(key)) => Answered::of(pages::file(state, key)),
            _ => Answered::of(Refusal::not_found().response()),
        }
    }
}

impl Simulator for LinkedInSim {
    fn route(&self, request: &Inbound) -> Option<&'static str> {
        Route::of(request).map(Route::name)
    }

    fn account(&self, request: &Inbound) -> Option<String> {
        let family = self.state.family(bearer(&request.headers)?)?;
        Some(self.state.account(family.author).id.clone())
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
        // LinkedIn is pushed to; it fetches nothing.
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
        match (request.method.as_str(), parts.get(..count)?) {
            ("GET", ["oauth", "v2", "authorization"]) => Some(Self::Consent),
            ("POST", ["oauth", "v2", "authorization"]) => Some(Self::Allow),
            ("POST", ["oauth", "v2", "accessToken"]) => Some(Self::Token),
            ("POST", ["oauth", "v2", "revoke"]) => Some(Self::Revoke),
            ("GET", ["v2", "userinfo"]) => Some(Self::Userinfo),
            ("GET", ["rest", "organizationAcls"]) => Some(Self::Acls),
            ("GET", ["rest", "organizations", number]) => Some(Self::Organization(number)),
            ("PUT", ["dms-uploads", api, key]) => Some(Self::Upload(Api::of(api)?, key)),
            ("POST", ["rest", "posts"]) => Some(Self::Create),
            ("GET", ["rest", "posts"]) => Some(Self::Finder),
            ("GET", ["rest", "posts", urn]) => Some(Self::Get(urn)),
            ("DELETE", ["rest", "posts", urn]) => Some(Self::Delete(urn)),
            ("GET", ["" | "feed"]) => Some(Self::Feed),
            ("GET", ["feed", "update", urn]) => Some(Self::Post(urn)),
            ("GET", ["media", key]) => Some(Self::File(key)),
            ("POST", ["rest", "videos"]) if request.query == "action=finalizeUpload" => {
                Some(Self::Finalize)
            }
            ("POST", ["rest", api]) => Some(Self::Initialize(Api::of(api)?)),
            ("GET", ["rest", api, urn]) => Some(Self::Status(Api::of(api)?, urn)),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Consent | Self::Allow => "oauth.authorize",
            Self::Token => "oauth.token",
            Self::Revoke => "oauth.revoke",
            Self::Userinfo => "userinfo",
            Self::Acls => "organizationAcls",
            Self::Organization(_) => "organizations.get",
            Self::Initialize(api) => api.calls()[0],
            Self::Finalize => "videos.finalize",
            Self::Upload(api, _) => api.calls()[1],
            Self::Status(api, _) => api.calls()[2],
            Self::Create => "posts.create",
            Self::Finder => "posts.finder",
            Self::Get(_) => "posts.get",
            Self::Delete(_) => "posts.delete",
            Self::Feed | Self::Post(_) | Self::File(_) => "pages",
        }
    }

    /// The scopes of which a token must have one; empty where no token is asked for.
    fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Userinfo => &["profile"],
            Self::Acls | Self::Organization(_) => ROLES,
            Self::Initialize(_)
            | Self::Finalize
            | Self::Upload(..)
            | Self::Status(..)
            | Self::Create
            | Self::Delete(_) => WRITING,
            Self::Finder | Self::Get(_) => READING,
            Self::Consent
            | Self::Allow
            | Self::Token
            | Self::Revoke
            | Self::Feed
            | Self::Post(_)
            | Self::File(_) => &[],
        }
    }
}

/// The URN in a segment of a path, which has to be percent-encoded there.
fn decoded(segment: &str) -> Result<String, Refusal> {
    if segment.contains(':') {
        return Err(Refusal::illegal("URNs in a path have to be percent-encoded"));
    }
    Ok(field(&format!("urn={segment}"), "urn").unwrap_or_default())
}

/// The body as JSON of one shape, in LinkedIn's words where it is not.
fn json_body<T: serde::de::DeserializeOwned>(request: &Inbound) -> Result<T, Refusal> {
    let kind = header(&request.headers, "content-type").unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(Refusal::illegal("The body has to be application/json"));
    }
    serde_json::from_slice(&request.body).map_err(|refused| {
        // It names the member and what is wrong with it.
        let told = refused.to_string();
        let member = told.split('`').nth(1).unwrap_or_default();
        let code = if told.starts_with("missing") { "MISSING_FIELD" } else { "INVALID_VALUE" };
        Refusal::input(code, member, &told)
    })
}
