//! A producer of a tenant's inbox, which is a Redis stream.
//!
//! It needs a Redis alone: the fleet may be away. A post is added again under its key while it is
//! open whether it was, and stays one post.

use crate::error::Error;
use crate::http::{open, pause};
use crate::views::Post;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, ErrorKind, FromRedisValue, RedisError};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How often an order is given whose fate is open, and how long after the first time; each pause
/// is twice the one before.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(100);
/// How long Redis holds back a reply while there is no answer, in milliseconds.
const WAIT_MS: u32 = 1_000;
/// No reply for so long, and the connection counts as broken.
const REPLY_WITHIN: Duration = Duration::from_secs(5);
/// The most answers of one reply.
const ANSWERS_MAX: usize = 100;
/// What Redis says while it has no room or is not there yet: nothing was added.
const PASSING: [&str; 6] = ["OOM", "LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN"];

/// The way into a tenant's inbox. Cheap to clone.
#[derive(Clone)]
pub struct Inbox {
    wire: ConnectionManager,
    client: Client,
    entries: String,
    answers: String,
}

/// What the fleet says to an entry.
#[derive(Debug)]
pub struct Answer {
    /// The id that [`Inbox::add`] returned.
    pub entry: String,
    /// The key of the entry.
    pub key: String,
    /// The post, or why there is none.
    pub outcome: Result<Post, Error>,
}

/// The answers to a tenant's inbox, in the order in which its entries are done.
pub struct Answers {
    wire: ConnectionManager,
    stream: String,
    seen: String,
    read: VecDeque<(String, Fields)>,
}

/// An entry's fields by name.
type Fields = BTreeMap<String, String>;
/// What Redis replies to `XREAD`: streams with their entries, or nothing.
type Read = Option<Vec<(String, Vec<(String, Fields)>)>>;

impl Inbox {
    /// The way into the inbox of `tenant`, at a `redis://user:password@host:port` as the fleet's
    /// operator gives it out. Connects when there is something to do.
    ///
    /// # Errors
    /// [`Error::Unusable`] when that is no Redis URL.
    pub fn new(url: &str, tenant: &str) -> Result<Self, Error> {
        // What Redis's client says of a URL may quote its password.
        let unusable = |_| Error::Unusable("the inbox's address is no Redis URL".to_owned());
        let client = Client::open(url).map_err(unusable)?;
        let entries = format!("postfleet:inbox:{tenant}");
        let answers = format!("{entries}:results");
        Ok(Self { wire: wire(&client)?, client, entries, answers })
    }

    /// Adds a post under a key of yours, 1 to 255 visible ASCII characters, and returns the id of
    /// its entry. While Redis is full or away it is added again, for about ten seconds.
    ///
    /// # Errors
    /// [`Error::Silent`] when it may have been added, [`Error::Inbox`] when it was not. Add it
    /// again under its key, later: it is one post.
    pub async fn add(&self, post: &Value, key: &str) -> Result<String, Error> {
        let body = post.to_string();
        let mut order = redis::cmd("XADD");
        order.arg(&self.entries).arg("*").arg("key").arg(key).arg("post").arg(body);
        surely(&self.wire, &order).await
    }

    /// Adds a post and waits for what the fleet says to it, for so long; `None` when it has said
    /// nothing by then.
    ///
    /// # Errors
    /// As [`Inbox::add`].
    pub async fn publish(
        &self,
        post: &Value,
        key: &str,
        within: Duration,
    ) -> Result<Option<Answer>, Error> {
        // From before it is added on, so that no answer is missed.
        let mut answers = self.answers(None).await?;
        self.add(post, key).await?;
        let ours = async {
            loop {
                let answer = answers.next().await?;
                if answer.key == key {
                    return Ok(answer);
                }
            }
        };
        tokio::time::timeout(within, ours).await.ok().transpose()
    }

    /// The answers behind one of them, by its [`Answers::seen`]; without one those that come from
    /// now on.
    ///
    /// # Errors
    /// [`Error::Silent`] and [`Error::Inbox`] when Redis does not tell the newest.
    pub async fn answers(&self, seen: Option<&str>) -> Result<Answers, Error> {
        // Reads that wait have a connection of their own.
        let wire = wire(&self.client)?;
        let seen = match seen {
            Some(seen) => seen.to_owned(),
            None => {
                let mut newest = redis::cmd("XREVRANGE");
                newest.arg(&self.answers).arg("+").arg("-").arg("COUNT").arg(1);
                let newest: Vec<(String, Fields)> = surely(&wire, &newest).await?;
                newest.into_iter().next().map_or_else(|| "0".to_owned(), |(id, _)| id)
            }
        };
        Ok(Answers { wire, stream: self.answers.clone(), seen, read: VecDeque::new() })
    }
}

impl Answers {
    /// The next answer, however long it takes.
    ///
    /// # Errors
    /// [`Error::Silent`] and [`Error::Inbox`] when Redis is away for long; nothing is passed over.
    pub async fn next(&mut self) -> Result<Answer, Error> {
        loop {
            if let Some((id, fields)) = self.read.pop_front() {
                self.seen = id;
                return Ok(told(fields));
            }
            let mut order = redis::cmd("XREAD");
            order.arg("COUNT").arg(ANSWERS_MAX).arg("BLOCK").arg(WAIT_MS);
            order.arg("STREAMS").arg(&self.stream).arg(&self.seen);
            let read: Read = surely(&self.wire, &order).await?;
            self.read = read.into_iter().flatten().flat_map(|(_, entries)| entries).collect();
        }
    }

    /// Where this has come to: kept, and handed to [`Inbox::answers`], it goes on behind the answer
    /// that was returned last.
    pub fn seen(&self) -> &str {
        &self.seen
    }
}

fn told(mut fields: Fields) -> Answer {
    let mut take = |name: &str| fields.remove(name).unwrap_or_default();
    let status = if take("outcome") == "accepted" { 201 } else { 422 };
    let (entry, key) = (take("entry"), take("key"));
    let outcome = open(status, take("answer").as_bytes()).map(|(post, _)| post);
    Answer { entry, key, outcome }
}

fn wire(client: &Client) -> Result<ConnectionManager, Error> {
    let config = ConnectionManagerConfig::new()
        .set_response_timeout(Some(REPLY_WITHIN))
        .set_connection_timeout(Some(REPLY_WITHIN))
        .set_number_of_retries(0);
    let unusable = |error: RedisError| Error::Unusable(format!("the inbox: {}", error.category()));
    ConnectionManager::new_lazy_with_config(client.clone(), config).map_err(unusable)
}

/// Gives an order until its fate is known. Only what does no harm twice goes this way.
async fn surely<T: FromRedisValue>(wire: &ConnectionManager, order: &Cmd) -> Result<T, Error> {
    let mut tried = 1;
    loop {
        match order.query_async(&mut wire.clone()).await {
            Err(error) if tried < TRIES && is_passing(&error) => {
                pause(PAUSE * 2_u32.pow(tried - 1)).await;
                tried += 1;
            }
            told => return told.map_err(|error| reason(&error)),
        }
    }
}

fn is_passing(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Io || error.code().is_some_and(|code| PASSING.contains(&code))
}

fn reason(error: &RedisError) -> Error {
    match error.kind() {
        ErrorKind::Io => Error::Silent(error.to_string()),
        _ => Error::Inbox(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::make_extension_error;

    #[test]
    fn a_full_redis_is_waited_for_and_a_closed_one_is_not() {
        let said = |code: &str| make_extension_error(code.to_owned(), None);
        assert!(is_passing(&said("OOM")) && is_passing(&said("LOADING")));
        assert!(!is_passing(&said("NOPERM")) && !is_passing(&said("WRONGPASS")));
        let lost = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert!(is_passing(&lost) && matches!(reason(&lost), Error::Silent(_)));
        assert!(matches!(reason(&said("OOM")), Error::Inbox(_)));
    }

    #[tokio::test]
    async fn a_password_in_a_broken_address_is_told_to_nobody() {
        let Err(error) = Inbox::new("rediss//app:hush@host", "acme") else { panic!("no URL") };
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}
