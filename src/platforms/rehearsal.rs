//! The dialect of accounts in test mode: one call, which is answered in our own process.
//!
//! A test account looks like one of its platform, is checked against the same table and walks the
//! same states. Its calls name a host that cannot exist (`test.invalid`, RFC 2606), so nothing of
//! it could reach a platform even if it were sent. How a call ends is asked for in the text.

use crate::grant::Grant;
use crate::port::{
    AccountFacts, Adapter, App, Auth, Body, Call, Checkpoint, ClientAuth, Identifying, Identity,
    OAuthProfile, Publish, Receipt, Reconcile, Reply, Step, Verdict, View,
};
use domain::failure::{Effect, Failure, Scope, Sent, no_reply, server_error};
use domain::limit::Limit;
use domain::renewal::Rule;
use domain::time::Timestamp;
use http::Request;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// What the accounts of test mode have in the place of a registration's name.
pub const APP: &str = "test";
/// Where its calls go: nowhere.
const HOST: &str = "test.invalid";
/// The word in a text that asks for an end, before its name.
const ASKS: &str = "test:";
/// A limit that is asked for holds this long.
const LIMITED: Duration = Duration::from_secs(5);
/// 2199-01-01: a grant of test mode needs no renewal.
const GRANT_ENDS: Timestamp = Timestamp::from_seconds(7_226_582_400);

/// How a call is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// The post is out.
    Published,
    /// The platform's limit is reached, once.
    RateLimited,
    /// The platform does not take the text.
    Rejected,
    /// Nobody can tell whether it is out.
    Review,
}

impl Wish {
    /// Every end that can be asked for, with its word.
    pub const ALL: [(&'static str, Self); 4] = [
        ("published", Self::Published),
        ("rate_limited", Self::RateLimited),
        ("rejected", Self::Rejected),
        ("review", Self::Review),
    ];

    /// What a text asks for, by the first such word in it.
    pub fn of(text: &str) -> Self {
        let asked = text.split_whitespace().find_map(|word| word.strip_prefix(ASKS));
        let known = Self::ALL.into_iter().find(|(word, _)| Some(*word) == asked);
        known.map_or(Self::Published, |(_, wish)| wish)
    }
}

/// An answer, as the network would bring it; `None` is silence.
pub type Answer = Option<(http::StatusCode, http::HeaderMap, Vec<u8>)>;

/// What the body of the one call says.
#[derive(Serialize, Deserialize)]
struct Create {
    wish: Wish,
}

/// Answers a call in the place of a platform; the post is called `id` from then on.
pub fn answer(body: &[u8], id: &str) -> Answer {
    let wish = serde_json::from_slice::<Create>(body).map_or(Wish::Rejected, |create| create.wish);
    let (status, said) = match wish {
        Wish::Published => (200_u16, json!({ "id": id })),
        Wish::RateLimited => (429, json!({ "error": "the text asked for a limit" })),
        Wish::Rejected => (400, json!({ "error": "the text asked to be rejected" })),
        Wish::Review => return None,
    };
    let mut headers = http::HeaderMap::new();
    if wish == Wish::RateLimited {
        headers.insert(http::header::RETRY_AFTER, LIMITED.as_secs().into());
    }
    Some((http::StatusCode::from_u16(status).ok()?, headers, said.to_string().into_bytes()))
}

/// The dialect.
pub static REHEARSAL: Rehearsal = Rehearsal;

/// The dialect of test mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rehearsal;

/// An identity of test mode, with a grant that opens nothing anywhere.
pub fn identity(handle: &str, kind: &str) -> Identity {
    Identity {
        facts: AccountFacts {
            remote_id: format!("test_{handle}"),
            handle: handle.to_owned(),
            kind: kind.to_owned(),
        },
        grant: Grant {
            access_token: "test".into(),
            refresh_token: None,
            expires_at: GRANT_ENDS,
            scopes: None,
        },
    }
}

/// The registration that such an identity is connected through.
pub fn registration() -> App {
    App {
        name: APP.to_owned(),
        client_id: APP.to_owned(),
        client_secret: "test".into(),
        redirect_uri: format!("https://{HOST}/"),
    }
}

impl Adapter for Rehearsal {
    fn auth(&self) -> &dyn Auth {
        self
    }

    fn publish(&self) -> &dyn Publish {
        self
    }

    fn reconcile(&self) -> &dyn Reconcile {
        self
    }

    fn limits(&self) -> &'static [Limit] {
        &[]
    }

    fn publishing(&self) -> [&'static str; 2] {
        ["test.create"; 2]
    }

    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn visibility_delay(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn pulls_media(&self) -> bool {
        false
    }

    fn has_secret_checkpoints(&self) -> bool {
        false
    }

    fn classify(&self, effect: Effect, reply: &Reply) -> Option<Failure> {
        let detail = || reply.json()["error"].as_str().unwrap_or_default().to_owned();
        match reply.status.as_u16() {
            200..=299 => None,
            // Never more than the account: a test holds up nobody.
            429 => Some(Failure::RateLimit {
                scope: Scope::Account,
                retry_at: reply.retry_after().unwrap_or(reply.at + LIMITED),
                detail: detail(),
            }),
            400..=499 => Some(Failure::Content { field: None, detail: detail() }),
            status => Some(server_error(effect, status)),
        }
    }
}

impl Publish for Rehearsal {
    fn start(&self, _view: &View<'_>) -> Checkpoint {
        Checkpoint(json!({ "test": true }))
    }

    fn reads(&self, at: &Checkpoint) -> bool {
        at.0.get("v").is_none()
    }

    fn next(&self, at: &Checkpoint, view: &View<'_>) -> Step {
        if let Some(id) = at.0["id"].as_str() {
            let permalink = format!("https://{HOST}/posts/{id}");
            return Step::Published(Receipt { remote_id: id.into(), permalink });
        }
        let text = view.content.segments.first().map_or("", |segment| &segment.text);
        // The limit is over once it was waited for.
        let is_over = at.0["limited"] == true;
        let wish = Wish::of(text);
        let wish = if is_over && wish == Wish::RateLimited { Wish::Published } else { wish };
        let body = Body::inline(serde_json::to_vec(&Create { wish }).unwrap_or_default());
        let mut request = Request::new(body);
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = http::Uri::from_static("https://test.invalid/posts");
        let deadline = Duration::from_secs(10);
        let endpoint = "test.create";
        Step::Call(Box::new(Call { endpoint, effect: Effect::Irreversible, request, deadline }))
    }

    fn read(&self, _: &Checkpoint, reply: &Reply, _: &View<'_>) -> Result<Checkpoint, Failure> {
        let id = reply.json()["id"].as_str().map(str::to_owned);
        let none = || no_reply(Effect::Irreversible, Sent::Maybe, "an answer without an id".into());
        Ok(Checkpoint(json!({ "test": true, "id": id.ok_or_else(none)? })))
    }

    fn recover(&self, at: &Checkpoint, why: &Failure, _view: &View<'_>) -> Checkpoint {
        match why {
            Failure::RateLimit { .. } => Checkpoint(json!({ "test": true, "limited": true })),
            _ => at.clone(),
        }
    }
}

impl Reconcile for Rehearsal {
    fn ask(&self, _at: &Checkpoint, _round: u32, _view: &View<'_>) -> Option<Call> {
        None
    }

    fn judge(&self, _: &Checkpoint, _: u32, _: &Reply, _: &View<'_>) -> Verdict {
        Verdict::Undecided("there is nobody to ask in test mode".into())
    }

    fn finds_by_wording(&self, _view: &View<'_>) -> bool {
        false
    }

    fn page_hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn id_in_page(&self, path: &str) -> Option<String> {
        path.strip_prefix("/posts/").map(str::to_owned)
    }
}

static PROFILE: OAuthProfile = OAuthProfile {
    title: "Test",
    note: "An account that is none.",
    authorize_url: "https://test.invalid/",
    uses_pkce: false,
    scope_separator: ' ',
    scopes: &[],
    needed: &[],
    extra: &[],
    client_auth: ClientAuth::Body,
    rotates_refresh_token: false,
    renewal: Rule::Late,
};

impl Auth for Rehearsal {
    fn apps(&self) -> &'static [&'static str] {
        &[APP]
    }

    fn profile(&self, _app: &str) -> &'static OAuthProfile {
        &PROFILE
    }

    fn sign(&self, _request: &mut Request<Body>, _grant: &Grant) {}

    fn exchange(&self, _app: &App, _code: &str, _verifier: Option<&str>) -> Call {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = http::Uri::from_static("https://test.invalid/token");
        let deadline = Duration::from_secs(10);
        Call { endpoint: "test.token", effect: Effect::Repeatable, request, deadline }
    }

    fn identify(&self, _app: &App, _grant: &Grant, _replies: &[Reply]) -> Identifying {
        let detail = "in test mode accounts are made, not connected".to_owned();
        Identifying::Refused(Failure::Auth { revoked: false, detail })
    }

    fn refresh(&self, _app: &App, _grant: &Grant) -> Option<Call> {
        None
    }

    fn read_grant(&self, _reply: &Reply, _previous: Option<&Grant>) -> Result<Grant, Failure> {
        let detail = "in test mode accounts are made, not connected".to_owned();
        Err(Failure::Auth { revoked: false, detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_that_asks_for_an_end_is_heard_and_any_other_text_is_published() {
        for (word, wish) in Wish::ALL {
            assert_eq!(Wish::of(&format!("We are live test:{word} today")), wish);
        }
        assert_eq!(Wish::of("test:review test:rejected"), Wish::Review);
        for text in ["We are live", "test:", "test:nonsense", "a test:ed thing", "mytest:review"] {
            assert_eq!(Wish::of(text), Wish::Published, "{text}");
        }
    }

    #[test]
    fn an_answer_is_what_was_asked_for() {
        let status = |wish| {
            let body = serde_json::to_vec(&Create { wish }).unwrap();
            answer(&body, "test_1").map(|(status, _, _)| status.as_u16())
        };
        assert_eq!(
            Wish::ALL.map(|(_, wish)| status(wish)),
            [Some(200), Some(429), Some(400), None]
        );
    }
}
