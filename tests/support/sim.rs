//! The simulated platforms: what they accepted, and the misfortunes that a test orders.

use super::fleet::Place;
use platforms::sim::Accepted;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// The control of the simulators.
pub struct Sim {
    http: reqwest::Client,
    url: String,
    logs: PathBuf,
}

impl Sim {
    /// The simulators of the fleet at a place, which keep their logs in this folder.
    #[expect(clippy::disallowed_methods, reason = "a stranger's client, which resends nothing")]
    pub fn new(place: &Place, logs: PathBuf) -> Self {
        // Whoever comes first chooses the cryptography; the second installation is refused.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().retry(reqwest::retry::never()).no_proxy();
        Self { http: http.build().unwrap(), url: place.sim_url.clone(), logs }
    }

    /// Everything that a platform accepted, oldest first.
    pub async fn accepted(&self, platform: &str) -> Vec<Accepted> {
        let shown = self.get(&format!("/_sim/accepted?platform={platform}")).await;
        serde_json::from_value(shown).unwrap()
    }

    /// What a platform accepted from one account, oldest first.
    pub async fn accepted_from(&self, platform: &str, remote_id: &str) -> Vec<Accepted> {
        self.accepted(platform).await.into_iter().filter(|one| one.account == remote_id).collect()
    }

    /// Orders misfortunes of X; each is an object without `platform`.
    pub async fn faults(&self, faults: Value) {
        self.faults_on("x", faults).await;
    }

    /// Orders misfortunes of a platform; each is an object without `platform`.
    pub async fn faults_on(&self, platform: &str, faults: Value) {
        let Value::Array(mut list) = faults else { panic!("faults come in a list") };
        for fault in &mut list {
            fault["platform"] = platform.into();
        }
        let url = format!("{}/_sim/faults", self.url);
        let answer = self.http.post(url).json(&list).send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap());
    }

    /// Orders one misfortune for one account on X.
    pub async fn fault(&self, account: &str, fault: Value) {
        self.fault_on("x", account, fault).await;
    }

    /// Orders one misfortune for one account.
    pub async fn fault_on(&self, platform: &str, account: &str, mut fault: Value) {
        fault["account"] = account.into();
        self.faults_on(platform, json!([fault])).await;
    }

    /// Ends every misfortune of a platform that was ordered and has not come yet.
    pub async fn forgive(&self, platform: &str) {
        let url = format!("{}/_sim/faults?platform={platform}", self.url);
        assert!(self.http.delete(url).send().await.unwrap().status().is_success());
    }

    /// An account of this handle, and a token for it.
    pub async fn grant(&self, platform: &str, handle: &str) -> Value {
        let url = format!("{}/_sim/grants", self.url);
        let asked =
            json!({"platform": platform, "account": handle, "clientId": "postfleet-dev-default"});
        let answer = self.http.post(url).json(&asked).send().await.unwrap();
        assert!(answer.status().is_success());
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// Moves the clock that the platforms share, ahead of the machine's.
    pub async fn clock(&self, ahead: Duration) {
        let url = format!("{}/_sim/clock", self.url);
        let offset_ms = i64::try_from(ahead.as_millis()).unwrap();
        let answer = self.http.put(url).json(&json!({ "offsetMs": offset_ms })).send().await;
        assert!(answer.unwrap().status().is_success());
    }

    /// The requests for another token that a platform kept, as they were written: query and body.
    pub fn renewals(&self, platform: &str) -> Vec<String> {
        let text =
            |request: &Value, member: &str| request[member].as_str().unwrap_or_default().to_owned();
        let lines = self.log_of(platform);
        let requests = lines.iter().filter_map(|line| line.get("request"));
        let written = requests.map(|one| text(one, "query") + "&" + &text(one, "body"));
        let names = ["grant_type=refresh_token", "grant_type=ig_refresh", "grant_type=th_refresh"];
        written.filter(|words| names.iter().any(|name| words.contains(name))).collect()
    }

    /// Replaces limits of a platform.
    pub async fn limits(&self, platform: &str, limits: &Value) {
        let url = format!("{}/_sim/limits?platform={platform}", self.url);
        let answer = self.http.put(url).json(limits).send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap());
    }

    /// A grant that a platform gave to a registration without a browser.
    pub async fn grant_to(
        &self,
        platform: &str,
        app: Option<&str>,
        account: &str,
        client_id: &str,
    ) -> Value {
        let wanted = json!({
            "platform": platform, "app": app, "account": account, "clientId": client_id,
        });
        let url = format!("{}/_sim/grants", self.url);
        let answer = self.http.post(url).json(&wanted).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// What the owner of an account does on a platform, without us.
    pub async fn act(&self, platform: &str, handle: &str, method: Method, path: &str) {
        let grant = self.grant(platform, handle).await;
        let token = grant["accessToken"].as_str().unwrap();
        let url = format!("{}/{platform}{path}", self.url);
        let answer = self.http.request(method, url).bearer_auth(token).send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap());
    }

    /// The accounts that a platform knows.
    pub async fn accounts(&self, platform: &str) -> Vec<Value> {
        match self.get(&format!("/_sim/accounts?platform={platform}")).await {
            Value::Array(accounts) => accounts,
            other => panic!("no list of accounts: {other}"),
        }
    }

    /// A page as a person sees it.
    pub async fn page(&self, url: &str) -> String {
        let response = self.http.get(url).send().await.unwrap();
        assert_eq!(response.status(), 200, "{url}");
        response.text().await.unwrap()
    }

    /// The bodies of the requests that X kept for this path, oldest first.
    pub fn bodies(&self, path: &str) -> Vec<Value> {
        let lines = self.log();
        let requests = lines.iter().filter_map(|line| line.get("request"));
        let wanted = requests.filter(|request| request["path"] == path);
        let body = |request: &Value| request["body"].as_str().map(str::to_owned);
        wanted.filter_map(body).filter_map(|body| serde_json::from_str(&body).ok()).collect()
    }

    /// Every line of X's log.
    pub fn log(&self) -> Vec<Value> {
        self.log_of("x")
    }

    /// Every line of a platform's log.
    pub fn log_of(&self, platform: &str) -> Vec<Value> {
        let file = self.logs.join(format!("{platform}.ndjson"));
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    async fn get(&self, path: &str) -> Value {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }
}
