//! A real Prometheus beside a fleet, with the rules of `deploy/prometheus`; nothing of it is made up
//! but the pace: what takes minutes in operation takes seconds here.

use super::fleet::{Fleet, free_port};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A Prometheus, ended on drop.
pub struct Prometheus {
    child: Child,
    http: reqwest::Client,
    url: String,
    log: PathBuf,
}

/// Where the rules are.
pub fn rules_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/rules.yml")
}

/// Whether a program of Debian's package `prometheus` is here.
pub fn is_here(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|out| out.status.success())
}

/// The rules with shorter times, and nothing else changed: windows of minutes are of seconds, and
/// what has to hold for a while has to hold once.
fn hurried(rules: &str) -> String {
    let times =
        [("[5m]", "[10s]"), ("[10m]", "[10s]"), ("[1h]", "[60s]"), ("offset 1h", "offset 12s")];
    let hurry = |line: &str| match line.trim_start().starts_with("for: ") {
        true => "        for: 0s".to_owned(),
        false => {
            times.iter().fold(line.to_owned(), |line, (long, short)| line.replace(long, short))
        }
    };
    rules.lines().map(|line| hurry(line) + "\n").collect()
}

impl Prometheus {
    /// Starts one that looks at the private port of a fleet every two seconds.
    #[expect(clippy::disallowed_methods, reason = "a stranger's client, which resends nothing")]
    pub fn start(fleet: &Fleet) -> Self {
        let dir = fleet.root().join("prometheus");
        fs::create_dir_all(&dir).unwrap();
        let target = fleet.place().private_url.replace("http://", "");
        let config = format!(
            "global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}}\n\
             rule_files: [rules.yml]\n\
             scrape_configs:\n  - job_name: postfleet\n    static_configs:\n      \
             - targets: [\"{target}\"]\n"
        );
        fs::write(dir.join("prometheus.yml"), config).unwrap();
        fs::write(dir.join("rules.yml"), hurried(&fs::read_to_string(rules_file()).unwrap()))
            .unwrap();
        let (port, log) = (free_port(), dir.join("log"));
        let output = File::create(&log).unwrap();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", dir.join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", dir.join("data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.spawn().unwrap();
        fleet.guard(&child);
        // Whoever comes first chooses the cryptography; the second installation is refused.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().retry(reqwest::retry::never()).no_proxy();
        let url = format!("http://127.0.0.1:{port}");
        Self { child, http: http.build().unwrap(), url, log }
    }

    /// The names of the alerts that fire now; `Err` until it answers.
    pub async fn firing(&self) -> Result<BTreeSet<String>, String> {
        let answer = self.http.get(format!("{}/api/v1/alerts", self.url)).send().await;
        let answer = answer.map_err(|error| error.to_string())?;
        let shown: Value = answer.json().await.map_err(|error| error.to_string())?;
        let all = shown["data"]["alerts"].as_array().cloned().unwrap_or_default();
        let firing = all.iter().filter(|alert| alert["state"] == "firing");
        Ok(firing.map(|one| one["labels"]["alertname"].as_str().unwrap().to_owned()).collect())
    }

    /// The newest value of an expression, where it has one.
    pub async fn value(&self, expression: &str) -> Option<f64> {
        let url = format!("{}/api/v1/query", self.url);
        let answer = self.http.get(url).query(&[("query", expression)]).send().await.ok()?;
        let shown: Value = answer.json().await.ok()?;
        shown["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let bad = log.lines().filter(|line| line.contains("level=error"));
            eprintln!("errors of Prometheus: {:?}", bad.collect::<Vec<_>>());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
