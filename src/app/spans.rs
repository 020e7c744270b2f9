//! The spans of a post's way, worded by the conventions for messaging, and what they say.
//!
//! Invariant: a span says ids, names, numbers and classes; no token, no address, no word of a post.

use crate::courier::Answered;
use base::Fault;
use base::trace::{Cause, Kind, Span};
use domain::failure::Sent;
use domain::id::PostId;
use http::Request;
use queue::Claimed;
use store::deliveries::Loaded;
use store::jobs::JobKind;
use store::messages::Owed;

/// Wake-ups are owed to a queue.
pub(crate) fn send(parent: &Span, queue: &'static str) -> Span {
    let span = parent.part(Kind::Producer, || format!("send {queue}"));
    of_queue(&span, queue, "send");
    span
}

/// The post that a span is about.
pub(crate) fn of_post(span: &Span, id: PostId) {
    if span.is_kept() {
        span.set("postfleet.post.id", id.to_string());
    }
}

/// A post is fanned out.
pub(crate) fn fan_out(claimed: &Claimed, cause: Option<&str>) -> Span {
    let named = || format!("process {}", claimed.queue);
    let span = Span::begin(Kind::Consumer, Cause::Part(cause), named);
    of_queue(&span, &claimed.queue, "process");
    of_post(&span, PostId::new(claimed.subject));
    span
}

/// A lease's work on a delivery. The first attempt is a part of what owed it; a further one, or a
/// question, is a trace of its own, for it may come weeks later.
pub(crate) fn attempt(claimed: &Claimed, kind: JobKind, row: &Loaded) -> Span {
    let parent = row.traceparent.as_deref();
    let is_first = kind == JobKind::Publish && row.attempts == 0 && !row.has_doubt;
    let cause = if is_first { Cause::Part(parent) } else { Cause::Again(parent) };
    let span = Span::begin(Kind::Consumer, cause, || format!("process {}", claimed.queue));
    of_queue(&span, &claimed.queue, "process");
    if span.is_kept() {
        span.set("messaging.message.id", claimed.subject.to_string());
        span.set("postfleet.post.id", row.post.to_string());
        span.set("postfleet.delivery.id", row.id.to_string());
        span.set("postfleet.platform", row.platform.clone());
        span.set("postfleet.attempt", i64::from(row.attempts) + 1);
    }
    span
}

fn of_queue(span: &Span, queue: &str, operation: &'static str) {
    if span.is_kept() {
        span.set("messaging.system", "postfleet");
        span.set("messaging.destination.name", queue.to_owned());
        span.set("messaging.operation.name", operation);
        span.set("messaging.operation.type", operation);
    }
}

/// A call of a platform: its name and its host, never its address.
pub(crate) fn call<B>(
    carrying: &Span,
    platform: &str,
    endpoint: &'static str,
    request: &Request<B>,
) -> Span {
    let span = carrying.part(Kind::Client, || format!("{} {endpoint}", request.method()));
    if span.is_kept() {
        span.set("http.request.method", request.method().as_str().to_owned());
        span.set("server.address", request.uri().host().unwrap_or_default().to_owned());
        span.set("postfleet.platform", platform.to_owned());
        span.set("postfleet.endpoint", endpoint);
    }
    span
}

/// A message to an endpoint. The first attempt is a part of the trace of its post; a further one may
/// come days later.
pub(crate) fn message(claimed: &Claimed, owed: &Owed) -> Span {
    let post = owed.traceparent.as_deref();
    let cause = if owed.attempts == 0 { Cause::Part(post) } else { Cause::Again(post) };
    let span = Span::begin(Kind::Consumer, cause, || format!("process {}", claimed.queue));
    of_queue(&span, &claimed.queue, "process");
    if span.is_kept() {
        span.set("messaging.message.id", claimed.subject.to_string());
        span.set("postfleet.event.id", owed.event.to_string());
        span.set("postfleet.event.type", owed.kind.clone());
        span.set("postfleet.webhook.id", owed.webhook.to_string());
        span.set("postfleet.attempt", i64::from(owed.attempts) + 1);
        if owed.stream.starts_with("pst_") {
            span.set("postfleet.post.id", owed.stream.clone());
        }
    }
    span
}

/// The call of an endpoint, which is its owner's: it is named by its id alone.
pub(crate) fn told(sending: &Span) -> Span {
    let span = sending.part(Kind::Client, || "POST webhook".to_owned());
    span.set("http.request.method", "POST");
    span
}

/// What an endpoint answered; no status is no answer.
pub(crate) fn heard(span: &Span, status: Option<u16>) {
    match status {
        Some(status) => {
            span.set("http.response.status_code", i64::from(status));
            if !(200..300).contains(&status) {
                span.fail("not_taken");
            }
        }
        None => span.fail("no_reply"),
    }
}

/// What a call came to, in one of few words.
pub(crate) fn class(answered: &Result<Answered, Fault>) -> &'static str {
    match answered {
        Ok(Ok((status, _, _))) => match status.as_u16() / 100 {
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        },
        Ok(Err(silence)) => match silence.sent() {
            Sent::No => "not_sent",
            Sent::Maybe => "no_reply",
        },
        Err(_) => "fault",
    }
}

/// What a call came to.
pub(crate) fn answered(span: &Span, answered: &Result<Answered, Fault>) {
    match answered {
        Ok(Ok((status, _, _))) => {
            span.set("http.response.status_code", i64::from(status.as_u16()));
            if status.is_client_error() || status.is_server_error() {
                span.fail(class(answered));
            }
        }
        Ok(Err(_)) | Err(_) => span.fail(class(answered)),
    }
}
