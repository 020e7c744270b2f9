//! Every request of the adapter against the API's own discovery document, and the simulator's
//! words against its enumerations.
//!
//! The document is that of YouTube Data API v3, revision 20261104, found through
//! `POSTFLEET_SPECS`; without it the comparison is skipped, and says so.

use super::Stage;
use super::caring::{list, listed};
use super::{call, connected, elsewhere, film, illustrated, set_limits};
use crate::port::{Platform, Publish, Verdict};
use crate::rig::Rig;
use crate::sim::{Control, Inbound};
use crate::youtube::YouTube;
use domain::failure::Failure;
use domain::time::Timestamp;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use url::form_urlencoded;

struct Document(Value);

impl Document {
    /// Reads it; `None` where there is none, with a word about it.
    fn open(test: &str) -> Option<Self> {
        let Ok(folder) = std::env::var("POSTFLEET_SPECS") else {
            eprintln!("SKIPPED: {test} needs POSTFLEET_SPECS, the folder of official documents");
            return None;
        };
        let path = std::path::Path::new(&folder).join("youtube/youtube.v3.json");
        let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Some(Self(serde_json::from_slice(&text).unwrap()))
    }

    /// The method that a request is for. The pieces of a file go to the address of a session,
    /// which is the path of a method that takes media, with an id of the platform's.
    fn method(&self, request: &Inbound) -> Option<&Value> {
        let resources = self.0["resources"].as_object().unwrap().values();
        let mut methods = resources.flat_map(|one| one["methods"].as_object().unwrap().values());
        let is_piece = request.method == Method::PUT && request.query.contains("upload_id=");
        let wanted = if is_piece { "POST" } else { request.method.as_str() };
        methods.find(|method| {
            let own = format!("/{}", method["path"].as_str().unwrap());
            let protocols = method["mediaUpload"]["protocols"].as_object();
            let mut media = protocols.into_iter().flat_map(|all| all.values());
            let is_media = media.any(|one| one["path"] == request.path.as_str());
            method["httpMethod"] == wanted && (own == request.path || is_media)
        })
    }

    /// Everything that the document says is wrong with a request.
    fn problems(&self, request: &Inbound) -> Vec<String> {
        let Some(method) = self.method(request) else {
            return vec![format!("{} {} is not in the document", request.method, request.path)];
        };
        let mut found = self.query_problems(method, request);
        if request.headers.contains_key("content-range") {
            found.extend(piece_problems(method, request));
        } else if request.query.contains("uploadType=media") {
            found.extend(media_problems(method, request, "content-type", request.body.len()));
        } else if let Some(schema) = method["request"]["$ref"].as_str() {
            let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
            self.value_problems(&json!({ "$ref": schema }), &body, "$", &mut found);
            if method.get("mediaUpload").is_some() {
                let size = request.headers["x-upload-content-length"].to_str().unwrap();
                let size = size.parse().unwrap();
                found.extend(media_problems(method, request, "x-upload-content-type", size));
            }
        } else if !request.body.is_empty() {
            found.push("there is a body".to_owned());
        }
        found
    }

    fn query_problems(&self, method: &Value, request: &Inbound) -> Vec<String> {
        let mut found = Vec::new();
        let given: Vec<(String, String)> =
            form_urlencoded::parse(request.query.as_bytes()).into_owned().collect();
        for (name, text) in &given {
            let own = method["parameters"].get(name);
            let Some(parameter) = own.or_else(|| self.0["parameters"].get(name)) else {
                // The platform's own word in the address that it handed out.
                if name != "upload_id" {
                    found.push(format!("the document knows no parameter {name}"));
                }
                continue;
            };
            let value = match parameter["type"].as_str() {
                Some("integer" | "boolean") => serde_json::from_str(text).unwrap_or(Value::Null),
                _ => json!(text),
            };
            self.value_problems(parameter, &value, name, &mut found);
        }
        // What an address says that the platform handed out is its own affair.
        let is_ours = !given.iter().any(|(name, _)| name == "upload_id");
        for (name, parameter) in method["parameters"].as_object().unwrap() {
            if is_ours
                && parameter["required"] == true
                && !given.iter().any(|(given, _)| given == name)
            {
                found.push(format!("{name} is missing"));
            }
        }
        let resource = method["request"]["$ref"].as_str().or(method["response"]["$ref"].as_str());
        let resource = resource.unwrap().replace("ListResponse", "");
        let parts = given.iter().filter(|(name, _)| name == "part");
        for part in parts.flat_map(|(_, parts)| parts.split(',')) {
            if self.0["schemas"][&resource]["properties"].get(part).is_none() {
                found.push(format!("{resource} has no part {part}"));
            }
        }
        found
    }

    /// A keyword that is not known here fails the test, so that nothing is left unchecked.
    fn value_problems(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        for (keyword, rule) in schema.as_object().unwrap() {
            let holds = match keyword.as_str() {
                "$ref" => {
                    let named = &self.0["schemas"][rule.as_str().unwrap()];
                    self.value_problems(named, value, at, found);
                    true
                }
                "type" => is_of_type(rule.as_str().unwrap(), value),
                "enum" => rule.as_array().unwrap().contains(value),
                "properties" => {
                    for (name, inner) in value.as_object().into_iter().flatten() {
                        match rule.get(name) {
                            Some(schema) => {
                                let at = format!("{at}.{name}");
                                self.value_problems(schema, inner, &at, found);
                            }
                            None => found.push(format!("{at} has no {name}")),
                        }
                    }
                    true
                }
                "items" => {
                    for item in value.as_array().into_iter().flatten() {
                        self.value_problems(rule, item, at, found);
                    }
                    true
                }
                "format" if rule == "date-time" => {
                    value.as_str().is_some_and(|text| Timestamp::parse(text).is_some())
                }
                "format" => rule == "uint32" || rule == "int32",
                "minimum" | "maximum" => {
                    let bound: i64 = rule.as_str().unwrap().parse().unwrap();
                    let number = value.as_i64().unwrap();
                    if keyword == "minimum" { number >= bound } else { number <= bound }
                }
                "repeated" => rule == true,
                "description" | "id" | "default" | "location" | "required" | "annotations"
                | "enumDescriptions" | "deprecated" | "readOnly" => true,
                unknown => panic!("{unknown} of the document is not compared"),
            };
            if !holds {
                found.push(format!("{at}: {keyword} {rule} does not hold of {value}"));
            }
        }
    }
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("{unknown} of the document is not compared"),
    }
}

/// The file that is announced or sent is of a type and size that the method takes.
fn media_problems(method: &Value, request: &Inbound, header: &str, size: usize) -> Vec<String> {
    let mime = request.headers[header].to_str().unwrap();
    let accepts = method["mediaUpload"]["accept"].as_array().unwrap();
    let is_taken = accepts.iter().filter_map(Value::as_str).any(|accept| {
        accept == mime || accept.strip_suffix('*').is_some_and(|kind| mime.starts_with(kind))
    });
    let most: usize = method["mediaUpload"]["maxSize"].as_str().unwrap().parse().unwrap();
    let mut found = Vec::new();
    if !is_taken {
        found.push(format!("{mime} is not accepted"));
    }
    if size > most {
        found.push(format!("{size} bytes are too many"));
    }
    found
}

/// A piece of a resumable upload, or the question how far it is.
fn piece_problems(method: &Value, request: &Inbound) -> Vec<String> {
    let range = request.headers["content-range"].to_str().unwrap();
    let range = range.strip_prefix("bytes ").unwrap_or_default();
    let (range, total) = range.split_once('/').unwrap_or_default();
    let length = request.body.len();
    let is_right = match range.split_once('-') {
        None => range == "*" && length == 0,
        Some((first, last)) => {
            let [first, last, total] = [first, last, total].map(|n| n.parse::<usize>().unwrap());
            let is_last = last + 1 == total;
            last + 1 - first == length && (is_last || length.is_multiple_of(super::GRAIN))
        }
    };
    let is_resumable = method["mediaUpload"]["protocols"].get("resumable").is_some();
    let is_right = is_right && is_resumable && request.method == Method::PUT;
    if is_right { vec![] } else { vec![format!("{range}/{total} with {length} bytes")] }
}

/// Publishes every kind of post, and looks for each in every way.
fn everything(rig: &mut Rig) {
    let mut whole = illustrated(rig, vec![1; 50]);
    let options = [
        ("tags", json!(["a", "b c"])),
        ("privacyStatus", json!("private")),
        ("publishAt", json!("2027-01-01T00:00:00.000Z")),
        ("madeForKids", json!(true)),
    ];
    whole.options.extend(options.map(|(name, value)| (name.to_owned(), value)));
    let whole = listed(whole, &[&list(rig, ""), &list(rig, "-b")]);
    let out = rig.publish(&whole).unwrap();
    let done = Stage::Done { id: out.remote_id, warnings: Vec::new() }.save();
    rig.carry(&crate::port::Publish::follow(&YouTube, &done).unwrap());
    (rig.files, rig.assets) = (vec![], vec![]);
    let content = film(rig, 40 * super::GRAIN);
    let at = rig.until("videos.chunk", &content);
    let why = Failure::Transient { detail: "no reply".into() };
    let at = YouTube.recover(&at, &why, &rig.view(&content));
    rig.publish_from(at, &content).unwrap();
    // Whoever looks for it finds no other of its title.
    let mut content = content;
    content.options.insert("title".into(), json!("Another film"));
    let at = rig.until_irreversible(&content);
    rig.lose(&at, &content);
    rig.wait(120);
    set_limits(rig, json!({ "visibilityDelayMs": 0 }));
    let asked = rig.ask(&elsewhere(&at), &content);
    assert!(matches!(asked, Verdict::Found { .. }), "{asked:?}");
    assert_eq!(call(rig, &at, &content).endpoint, "videos.finish");
    rig.sim.control(&Control::ExpireToken { account: None }, rig.now);
    rig.refresh().unwrap();
}

// case: C-document-youtube
#[test]
fn every_request_is_as_documented() {
    let Some(document) = Document::open("every_request_is_as_documented") else { return };
    let mut rig = connected("acme");
    everything(&mut rig);
    let mut seen = BTreeSet::new();
    for request in &rig.requests {
        // OAuth's own endpoints are in Google's other documents.
        if request.path == "/token" {
            continue;
        }
        let found = document.problems(request);
        let line = format!("{} {}", request.method, request.path);
        assert!(found.is_empty(), "{line}?{}\n{found:#?}", request.query);
        let scopes = document.method(request).unwrap()["scopes"].as_array().unwrap();
        let profile = crate::port::Auth::profile(&YouTube, "default");
        assert!(profile.scopes.iter().any(|scope| scopes.contains(&json!(scope))), "{line}");
        seen.insert(line);
    }
    let expected = [
        "GET /youtube/v3/channels",
        "GET /youtube/v3/playlistItems",
        "GET /youtube/v3/videos",
        "POST /upload/youtube/v3/thumbnails/set",
        "POST /upload/youtube/v3/videos",
        "POST /youtube/v3/playlistItems",
        "PUT /upload/youtube/v3/videos",
    ];
    assert_eq!(seen, expected.map(str::to_owned).into());
}

// case: C-document-youtube
#[test]
fn what_the_document_bounds_is_what_the_capabilities_say() {
    let test = "what_the_document_bounds_is_what_the_capabilities_say";
    let Some(Document(document)) = Document::open(test) else { return };
    let table = YouTube.capabilities(domain::capability::Profile::Spec, "standard");
    let bound = |resource: &str, method: &str| {
        let media = &document["resources"][resource]["methods"][method]["mediaUpload"];
        media["maxSize"].as_str().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(table.video.size_bytes_max, bound("videos", "insert"));
    assert_eq!(table.image.size_bytes_max, bound("thumbnails", "set"));
    let status = &document["schemas"]["VideoStatus"]["properties"];
    let is_in = |name: &str, word: &str| {
        assert!(status[name]["enum"].as_array().unwrap().contains(&json!(word)), "{name} {word}");
    };
    for word in ["public", "unlisted", "private"] {
        is_in("privacyStatus", word);
    }
    for word in ["uploaded", "processed", "failed", "rejected"] {
        is_in("uploadStatus", word);
    }
    is_in("failureReason", "codec");
    is_in("rejectionReason", "duplicate");
    is_in("rejectionReason", "length");
}
