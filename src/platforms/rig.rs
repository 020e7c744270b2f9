//! For tests: a tiny courier between an adapter and its simulator, in virtual time. It signs,
//! resolves the parts of a body, and fetches what the platform wants to fetch.

use crate::grant::Grant;
use crate::port::{
    AccountFacts, Adapter, App, Body, Call, Checkpoint, Identifying, Identity, KNOWN_MAX,
    Operation, Part, Platform, Receipt, Reply, Step, Verdict, View,
};
use crate::sim::{Answered, CLIENT_SECRET, Fetched, Inbound, Simulator};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::content::{AssetFacts, Content, MediaKind, MediaUse, Segment};
use domain::failure::Failure;
use domain::time::Timestamp;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use sha2::{Digest, Sha256};
use std::time::Duration;
use url::form_urlencoded;

pub const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-0";
/// Where the platform would fetch the files of a post.
const MEDIA: &str = "https://media.example/m/";
/// Steps until a publication counts as endless.
const STEPS_MAX: usize = 400;

/// What restores a simulator.
pub enum Kept {
    Request(Inbound),
    Fetched(String, Fetched),
}

pub struct Rig {
    pub platform: &'static dyn Platform,
    pub adapter: &'static dyn Adapter,
    pub app: App,
    pub sim: Box<dyn Simulator>,
    pub now: Timestamp,
    pub facts: AccountFacts,
    pub grant: Option<Grant>,
    /// Everything that the simulator asked to keep.
    pub log: Vec<(Kept, Timestamp)>,
    /// The endpoints called, in order.
    pub calls: Vec<&'static str>,
    pub files: Vec<Vec<u8>>,
    pub assets: Vec<AssetFacts>,
    pub asset_urls: Vec<String>,
    /// When the first irreversible call was carried.
    pub intended_at: Option<Timestamp>,
    pub operation: Operation,
    /// The checkpoint at which publishing ended.
    pub ended: Option<Checkpoint>,
    /// The ids of what was published, newest first, as the ledger would tell.
    pub known: Vec<String>,
    /// The whole requests of the calls, signed, in order.
    pub requests: Vec<Inbound>,
}

pub fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

pub fn post(text: &str) -> Content {
    Content { segments: vec![segment(text)], ..Content::default() }
}

pub fn segment(text: &str) -> Segment {
    Segment { text: text.into(), media: vec![] }
}

impl Rig {
    /// A simulator with nobody in it, and our registration of this name.
    pub fn new(platform: &'static dyn Platform, app: &str) -> Self {
        let name = platform.name();
        Self {
            platform,
            adapter: platform.adapter().expect("the dialect is spoken"),
            app: App {
                name: app.into(),
                client_id: "client-1".into(),
                client_secret: CLIENT_SECRET.into(),
                redirect_uri: format!("https://app.example/oauth/{name}/callback"),
            },
            sim: platform.simulator().expect("there is a simulator"),
            now: Timestamp::parse("2026-11-24T09:00:00.250Z").unwrap(),
            facts: AccountFacts::default(),
            grant: None,
            log: vec![],
            calls: vec![],
            files: vec![],
            assets: vec![],
            asset_urls: vec![],
            intended_at: None,
            operation: Operation::Publish,
            ended: None,
            known: vec![],
            requests: vec![],
        }
    }

    /// One with this account connected.
    pub fn connected(platform: &'static dyn Platform, app: &str, handle: &str) -> Self {
        let mut rig = Self::new(platform, app);
        let identity = match rig.connect(handle) {
            Ok(mut identities) => identities.remove(0),
            Err(failure) => panic!("{handle} cannot be connected: {failure:?}"),
        };
        (rig.facts, rig.grant) = (identity.facts, Some(identity.grant));
        rig
    }

    /// Consent, exchange, profile.
    pub fn connect(&mut self, handle: &str) -> Result<Vec<Identity>, Failure> {
        let code = self.consent(handle);
        self.redeem(&code)
    }

    /// Exchange and profile.
    pub fn redeem(&mut self, code: &str) -> Result<Vec<Identity>, Failure> {
        let auth = self.adapter.auth();
        let uses_pkce = auth.profile(&self.app.name).uses_pkce;
        let call = auth.exchange(&self.app, code, uses_pkce.then_some(VERIFIER));
        let reply = self.carry_ready(&call);
        let grant = auth.read_grant(&reply, None)?;
        let mut replies = Vec::new();
        loop {
            match auth.identify(&self.app, &grant, &replies) {
                Identifying::Ask { after, call } => {
                    self.now = self.now + after;
                    replies.push(self.carry_ready(&call));
                }
                Identifying::Done(identities) => return Ok(identities),
                Identifying::Refused(failure) => return Err(failure),
            }
            assert!(replies.len() < 16, "it asks for ever");
        }
    }

    /// Renews the grant in the platform's way.
    pub fn refresh(&mut self) -> Result<(), Failure> {
        let auth = self.adapter.auth();
        let old = self.grant.clone().expect("an account is connected");
        let call = auth.refresh(&self.app, &old).expect("the grant can be renewed");
        let reply = self.carry_ready(&call);
        self.grant = Some(auth.read_grant(&reply, Some(&old))?);
        Ok(())
    }

    pub fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    /// Chooses an account on the consent page and brings back the code.
    pub fn consent(&mut self, handle: &str) -> String {
        let profile = self.adapter.auth().profile(&self.app.name);
        let scopes = profile.scopes.join(&profile.scope_separator.to_string());
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut asked = vec![
            ("response_type", "code"),
            ("client_id", self.app.client_id.as_str()),
            ("redirect_uri", &self.app.redirect_uri),
            ("scope", &scopes),
            ("state", "state-1"),
        ];
        if profile.uses_pkce {
            asked.extend([("code_challenge", challenge.as_str())]);
            asked.push(("code_challenge_method", "S256"));
        }
        asked.extend(profile.extra);
        let query = form(&asked);
        let uri: Uri = format!("{}?{query}", profile.authorize_url).parse().unwrap();
        let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
        let mut inbound = self.inbound(&request);
        let page = self.send(inbound.clone());
        let html = String::from_utf8(page.response.into_body()).unwrap();
        assert!(
            html.contains("@acme") && html.contains("name=allow") && html.contains("name=deny"),
            "{html}"
        );
        inbound.method = Method::POST;
        inbound.query = String::new();
        inbound.body = format!("{}&{query}", form(&[("account", handle)])).into_bytes();
        let answered = self.send(inbound);
        let location = answered.response.headers()["location"].to_str().unwrap().to_owned();
        let target = url::Url::parse(&location).unwrap();
        let value = |name: &str| target.query_pairs().find(|(k, _)| k == name).unwrap().1;
        assert_eq!(value("state"), "state-1");
        value("code").into_owned()
    }

    /// Hands a request over as it is, and fetches what the platform then wants.
    pub fn send(&mut self, request: Inbound) -> Answered {
        let answered = self.sim.answer(&request, self.now);
        if answered.is_kept {
            self.log.push((Kept::Request(request), self.now));
        }
        for fetch in &answered.fetches {
            let number = fetch.url.strip_prefix(MEDIA).and_then(|n| n.parse::<usize>().ok());
            let file = number.and_then(|n| Some((self.assets.get(n)?, self.files.get(n)?)));
            let fetched = match file {
                Some((facts, bytes)) => {
                    Fetched { status: 200, content_type: facts.mime.clone(), body: bytes.clone() }
                }
                None => Fetched { status: 404, content_type: String::new(), body: vec![] },
            };
            self.sim.fetched(&fetch.key, &fetched, self.now);
            self.log.push((Kept::Fetched(fetch.key.clone(), fetched), self.now));
        }
        answered
    }

    /// Signs a call and carries it.
    pub fn carry(&mut self, call: &Call) -> Reply {
        let mut call = call.clone();
        if let Some(grant) = &self.grant {
            self.adapter.auth().sign(&mut call.request, grant);
        }
        self.carry_ready(&call)
    }

    /// Carries a call that is ready as it is.
    pub fn carry_ready(&mut self, call: &Call) -> Reply {
        self.calls.push(call.endpoint);
        let inbound = self.inbound(&call.request);
        assert_eq!(self.sim.route(&inbound), Some(call.endpoint), "{:?}", inbound.path);
        self.requests.push(inbound.clone());
        let answered = self.send(inbound);
        let (parts, body) = answered.response.into_parts();
        Reply { status: parts.status, headers: parts.headers, body, at: self.now }
    }

    /// A request as the simulator gets it.
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
        let base = format!("http://127.0.0.1:8090/{}", self.platform.name());
        let uri = request.uri();
        let mut headers = request.headers().clone();
        let full = uri.to_string();
        // What the simulator hands out begins with its base; all else names the platform's hosts.
        let path = match full.strip_prefix(&base) {
            Some(rest) => rest.split('?').next().unwrap_or_default().to_owned(),
            None => {
                let host = uri.host().unwrap_or_default();
                let authorize = self.adapter.auth().profile(&self.app.name).authorize_url;
                let is_known = self.adapter.hosts().contains(&host);
                assert!(is_known || full.starts_with(authorize), "{host} is not in `hosts`");
                headers.insert("x-platform-host", HeaderValue::from_str(host).unwrap());
                uri.path().to_owned()
            }
        };
        Inbound {
            base,
            method: request.method().clone(),
            path,
            query: uri.query().unwrap_or_default().into(),
            headers,
            body,
        }
    }

    /// A page of the simulator, as text.
    pub fn page(&mut self, path: &str) -> String {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let answered = self.send(Inbound {
            base: format!("http://127.0.0.1:8090/{}", self.platform.name()),
            method: Method::GET,
            path: path.into(),
            query: query.into(),
            headers: HeaderMap::new(),
            body: vec![],
        });
        assert_eq!(answered.response.status(), 200, "{path}");
        String::from_utf8_lossy(answered.response.body()).into_owned()
    }

    /// A file of the user, and its use in a post.
    pub fn file(&mut self, kind: MediaKind, bytes: Vec<u8>, alt_text: Option<&str>) -> MediaUse {
        let number = self.files.len();
        let id = format!("med_{:032x}", number + 1).parse().unwrap();
        let mime = match kind {
            // What every platform takes.
            MediaKind::Image => "image/jpeg",
            MediaKind::Gif => "image/gif",
            MediaKind::Video => "video/mp4",
            MediaKind::Document => "application/pdf",
        };
        self.assets.push(AssetFacts {
            id,
            kind,
            mime: mime.into(),
            size_bytes: bytes.len() as u64,
            width: 640,
            height: 480,
            duration_ms: (kind == MediaKind::Video).then_some(10_000),
            codec: None,
            frame_rate: None,
            frames: None,
            sha256: String::new(),
        });
        self.files.push(bytes);
        if self.adapter.pulls_media() {
            self.asset_urls.push(format!("{MEDIA}{number}"));
        }
        MediaUse { id, alt_text: alt_text.map(Into::into) }
    }

    pub fn view<'a>(&'a self, content: &'a Content) -> View<'a> {
        View {
            content,
            account: &self.facts,
            app: &self.app.name,
            assets: &self.assets,
            asset_urls: &self.asset_urls,
            operation: self.operation,
            ended: self.ended.as_ref(),
            receipt: None,
            known: &self.known[..self.known.len().min(KNOWN_MAX)],
            intended_at: self.intended_at,
            now: self.now,
        }
    }

    pub fn start(&self, content: &Content) -> Checkpoint {
        self.adapter.publish().start(&self.view(content))
    }

    pub fn next(&self, at: &Checkpoint, content: &Content) -> Step {
        self.adapter.publish().next(at, &self.view(content))
    }

    /// One step: the checkpoint after it, or the receipt. A failure comes with the checkpoint to
    /// go on from.
    pub fn step(
        &mut self,
        at: &Checkpoint,
        content: &Content,
    ) -> Result<Result<Checkpoint, Receipt>, (Checkpoint, Failure)> {
        // A checkpoint lives in the database between any two steps.
        let text = serde_json::to_string(at).unwrap();
        assert_eq!(&serde_json::from_str::<Checkpoint>(&text).unwrap(), at);
        let call = match self.next(at, content) {
            Step::Published(receipt) => return Ok(Err(receipt)),
            Step::Wait(until) => {
                assert!(until > self.now);
                self.now = until;
                return Ok(Ok(at.clone()));
            }
            Step::Call(call) => *call,
        };
        if call.effect == domain::failure::Effect::Irreversible {
            self.intended_at = self.intended_at.or(Some(self.now));
        }
        let reply = self.carry(&call);
        let view = self.view(content);
        let publish = self.adapter.publish();
        let read = match self.adapter.classify(call.effect, &reply) {
            Some(failure) => Err(failure),
            None => publish.read(at, &reply, &view),
        };
        read.map(Ok).map_err(|why| (publish.recover(at, &why, &view), why))
    }

    /// From nothing to the receipt.
    pub fn publish(&mut self, content: &Content) -> Result<Receipt, Failure> {
        self.intended_at = None;
        let at = self.start(content);
        self.publish_from(at, content)
    }

    pub fn publish_from(&mut self, at: Checkpoint, content: &Content) -> Result<Receipt, Failure> {
        let mut at = at;
        for _ in 0..STEPS_MAX {
            match self.step(&at, content).map_err(|(_, why)| why)? {
                Ok(next) => at = next,
                Err(receipt) => {
                    if self.operation == Operation::Publish {
                        self.known.insert(0, receipt.remote_id.clone());
                        self.ended = Some(at);
                    }
                    return Ok(receipt);
                }
            }
        }
        panic!("it does not end: {at:?}");
    }

    /// Does something else with what was published last. A failure that recovering goes past is
    /// none, as on the way of a delivery.
    pub fn operate(&mut self, operation: Operation, content: &Content) -> Result<Receipt, Failure> {
        self.operation = operation;
        let mut at = self.start(content);
        let done = loop {
            at = match self.step(&at, content) {
                Ok(Ok(next)) => next,
                Ok(Err(receipt)) => break Ok(receipt),
                Err((recovered, _)) if recovered != at => recovered,
                Err((_, why)) => break Err(why),
            };
        };
        self.operation = Operation::Publish;
        done
    }

    /// Steps until the next call is this one.
    pub fn until(&mut self, endpoint: &str, content: &Content) -> Checkpoint {
        let mut at = self.start(content);
        for _ in 0..STEPS_MAX {
            let step = self.next(&at, content);
            if matches!(&step, Step::Call(call) if call.endpoint == endpoint) {
                return at;
            }
            at = self.step(&at, content).unwrap().unwrap();
        }
        panic!("{endpoint} is never called");
    }

    /// Steps until the next call is irreversible.
    pub fn until_irreversible(&mut self, content: &Content) -> Checkpoint {
        let mut at = self.start(content);
        for _ in 0..STEPS_MAX {
            let step = self.next(&at, content);
            if matches!(&step, Step::Call(call) if call.effect == domain::failure::Effect::Irreversible)
            {
                return at;
            }
            at = self.step(&at, content).unwrap().unwrap();
        }
        panic!("nothing irreversible is called");
    }

    /// Carries the call that is due and loses the answer.
    pub fn lose(&mut self, at: &Checkpoint, content: &Content) {
        let Step::Call(call) = self.next(at, content) else {
            panic!("a call is due");
        };
        self.intended_at = self.intended_at.or(Some(self.now));
        self.carry(&call);
    }

    /// Asks what became of the call at a checkpoint until there is a verdict.
    pub fn ask(&mut self, at: &Checkpoint, content: &Content) -> Verdict {
        let reconcile = self.adapter.reconcile();
        let mut at = at.clone();
        for round in 0..40 {
            let call = reconcile.ask(&at, round, &self.view(content));
            let call = call.expect("something can be asked");
            assert_eq!(call.effect, domain::failure::Effect::Repeatable);
            let reply = self.carry(&call);
            match reconcile.judge(&at, round, &reply, &self.view(content)) {
                Verdict::More(next) => at = next,
                verdict => return verdict,
            }
        }
        panic!("it asks for ever");
    }

    /// A simulator of the same kind, restored from what was kept.
    pub fn restored(&self) -> Box<dyn Simulator> {
        let mut sim = self.platform.simulator().expect("there is a simulator");
        for (kept, at) in &self.log {
            match kept {
                Kept::Request(request) => drop(sim.answer(request, *at)),
                Kept::Fetched(key, fetched) => sim.fetched(key, fetched, *at),
            }
        }
        sim
    }
}
