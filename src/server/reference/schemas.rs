//! The shapes of the document: those of types, those of platforms' options, and the refusal.

use super::operation::Shapes;
use super::shapes::posts::{AutoRepost, Poll, PostMedia, ThreadItem};
use domain::rejection::Rejection;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use utoipa::{PartialSchema, ToSchema};

/// Shapes that no operation names by itself.
pub(super) fn common() -> Shapes {
    let mut shapes = Shapes::new();
    add::<Rejection>(&mut shapes);
    add::<ThreadItem>(&mut shapes);
    add::<Poll>(&mut shapes);
    add::<AutoRepost>(&mut shapes);
    add::<PostMedia>(&mut shapes);
    shapes
}

fn add<T: ToSchema + PartialSchema>(shapes: &mut Shapes) {
    T::schemas(shapes);
    shapes.push((T::name().into_owned(), T::schema()));
}

/// The shapes by name; those that a request carries take no field that they do not name.
pub(super) fn schemas(shapes: Shapes, mut taken: BTreeSet<String>) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, schema) in shapes {
        let mut schema = json!(schema);
        camel(&mut schema);
        all.insert(name, schema);
    }
    all.insert("Refusal".to_owned(), refusal());
    for (platform, written) in app::capabilities::written() {
        let name = format!("options.{platform}");
        let mut properties = json!({
            "text": {"type": "string", "description": "Its own wording."},
            "media": {"type": "array", "items": {"$ref": "#/components/schemas/PostMedia"},
                "maxItems": 100, "description": "Its own files."},
        });
        if let (Some(properties), Value::Object(written)) = (properties.as_object_mut(), written) {
            properties.extend(written);
        }
        all.insert(name.clone(), json!({"type": "object", "properties": properties}));
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        all["PostRequest"]["properties"][&platform] = reference;
        all["PostChange"]["properties"][&platform] = json!({"type": ["object", "null"]});
    }
    let mut open: Vec<String> = taken.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let referred = all.get(&name).map(referred).unwrap_or_default();
        open.extend(referred.into_iter().filter(|name| taken.insert(name.clone())));
    }
    for name in taken {
        close(&mut all[&name]);
    }
    all
}

/// Names fields as JSON here has them: of `rename_all_fields` the derived shapes know nothing.
fn camel(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(fields)) = map.get_mut("properties") {
                let named = std::mem::take(fields).into_iter();
                *fields =
                    named.map(|(name, field)| (app::capabilities::camel(&name), field)).collect();
            }
            for name in map.get_mut("required").and_then(Value::as_array_mut).into_iter().flatten()
            {
                *name = name.as_str().map(app::capabilities::camel).into();
            }
            map.values_mut().for_each(camel);
        }
        Value::Array(list) => list.iter_mut().for_each(camel),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes no field that is not named, at any depth.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.contains_key("properties") && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
            map.values_mut().for_each(close);
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The shapes that a schema refers to.
pub(super) fn referred(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(map) => {
            let own = map.get("$ref").and_then(Value::as_str);
            let own = own.and_then(|name| name.strip_prefix("#/components/schemas/"));
            own.map(str::to_owned).into_iter().chain(map.values().flat_map(referred)).collect()
        }
        Value::Array(list) => list.iter().flat_map(referred).collect(),
        _ => Vec::new(),
    }
}

fn refusal() -> Value {
    json!({
        "type": "object",
        "required": ["success", "error", "message", "details"],
        "properties": {
            "success": {"const": false},
            "error": {"type": "string", "description": "Stable; for programs."},
            "message": {"type": "string", "description": "The story in a sentence."},
            "details": {"type": "array", "items": {"$ref": "#/components/schemas/Violation"}},
        },
        "examples": [{
            "success": false, "error": "validation_failed",
            "message": "`text` has at most 280 characters on x; this one has 300.",
            "details": [{"type": "PlatformContentError", "rule": "too_much", "platform": "x",
                "field": "text", "message": "`text` has at most 280 characters on x.",
                "limit": 280, "actual": 300, "resolution": "Shorten it by 20."}],
        }],
    })
}
