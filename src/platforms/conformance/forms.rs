//! Every form of checkpoint that a version wrote is read by those after it.
//!
//! `tests/versions/0052/forms.json` holds one of each form that the trials of a version came by, as
//! `POSTFLEET_WRITE_FORMS=0052 cargo test -p platforms forms` wrote them down: the number of that
//! version's last migration. A file is kept as it is from then on.

use super::{each, speaking};
use crate::port::Checkpoint;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Steps of a trial at most.
const STEPS_MAX: usize = 400;

type Forms = BTreeMap<String, Vec<Value>>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/versions")
}

/// What tells one form from another: its keys and short words, not its values; lists by one entry.
fn shape(at: &Value) -> Value {
    match at {
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), tagged(key, value))).collect()
        }
        Value::Array(entries) => entries.iter().take(1).map(shape).collect(),
        Value::String(_) => json!("text"),
        Value::Number(_) => json!(0),
        Value::Bool(_) | Value::Null => at.clone(),
    }
}

/// The word of a tag is a part of the form.
fn tagged(key: &str, value: &Value) -> Value {
    match key {
        "v" | "stage" | "step" | "kind" => match value {
            Value::String(_) => value.clone(),
            other => shape(other),
        },
        _ => shape(value),
    }
}

/// One of each form that the trials come by now.
fn forms() -> Forms {
    let seen = RefCell::new(BTreeMap::<(String, String), Value>::new());
    each(|_, rig, content| {
        let name = rig.platform.name().to_owned();
        let mut at = rig.start(content);
        for _ in 0..STEPS_MAX {
            let key = (name.clone(), shape(&at.0).to_string());
            seen.borrow_mut().entry(key).or_insert_with(|| at.0.clone());
            match rig.step(&at, content) {
                Ok(Ok(next)) => at = next,
                Ok(Err(_)) => return,
                Err((_, why)) => panic!("{name}: {why:?}"),
            }
        }
    });
    let mut forms = Forms::new();
    for ((name, _), form) in seen.into_inner() {
        forms.entry(name).or_default().push(form);
    }
    forms
}

// case: U-checkpoints
#[test]
fn every_form_that_a_version_wrote_is_read_and_one_of_a_later_version_is_not() {
    if let Ok(version) = std::env::var("POSTFLEET_WRITE_FORMS") {
        let folder = folder().join(version);
        fs::create_dir_all(&folder).unwrap();
        let text = serde_json::to_string_pretty(&forms()).unwrap();
        fs::write(folder.join("forms.json"), text + "\n").unwrap();
    }
    let mut read = 0;
    for version in fs::read_dir(folder()).unwrap() {
        let path = version.unwrap().path().join("forms.json");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let kept: Forms = serde_json::from_str(&text).unwrap();
        for (platform, adapter) in speaking() {
            for form in kept.get(platform.name()).into_iter().flatten() {
                let is_read = adapter.publish().reads(&Checkpoint(form.clone()));
                assert!(is_read, "{}, {}: {form}", path.display(), platform.name());
                read += 1;
            }
        }
    }
    assert!(read >= 20, "{read} forms are kept");
    for (platform, adapter) in speaking() {
        let later = Checkpoint(json!({ "v": "9", "parts": [] }));
        assert!(!adapter.publish().reads(&later), "{}", platform.name());
    }
}
