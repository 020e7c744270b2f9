//! `docs/SIMULATORS.md` is run: every command of it, in one shell, and every answer is compared.
//! What its tables name is there.

use crate::support::{Alone, say};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const DOCUMENT: &str = include_str!("../../docs/SIMULATORS.md");
const PROGRAM: &str = env!("CARGO_BIN_EXE_postfleet");
/// What differs from run to run.
const ANYTHING: char = '…';

/// A fenced block: its language, and what it holds.
type Block = (&'static str, String);

fn blocks() -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut is_inside = false;
    for line in DOCUMENT.lines() {
        match line.strip_prefix("```") {
            Some(language) => {
                is_inside = !is_inside;
                if is_inside {
                    found.push((language, String::new()));
                }
            }
            None if is_inside => {
                let (_, text) = found.last_mut().unwrap();
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    found
}

/// A text is as it is written, with anything in the place of the mark.
fn fits(written: &str, told: &str) -> bool {
    let mut parts = written.split(ANYTHING);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = told.strip_prefix(first) else { return false };
    let mut is_open = false;
    for part in parts {
        is_open = part.is_empty();
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    is_open || rest.is_empty()
}

/// JSON is as it is written; the mark alone stands for any value.
fn fits_json(written: &Value, told: &Value) -> bool {
    match (written, told) {
        (Value::String(mark), _) if mark.chars().eq([ANYTHING]) => true,
        (Value::String(written), Value::String(told)) => fits(written, told),
        (Value::Array(written), Value::Array(told)) => {
            written.len() == told.len() && written.iter().zip(told).all(|(a, b)| fits_json(a, b))
        }
        (Value::Object(written), Value::Object(told)) => {
            written.len() == told.len()
                && written.iter().all(|(name, a)| told.get(name).is_some_and(|b| fits_json(a, b)))
        }
        _ => written == told,
    }
}

/// Runs the commands one after the other in one shell, and brings what each block printed.
fn run(commands: &[&str], home: &Path) -> Vec<String> {
    let mut script =
        "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    for (at, command) in commands.iter().enumerate() {
        script.push_str(&format!("{{\n{command}}} >told.{at}\n"));
    }
    let bin = Path::new(PROGRAM).parent().unwrap().to_str().unwrap();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let mut shell = Command::new("timeout");
    shell.args(["60", "bash", "-c", &script]).current_dir(home).env("PATH", path);
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        shell.env_remove(name).env_remove(name.to_uppercase());
    }
    let output = shell.stdin(Stdio::null()).output().unwrap();
    let told = |at| fs::read_to_string(home.join(format!("told.{at}"))).unwrap_or_default();
    let all: Vec<String> = (0..commands.len()).map(told).collect();
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {why}\n{all:#?}", output.status);
    all
}

fn has(program: &str) -> bool {
    let output = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    output.is_ok_and(|status| status.success())
}

// case: H-simulators
#[test]
fn every_command_does_what_is_written() {
    if let Some(missing) = ["bash", "curl", "jq", "timeout"].iter().find(|name| !has(name)) {
        say(format!("SKIPPED, the commands of docs/SIMULATORS.md need {missing}"));
        return;
    }
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let blocks = blocks();
    let is_command = |(language, _): &&Block| *language == "sh";
    let commands: Vec<&str> =
        blocks.iter().filter(is_command).map(|(_, text)| text.as_str()).collect();
    let told = run(&commands, home.path());
    let mut at = 0_usize;
    for (language, written) in &blocks {
        let before = at.checked_sub(1).map(|at| (told[at].as_str(), commands[at]));
        match (*language, before) {
            ("sh", _) => at += 1,
            ("json", Some((told, command))) => {
                let parsed = |text: &str| {
                    serde_json::from_str::<Value>(text)
                        .unwrap_or_else(|why| panic!("{why} in {text:?} after {command}"))
                };
                let (written, told) = (parsed(written), parsed(told));
                assert!(fits_json(&written, &told), "{command}\n{told:#}\nnot {written:#}");
            }
            ("text", Some((told, command))) => {
                let (told, written) = (told.trim(), written.trim());
                let lines = |text: &str| text.lines().count();
                let is_same = lines(told) == lines(written)
                    && told.lines().zip(written.lines()).all(|(told, line)| fits(line, told));
                assert!(is_same, "{command}\n{told}\nnot\n{written}");
            }
            (language, _) => panic!("a block of {language:?} that nobody compares"),
        }
    }
    assert!(at > 10, "{at}");
}

/// The rows of the table that stands under this head, cell by cell.
fn rows(head: &str) -> Vec<Vec<&'static str>> {
    let lines = DOCUMENT.lines().skip_while(|line| !line.starts_with(head)).skip(2);
    let table = lines.take_while(|line| line.starts_with('|'));
    table.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands between backticks in a cell.
fn marked(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split('`').skip(1).step_by(2)
}

// case: H-simulators
#[tokio::test]
async fn what_the_tables_name_is_there() {
    let sim = Alone::start(&[]).await;
    let served: BTreeSet<&str> = sim.platforms.keys().map(String::as_str).collect();
    assert_eq!(served, platforms::names().into_iter().collect());

    // An unknown kind is refused with the names of the known ones.
    let fault = json!({"platform": "x", "kind": "earthquake"});
    let (status, refusal) = sim.post("/_sim/faults", &fault).await;
    assert_eq!(status, 422);
    let refusal = refusal["error"].as_str().unwrap().to_owned();
    let (_, known) = refusal.split_once("expected one of").unwrap();
    let known: BTreeSet<&str> =
        known.split(';').next().unwrap().split('`').skip(1).step_by(2).collect();
    let kinds = rows("| Kind |");
    let written: BTreeSet<&str> = kinds.iter().flat_map(|row| marked(row[0])).collect();
    assert_eq!(written, known);

    let limits = sim.get("/_sim/limits").await;
    let counted = rows("| Platform | Counted |");
    let switches = rows("| Platform | Switch |");
    for row in counted.iter().chain(&switches) {
        for name in row[1..].iter().copied().flat_map(marked) {
            assert!(limits[row[0]].get(name).is_some(), "{}: {name}", row[0]);
        }
    }
    for row in rows("| Platform | Routes |") {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/platforms").join(row[0]);
        let parts = fs::read_dir(folder.join("sim")).unwrap().map(|part| part.unwrap().path());
        let files = parts.filter(|part| part.is_file()).chain([folder.join("sim.rs")]);
        let code: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
        for route in marked(row[1]) {
            assert!(code.contains(&format!("\"{route}\"")), "{}: {route}", row[0]);
        }
    }
    for row in rows("| Request |") {
        let (method, path) = marked(row[0]).next().unwrap().split_once(' ').unwrap();
        let path = path.split('?').next().unwrap();
        let status = sim.status(method, path).await;
        // An order without its body is refused, but what is not there is 404 or 405.
        assert!(matches!(status, 200 | 422), "{method} {path}: {status}");
    }
}

#[test]
fn a_mark_stands_for_anything_in_its_place() {
    assert!(fits("http://127.0.0.1:…/x", "http://127.0.0.1:8090/x"));
    assert!(!fits("http://127.0.0.1:…/x", "http://127.0.0.1:8090/y"));
    assert!(fits("sim_…", "sim_access") && !fits("sim", "sim_access"));
    assert!(fits_json(&json!({"a": "…"}), &json!({"a": 1})));
    assert!(!fits_json(&json!({"a": "…"}), &json!({"a": 1, "b": 2})));
}
