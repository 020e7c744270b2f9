//! The inbox: a stream for each tenant that upstream apps add posts to, and another that answers.
//!
//! Invariant: knows nothing of posts. An entry stays in its stream until it is answered, and the
//! answer and the entry's end are one script; what a reader leaves unsettled goes to another.

use crate::config::{Config, InboxConfig};
pub use crate::keys::{Keys, can_have_inbox};
use crate::link::Link;
use crate::place::{Kind, Place};
use base::{Context, Fault, clock};
use redis::{Pipeline, RedisError, Script, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// The one group of readers.
const GROUP: &str = "ingest";
/// How long a read waits for the first entry: a new tenant is found so much later at most.
const WAIT: Duration = Duration::from_secs(1);
/// A reader that has not read for so long is gone.
const SILENT: Duration = Duration::from_secs(60);
/// The most inboxes of one script.
const INBOXES_MAX: usize = 500;

// Reading passes when memory is full, and so does what takes entries out: it makes room.
static OPEN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!("#!lua flags=allow-oom\n", include_str!("lua/inbox_open.lua")))
});
static SETTLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!("#!lua flags=allow-oom\n", include_str!("lua/inbox_settle.lua")))
});
static RECLAIM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!("#!lua flags=allow-oom\n", include_str!("lua/inbox_reclaim.lua")))
});
static LEAVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!("#!lua flags=allow-oom\n", include_str!("lua/inbox_leave.lua")))
});

/// The way to the inboxes; cheap to clone, and not connected.
#[derive(Clone)]
pub struct Inbox {
    place: Arc<Place>,
    keys: Keys,
    config: InboxConfig,
    answer_within: Duration,
}

/// What an upstream app has added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Redis's id of it.
    pub id: String,
    /// Names and values, in the order given; whatever bytes they are.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The entries of a tenant, by the tenant's name.
pub type Entries = Vec<(String, Vec<Entry>)>;

/// What an entry is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryAnswer {
    /// Which entry.
    pub id: String,
    /// The key that came with it.
    pub key: String,
    /// `accepted` or `refused`.
    pub outcome: &'static str,
    /// The envelope, as the API would answer.
    pub answer: String,
}

/// How much waits in an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The tenant's name.
    pub name: String,
    /// Entries without an answer.
    pub entries: u64,
}

/// One reader of all inboxes.
pub struct Reader {
    config: InboxConfig,
    keys: Keys,
    /// Reads that wait have a connection of their own.
    waits: Link,
    calls: Link,
    consumer: String,
    open: BTreeSet<String>,
    /// Inboxes that the last read brought entries of.
    busy: usize,
}

impl Inbox {
    pub(crate) fn new(config: &InboxConfig, queue: &Config) -> Result<Self, Fault> {
        config.check()?;
        let place = Arc::new(config.place(queue)?);
        let keys = Keys::new(place.kind == Kind::Cluster);
        let answer_within = Duration::from_millis(queue.response_timeout_ms);
        Ok(Self { place, keys, config: config.clone(), answer_within })
    }

    /// Connects a reader; `consumer` tells it from every other.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn reader(&self, consumer: &str) -> Result<Reader, Fault> {
        Ok(Reader {
            config: self.config.clone(),
            keys: self.keys,
            waits: self.connect(WAIT + self.answer_within).await?,
            calls: self.connect(self.answer_within).await?,
            consumer: consumer.to_owned(),
            open: BTreeSet::new(),
            busy: 1,
        })
    }

    /// How much waits in the inboxes of these tenants.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn waiting(&self, names: &[String]) -> Result<Vec<Waiting>, Fault> {
        waiting(&mut self.connect(self.answer_within).await?, self.keys, names).await
    }

    /// Removes a tenant's inbox and its answers with all they hold.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn erase(&self, name: &str) -> Result<(), Fault> {
        let mut redis = self.connect(self.answer_within).await?;
        for key in [self.keys.inbox(name), self.keys.answers(name)] {
            let removed = redis::cmd("UNLINK").arg(key).exec_async(&mut redis).await;
            removed.context("removing an inbox")?;
        }
        Ok(())
    }

    async fn connect(&self, within: Duration) -> Result<Link, Fault> {
        let connected = Link::brief(&self.place, &self.keys.inbox(""), within).await;
        connected.context("connecting to the Redis of the inbox")
    }
}

impl Reader {
    /// Reads from the inboxes of these tenants from now on. A key that is no stream is left out.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn open(&mut self, names: BTreeSet<String>) -> Result<(), Fault> {
        self.open.retain(|name| names.contains(name));
        let new: Vec<String> = names.into_iter().filter(|name| !self.open.contains(name)).collect();
        for some in new.chunks(INBOXES_MAX) {
            let mut open = OPEN.prepare_invoke();
            some.iter().for_each(|name| {
                open.key(self.keys.inbox(name));
            });
            let told: Vec<String> =
                open.invoke_async(&mut self.calls).await.context("opening the inboxes")?;
            for (name, why) in some.iter().zip(told) {
                if why.is_empty() {
                    self.open.insert(name.clone());
                } else {
                    tracing::warn!(tenant = name, why, "an inbox cannot be read");
                }
            }
        }
        Ok(())
    }

    /// The next entries of every inbox; none after a second without any. Where many inboxes have
    /// entries, fewer are taken of each.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn next(&mut self) -> Result<Entries, Fault> {
        if self.open.is_empty() {
            clock::pause(WAIT).await;
            return Ok(Entries::new());
        }
        let each = (self.config.batch_max / self.busy).max(1);
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg(&self.consumer).arg("COUNT").arg(each);
        read.arg("BLOCK").arg(WAIT.as_millis().to_string()).arg("STREAMS");
        self.open.iter().for_each(|name| {
            read.arg(self.keys.inbox(name));
        });
        self.open.iter().for_each(|_| {
            read.arg(">");
        });
        let reply = match read.query_async(&mut self.waits).await {
            Ok(reply) => reply,
            Err(error) if is_stream_gone(&error) => {
                // One of them was removed, or a wiped Redis has none: they are opened anew.
                self.open.clear();
                Value::Nil
            }
            Err(error) => return Err(error).context("reading the inboxes"),
        };
        let entries = entries_of(self.keys, reply)?;
        self.busy = entries.len().max(1);
        Ok(entries)
    }

    /// Are any inboxes open? None are after one of them was removed.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Takes over what other readers, or this one, left unsettled for too long.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn reclaim(&mut self) -> Result<Entries, Fault> {
        let mut found = Entries::new();
        let names: Vec<&String> = self.open.iter().collect();
        for some in names.chunks(INBOXES_MAX) {
            let mut reclaim = RECLAIM.prepare_invoke();
            some.iter().for_each(|name| {
                reclaim.key(self.keys.inbox(name));
            });
            reclaim.arg(&self.consumer).arg(self.config.reclaim_ms).arg(self.config.batch_max);
            let reply = reclaim.invoke_async(&mut self.calls).await;
            let reply = reply.context("reclaiming entries of the inboxes")?;
            found.extend(entries_of(self.keys, reply)?);
        }
        Ok(found)
    }

    /// Answers entries of a tenant and takes them out, in one script. How many were not settled by
    /// another before.
    ///
    /// # Errors
    /// When Redis does not answer; then they are answered or not, all of them.
    pub async fn settle(&self, name: &str, answers: &[EntryAnswer]) -> Result<u64, Fault> {
        let mut settle = SETTLE.prepare_invoke();
        settle.key(self.keys.inbox(name)).key(self.keys.answers(name)).arg(self.config.results_max);
        for one in answers {
            settle.arg(&one.id).arg(&one.key).arg(one.outcome).arg(&one.answer);
        }
        settle.invoke_async(&mut self.calls.clone()).await.context("answering entries of an inbox")
    }

    /// How much waits in the open inboxes.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn waiting(&mut self) -> Result<Vec<Waiting>, Fault> {
        let names: Vec<String> = self.open.iter().cloned().collect();
        waiting(&mut self.calls, self.keys, &names).await
    }

    /// Forgets readers that are gone and hold nothing; with `is_leaving` this one too.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn forget(&mut self, is_leaving: bool) -> Result<(), Fault> {
        let names: Vec<&String> = self.open.iter().collect();
        for some in names.chunks(INBOXES_MAX) {
            let mut leave = LEAVE.prepare_invoke();
            some.iter().for_each(|name| {
                leave.key(self.keys.inbox(name));
            });
            leave.arg(if is_leaving { self.consumer.as_str() } else { "" });
            leave.arg(SILENT.as_millis().to_string());
            let left: Result<u64, _> = leave.invoke_async(&mut self.calls).await;
            left.context("forgetting readers of the inboxes")?;
        }
        Ok(())
    }
}

async fn waiting(calls: &mut Link, keys: Keys, names: &[String]) -> Result<Vec<Waiting>, Fault> {
    // An installation without tenants has none, and Redis takes no empty question.
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut lengths = Pipeline::with_capacity(names.len());
    for name in names {
        lengths.cmd("XLEN").arg(keys.inbox(name));
    }
    let lengths: Vec<u64> =
        lengths.query_async(calls).await.context("asking how much waits in the inboxes")?;
    let of = |(name, entries): (&String, u64)| Waiting { name: name.clone(), entries };
    Ok(names.iter().zip(lengths).map(of).collect())
}

/// Does an error say that one of the streams, or its group, is not there any more?
fn is_stream_gone(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOGROUP" | "UNBLOCKED" | "WRONGTYPE"))
}

/// A reply of streams with their entries, in either version of the protocol.
fn entries_of(keys: Keys, reply: Value) -> Result<Entries, Fault> {
    let streams: Vec<(Value, Value)> = match reply {
        Value::Nil => Vec::new(),
        Value::Map(pairs) => pairs,
        Value::Array(streams) => streams.into_iter().map(pair).collect::<Result<_, _>>()?,
        _ => return Err(strange()),
    };
    let mut by_name = BTreeMap::new();
    for (key, entries) in streams {
        let key = String::from_utf8(bytes(key)?).map_err(|_| strange())?;
        let name = keys.name(&key).ok_or_else(strange)?.to_owned();
        let entries = array(entries)?.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        by_name.insert(name, entries);
    }
    Ok(by_name.into_iter().filter(|(_, entries)| !entries.is_empty()).collect())
}

fn entry(value: Value) -> Result<Entry, Fault> {
    let (id, fields) = pair(value)?;
    let id = String::from_utf8(bytes(id)?).map_err(|_| strange())?;
    // What was removed while it was read has no fields; it is answered like one without any.
    let flat = if fields == Value::Nil { Vec::new() } else { array(fields)? };
    let mut flat = flat.into_iter().map(bytes);
    let mut fields = Vec::new();
    while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
        fields.push((name?, value?));
    }
    Ok(Entry { id, fields })
}

fn pair(value: Value) -> Result<(Value, Value), Fault> {
    let [first, second] = <[Value; 2]>::try_from(array(value)?).map_err(|_| strange())?;
    Ok((first, second))
}

fn array(value: Value) -> Result<Vec<Value>, Fault> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(strange()),
    }
}

fn bytes(value: Value) -> Result<Vec<u8>, Fault> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) => Ok(text.into_bytes()),
        _ => Err(strange()),
    }
}

fn strange() -> Fault {
    Fault::new("Redis answered about the inboxes in a form that is not documented")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn entries_are_read_in_both_versions_of_the_protocol() {
        let fields = Value::Array(vec![bulk("key"), bulk("k1"), bulk("post"), bulk("{}")]);
        let entry = Value::Array(vec![bulk("7-0"), fields]);
        let removed = Value::Array(vec![bulk("8-0"), Value::Nil]);
        let entries = Value::Array(vec![entry, removed]);
        let stream = bulk("postfleet:inbox:acme");
        let second = Value::Array(vec![Value::Array(vec![stream.clone(), entries.clone()])]);
        let third = Value::Map(vec![(stream, entries)]);
        let keys = Keys::new(false);
        let read = entries_of(keys, second).unwrap();
        assert_eq!(read, entries_of(keys, third).unwrap());
        let [(name, entries)] = read.as_slice() else { panic!("{read:?}") };
        assert_eq!((name.as_str(), entries.len()), ("acme", 2));
        assert_eq!(entries[0].fields[1], (b"post".to_vec(), b"{}".to_vec()));
        assert!(entries[1].fields.is_empty());
        assert_eq!(entries_of(keys, Value::Nil).unwrap(), Entries::new());
        assert!(entries_of(keys, Value::Int(1)).is_err());
    }
}
