//! The shell around a platform made up for these tests.

use super::{Simulation, open, serve};
use base::clock;
use domain::time::Timestamp;
use http::{Response, StatusCode};
use platforms::sim::{Accepted, Answered, Control, Fetched, Inbound, Simulator};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Accepts whatever is posted to `/posts` by the token `good`.
#[derive(Default)]
struct Wall {
    accepted: Vec<Accepted>,
    is_revoked: bool,
}

impl Simulator for Wall {
    fn route(&self, request: &Inbound) -> Option<&'static str> {
        (request.path == "/posts").then_some("posts.create")
    }

    fn account(&self, request: &Inbound) -> Option<String> {
        let token = request.headers.get("authorization")?;
        (token == "Bearer good").then(|| "7".to_owned())
    }

    fn answer(&mut self, request: &Inbound, now: Timestamp) -> Answered {
        let account = self.account(request).filter(|_| !self.is_revoked);
        let mut response = Response::new(b"0123456789".to_vec());
        let Some(account) = account else {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            return Answered {
                response,
                is_kept: false,
                accepted: None,
                account: None,
                fetches: Vec::new(),
            };
        };
        let accepted = Accepted {
            platform: "wall".into(),
            route: "posts.create".into(),
            account: account.clone(),
            remote_id: self.accepted.len().to_string(),
            text: String::from_utf8_lossy(&request.body).into_owned(),
            digest: String::new(),
            at: now,
        };
        self.accepted.push(accepted.clone());
        let account = Some(account);
        Answered { response, is_kept: true, accepted: Some(accepted), account, fetches: Vec::new() }
    }

    fn fetched(&mut self, _key: &str, _fetched: &Fetched, _now: Timestamp) {}

    fn accepted(&self) -> &[Accepted] {
        &self.accepted
    }

    fn accounts(&self) -> Value {
        json!([{"id": "7", "handle": "acme"}])
    }

    fn limits(&self) -> Value {
        Value::Null
    }

    fn control(&mut self, control: &Control, _: Timestamp) -> bool {
        let is_revoke = matches!(control, Control::Revoke { .. });
        self.is_revoked |= is_revoke;
        is_revoke
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

struct Served {
    url: String,
    data: PathBuf,
    http: reqwest::Client,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    async fn fresh() -> Self {
        Self::at(&std::env::temp_dir().join(format!("postfleet-sim-{}", base::rng::uuid()))).await
    }

    async fn at(data: &Path) -> Self {
        Self::with(vec![("wall", Box::<Wall>::default())], data).await
    }

    async fn with(simulators: Vec<(&'static str, Box<dyn Simulator>)>, data: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let simulation = Simulation {
            simulators,
            data: data.to_owned(),
            is_at_root: false,
            delay: Duration::ZERO,
        };
        let running = serve(open(simulation).unwrap(), listener, stop.clone());
        let task = tokio::spawn(async move { running.await.unwrap() });
        Self { url, data: data.to_owned(), http: client(), stop, task }
    }

    async fn stop(self) {
        drop(self.http);
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// Stops, and leaves nothing behind.
    async fn end(self) {
        let data = self.data.clone();
        self.stop().await;
        std::fs::remove_dir_all(data).unwrap();
    }

    async fn post(&self, text: &'static str) -> reqwest::Result<reqwest::Response> {
        let url = format!("{}/wall/posts", self.url);
        self.http.post(url).bearer_auth("good").body(text).send().await
    }

    async fn faults(&self, list: Value) -> StatusCode {
        let url = format!("{}/_sim/faults", self.url);
        self.http.post(url).body(list.to_string()).send().await.unwrap().status()
    }

    async fn grant(&self, wanted: &Value) -> (StatusCode, Value) {
        let url = format!("{}/_sim/grants", self.url);
        let answer = self.http.post(url).body(wanted.to_string()).send().await.unwrap();
        (answer.status(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let text = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        serde_json::from_str(&text.text().await.unwrap()).unwrap()
    }

    async fn texts(&self) -> Vec<String> {
        let all = self.get("/_sim/accepted?platform=wall").await;
        let text = |one: &Value| one["text"].as_str().unwrap().to_owned();
        all.as_array().unwrap().iter().map(text).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's client, which resends nothing either")]
fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().retry(reqwest::retry::never()).no_proxy().build().unwrap()
}

fn fault(kind: &str) -> Value {
    json!([{"platform": "wall", "route": "posts.create", "account": "@acme", "kind": kind}])
}

#[tokio::test]
async fn a_reset_breaks_the_connection_before_or_after_the_post_is_accepted() {
    let served = Served::fresh().await;
    assert_eq!(served.faults(fault("resetBeforeAccept")).await, 200);
    let error = served.post("before").await.unwrap_err();
    assert!(error.status().is_none() && !error.is_connect(), "{error:?}");
    assert!(served.texts().await.is_empty());

    assert_eq!(served.faults(fault("acceptThenReset")).await, 200);
    assert!(served.post("after").await.is_err());
    assert_eq!(served.texts().await, ["after"]);
    // The fault is used up.
    assert_eq!(served.post("then").await.unwrap().status(), 200);
    served.end().await;
}

#[tokio::test]
async fn an_answer_can_break_off_come_late_or_be_an_error() {
    let served = Served::fresh().await;
    served.faults(json!([{"platform": "wall", "kind": "truncate", "bytes": 4}])).await;
    let mut cut = served.post("cut").await.unwrap();
    assert_eq!(cut.chunk().await.unwrap().unwrap(), "0123");
    assert!(cut.chunk().await.is_err());

    served.faults(json!([{"platform": "wall", "kind": "delay", "ms": 80, "count": 1}])).await;
    let since = clock::stopwatch();
    served.post("late").await.unwrap();
    assert!(since.elapsed() >= Duration::from_millis(80));

    let error = json!([{"platform": "wall", "kind": "serverError", "status": 503, "body": {"a": 1}},
        {"platform": "wall", "kind": "serverError", "accept": true, "after": 1}]);
    served.faults(error).await;
    let answer = served.post("lost").await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.text().await.unwrap(), "{\"a\":1}");
    assert_eq!(served.post("kept").await.unwrap().status(), 500);
    served.faults(json!([{"platform": "wall", "kind": "garbage", "body": "<html>"}])).await;
    let answer = served.post("dropped").await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), "<html>");
    assert_eq!(served.texts().await, ["cut", "late", "kept"]);
    served.end().await;
}

#[tokio::test]
async fn what_was_accepted_and_ordered_survives_a_restart_and_a_reset_forgets_it() {
    let served = Served::fresh().await;
    let data = served.data.clone();
    served.post("one").await.unwrap();
    served.faults(json!([{"platform": "wall", "kind": "revoke"}])).await;
    served
        .http
        .put(format!("{}/_sim/clock", served.url))
        .body("{\"offsetMs\":5}")
        .send()
        .await
        .unwrap();
    served.stop().await;

    let served = Served::at(&data).await;
    assert_eq!(served.texts().await, ["one"]);
    assert_eq!(served.get("/_sim/clock").await["offsetMs"], 5);
    assert_eq!(served.post("two").await.unwrap().status(), 401);
    served.http.post(format!("{}/_sim/reset", served.url)).send().await.unwrap();
    assert_eq!(served.get("/_sim/clock").await["offsetMs"], 0);
    served.post("three").await.unwrap();
    served.stop().await;
    let served = Served::at(&data).await;
    assert_eq!(served.texts().await, ["three"]);
    served.end().await;
}

#[tokio::test]
async fn a_change_of_state_can_wait_for_requests() {
    let served = Served::fresh().await;
    served.faults(json!([{"platform": "wall", "kind": "revoke", "after": 1}])).await;
    assert_eq!(served.post("first").await.unwrap().status(), 200);
    assert_eq!(served.post("second").await.unwrap().status(), 401);
    served.http.delete(format!("{}/_sim/faults", served.url)).send().await.unwrap();
    assert_eq!(served.get("/_sim/faults").await, json!([]));
    served.end().await;
}

#[tokio::test]
async fn a_fault_with_an_unknown_field_platform_or_control_is_refused() {
    let served = Served::fresh().await;
    for list in [
        json!([{"platform": "wall", "kind": "delay", "ms": 1, "colour": "red"}]),
        json!([{"platform": "moon", "kind": "revoke"}]),
        json!([{"platform": "wall", "kind": "stuckProcessing", "s": 1}]),
    ] {
        assert_eq!(served.faults(list).await, 422);
    }
    assert_eq!(served.get("/_sim/faults").await, json!([]));
    let page = served.http.get(&served.url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("/wall/feed"), "{page}");
    served.end().await;
}

// case: C-grants
#[tokio::test]
async fn a_grant_is_an_account_and_a_token_that_works() {
    let data = std::env::temp_dir().join(format!("postfleet-sim-{}", base::rng::uuid()));
    let served = Served::with(crate::commands::sim::simulators(), &data).await;
    for platform in platforms::ALL {
        let name = platform.name();
        let spared = json!([{"platform": name, "kind": "resetBeforeAccept"}]);
        assert_eq!(served.faults(spared).await, 200);
        for app in platform.adapter().unwrap().auth().apps() {
            let wanted = json!({"platform": name, "account": "acme", "app": app});
            let (status, grant) = served.grant(&wanted).await;
            assert_eq!(status, 200, "{name} {app}: {grant}");
            let is_known = |account: &Value| account["id"] == grant["accountId"];
            let accounts = served.get(&format!("/_sim/accounts?platform={name}")).await;
            assert!(accounts.as_array().unwrap().iter().any(is_known), "{grant} {accounts}");
            let kind = grant["kind"].as_str().unwrap();
            assert!(platform.account_kinds().contains(&kind), "{name}: {kind}");
        }
    }
    // No fault met these calls, and none was used up.
    let script = served.get("/_sim/faults").await;
    assert!(script.as_array().unwrap().iter().all(|fault| fault["hits"] == 0), "{script}");
    served.http.delete(format!("{}/_sim/faults", served.url)).send().await.unwrap();

    let (_, grant) = served.grant(&json!({"platform": "x", "account": "beta"})).await;
    served.stop().await;
    let served = Served::with(crate::commands::sim::simulators(), &data).await;
    let me = served.http.get(format!("{}/x/2/users/me", served.url));
    let me = me.bearer_auth(grant["accessToken"].as_str().unwrap()).send().await.unwrap();
    let me: Value = serde_json::from_str(&me.text().await.unwrap()).unwrap();
    assert_eq!(me["data"]["id"], grant["accountId"], "{me}");
    served.end().await;
}

#[tokio::test]
async fn a_grant_that_cannot_be_given_says_why() {
    let data = std::env::temp_dir().join(format!("postfleet-sim-{}", base::rng::uuid()));
    let served = Served::with(crate::commands::sim::simulators(), &data).await;
    for (wanted, told) in [
        (json!({"account": "acme"}), "which platform"),
        (json!({"platform": "moon", "account": "acme"}), "moon"),
        (json!({"platform": "x", "account": "acme", "app": "other"}), "default"),
        (json!({"platform": "x", "account": "a b"}), "1 to 40 letters"),
        (json!({"platform": "x", "account": "acme", "scopes": []}), "scope is missing"),
        (json!({"platform": "x"}), "account"),
        (json!({"platform": "x", "account": "acme", "colour": "red"}), "colour"),
        (json!({"platform": "instagram", "account": "personal1"}), "PlatformAuthError"),
    ] {
        let (status, answer) = served.grant(&wanted).await;
        assert_eq!(status, 422, "{wanted}");
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(told), "{wanted}: {error}");
    }
    served.end().await;
}
