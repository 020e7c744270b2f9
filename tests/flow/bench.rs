//! The bench of schedules in its short form, and that of an idle worker: what they measure holds,
//! their figures are printed.

use crate::support::say;
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// It starts a Postgres and a Redis of its own.
const WITHIN: Duration = Duration::from_secs(180);

async fn schedule(arguments: &[&str]) -> Value {
    bench("schedule", arguments).await
}

async fn bench(name: &str, arguments: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postfleet"));
    command.args(["bench", name, "--json"]).args(arguments).stdin(Stdio::null());
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

// case: S-idle
#[tokio::test]
#[ignore = "needs a machine with nothing else to do"]
async fn a_worker_with_nothing_to_do_costs_hardly_anything() {
    let figures = bench("idle", &["--seconds", "20"]).await;
    say(format_args!("bench idle: {figures}"));
    // The bar is that of an optimised build; the other one takes three times as much.
    let cpu_max = if cfg!(debug_assertions) { 3.0 } else { 1.0 };
    let cpu = figures["cpu_percent"].as_f64().unwrap();
    assert!(cpu > 0.0 && cpu < cpu_max, "{figures}");
    let rss = figures["rss_mb"].as_f64().unwrap();
    assert!(rss > 1.0 && rss < 60.0, "{figures}");
}
