//! `/v1/platforms`: what each platform takes, as data.

use crate::envelope::{Answered, success};
use crate::extract::Authenticated;
use domain::capability::Profile;
use domain::request::Draft;
use http::StatusCode;
use platforms::Platform;
use serde_json::{Map, Value, json};

/// `GET /v1/platforms`
pub(crate) async fn list(Authenticated(caller): Authenticated) -> Answered {
    let rows = platforms::ALL.into_iter().map(|platform| row(platform, caller.profile));
    Ok(success(StatusCode::OK, rows.collect::<Vec<Value>>()))
}

fn row(platform: &dyn Platform, profile: Profile) -> Value {
    let kind = platform.default_account_kind(&nothing_said());
    let capabilities = json!(platform.capabilities(profile, kind));
    json!({
        "platform": platform.name(),
        "canConnect": platform.adapter().is_some(),
        "accountKind": kind,
        "capabilities": shown(capabilities),
    })
}

/// The draft of somebody who said nothing to any platform.
fn nothing_said() -> Draft {
    Draft {
        brand_slug: String::new(),
        text: String::new(),
        media: Vec::new(),
        platforms: Vec::new(),
        accounts: Vec::new(),
        scheduled_at: None,
        not_after: None,
        texts: std::collections::BTreeMap::new(),
        medias: std::collections::BTreeMap::new(),
        options: std::collections::BTreeMap::new(),
    }
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

fn camel(name: &str) -> String {
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
    fn every_platform_has_a_row() {
        for platform in platforms::ALL {
            let row = row(platform, Profile::Spec);
            assert_eq!(row["platform"], platform.name());
            assert!(row["capabilities"]["text"]["lengthMax"].is_u64(), "{row}");
        }
    }
}
