//! The bare loop: the calls of the bench without a fleet around them, one in flight per account.

use base::digest::sha256_hex;
use base::http::{Body, Bounds, Http};
use base::{Context, Fault, clock};
use futures::future::try_join_all;
use http::Request;
use platforms::{App, Grant, Reply};
use std::time::Duration;
use url::Url;

const DEADLINE: Duration = Duration::from_secs(30);
const REPLY_SIZE_BYTES_MAX: usize = 1 << 20;

/// A client of the simulated X that holds its own tokens.
pub struct Bare {
    http: Http,
    sim: String,
}

impl Bare {
    /// A client of the X under this URL.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(sim: &str) -> Result<Self, Fault> {
        Ok(Self { http: Http::new()?, sim: sim.trim_end_matches('/').to_owned() })
    }

    /// Consents for an account and exchanges the code.
    ///
    /// # Errors
    /// When the simulator refuses.
    pub async fn connect(&self, handle: &str) -> Result<String, Fault> {
        let platform = platforms::find("x").context("X is gone")?;
        let auth = platform.adapter().context("X has no adapter")?.auth();
        let app = App {
            name: "default".to_owned(),
            client_id: "bench".to_owned(),
            client_secret: "sim-secret".into(),
            redirect_uri: "http://127.0.0.1/callback".to_owned(),
        };
        let verifier = "v".repeat(43);
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &app.client_id)
            .append_pair("redirect_uri", &app.redirect_uri)
            .append_pair("scope", &auth.profile(&app.name).scopes.join(" "))
            .append_pair("state", &sha256_hex(handle.as_bytes()))
            .append_pair("code_challenge", &verifier)
            .append_pair("code_challenge_method", "plain")
            .append_pair("account", handle)
            .finish();
        let consent = Request::post(format!("{}/i/oauth2/authorize", self.sim))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::Bytes(form.into()))?;
        let granted = self.send(consent).await?;
        let back = granted.header("location").context("the consent page does not send us back")?;
        let back = Url::parse(back)?;
        let code = back.query_pairs().find(|(name, _)| name == "code").context("no code")?.1;
        let call = auth.exchange(&app, &code, Some(&verifier));
        let (parts, body) = call.request.into_parts();
        let path = parts.uri.path().to_owned();
        let mut request = Request::post(format!("{}{path}", self.sim));
        for (name, value) in &parts.headers {
            request = request.header(name, value);
        }
        let bytes: Vec<u8> = body
            .0
            .into_iter()
            .flat_map(|part| match part {
                platforms::Part::Inline(bytes) => bytes,
                platforms::Part::Asset { .. } => Vec::new(),
            })
            .collect();
        let reply = self.send(request.body(Body::Bytes(bytes.into()))?).await?;
        let grant: Result<Grant, _> = auth.read_grant(&reply, None);
        grant
            .map(|grant| grant.access_token.expose().to_owned())
            .map_err(|no| Fault::new(no.detail()))
    }

    /// Posts `each` texts on every account, one call in flight per account; how long it took.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn post(&self, tokens: &[String], each: usize) -> Result<Duration, Fault> {
        let since = clock::stopwatch();
        let lanes = tokens.iter().enumerate().map(|(lane, token)| async move {
            for number in 0..each {
                let text = format!("bare post {number} on account {lane}");
                let body = serde_json::json!({ "text": text }).to_string();
                let request = Request::post(format!("{}/2/tweets", self.sim))
                    .header("authorization", format!("Bearer {token}"))
                    .header("content-type", "application/json")
                    .body(Body::Bytes(body.into()))?;
                let reply = self.send(request).await?;
                if reply.status.as_u16() != 201 {
                    return Err(Fault::new(format!("a bare post got HTTP {}", reply.status)));
                }
            }
            Ok::<(), Fault>(())
        });
        try_join_all(lanes).await?;
        Ok(since.elapsed())
    }

    async fn send(&self, request: Request<Body>) -> Result<Reply, Fault> {
        let bounds =
            Bounds { deadline: DEADLINE, reply_size_bytes_max: REPLY_SIZE_BYTES_MAX, fence: None };
        let response = self.http.send(request, bounds).await;
        let response = response.map_err(|silence| Fault::new(silence.detail()))?;
        Ok(Reply {
            status: response.status,
            headers: response.headers,
            body: response.body.to_vec(),
            at: clock::now(),
        })
    }
}
