//! Logs to stderr, metrics as the text that Prometheus reads.
//!
//! Invariant: nothing here decides what is logged. Types keep secrets out of lines; what slips
//! through is taken out of the line that is about to be written.

use crate::clock;
use crate::fault::{Context, Fault};
use crate::redact::redact;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Deserialize;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// The `[telemetry]` section of the configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How a log line looks.
    pub format: Format,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For a person at a terminal.
    #[default]
    Human,
    /// One JSON object a line, for a collector.
    Json,
}

/// Starts logging to stderr. `POSTFLEET_LOG` or else `RUST_LOG` chooses what; `info` by default.
///
/// # Errors
/// When the variable cannot be read or logging was started before.
pub fn init(config: &Config) -> Result<(), Fault> {
    let builder = tracing_subscriber::fmt().with_env_filter(filter()?).with_writer(|| Redacting);
    let started = match config.format {
        Format::Human => builder.try_init(),
        // The innermost span says enough; the list would say it twice.
        Format::Json => builder.json().flatten_event(true).with_span_list(false).try_init(),
    };
    started.map_err(|error| Fault::new(format_args!("starting the log: {error}")))?;
    log_panics();
    Ok(())
}

/// Panics become lines like any other: with level and place, and past the same net.
fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let what = info.payload_as_str().unwrap_or("a panic without words");
        let trace = Backtrace::capture();
        match trace.status() {
            BacktraceStatus::Captured => {
                tracing::error!(place, %trace, "a broken invariant: {what}");
            }
            _ => tracing::error!(place, "a broken invariant: {what}"),
        }
    }));
}

/// Standard error, past which no secret goes. The log hands over one whole line at a time.
struct Redacting;

impl Write for Redacting {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(&redact(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn filter() -> Result<EnvFilter, Fault> {
    for variable in ["POSTFLEET_LOG", "RUST_LOG"] {
        if let Ok(directives) = std::env::var(variable)
            && !directives.is_empty()
        {
            return EnvFilter::try_new(&directives)
                .context(format!("{variable} is not a log filter such as `info,queue=debug`"));
        }
    }
    Ok(EnvFilter::new("info"))
}

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// All metrics in the text format of Prometheus.
    pub fn render(&self) -> String {
        self.0.render()
    }
}

/// Bounds of histograms whose name ends in `_seconds`: from a Redis script to a slow upload.
const SECONDS: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Bounds of lateness, and of what waits: from a call that leaves at once to a weekend's outage.
const LATENESS: [f64; 14] =
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.35, 0.5, 1.0, 5.0, 30.0, 60.0, 600.0, 3_600.0, 86_400.0];
/// Bounds of what platforms ask us to wait: from a moment to a day.
const WAITS: [f64; 9] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 21_600.0, 86_400.0];
/// Bounds of histograms whose name ends in `_size`: batches.
const SIZES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
/// How often samples are folded into their buckets, so that memory stays flat without a scrape.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Starts collecting metrics. Needs a running tokio.
///
/// # Errors
/// When metrics were started before.
pub fn install_metrics() -> Result<Metrics, Fault> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &SIZES)?
        .set_buckets_for_metric(Matcher::Full("postfleet_lateness_seconds".to_owned()), &LATENESS)?
        .set_buckets_for_metric(Matcher::Full("postfleet_job_wait_seconds".to_owned()), &LATENESS)?
        .set_buckets_for_metric(Matcher::Full("postfleet_retry_after_seconds".to_owned()), &WAITS)?
        .install_recorder()
        .context("starting the metrics")?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            clock::pause(UPKEEP_EVERY).await;
            upkeep.run_upkeep();
        }
    });
    Ok(Metrics(handle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_counted_is_rendered() {
        let metrics = install_metrics().unwrap();
        metrics::counter!("postfleet_test_total", "platform" => "x").increment(2);
        metrics::histogram!("postfleet_test_seconds").record(0.02);
        let text = metrics.render();
        assert!(text.contains("postfleet_test_total{platform=\"x\"} 2"), "{text}");
        assert!(text.contains("postfleet_test_seconds_bucket{le=\"0.025\"} 1"), "{text}");
        assert!(install_metrics().is_err());
    }
}
