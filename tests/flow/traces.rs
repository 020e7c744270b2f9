//! One trace shows a post from the request that brought it to the platform's reply, over the three
//! processes that worked on it.

use crate::support::scene::delivery;
use crate::support::worker::Worker;
use crate::support::{Api, Fleet, Receiver, Scene, eventually, files};
use domain::time::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A trace that a caller of ours began, and its span there.
const CALLER: (&str, &str) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
const SPANS_WITHIN: Duration = Duration::from_secs(20);

/// A span, and who made it.
#[derive(Debug, Clone)]
struct Span {
    process: &'static str,
    value: Value,
}

impl Span {
    fn text(&self, name: &str) -> &str {
        self.value[name].as_str().unwrap_or_default()
    }

    /// What it says of itself.
    fn said(&self, name: &str) -> &Value {
        let all = self.value["attributes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let found = all.iter().find(|one| one["key"] == name);
        found.map_or(&Value::Null, |one| one["value"].as_object().unwrap().values().next().unwrap())
    }
}

/// Every span that a process has exported.
fn spans(root: &Path, process: &'static str) -> Vec<Span> {
    let text = fs::read_to_string(root.join(format!("{process}.jsonl"))).unwrap_or_default();
    // The last line may still be on its way.
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let scopes = lines.flat_map(|line| of(&line, "resourceSpans"));
    let scopes = scopes.flat_map(|one| of(&one, "scopeSpans"));
    scopes.flat_map(|one| of(&one, "spans")).map(|value| Span { process, value }).collect()
}

/// The processes of a fleet, each with a file of its own for spans.
fn start(fleet: &Fleet) -> (Vec<Worker>, Api) {
    let file = |name: &str| fleet.root().join(format!("{name}.jsonl")).display().to_string();
    let [format, level] = LOGGED;
    let variable = "POSTFLEET__TELEMETRY__OTLP_FILE";
    let spans = file("serve");
    let (serving, place) = Worker::serve(fleet, "serve", &[(variable, &spans), format, level]);
    let work = |name: &str, roles: &str| {
        let environment = [(variable, &*file(name)), format, level];
        Worker::start_as(fleet, name, &["work", "--roles", roles], &environment)
    };
    let workers = vec![
        serving,
        work("plan", "relay,fan-out"),
        work("publish", "publish,reconcile,sweep,webhook"),
    ];
    (workers, Api::new(&place))
}

/// What each process says, and how.
const LOGGED: [(&str, &str); 2] = [
    ("POSTFLEET__LOG__FORMAT", "json"),
    ("POSTFLEET_LOG", "info,server=debug,app=debug,queue=debug,workers=debug"),
];
const PROCESSES: [&str; 3] = ["serve", "plan", "publish"];

/// The spans of the caller's trace, once a platform's reply is among them.
async fn whole(fleet: &Fleet, trace: &str, name: &str) -> Vec<Span> {
    let what = format!("{name} is in the trace");
    eventually(&what, SPANS_WITHIN, async || {
        let all = PROCESSES.into_iter().flat_map(|process| spans(fleet.root(), process));
        let ours: Vec<Span> = all.filter(|span| span.text("traceId") == trace).collect();
        let has = |name: &str| ours.iter().any(|span| span.text("name") == name);
        // A parent ends after its parts, so with it what its process did is whole; each process
        // writes its spans at a time of its own.
        let ends = [name, "process publish:x", "process fan_out", "POST /v1/posts"];
        let is_whole = ends.into_iter().all(has);
        if is_whole { Ok(ours) } else { Err(format!("{ours:?}")) }
    })
    .await
}

/// From a span up to the one without a parent here: names and processes.
fn way_up<'a>(all: &'a BTreeMap<String, Span>, from: &'a Span) -> Vec<(&'a str, &'static str)> {
    let mut way = Vec::new();
    let mut at = Some(from);
    while let Some(span) = at {
        way.push((span.text("name"), span.process));
        at = all.get(span.text("parentSpanId"));
    }
    way
}

// case: O-trace
// case: O-logs
#[tokio::test]
async fn one_trace_leads_from_the_request_to_the_platforms_reply_over_three_processes() {
    let fleet = Fleet::start(&["--without-workers"], &[]).await;
    let scene = Scene::on(&fleet, "traced").await;
    let account = scene.connect("traced").await;
    let (workers, api) = start(&fleet);
    api.opens().await;
    let upstream = Receiver::willing().await;
    let hook = json!({"url": upstream.url("/hook"), "events": ["delivery.published"]});
    api.post("/v1/webhooks", &hook).await.data();
    let picture = api.upload(files::jpeg(640, 640), "a.jpg").await;
    let words = format!("Traced, {}", scene.brand);
    let post =
        scene.draft(json!({"text": words, "media": [{"id": picture}], "accounts": [account.id]}));
    let (trace, parent) = CALLER;
    let request = api.request(Method::POST, "/v1/posts").json(&post);
    let request = request.header("traceparent", format!("00-{trace}-{parent}-01"));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["success"], true, "{answer}");
    let post = answer["data"].clone();
    let shown = scene.published(&post).await;

    // The message to the endpoint is the last that is done.
    let found = whole(&fleet, trace, "process webhook").await;
    let all: BTreeMap<String, Span> =
        found.iter().map(|span| (span.text("spanId").to_owned(), span.clone())).collect();
    let find = |name: &str| found.iter().find(|span| span.text("name") == name).unwrap();
    let call = find("POST tweets.create");
    assert_eq!(
        way_up(&all, call),
        [
            ("POST tweets.create", "publish"),
            ("carry tweets.create", "publish"),
            ("process publish:x", "publish"),
            ("send publish", "plan"),
            ("process fan_out", "plan"),
            ("send fan_out", "serve"),
            ("POST /v1/posts", "serve"),
        ]
    );
    assert_eq!(find("POST /v1/posts").text("parentSpanId"), parent);
    assert_eq!(call.said("http.response.status_code"), &json!("201"));
    let process = find("process publish:x");
    assert_eq!(process.said("messaging.system"), "postfleet");
    assert_eq!(process.said("messaging.operation.type"), "process");
    assert_eq!(process.said("postfleet.delivery.id"), &delivery(&shown, &account)["id"]);
    is_told_in_it(&found, &upstream.got()[0].json, &post);
    let steps = ["meter", "sign", "intend", "fence", "settle"];
    for step in steps {
        assert!(found.iter().any(|span| span.text("name") == step), "no step {step}");
    }
    tells_no_secret(&fleet, &words);
    are_logged(&workers, trace, &[&words, &fleet.place().api_key]);
}

/// The message that tells of the post stands in the trace of the post.
fn is_told_in_it(found: &[Span], event: &Value, post: &Value) {
    let find = |name: &str| found.iter().find(|span| span.text("name") == name).unwrap();
    let (told, begun) = (find("process webhook"), find("send fan_out"));
    assert_eq!(told.text("parentSpanId"), begun.text("spanId"), "{told:?}");
    assert_eq!(told.said("postfleet.post.id"), &post["id"]);
    assert_eq!(told.said("postfleet.event.id"), &event["id"]);
    assert_eq!(told.said("postfleet.event.type"), "delivery.published");
    let call = find("POST webhook");
    assert_eq!(call.text("parentSpanId"), told.text("spanId"));
    assert_eq!(call.said("http.response.status_code"), &json!("204"));
}

/// Each line of each log is an object that says when, how grave, where and what; those of the
/// request name its trace.
fn are_logged(workers: &[Worker], trace: &str, secrets: &[&str]) {
    let mut answered = 0;
    for worker in workers {
        let log = worker.log();
        assert!(log.lines().count() > 1, "{log}");
        for line in log.lines() {
            let one: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
            let at = one["timestamp"].as_str().unwrap();
            assert!(at.ends_with('Z') && Timestamp::parse(at).is_some(), "{line}");
            assert!(["DEBUG", "INFO", "WARN", "ERROR"].map(Value::from).contains(&one["level"]));
            assert!(one["message"].as_str().is_some_and(|words| words.len() > 4), "{line}");
            assert!(one["target"].is_string(), "{line}");
            assert!(secrets.iter().all(|secret| !line.contains(secret)), "{line}");
            let is_ours = one["span"]["trace_id"] == trace && one["span"]["route"] == "/v1/posts";
            if is_ours && one["message"] == "answered" {
                assert_eq!(one["status"], 201, "a number, as it was given: {line}");
                answered += 1;
            }
        }
    }
    assert_eq!(answered, 1);
}

/// No token, no address with a query, and no word of a post is in any span.
fn tells_no_secret(fleet: &Fleet, words: &str) {
    let text: String = PROCESSES
        .iter()
        .map(|name| fs::read_to_string(fleet.root().join(format!("{name}.jsonl"))).unwrap())
        .collect();
    let key = &fleet.place().api_key;
    for secret in [words, key, "Bearer", "access_token", "http://", "https://"] {
        assert!(!text.contains(secret), "{secret:?} is in a span");
    }
}

// case: O-again
#[tokio::test]
async fn a_further_attempt_is_a_trace_of_its_own_that_names_the_first() {
    let fleet = Fleet::start(&["--without-workers"], &[]).await;
    let scene = Scene::on(&fleet, "again").await;
    let account = scene.connect("again").await;
    let (mut workers, api) = start(&fleet);
    api.opens().await;
    let lost = json!({"kind": "resetBeforeAccept", "route": "tweets.create"});
    scene.sim.fault(&account.handle, lost).await;
    let text = format!("Traced again, {}", scene.brand);
    let post = scene.draft(json!({"text": text, "accounts": [account.id]}));
    let answer = api.post("/v1/posts", &post).await;
    let post = answer.data().clone();
    scene.published(&post).await;
    // What waits to be exported is, when a process ends.
    let publisher = workers.pop().unwrap();
    let status = std::process::Command::new("kill").arg(publisher.pid().to_string()).status();
    assert!(status.unwrap().success());
    let (first, asked, again) = eventually("all attempts are there", SPANS_WITHIN, async || {
        let all = spans(fleet.root(), "publish");
        let named = |name: &str| -> Vec<Span> {
            all.iter().filter(|span| span.text("name") == name).cloned().collect()
        };
        let tried = named("process publish:x");
        let first = tried.iter().find(|span| !span.text("parentSpanId").is_empty());
        let again = tried.iter().find(|span| span.text("parentSpanId").is_empty());
        match (first, named("process reconcile").first(), again) {
            (Some(first), Some(asked), Some(again)) => {
                Ok((first.clone(), asked.clone(), again.clone()))
            }
            _ => Err(format!("{all:?}")),
        }
    })
    .await;
    for later in [&asked, &again] {
        assert_ne!(later.text("traceId"), first.text("traceId"));
        let link = &later.value["links"][0];
        assert_eq!(link["traceId"], first.text("traceId"), "{later:?}");
        assert_eq!(link["spanId"], first.text("parentSpanId"), "{later:?}");
    }
    drop(publisher);
}
