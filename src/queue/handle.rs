//! The handle that every process holds: push, relay, gates.

use crate::config::{Config, InboxConfig};
use crate::facts::Server;
use crate::health::Health;
use crate::inbox::Inbox;
use crate::limiter::window_name;
use crate::shared::Shared;
use crate::wakeup::{Counter, Cursor, CursorState, Gate, Relayed, Wakeup};
use crate::wire::{ADOPT, COUNT, CURSOR, EPOCH, GATE, OPEN, PUSH, RELAY, Wire, on, prefix};
use crate::{facts, session, signals};
use base::{Context, Fault};
use domain::time::Timestamp;
use futures::future::join_all;
use redis::ScriptInvocation;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// The most wake-ups, gates or counters of one script.
const PUSH_MAX: usize = 500;
/// The most lanes that one script brings back when a gate opens.
const OPEN_MAX: usize = 200;

/// A cheap handle to the queues; clones share connections, session and gates.
#[derive(Clone)]
pub struct Queue {
    pub(crate) shared: Arc<Shared>,
    inbox: Inbox,
    stop: CancellationToken,
    /// The loops end with the last handle.
    _loops: Arc<DropGuard>,
}

impl Queue {
    /// Connects and looks at how Redis is set up. It refuses one that evicts, for a wake-up that
    /// was evicted comes late, and warns of one that keeps no log.
    ///
    /// # Errors
    /// When the configuration cannot work, or Redis does not answer, or evicts.
    pub async fn connect(config: &Config) -> Result<Queue, Fault> {
        config.check()?;
        let inbox = Inbox::new(&InboxConfig::default(), config)?;
        let config = config.clone();
        let wire = Wire::connect(&config).await?;
        refuse_eviction(&wire).await?;
        let stop = CancellationToken::new();
        let _loops = Arc::new(stop.clone().drop_guard());
        Ok(Queue { shared: Arc::new(Shared::new(config, wire)), inbox, stop, _loops })
    }

    /// The same with the inboxes where the configuration says.
    ///
    /// # Errors
    /// When the configuration cannot work.
    pub fn with_inbox(mut self, config: &InboxConfig) -> Result<Queue, Fault> {
        self.inbox = Inbox::new(config, &self.shared.config)?;
        Ok(self)
    }

    /// The inboxes of upstream apps.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Begins the loops that only a process with workers needs.
    pub(crate) fn begin(&self) {
        if self.shared.started.swap(true, Ordering::SeqCst) {
            return;
        }
        tokio::spawn(signals::listen(self.shared.clone(), self.stop.clone()));
        for shard in 0..self.shared.config.shards {
            tokio::spawn(session::keep(self.shared.clone(), shard, self.stop.clone()));
        }
    }

    /// The pulse of this process's loops.
    pub fn health(&self) -> Health {
        self.shared.health.clone()
    }

    /// Is Redis there, with every shard?
    ///
    /// # Errors
    /// When a server of it does not answer; it is named.
    pub async fn ping(&self) -> Result<(), Fault> {
        let within = Duration::from_millis(self.shared.config.response_timeout_ms);
        let away = self.servers(within).await.iter().find_map(Server::told);
        away.map_or(Ok(()), |told| Err(Fault::new(told)))
    }

    /// The servers that hold shards, each of them asked for a sign of life that takes so long at
    /// most: a Cluster whose slots nobody serves is away, whatever its nodes say of themselves.
    pub async fn servers(&self, within: Duration) -> Vec<Server> {
        facts::servers(&self.shared, within).await
    }

    /// Server time of Redis.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn time(&self) -> Result<Timestamp, Fault> {
        let mut calls = self.shared.wire.calls.of(0);
        let (s, us): (i64, i64) = redis::cmd("TIME")
            .query_async(&mut calls)
            .await
            .context("asking Redis for its time")?;
        Ok(Timestamp::from_ms(s * 1000 + us / 1000))
    }

    /// The part of `maxmemory` that is in use where a shard is, 0 where there is no bound. Relays
    /// stop at 0.8.
    ///
    /// # Errors
    /// When Redis does not answer, or evicts.
    pub async fn fullness(&self, shard: u16) -> Result<f64, Fault> {
        let mut calls = self.shared.wire.calls.of(shard);
        let asked = redis::cmd("INFO").arg("memory").query_async(&mut calls).await;
        let info: redis::InfoDict = asked.context("asking Redis for its memory")?;
        refuse_policy(&info)?;
        let used = info.get::<f64>("used_memory").unwrap_or(0.0);
        let most = info.get::<f64>("maxmemory").unwrap_or(0.0);
        Ok(if most > 0.0 { used / most } else { 0.0 })
    }

    /// Pushes wake-ups. An equal generation that waits or is held already is one job; a higher one
    /// of a held job waits for its acknowledgement; an older one that waits is not looked for, the
    /// worker that it wakes forgets it.
    ///
    /// # Errors
    /// When Redis does not answer or is full. The wake-ups are still owed in Postgres.
    pub async fn push(&self, wakeups: &[Wakeup]) -> Result<(), Fault> {
        let shards: BTreeSet<u16> = wakeups.iter().map(|wakeup| wakeup.shard).collect();
        let told = shards.into_iter().map(|shard| self.push_to(shard, wakeups));
        // A shard that is away keeps no other from being told.
        join_all(told).await.into_iter().collect()
    }

    async fn push_to(&self, shard: u16, wakeups: &[Wakeup]) -> Result<(), Fault> {
        let mine: Vec<&Wakeup> = wakeups.iter().filter(|w| w.shard == shard).collect();
        for batch in mine.chunks(PUSH_MAX) {
            let mut push = on(&PUSH, shard);
            batch.iter().for_each(|wakeup| add_wakeup(&mut push, wakeup));
            self.shared.wire.call::<()>(shard, &push, "pushing wake-ups").await?;
        }
        Ok(())
    }

    /// The relay's push: moves the shard's cursor from one position to the next and pushes what
    /// lies between, at most 500 wake-ups, both or nothing.
    ///
    /// # Errors
    /// When Redis does not answer or is full, or there are more than 500.
    pub async fn relay_push(
        &self,
        shard: u16,
        from: &Cursor,
        to: &Cursor,
        wakeups: &[Wakeup],
    ) -> Result<Relayed, Fault> {
        if wakeups.len() > PUSH_MAX {
            return Err(Fault::new("a relay pushes at most 500 wake-ups at once"));
        }
        let mut push = on(&RELAY, shard);
        push.arg(from.incarnation).arg(from.due_at.ms()).arg(from.subject.to_string());
        push.arg(to.due_at.ms()).arg(to.subject.to_string());
        wakeups.iter().for_each(|wakeup| add_wakeup(&mut push, wakeup));
        let reply: Vec<String> = self.shared.wire.call(shard, &push, "relaying wake-ups").await?;
        match reply.first().map(String::as_str) {
            Some("advanced") => Ok(Relayed::Advanced),
            Some("moved") => Ok(Relayed::Moved(read_cursor(&reply)?)),
            _ => Ok(Relayed::Unknown),
        }
    }

    /// What this shard of Redis was told.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn cursor(&self, shard: u16) -> Result<CursorState, Fault> {
        let reply: Vec<String> =
            self.shared.wire.call(shard, &on(&CURSOR, shard), "reading the relay's cursor").await?;
        match reply.first().map(String::as_str) {
            Some("known") => Ok(CursorState::Known(read_cursor(&reply)?)),
            _ => Ok(CursorState::Unknown),
        }
    }

    /// Takes a Redis into use: loads gates and counters, then sets the cursor to the beginning
    /// under the new incarnation. A younger incarnation that is in use stays.
    ///
    /// # Errors
    /// When Redis does not answer. It can be repeated.
    pub async fn adopt(
        &self,
        shard: u16,
        incarnation: i64,
        gates: &[Gate],
        counters: &[Counter],
    ) -> Result<(), Fault> {
        for batch in gates.chunks(PUSH_MAX) {
            self.close_gates(shard, batch).await?;
        }
        for batch in counters.chunks(PUSH_MAX) {
            let mut count = on(&COUNT, shard);
            for counter in batch {
                count.arg(window_name(&counter.key)).arg(counter.used).arg(counter.reset_at.ms());
            }
            self.shared.wire.call::<()>(shard, &count, "loading the counters").await?;
        }
        let beginning = Cursor::beginning(incarnation);
        let mut adopt = on(&ADOPT, shard);
        adopt.arg(incarnation).arg(beginning.due_at.ms()).arg(beginning.subject.to_string());
        self.shared.wire.call::<()>(shard, &adopt, "adopting a Redis").await
    }

    /// Closes a gate in every shard, or prolongs it. Lanes of its scope wait until then.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn close_gate(&self, gate: &Gate) -> Result<(), Fault> {
        // First here: what this process has claimed but not begun must not slip through.
        self.shared.gates.close(&gate.scope_key, gate.until, self.shared.clock.now());
        let gates = std::slice::from_ref(gate);
        let told = (0..self.shared.config.shards).map(|shard| self.close_gates(shard, gates));
        // A shard that is away reads its gates from Postgres when it is back.
        join_all(told).await.into_iter().collect()
    }

    async fn close_gates(&self, shard: u16, gates: &[Gate]) -> Result<(), Fault> {
        let mut close = on(&GATE, shard);
        for gate in gates {
            close.arg(&gate.scope_key).arg(gate.until.ms());
        }
        self.shared.wire.call(shard, &close, "closing a gate").await
    }

    /// Opens a gate before its time; the lanes that waited for it wake.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn open_gate(&self, scope_key: &str) -> Result<(), Fault> {
        let told = (0..self.shared.config.shards).map(|shard| self.open_in(shard, scope_key));
        let told: Result<(), Fault> = join_all(told).await.into_iter().collect();
        told?;
        self.shared.gates.open(scope_key);
        Ok(())
    }

    async fn open_in(&self, shard: u16, scope_key: &str) -> Result<(), Fault> {
        loop {
            let mut open = on(&OPEN, shard);
            open.arg(scope_key).arg(OPEN_MAX);
            if self.shared.wire.call::<u64>(shard, &open, "opening a gate").await? == 0 {
                return Ok(());
            }
        }
    }

    /// Claims nothing from these queues in this process, and from all others again. What was claimed
    /// is worked on to its end.
    pub fn pause_queues(&self, queues: &[String]) {
        if self.shared.pause(queues) {
            tracing::warn!(paused = queues.join(", "), "an operator pauses these queues alone");
        }
    }

    /// Raises the epoch counter, after Postgres showed a larger epoch than Redis counted.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn raise_epoch(&self, shard: u16, to: i64) -> Result<(), Fault> {
        let mut raise = on(&EPOCH, shard);
        self.shared.wire.call(shard, raise.arg(to), "raising the epoch").await
    }

    /// Jobs that wait in a queue, for metrics.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn depth(&self, queue: &str) -> Result<u64, Fault> {
        let mut waiting = 0;
        for shard in 0..self.shared.config.shards {
            let mut calls = self.shared.wire.calls.of(shard);
            let found: Option<u64> = redis::cmd("GET")
                .arg(format!("{}q:{queue}:depth", prefix(shard)))
                .query_async(&mut calls)
                .await
                .context("asking how many jobs wait")?;
            waiting += found.unwrap_or(0);
        }
        Ok(waiting)
    }

    /// Has a gate of this lane closed, as far as this process was told? Asked by a job that has
    /// begun and waits for its turn.
    pub fn is_gated(&self, lane: &str) -> bool {
        self.shared.gates.hold(lane, self.shared.clock.now())
    }

    /// How many shards the queues have.
    pub fn shards(&self) -> u16 {
        self.shared.config.shards
    }

    /// The shard of a platform app, or of a tenant where there is no app: limits, gates and
    /// fairness of one app need one place.
    pub fn shard_of(&self, key: &str) -> u16 {
        // FNV-1a: the same on every machine and in every version, which `Hash` does not promise.
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        u16::try_from(hash % u64::from(self.shared.config.shards)).unwrap_or(0)
    }
}

/// The six fields of `push_all` in `lua/prelude.lua`.
pub(crate) fn add_wakeup(invocation: &mut ScriptInvocation<'_>, wakeup: &Wakeup) {
    invocation
        .arg(&wakeup.queue)
        .arg(wakeup.subject.as_bytes().as_slice())
        .arg(wakeup.generation)
        .arg(&wakeup.group)
        .arg(&wakeup.lane)
        .arg(wakeup.due_at.ms());
}

/// A reply of `{word, incarnation, due_ms, subject}`.
fn read_cursor(reply: &[String]) -> Result<Cursor, Fault> {
    let [_, incarnation, due_ms, subject] = reply else {
        return Err(Fault::new("the relay's cursor in Redis is incomplete"));
    };
    Ok(Cursor {
        incarnation: incarnation.parse().context("reading the incarnation")?,
        due_at: Timestamp::from_ms(due_ms.parse().context("reading the cursor's time")?),
        subject: Uuid::try_parse(subject).context("reading the cursor's subject")?,
    })
}

/// Looks at every server. One of several that is away is looked at by the relay when it is back, for
/// the others have work meanwhile.
async fn refuse_eviction(wire: &Wire) -> Result<(), Fault> {
    let mut all: Vec<_> = wire.calls.all().collect();
    let info = redis::cmd("INFO");
    let asked = join_all(all.iter_mut().map(|calls| info.query_async(calls))).await;
    let count = asked.len();
    let mut away = Vec::new();
    for asked in asked {
        match asked.context("asking Redis how it is set up") {
            Ok(info) => look_at(&info)?,
            Err(fault) if crate::is_away(&fault) => away.push(fault),
            Err(fault) => return Err(fault),
        }
    }
    if away.len() < count {
        let told = |fault: &Fault| tracing::warn!(%fault, "a shard is away; the others go on");
        away.iter().for_each(told);
        return Ok(());
    }
    away.pop().map_or(Ok(()), Err)
}

fn refuse_policy(info: &redis::InfoDict) -> Result<(), Fault> {
    let policy = info.get::<String>("maxmemory_policy").unwrap_or_default();
    if !policy.is_empty() && policy != "noeviction" {
        return Err(Fault::new(format!(
            "Redis has maxmemory-policy {policy} and would drop wake-ups: set it to noeviction"
        )));
    }
    Ok(())
}

fn look_at(info: &redis::InfoDict) -> Result<(), Fault> {
    refuse_policy(info)?;
    if info.get::<u8>("aof_enabled") == Some(0) {
        tracing::warn!("Redis keeps no append-only file: a restart fills it from Postgres");
    }
    Ok(())
}
