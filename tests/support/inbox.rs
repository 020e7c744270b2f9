//! A tenant's inbox as an upstream app uses it, over a connection of its own.

use super::fleet::Fleet;
use super::wait::eventually;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, RedisResult};
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// The tenant that `postfleet dev` makes.
pub const DEFAULT: &str = "default";

/// An inbox and its answers.
pub struct Inbox {
    /// The connection.
    pub redis: MultiplexedConnection,
    /// The stream to add to.
    pub stream: String,
    /// The stream of the answers.
    pub results: String,
}

/// What an entry was answered.
#[derive(Debug, Clone)]
pub struct Told {
    /// Which entry.
    pub entry: String,
    /// Its key.
    pub key: String,
    /// `accepted` or `refused`.
    pub outcome: String,
    /// The envelope.
    pub answer: Value,
}

impl Inbox {
    /// The inbox of a tenant.
    pub async fn of(fleet: &Fleet, tenant: &str) -> Self {
        let stream = format!("postfleet:inbox:{tenant}");
        let results = format!("{stream}:results");
        Self { redis: fleet.redis().await, stream, results }
    }

    /// Adds a post; the id of its entry.
    pub async fn add(&self, key: &str, post: &Value) -> String {
        self.try_add(key, &post.to_string()).await.unwrap()
    }

    /// Tries to add a text as a post.
    pub async fn try_add(&self, key: &str, post: &str) -> Result<String, RedisError> {
        self.add_fields(&[("key", key.as_bytes()), ("post", post.as_bytes())]).await
    }

    /// Adds whatever there is.
    pub async fn add_fields(&self, fields: &[(&str, &[u8])]) -> RedisResult<String> {
        let mut add = redis::cmd("XADD");
        add.arg(&self.stream).arg("*");
        for (name, value) in fields {
            add.arg(name).arg(*value);
        }
        add.query_async(&mut self.redis.clone()).await
    }

    /// Everything that was answered so far.
    pub async fn told(&self) -> Vec<Told> {
        let one = |mut fields: HashMap<String, String>| {
            let mut field = |name: &str| fields.remove(name).expect("a field of an answer");
            let answer = serde_json::from_str(&field("answer")).unwrap();
            Told { entry: field("entry"), key: field("key"), outcome: field("outcome"), answer }
        };
        let (mut told, mut from) = (Vec::new(), "-".to_owned());
        loop {
            let mut range = redis::cmd("XRANGE");
            range.arg(&self.results).arg(&from).arg("+").arg("COUNT").arg(1_000);
            let page: Vec<(String, HashMap<String, String>)> =
                range.query_async(&mut self.redis.clone()).await.unwrap();
            let Some((last, _)) = page.last() else { return told };
            from = format!("({last}");
            told.extend(page.into_iter().map(|(_, fields)| one(fields)));
        }
    }

    /// The answer to an entry, once there is one.
    pub async fn answer(&self, entry: &str) -> Told {
        eventually("the entry is answered", ANSWERED_WITHIN, async || {
            let told = self.told().await;
            let count = told.len();
            let found = told.into_iter().find(|one| one.entry == entry);
            found.ok_or_else(|| format!("{count} answers to others"))
        })
        .await
    }

    /// Entries that are still there.
    pub async fn waiting(&self) -> u64 {
        let mut length = redis::cmd("XLEN");
        length.arg(&self.stream).query_async(&mut self.redis.clone()).await.unwrap()
    }

    /// Waits until no entry is left.
    pub async fn emptied(&self, within: Duration) {
        eventually("the inbox is empty", within, async || match self.waiting().await {
            0 => Ok(()),
            left => Err(format!("{left} entries")),
        })
        .await;
    }

    /// The entries that are in somebody's hands.
    pub async fn in_hand(&self) -> u64 {
        let mut pending = redis::cmd("XPENDING");
        pending.arg(&self.stream).arg("ingest");
        let told: Vec<redis::Value> = pending.query_async(&mut self.redis.clone()).await.unwrap();
        match told.first() {
            Some(redis::Value::Int(count)) => u64::try_from(*count).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}
