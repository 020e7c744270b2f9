//! What a person who sets the fleet up gets to see.

use super::*;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize, Default, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Fleet {
    queue: Queue,
    platforms: BTreeMap<String, Platform>,
}

#[derive(Debug, Deserialize, Default, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Queue {
    url: String,
    shards: u16,
    share: f64,
    slow: bool,
    limit: Option<u64>,
}

#[derive(Debug, Deserialize, Default, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Platform {
    url: Option<String>,
    client_id: String,
}

fn loaded(toml: &str, variables: &[(&str, &str)]) -> Result<Fleet, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), toml).unwrap();
    let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    load_from(Some(file.path()), variables.collect()).map_err(|fault| fault.to_string())
}

#[test]
fn the_environment_overrides_the_file_with_numbers_too() {
    let toml = "[queue]\nurl = 'redis://a'\nshards = 2\n[platforms.x]\nurl = 'https://x'";
    let fleet = loaded(
        toml,
        &[
            ("POSTFLEET__QUEUE__SHARDS", "8"),
            ("POSTFLEET__QUEUE__SHARE", "0.5"),
            ("POSTFLEET__QUEUE__SLOW", "true"),
            ("POSTFLEET__QUEUE__LIMIT", "12"),
            ("POSTFLEET__PLATFORMS__X__URL", "http://127.0.0.1:8090/x"),
            ("POSTFLEET__PLATFORMS__LINKEDIN__CLIENT_ID", "00712345678901234567890"),
            ("POSTFLEET_URL", "of the command line"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!((fleet.queue.url.as_str(), fleet.queue.shards), ("redis://a", 8));
    assert!(fleet.queue.slow);
    assert_eq!(fleet.queue.limit, Some(12));
    assert_eq!(fleet.platforms["x"].url.as_deref(), Some("http://127.0.0.1:8090/x"));
    assert_eq!(fleet.platforms["linkedin"].client_id, "00712345678901234567890");
}

#[test]
fn a_mistyped_key_or_variable_is_refused_by_name() {
    let key = loaded("[queue]\nshard = 2", &[]).unwrap_err();
    assert!(key.contains("the configuration file") && key.contains("`shard`"), "{key}");
    let name = "POSTFLEET__QUEUE__SHARDZ";
    let variable = loaded("", &[(name, "2"), ("POSTFLEET__QUEUE__SHARDS", "3")]).unwrap_err();
    assert!(variable.contains(name) && variable.contains("`shardz`"), "{variable}");
    let kind = loaded("", &[("POSTFLEET__QUEUE__SHARDS", "many")]).unwrap_err();
    assert!(kind.contains("POSTFLEET__QUEUE__SHARDS"), "{kind}");
    let prefix = loaded("", &[("POSTFLEET_QUEUE__URL", "redis://b")]).unwrap_err();
    assert!(prefix.contains("POSTFLEET_QUEUE__URL"), "{prefix}");
    assert!(loaded("[queue", &[]).is_err());
    assert!(load_from::<Fleet>(Some(Path::new("/nowhere.toml")), Variables::new()).is_err());
}

#[test]
fn a_secret_under_a_wrong_name_is_not_repeated() {
    let fault = loaded("", &[("POSTFLEET__QUEUE", "redis://:canary@host")]).unwrap_err();
    assert!(!fault.contains("canary"), "{fault}");
}

// case: O-secret-files
#[test]
fn a_value_may_stand_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis");
    std::fs::write(&path, "redis://:canary@host\n").unwrap();
    let (path, name) = (path.to_str().unwrap(), "POSTFLEET_FILE__QUEUE__URL");
    let fleet = loaded("[queue]\nurl = 'redis://a'\nshards = 2", &[(name, path)]).unwrap();
    assert_eq!(fleet.queue.url, "redis://:canary@host");
    let both = loaded("", &[(name, path), ("POSTFLEET__QUEUE__URL", "redis://b")]).unwrap_err();
    assert!(both.contains(name) && both.contains("unset one"), "{both}");
    let none = loaded("", &[(name, "/nowhere")]).unwrap_err();
    assert!(none.contains(name) && none.contains("/nowhere"), "{none}");
    let unknown = loaded("", &[("POSTFLEET_FILE__QUEUE__URI", path)]).unwrap_err();
    assert!(unknown.contains("`uri`") && !unknown.contains("canary"), "{unknown}");
}
