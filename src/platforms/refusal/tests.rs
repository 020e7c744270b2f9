//! Refusals under attack: the words of a post in them, odd headers, codes that nobody knows.

mod echoes;
mod limits;
mod unmapped;
mod words;

use crate::ALL;
use crate::port::Adapter;
use domain::failure::{Effect, Failure};
use serde_json::Value;

/// The replies of a platform's folder: file, effect of the call, and the whole case.
pub(crate) fn cases(platform: &str) -> Vec<(String, Effect, Value)> {
    let folder = format!("{}/{platform}/replies", env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut cases: Vec<_> = entries
        .map(|entry| {
            let case: Value =
                serde_json::from_slice(&std::fs::read(entry.path()).unwrap()).unwrap();
            let effect = serde_json::from_value(case["effect"].clone()).unwrap();
            (entry.file_name().into_string().unwrap(), effect, case)
        })
        .collect();
    cases.sort_by(|one, other| one.0.cmp(&other.0));
    cases
}

/// The platforms that speak, by name.
fn adapters() -> Vec<(&'static str, &'static dyn Adapter)> {
    ALL.iter().filter_map(|platform| Some((platform.name(), platform.adapter()?))).collect()
}

/// Everything that is decided by a failure; its words may differ.
fn class(failure: Option<&Failure>) -> Value {
    let mut class = serde_json::to_value(failure).unwrap();
    if let Some(members) = class.as_object_mut() {
        members.remove("detail");
    }
    class
}
