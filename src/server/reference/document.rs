//! The document: OpenAPI 3.1, made from the table of operations and the shapes of their types.

use super::operation::{Content, Operation};
use super::schemas::{common, referred, schemas};
use super::table::operations;
use crate::guard;
use domain::access::Scope;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Why a request may be turned away, by status.
const REFUSALS: [(u16, &str, &str); 11] = [
    (400, "Misread", "The request cannot be read: no JSON, or a field of another type."),
    (401, "Unauthorized", "No key that we know came with it."),
    (403, "Forbidden", "The key may not do this; the details say which scope or role can."),
    (404, "NotFound", "What it names is not there for this key."),
    (408, "TooSlow", "The body did not come in time."),
    (409, "Conflicting", "It contradicts where the thing stands, or another request."),
    (413, "TooLarge", "The body is larger than any that is read."),
    (422, "Invalid", "It breaks rules; the details name field, limit, actual value and a way out."),
    (429, "TooOften", "The key has made its requests of this minute; `Retry-After` says when."),
    (500, "Broken", "A bug of ours; the `x-request-id` leads us there."),
    (503, "Unavailable", "We cannot carry it out now; send it again in a moment."),
];

const TOLD: &str = "One call publishes a post on many accounts. JSON is camelCase; every answer is \
    `{success, data}` or `{success, error, message, details}`. Ids carry what they name: `pst_`, \
    `dlv_`, `acc_`. Times are RFC 3339. Lists go on at `nextCursor`.";

/// The whole document.
pub(super) fn document() -> Value {
    let operations = operations();
    let mut paths = Map::new();
    let mut shapes = common();
    let mut taken = BTreeSet::new();
    for operation in &operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        let method = operation.method.as_str().to_lowercase();
        if let Some(path) = path.as_object_mut() {
            path.insert(method, told(operation));
        }
        shapes.extend(operation.shapes.iter().cloned());
        taken.extend(operation.body.iter().flat_map(|body| referred(&body.schema)));
    }
    let schemas = schemas(shapes, taken);
    json!({
        "openapi": "3.1.0",
        "info": {"title": "postfleet", "version": "1", "description": TOLD,
            "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "tags": tags(&operations),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses(),
            "parameters": {"IdempotencyKey": {
                "name": "Idempotency-Key", "in": "header", "required": false,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255,
                    "pattern": "^[!-~]([ -~]*[!-~])?$"},
                "description": "For 72 hours the same request under this key has the same answer.",
            }},
            "headers": headers(),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key: `pf_…`."},
                "keyHeader": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
        "security": [{"key": []}, {"keyHeader": []}],
    })
}

/// An operation as the document tells of it.
fn told(operation: &Operation) -> Value {
    let scope = guard::needed(&operation.method, operation.path);
    let mut responses = Map::new();
    for (status, told, content) in &operation.answers {
        let mut headers = json!({
            "x-request-id": {"$ref": "#/components/headers/RequestId"},
            "RateLimit": {"$ref": "#/components/headers/RateLimit"},
            "RateLimit-Policy": {"$ref": "#/components/headers/RateLimitPolicy"},
        });
        if operation.path == "/v1/posts" && *status != 200 {
            headers["Location"] = json!({"$ref": "#/components/headers/Location"});
        }
        let mut response = json!({"description": told, "headers": headers});
        match content {
            Content::Json(schema) => {
                response["content"] = json!({"application/json": {"schema": schema}});
            }
            Content::Bytes(form) => response["content"] = json!({*form: {}}),
            Content::Nothing => {}
        }
        responses.insert(status.to_string(), response);
    }
    for (status, name, _) in refusals_of(operation) {
        let reference = json!({"$ref": format!("#/components/responses/{name}")});
        responses.entry(status.to_string()).or_insert(reference);
    }
    let scopes = [scope.as_str()];
    let mut whole = json!({
        "operationId": operation.id,
        "tags": [tag_of(operation.path)],
        "summary": operation.summary,
        "description": description(operation, scope),
        "security": [{"key": scopes}, {"keyHeader": scopes}],
        "parameters": parameters(operation),
        "responses": responses,
    });
    if let Some(body) = &operation.body {
        let mut content = json!({"schema": body.schema});
        if !body.example.is_null() {
            content["example"] = body.example.clone();
        }
        let forms = body.media_types.iter().map(|form| ((*form).to_owned(), content.clone()));
        let forms: Map<String, Value> = forms.collect();
        whole["requestBody"] = json!({"required": body.is_required, "content": forms});
    }
    whole
}

fn description(operation: &Operation, scope: Scope) -> String {
    let needed = format!(
        "Needs the scope `{}`, which begins with the role `{}`.",
        scope.as_str(),
        scope.least().as_str()
    );
    [operation.more, &needed].join(" ").trim().to_owned()
}

/// What may turn a request away follows from what it carries and names.
fn refusals_of(operation: &Operation) -> impl Iterator<Item = (u16, &'static str, &'static str)> {
    let has_body = operation.body.is_some();
    let in_query = operation.parameters.iter().any(|one| one["in"] == "query");
    let in_header = operation.parameters.len() > usize::from(in_query);
    let is_named = operation.path.contains('{') || has_body || in_query;
    let can_conflict = operation.can_conflict;
    REFUSALS.into_iter().filter(move |(status, ..)| match status {
        400 => has_body || in_query || in_header,
        404 => is_named,
        408 | 413 => has_body,
        409 => can_conflict,
        422 => has_body || in_query || in_header || can_conflict,
        _ => true,
    })
}

/// The names in the path, as the router has them, and what the table adds.
fn parameters(operation: &Operation) -> Vec<Value> {
    let names = operation.path.split('/').filter_map(|part| part.strip_prefix('{'));
    let named = names.map(|part| {
        let name = part.trim_end_matches('}');
        let pattern = match name {
            "id" => id_of(operation.path),
            "slug" => "^[a-z0-9_-]{1,64}$".to_owned(),
            _ => "^[a-z]+$".to_owned(),
        };
        json!({"name": name, "in": "path", "required": true,
            "schema": {"type": "string", "pattern": pattern}})
    });
    named.chain(operation.parameters.iter().cloned()).collect()
}

/// How the id is written that a path names.
fn id_of(path: &str) -> String {
    let prefix = match tag_of(path) {
        "posts" => "pst",
        "deliveries" => "dlv",
        "accounts" => "acc",
        "webhooks" => "whk",
        "keys" => "key",
        "media" | "uploads" => "med",
        "erasures" => "ers",
        "events" => return "^evt_[0-9a-fA-F]{16}$".to_owned(),
        _ => "[a-z]{3}",
    };
    format!("^{prefix}_[0-9a-fA-F]{{32}}$")
}

/// The folder of a path.
pub(super) fn tag_of(path: &str) -> &str {
    path.split('/').nth(2).unwrap_or_default()
}

fn tags(operations: &[Operation]) -> Vec<Value> {
    let mut names: Vec<&str> = Vec::new();
    for operation in operations {
        let tag = tag_of(operation.path);
        if !names.contains(&tag) {
            names.push(tag);
        }
    }
    names.into_iter().map(|name| json!({"name": name})).collect()
}

fn responses() -> Map<String, Value> {
    let one = |(status, name, told): (u16, &str, &str)| {
        let mut response = json!({
            "description": told,
            "headers": {"x-request-id": {"$ref": "#/components/headers/RequestId"}},
            "content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/Refusal"},
            }},
        });
        if matches!(status, 429 | 503) {
            response["headers"]["Retry-After"] = json!({"$ref": "#/components/headers/RetryAfter"});
        }
        (name.to_owned(), response)
    };
    REFUSALS.into_iter().map(one).collect()
}

fn headers() -> Value {
    let text = |told: &str| json!({"schema": {"type": "string"}, "description": told});
    json!({
        "RequestId": text("Yours, where you sent one that is fit for a log, or a fresh one."),
        "RateLimit": text("What is left of the minute, and when it ends."),
        "RateLimitPolicy": text("The key's requests in a minute."),
        "RetryAfter": text("Seconds."),
        "Location": text("Where the post is shown."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    // case: API-routes
    #[test]
    fn the_document_names_every_route_and_no_other() {
        let routed = guard::routes();
        let routed: BTreeSet<(String, String)> = routed
            .into_iter()
            .filter(|(_, path)| path.starts_with("/v1/") && path != "/v1/openapi.json")
            .map(|(method, path)| (method.to_string(), path))
            .collect();
        let named: BTreeSet<(String, String)> =
            operations().iter().map(|one| (one.method.to_string(), one.path.to_owned())).collect();
        let missing: Vec<_> = routed.difference(&named).collect();
        assert!(missing.is_empty(), "not in `reference/table`: {missing:?}");
        let gone: Vec<_> = named.difference(&routed).collect();
        assert!(gone.is_empty(), "in `reference/table`, but no route: {gone:?}");
        assert!(named.len() > 60, "{}", named.len());
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_name_is_told_once() {
        let document = document();
        fn references<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
            match value {
                Value::Object(map) => {
                    all.extend(map.get("$ref").and_then(Value::as_str));
                    map.values().for_each(|value| references(value, all));
                }
                Value::Array(list) => list.iter().for_each(|value| references(value, all)),
                _ => {}
            }
        }
        let mut all = Vec::new();
        references(&document, &mut all);
        assert!(all.len() > 300, "{}", all.len());
        for reference in all {
            let place = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some(), "{reference}");
        }
        let mut ids = BTreeMap::new();
        for operation in operations() {
            *ids.entry(operation.id).or_insert(0) += 1;
            assert!(!operation.answers.is_empty(), "{} comes to nothing", operation.id);
            let folder = tag_of(operation.path);
            assert!(
                !operation.path.contains("{id}") || !id_of(operation.path).contains("[a-z]"),
                "say in `id_of` how the ids of {folder} are written"
            );
        }
        assert!(ids.values().all(|count| *count == 1), "{ids:?}");
    }

    #[test]
    fn two_shapes_of_one_name_are_one_shape() {
        let mut seen: BTreeMap<String, Value> = BTreeMap::new();
        for operation in operations() {
            for (name, schema) in operation.shapes {
                let schema = json!(schema);
                let known = seen.entry(name.clone()).or_insert_with(|| schema.clone());
                assert_eq!(*known, schema, "two types are called {name}");
            }
        }
    }
}
