//! Where spans go: to a collector, to a file, or both; and which are kept.

use super::Config;
use crate::fault::{Context as _, Fault};
use crate::http::{Body, Bounds, Http};
use crate::rng;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SamplingDecision, SamplingResult, SdkTracer,
    SdkTracerProvider, ShouldSample, SpanData, SpanExporter as Exporter,
};
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// Spans that wait for the collector at most; more are dropped, for work never waits for them.
const WAITING_MAX: usize = 16_384;
/// Spans are sent this often at least.
const SEND_EVERY: Duration = Duration::from_secs(1);
/// What a collector may take for one batch, and for the last ones when the process ends.
const SEND_MAX: Duration = Duration::from_secs(5);
/// The answer of a collector is a few words.
const ANSWER_SIZE_BYTES_MAX: usize = 64 << 10;

/// The exports of this process, to be flushed at its end.
pub struct Exports(SdkTracerProvider);

impl Exports {
    /// Sends what waits, and ends.
    pub async fn flush(self) {
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(SEND_MAX));
        if let Ok(Err(error)) = ended.await {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

/// Opens what is configured; `None` when nothing is.
pub(super) fn open(
    config: &Config,
    role: &'static str,
) -> Result<Option<(SdkTracer, Exports)>, Fault> {
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "postfleet"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", rng::uuid().to_string()),
            KeyValue::new("postfleet.role", role),
        ])
        .build();
    let mut provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(Kept(Sampler::TraceIdRatioBased(config.sample_ratio)));
    if config.otlp_url.is_empty() && config.otlp_file.is_none() {
        return Ok(None);
    }
    if !config.otlp_url.is_empty() {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector { http: Http::new()?, tokio: Handle::current() })
            .with_endpoint(&config.otlp_url)
            .with_timeout(SEND_MAX)
            .build()
            .map_err(|error| Fault::new(format!("telemetry.otlp_url: {error}")))?;
        provider = provider.with_span_processor(batches(exporter));
    }
    if let Some(path) = &config.otlp_file {
        let file = File::options().create(true).append(true).open(path);
        let file = file.context(format!("telemetry.otlp_file: opening {}", path.display()))?;
        let lines = Lines { file, resource: ResourceAttributesWithSchema::default() };
        provider = provider.with_span_processor(batches(lines));
    }
    let provider = provider.build();
    Ok(Some((provider.tracer("postfleet"), Exports(provider))))
}

fn batches<E: Exporter + 'static>(exporter: E) -> BatchSpanProcessor {
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(WAITING_MAX)
        .with_scheduled_delay(SEND_EVERY)
        .build();
    BatchSpanProcessor::builder(exporter).with_batch_config(config).build()
}

/// Keeps what belongs to a trace that is kept, and of the others this part.
#[derive(Clone, Debug)]
struct Kept(Sampler);

impl ShouldSample for Kept {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let parent = parent.map(|context| context.span().span_context().clone());
        let parent = parent.filter(|at| at.is_valid());
        let follows = parent.as_ref().or(links.first().map(|link| &link.span_context));
        match follows {
            None => self.0.should_sample(None, trace, name, kind, attributes, links),
            Some(at) => SamplingResult {
                decision: if at.is_sampled() {
                    SamplingDecision::RecordAndSample
                } else {
                    SamplingDecision::Drop
                },
                attributes: Vec::new(),
                trace_state: TraceState::NONE,
            },
        }
    }
}

/// Sends batches with the client of this process. They are made in a thread without tokio.
#[derive(Clone)]
struct Collector {
    http: Http,
    tokio: Handle,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Collector")
    }
}

/// Whether the collector was told to be away, so that one line of the log says so.
static IS_AWAY: AtomicBool = AtomicBool::new(false);

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let bounds =
            Bounds { deadline: SEND_MAX, reply_size_bytes_max: ANSWER_SIZE_BYTES_MAX, fence: None };
        let sending = async move { http.send(request.map(Body::Bytes), bounds).await };
        let answered = self.tokio.spawn(sending).await?;
        let trouble = match &answered {
            Ok(answer) if answer.status.is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status)),
            Err(silence) => Some(silence.detail().to_owned()),
        };
        if let Some(trouble) = &trouble {
            metrics::counter!("postfleet_trace_exports_failed_total").increment(1);
            if !IS_AWAY.swap(true, Ordering::Relaxed) {
                tracing::warn!(trouble, "the collector of traces does not take spans");
            }
        } else if IS_AWAY.swap(false, Ordering::Relaxed) {
            tracing::info!("the collector of traces takes spans again");
        }
        let answer = answered.map_err(|silence| silence.detail().to_owned())?;
        let mut response = Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

/// A file with one export on each line.
#[derive(Debug)]
struct Lines {
    file: File,
    resource: ResourceAttributesWithSchema,
}

impl Exporter for Lines {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let failed = |error: String| OTelSdkError::InternalFailure(error);
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let mut line = serde_json::to_vec(&ExportTraceServiceRequest { resource_spans })
            .map_err(|error| failed(error.to_string()))?;
        line.push(b'\n');
        // One write, for other processes may add to the same file.
        (&self.file).write_all(&line).map_err(|error| failed(error.to_string()))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = ResourceAttributesWithSchema::from(resource);
    }
}
