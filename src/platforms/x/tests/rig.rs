//! A tiny courier: it signs, resolves the parts of a body and hands the request to the simulator.

use crate::port::{
    AccountFacts, App, Auth, Body, Call, Checkpoint, Grant, Part, Publish, Receipt, Reply, Step,
    View,
};
use crate::sim::{Answered, Inbound, Simulator};
use crate::x::sim::{CLIENT_SECRET, XSim};
use crate::x::{X, auth, errors};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::content::{AssetFacts, Content, MediaKind, MediaUse, Segment};
use domain::failure::{Effect, Failure};
use domain::time::Timestamp;
use http::{HeaderMap, Method, Request};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Duration;
use url::form_urlencoded;

pub const REDIRECT: &str = "https://app.example/oauth/x/callback";
/// Where the simulator would be reached.
const BASE: &str = "http://127.0.0.1:8090/x";
pub const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-0";

pub struct Rig {
    pub sim: XSim,
    pub now: Timestamp,
    pub facts: AccountFacts,
    pub grant: Option<Grant>,
    /// Every request that the simulator asked to keep.
    pub log: Vec<(Inbound, Timestamp)>,
    /// The endpoints called, in order.
    pub calls: Vec<&'static str>,
    pub files: Vec<Vec<u8>>,
    pub assets: Vec<AssetFacts>,
}

pub fn app() -> App {
    App {
        name: "default".into(),
        client_id: "client-1".into(),
        client_secret: CLIENT_SECRET.into(),
        redirect_uri: REDIRECT.into(),
    }
}

pub fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

impl Rig {
    /// A simulator with nobody in it.
    pub fn new() -> Self {
        Self {
            sim: XSim::new(),
            now: Timestamp::parse("2026-11-24T09:00:00.250Z").unwrap(),
            facts: AccountFacts::default(),
            grant: None,
            log: vec![],
            calls: vec![],
            files: vec![],
            assets: vec![],
        }
    }

    /// One with this account connected.
    pub fn connected(handle: &str) -> Self {
        let mut rig = Self::new();
        let code = rig.consent(handle);
        let reply = rig.carry(&X.exchange(&app(), &code, Some(VERIFIER)));
        rig.grant = X.read_grant(&reply, None).ok();
        let reply = rig.carry(&auth::whoami());
        rig.facts = auth::read_user(&reply).unwrap();
        rig
    }

    pub fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    /// Chooses an account on the consent page and brings back the code.
    pub fn consent(&mut self, handle: &str) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let scopes = X.profile("default").scopes.join(" ");
        let query = form(&[
            ("response_type", "code"),
            ("client_id", "client-1"),
            ("redirect_uri", REDIRECT),
            ("scope", &scopes),
            ("state", "state-1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let mut asked = Inbound {
            base: BASE.into(),
            method: Method::GET,
            path: "/i/oauth2/authorize".into(),
            query: query.clone(),
            headers: HeaderMap::new(),
            body: vec![],
        };
        let page = self.send(asked.clone());
        let html = String::from_utf8(page.response.into_body()).unwrap();
        assert!(html.contains("Connect @acme") && html.contains("name=deny"), "{html}");
        asked.method = Method::POST;
        asked.body = format!("{}&{query}", form(&[("account", handle)])).into_bytes();
        let answered = self.send(asked);
        let location = answered.response.headers()["location"].to_str().unwrap().to_owned();
        let target = url::Url::parse(&location).unwrap();
        let value = |name: &str| target.query_pairs().find(|(k, _)| k == name).unwrap().1;
        assert_eq!(value("state"), "state-1");
        value("code").into_owned()
    }

    /// Hands a request over as it is.
    pub fn send(&mut self, request: Inbound) -> Answered {
        let answered = self.sim.answer(&request, self.now);
        if answered.is_kept {
            self.log.push((request, self.now));
        }
        answered
    }

    /// Signs a call, where it is not signed, and carries it.
    pub fn carry(&mut self, call: &Call) -> Reply {
        self.calls.push(call.endpoint);
        let mut request = call.request.clone();
        if let Some(grant) = self.grant.as_ref().filter(|_| call.endpoint != "oauth.token") {
            X.sign(&mut request, grant);
        }
        let inbound = self.inbound(&request);
        let answered = self.send(inbound);
        let (parts, body) = answered.response.into_parts();
        Reply { status: parts.status, headers: parts.headers, body, at: self.now }
    }

    pub fn inbound(&self, request: &Request<Body>) -> Inbound {
        let mut body = Vec::new();
        for part in &request.body().0 {
            match part {
                Part::Inline(bytes) => body.extend_from_slice(bytes),
                Part::Asset { asset, start, end } => {
                    let range = *start as usize..*end as usize;
                    body.extend_from_slice(&self.files[*asset][range]);
                }
            }
        }
        assert_eq!(request.uri().host(), Some("api.x.com"));
        Inbound {
            base: BASE.into(),
            method: request.method().clone(),
            path: request.uri().path().into(),
            query: request.uri().query().unwrap_or_default().into(),
            headers: request.headers().clone(),
            body,
        }
    }

    /// A file of the user, and its use in a post.
    pub fn file(&mut self, kind: MediaKind, bytes: Vec<u8>, alt_text: Option<&str>) -> MediaUse {
        let id = format!("med_{:032x}", self.files.len() + 1).parse().unwrap();
        let mime = match kind {
            MediaKind::Image => "image/png",
            MediaKind::Gif => "image/gif",
            MediaKind::Video => "video/mp4",
        };
        self.assets.push(AssetFacts {
            id,
            kind,
            mime: mime.into(),
            size_bytes: bytes.len() as u64,
            width: 640,
            height: 480,
            duration_ms: None,
            sha256: String::new(),
        });
        self.files.push(bytes);
        MediaUse { id, alt_text: alt_text.map(Into::into) }
    }

    pub fn view<'a>(&'a self, content: &'a Content, intended_at: Option<Timestamp>) -> View<'a> {
        View {
            content,
            account: &self.facts,
            assets: &self.assets,
            asset_urls: &[],
            intended_at,
            now: self.now,
        }
    }

    /// One step: the checkpoint after it, or the receipt.
    pub fn step(
        &mut self,
        at: &Checkpoint,
        content: &Content,
    ) -> Result<Result<Checkpoint, Receipt>, (Checkpoint, Failure)> {
        // A checkpoint lives in the database between any two steps.
        let text = serde_json::to_string(at).unwrap();
        assert_eq!(&serde_json::from_str::<Checkpoint>(&text).unwrap(), at);
        let call = match X.next(at, &self.view(content, None)) {
            Step::Published(receipt) => return Ok(Err(receipt)),
            Step::Wait(until) => {
                assert!(until > self.now);
                self.now = until;
                return Ok(Ok(at.clone()));
            }
            Step::Call(call) => *call,
        };
        assert_eq!(call.effect == Effect::Irreversible, call.endpoint == "tweets.create");
        let reply = self.carry(&call);
        let view = self.view(content, None);
        let read = match errors::classify(call.effect, &reply) {
            Some(failure) => Err(failure),
            None => X.read(at, &reply, &view),
        };
        read.map(Ok).map_err(|why| (X.recover(at, &why, &view), why))
    }

    /// From nothing to the receipt.
    pub fn publish(&mut self, content: &Content) -> Result<Receipt, Failure> {
        let at = X.start(&self.view(content, None));
        self.publish_from(at, content)
    }

    pub fn publish_from(&mut self, at: Checkpoint, content: &Content) -> Result<Receipt, Failure> {
        let mut at = at;
        for _ in 0..200 {
            match self.step(&at, content).map_err(|(_, why)| why)? {
                Ok(next) => at = next,
                Err(receipt) => return Ok(receipt),
            }
        }
        panic!("it does not end: {at:?}");
    }

    /// Steps until the next call is this one.
    pub fn until(&mut self, endpoint: &str, content: &Content) -> Checkpoint {
        let mut at = X.start(&self.view(content, None));
        for _ in 0..200 {
            let step = X.next(&at, &self.view(content, None));
            if matches!(&step, Step::Call(call) if call.endpoint == endpoint) {
                return at;
            }
            at = self.step(&at, content).unwrap().unwrap();
        }
        panic!("{endpoint} is never called");
    }

    /// The account's timeline, newest first.
    pub fn timeline(&mut self) -> Vec<Value> {
        let id = &self.facts.remote_id;
        let fields = "created_at,entities,attachments,referenced_tweets";
        let uri =
            format!("https://api.x.com/2/users/{id}/tweets?max_results=100&tweet.fields={fields}");
        let request = auth::request(Method::GET, &uri, None, Body::empty());
        let call = Call {
            endpoint: "users.tweets",
            effect: Effect::Repeatable,
            request,
            deadline: Duration::ZERO,
        };
        let reply = self.carry(&call).json();
        reply["data"].as_array().cloned().unwrap_or_default()
    }
}

pub fn post(text: &str) -> Content {
    Content { segments: vec![segment(text)], ..Content::default() }
}

pub fn segment(text: &str) -> Segment {
    Segment { text: text.into(), media: vec![] }
}
