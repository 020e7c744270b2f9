//! Metrics, alerts, dashboards and runbook: each names only what the others have.

use crate::support::fleet::program;
use crate::support::prometheus::{is_here, rules_file};
use crate::support::say;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// A metric as `docs/METRICS.md` has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Described {
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// Its labels.
    pub labels: BTreeSet<String>,
}

/// Every metric that is described.
pub fn described() -> BTreeMap<String, Described> {
    let text = text("docs/METRICS.md");
    let rows = text.lines().filter(|line| line.starts_with("| `postfleet_"));
    rows.map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let plain = |cell: &str| cell.trim_matches('`').to_owned();
        let labels = cells[3].split(", ").filter(|label| *label != "–").map(plain).collect();
        (plain(cells[1]), Described { kind: cells[2].to_owned(), labels })
    })
    .collect()
}

/// Words that begin like one of our metrics.
fn names(text: &str) -> BTreeSet<String> {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_inside(c)).filter(|word| word.starts_with("postfleet_"));
    words.map(str::to_owned).collect()
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// Metrics that the code names, those of its own tests left out.
fn emitted() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    sources(&root().join("workers"), &mut files);
    let mut all = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        for quoted in text.split('"').filter(|part| part.starts_with("postfleet_")) {
            all.extend(names(quoted).into_iter().filter(|name| name == quoted));
        }
    }
    // A role of Postgres.
    all.remove("postfleet_tenant");
    all.retain(|name| !name.starts_with("postfleet_test"));
    all
}

/// The metric behind a series: a histogram has three.
fn base(series: &str) -> &str {
    let ends = ["_bucket", "_sum", "_count"];
    ends.iter().find_map(|end| series.strip_suffix(end)).unwrap_or(series)
}

// case: O-metrics
#[test]
fn every_metric_is_described_and_nothing_else_is_named() {
    let described: BTreeSet<String> = described().into_keys().collect();
    assert_eq!(emitted(), described, "code and docs/METRICS.md");
    let named = [text("deploy/prometheus/rules.yml"), text("deploy/prometheus/rules_test.yml")];
    let named = named.into_iter().chain(dashboards().into_iter().map(|(_, text)| text));
    for name in named.flat_map(|text| names(&text)) {
        assert!(described.contains(base(&name)), "{name} is named and does not exist");
    }
}

/// The lines of the rules that begin with this word, without it.
fn said(rules: &str, word: &str) -> Vec<String> {
    let lines = rules.lines().map(|line| line.trim_start().trim_start_matches("- "));
    lines.filter_map(|line| line.strip_prefix(word)).map(|rest| rest.trim().to_owned()).collect()
}

/// Every alert.
pub fn alerts() -> BTreeSet<String> {
    said(&text("deploy/prometheus/rules.yml"), "alert:").into_iter().collect()
}

// case: O-runbook
#[test]
fn every_alert_has_its_heading_and_every_heading_its_alert() {
    let (rules, runbook) = (text("deploy/prometheus/rules.yml"), text("deploy/RUNBOOK.md"));
    let headings: BTreeSet<String> = said(&runbook, "## ").into_iter().collect();
    assert_eq!(headings, alerts());
    let linked: BTreeSet<String> = said(&rules, "runbook:").into_iter().collect();
    let place = |alert: &String| format!("\"deploy/RUNBOOK.md#{}\"", alert.to_lowercase());
    assert_eq!(linked, alerts().iter().map(place).collect());
    for section in runbook.split("\n## ").skip(1) {
        for part in ["**What it means.**", "**What to look at.**", "**What to do.**"] {
            assert!(section.contains(part), "{part} is missing of {section}");
        }
    }
}

// case: O-runbook
#[test]
fn every_command_of_the_runbook_exists() {
    let runbook = text("deploy/RUNBOOK.md");
    let quoted = runbook.split('`').skip(1).step_by(2);
    let commands: BTreeSet<&str> = quoted.filter(|one| one.starts_with("postfleet ")).collect();
    assert!(commands.len() > 5, "{commands:?}");
    for command in commands {
        // Asked for its help, it reads its arguments and does nothing.
        let arguments = command.split(' ').skip(1);
        let output = program().args(arguments).arg("--help").output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {told}");
    }
}

/// The dashboards: names and texts.
fn dashboards() -> Vec<(String, String)> {
    let files = fs::read_dir(root().join("deploy/grafana")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let read = |path: PathBuf| (path.display().to_string(), fs::read_to_string(&path).unwrap());
    files.map(read).collect()
}

/// Every query of a dashboard, with its variables filled in.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().cloned());
    let expressions = targets.flatten().map(|one| one["expr"].as_str().unwrap().to_owned());
    expressions
        .map(|one| one.replace("$__rate_interval", "5m").replace("$platform", ".*"))
        .collect()
}

fn promtool(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("promtool").current_dir(dir).args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}: {told}");
    told.into_owned()
}

// case: O-dashboards
#[test]
fn rules_and_dashboards_are_what_prometheus_understands() {
    let dashboards = dashboards();
    assert_eq!(dashboards.len(), 2);
    let mut ids = BTreeSet::new();
    let mut rules = "groups:\n  - name: queries\n    rules:\n".to_owned();
    for (name, text) in &dashboards {
        let dashboard: Value = serde_json::from_str(text).unwrap();
        assert!(ids.insert(dashboard["uid"].as_str().unwrap().to_owned()), "{name}");
        let queries = queries(&dashboard);
        assert!(queries.len() > 10, "{name}");
        for query in queries {
            let quoted = serde_json::to_string(&query).unwrap();
            rules += &format!("      - {{record: one, expr: {quoted}}}\n");
        }
    }
    if !is_here("promtool") {
        say("SKIPPED: promtool is not here (Debian's package prometheus); rules are unchecked");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("queries.yml"), rules).unwrap();
    // The same name again and again is no fault here.
    promtool(dir.path(), &["check", "rules", "--lint=none", "queries.yml"]);
    let own = rules_file();
    promtool(own.parent().unwrap(), &["check", "rules", "rules.yml"]);
    promtool(own.parent().unwrap(), &["test", "rules", "rules_test.yml"]);
}
