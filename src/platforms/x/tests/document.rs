//! Every request of the adapter against X's own document, and the simulator's strictness against
//! that document's.
//!
//! The document is OpenAPI 2.167, found through `POSTFLEET_SPECS`; without it the comparison is
//! skipped, and says so.

mod requests;
mod schema;
mod strictness;

use crate::sim::Inbound;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use std::path::Path;
use url::form_urlencoded;

/// X's document, and the one before it for what only that one names.
struct Document {
    newest: Value,
    /// OpenAPI 2.159: it knows `tweet.fields`, which X still takes (x.md section 9).
    older: Value,
}

/// One operation of the document: the path with its braces, and what it says of it.
struct Operation<'a> {
    path: &'a str,
    told: &'a Value,
}

impl Document {
    /// Reads it; `None` where there is none, with a word about it.
    fn open(test: &str) -> Option<Self> {
        let Ok(folder) = std::env::var("POSTFLEET_SPECS") else {
            eprintln!("SKIPPED: {test} needs POSTFLEET_SPECS, the folder of official documents");
            return None;
        };
        let read = |name: &str| {
            let path = Path::new(&folder).join("x").join(name);
            let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            serde_json::from_slice(&text).unwrap()
        };
        let newest = read("openapi-2.167.publishing-subset.json");
        Some(Self { newest, older: read("openapi-2.159.json") })
    }

    /// The operation that a request is for: of several paths that fit, the one of most words.
    fn operation(&self, request: &Inbound) -> Option<Operation<'_>> {
        let method = request.method.as_str().to_lowercase();
        let paths = self.newest["paths"].as_object().unwrap().iter();
        let fitting = paths.filter(|(path, told)| {
            told.get(&method).is_some() && bound(path, &request.path).is_some()
        });
        let (path, told) = fitting.min_by_key(|(path, _)| path.matches('{').count())?;
        Some(Operation { path, told: &told[&method] })
    }

    /// Everything that the document says is wrong with a request.
    fn problems(&self, request: &Inbound) -> Vec<String> {
        let Some(operation) = self.operation(request) else {
            return vec![format!("{} {} is not in the document", request.method, request.path)];
        };
        let mut found = self.path_problems(&operation, request);
        found.extend(self.query_problems(&operation, request));
        found.extend(self.body_problems(&operation, request));
        found
    }

    fn path_problems(&self, operation: &Operation<'_>, request: &Inbound) -> Vec<String> {
        let bound = bound(operation.path, &request.path).unwrap_or_default();
        let parameters = self.parameters(operation, "path");
        assert_eq!(bound.len(), parameters.len(), "{}", operation.path);
        let read = |(name, value): (String, String)| {
            let parameter = parameters.iter().find(|one| one["name"] == name.as_str()).unwrap();
            schema::problems(&self.newest, &parameter["schema"], &json!(value))
        };
        bound.into_iter().flat_map(read).collect()
    }

    fn query_problems(&self, operation: &Operation<'_>, request: &Inbound) -> Vec<String> {
        let mut parameters = self.parameters(operation, "query");
        let older = &self.older["paths"][operation.path]["get"]["parameters"];
        let older = older.as_array().into_iter().flatten();
        let older = older.map(|one| resolved(&self.older, one));
        parameters.extend(older.filter(|one| one["name"] == "tweet.fields"));
        let given: Vec<(String, String)> =
            form_urlencoded::parse(request.query.as_bytes()).into_owned().collect();
        let mut found = Vec::new();
        for (name, text) in &given {
            let Some(parameter) = parameters.iter().find(|one| one["name"] == name.as_str()) else {
                found.push(format!("the document knows no parameter {name}"));
                continue;
            };
            let value = typed(&resolved(&self.newest, &parameter["schema"])["type"], text);
            found.extend(schema::problems(&self.newest, &parameter["schema"], &value));
        }
        for parameter in parameters.iter().filter(|one| one["required"] == true) {
            if !given.iter().any(|(name, _)| parameter["name"] == name.as_str()) {
                found.push(format!("{} is missing", parameter["name"]));
            }
        }
        found
    }

    fn body_problems(&self, operation: &Operation<'_>, request: &Inbound) -> Vec<String> {
        let Some(kinds) = operation.told["requestBody"]["content"].as_object() else {
            let is_empty = request.body.is_empty();
            return if is_empty { vec![] } else { vec!["there is a body".to_owned()] };
        };
        let kind = request.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
        let Some(schema) = kinds.get(kind).map(|kind| &kind["schema"]) else {
            return vec![format!("a body of type {kind:?}")];
        };
        let value = match kind {
            "multipart/form-data" => form(request),
            _ => serde_json::from_slice(&request.body).unwrap_or(Value::Null),
        };
        schema::problems(&self.newest, schema, &value)
    }

    fn parameters<'a>(&'a self, operation: &Operation<'a>, place: &str) -> Vec<&'a Value> {
        let all = operation.told["parameters"].as_array().into_iter().flatten();
        let all = all.map(|one| resolved(&self.newest, one));
        all.filter(|one| one["in"] == place).collect()
    }
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(path) => document.pointer(path.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// The values of the braces in a path, where it fits.
fn bound(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (templates, parts) = (template.split('/'), path.split('/'));
    if templates.clone().count() != parts.clone().count() {
        return None;
    }
    let mut bound = Vec::new();
    for (template, part) in templates.zip(parts) {
        match template.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => bound.push((name.to_owned(), part.to_owned())),
            None if template == part => {}
            None => return None,
        }
    }
    Some(bound)
}

/// A parameter's text as the value it stands for.
fn typed(kind: &Value, text: &str) -> Value {
    match kind.as_str() {
        Some("array") => text.split(',').collect(),
        Some("integer") => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        _ => json!(text),
    }
}

/// Multipart form data as an object: the index is a number, the bytes are some text.
fn form(request: &Inbound) -> Value {
    let text = String::from_utf8_lossy(&request.body);
    let mut form = json!({});
    for part in text.split("\r\n--").flat_map(|part| part.split_once("\r\n\r\n")) {
        let (head, content) = part;
        let name = head.split("name=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        form[name] = match name {
            "segment_index" => serde_json::from_str(content).unwrap(),
            _ => json!("bytes"),
        };
    }
    form
}
