//! How the Redis of a fleet is set up, and which servers of it are there, for whoever looks after it.

use crate::handle::Queue;
use crate::link::{Link, is_refusal};
use crate::shared::Shared;
use crate::wire::prefix;
use base::{Context, Fault};
use domain::time::Timestamp;
use futures::future::join_all;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a server was asked before it moved its slot is asked once more, of the next one.
const ASKED_MAX: usize = 3;

/// A server of Redis that holds shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its address; nothing where nobody has named it yet.
    pub address: Option<String>,
    /// The shards it holds.
    pub shards: Vec<u16>,
    /// Why it lends nothing, if it does not.
    pub trouble: Option<String>,
}

impl Server {
    /// What an operator reads of one that is away.
    pub fn told(&self) -> Option<String> {
        let trouble = self.trouble.as_ref()?;
        Some(format!("{} is away: {trouble}", self.named()))
    }

    /// Its address and its shards, in words.
    pub fn named(&self) -> String {
        let shards = self.shards.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let plural = if self.shards.len() == 1 { "" } else { "s" };
        let address = self.address.as_deref().unwrap_or("a server that nobody names");
        format!("{address} with the shard{plural} {shards}")
    }
}

/// Asks every server for a sign of life by way of its shards, all at once.
pub(crate) async fn servers(shared: &Shared, within: Duration) -> Vec<Server> {
    let wire = &shared.wire;
    let shards = wire.calls.shards(shared.config.shards);
    let asked = wire.calls.all().zip(&shards).map(async |(mut calls, shards)| {
        let first = shards.first().copied().unwrap_or(0);
        let answered = tokio::time::timeout(within, sign(&mut calls, first)).await;
        let trouble = match answered {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {within:?}")),
        };
        let address = wire.place.leader(&prefix(first));
        Server { address, shards: shards.clone(), trouble }
    });
    let mut found = BTreeMap::<Option<String>, Server>::new();
    for one in join_all(asked).await {
        match found.get_mut(&one.address) {
            Some(known) => {
                known.shards.extend(one.shards);
                known.trouble = known.trouble.take().or(one.trouble);
            }
            None => {
                found.insert(one.address.clone(), one);
            }
        }
    }
    found.into_values().collect()
}

/// Reads a key of the shard that nobody writes. Alone in a pipeline it is asked once, so that what
/// is refused is told of at once; whoever moved is asked again.
async fn sign(calls: &mut Link, shard: u16) -> redis::RedisResult<()> {
    let mut look = redis::pipe();
    look.get(prefix(shard));
    let mut asked = 1;
    loop {
        match look.query_async::<(Option<String>,)>(calls).await {
            Ok(_) => return Ok(()),
            Err(error) if is_refusal(&error) && asked < ASKED_MAX => asked += 1,
            Err(error) => return Err(error),
        }
    }
}

/// What a server of Redis says of itself.
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
    /// The last snapshot of what it holds was written, or none was asked for.
    pub is_snapshot_good: bool,
    /// The part of its memory that is in use; without a bound of its own, that of its machine's.
    pub fullness: f64,
    /// It has a bound of its own.
    pub has_bound: bool,
    /// What its append-only file takes up, 0 without one.
    pub log_bytes: u64,
    /// Its process on its machine.
    pub pid: u32,
}

/// Asks one.
///
/// # Errors
/// When it does not answer.
pub async fn facts(queue: &Queue, server: &Server) -> Result<Facts, Fault> {
    let mut calls = queue.shared.wire.calls.of(server.shards.first().copied().unwrap_or(0));
    let info: redis::InfoDict =
        redis::cmd("INFO").query_async(&mut calls).await.context("asking Redis how it is")?;
    let text = |key: &str| info.get::<String>(key).unwrap_or_default();
    let valkey = text("valkey_version");
    let figure = |key: &str| info.get::<f64>(key).unwrap_or(0.0);
    let bound = figure("maxmemory");
    let most = if bound > 0.0 { bound } else { figure("total_system_memory") };
    Ok(Facts {
        name: if valkey.is_empty() { "Redis" } else { "Valkey" },
        version: if valkey.is_empty() { text("redis_version") } else { valkey },
        policy: text("maxmemory_policy"),
        has_log: info.get::<u8>("aof_enabled") == Some(1),
        is_log_good: text("aof_last_write_status") != "err",
        is_snapshot_good: text("rdb_last_bgsave_status") != "err",
        fullness: if most > 0.0 { figure("used_memory") / most } else { 0.0 },
        has_bound: bound > 0.0,
        log_bytes: info.get("aof_current_size").unwrap_or(0),
        pid: info.get("process_id").unwrap_or(0),
    })
}

/// The clock of one.
///
/// # Errors
/// When it does not answer.
pub async fn time_of(queue: &Queue, server: &Server) -> Result<Timestamp, Fault> {
    let mut calls = queue.shared.wire.calls.of(server.shards.first().copied().unwrap_or(0));
    let asked = redis::cmd("TIME").query_async(&mut calls).await;
    let (s, us): (i64, i64) = asked.context("asking Redis for its time")?;
    Ok(Timestamp::from_ms(s * 1000 + us / 1000))
}
