//! What a trace is made of, and what a collector and a file get of it.

use super::*;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::Value as Json;
use std::fs;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const ABOVE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_traceparent_is_read_as_the_standard_says() {
    assert!(read(ABOVE).is_some_and(|at| at.is_sampled() && at.is_remote()));
    assert!(read(&ABOVE.replace("-01", "-00")).is_some_and(|at| !at.is_sampled()));
    // A later version may say more.
    assert!(read(&format!("{}-more", ABOVE.replacen("00", "01", 1))).is_some());
    for spoilt in [
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        &format!("{ABOVE}-more"),
        &ABOVE.replacen("00", "ff", 1),
        &ABOVE.to_uppercase(),
        &ABOVE.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
        &ABOVE.replace("00f067aa0ba902b7", &"0".repeat(16)),
        &ABOVE.replace("4bf", "4bé"),
    ] {
        assert!(read(spoilt).is_none(), "{spoilt:?}");
    }
}

/// A collector that takes one export: the head of the request, and its body.
async fn collected(listener: TcpListener) -> (String, Vec<u8>) {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut read = Vec::new();
    loop {
        socket.read_buf(&mut read).await.unwrap();
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
        if read.len() >= end + 4 + length {
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            return (head, read.split_off(end + 4));
        }
    }
}

// case: O-collector
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_spans_as_protobuf_over_http() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let otlp_url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let config = Config { otlp_url, ..Config::default() };
    let (tracer, exports) = export::open(&config, "test").unwrap().unwrap();
    drop(tracer.build_with_context(SpanBuilder::from_name("kept"), &Context::new()));
    let ((head, body), ()) = tokio::join!(collected(listener), exports.flush());
    assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
    assert!(head.contains("content-type: application/x-protobuf"), "{head}");
    let sent = ExportTraceServiceRequest::decode(&body[..]).unwrap();
    let [spans] = &sent.resource_spans[..] else { panic!("{sent:?}") };
    assert_eq!(spans.scope_spans[0].spans[0].name, "kept");
    let resource = spans.resource.as_ref().unwrap();
    assert!(resource.attributes.iter().any(|one| one.key == "service.name"), "{resource:?}");
}

/// The spans of a file, by their names.
fn spans(text: &str) -> Vec<Json> {
    let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let scopes = lines.flat_map(|line| line["resourceSpans"].as_array().unwrap().clone());
    let scopes = scopes.flat_map(|spans| spans["scopeSpans"].as_array().unwrap().clone());
    scopes.flat_map(|scope| scope["spans"].as_array().unwrap().clone()).collect()
}

// case: O-spans
#[tokio::test(flavor = "multi_thread")]
async fn spans_are_nothing_until_they_are_exported_and_then_follow_what_caused_them() {
    let nothing = Span::begin(Kind::Server, Cause::Part(Some(ABOVE)), || unreachable!());
    assert!(nothing.traceparent().is_none() && !is_on());
    assert!(start(&Config::default(), "test").unwrap().is_none(), "nothing is configured");

    let dir = TempDir::new().unwrap();
    let file = dir.path().join("spans.jsonl");
    // No trace that begins here is kept, so that only what belongs to another one is.
    let config = Config { otlp_file: Some(file.clone()), sample_ratio: 0.0, ..Config::default() };
    let exports = start(&config, "test").unwrap().unwrap();
    let request = Span::begin(Kind::Server, Cause::Part(Some(ABOVE)), || "request".to_owned());
    let owed = within(request.clone(), async {
        let part = present().part(Kind::Producer, || "send".to_owned());
        part.set("messaging.system", "postfleet");
        part.traceparent().unwrap()
    })
    .await;
    assert!(present().traceparent().is_none(), "outside of it there is none");
    drop(request);
    let again = Span::begin(Kind::Consumer, Cause::Again(Some(&owed)), || "again".to_owned());
    again.fail("Transient");
    drop(again);
    let unkept = Span::begin(Kind::Server, Cause::Part(None), || "unkept".to_owned());
    assert!(!unkept.is_kept() && unkept.traceparent().unwrap().ends_with("-00"));
    drop(unkept);
    exports.flush().await;

    let spans = spans(&fs::read_to_string(&file).unwrap());
    let find = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap();
    assert_eq!(spans.len(), 3, "{spans:?}");
    let (request, send, again) = (find("request"), find("send"), find("again"));
    assert_eq!(request["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(request["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(send["parentSpanId"], request["spanId"]);
    assert_ne!(again["traceId"], request["traceId"]);
    assert_eq!(again["links"][0]["spanId"], send["spanId"]);
    assert_eq!(again["status"]["message"], "Transient");
}
