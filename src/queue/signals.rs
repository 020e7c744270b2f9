//! What Redis calls out: a lane that wakes sooner than workers were told, gates that close.
//!
//! A message that is lost costs at most one poll: nothing here is needed for correctness.

use crate::backoff::Backoff;
use crate::health::Pulse;
use crate::shared::Shared;
use crate::wire::{self, GATES};
use base::clock;
use domain::time::Timestamp;
use futures::StreamExt;
use futures::future::join_all;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Wakes one pump.
pub(crate) struct Bell {
    queue: Arc<str>,
    due_ms: AtomicI64,
    rung: Notify,
}

impl Bell {
    /// Returns when the bell was rung, with the due time in Redis's milliseconds.
    pub(crate) async fn heard(&self) -> i64 {
        self.rung.notified().await;
        self.due_ms.swap(i64::MAX, Ordering::SeqCst)
    }

    fn ring(&self, due_ms: i64) {
        self.due_ms.fetch_min(due_ms, Ordering::SeqCst);
        self.rung.notify_one();
    }
}

/// The bells of this process.
#[derive(Default)]
pub(crate) struct Bells(Mutex<Vec<Weak<Bell>>>);

impl Bells {
    pub(crate) fn hang(&self, queue: &Arc<str>) -> Arc<Bell> {
        let bell = Arc::new(Bell {
            queue: queue.clone(),
            due_ms: AtomicI64::new(i64::MAX),
            rung: Notify::new(),
        });
        let mut bells = self.lock();
        bells.retain(|known| known.strong_count() > 0);
        bells.push(Arc::downgrade(&bell));
        bell
    }

    fn ring(&self, queue: &str, due_ms: i64) {
        for bell in self.lock().iter().filter_map(Weak::upgrade) {
            if &*bell.queue == queue {
                bell.ring(due_ms);
            }
        }
    }

    pub(crate) fn ring_all(&self) {
        self.lock().iter().filter_map(Weak::upgrade).for_each(|bell| bell.ring(0));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Bell>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The gates this process knows to be closed; asked before a claimed job starts.
#[derive(Default)]
pub(crate) struct Gates(Mutex<Closed>);

/// Until when each is closed.
#[derive(Default)]
struct Closed {
    /// Accounts by their lanes.
    lanes: HashMap<String, Timestamp>,
    /// Apps and platforms by their scope keys; there are few.
    doors: HashMap<String, Timestamp>,
}

impl Closed {
    /// The place of a gate: what it is called there, and its neighbours.
    fn place<'a>(&mut self, scope_key: &'a str) -> (&'a str, &mut HashMap<String, Timestamp>) {
        match scope_key.strip_prefix("account:") {
            Some(lane) => (lane, &mut self.lanes),
            None => (scope_key, &mut self.doors),
        }
    }

    /// Is the app or the platform of a lane `<platform>:<app>:<account>` closed?
    fn has_door_before(&self, lane: &str, now: Timestamp) -> bool {
        let mut parts = lane.splitn(3, ':');
        let (Some(platform), Some(app), Some(_)) = (parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        let is_closed = |key: String| self.doors.get(&key).is_some_and(|until| *until > now);
        is_closed(format!("app:{platform}:{app}")) || is_closed(format!("platform:{platform}"))
    }
}

impl Gates {
    pub(crate) fn close(&self, scope_key: &str, until: Timestamp, now: Timestamp) {
        let mut closed = self.lock();
        let (name, gates) = closed.place(scope_key);
        if gates.len() == gates.capacity() {
            // Before the map grows, those whose time has come are forgotten.
            gates.retain(|_, until| *until > now);
        }
        let known = gates.entry(name.to_owned()).or_insert(until);
        *known = (*known).max(until);
    }

    pub(crate) fn open(&self, scope_key: &str) {
        let mut closed = self.lock();
        let (name, gates) = closed.place(scope_key);
        gates.remove(name);
    }

    /// Is a gate of this lane closed?
    pub(crate) fn hold(&self, lane: &str, now: Timestamp) -> bool {
        let closed = self.lock();
        let is_shut = closed.lanes.get(lane).is_some_and(|until| *until > now);
        is_shut || (!closed.doors.is_empty() && closed.has_door_before(lane, now))
    }

    fn replace(&self, gates: impl Iterator<Item = (String, Timestamp)>) {
        let mut all = Closed::default();
        for (scope_key, until) in gates {
            let (name, gates) = all.place(&scope_key);
            gates.insert(name.to_owned(), until);
        }
        *self.lock() = all;
    }

    fn lock(&self) -> MutexGuard<'_, Closed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Redis's clock as this process last heard it, carried on by the monotonic one.
#[derive(Default)]
pub(crate) struct ServerClock(Mutex<Option<(Instant, i64)>>);

impl ServerClock {
    pub(crate) fn heard(&self, ms: i64) {
        *self.lock() = Some((clock::stopwatch(), ms));
    }

    pub(crate) fn now(&self) -> Timestamp {
        match *self.lock() {
            Some((at, ms)) => Timestamp::from_ms(ms) + at.elapsed(),
            None => clock::now(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Instant, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens until the last handle is gone; subscribes anew for ever.
pub(crate) async fn listen(shared: Arc<Shared>, stop: CancellationToken) {
    let pulse = Pulse::begin(&shared.health, "listen".to_owned(), None);
    let mut backoff = Backoff::new();
    loop {
        let session = listen_once(&shared, &pulse, &mut backoff);
        match stop.run_until_cancelled(session).await {
            None => return,
            Some(Ok(())) => tracing::info!("Redis ended the subscription; subscribing anew"),
            Some(Err(error)) => tracing::warn!(%error, "the subscription to Redis failed"),
        }
        pulse.turn();
        backoff.wait().await;
    }
}

async fn listen_once(
    shared: &Shared,
    pulse: &Pulse,
    backoff: &mut Backoff,
) -> redis::RedisResult<()> {
    /// A connection that died without a word is noticed by the next ping.
    const PING_EVERY: Duration = Duration::from_secs(2);
    let prefixes: Vec<String> = (0..shared.config.shards).map(wire::prefix).collect();
    let (mut sink, mut messages) = shared.wire.place.listen(&prefixes).await?.split();
    let channels: Vec<String> = prefixes.iter().map(|prefix| format!("{prefix}wake")).collect();
    in_time(shared, sink.subscribe(&channels)).await?;
    // What was called out in between is lost: ask once.
    shared.gates.replace(known_gates(shared).await?.into_iter());
    shared.bells.ring_all();
    backoff.reset();
    pulse.beat();
    loop {
        match tokio::time::timeout(PING_EVERY, messages.next()).await {
            Ok(Some(message)) => {
                obey(shared, &message.get_payload::<String>()?);
                pulse.beat();
            }
            Ok(None) => return Ok(()),
            Err(_) => {
                in_time(shared, sink.ping::<redis::Value>()).await?;
                pulse.beat();
            }
        }
    }
}

async fn in_time<T>(
    shared: &Shared,
    work: impl Future<Output = redis::RedisResult<T>>,
) -> redis::RedisResult<T> {
    let most = Duration::from_millis(shared.config.response_timeout_ms);
    match tokio::time::timeout(most, work).await {
        Ok(result) => result,
        Err(_) => Err((redis::ErrorKind::Io, "Redis did not answer in time").into()),
    }
}

/// What the shards know that answer. Each gate is told to all of them.
async fn known_gates(shared: &Shared) -> redis::RedisResult<Vec<(String, Timestamp)>> {
    let asked = (0..shared.config.shards).map(async |shard| {
        let mut calls = shared.wire.calls.of(shard);
        wire::on(&GATES, shard).invoke_async::<Vec<(String, i64)>>(&mut calls).await
    });
    let (mut all, mut failed, mut is_any) = (Vec::new(), None, false);
    for answered in join_all(asked).await {
        match answered {
            Ok(found) => {
                is_any = true;
                all.extend(found.into_iter().map(|(key, ms)| (key, Timestamp::from_ms(ms))));
            }
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) if !is_any => Err(error),
        _ => Ok(all),
    }
}

/// `q <due ms> <queue>`, `g <until ms> <scope>`, `o 0 <scope>`, `a`.
fn obey(shared: &Shared, message: &str) {
    let mut words = message.splitn(3, ' ');
    let verb = words.next().unwrap_or_default();
    let ms = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let name = words.next().unwrap_or_default();
    match verb {
        "q" => shared.bells.ring(name, ms),
        "g" => shared.gates.close(name, Timestamp::from_ms(ms), shared.clock.now()),
        "o" => shared.gates.open(name),
        _ => shared.bells.ring_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_obeys_the_gates_of_its_account_app_and_platform() {
        let gates = Gates::default();
        let (soon, now) = (Timestamp::from_ms(2_000), Timestamp::from_ms(1_000));
        gates.close("app:x:default", soon, now);
        assert!(gates.hold("x:default:7", now));
        assert!(!gates.hold("x:other:7", now));
        assert!(!gates.hold("tenant", now));
        gates.close("account:x:other:7", soon, now);
        assert!(gates.hold("x:other:7", now) && !gates.hold("x:other:8", now));
        gates.open("account:x:other:7");
        assert!(!gates.hold("x:other:7", now));
        assert!(!gates.hold("x:default:7", soon), "its time has come");
    }
}
