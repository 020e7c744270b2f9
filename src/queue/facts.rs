//! How the Redis of a fleet is set up, for whoever looks after it.

use crate::handle::Queue;
use base::{Context, Fault};

/// What a Redis says of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// `Redis` or `Valkey`.
    pub name: &'static str,
    /// Its version, as `7.0.15`.
    pub version: String,
    /// What it does when its memory is full.
    pub policy: String,
    /// It keeps an append-only file.
    pub has_log: bool,
    /// The last writing of that file went well.
    pub is_log_good: bool,
    /// The part of its memory that is in use, 0 where there is no bound.
    pub fullness: f64,
}

/// Asks it.
///
/// # Errors
/// When Redis does not answer.
pub async fn facts(queue: &Queue) -> Result<Facts, Fault> {
    let mut calls = queue.shared.wire.calls.of(0);
    let info: redis::InfoDict =
        redis::cmd("INFO").query_async(&mut calls).await.context("asking Redis how it is")?;
    let text = |key: &str| info.get::<String>(key).unwrap_or_default();
    let valkey = text("valkey_version");
    let figure = |key: &str| info.get::<f64>(key).unwrap_or(0.0);
    let most = figure("maxmemory");
    Ok(Facts {
        name: if valkey.is_empty() { "Redis" } else { "Valkey" },
        version: if valkey.is_empty() { text("redis_version") } else { valkey },
        policy: text("maxmemory_policy"),
        has_log: info.get::<u8>("aof_enabled") == Some(1),
        is_log_good: text("aof_last_write_status") != "err",
        fullness: if most > 0.0 { figure("used_memory") / most } else { 0.0 },
    })
}
