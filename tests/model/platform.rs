//! X as the workers meet it: its simulator, an account on it, and the ways of the network.

use domain::time::Timestamp;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use platforms::sim::{CLIENT_SECRET, Control, Inbound, Simulator};
use platforms::{AccountFacts, Adapter, App, Body, Call, Grant, Identifying, Part, Reply};
use serde_json::json;
use url::form_urlencoded;

const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-0";
const BASE: &str = "http://127.0.0.1:8090/x";

/// The platform, with one account of ours.
pub struct Network {
    pub adapter: &'static dyn Adapter,
    pub facts: AccountFacts,
    pub grant: Grant,
    sim: Box<dyn Simulator>,
    app: App,
}

impl Network {
    /// A fresh platform on which one account is connected. Its timeline is `behind_ms` late.
    pub fn new(behind_ms: u64, now: Timestamp) -> Self {
        let platform = platforms::find("x").expect("X is among the platforms");
        let adapter = platform.adapter().expect("its dialect is spoken");
        let mut sim = platform.simulator().expect("it is simulated");
        // Two posts with the same words are what these tests want to see.
        let limits = json!({"timelineDelayMs": behind_ms, "takesDuplicates": true});
        assert!(sim.control(&Control::Limits { limits }, now));
        let app = App {
            name: "default".into(),
            client_id: "client-1".into(),
            client_secret: CLIENT_SECRET.into(),
            redirect_uri: "https://app.example/oauth/x/callback".into(),
        };
        let code = consent(&mut *sim, adapter, &app, now);
        let exchange = adapter.auth().exchange(&app, &code, Some(VERIFIER));
        let reply = send(&mut *sim, &inbound(&exchange.request), now);
        let Ok(grant) = adapter.auth().read_grant(&reply, None) else {
            panic!("the exchange brings a grant: {reply:?}")
        };
        let Identifying::Ask { call, .. } = adapter.auth().identify(&app, &grant, &[]) else {
            panic!("X is asked whom a grant belongs to")
        };
        let reply = send(&mut *sim, &inbound(&call.request), now);
        let Identifying::Done(mut known) = adapter.auth().identify(&app, &grant, &[reply]) else {
            panic!("X knows whom a grant belongs to")
        };
        let identity = known.remove(0);
        Self { adapter, facts: identity.facts, grant: identity.grant, sim, app }
    }

    /// Our registration.
    pub fn app(&self) -> &str {
        &self.app.name
    }

    /// A call as it leaves.
    pub fn signed(&self, call: &Call) -> Inbound {
        let mut request = call.request.clone();
        self.adapter.auth().sign(&mut request, &self.grant);
        inbound(&request)
    }

    /// A request arrives.
    pub fn deliver(&mut self, request: &Inbound, now: Timestamp) -> Reply {
        send(&mut *self.sim, request, now)
    }

    /// Renews the grant.
    pub fn refresh(&mut self, now: Timestamp) {
        let auth = self.adapter.auth();
        let call = auth.refresh(&self.app, &self.grant).expect("X gives refresh tokens");
        let reply = send(&mut *self.sim, &inbound(&call.request), now);
        if let Ok(grant) = auth.read_grant(&reply, Some(&self.grant)) {
            self.grant = grant;
        }
    }

    /// What was accepted: the id, the wording, and when.
    pub fn accepted(&self) -> impl Iterator<Item = (&str, &str, Timestamp)> {
        let accepted = self.sim.accepted().iter();
        accepted.map(|one| (one.remote_id.as_str(), one.text.as_str(), one.at))
    }
}

/// A reply that no platform gave: a proxy's, or a limit's.
pub fn refusal(status: u16, headers: &[(&'static str, String)], at: Timestamp) -> Reply {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    Reply { status: StatusCode::from_u16(status).unwrap(), headers: map, body: vec![], at }
}

fn consent(sim: &mut dyn Simulator, adapter: &dyn Adapter, app: &App, now: Timestamp) -> String {
    let profile = adapter.auth().profile(&app.name);
    let scopes = profile.scopes.join(&profile.scope_separator.to_string());
    let asked = [
        ("account", "acme"),
        ("response_type", "code"),
        ("client_id", &app.client_id),
        ("redirect_uri", &app.redirect_uri),
        ("scope", &scopes),
        ("state", "state-1"),
        ("code_challenge", VERIFIER),
        ("code_challenge_method", "plain"),
    ];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(asked).finish();
    let request = Request::builder().method(Method::POST).uri(profile.authorize_url);
    let answered = sim.answer(&inbound(&request.body(Body::inline(body)).unwrap()), now);
    let location = answered.response.headers()["location"].to_str().unwrap().to_owned();
    let target = url::Url::parse(&location).unwrap();
    target.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
}

fn inbound(request: &Request<Body>) -> Inbound {
    let mut body = Vec::new();
    for part in &request.body().0 {
        match part {
            Part::Inline(bytes) => body.extend_from_slice(bytes),
            Part::Asset { .. } => unreachable!("these posts have no files"),
        }
    }
    Inbound {
        base: BASE.into(),
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().into(),
        headers: request.headers().clone(),
        body,
    }
}

fn send(sim: &mut dyn Simulator, request: &Inbound, now: Timestamp) -> Reply {
    let (parts, body) = sim.answer(request, now).response.into_parts();
    Reply { status: parts.status, headers: parts.headers, body, at: now }
}
