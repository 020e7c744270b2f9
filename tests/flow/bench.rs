//! The bench of schedules in its short form: what it measures holds, its figures are printed.

use crate::support::say;
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// It starts a Postgres and a Redis of its own.
const WITHIN: Duration = Duration::from_secs(180);

async fn schedule(arguments: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postfleet"));
    command.args(["bench", "schedule", "--json"]).args(arguments).stdin(Stdio::null());
    command.env("POSTFLEET_LOG", "warn").kill_on_drop(true);
    let output = tokio::time::timeout(WITHIN, command.output()).await.expect("it ends").unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap()
}

// case: S-bench
#[tokio::test]
async fn none_of_the_posts_of_a_bench_is_early_lost_or_twice() {
    let asked = ["--deferred", "5000", "--rate", "200", "--seconds", "2", "--same-second", "1000"];
    let figures = schedule(&[&asked[..], &["--lanes", "400"]].concat()).await;
    say(format_args!("bench schedule: {figures}"));
    for none in ["early", "lost", "twice", "deferred_in_redis"] {
        assert_eq!(figures[none], 0, "{none}");
    }
    // 200 a second for two seconds, 1,000 at once, and 100 a second beside them.
    assert_eq!(figures["published"], 400 + 1_000 + 400, "{figures}");
    for figure in ["p50_ms", "p99_ms", "redis_bytes_per_job", "relay_walk_ms"] {
        assert!(figures[figure].as_f64().is_some_and(|figure| figure > 0.0), "{figure}");
    }
    let late = |of: &Value| of["p99_ms"].as_f64().unwrap();
    assert!(late(&figures["minute_cron"]) > 0.0, "{figures}");
    let first_ms = figures["same_second"]["first_ms"].as_f64().unwrap();
    assert!(first_ms >= 0.0, "the first of them left {first_ms} ms after");
}
