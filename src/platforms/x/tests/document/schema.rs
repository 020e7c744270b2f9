//! A strict reading of the JSON Schema that X's document is written in.
//!
//! Invariant: a keyword that is not known here fails the test, so that nothing is left unchecked.

use domain::time::Timestamp;
use serde_json::{Map, Value};

/// Keywords that say nothing about what is valid.
const WORDS: [&str; 4] = ["description", "default", "example", "title"];

/// Everything that is wrong with a value, each with its place.
pub fn problems(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Reader { document }.read(schema, value, "$", &mut found);
    found
}

struct Reader<'a> {
    document: &'a Value,
}

impl Reader<'_> {
    fn read(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let schema = schema.as_object().expect("a schema is an object");
        for (keyword, rule) in schema {
            if !self.holds(keyword, rule, schema, value, at, found) {
                found.push(format!("{at}: {keyword} {rule} does not hold of {value}"));
            }
        }
    }

    fn holds(
        &self,
        keyword: &str,
        rule: &Value,
        schema: &Map<String, Value>,
        value: &Value,
        at: &str,
        found: &mut Vec<String>,
    ) -> bool {
        let least = || rule.as_u64().expect("a bound is a number");
        match keyword {
            "$ref" => {
                let path = rule.as_str().unwrap().strip_prefix('#').unwrap();
                let named = self.document.pointer(path).expect("a reference leads somewhere");
                self.read(named, value, at, found);
                true
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|schema| {
                let mut inner = Vec::new();
                self.read(schema, value, at, &mut inner);
                inner.is_empty()
            }),
            "type" => is_of_type(rule.as_str().unwrap(), value),
            "enum" => rule.as_array().unwrap().contains(value),
            "properties" => {
                let (known, given) = (rule.as_object().unwrap(), value.as_object());
                for (name, inner) in given.into_iter().flatten() {
                    if let Some(schema) = known.get(name) {
                        self.read(schema, inner, &format!("{at}.{name}"), found);
                    }
                }
                true
            }
            "required" => value.as_object().is_none_or(|given| {
                rule.as_array()
                    .unwrap()
                    .iter()
                    .all(|name| given.contains_key(name.as_str().unwrap()))
            }),
            "additionalProperties" => {
                assert_eq!(rule, false, "the document closes objects and nothing else");
                let known = schema["properties"].as_object().unwrap();
                value.as_object().is_none_or(|given| given.keys().all(|n| known.contains_key(n)))
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.read(rule, item, &format!("{at}[{index}]"), found);
                }
                true
            }
            "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= least()),
            "maxItems" => value.as_array().is_none_or(|list| list.len() as u64 <= least()),
            "uniqueItems" => value.as_array().is_none_or(|list| {
                list.iter().enumerate().all(|(at, item)| !list[..at].contains(item))
            }),
            "minLength" => value.as_str().is_none_or(|t| t.chars().count() as u64 >= least()),
            "maxLength" => value.as_str().is_none_or(|t| t.chars().count() as u64 <= least()),
            "minimum" => value.as_f64().is_none_or(|n| n >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|n| n <= rule.as_f64().unwrap()),
            "pattern" => {
                assert_eq!(rule, "^[0-9]{1,19}$", "the document knows one pattern");
                let is_id =
                    |t: &str| (1..=19).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit());
                value.as_str().is_none_or(is_id)
            }
            "format" => is_of_format(rule.as_str().unwrap(), value),
            _ => {
                assert!(WORDS.contains(&keyword), "the keyword {keyword} is new");
                true
            }
        }
    }
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => panic!("the type {name} is new"),
    }
}

fn is_of_format(name: &str, value: &Value) -> bool {
    match (name, value) {
        ("date-time", Value::String(text)) => Timestamp::parse(text).is_some(),
        ("int32", Value::Number(number)) => {
            number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
        }
        // Bytes, in base64 or as they are.
        ("binary" | "byte" | "date-time" | "int32", _) => true,
        _ => panic!("the format {name} is new"),
    }
}

#[test]
fn it_tells_what_is_wrong_and_where() {
    let document = serde_json::json!({ "a": { "type": "string", "pattern": "^[0-9]{1,19}$" } });
    let schema = serde_json::json!({
        "type": "object", "required": ["id"], "additionalProperties": false,
        "properties": {
            "id": { "$ref": "#/a" },
            "list": { "type": "array", "maxItems": 1, "items": { "type": "integer", "minimum": 5 } },
        },
    });
    let table = [
        (r#"{"id":"12","list":[5]}"#, 0),
        (r#"{"id":"1a"}"#, 1),
        (r#"{"id":7}"#, 1),
        (r#"{}"#, 1),
        (r#"{"id":"1","other":1}"#, 1),
        (r#"{"id":"1","list":[4,5.5]}"#, 3),
        ("[]", 1),
    ];
    for (value, expected) in table {
        let value = serde_json::from_str(value).unwrap();
        let found = problems(&document, &schema, &value);
        assert_eq!(found.len(), expected, "{value}: {found:?}");
    }
}
