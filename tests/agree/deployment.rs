//! What is deployed names what there is.

use super::settings::keys_of;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    files.collect()
}

/// The variables of the configuration that a text names, without their prefix.
fn variables(text: &str) -> Vec<String> {
    let mut named = Vec::new();
    for prefix in ["POSTFLEET__", "POSTFLEET_FILE__"] {
        for (place, _) in text.match_indices(prefix) {
            let rest = &text[place + prefix.len()..];
            let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            named.push(rest[..end].to_lowercase());
        }
    }
    named
}

// case: O-deploy
#[test]
fn every_variable_that_is_deployed_is_a_key_of_the_configuration() {
    let known = fs::read_to_string(root().join("deploy/postfleet.toml")).unwrap();
    let mut seen = 0;
    for file in files(&root().join("deploy")) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for variable in variables(&text) {
            let (section, key) = variable.split_once("__").unwrap_or((&variable, ""));
            let section = if section == "platforms" { "platforms.x" } else { section };
            // A part of it may be a name that the operator chooses.
            let keys = keys_of(&known, section);
            let is_known =
                |part: &str| part == "client_secret" || keys.iter().any(|one| one == part);
            let is_known = key.split("__").any(is_known);
            assert!(is_known, "{}: {variable} is no key", file.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

// case: O-deploy
#[test]
fn the_configurations_that_are_deployed_are_read() {
    let file = root().join("deploy/postfleet.production.toml");
    let config = super::settings::load(&file);
    assert_eq!(config.shutdown.grace_s, 90);
    let values = fs::read_to_string(root().join("deploy/chart/values.yaml")).unwrap();
    let lines = values.lines().skip_while(|line| *line != "config: |").skip(1);
    let own = lines.take_while(|line| line.starts_with("  ")).map(|line| &line[2..]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("postfleet.toml");
    fs::write(&file, own.collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(super::settings::load(&file).server.public_url, "https://posts.example.com");
}

// case: O-deploy
#[test]
fn every_command_that_is_deployed_is_there() {
    let help = |words: &[&str]| {
        let ran = Command::new(env!("CARGO_BIN_EXE_postfleet")).args(words).output().unwrap();
        assert!(ran.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).into_owned()
    };
    for role in ["serve", "work", "migrate"] {
        assert!(help(&[role, "--help"]).contains("--config"), "{role}");
    }
    assert!(help(&["ready", "--help"]).contains("HOST:PORT"));
    assert!(help(&["keys", "new", "--help"]).contains("--out"));
    assert!(help(&["api-keys", "first", "--help"]).contains("--tenant"));
}

// case: U-floor
#[test]
fn a_migration_that_takes_something_away_says_for_whom_the_schema_still_works() {
    let takes = ["DROP TABLE", "DROP COLUMN", "RENAME ", "SET NOT NULL"];
    for file in files(&root().join("migrations")) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let number: u32 = name[..4].parse().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let is_contract = takes.iter().any(|word| text.contains(word));
        let tells = text.contains("UPDATE schema_floor");
        assert!(number <= 57 || !is_contract || tells, "{name} takes something away untold");
    }
}
