//! The simulated YouTube: as strict as the documentation, and as forgetful of clocks as an
//! adapter.
//!
//! Every instant comes in with the request; ids and tokens come from a counter. So the requests
//! that were kept, replayed in order with their times, restore the state. Handles that begin with
//! `nochannel` have no channel, those that begin with `unverified` may set no thumbnails.
//! Invariant: no I/O, no clock, no chance.

mod listings;
mod oauth;
mod pages;
mod quota;
mod refusal;
mod state;
#[cfg(test)]
mod tests;
mod uploads;
mod videos;
mod wire;

use crate::sim::http::{bearer, field, header, json};
use crate::sim::{Accepted, Answered, Control, Fetched, Inbound, Simulator, http_date};
use domain::time::Timestamp;
use http::header::{CONTENT_RANGE, DATE};
use http::{HeaderValue, Response, StatusCode};
use refusal::Refusal;
use serde_json::Value;
use state::{Caller, State};

/// The simulated platform YouTube.
#[derive(Debug, Default, PartialEq)]
pub struct YouTubeSim {
    state: State,
}

/// What a request is for, with what its path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'a> {
    Consent,
    Allow,
    Token,
    Revoke,
    Channels,
    Open,
    Chunk,
    Finish,
    Session,
    Videos,
    Delete,
    PlaylistItems,
    InsertItem,
    Thumbnail,
    Feed,
    Watch,
    File(&'a str),
    Picture(&'a str),
}

/// What a handler brings: an answer, or YouTube's refusal.
type Outcome = Result<Response<Vec<u8>>, Refusal>;

impl YouTubeSim {
    /// A platform without channels, videos or history.
    pub fn new() -> Self {
        Self::default()
    }

    /// Authorization, scope and quota come first, as at Google; then the handler.
    fn authorized(&mut self, request: &Inbound, route: Route<'_>, now: Timestamp) -> Answered {
        let caller = match self.state.caller(bearer(&request.headers), now) {
            Ok(caller) => caller,
            Err(refusal) => return Answered::of(refusal.respond()),
        };
        let account = Some(self.state.account(caller.account).id.clone());
        let before = self.state.accepted.len();
        let permit = self.state.permit(route, caller, now);
        let is_kept = permit.is_ok() && route.is_change();
        let outcome = permit.and_then(|()| self.handle(request, route, caller, now));
        Answered {
            response: outcome.unwrap_or_else(|refusal| refusal.respond()),
            // Even a refused call used up quota.
            is_kept,
            accepted: self.state.accepted.get(before).cloned(),
            account,
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
            Route::Channels => listings::channels(state, caller, request),
            Route::PlaylistItems => listings::playlist(state, caller, request, now),
            Route::InsertItem => listings::insert(state, caller, request),
            Route::Open => uploads::open(state, caller, request, now),
            Route::Chunk | Route::Finish | Route::Session => {
                uploads::put(state, caller, request, now)
            }
            Route::Videos => videos::list(state, caller, request, now),
            Route::Delete => videos::delete(state, caller, request),
            Route::Thumbnail => videos::set_thumbnail(state, caller, request),
            Route::Consent
            | Route::Allow
            | Route::Token
            | Route::Revoke
            | Route::Feed
            | Route::Watch
            | Route::File(_)
            | Route::Picture(_) => Err(Refusal::not_found()),
        }
    }

    fn open(&mut self, request: &Inbound, route: Option<Route<'_>>, now: Timestamp) -> Answered {
        let state = &mut self.state;
        let response = match route {
            Some(Route::Consent) => oauth::consent(state, request),
            Some(Route::Allow) => oauth::allow(state, request, now),
            Some(Route::Token) => oauth::token(state, request, now),
            Some(Route::Revoke) => oauth::revoke(state, request),
            Some(Route::Feed) => pages::feed(state, now),
            Some(Route::Watch) => pages::watch(state, request),
            Some(Route::File(id)) => pages::file(state, id),
            Some(Route::Picture(id)) => pages::picture(state, id),
            _ => Refusal::not_found().respond(),
        };
        let answered = Answered::of(response);
        match route {
            Some(Route::Allow | Route::Token | Route::Revoke) => answered.kept(),
            _ => answered,
        }
    }
}

impl Simulator for YouTubeSim {
    fn route(&self, request: &Inbound) -> Option<&'static str> {
        Route::of(request).map(Route::name)
    }

    fn account(&self, request: &Inbound) -> Option<String> {
        let grant = self.state.grant(bearer(&request.headers)?)?;
        Some(self.state.account(grant.account).id.clone())
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
        // YouTube is pushed to; it fetches nothing.
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

const UPLOAD: &str = "https://www.googleapis.com/auth/youtube.upload";
const READ: &str = "https://www.googleapis.com/auth/youtube.readonly";
const MANAGE: &str = "https://www.googleapis.com/auth/youtube";
const FORCE_SSL: &str = "https://www.googleapis.com/auth/youtube.force-ssl";

impl<'a> Route<'a> {
    fn of(request: &'a Inbound) -> Option<Self> {
        let method = request.method.as_str();
        match (method, request.path.as_str()) {
            ("GET", "/o/oauth2/v2/auth") => Some(Self::Consent),
            ("POST", "/o/oauth2/v2/auth") => Some(Self::Allow),
            ("POST", "/token") => Some(Self::Token),
            ("POST", "/revoke") => Some(Self::Revoke),
            ("GET", "/youtube/v3/channels") => Some(Self::Channels),
            ("GET", "/youtube/v3/playlistItems") => Some(Self::PlaylistItems),
            ("POST", "/youtube/v3/playlistItems") => Some(Self::InsertItem),
            ("GET", "/youtube/v3/videos") => Some(Self::Videos),
            ("DELETE", "/youtube/v3/videos") => Some(Self::Delete),
            ("POST", "/upload/youtube/v3/videos" | "/resumable/upload/youtube/v3/videos") => {
                Some(Self::Open)
            }
            ("PUT", "/upload/youtube/v3/videos" | "/resumable/upload/youtube/v3/videos") => {
                Some(Self::of_piece(request))
            }
            ("POST", "/upload/youtube/v3/thumbnails/set") => Some(Self::Thumbnail),
            ("GET", "/" | "" | "/feed") => Some(Self::Feed),
            ("GET", "/watch") => Some(Self::Watch),
            ("GET", path) => {
                let file = path.strip_prefix("/media/").map(Self::File);
                file.or_else(|| path.strip_prefix("/thumbnails/").map(Self::Picture))
            }
            _ => None,
        }
    }

    /// A piece ends where its range says; without a range it is the whole file.
    fn of_piece(request: &Inbound) -> Self {
        let range = header(&request.headers, CONTENT_RANGE.as_str()).unwrap_or_default();
        match uploads::Piece::read(range) {
            Some(uploads::Piece::Ask { .. }) => Self::Session,
            Some(uploads::Piece::Bytes { last, total, .. }) if last + 1 < total => Self::Chunk,
            Some(uploads::Piece::Bytes { .. }) | None => Self::Finish,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Consent | Self::Allow => "oauth.authorize",
            Self::Token => "oauth.token",
            Self::Revoke => "oauth.revoke",
            Self::Channels => "channels.list",
            Self::Open => "videos.open",
            Self::Chunk => "videos.chunk",
            Self::Finish => "videos.finish",
            Self::Session => "videos.session",
            Self::Videos => "videos.list",
            Self::Delete => "videos.delete",
            Self::PlaylistItems => "playlistItems.list",
            Self::InsertItem => "playlistItems.insert",
            Self::Thumbnail => "thumbnails.set",
            Self::Feed | Self::Watch | Self::File(_) | Self::Picture(_) => "pages",
        }
    }

    /// The scopes of which a token must have one; none where no token is asked for.
    fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Channels | Self::Videos | Self::PlaylistItems => &[READ, MANAGE, FORCE_SSL],
            Self::Open | Self::Chunk | Self::Finish | Self::Session | Self::Thumbnail => {
                &[UPLOAD, MANAGE, FORCE_SSL]
            }
            Self::Delete | Self::InsertItem => &[MANAGE, FORCE_SSL],
            Self::Consent
            | Self::Allow
            | Self::Token
            | Self::Revoke
            | Self::Feed
            | Self::Watch
            | Self::File(_)
            | Self::Picture(_) => &[],
        }
    }

    /// A call may change the state: all that cost quota, and the pieces of a file.
    fn is_change(self) -> bool {
        self != Self::Session
    }
}

/// An answer with a resource.
fn found(body: &Value) -> Outcome {
    Ok(json(StatusCode::OK, body))
}

/// The value of a query parameter that is there and not empty.
fn parameter(request: &Inbound, name: &str) -> Option<String> {
    field(&request.query, name).filter(|value| !value.is_empty())
}
