//! `POST /_sim/grants`: an account and a token for it in one call.
//!
//! The platform's own adapter walks through consent, exchange and profile as it does in
//! production, only without a browser. So a grant from here is worth what any other is, and a log
//! with it restores it.

use super::control::{Refusal, Shared, Shown};
use super::host::Hosted;
use super::{World, base};
use axum::body::Bytes;
use axum::extract::State;
use base::{clock, digest, route};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::secret::Secret;
use domain::time::Timestamp;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Response, Uri};
use platforms::sim::{CLIENT_SECRET, Inbound};
use platforms::{Adapter, App, Call, Identifying, Identity, Part, Reply};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use url::{Url, form_urlencoded};

/// Any will do on a simulated platform; it has to be the same at a later refresh.
const CLIENT_ID: &str = "sim-client";
const REDIRECT_URI: &str = "https://app.example/callback";
const VERIFIER: &str = "a-verifier-that-every-grant-of-the-simulators-shares";
/// No adapter asks for more to find out whose a grant is.
const ASKED_MAX: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    /// May be left out where one platform is served alone.
    platform: Option<String>,
    /// The handle; the account is made when it is new.
    account: String,
    /// Which registration, where the platform has several; the first without it.
    app: Option<String>,
    client_id: Option<String>,
    /// Other scopes than the adapter asks for.
    scopes: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Granted<'a> {
    platform: &'a str,
    app: &'a str,
    client_id: &'a str,
    client_secret: &'a str,
    account_id: &'a str,
    handle: &'a str,
    kind: &'a str,
    access_token: &'a str,
    refresh_token: Option<&'a str>,
    expires_at: Timestamp,
}

/// Everything that a walk needs.
struct Walk<'a> {
    world: &'a World,
    hosted: &'a Hosted,
    adapter: &'static dyn Adapter,
    base: String,
    app: App,
    scopes: String,
    account: String,
}

/// Makes the account if it is new, and gives a token for it.
pub async fn give(State(world): Shared, headers: HeaderMap, body: Bytes) -> Shown {
    let wanted: Wanted = serde_json::from_slice(&body)
        .map_err(|why| Refusal::new(format!("a grant cannot be given: {why}")))?;
    let walk = Walk::new(&world, &headers, wanted)?;
    let identities = walk.identities().await?;
    let bare = |handle: &str| handle.trim_start_matches('@').to_lowercase();
    let is_named = |one: &&Identity| bare(&one.facts.handle) == bare(&walk.account);
    // A person may look after several pages; the one of that name is meant, if there is one.
    let Some(identity) = identities.iter().find(is_named).or(identities.first()) else {
        return Err(Refusal::new("the platform knows nobody by this grant"));
    };
    let granted = Granted {
        platform: walk.hosted.name,
        app: &walk.app.name,
        client_id: &walk.app.client_id,
        client_secret: walk.app.client_secret.expose(),
        account_id: &identity.facts.remote_id,
        handle: &identity.facts.handle,
        kind: &identity.facts.kind,
        access_token: identity.grant.access_token.expose(),
        refresh_token: identity.grant.refresh_token.as_ref().map(Secret::expose),
        expires_at: identity.grant.expires_at,
    };
    serde_json::to_value(&granted).map(axum::Json).map_err(|error| Refusal::ours(&error))
}

impl<'a> Walk<'a> {
    fn new(world: &'a Arc<World>, headers: &HeaderMap, wanted: Wanted) -> Result<Self, Refusal> {
        let hosted = match (&wanted.platform, world.hosted.as_slice()) {
            (Some(name), _) => world.named(name)?,
            (None, [only]) => only,
            (None, _) => return Err(Refusal::new("which platform? {\"platform\": …}")),
        };
        let adapter = platforms::find(hosted.name).and_then(|platform| platform.adapter());
        let adapter = adapter.ok_or_else(|| Refusal::new("this platform has no adapter"))?;
        let apps = adapter.auth().apps();
        let name = match &wanted.app {
            None => apps.first().copied(),
            Some(app) => apps.iter().copied().find(|known| known == app),
        };
        let name = name.ok_or_else(|| {
            Refusal::new(format!("{} has these apps: {}", hosted.name, apps.join(", ")))
        })?;
        let profile = adapter.auth().profile(name);
        let separator = profile.scope_separator.to_string();
        let scopes = wanted.scopes.map(|scopes| scopes.join(&separator));
        Ok(Self {
            base: base(world, hosted, headers),
            world,
            hosted,
            adapter,
            app: App {
                name: name.to_owned(),
                client_id: wanted.client_id.unwrap_or_else(|| CLIENT_ID.to_owned()),
                client_secret: CLIENT_SECRET.into(),
                redirect_uri: REDIRECT_URI.to_owned(),
            },
            scopes: scopes.unwrap_or_else(|| profile.scopes.join(&separator)),
            account: wanted.account,
        })
    }

    /// Exchange and profile.
    async fn identities(&self) -> Result<Vec<Identity>, Refusal> {
        let auth = self.adapter.auth();
        let refused = |failure: domain::failure::Failure| {
            Refusal::new(format!("{}: {}", failure.public_type(), failure.detail()))
        };
        let code = self.consent()?;
        let verifier = auth.profile(&self.app.name).uses_pkce.then_some(VERIFIER);
        let reply = self.carry(&auth.exchange(&self.app, &code, verifier))?;
        let grant = auth.read_grant(&reply, None).map_err(refused)?;
        let mut replies = Vec::new();
        while replies.len() < ASKED_MAX {
            match auth.identify(&self.app, &grant, &replies) {
                Identifying::Ask { after, call } => {
                    if !after.is_zero() {
                        clock::pause(after).await;
                    }
                    replies.push(self.carry(&call)?);
                }
                Identifying::Done(identities) => return Ok(identities),
                Identifying::Refused(failure) => return Err(refused(failure)),
            }
        }
        Err(Refusal::new("whose the grant is cannot be found out"))
    }

    /// Chooses the account on the consent page, and brings back the code.
    fn consent(&self) -> Result<String, Refusal> {
        let profile = self.adapter.auth().profile(&self.app.name);
        let challenge = URL_SAFE_NO_PAD.encode(digest::sha256(VERIFIER.as_bytes()));
        let mut asked = vec![
            ("response_type", "code"),
            ("client_id", &self.app.client_id),
            ("redirect_uri", &self.app.redirect_uri),
            ("scope", &self.scopes),
            ("state", "sim"),
        ];
        if profile.uses_pkce {
            asked.extend([("code_challenge", &*challenge), ("code_challenge_method", "S256")]);
        }
        asked.extend(profile.extra);
        asked.push(("account", &self.account));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(asked).finish();
        let page = Uri::from_static(profile.authorize_url);
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind)]);
        let (answer, _) = self.ask(Method::POST, &page, headers, form.into_bytes())?;
        let target = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
        let target = target.and_then(|to| Url::parse(to).ok());
        let value = |name: &str| {
            let target = target.as_ref()?;
            target.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        value("code").ok_or_else(|| {
            let page = String::from_utf8_lossy(answer.body());
            let told = page.split_once("<p>").and_then(|(_, rest)| rest.split_once("</p>"));
            let told = told.map(|(told, _)| told.to_owned()).or_else(|| value("error"));
            let told = told.unwrap_or_else(|| answer.status().to_string());
            Refusal::new(format!("the consent page refuses: {told}"))
        })
    }

    fn carry(&self, call: &Call) -> Result<Reply, Refusal> {
        let mut body = Vec::new();
        for part in &call.request.body().0 {
            match part {
                Part::Inline(bytes) => body.extend_from_slice(bytes),
                // Nobody connects with a file.
                Part::Asset { .. } => return Err(Refusal::new("connecting takes no files")),
            }
        }
        let (method, headers) = (call.request.method().clone(), call.request.headers().clone());
        let (answer, at) = self.ask(method, call.request.uri(), headers, body)?;
        let (parts, body) = answer.into_parts();
        Ok(Reply { status: parts.status, headers: parts.headers, body, at })
    }

    fn ask(
        &self,
        method: Method,
        uri: &Uri,
        mut headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<(Response<Vec<u8>>, Timestamp), Refusal> {
        if let Some(host) = uri.host().and_then(|host| HeaderValue::from_str(host).ok()) {
            headers.insert(route::PLATFORM_HOST, host);
        }
        let request = Inbound {
            base: self.base.clone(),
            method,
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers,
            body,
        };
        self.hosted.ask(&request, self.world).map_err(|fault| Refusal::ours(&fault))
    }
}
