//! Every request of the adapter against Meta's own sample collection.
//!
//! The collection is `threads_api` by fbsamples, found through `POSTFLEET_SPECS`; without it the
//! comparison is skipped, and says so. It knows every name that we send: nothing is excepted but
//! the token, which a collection sets for all requests at once.

use super::{chain, connected, limit, pictures};
use crate::port::{Auth, Operation, Verdict};
use crate::rig::{Rig, post};
use crate::sim::Inbound;
use crate::threads::Threads;
use domain::content::{Content, MediaKind};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use url::form_urlencoded;

/// Values of a parameter that are lists of names, each of which the collection has to know.
const NAMES: [&str; 1] = ["fields"];

/// The requests of the collection: for each its parameters with their values.
struct Collection {
    requests: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Collection {
    /// Reads it; `None` where there is none, with a word about it.
    fn open(test: &str) -> Option<Self> {
        let Ok(folder) = std::env::var("POSTFLEET_SPECS") else {
            eprintln!("SKIPPED: {test} needs POSTFLEET_SPECS, the folder of official documents");
            return None;
        };
        let path = Path::new(&folder).join("threads/threads-api.postman_collection.json");
        let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let document: Value = serde_json::from_slice(&text).unwrap();
        let variables = document["variable"].as_array().unwrap().iter().map(|variable| {
            let told = |name: &str| variable[name].as_str().unwrap_or_default().to_owned();
            (format!("{{{{{}}}}}", told("key")), told("value"))
        });
        let variables: BTreeMap<String, String> = variables.collect();
        let mut found = Self { requests: BTreeMap::new() };
        found.walk(&document, &variables);
        Some(found)
    }

    fn walk(&mut self, folder: &Value, variables: &BTreeMap<String, String>) {
        for item in folder["item"].as_array().into_iter().flatten() {
            self.walk(item, variables);
            let (request, url) = (&item["request"], &item["request"]["url"]);
            let Some(path) = url["path"].as_array() else { continue };
            let parts = path.iter().filter_map(Value::as_str).filter(|part| !part.is_empty());
            let path: Vec<String> = parts.map(named).collect();
            let key = format!("{} /{}", request["method"].as_str().unwrap(), path.join("/"));
            let known = self.requests.entry(key).or_default();
            for parameter in url["query"].as_array().into_iter().flatten() {
                let name = parameter["key"].as_str().unwrap().to_owned();
                let value = parameter["value"].as_str().unwrap_or_default();
                let value = variables.get(value).map_or(value, String::as_str);
                known.entry(name).or_default().extend(split(value));
            }
        }
    }

    /// Everything that the collection does not know of a request.
    fn problems(&self, request: &Inbound) -> Vec<String> {
        let key = key(request);
        let Some(known) = self.requests.get(&key) else {
            return vec![format!("{key} is not in the collection")];
        };
        let mut found = Vec::new();
        for (name, value) in parameters(request) {
            if name == "access_token" {
                continue;
            }
            let Some(values) = known.get(&name) else {
                found.push(format!("{key} knows no parameter {name}"));
                continue;
            };
            let is_listed = NAMES.contains(&name.as_str());
            for part in split(&value).filter(|part| is_listed && !values.contains(part)) {
                found.push(format!("{key}: {name} does not know {part}"));
            }
        }
        found
    }
}

/// A part of a path: a variable of any name stands for an id.
fn named(part: &str) -> String {
    let is_variable = part.starts_with("{{") || part.starts_with(':');
    if is_variable { "{id}".to_owned() } else { part.to_owned() }
}

/// The names in a list; those inside braces belong to the name before.
fn split(value: &str) -> impl Iterator<Item = String> {
    let mut depth = 0_usize;
    let outside = value.chars().filter(move |c| {
        depth += usize::from(*c == '{');
        let is_outside = depth == 0;
        depth -= usize::from(*c == '}' && depth > 0);
        is_outside
    });
    let outside: String = outside.collect();
    outside.split(',').map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// A request as the collection names it.
fn key(request: &Inbound) -> String {
    let path = request.path.strip_prefix("/v1.0").unwrap_or(&request.path);
    let is_id = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let parts = path.split('/').map(|part| if is_id(part) { "{id}" } else { part });
    format!("{} {}", request.method, parts.collect::<Vec<_>>().join("/"))
}

/// The parameters of a request: Meta takes them from the query and from a form alike.
fn parameters(request: &Inbound) -> Vec<(String, String)> {
    let query = form_urlencoded::parse(request.query.as_bytes());
    let all = query.chain(form_urlencoded::parse(&request.body));
    all.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// Publishes every kind of post, looks for each of them, and renews the grant.
fn everything(rig: &mut Rig) {
    let options = json!({
        "poll": { "options": ["a", "b"], "durationMinutes": 1_440 }, "replyControl": "everyone",
    });
    let poll = Content { options: options.as_object().cloned().unwrap(), ..post("Well?") };
    rig.publish(&poll).unwrap();
    let mut mixed = pictures(rig, 2);
    mixed.segments[0].media.push(rig.file(MediaKind::Video, vec![7; 900], Some("a film")));
    rig.publish(&mixed).unwrap();
    rig.publish(&chain(&["one", "two"])).unwrap();
    for (content, part) in [(post("looked for"), 0), (chain(&["looked", "for"]), 1)] {
        limit(rig, json!({ "listDelayMs": 0 }));
        rig.intended_at = None;
        let mut at = rig.start(&content);
        let endpoint = if part == 0 { "threads.publish" } else { "replies.publish" };
        while !matches!(rig.next(&at, &content), crate::port::Step::Call(call)
            if call.endpoint == endpoint)
        {
            at = rig.step(&at, &content).unwrap().unwrap();
        }
        rig.lose(&at, &content);
        assert!(matches!(rig.ask(&at, &content), Verdict::Found { .. }));
    }
    let first = post("of many");
    let at = rig.until("threads.publish", &first);
    rig.lose(&at, &first);
    let intended_at = rig.intended_at;
    for number in 0..100 {
        rig.publish(&post(&format!("later {number}"))).unwrap();
    }
    rig.intended_at = intended_at;
    assert!(matches!(rig.ask(&at, &first), Verdict::Found { .. }), "on the second page");
    let short = chain(&["to be", "taken back"]);
    rig.publish(&short).unwrap();
    rig.operate(Operation::Delete, &short).unwrap();
    rig.wait(2 * 86_400);
    rig.refresh().unwrap();
}

// case: C-document-threads
#[test]
fn every_request_is_as_documented() {
    let Some(collection) = Collection::open("every_request_is_as_documented") else { return };
    let mut rig = connected("acme");
    everything(&mut rig);
    let (mut seen, mut sent) = (BTreeSet::new(), BTreeSet::new());
    for request in &rig.requests {
        let found = collection.problems(request);
        assert!(found.is_empty(), "{found:#?}");
        seen.insert(key(request));
        sent.extend(parameters(request).into_iter().map(|(name, _)| name));
    }
    let expected = [
        "DELETE /{id}",
        "GET /access_token",
        "GET /me",
        "GET /me/replies",
        "GET /me/threads",
        "GET /me/threads_publishing_limit",
        "GET /refresh_access_token",
        "GET /{id}",
        "POST /me/threads",
        "POST /me/threads_publish",
        "POST /oauth/access_token",
    ];
    assert_eq!(seen, expected.map(str::to_owned).into());
    for name in ["poll_attachment", "reply_to_id", "reply_control", "children", "alt_text", "after"]
    {
        assert!(sent.contains(name), "{name} was never sent, so nothing was compared");
    }
    assert!(!Threads.profile("default").uses_pkce);
}
