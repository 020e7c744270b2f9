//! The connections of one process and the scripts that travel on them.

use crate::config::Config;
use crate::link::Link;
use crate::place::{Kind, Place};
use base::{Context, Fault, clock};
use redis::{FromRedisValue, Script, ScriptInvocation};
use std::sync::{Arc, LazyLock};
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
pub(crate) static METER: LazyLock<Script> =
    script!(" flags=allow-oom", "lua/note.lua", "lua/meter.lua");
pub(crate) static CORRECT: LazyLock<Script> =
    script!(" flags=allow-oom", "lua/note.lua", "lua/correct.lua");
pub(crate) static COUNT: LazyLock<Script> = script!(" flags=allow-oom", "lua/count.lua");
pub(crate) static UNKNOWN: LazyLock<Script> = script!(" flags=no-writes", "lua/unknown.lua");
pub(crate) static FULLEST: LazyLock<Script> = script!(" flags=no-writes", "lua/fullest.lua");
pub(crate) static TURN: LazyLock<Script> =
    script!(" flags=allow-oom", "lua/doors.lua", "lua/turn.lua");
pub(crate) static MINE: LazyLock<Script> = script!(" flags=no-writes", "lua/mine.lua");
pub(crate) static RENEW: LazyLock<Script> =
    script!(" flags=allow-oom", "lua/pulse.lua", "lua/renew.lua");
pub(crate) static REAP: LazyLock<Script> =
    script!(" flags=allow-oom", "lua/pulse.lua", "lua/reap.lua");

/// Three connections, so that a fat reply to a claim delays neither a renewal nor a permit; three
/// for each shard where Redis is a Cluster.
pub(crate) struct Wire {
    pub(crate) place: Arc<Place>,
    /// Acknowledgements and claims.
    pub(crate) turns: Lines,
    /// Sessions: renewing and reaping.
    pub(crate) beats: Lines,
    /// Everything a caller waits for.
    pub(crate) calls: Lines,
}

/// The connections for one purpose.
pub(crate) struct Lines(Vec<Link>);

impl Lines {
    async fn connect(place: &Arc<Place>, config: &Config) -> Result<Self, Fault> {
        let within = Duration::from_millis(config.response_timeout_ms);
        let shards = if place.kind == Kind::Cluster { config.shards } else { 1 };
        let mut lines = Vec::new();
        for shard in 0..shards {
            let link = Link::lasting(place, &prefix(shard), within).await;
            lines.push(link.context("connecting to Redis")?);
        }
        Ok(Self(lines))
    }

    /// To the server of a shard.
    pub(crate) fn of(&self, shard: u16) -> Link {
        self.0[usize::from(shard) % self.0.len()].clone()
    }

    /// To every server that holds a shard; some more than once.
    pub(crate) fn all(&self) -> impl Iterator<Item = Link> {
        self.0.iter().cloned()
    }

    /// The shards of each of those.
    pub(crate) fn shards(&self, all: u16) -> Vec<Vec<u16>> {
        let count = self.0.len();
        let of = |number| (0..all).filter(move |shard| usize::from(*shard) % count == number);
        (0..count).map(|number| of(number).collect()).collect()
    }
}

impl Wire {
    pub(crate) async fn connect(config: &Config) -> Result<Self, Fault> {
        let place = Arc::new(config.place()?);
        let turns = Lines::connect(&place, config).await?;
        let beats = Lines::connect(&place, config).await?;
        let calls = Lines::connect(&place, config).await?;
        Ok(Self { place, turns, beats, calls })
    }

    /// Runs a script of a shard for a caller.
    pub(crate) async fn call<T: FromRedisValue>(
        &self,
        shard: u16,
        invocation: &ScriptInvocation<'_>,
        doing: &'static str,
    ) -> Result<T, Fault> {
        let since = clock::stopwatch();
        let answered = invocation.invoke_async(&mut self.calls.of(shard)).await;
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
