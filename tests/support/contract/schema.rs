//! As much of JSON Schema as the document uses, and stricter: a field that no shape names is a
//! flaw, so nothing is answered that the document does not tell.

use domain::time::Timestamp;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Everything in which a value is not of a shape.
pub fn flaws(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Look { document }.at("", schema, value, &mut found);
    found
}

/// What a reference leads to.
pub fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(name) => document.pointer(name.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

struct Look<'a> {
    document: &'a Value,
}

impl Look<'_> {
    fn at(&self, place: &str, schema: &Value, value: &Value, found: &mut Vec<String>) {
        self.parts(place, schema, value, found);
        let Value::Object(fields) = value else { return };
        let Some(names) = self.names(schema, value) else { return };
        for name in fields.keys().filter(|name| !names.contains(*name)) {
            found.push(format!("{place}/{name} is not told of"));
        }
    }

    /// All that a schema says, but for names that it does not know.
    fn parts(&self, place: &str, schema: &Value, value: &Value, found: &mut Vec<String>) {
        let schema = resolved(self.document, schema);
        if !fits_type(&schema["type"], value) {
            found.push(format!("{place} is no {}: {value}", schema["type"]));
        }
        if let Some(words) = schema["enum"].as_array().filter(|words| !words.contains(value)) {
            found.push(format!("{place} is none of {words:?}: {value}"));
        }
        if schema.get("const").is_some_and(|only| only != value) {
            found.push(format!("{place} is not {}: {value}", schema["const"]));
        }
        let is_instant = value.as_str().is_none_or(|word| Timestamp::parse(word).is_some());
        if schema["format"] == "date-time" && !is_instant {
            found.push(format!("{place} is no instant: {value}"));
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.parts(place, part, value, found);
        }
        for name in ["oneOf", "anyOf"] {
            let Some(ways) = schema[name].as_array() else { continue };
            let tried: Vec<Vec<String>> =
                ways.iter().map(|way| self.tried(place, way, value)).collect();
            if !tried.iter().any(Vec::is_empty) {
                found.push(format!("{place} is none of {} ways: {value} ({tried:?})", ways.len()));
            }
        }
        if let Some(fields) = value.as_object() {
            self.fields(place, schema, fields, found);
        }
        if let (Some(items), Some(list)) = (schema.get("items"), value.as_array()) {
            for (index, entry) in list.iter().enumerate() {
                self.at(&format!("{place}[{index}]"), items, entry, found);
            }
        }
    }

    fn tried(&self, place: &str, schema: &Value, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.parts(place, schema, value, &mut found);
        found
    }

    fn fields(
        &self,
        place: &str,
        schema: &Value,
        fields: &Map<String, Value>,
        found: &mut Vec<String>,
    ) {
        let required = schema["required"].as_array().into_iter().flatten();
        for name in required.filter_map(Value::as_str).filter(|name| !fields.contains_key(*name)) {
            found.push(format!("{place}/{name} is missing"));
        }
        for (name, value) in fields {
            let place = format!("{place}/{name}");
            match (schema["properties"].get(name), schema.get("additionalProperties")) {
                (Some(shape), _) => self.at(&place, shape, value, found),
                (None, Some(shape @ Value::Object(_))) => self.at(&place, shape, value, found),
                (None, _) => {}
            }
        }
    }

    /// The names that a schema has for the fields of an object; `None` where it takes any.
    fn names(&self, schema: &Value, value: &Value) -> Option<BTreeSet<String>> {
        let schema = resolved(self.document, schema);
        let own = schema["properties"].as_object();
        let mut names: BTreeSet<String> = own.into_iter().flat_map(Map::keys).cloned().collect();
        let is_open = match schema.get("additionalProperties") {
            Some(Value::Bool(is_open)) => *is_open,
            Some(_) => true,
            None => false,
        };
        if is_open {
            return None;
        }
        let mut parts: Vec<&Value> = schema["allOf"].as_array().into_iter().flatten().collect();
        for name in ["oneOf", "anyOf"] {
            let ways = schema[name].as_array().into_iter().flatten();
            parts.extend(ways.filter(|way| self.tried("", way, value).is_empty()));
        }
        if own.is_none() && parts.is_empty() {
            // Says nothing of fields.
            return None;
        }
        for part in parts {
            names.extend(self.names(part, value)?);
        }
        Some(names)
    }
}

fn fits_type(wanted: &Value, value: &Value) -> bool {
    let is_one = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        // To JSON Schema `3.0` is whole.
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    match wanted {
        Value::String(name) => is_one(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is_one),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // case: API-judge
    #[test]
    fn every_kind_of_flaw_is_found() {
        let document = json!({"components": {"schemas": {
            "Part": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}},
        }}});
        let part = json!({"$ref": "#/components/schemas/Part"});
        let more = json!({"type": "object", "properties": {"b": {"enum": ["x", "y"]}}});
        let both = json!({"allOf": [part, more]});
        let either = json!({"oneOf": [{"type": "null"}, part]});
        let count = |schema: &Value, value: Value| flaws(&document, schema, &value).len();
        assert_eq!(count(&part, json!({"a": 1})), 0);
        assert_eq!(count(&part, json!({"a": "1"})), 1, "a wrong type");
        assert_eq!(count(&part, json!({})), 1, "a missing field");
        assert_eq!(count(&part, json!({"a": 1, "z": 1})), 1, "an unknown field");
        assert_eq!(count(&both, json!({"a": 1, "b": "x"})), 0);
        assert_eq!(count(&both, json!({"a": 1, "b": "z", "c": 1})), 2, "a word and a name");
        assert_eq!(count(&either, json!(null)) + count(&either, json!({"a": 1})), 0);
        assert_eq!(count(&either, json!(7)), 1, "no way fits");
        assert_eq!(count(&either, json!({"a": 1, "b": 1})), 1, "a name that no way has");
        let list = json!({"type": "array", "items": part});
        assert_eq!(count(&list, json!([{"a": 1}, {"a": null}])), 1, "inside a list");
        let time = json!({"type": "string", "format": "date-time"});
        assert_eq!(count(&time, json!("2026-12-01T09:00:00Z")), 0);
        assert_eq!(count(&time, json!("soon")), 1, "no instant");
        assert_eq!(count(&json!({"const": true}), json!(false)), 1, "another constant");
    }
}
