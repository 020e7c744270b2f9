//! The simulated platforms alone, as `postfleet sim` serves them to anybody's tests.
//!
//! A guardian ends the process and removes its files when the tests end, whatever ended them.

use super::wait::eventually;
use base::rng;
use platforms::sim::Accepted;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_postfleet");
const READY_WITHIN: Duration = Duration::from_secs(30);
/// It waits for the end of its standard input, a pipe from the tests.
const GUARDIAN: &str = "cat >/dev/null; kill \"$1\" 2>/dev/null; rm -rf \"$2\"";

/// A process that simulates platforms, with a folder of its own.
pub struct Alone {
    /// Where it keeps everything, and where a test may too.
    pub root: PathBuf,
    /// Where all of them are.
    pub url: String,
    /// Where each of them is.
    pub platforms: BTreeMap<String, String>,
    http: reqwest::Client,
    child: Child,
    _guardian: Child,
}

impl Alone {
    /// Starts it with further arguments.
    #[expect(clippy::disallowed_methods, reason = "a stranger's client, which resends nothing")]
    pub async fn start(arguments: &[&str]) -> Self {
        let name = format!("sim-{}-{}", std::process::id(), rng::uuid().simple());
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&root).unwrap();
        let (place, log) = (root.join("place.json"), root.join("sim.log"));
        let mut command = Command::new(PROGRAM);
        command.args(["sim", "--port", "0"]).args(arguments).arg("--place").arg(&place);
        command.arg("--data").arg(root.join("data")).stdin(Stdio::null());
        let output = File::create(&log).unwrap();
        command.stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.spawn().unwrap();
        let mut guardian = Command::new("sh");
        guardian.args(["-c", GUARDIAN, "guardian", &child.id().to_string()]).arg(&root);
        guardian.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null());
        let guardian = guardian.stderr(Stdio::null()).spawn().unwrap();
        let shown = eventually("the simulators answer", READY_WITHIN, async || {
            let text = fs::read(&place).map_err(|_| fs::read_to_string(&log).unwrap())?;
            serde_json::from_slice::<Value>(&text).map_err(|error| error.to_string())
        })
        .await;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().retry(reqwest::retry::never()).no_proxy();
        Self {
            root,
            url: shown["simUrl"].as_str().unwrap().to_owned(),
            platforms: serde_json::from_value(shown["platforms"].clone()).unwrap(),
            http: http.build().unwrap(),
            child,
            _guardian: guardian,
        }
    }

    /// What is shown at a path.
    pub async fn get(&self, path: &str) -> Value {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    /// The bytes at a path.
    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.bytes().await.unwrap().into()
    }

    /// What a platform accepted, oldest first: the endpoint, who, and the wording.
    pub async fn accepted(&self, platform: &str) -> Vec<[String; 3]> {
        let shown = self.get(&format!("/_sim/accepted?platform={platform}")).await;
        let accepted: Vec<Accepted> = serde_json::from_value(shown).unwrap();
        accepted.into_iter().map(|one| [one.route, one.account, one.text]).collect()
    }

    /// The status of a request without a body.
    pub async fn status(&self, method: &str, path: &str) -> u16 {
        let url = format!("{}{path}", self.url);
        let method = method.parse().unwrap();
        self.http.request(method, url).send().await.unwrap().status().as_u16()
    }

    /// The status and the answer to an order.
    pub async fn post(&self, path: &str, order: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.url)).json(order);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
    }

    /// An account with its token.
    pub async fn grant(&self, wanted: &Value) -> Value {
        let (status, grant) = self.post("/_sim/grants", wanted).await;
        assert_eq!(status, 200, "{grant}");
        grant
    }

    /// The whole requests that a platform kept, oldest first.
    pub fn requests(&self, platform: &str) -> Vec<Value> {
        let file = self.root.join("data/sim").join(format!("{platform}.ndjson"));
        let text = fs::read_to_string(file).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter_map(|mut line| Some(line.get_mut("request")?.take())).collect()
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
