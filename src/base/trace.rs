//! Traces: what one request led to, over all the processes that worked on it.
//!
//! A span is handed on in memory as the present one of a task, and between processes as the
//! `traceparent` of the W3C, which a row of `jobs` keeps. Invariant: unless an export is configured
//! a span is nothing: none is made, no word is formatted, and no row says more.

mod export;
#[cfg(test)]
mod tests;

pub use export::Exports;

use crate::fault::Fault;
use futures::future::Either;
use opentelemetry::trace::{
    Link, SpanBuilder, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::SdkTracer;
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;

pub use opentelemetry::trace::SpanKind as Kind;

/// The `[telemetry]` section of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where spans are sent to, as OTLP over HTTP; empty is nowhere.
    pub otlp_url: String,
    /// A file that spans are added to, as lines of OTLP's JSON.
    pub otlp_file: Option<PathBuf>,
    /// The part of the traces begun here that is kept, from 0 to 1.
    pub sample_ratio: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { otlp_url: String::new(), otlp_file: None, sample_ratio: 1.0 }
    }
}

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

tokio::task_local! {
    static PRESENT: Span;
}

/// Begins to export spans of this process, if that is configured. Needs a running tokio.
///
/// # Errors
/// When the address or the file cannot be used, or spans are exported already.
pub fn start(config: &Config, role: &'static str) -> Result<Option<Exports>, Fault> {
    let Some((tracer, exports)) = export::open(config, role)? else { return Ok(None) };
    TRACER.set(tracer).map_err(|_| Fault::new("spans are exported already"))?;
    Ok(Some(exports))
}

/// Sends what waits to be exported, at the end of a process.
pub async fn flush(exports: Option<Exports>) {
    if let Some(exports) = exports {
        exports.flush().await;
    }
}

/// Whether spans are made at all.
pub fn is_on() -> bool {
    TRACER.get().is_some()
}

/// Something that is done, from when it is made until its last copy is dropped.
#[derive(Clone, Default)]
pub struct Span(Option<Context>);

/// How a span follows from what another process did.
#[derive(Debug, Clone, Copy)]
pub enum Cause<'a> {
    /// It is a part of it.
    Part(Option<&'a str>),
    /// It is done once more: a trace of its own, which names the one that it was owed by.
    Again(Option<&'a str>),
}

impl Span {
    /// Begins a span that another process, or nobody, has caused.
    pub fn begin(kind: Kind, cause: Cause<'_>, name: impl FnOnce() -> String) -> Self {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let builder = SpanBuilder::from_name(name()).with_kind(kind);
        let (parent, builder) = match cause {
            Cause::Part(parent) => (parent.and_then(read), builder),
            Cause::Again(first) => {
                let links = first.and_then(read).map(Link::with_context);
                (None, builder.with_links(links.into_iter().collect()))
            }
        };
        let root = Context::new();
        let parent = parent.map_or(root.clone(), |at| root.with_remote_span_context(at));
        Self(Some(root.with_span(tracer.build_with_context(builder, &parent))))
    }

    /// Begins a part of this span.
    pub fn part(&self, kind: Kind, name: impl FnOnce() -> String) -> Self {
        let (Some(tracer), Some(parent)) = (TRACER.get(), &self.0) else { return Self(None) };
        let builder = SpanBuilder::from_name(name()).with_kind(kind);
        Self(Some(Context::new().with_span(tracer.build_with_context(builder, parent))))
    }

    /// Whether anybody will see what is said of it.
    pub fn is_kept(&self) -> bool {
        self.0.as_ref().is_some_and(|context| context.span().is_recording())
    }

    /// Says something of it. Never a token, an address with one, or words of a post.
    pub fn set(&self, name: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(name, value));
        }
    }

    /// It failed, as this class.
    pub fn fail(&self, class: &'static str) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new("error.type", class));
            context.span().set_status(Status::error(class));
        }
    }

    /// What another process needs to go on with it.
    pub fn traceparent(&self) -> Option<String> {
        let context = self.0.as_ref()?;
        let span = context.span();
        let (at, flags) = (span.span_context(), span.span_context().trace_flags().to_u8());
        Some(format!("00-{}-{}-{flags:02x}", at.trace_id(), at.span_id()))
    }

    /// Its trace, for lines of the log.
    pub fn trace_id(&self) -> Option<String> {
        Some(self.0.as_ref()?.span().span_context().trace_id().to_string())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Span").field(&self.traceparent()).finish()
    }
}

/// The span that this task works in; one that is nothing outside of any.
pub fn present() -> Span {
    if !is_on() {
        return Span(None);
    }
    PRESENT.try_with(Clone::clone).unwrap_or_default()
}

/// Does something in a span.
pub fn within<F: Future>(span: Span, work: F) -> impl Future<Output = F::Output> {
    match span.0 {
        None => Either::Left(work),
        Some(_) => Either::Right(PRESENT.scope(span, work)),
    }
}

/// Reads a `traceparent`. What its version does not know is left out, as the standard says.
fn read(text: &str) -> Option<SpanContext> {
    let mut parts = text.trim().split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_lower_hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let are_long = [version.len(), trace.len(), span.len(), flags.len()] == [2, 32, 16, 2];
    let is_known = version != "ff" && (version != "00" || parts.next().is_none());
    if !are_long || !is_known || ![version, trace, span, flags].into_iter().all(is_lower_hex) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()? & 1);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let at = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    at.is_valid().then_some(at)
}
