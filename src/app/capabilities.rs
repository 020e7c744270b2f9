//! What each platform takes, as the API shows it.

use crate::caller::Caller;
use domain::capability::Profile;
use platforms::Platform;
use serde_json::{Map, Value, json};

/// A row for each platform and each kind of account.
pub fn capabilities(caller: &Caller) -> Vec<Value> {
    let rows = platforms::ALL.iter().copied().flat_map(|platform| {
        let kinds = platform.account_kinds().iter();
        kinds.map(move |kind| row(platform, caller.profile, kind))
    });
    rows.collect()
}

/// What a post may say to each platform alone: JSON Schemas by platform and field.
pub fn written() -> Map<String, Value> {
    platforms::ALL.iter().map(|one| (one.name().to_owned(), one.written())).collect()
}

/// The names of the platforms.
pub fn names() -> Vec<&'static str> {
    platforms::names()
}

fn row(platform: &dyn Platform, profile: Profile, kind: &str) -> Value {
    json!({
        "platform": platform.name(),
        "canConnect": platform.adapter().is_some(),
        "operations": platform.adapter().map(|adapter| adapter.operations()),
        "accountKind": kind,
        "capabilities": shown(json!(platform.capabilities(profile, kind))),
    })
}

/// Data as the API shows it: names in camelCase, and `null` for a bound that does not apply.
fn shown(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let field = |(name, value): (String, Value)| (camel(&name), shown(value));
            Value::Object(fields.into_iter().map(field).collect::<Map<_, _>>())
        }
        Value::Array(entries) => Value::Array(entries.into_iter().map(shown).collect()),
        Value::Number(number) => match number.as_u64() {
            Some(u64::MAX) => Value::Null,
            Some(bound) if bound == u64::from(u32::MAX) => Value::Null,
            _ => Value::Number(number),
        },
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}

/// A name of Rust as JSON has it.
pub fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut camel, word| {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
        camel
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_camel_case_and_no_bound_is_null() {
        let rule = json!({"size_bytes_max": u64::MAX, "pixels": [u32::MAX, 4], "alt": "a_b"});
        assert_eq!(shown(rule), json!({"sizeBytesMax": null, "pixels": [null, 4], "alt": "a_b"}));
    }

    #[test]
    fn every_kind_of_account_has_a_row() {
        for platform in platforms::ALL.iter().copied() {
            for kind in platform.account_kinds() {
                let row = row(platform, Profile::Spec, kind);
                assert_eq!(
                    (&row["platform"], &row["accountKind"]),
                    (&json!(platform.name()), &json!(kind))
                );
                assert!(row["capabilities"]["text"]["lengthMax"].is_u64(), "{row}");
            }
        }
    }
}
