//! For benches alone: what a Redis costs, and how it looks when it is lost.

use crate::handle::Queue;
use base::{Context, Fault};

/// Bytes that Redis has taken up.
///
/// # Errors
/// When Redis does not answer.
pub async fn used_memory(queue: &Queue) -> Result<u64, Fault> {
    let mut calls = queue.shared.wire.calls.of(0);
    let info: redis::InfoDict = redis::cmd("INFO")
        .arg("memory")
        .query_async(&mut calls)
        .await
        .context("asking Redis for its memory")?;
    Ok(info.get("used_memory").unwrap_or(0))
}

/// The longest script in Redis's slow log, in milliseconds; 0 when none was slow (10 ms by
/// default). It counts what the server itself had to wait for a processor.
///
/// # Errors
/// When Redis does not answer.
pub async fn slowest_ms(queue: &Queue) -> Result<f64, Fault> {
    let mut calls = queue.shared.wire.calls.of(0);
    let entries: Vec<Vec<redis::Value>> = redis::cmd("SLOWLOG")
        .arg("GET")
        .arg(128)
        .query_async(&mut calls)
        .await
        .context("reading Redis's slow log")?;
    let us = entries.iter().filter_map(|entry| match (entry.get(2), entry.get(3)) {
        (Some(redis::Value::Int(us)), Some(redis::Value::Array(words))) => {
            let name = words.first().and_then(|word| match word {
                redis::Value::BulkString(name) => Some(name.to_ascii_uppercase()),
                _ => None,
            });
            name.is_some_and(|name| name.starts_with(b"EVAL")).then_some(*us)
        }
        _ => None,
    });
    Ok(us.max().unwrap_or(0) as f64 / 1_000.0)
}

/// Empties the Redis of a bench: what a lost one looks like.
///
/// # Errors
/// When Redis does not answer.
pub async fn wipe(queue: &Queue) -> Result<(), Fault> {
    let mut calls = queue.shared.wire.calls.of(0);
    redis::cmd("FLUSHALL").query_async(&mut calls).await.context("emptying Redis")
}
