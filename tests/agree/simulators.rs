//! `docs/SIMULATORS.md` is run: every command of it, in one shell, and every answer is compared.
//! What its tables name is there.

use crate::support::{Alone, snippets};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const DOCUMENT: &str = include_str!("../../docs/SIMULATORS.md");
// case: H-simulators
#[test]
fn every_command_does_what_is_written() {
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    if let Some(count) = snippets::hold(DOCUMENT, home.path(), &[]) {
        assert!(count > 10, "{count}");
    }
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
