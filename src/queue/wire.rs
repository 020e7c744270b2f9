//! The connections of one process and the scripts that travel on them.

use crate::config::Config;
use base::{Context, Fault, clock};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, IntoConnectionInfo, Script, ScriptInvocation};
use std::sync::LazyLock;
use std::time::Duration;

/// Puts the common part before a script. `flags` decides what Redis refuses when memory is full.
macro_rules! script {
    ($flags:literal $(, $file:literal)+) => {
        LazyLock::new(|| Script::new(concat!(
            "#!lua", $flags, "\n", include_str!("lua/prelude.lua") $(, include_str!($file))+
        )))
    };
}

// Pushes are refused when memory is full, for their jobs are safe in Postgres; whatever makes
// room or keeps promises passes.
pub(crate) static PUSH: LazyLock<Script> = script!("", "lua/push.lua");
pub(crate) static RELAY: LazyLock<Script> = script!("", "lua/relay.lua");
pub(crate) static CURSOR: LazyLock<Script> = script!(" flags=no-writes", "lua/cursor.lua");
pub(crate) static ADOPT: LazyLock<Script> = script!(" flags=allow-oom", "lua/adopt.lua");
pub(crate) static EPOCH: LazyLock<Script> = script!(" flags=allow-oom", "lua/epoch.lua");
pub(crate) static GATE: LazyLock<Script> = script!(" flags=allow-oom", "lua/gate.lua");
pub(crate) static GATES: LazyLock<Script> = script!(" flags=no-writes", "lua/gates.lua");
pub(crate) static OPEN: LazyLock<Script> = script!(" flags=allow-oom", "lua/open.lua");
pub(crate) static METER: LazyLock<Script> = script!(" flags=allow-oom", "lua/meter.lua");
pub(crate) static CORRECT: LazyLock<Script> = script!(" flags=allow-oom", "lua/correct.lua");
pub(crate) static COUNT: LazyLock<Script> = script!(" flags=allow-oom", "lua/count.lua");
pub(crate) static TURN: LazyLock<Script> =
    script!(" flags=allow-oom", "lua/doors.lua", "lua/turn.lua");
pub(crate) static MINE: LazyLock<Script> = script!(" flags=no-writes", "lua/mine.lua");
pub(crate) static RENEW: LazyLock<Script> =
    script!(" flags=allow-oom", "lua/pulse.lua", "lua/renew.lua");
pub(crate) static REAP: LazyLock<Script> =
    script!(" flags=allow-oom", "lua/pulse.lua", "lua/reap.lua");

/// Three connections, so that a fat reply to a claim delays neither a renewal nor a permit.
pub(crate) struct Wire {
    pub(crate) client: Client,
    /// Acknowledgements and claims.
    pub(crate) turns: ConnectionManager,
    /// Sessions: renewing and reaping.
    pub(crate) beats: ConnectionManager,
    /// Everything a caller waits for.
    pub(crate) calls: ConnectionManager,
}

impl Wire {
    pub(crate) async fn connect(config: &Config) -> Result<Self, Fault> {
        // The error of a malformed URL may quote it, and it may carry a password.
        let info = config
            .url
            .as_str()
            .into_connection_info()
            .map_err(|_| Fault::new("queue.url is not a Redis URL"))?;
        let tcp = redis::io::tcp::TcpSettings::default().set_nodelay(true);
        let client = Client::open(info.set_tcp_settings(tcp)).context("setting up Redis")?;
        let manager = ConnectionManagerConfig::new()
            .set_response_timeout(Some(Duration::from_millis(config.response_timeout_ms)))
            .set_connection_timeout(Some(Duration::from_millis(config.response_timeout_ms)))
            .set_number_of_retries(2)
            .set_min_delay(Duration::from_millis(20))
            .set_max_delay(Duration::from_millis(500));
        let connect = || ConnectionManager::new_with_config(client.clone(), manager.clone());
        let turns = connect().await.context("connecting to Redis")?;
        let beats = connect().await.context("connecting to Redis")?;
        let calls = connect().await.context("connecting to Redis")?;
        Ok(Self { client, turns, beats, calls })
    }

    /// Runs a script for a caller.
    pub(crate) async fn call<T: FromRedisValue>(
        &self,
        invocation: &ScriptInvocation<'_>,
        doing: &'static str,
    ) -> Result<T, Fault> {
        let since = clock::stopwatch();
        let answered = invocation.invoke_async(&mut self.calls.clone()).await;
        metrics::histogram!("postfleet_redis_seconds", "doing" => doing)
            .record(since.elapsed().as_secs_f64());
        if answered.is_err() {
            metrics::counter!("postfleet_redis_errors_total", "doing" => doing).increment(1);
        }
        answered.context(doing)
    }
}

/// What the names of a shard's keys begin with; the hash tag keeps them in one slot.
pub(crate) fn prefix(shard: u16) -> String {
    format!("{{pf:s{shard}}}:")
}

/// A script about one shard.
pub(crate) fn on(script: &Script, shard: u16) -> ScriptInvocation<'_> {
    script.key(prefix(shard))
}
