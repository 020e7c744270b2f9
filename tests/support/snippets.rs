//! The commands of a document, run as a reader would run them.

use super::wait::say;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_postfleet");
/// What differs from run to run.
const ANYTHING: char = '…';

/// A fenced block: its language, and what it holds.
type Block<'a> = (&'a str, String);

/// Runs every command of a document, the `sh` blocks, in one shell in a folder, and compares what
/// each prints with the `json` or `text` block behind it. Returns how many there are; `None`, with
/// a loud word, where a program is missing.
pub fn hold(document: &str, home: &Path, environment: &[(&str, &str)]) -> Option<usize> {
    if let Some(missing) = ["bash", "curl", "jq", "timeout"].iter().find(|name| !has(name)) {
        say(format!("SKIPPED, the commands of a document need {missing}"));
        return None;
    }
    let blocks = blocks(document);
    let is_command = |(language, _): &&Block<'_>| *language == "sh";
    let commands: Vec<&str> =
        blocks.iter().filter(is_command).map(|(_, text)| text.as_str()).collect();
    let told = run(&commands, home, environment);
    let mut at = 0_usize;
    for (language, written) in &blocks {
        let before = at.checked_sub(1).map(|at| (told[at].as_str(), commands[at]));
        match (*language, before) {
            ("sh", _) => at += 1,
            (language, Some((told, command))) => compare(language, written, (told, command)),
            (language, None) => panic!("a block of {language:?} before any command"),
        }
    }
    Some(at)
}

fn compare(language: &str, written: &str, (told, command): (&str, &str)) {
    match language {
        "json" => {
            let parsed = |text: &str| {
                serde_json::from_str::<Value>(text)
                    .unwrap_or_else(|why| panic!("{why} in {text:?} after {command}"))
            };
            let (written, told) = (parsed(written), parsed(told));
            assert!(fits_json(&written, &told), "{command}\n{told:#}\nnot {written:#}");
        }
        "text" => {
            let (told, written) = (told.trim(), written.trim());
            let lines = |text: &str| text.lines().count();
            let is_same = lines(told) == lines(written)
                && told.lines().zip(written.lines()).all(|(told, line)| fits(line, told));
            assert!(is_same, "{command}\n{told}\nnot\n{written}");
        }
        language => panic!("a block of {language:?} that nobody compares"),
    }
}

fn blocks(document: &str) -> Vec<Block<'_>> {
    let mut found: Vec<Block<'_>> = Vec::new();
    let mut is_inside = false;
    for line in document.lines() {
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
fn run(commands: &[&str], home: &Path, environment: &[(&str, &str)]) -> Vec<String> {
    let mut script =
        "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    for (at, command) in commands.iter().enumerate() {
        script.push_str(&format!("{{\n{command}}} >told.{at}\n"));
    }
    let bin = Path::new(PROGRAM).parent().unwrap().to_str().unwrap();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let mut shell = Command::new("timeout");
    shell.args(["90", "bash", "-c", &script]).current_dir(home).env("PATH", path);
    shell.envs(environment.iter().copied());
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mark_stands_for_anything_in_its_place() {
        assert!(fits("http://127.0.0.1:…/x", "http://127.0.0.1:8090/x"));
        assert!(!fits("http://127.0.0.1:…/x", "http://127.0.0.1:8090/y"));
        assert!(fits("sim_…", "sim_access") && !fits("sim", "sim_access"));
        assert!(fits_json(&json!({"a": "…"}), &json!({"a": 1})));
        assert!(!fits_json(&json!({"a": "…"}), &json!({"a": 1, "b": 2})));
    }
}
